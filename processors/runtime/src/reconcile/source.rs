//! One partition, read once: each accepted record is compared with what is due, and given to the machine that reads it.
//!
//! Invariants:
//! 1. It is read to where it ended when the comparison began, whatever is appended meanwhile.
//! 2. A record stays the current one until it was dealt with; it may have to wait for another partition.

use super::covered::{Covered, Why};
use super::range::Range;
use crate::cuts::{CutError, Cuts};
use hoga_topics::{
    Accepted, AcceptedReader, Arrival, ChannelKey, Log, LogError, ReadError, TopicPartition, Visibility,
};

/// Records read at a time.
const BATCH: usize = 1_024;

/// How far reading has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// There is more.
    On,
    /// To the end, as it was at first.
    End,
    /// To the end of the range that is asked for.
    Range,
    /// It cannot be read on.
    Broken,
}

/// What the next step of a source has come to.
pub(super) enum Step {
    /// A record is current.
    Record,
    /// Nothing more is read.
    Over,
    /// It has just turned out that it cannot be read on, because of the record at this offset.
    Broke { offset: u64, why: String },
}

pub(super) struct Source {
    pub at: TopicPartition,
    reader: Option<AcceptedReader>,
    pub reading: Reading,
    /// Whether a record is current.
    held: bool,
    /// Everything before this offset is dealt with.
    pub done: u64,
    pub end: u64,
    /// Whether the range has begun.
    pub asked: bool,
    pub covered: Covered,
}

impl Source {
    /// A partition from where it begins.
    pub fn open(log: &dyn Log, cuts: &Cuts, at: TopicPartition, range: &Range) -> Result<Self, CutError> {
        let bounds = log.bounds(at)?;
        let mut covered = Covered::new(at, bounds);
        let (reader, reading) = match cuts.reader(log, at, Visibility::Written) {
            Ok(reader) => (Some(reader), Reading::On),
            Err(error @ (CutError::Missing { .. } | CutError::Unfit { .. })) => {
                covered.leave(Why::Unreadable(error.to_string()), None, bounds.start, bounds.end);
                (None, Reading::Broken)
            }
            Err(error) => return Err(error),
        };
        let done = reader.as_ref().map_or(bounds.start, AcceptedReader::position);
        if bounds.start > 0 && bounds.start == bounds.end && range.wants_before(at, bounds.start) {
            covered.leave(Why::Cut, None, 0, bounds.start);
        }
        Ok(Self { at, reader, reading, held: false, done, end: bounds.end, asked: false, covered })
    }

    /// The numbers that channels had reached where it begins: what they count is cut.
    pub fn cut_numbers(&self) -> impl Iterator<Item = (ChannelKey, u64)> + '_ {
        let channels = self.reader.iter().flat_map(|reader| reader.channels().channels());
        channels.map(|(key, channel)| (key, channel.number))
    }

    /// Makes the next record the current one, unless there still is one.
    pub fn step(&mut self, log: &dyn Log, range: &Range) -> Result<Step, LogError> {
        let Some(reader) = self.reader.as_mut().filter(|_| self.reading == Reading::On) else { return Ok(Step::Over) };
        if self.held {
            return Ok(Step::Record);
        }
        match read(log, reader, self.end) {
            Ok(true) => {}
            Ok(false) => {
                (self.reading, self.done) = (Reading::End, self.end.max(self.done));
                return Ok(Step::Over);
            }
            Err(ReadError::Log(LogError::Cut { start, .. })) => {
                self.reading = Reading::Broken;
                self.covered.leave(Why::CutMeanwhile, None, self.done, start);
                return Ok(Step::Over);
            }
            Err(ReadError::Log(error)) => return Err(error),
            Err(error) => {
                self.reading = Reading::Broken;
                return Ok(Step::Broke { offset: reader.position(), why: error.to_string() });
            }
        }
        let Accepted { offset, time, .. } = reader.last().expect("it was just read");
        if range.over(self.at, offset, time) {
            self.reading = Reading::Range;
            return Ok(Step::Over);
        }
        let begun = range.begun(self.at, offset, time);
        let start = self.covered.bounds.start;
        if self.covered.is_new() && begun && start > 0 && range.wants_before(self.at, start) {
            self.covered.leave(Why::Cut, None, 0, start);
        }
        self.asked |= begun;
        self.held = true;
        self.covered.seen(offset, self.asked);
        Ok(Step::Record)
    }

    /// The current record.
    pub fn current(&self) -> Accepted<'_> {
        self.reader.as_ref().and_then(AcceptedReader::last).expect("a record is current")
    }

    /// The current record is dealt with.
    pub fn pass(&mut self) {
        self.done = self.current().offset + 1;
        self.held = false;
    }

    /// Whether nothing more is read.
    pub fn is_over(&self) -> bool {
        self.reading != Reading::On
    }

    /// Where a channel waits for a number that never came: the number, and the first record that is ahead of it.
    pub fn gap(&self, channel: ChannelKey) -> Option<(u64, u64)> {
        let found = self.reader.as_ref()?.channels().channel(channel)?;
        Some((found.number + 1, found.parked_at?))
    }

    /// What came of it.
    pub fn into_covered(mut self) -> Covered {
        if let Some(reader) = &self.reader {
            self.covered.dropped = reader.dropped();
        }
        self.covered
    }
}

/// Reads the next accepted record before `end`, waiting for it where a log brings it later; false: there is none.
fn read(log: &dyn Log, reader: &mut AcceptedReader, end: u64) -> Result<bool, ReadError> {
    let mut arrival = Arrival::new(log, reader.partition());
    loop {
        if reader.read_filled_before(end)?.is_some() {
            return Ok(true);
        }
        if reader.position() >= end {
            return Ok(false);
        }
        if reader.fill(BATCH)? > 0 {
            arrival.came();
        } else if reader.position() < end {
            arrival.wait(reader.position())?;
        }
    }
}
