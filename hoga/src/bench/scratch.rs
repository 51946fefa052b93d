//! A folder for one row: on the disk that data folders are on, and gone when the row is done.
//!
//! Invariant: it is deleted however the row ends; only a kill leaves it. Its name begins with `bench-`.

use crate::cli::Context;
use crate::exit::Failure;
use hoga_topics::embedded::{EmbeddedLog, EmbeddedOptions};
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use std::path::PathBuf;
use std::sync::Arc;

/// A folder.
pub struct Scratch(PathBuf);

impl Scratch {
    /// Makes one beside the default data folders, or in `--data-dir`.
    pub fn make(context: &Context, row: &str) -> Result<Self, Failure> {
        let name = format!("bench-{}-{row}", std::process::id());
        let place = context.settings.config.data_dir.clone().unwrap_or_else(|| PathBuf::from("hoga-data"));
        let folder = place.join(name);
        std::fs::create_dir_all(&folder)
            .map_err(|error| Failure::Unavailable(format!("making {}: {error}", folder.display())))?;
        Ok(Self(folder))
    }

    /// The log in it: made, or opened again.
    pub fn log(&self) -> Result<EmbeddedLog, Failure> {
        Ok(EmbeddedLog::open(&self.0.join("log"), EmbeddedOptions::default())?)
    }

    /// Where a file in it lies.
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Room for snapshots, durable as the command's own.
    pub fn snapshots(&self) -> Result<Arc<dyn ObjectStore>, Failure> {
        let folder = self.0.join("snapshots");
        let wrong = |error: &dyn std::fmt::Display| Failure::Unavailable(format!("{}: {error}", folder.display()));
        std::fs::create_dir_all(&folder).map_err(|error| wrong(&error))?;
        let store = LocalFileSystem::new_with_prefix(&folder).map_err(|error| wrong(&error))?;
        Ok(Arc::new(store.with_fsync(true)))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!("{} is left behind, delete it: {error}", self.0.display());
        }
    }
}
