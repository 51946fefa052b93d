//! Where a partition's records stand in the files: a sparse index of windows.
//!
//! A window is a stretch of one file, at most [`SPACING`] long unless one frame is longer, that begins with a frame of
//! the partition and ends with one. Between them there may be frames of others; outside of windows there are none of
//! this partition. So a read is one `pread`, and the index stays small: at most one window for each `SPACING` bytes.
//!
//! Invariant: windows follow each other without a gap in offsets, from the partition's start or before to its
//! newest frame on disk.

use super::files::DataFile;
use std::collections::VecDeque;
use std::sync::Arc;

/// How long windows grow.
const SPACING: u64 = 32 << 10;

/// One stretch of a file.
#[derive(Debug, Clone)]
pub(super) struct Window {
    /// The first record's offset.
    pub first: u64,
    /// The offset after the last record.
    pub end: u64,
    pub file: Arc<DataFile>,
    pub position: u64,
    pub len: u64,
    /// Bytes of this partition's frames in it.
    pub own: u64,
}

/// The windows of one partition.
#[derive(Debug, Default)]
pub(super) struct Index {
    windows: VecDeque<Window>,
}

impl Index {
    /// Adds the newest frame: offsets `first..end`, at `position` of `file`, `len` bytes.
    pub fn add(&mut self, first: u64, end: u64, file: &Arc<DataFile>, position: u64, len: u64) {
        if let Some(window) = self.windows.back_mut() {
            assert!(window.end == first, "the index goes on at {first} after {}", window.end);
            let grown = position + len - window.position.min(position);
            if Arc::ptr_eq(&window.file, file) && grown <= SPACING {
                (window.end, window.len) = (end, grown);
                window.own += len;
                return;
            }
        }
        self.windows.push_back(Window { first, end, file: file.clone(), position, len, own: len });
    }

    /// The window that holds an offset.
    pub fn find(&self, offset: u64) -> Option<&Window> {
        let after = self.windows.partition_point(|window| window.first <= offset);
        self.windows.get(after.checked_sub(1)?).filter(|window| offset < window.end)
    }

    /// Forgets windows that end at or before `start`.
    pub fn forget_before(&mut self, start: u64) {
        while self.windows.front().is_some_and(|window| window.end <= start) {
            self.windows.pop_front();
        }
    }

    /// The windows, oldest first.
    pub fn windows(&self) -> impl Iterator<Item = &Window> {
        self.windows.iter()
    }

    /// Puts what was copied into another file in the place of the windows of the files that it was copied from.
    pub fn moved(&mut self, from: &[Arc<DataFile>], copied: Self) {
        let is_from = |window: &Window| from.iter().any(|file| Arc::ptr_eq(file, &window.file));
        let at = self.windows.iter().position(&is_from);
        self.windows.retain(|window| !is_from(window));
        let after = self.windows.split_off(at.unwrap_or(0));
        self.windows.extend(copied.windows);
        self.windows.extend(after);
    }
}
