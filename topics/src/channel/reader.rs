//! Reads the accepted records of one partition: a log's reader and the channels of its partition.
//!
//! Invariants:
//! 1. [`AcceptedReader::save`] after any record, and [`AcceptedReader::open`] with it, goes on with the next one.
//! 2. What is not accepted is counted by its verdict; a forged record is also named in the program's log.
//! 3. In the open inbox (`orders`) bytes that are no record, and records that do not belong there, are yielded as
//!    malformed, so that admission can dead-letter them. In a trusted topic the former stop the reader.

use super::{ChannelKey, ChannelTable, Parked, Verdict};
use crate::{Log, LogError, LogRecord, Reader, TopicPartition, Visibility};
use hoga_core::records::RecordKind;
use hoga_core::{Timestamp, Topic};
use hoga_schemas::{Frame, Origin, open};
use serde::{Deserialize, Serialize};

/// Where a reader stands: kept in the same store and commit as what it made of the records before.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReaderPosition {
    /// The next offset.
    pub offset: u64,
    /// The channels as of that offset.
    pub channels: ChannelTable,
}

/// How many records were not yielded, by verdict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DropCounts {
    /// Copied claims.
    pub claims: u64,
    /// Records of former owners.
    pub stale: u64,
    /// Records seen before.
    pub repeats: u64,
    /// Records whose predecessor was missing.
    pub ahead: u64,
    /// Records that nobody may have written.
    pub forged: u64,
}

/// Why a reader cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The log refused.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A trusted topic holds bytes that are no record.
    #[error(
        "{partition}: the value at offset {offset} is no record: {reason}; {} is written by hoga alone, so find out who wrote it", partition.topic
    )]
    Undecodable {
        /// Which partition.
        partition: TopicPartition,
        /// Where.
        offset: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// A channel's content is not what its writer hashed.
    #[error(
        "{partition}: record {number} of channel {channel} at offset {offset} has running hash {found:016x}, what was read before gives {expected:016x}: two owners computed different effects; stop, and `hoga reconcile` compares what {channel} had to write with what stands there"
    )]
    Diverged {
        /// Which partition.
        partition: TopicPartition,
        /// Where.
        offset: u64,
        /// The channel.
        channel: ChannelKey,
        /// The record's number.
        number: u64,
        /// What the reader computed.
        expected: u64,
        /// What the record carries.
        found: u64,
    },
}

/// An accepted record.
#[derive(Debug, Clone, Copy)]
pub struct Accepted<'a> {
    /// Its offset.
    pub offset: u64,
    /// Its append time.
    pub time: Timestamp,
    /// Its key; empty for none.
    pub key: &'a [u8],
    /// Its whole value; empty for a tombstone (which is malformed).
    pub value: &'a [u8],
    /// What it is.
    pub body: AcceptedBody<'a>,
}

/// A record taken apart, or bytes that are none.
#[derive(Debug, Clone, Copy)]
pub enum AcceptedBody<'a> {
    /// A record.
    Record(Frame<'a>),
    /// In `orders` only: not a record, or one that does not belong there, and why.
    Malformed(&'a str),
}

/// What [`AcceptedReader::advance`] learned of the record it stopped at, so that it is not taken apart twice.
enum Found {
    Record { kind: RecordKind, schema_id: u32, origin: Option<Origin>, content_len: usize },
    Malformed(String),
}

/// Reads the accepted records of one partition.
pub struct AcceptedReader {
    partition: TopicPartition,
    reader: Box<dyn Reader>,
    channels: ChannelTable,
    next_offset: u64,
    batch: Vec<LogRecord>,
    used: usize,
    /// Of the record that was read last; none once it was read past.
    found: Option<Found>,
    dropped: DropCounts,
}

impl AcceptedReader {
    /// Reads `partition` from a position on: the default is the beginning of a log that was never cut.
    pub fn open(
        log: &dyn Log,
        partition: TopicPartition,
        position: ReaderPosition,
        visibility: Visibility,
    ) -> Result<Self, LogError> {
        let reader = log.reader(partition, position.offset, visibility)?;
        Ok(Self {
            partition,
            reader,
            channels: position.channels,
            next_offset: position.offset,
            batch: Vec::new(),
            used: 0,
            found: None,
            dropped: DropCounts::default(),
        })
    }

    /// The next accepted record, reading on as needed; `None`: nothing there yet.
    pub fn read(&mut self) -> Result<Option<Accepted<'_>>, ReadError> {
        loop {
            if self.advance(u64::MAX)? {
                return Ok(self.last());
            }
            if self.fill(512)? == 0 {
                return Ok(None);
            }
        }
    }

    /// Reads at most `max` records ahead, if all that was read before is used; how many unused ones there are.
    pub fn fill(&mut self, max: usize) -> Result<usize, LogError> {
        if self.used == self.batch.len() {
            self.batch.clear();
            self.used = 0;
            self.found = None;
            self.reader.poll(max, &mut self.batch)?;
            if self.batch.is_empty() {
                // On Kafka a partition may end behind control records, which are no records of ours.
                self.next_offset = self.reader.position();
            }
        }
        Ok(self.batch.len() - self.used)
    }

    /// The next accepted record among those read ahead by [`Self::fill`].
    pub fn read_filled(&mut self) -> Result<Option<Accepted<'_>>, ReadError> {
        self.read_filled_before(u64::MAX)
    }

    /// The same, if it stands before the offset `end`.
    pub fn read_filled_before(&mut self, end: u64) -> Result<Option<Accepted<'_>>, ReadError> {
        Ok(if self.advance(end)? { self.last() } else { None })
    }

    /// The record that was read last, as often as it is asked for; `None` once anything was read since.
    pub fn last(&self) -> Option<Accepted<'_>> {
        let record = self.batch.get(self.used.checked_sub(1)?)?;
        let value = record.value.as_deref().unwrap_or_default();
        let body = match self.found.as_ref()? {
            Found::Malformed(why) => AcceptedBody::Malformed(why),
            Found::Record { kind, schema_id, origin, content_len } => AcceptedBody::Record(Frame {
                kind: *kind,
                schema_id: *schema_id,
                origin: *origin,
                content: &value[value.len() - content_len..],
            }),
        };
        Some(Accepted { offset: record.offset, time: record.time, key: &record.key, value, body })
    }

    /// The next offset: everything before it was yielded or dropped.
    pub fn position(&self) -> u64 {
        self.next_offset
    }

    /// The partition that it reads.
    pub fn partition(&self) -> TopicPartition {
        self.partition
    }

    /// The channels as of [`Self::position`].
    pub fn channels(&self) -> &ChannelTable {
        &self.channels
    }

    /// Position and channels, to go on from here later.
    pub fn save(&self) -> ReaderPosition {
        ReaderPosition { offset: self.next_offset, channels: self.channels.clone() }
    }

    /// What was dropped since it was opened.
    pub fn dropped(&self) -> DropCounts {
        self.dropped
    }

    /// Channels that have been parked for more than `bound` offsets.
    pub fn parked(&self, bound: u64) -> Vec<Parked> {
        self.channels.parked(self.next_offset, bound).collect()
    }

    /// Moves past dropped records to the next accepted one, which then is the last used; false: there is none
    /// before `end`, or the batch is used up.
    fn advance(&mut self, end: u64) -> Result<bool, ReadError> {
        self.found = None;
        while let Some(record) = self.batch.get(self.used) {
            if record.offset >= end {
                // Nothing stands between: an offset without a record is passed over.
                self.next_offset = self.next_offset.max(end);
                return Ok(false);
            }
            let found = judge(&mut self.channels, &mut self.dropped, self.partition, record)?;
            self.next_offset = record.offset + 1;
            self.used += 1;
            if found.is_some() {
                self.found = found;
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// What to yield for a record; `None` if it is dropped.
fn judge(
    channels: &mut ChannelTable,
    dropped: &mut DropCounts,
    partition: TopicPartition,
    record: &LogRecord,
) -> Result<Option<Found>, ReadError> {
    let is_open = partition.topic == Topic::Orders;
    let frame = match record.value.as_deref().map(open) {
        Some(Ok(frame)) => frame,
        other => {
            let reason = match other {
                Some(Err(error)) => error.to_string(),
                _ => "a tombstone (no value)".to_owned(),
            };
            if is_open {
                return Ok(Some(Found::Malformed(reason)));
            }
            return Err(ReadError::Undecodable { partition, offset: record.offset, reason });
        }
    };
    match channels.accept(partition.topic, record.offset, &record.key, &frame) {
        Verdict::Accept => {
            let Frame { kind, schema_id, origin, content } = frame;
            return Ok(Some(Found::Record { kind, schema_id, origin, content_len: content.len() }));
        }
        Verdict::Forged(why) if is_open => return Ok(Some(Found::Malformed(why))),
        Verdict::Claim { .. } => dropped.claims += 1,
        Verdict::Stale => dropped.stale += 1,
        Verdict::Repeat => dropped.repeats += 1,
        Verdict::Ahead => dropped.ahead += 1,
        Verdict::Forged(why) => {
            dropped.forged += 1;
            // A flood of forgeries must not become a flood of warnings.
            if dropped.forged.is_power_of_two() {
                tracing::warn!(%partition, offset = record.offset, forged = dropped.forged, "dropped a forged record: {why}");
            }
        }
        Verdict::Diverged { expected, found } => {
            let origin = frame.origin.expect("only a record with origin has a hash to differ");
            return Err(ReadError::Diverged {
                partition,
                offset: record.offset,
                channel: ChannelKey { machine: origin.machine, partition: origin.partition },
                number: origin.number,
                expected,
                found,
            });
        }
    }
    Ok(None)
}
