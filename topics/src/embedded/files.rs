//! Small things done to files, each with an error that says what was being done to which.

use crate::LogError;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// An open file of frames and where it is.
#[derive(Debug)]
pub(super) struct DataFile {
    pub path: PathBuf,
    pub file: File,
}

impl DataFile {
    pub fn open(path: PathBuf) -> Result<Self, LogError> {
        let file = File::options().read(true).write(true).open(&path).map_err(io("opening", &path))?;
        Ok(Self { path, file })
    }

    /// A new file; one that is there is an error.
    pub fn create(path: PathBuf) -> Result<Self, LogError> {
        let file = File::options().read(true).write(true).create_new(true).open(&path);
        Ok(Self { file: file.map_err(io("creating", &path))?, path })
    }

    pub fn len(&self) -> Result<u64, LogError> {
        Ok(self.file.metadata().map_err(io("asking the length of", &self.path))?.len())
    }

    pub fn read_at(&self, at: u64, into: &mut [u8]) -> Result<(), LogError> {
        self.file.read_exact_at(into, at).map_err(io("reading", &self.path))
    }

    pub fn write_at(&self, at: u64, bytes: &[u8]) -> Result<(), LogError> {
        self.file.write_all_at(bytes, at).map_err(io("writing", &self.path))
    }

    /// Makes content and length durable.
    pub fn sync(&self) -> Result<(), LogError> {
        self.file.sync_data().map_err(io("syncing", &self.path))
    }

    /// Cuts the file off at `len`, durably.
    pub fn truncate(&self, len: u64) -> Result<(), LogError> {
        self.file.set_len(len).and_then(|()| self.file.sync_all()).map_err(io("cutting off", &self.path))
    }

    /// Gives the file another name in the same file system; the folders are not synced.
    pub fn rename(&mut self, path: PathBuf) -> Result<(), LogError> {
        std::fs::rename(&self.path, &path).map_err(io("renaming into", &path))?;
        self.path = path;
        Ok(())
    }

    /// Bytes that are free for this process on the file's disk.
    pub fn disk_free(&self) -> Result<u64, LogError> {
        let disk =
            rustix::fs::fstatvfs(&self.file).map_err(|error| io("asking the disk of", &self.path)(error.into()))?;
        Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    pub fn corrupt(&self, position: u64, what: impl Into<String>) -> LogError {
        LogError::Corrupt { file: self.path.display().to_string(), position, what: what.into() }
    }
}

/// Names the deed and the file of an IO error.
pub(super) fn io(deed: &'static str, path: &Path) -> impl Fn(std::io::Error) -> LogError {
    move |source| LogError::Io { what: format!("{deed} {}", path.display()), source }
}

/// Makes the names in a folder durable.
pub(super) fn sync_folder(folder: &Path) -> Result<(), LogError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(io("syncing the folder", folder))
}

/// The folder of a file.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().expect("files of a log stand in its folder")
}

/// Where a file is made before it takes its name.
pub(super) fn new_name(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    name.into()
}

/// Gives the file at [`new_name`] its name, durably: after a crash there is the old file or the new one.
pub(super) fn take_name(path: &Path) -> Result<(), LogError> {
    std::fs::rename(new_name(path), path).map_err(io("renaming into", path))?;
    sync_folder(folder_of(path))
}

/// Replaces a small file whole.
pub(super) fn replace(path: &Path, content: &[u8]) -> Result<(), LogError> {
    let new = new_name(path);
    let write = || {
        let mut file = File::create(&new)?;
        file.write_all(content)?;
        file.sync_all()
    };
    write().map_err(io("writing", &new))?;
    take_name(path)
}

/// Removes a file; that it is not there is no error.
pub(super) fn remove(path: &Path) -> Result<(), LogError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(io("removing", path)(error)),
        _ => Ok(()),
    }
}

/// Makes a folder, its parents too, if it is not there; durably.
pub(super) fn make_folder(folder: &Path) -> Result<(), LogError> {
    if folder.is_dir() {
        return Ok(());
    }
    std::fs::create_dir_all(folder).map_err(io("making the folder", folder))?;
    match folder.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync_folder(parent),
        _ => Ok(()),
    }
}
