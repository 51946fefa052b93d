//! Opening: reads every file once from end to end, checks the chain, and finds where each partition stands.
//!
//! Invariants:
//! 1. What is found is a prefix of what was written, over all partitions; or else opening is refused. Only the newest
//!    segment may end in a torn frame; a break anywhere else, or one with durable frames behind it, is damage.
//! 2. Nothing in the folder changes before all checks have passed.
//! 3. What was found is synced before anybody is told that it is durable: a killed process may have left it unsynced.

use super::files::{self, DataFile};
use super::flusher::Tail;
use super::frame::Header;
use super::index::Index;
use super::layout::Layout;
use super::retention::Kept;
use super::room;
use super::segment::{FileHeader, Scanned, Scanner, segment_path};
use super::shared::Closed;
use super::{cuts, kept_path};
use crate::{LogError, TopicPartition};
use hoga_core::{Timestamp, Topic};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a crash had left behind the last whole frame and opening cut off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Torn {
    /// The file.
    pub file: PathBuf,
    /// Where the last good frame ends.
    pub position: u64,
    /// Bytes cut off.
    pub bytes: u64,
}

/// What was found.
pub(super) struct Found {
    pub index: Vec<Index>,
    pub starts: Vec<u64>,
    pub ends: Vec<u64>,
    pub closed: Vec<Closed>,
    pub kept: BTreeMap<Topic, Kept>,
    pub tail: Tail,
    pub torn: Option<Torn>,
}

/// Reads a folder and makes it ready for appending.
pub(super) fn open(folder: &Path, layout: &Layout, segment_bytes: u64) -> Result<Found, LogError> {
    let slots = layout.slots();
    let numbers = slots.iter().zip(0..).map(|(at, slot)| (*at, slot)).collect();
    let starts = cuts::read(folder, &numbers)?;
    let empty = || (0..slots.len()).map(|_| Index::default()).collect();
    let (id, ends) = (layout.id, vec![0; slots.len()]);
    let mut loading = Loading { slots: &slots, id, segment_bytes, ends, starts, index: empty() };
    let (kept, void) = loading.kept_files(folder)?;
    let Segments { closed, newest, unfinished } = loading.segments(folder)?;
    if newest.is_none() && (loading.starts.iter().any(|start| *start > 0) || !kept.is_empty()) {
        let what = "its segments are gone although it was cut; restore the folder from a copy".into();
        return Err(LogError::Layout { folder: folder.display().to_string(), what });
    }
    loading.check_ends(folder, newest.as_ref())?;

    // All checks have passed: from here on the folder may change.
    for kept in kept.values() {
        cut_off(&kept.file, kept.position)?;
    }
    for path in void {
        files::remove(&path)?;
    }
    files::remove(&room::path(folder))?;
    let mut torn = None;
    if let Some(file) = unfinished {
        torn = Some(Torn { position: 0, bytes: file.len()?, file: file.path.clone() });
        files::remove(&file.path)?;
    }
    let (folder, id, slots) = (folder.to_owned(), layout.id, slots.len());
    let tail = match newest {
        None => {
            let header = FileHeader { number: 1, id, seed: 0, last_time: Timestamp(0), next: vec![0; slots] };
            Tail::create(folder, header, segment_bytes, None)?
        }
        Some(Newest { number, file, position, rest, chain, next, last_time }) => {
            cut_off(&file, position)?;
            if rest > 0 {
                torn = Some(Torn { file: file.path.clone(), position, bytes: rest });
            }
            files::sync_folder(files::folder_of(&file.path))?;
            Tail { folder, number, file, position, chain, next, last_time, segment_bytes, from: position, roomy: false }
        }
    };
    let Loading { index, starts, ends, .. } = loading;
    Ok(Found { index, starts, ends, closed, kept, tail, torn })
}

/// Cuts off what is behind `position` and syncs.
fn cut_off(file: &DataFile, position: u64) -> Result<(), LogError> {
    if file.len()? > position { file.truncate(position) } else { file.sync() }
}

struct Loading<'a> {
    slots: &'a [TopicPartition],
    id: u64,
    segment_bytes: u64,
    starts: Vec<u64>,
    /// The offset after the newest frame of each slot.
    ends: Vec<u64>,
    index: Vec<Index>,
}

struct Newest {
    number: u64,
    file: Arc<DataFile>,
    position: u64,
    /// Bytes of a torn write behind it.
    rest: u64,
    chain: u32,
    next: Vec<u64>,
    last_time: Timestamp,
}

struct Segments {
    closed: Vec<Closed>,
    newest: Option<Newest>,
    /// A segment that a crash left without its header.
    unfinished: Option<DataFile>,
}

const FROM_COPY: &str = "check the disk, restore the folder from a copy";

impl Loading<'_> {
    /// The kept files, and those that a crash left without a header: what belongs into them still stands in segments,
    /// or the oldest segment's header tells that it is missing.
    fn kept_files(&mut self, folder: &Path) -> Result<(BTreeMap<Topic, Kept>, Vec<PathBuf>), LogError> {
        let (mut kept, mut void) = (BTreeMap::new(), Vec::new());
        for topic in Topic::ALL.iter().copied() {
            let path = kept_path(folder, topic);
            if !path.try_exists().map_err(files::io("looking for", &path))? {
                continue;
            }
            let file = Arc::new(DataFile::open(path)?);
            match FileHeader::read(&file, self.id, 0)? {
                Some(header) => drop(kept.insert(topic, self.kept_file(file, &header)?)),
                None => void.push(file.path.clone()),
            }
        }
        Ok((kept, void))
    }

    fn kept_file(&mut self, file: Arc<DataFile>, header: &FileHeader) -> Result<Kept, LogError> {
        let mut scanner = Scanner::new(&file, header)?;
        let mut ends = BTreeMap::new();
        while let Some(Scanned { position, frame, .. }) = scanner.next()? {
            self.frame(&file, position, &frame)?;
            ends.insert(frame.slot, frame.end());
        }
        let (position, chain) = (scanner.position(), scanner.chain());
        Ok(Kept { file, position, chain, ends })
    }

    fn segments(&mut self, folder: &Path) -> Result<Segments, LogError> {
        let numbers = segment_numbers(folder)?;
        let mut found = Segments { closed: Vec::new(), newest: None, unfinished: None };
        for (index, number) in numbers.iter().copied().enumerate() {
            let is_last = index + 1 == numbers.len();
            let file = DataFile::open(segment_path(folder, number))?;
            let Some(header) = FileHeader::read(&file, self.id, self.slots.len())? else {
                let unfinished = is_last && file.len()? <= FileHeader::len(self.slots.len()) as u64;
                if !unfinished || (found.newest.is_none() && number > 1) {
                    return Err(file.corrupt(0, format!("the segment's header is damaged; {FROM_COPY}")));
                }
                found.unfinished = Some(file);
                break;
            };
            self.check_header(&file, number, &header, found.newest.as_ref())?;
            if let Some(Newest { file, position, .. }) = found.newest.take() {
                found.closed.push(Closed { file, len: position });
            }
            found.newest = Some(self.segment(Arc::new(file), header, is_last)?);
        }
        Ok(found)
    }

    /// Whether a segment goes on where the one before it ended, or, the oldest, where cuts and kept files end.
    fn check_header(
        &mut self,
        file: &DataFile,
        number: u64,
        header: &FileHeader,
        before: Option<&Newest>,
    ) -> Result<(), LogError> {
        if header.number != number {
            return Err(file.corrupt(0, format!("this is segment {}, renamed; give it its name again", header.number)));
        }
        if let Some(before) = before {
            if before.number + 1 != number || before.chain != header.seed || before.next != header.next {
                let what = format!("it does not go on where segment {} ends; {FROM_COPY}", before.number);
                return Err(file.corrupt(0, what));
            }
            return Ok(());
        }
        for (slot, next) in header.next.iter().copied().enumerate() {
            let have = self.ends[slot].max(self.starts[slot]);
            if have < next {
                let what = format!("offsets {have} to {} of {} are missing; {FROM_COPY}", next - 1, self.slots[slot]);
                return Err(file.corrupt(0, what));
            }
            self.ends[slot] = self.ends[slot].max(next);
        }
        Ok(())
    }

    fn segment(&mut self, file: Arc<DataFile>, header: FileHeader, is_last: bool) -> Result<Newest, LogError> {
        let mut scanner = Scanner::new(&file, &header)?;
        let FileHeader { number, mut next, mut last_time, .. } = header;
        while let Some(Scanned { position, frame, .. }) = scanner.next()? {
            let expected = next.get_mut(frame.slot as usize).filter(|next| **next == frame.first);
            *expected.ok_or_else(|| file.corrupt(position, "a frame stands where it does not belong: a bug"))? =
                frame.end();
            last_time = last_time.max(frame.time);
            self.frame(&file, position, &frame)?;
        }
        let (position, chain) = (scanner.position(), scanner.chain());
        let rest = scanner.rest(self.segment_bytes)?;
        if rest > 0 {
            if !is_last {
                let what = format!("the chain of frames breaks, and later segments follow; {FROM_COPY}");
                return Err(file.corrupt(position, what));
            }
            if let Some(proof) = scanner.finds_durable_behind(rest)? {
                let what = format!("the frame is damaged: byte {proof} proves that it was durable; {FROM_COPY}");
                return Err(file.corrupt(position, what));
            }
        }
        Ok(Newest { number, file, position, rest, chain, next, last_time })
    }

    /// Indexes a frame unless it is cut or, after a crash while segments were dropped, already indexed.
    fn frame(&mut self, file: &Arc<DataFile>, position: u64, frame: &Header) -> Result<(), LogError> {
        let slot = frame.slot as usize;
        let (Some(start), Some(end)) = (self.starts.get(slot), self.ends.get_mut(slot)) else {
            return Err(file.corrupt(position, "a frame of an unknown partition: a bug"));
        };
        if frame.end() > *start && frame.end() > *end {
            if frame.first > (*end).max(*start) || (frame.first < *end && frame.first >= *start) {
                let at = self.slots[slot];
                let what = format!("{at} goes on at offset {} after {end}; {FROM_COPY}", frame.first);
                return Err(file.corrupt(position, what));
            }
            self.index[slot].add(frame.first, frame.end(), file, position, frame.len());
        }
        *end = frame.end().max(*end);
        Ok(())
    }

    /// Whether each partition ends where its segments do: cuts and kept files tell of what stood in segments.
    fn check_ends(&self, folder: &Path, newest: Option<&Newest>) -> Result<(), LogError> {
        for (slot, at) in self.slots.iter().enumerate() {
            let (start, end) = (self.starts[slot], self.ends[slot]);
            let written = newest.map_or(0, |newest| newest.next[slot]);
            let told = if start > end {
                format!("{at} is cut at {start} but ends at {end}")
            } else if end > written {
                format!("{at} is kept up to {end} but its segments end at {written}")
            } else {
                continue;
            };
            let what = format!("{told}: what was durable is lost; {FROM_COPY}");
            return Err(LogError::Layout { folder: folder.display().to_string(), what });
        }
        Ok(())
    }
}

/// The numbers of a folder's segments, in order.
fn segment_numbers(folder: &Path) -> Result<Vec<u64>, LogError> {
    let folder = folder.join("segments");
    let list = std::fs::read_dir(&folder).map_err(files::io("listing", &folder))?;
    let mut numbers = Vec::new();
    for entry in list {
        let name = entry.map_err(files::io("listing", &folder))?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".log")).and_then(|digits| digits.parse().ok());
        numbers.push(number.ok_or_else(|| LogError::Layout {
            folder: folder.display().to_string(),
            what: format!("{} is no segment; take it out of the folder", name.display()),
        })?);
    }
    numbers.sort_unstable();
    Ok(numbers)
}
