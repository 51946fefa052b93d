//! Room for the next segment: a file of zeros, written and synced ahead, that becomes a segment by a header and a name.
//!
//! Because: a sync of what was written behind the end of a file also makes the file's new length durable, which takes a
//! commit of the file system's journal. Over zeros that stand already it writes data alone, in about half the time and
//! without the journal's long waits (docs/decisions/0035-room-ahead.md; PostgreSQL's `wal_init_zero` does the same).
//!
//! Invariants:
//! 1. Nobody else has the file before it is whole: zeros are never written where a frame could be.
//! 2. That there is no room is no error: a segment without it grows as it is written. Nor is room made where the disk
//!    would have less than a segment left behind it: the log never fails for want of what room took.
//! 3. The file has a name of its own until it is a segment; one that a crash left is removed by opening.
//!
//! Left out on purpose: using segments that were dropped again. Their frames would have to be told from new ones.

use super::files::{self, DataFile};
use crate::LogError;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Room for the next segment is made once a process has written so many bytes into one: a log that is hardly used takes
/// no more than it holds, and a command that appends a few records makes none.
pub(super) const MADE_FROM: u64 = 1 << 20;
/// Bytes that are written and synced at a time, and the pause behind them: some 40 MB/s, so that the log's own syncs
/// find the disk free.
const PIECE: usize = 256 << 10;
const PAUSE: Duration = Duration::from_millis(5);

/// The file's name until it is a segment.
pub(super) fn path(folder: &Path) -> PathBuf {
    folder.join("room")
}

/// Makes room, one file at a time, on a thread of its own.
pub(super) struct Room {
    path: PathBuf,
    bytes: u64,
    end: Arc<AtomicBool>,
    making: Option<JoinHandle<Result<Option<DataFile>, LogError>>>,
    made: Option<DataFile>,
    /// None could be made; the next segment tries again.
    gave_up: bool,
}

impl Room {
    /// For segments of so many bytes in that folder; makes none yet.
    pub fn new(folder: &Path, bytes: u64) -> Self {
        Self { path: path(folder), bytes, end: Arc::default(), making: None, made: None, gave_up: false }
    }

    /// Begins to make a file, unless there is one.
    pub fn make(&mut self) {
        if self.making.is_some() || self.made.is_some() || self.gave_up {
            return;
        }
        let (path, bytes, end) = (self.path.clone(), self.bytes, Arc::clone(&self.end));
        let thread = std::thread::Builder::new().name("hoga-log-room".into());
        let work = move || {
            make(path.clone(), bytes, &end).inspect_err(|_| {
                // What there is of it takes up the disk; that it cannot be removed says no more than the error.
                let _ = files::remove(&path);
            })
        };
        match thread.spawn(work) {
            Ok(making) => self.making = Some(making),
            Err(error) => self.give_up(&error),
        }
    }

    /// Whether a file waits to be taken.
    pub fn is_made(&mut self) -> bool {
        if let Some(making) = self.making.take_if(|making| making.is_finished()) {
            match making.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)) {
                Ok(file) => self.made = file,
                Err(error) => self.give_up(&error),
            }
        }
        self.made.is_some()
    }

    /// The file, if it is whole; a segment begins with it, or without.
    pub fn take(&mut self) -> Option<DataFile> {
        self.is_made();
        self.gave_up = false;
        self.made.take()
    }

    fn give_up(&mut self, why: &dyn std::fmt::Display) {
        tracing::warn!("no room is made for the log's next segment, which grows as it is written: {why}");
        self.gave_up = true;
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        if let Some(making) = self.making.take() {
            // Nobody needs the file any more, whatever became of it.
            drop(making.join());
        } else if self.made.is_none() {
            return;
        }
        if let Err(error) = files::remove(&self.path) {
            tracing::warn!("a file that nobody needs is left behind: {error}");
        }
    }
}

/// The whole file; none if the log ended before.
fn make(path: PathBuf, bytes: u64, end: &AtomicBool) -> Result<Option<DataFile>, LogError> {
    files::remove(&path)?;
    let file = DataFile::create(path)?;
    let zeros = vec![0; PIECE];
    let mut at = 0;
    while at < bytes {
        if end.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let wanted = bytes - at + bytes;
        let free = file.disk_free()?;
        if free < wanted {
            let source = std::io::Error::from(std::io::ErrorKind::StorageFull);
            return Err(LogError::Io {
                what: format!("{free} bytes of the disk are free, wanted are {wanted}"),
                source,
            });
        }
        let piece = (bytes - at).min(PIECE as u64);
        file.write_at(at, &zeros[..piece as usize])?;
        file.sync()?;
        at += piece;
        std::thread::sleep(PAUSE);
    }
    Ok(Some(file))
}
