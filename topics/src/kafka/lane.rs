//! What a reader and the thread that reads for it share: a bounded queue and where it ends.
//!
//! Invariants:
//! 1. The queue's records are in order and end before [`Lane::next`]; offsets between them hold no records.
//! 2. A reader's position is behind what it took; with an empty queue it is [`Lane::next`], so that a reader at the end
//!    of its partition stands there even if that end is behind a control record.
//! 3. A failure is told when the queue is empty, and stays.

use crate::{LogError, LogRecord, TopicPartition};
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A reader's queue is also full with so many bytes.
const MAX_QUEUED_BYTES: usize = 8 << 20;

/// One reader's.
pub(super) struct Lane {
    pub at: TopicPartition,
    /// Unlike every other lane's.
    pub id: u64,
    max_records: usize,
    queue: Mutex<Queue>,
    /// The partition's end, as last heard of.
    known_end: AtomicU64,
}

struct Queue {
    records: VecDeque<LogRecord>,
    bytes: usize,
    next: u64,
    taken_records: u64,
    taken_bytes: u64,
    failure: Option<Failure>,
}

/// Why nothing more comes.
#[derive(Debug, Clone)]
pub(super) enum Failure {
    /// The partition begins behind the reader.
    Cut { start: u64 },
    /// The partition ends before the reader.
    PastEnd { end: u64 },
    /// Kafka does not let it be read; what to do.
    Refused(String),
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Offer {
    /// It was read before.
    Dropped,
    Queued,
    /// Queued, and there is no room for more.
    Full,
    /// Not queued: this offset should come first.
    Hole(u64),
}

fn size(record: &LogRecord) -> usize {
    record.key.len() + record.value.as_ref().map_or(0, Bytes::len)
}

impl Lane {
    /// Reads from an offset on.
    pub fn new(at: TopicPartition, from: u64, max_records: usize) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let queue =
            Queue { records: VecDeque::new(), bytes: 0, next: from, taken_records: 0, taken_bytes: 0, failure: None };
        let id = COUNT.fetch_add(1, Ordering::Relaxed);
        Self { at, id, max_records, queue: Mutex::new(queue), known_end: AtomicU64::new(from) }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves at most `max` records to `out`; the reader's new position.
    pub fn take(&self, max: usize, out: &mut Vec<LogRecord>) -> Result<u64, LogError> {
        let mut queue = self.queue();
        let count = queue.records.len().min(max);
        let before = out.len();
        out.extend(queue.records.drain(..count));
        let bytes = out[before..].iter().map(size).sum::<usize>();
        queue.bytes -= bytes;
        queue.taken_records += count as u64;
        queue.taken_bytes += bytes as u64;
        let position = match (queue.records.is_empty(), out[before..].last()) {
            (true, _) => queue.next,
            (false, Some(last)) => last.offset + 1,
            (false, None) => queue.records[0].offset,
        };
        match &queue.failure {
            Some(failure) if count == 0 && queue.records.is_empty() => Err(failure.to_error(self.at, position)),
            _ => Ok(position),
        }
    }

    /// Takes the next record in. Two threads may offer: what stands at an offset is the same for both.
    pub fn offer(&self, offset: u64, known_hole: Option<u64>, record: impl FnOnce() -> LogRecord) -> Offer {
        let mut queue = self.queue();
        if offset < queue.next {
            return Offer::Dropped;
        }
        if offset > queue.next && known_hole != Some(queue.next) {
            return Offer::Hole(queue.next);
        }
        let record = record();
        queue.next = offset + 1;
        queue.bytes += size(&record);
        queue.records.push_back(record);
        if self.is_full(&queue) { Offer::Full } else { Offer::Queued }
    }

    fn is_full(&self, queue: &Queue) -> bool {
        queue.records.len() >= self.max_records || queue.bytes >= MAX_QUEUED_BYTES
    }

    /// Whether it is half empty: one that was full is read on then, not before.
    pub fn has_room(&self) -> bool {
        let queue = self.queue();
        queue.records.len() <= self.max_records / 2 && queue.bytes <= MAX_QUEUED_BYTES / 2
    }

    /// Whether nothing is queued.
    pub fn is_empty(&self) -> bool {
        self.queue().records.is_empty()
    }

    /// The offset behind what was read.
    pub fn next(&self) -> u64 {
        self.queue().next
    }

    /// Goes on at `to`, because there is no record from `from` to there; false: it has gone on by itself.
    pub fn skip(&self, from: u64, to: u64) -> bool {
        let mut queue = self.queue();
        let here = queue.next == from;
        if here {
            queue.next = to;
        }
        here
    }

    /// Nothing more will come.
    pub fn fail(&self, failure: Failure) {
        self.queue().failure.get_or_insert(failure);
    }

    /// Whether it has failed.
    pub fn failed(&self) -> bool {
        self.queue().failure.is_some()
    }

    /// Where the partition ends.
    pub fn learn_end(&self, end: u64) {
        self.known_end.fetch_max(end, Ordering::Relaxed);
    }

    /// What was read, and what is left.
    pub fn metrics(&self) -> super::metrics::ReaderMetrics {
        let queue = self.queue();
        let position = queue.records.front().map_or(queue.next, |record| record.offset);
        let end = self.known_end.load(Ordering::Relaxed).max(queue.next);
        super::metrics::ReaderMetrics {
            partition: self.at,
            position,
            lag: end - position,
            records: queue.taken_records,
            bytes: queue.taken_bytes,
        }
    }
}

impl Failure {
    fn to_error(&self, partition: TopicPartition, offset: u64) -> LogError {
        match self {
            Self::Cut { start } => LogError::Cut { partition, offset, start: *start },
            Self::PastEnd { end } => LogError::PastEnd { partition, offset, end: *end },
            Self::Refused(why) => LogError::Failed(format!("{partition}: {why}")),
        }
    }
}
