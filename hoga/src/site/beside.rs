//! What is kept beside a log, in folders: the machines' `snapshots`, and in `cuts` what was known where the log was cut.
//!
//! Invariants:
//! 1. What is put there is on the disk when that returns: a cut relies on both.
//! 2. Folders are made by whoever runs machines, in a data folder also by whoever cuts. On a Kafka a cut belongs where
//!    those who run the machines find it; a folder that was made for it somewhere else would help nobody.

use super::{Place, Site};
use crate::exit::Failure;
use hoga_runtime::{Cuts, StoredSnapshots};
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use std::path::{Path, PathBuf};
use std::sync::Arc;

impl Site {
    fn snapshots_folder(&self) -> PathBuf {
        self.folder.join("snapshots")
    }

    fn cuts_folder(&self) -> PathBuf {
        self.folder.join("cuts")
    }

    /// The machines' snapshots; the folder is made.
    pub fn snapshots(&self) -> Result<Arc<dyn ObjectStore>, Failure> {
        made("snapshots", &self.snapshots_folder())
    }

    /// The machines' snapshots, for who does not run them; the folder is made.
    pub fn stored_snapshots(&self) -> Result<StoredSnapshots, Failure> {
        StoredSnapshots::new(Arc::clone(&self.log), self.snapshots()?, &self.settings).map_err(no_driver)
    }

    /// What was known where the log was cut, for readers: nothing is made.
    pub fn cuts(&self) -> Result<Cuts, Failure> {
        let folder = self.cuts_folder();
        let place = folder.display().to_string();
        if !folder.is_dir() {
            return Ok(Cuts::none(place));
        }
        Cuts::new(opened("cuts", &folder)?, place).map_err(no_driver)
    }

    /// The same for whoever runs machines; the folder is made.
    pub fn make_cuts(&self) -> Result<Cuts, Failure> {
        made("cuts", &self.cuts_folder())?;
        self.cuts()
    }

    /// The same for whoever cuts.
    pub fn cuts_to_write(&self) -> Result<Cuts, Failure> {
        match &self.place {
            Place::Own(_) | Place::Served => self.make_cuts(),
            #[cfg(feature = "kafka")]
            Place::Kafka { .. } if self.cuts_folder().is_dir() => self.cuts(),
            #[cfg(feature = "kafka")]
            Place::Kafka { .. } => Err(Failure::Unavailable(format!(
                "{}: there is no such folder, so nobody runs machines of {self} with this --data-dir. What is known at a cut has to be where they look for it: give the --data-dir that they have",
                self.cuts_folder().display()
            ))),
        }
    }
}

fn made(what: &str, folder: &Path) -> Result<Arc<dyn ObjectStore>, Failure> {
    std::fs::create_dir_all(folder).map_err(|error| refused(what, folder, &error))?;
    opened(what, folder)
}

fn opened(what: &str, folder: &Path) -> Result<Arc<dyn ObjectStore>, Failure> {
    let store = LocalFileSystem::new_with_prefix(folder).map_err(|error| refused(what, folder, &error))?;
    Ok(Arc::new(store.with_fsync(true)))
}

fn refused(what: &str, folder: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::Unavailable(format!("opening the {what} in {}: {error}", folder.display()))
}

fn no_driver(error: std::io::Error) -> Failure {
    Failure::Unavailable(format!("starting what reads and writes files: {error}"))
}
