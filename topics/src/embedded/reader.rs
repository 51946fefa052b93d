//! Reads one partition: recent frames from memory, older ones from the files, a window at a time.

use super::frame::{HEADER, Header, Records};
use super::index::Window;
use super::shared::{Found, MemFrame, Shared};
use crate::{LogError, LogRecord, Reader, TopicPartition, Visibility};
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::Arc;

pub(super) struct EmbeddedReader {
    shared: Arc<Shared>,
    at: TopicPartition,
    slot: u32,
    visibility: Visibility,
    position: u64,
    /// Frames found and not yet read to their end.
    frames: VecDeque<Records>,
}

impl EmbeddedReader {
    pub fn new(shared: Arc<Shared>, at: TopicPartition, from: u64, visibility: Visibility) -> Result<Self, LogError> {
        let slot = shared.slot(at)?;
        crate::log::check_position(at, from, shared.ends[slot as usize].bounds())?;
        Ok(Self { shared, at, slot, visibility, position: from, frames: VecDeque::new() })
    }

    /// Finds the frame of the position and some that follow it.
    fn find(&mut self, end: u64, max: usize) -> Result<(), LogError> {
        match self.shared.find(self.slot, self.position, max) {
            Some(Found::Memory(found)) => {
                // A frame becomes durable whole, so an end never falls inside one.
                for MemFrame { first, count, time, body } in found.into_iter().filter(|frame| frame.first < end) {
                    self.frames.push_back(Records::new(first, count, time, body));
                }
            }
            Some(Found::File(window)) => self.load(&window, end)?,
            None => return Err(self.gone()),
        }
        let skipped = self.frames.front_mut().and_then(|frame| frame.skip_to(self.position));
        skipped.ok_or_else(|| self.gone())
    }

    fn load(&mut self, window: &Window, end: u64) -> Result<(), LogError> {
        let mut bytes = vec![0; window.len as usize];
        window.file.read_at(window.position, &mut bytes)?;
        let bytes = Bytes::from(bytes);
        let damaged = |at: usize| {
            let what = "a frame that was good is damaged; check the disk, restore the folder from a copy";
            window.file.corrupt(window.position + at as u64, what)
        };
        let mut at = 0;
        while at + HEADER <= bytes.len() {
            let header = Header::read(&bytes[at..]);
            let next = at + header.len() as usize;
            if next > bytes.len() {
                return Err(damaged(at));
            }
            if header.slot == self.slot && header.end() > self.position && header.first < end {
                if !header.verify(self.shared.layout.id, &bytes[at..next]) {
                    return Err(damaged(at));
                }
                let body = bytes.slice(at + HEADER..next);
                self.frames.push_back(Records::new(header.first, header.count, header.time, body));
            }
            at = next;
        }
        if self.frames.is_empty() { Err(damaged(0)) } else { Ok(()) }
    }

    /// The index has no such offset although the bounds say so: only a cut explains that.
    fn gone(&self) -> LogError {
        let bounds = self.shared.ends[self.slot as usize].bounds();
        match crate::log::check_position(self.at, self.position, bounds) {
            Err(error) => error,
            Ok(()) => LogError::Failed(format!("{}: offset {} is not in its index: a bug", self.at, self.position)),
        }
    }
}

impl Reader for EmbeddedReader {
    fn poll(&mut self, max: usize, out: &mut Vec<LogRecord>) -> Result<(), LogError> {
        self.shared.check()?;
        let bounds = self.shared.ends[self.slot as usize].bounds();
        crate::log::check_position(self.at, self.position, bounds)?;
        let end = if self.visibility == Visibility::Written { bounds.end } else { bounds.durable_end };
        let mut left = max;
        while left > 0 && self.position < end {
            let Some(frame) = self.frames.front_mut() else {
                self.find(end, left)?;
                continue;
            };
            match frame.next() {
                Some(Some(record)) => {
                    self.position = record.offset + 1;
                    left -= 1;
                    out.push(record);
                }
                Some(None) => {
                    self.frames.pop_front();
                }
                None => {
                    let what = format!("{}: the frame of offset {} contradicts itself: a bug", self.at, self.position);
                    return Err(LogError::Failed(what));
                }
            }
        }
        Ok(())
    }

    fn position(&self) -> u64 {
        self.position
    }
}
