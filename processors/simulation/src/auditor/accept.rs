//! Which records of a partition count, by the rules of docs/topics.md ("Accepted and dropped") and nothing else.
//!
//! Invariants:
//! 1. Of each channel the numbers 1, 2, 3 count, once each, in the newest epoch that was announced before them.
//! 2. A number that was accepted has one content: the same number of the newest epoch with another running hash is a
//!    finding.
//! 3. The running hash is computed here, from the text of docs/topics.md.

use super::Finding;
use hoga_core::records::RecordKind;
use hoga_core::{MachineKind, Record, Timestamp, Topic};
use hoga_schemas::{Frame, Origin};
use hoga_topics::{LogRecord, TopicPartition};
use std::collections::BTreeMap;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// A channel within the partition that it writes: the machine and its input partition.
pub(crate) type Channel = (MachineKind, u32);

/// A record that counts.
#[derive(Debug, Clone)]
pub(crate) struct Taken {
    pub offset: u64,
    pub time: Timestamp,
    pub key: Vec<u8>,
    /// The whole value, as a dead letter quotes it.
    pub value: Vec<u8>,
    pub origin: Option<Origin>,
    /// None: bytes that are no record, or none that belongs into the open inbox.
    pub record: Option<Record>,
    /// The same for the same command, whoever wrote it.
    pub content: Content,
}

/// What a command says: its kind and body.
pub(crate) type Content = (RecordKind, Vec<u8>);

/// What is to be done with a record.
pub(crate) enum Judged {
    Taken(Box<Taken>),
    Dropped,
    /// A machine that reads on here would be wrong.
    Spoilt(String),
}

/// What was dropped of a partition, by why.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Drops {
    /// Of an owner that was replaced, or that nobody announced.
    pub stale: u64,
    /// Seen before.
    pub repeats: u64,
    /// Before its predecessor.
    pub ahead: u64,
}

/// How far a channel has come: a line for each accepted number.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    pub epoch: Option<u64>,
    /// Running hash and offset of number 1, 2, 3.
    pub accepted: Vec<(u64, u64)>,
}

impl Progress {
    /// The last number, and the hash at it.
    pub fn last(&self) -> (u64, u64) {
        (self.accepted.len() as u64, self.accepted.last().map_or(0, |(hash, _)| *hash))
    }
}

/// The channels of one partition.
#[derive(Debug)]
pub(crate) struct Acceptance {
    at: TopicPartition,
    channels: BTreeMap<Channel, Progress>,
    pub drops: Drops,
    /// Claims that were copied here and are not looked at yet.
    pub copies: Vec<(Channel, u64)>,
}

/// The topic table of docs/topics.md: which machines write there.
fn writers(topic: Topic) -> &'static [MachineKind] {
    use MachineKind::{Admission, Candles, Control, Holds, Matching, TickCandles};
    match topic {
        Topic::Owners | Topic::Orders | Topic::Control | Topic::Ticks => &[],
        Topic::Accounts => &[Admission, Control, Matching],
        Topic::Books => &[Control, Holds],
        Topic::Executions | Topic::Depth => &[Matching],
        Topic::OrderEvents | Topic::Journal => &[Holds],
        Topic::Candles => &[Candles, TickCandles],
        Topic::Instruments => &[Control],
        Topic::DeadLetters => &[Admission, Control],
    }
}

/// The column "without origin from" of the same tables.
fn may_lack_origin(topic: Topic, kind: RecordKind) -> bool {
    use RecordKind as K;
    let commands = [K::PlaceOrder, K::AmendOrder, K::ReduceOrder, K::CancelOrder];
    match topic {
        Topic::Orders => commands.contains(&kind) || kind == K::Clock,
        Topic::Accounts => commands.contains(&kind) || matches!(kind, K::Deposit | K::Withdrawal | K::Clock),
        Topic::Control => matches!(
            kind,
            K::LogSettings | K::AssetListing | K::InstrumentListing | K::FeeSchedule | K::PhaseChange | K::RulesVersion
        ),
        Topic::Books | Topic::Executions => kind == K::Clock,
        Topic::Ticks => matches!(kind, K::Tick | K::Clock),
        _ => false,
    }
}

impl Acceptance {
    pub fn new(at: TopicPartition) -> Self {
        Self { at, channels: BTreeMap::new(), drops: Drops::default(), copies: Vec::new() }
    }

    /// How far a channel has come here.
    pub fn progress(&self, channel: Channel) -> Option<&Progress> {
        self.channels.get(&channel)
    }

    /// All channels of the partition.
    pub fn channels(&self) -> impl Iterator<Item = (Channel, &Progress)> {
        self.channels.iter().map(|(channel, progress)| (*channel, progress))
    }

    /// Judges the next record of the partition.
    pub fn judge(&mut self, stored: &LogRecord) -> Result<Judged, Finding> {
        let value = stored.value.as_deref().unwrap_or_default();
        let open_inbox = self.at.topic == Topic::Orders;
        let frame = match hoga_schemas::open(value) {
            Ok(frame) => frame,
            Err(_) if open_inbox => return Ok(Judged::Taken(Box::new(taken(stored, None, None)))),
            Err(error) => return Ok(Judged::Spoilt(error.to_string())),
        };
        match frame.origin {
            Some(origin) => self.judge_numbered(stored, &frame, origin),
            None if frame.kind == RecordKind::Claim => {
                if !self.announce(&frame) && open_inbox {
                    return Ok(Judged::Taken(Box::new(taken(stored, None, None))));
                }
                Ok(Judged::Dropped)
            }
            None if may_lack_origin(self.at.topic, frame.kind) => self.take(stored, &frame, None),
            None if open_inbox => Ok(Judged::Taken(Box::new(taken(stored, None, None)))),
            None => Ok(Judged::Dropped),
        }
    }

    /// A copied claim raises the epoch of its channel; whether it is one.
    fn announce(&mut self, frame: &Frame<'_>) -> bool {
        let Ok(Record::Claim(claim)) = hoga_schemas::decode(frame) else { return false };
        let Some(epoch) = claim.epoch.filter(|_| writers(self.at.topic).contains(&claim.machine)) else { return false };
        let channel = (claim.machine, claim.partition);
        let progress = self.channels.entry(channel).or_default();
        progress.epoch = progress.epoch.max(Some(epoch));
        self.copies.push((channel, epoch));
        true
    }

    fn judge_numbered(&mut self, stored: &LogRecord, frame: &Frame<'_>, origin: Origin) -> Result<Judged, Finding> {
        let channel = (origin.machine, origin.partition);
        let known = writers(self.at.topic).contains(&origin.machine);
        let progress = self.channels.get_mut(&channel).filter(|progress| known && progress.epoch == Some(origin.epoch));
        let Some(progress) = progress else {
            // Nobody announced this epoch, or a newer one was announced since.
            return match self.at.topic {
                Topic::Orders => Ok(Judged::Taken(Box::new(taken(stored, None, None)))),
                _ => {
                    self.drops.stale += 1;
                    Ok(Judged::Dropped)
                }
            };
        };
        let (last, hash) = progress.last();
        if origin.number <= last && origin.number > 0 {
            let before = progress.accepted[origin.number as usize - 1].0;
            if before != origin.hash {
                let Origin { machine, partition, number, .. } = origin;
                return Err(Finding::new(format!(
                    "{} offset {}: number {number} of {machine}/{partition} has two contents: {before:016x} was accepted, \
                     this is {:016x}",
                    self.at, stored.offset, origin.hash
                )));
            }
        }
        if origin.number != last + 1 {
            let count = if origin.number > last { &mut self.drops.ahead } else { &mut self.drops.repeats };
            *count += 1;
            return Ok(Judged::Dropped);
        }
        let expected = running_hash(hash, frame, origin.cause, &stored.key);
        if expected != origin.hash {
            return Ok(Judged::Spoilt(format!("running hash {:016x}, its content gives {expected:016x}", origin.hash)));
        }
        progress.accepted.push((expected, stored.offset));
        self.take(stored, frame, Some(origin))
    }

    fn take(&self, stored: &LogRecord, frame: &Frame<'_>, origin: Option<Origin>) -> Result<Judged, Finding> {
        let record = hoga_schemas::decode(frame);
        match record {
            Ok(record) => Ok(Judged::Taken(Box::new(taken(stored, origin, Some(record))))),
            Err(_) if self.at.topic == Topic::Orders => Ok(Judged::Taken(Box::new(taken(stored, None, None)))),
            Err(error) => Ok(Judged::Spoilt(error.to_string())),
        }
    }
}

fn taken(stored: &LogRecord, origin: Option<Origin>, record: Option<Record>) -> Taken {
    let value = stored.value.as_deref().unwrap_or_default().to_vec();
    let content = content_of(&value);
    Taken { offset: stored.offset, time: stored.time, key: stored.key.to_vec(), value, origin, record, content }
}

/// What a value says, without who wrote it; bytes that are no record say themselves.
pub(crate) fn content_of(value: &[u8]) -> Content {
    match hoga_schemas::open(value) {
        Ok(frame) => (frame.kind, frame.content.to_vec()),
        Err(_) => (RecordKind::DeadLetter, value.to_vec()),
    }
}

/// "XXH3-64, seeded with the channel's hash before it (0 at first), of schema id (u32), cause (u64), length of the key
/// (u32), all little endian, the key, and the Avro body behind `origin`."
pub(crate) fn running_hash(before: u64, frame: &Frame<'_>, cause: u64, key: &[u8]) -> u64 {
    let mut bytes = Vec::with_capacity(16 + key.len() + frame.content.len());
    bytes.extend(frame.schema_id.to_le_bytes());
    bytes.extend(cause.to_le_bytes());
    bytes.extend((key.len() as u32).to_le_bytes());
    bytes.extend(key);
    bytes.extend(frame.content);
    xxh3_64_with_seed(&bytes, before)
}
