//! One process a folder: an exclusive lock on the file `lock`, in which the holder tells its pid and its address.
//!
//! Invariant: the system frees the lock when the process ends, however it ends; what the file says is only for people
//! and for finding the holder.

use super::files;
use crate::LogError;
use std::fs::{File, TryLockError};
use std::io::Read;
use std::net::SocketAddr;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

const FILE: &str = "lock";
/// The file's content has always this length, padded with spaces, so that it is written in one piece.
const LENGTH: usize = 80;

/// The lock on a folder; dropped, the folder is free.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
    path: PathBuf,
}

impl Lock {
    /// Takes the lock, or says who has it.
    pub fn take(folder: &Path) -> Result<Self, LogError> {
        let path = folder.join(FILE);
        let open = File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = open.map_err(files::io("opening", &path))?;
        match try_lock(&file) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let known = file.read_to_string(&mut text).is_ok() && !text.trim().is_empty();
                let holder = if known { text.trim().replace('\n', ", ") } else { "another process".into() };
                return Err(LogError::InUse { folder: folder.display().to_string(), holder });
            }
            Err(TryLockError::Error(error)) => return Err(files::io("locking", &path)(error)),
        }
        let lock = Self { file, path };
        lock.tell(None)?;
        Ok(lock)
    }

    /// Writes who holds the lock, and where it serves the log.
    pub fn tell(&self, address: Option<SocketAddr>) -> Result<(), LogError> {
        let address = address.map_or(String::new(), |address| format!("\naddress {address}"));
        let text = format!("pid {}{address}", std::process::id());
        let padded = format!("{text:LENGTH$}\n");
        self.file.write_all_at(padded.as_bytes(), 0).map_err(files::io("writing", &self.path))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing alone would leave the lock to a child process that was forked just now and has not begun its program.
        let _ = self.file.unlock();
    }
}

/// Tries for a moment: [`holder_address`] holds the lock for an instant when it finds it free.
fn try_lock(file: &File) -> Result<(), TryLockError> {
    for _ in 0..10 {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(10)),
            other => return other,
        }
    }
    file.try_lock()
}

/// Where the process that holds a folder serves its log; none when nobody holds it, or the holder does not serve.
pub fn holder_address(folder: &Path) -> Result<Option<SocketAddr>, LogError> {
    let path = folder.join(FILE);
    let mut file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(files::io("opening", &path)(error)),
    };
    // Whoever gets even the shared lock knows that nobody holds the folder; what the file says is from before.
    match file.try_lock_shared() {
        Ok(()) => return Ok(None),
        Err(TryLockError::WouldBlock) => {}
        Err(TryLockError::Error(error)) => return Err(files::io("locking", &path)(error)),
    }
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(files::io("reading", &path))?;
    Ok(text.lines().find_map(|line| line.strip_prefix("address ")?.trim().parse().ok()))
}
