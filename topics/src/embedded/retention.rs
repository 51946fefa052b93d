//! Dropping what is cut. A segment goes whole; what it holds that must be kept longer moves first, offset and time
//! unchanged, to its topic's kept file.
//!
//! Segments are dropped oldest first, as many as together hold at most half of what is still needed; so moving costs
//! no more writing than it frees. A kept file more than half of which is cut is written anew.
//!
//! Invariants:
//! 1. The cut is durable before anything is dropped, and a kept file before the segments that it was filled from:
//!    a crash anywhere leaves every record at least once, and opening takes the first of two.
//! 2. A partition's frames in its kept file are in the order of offsets.
//! 3. An error here fails the log: a kept file may then end in a torn frame, which opening cuts off.

use super::files::{self, DataFile};
use super::frame::{HEADER, Header};
use super::index::Index;
use super::segment::{FileHeader, Scanned, Scanner};
use super::shared::{Closed, Shared};
use super::{cuts, kept_path};
use crate::LogError;
use hoga_core::{Timestamp, Topic};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A topic's kept file and where it ends.
#[derive(Debug)]
pub(super) struct Kept {
    pub file: Arc<DataFile>,
    pub position: u64,
    pub chain: u32,
    /// The offset after each slot's newest frame in it.
    pub ends: BTreeMap<u32, u64>,
}

impl Kept {
    fn create(path: PathBuf, id: u64) -> Result<Self, LogError> {
        let file = Arc::new(DataFile::create(path)?);
        let bytes = FileHeader { number: 0, id, seed: 0, last_time: Timestamp(0), next: Vec::new() }.bytes();
        file.write_at(0, &bytes)?;
        Ok(Self { file, position: bytes.len() as u64, chain: 0, ends: BTreeMap::new() })
    }

    /// Appends a frame if it is not there; nothing is synced.
    fn append(&mut self, id: u64, frame: &Header, body: &[u8], index: &mut Index) -> Result<(), LogError> {
        if self.ends.get(&frame.slot).is_some_and(|end| frame.first < *end) {
            return Ok(());
        }
        let mut bytes = Vec::with_capacity(HEADER + body.len());
        let header = Header { previous: self.chain, synced: 0, ..*frame };
        self.chain = header.write(id, body, &mut bytes);
        self.file.write_at(self.position, &bytes)?;
        index.add(frame.first, frame.end(), &self.file, self.position, bytes.len() as u64);
        self.position += bytes.len() as u64;
        self.ends.insert(frame.slot, frame.end());
        Ok(())
    }
}

/// What is cut and what is kept; one cut at a time.
#[derive(Debug)]
pub(super) struct Retention {
    pub folder: PathBuf,
    pub kept: BTreeMap<Topic, Kept>,
}

impl Retention {
    /// Moves a partition's start, then drops what can be dropped; the new start.
    pub fn cut(&mut self, shared: &Shared, slot: u32, before: u64) -> Result<u64, LogError> {
        let ends = &shared.ends[slot as usize];
        let bounds = ends.bounds();
        let start = before.clamp(bounds.start, bounds.durable_end);
        if start == bounds.start {
            return Ok(start);
        }
        let mut starts = starts(shared);
        starts[slot as usize] = start;
        cuts::write(&self.folder, &shared.slots, &starts)?;
        let mut state = shared.lock();
        ends.start.store(start, Ordering::Release);
        state.slots[slot as usize].index.forget_before(start);
        drop(state);
        self.drop_segments(shared)?;
        self.shrink(shared, shared.slots[slot as usize].topic)?;
        Ok(start)
    }

    fn drop_segments(&mut self, shared: &Shared) -> Result<(), LogError> {
        let dropped = droppable(shared);
        if dropped.is_empty() {
            return Ok(());
        }
        let copied = self.keep(shared, &dropped)?;
        let files: Vec<_> = dropped.iter().map(|segment| segment.file.clone()).collect();
        replace_windows(shared, &files, copied, dropped.len());
        for file in &files {
            files::remove(&file.path)?;
            // One by one: of two removals a crash may keep only the later, and a gap between segments is damage.
            files::sync_folder(files::folder_of(&file.path))?;
        }
        Ok(())
    }

    /// Copies what is still needed of segments to the kept files, durably; where it stands there.
    fn keep(&mut self, shared: &Shared, segments: &[Closed]) -> Result<BTreeMap<u32, Index>, LogError> {
        let id = shared.layout.id;
        let mut copied = BTreeMap::<u32, Index>::new();
        for Closed { file, len, .. } in segments {
            copy_live(shared, file, shared.slots.len(), *len, |frame, body| {
                let topic = shared.slots[frame.slot as usize].topic;
                let kept = match self.kept.entry(topic) {
                    std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
                    std::collections::btree_map::Entry::Vacant(entry) => {
                        entry.insert(Kept::create(kept_path(&self.folder, topic), id)?)
                    }
                };
                kept.append(id, frame, body, copied.entry(frame.slot).or_default())
            })?;
        }
        for kept in self.kept.values() {
            kept.file.sync()?;
        }
        files::sync_folder(&self.folder.join("kept"))?;
        Ok(copied)
    }

    /// Writes a topic's kept file anew when more than half of it is cut.
    fn shrink(&mut self, shared: &Shared, topic: Topic) -> Result<(), LogError> {
        let Some(old) = self.kept.get(&topic) else { return Ok(()) };
        let live = live_bytes(shared).remove(&address(&old.file)).unwrap_or(0);
        let header = FileHeader::len(0) as u64;
        if live * 2 >= old.position - header {
            return Ok(());
        }
        let path = kept_path(&self.folder, topic);
        let unfinished = files::new_name(&path);
        files::remove(&unfinished)?;
        let mut new = Kept::create(unfinished, shared.layout.id)?;
        let mut copied = BTreeMap::<u32, Index>::new();
        copy_live(shared, &old.file, 0, old.position, |frame, body| {
            new.append(shared.layout.id, frame, body, copied.entry(frame.slot).or_default())
        })?;
        new.file.sync()?;
        files::take_name(&path)?;
        replace_windows(shared, std::slice::from_ref(&old.file), copied, 0);
        self.kept.insert(topic, new);
        Ok(())
    }
}

fn starts(shared: &Shared) -> Vec<u64> {
    shared.ends.iter().map(|ends| ends.start.load(Ordering::Acquire)).collect()
}

fn address(file: &Arc<DataFile>) -> usize {
    Arc::as_ptr(file) as usize
}

/// Bytes still needed of each file, by its address.
fn live_bytes(shared: &Shared) -> BTreeMap<usize, u64> {
    let mut live = BTreeMap::new();
    for window in shared.lock().slots.iter().flat_map(|slot| slot.index.windows()) {
        *live.entry(address(&window.file)).or_default() += window.own;
    }
    live
}

/// The most of the oldest segments of which together at most half is still needed.
fn droppable(shared: &Shared) -> Vec<Closed> {
    let live = live_bytes(shared);
    let mut closed = shared.lock().closed.clone();
    let (mut needed, mut total, mut count) = (0, 0, 0);
    for (index, segment) in closed.iter().enumerate() {
        needed += live.get(&address(&segment.file)).unwrap_or(&0);
        total += segment.len;
        if needed * 2 <= total {
            count = index + 1;
        }
    }
    closed.truncate(count);
    closed
}

/// Gives every frame of a file that is not cut to `take`.
fn copy_live(
    shared: &Shared,
    file: &DataFile,
    slots: usize,
    len: u64,
    mut take: impl FnMut(&Header, &[u8]) -> Result<(), LogError>,
) -> Result<(), LogError> {
    let damaged = |at| file.corrupt(at, "what was good is damaged; check the disk, restore the folder from a copy");
    let header = FileHeader::read(file, shared.layout.id, slots)?.ok_or_else(|| damaged(0))?;
    let starts = starts(shared);
    let mut scanner = Scanner::new(file, &header)?;
    while let Some(Scanned { frame, body, .. }) = scanner.next()? {
        if frame.end() > starts[frame.slot as usize] {
            take(&frame, body)?;
        }
    }
    if scanner.position() == len { Ok(()) } else { Err(damaged(scanner.position())) }
}

fn replace_windows(shared: &Shared, from: &[Arc<DataFile>], mut copied: BTreeMap<u32, Index>, closed: usize) {
    let mut state = shared.lock();
    for (slot, number) in state.slots.iter_mut().zip(0..) {
        slot.index.moved(from, copied.remove(&number).unwrap_or_default());
    }
    state.closed.drain(..closed);
}
