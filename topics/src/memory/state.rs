//! What stands behind the one lock of a memory log: partitions, what is under way, the order of all appends.

use super::faults::{Fault, Faults, Sent};
use super::{Clock, Durability, MemoryOptions};
use crate::catalogue::Partitions;
use crate::{Ack, Bounds, LogError, LogRecord, TimeMode, TopicPartition, Visibility};
use bytes::Bytes;
use hoga_core::Timestamp;
use std::collections::{BTreeMap, VecDeque};
use std::time::{SystemTime, UNIX_EPOCH};

/// A record that its writer has flushed.
pub(super) struct Outgoing {
    pub to: TopicPartition,
    pub key: Bytes,
    pub value: Bytes,
    pub time: Option<Timestamp>,
    pub token: u64,
}

struct Stored {
    record: LogRecord,
    /// Its number in the order of all appends of this log.
    sequence: u64,
}

#[derive(Default)]
struct Partition {
    start: u64,
    records: VecDeque<Stored>,
    last_time: Timestamp,
}

impl Partition {
    fn end(&self) -> u64 {
        self.start + self.records.len() as u64
    }

    fn durable_end(&self, durable: u64) -> u64 {
        self.start + self.records.partition_point(|stored| stored.sequence < durable) as u64
    }
}

/// What a writer waits for, in the order of sending.
struct Waiting {
    token: u64,
    due: Timestamp,
    /// None while the record has not landed.
    outcome: Option<Option<u64>>,
    id: u64,
}

/// A record that lands later.
struct Late {
    due: Timestamp,
    id: u64,
    writer: u64,
    record: Outgoing,
}

pub(super) struct State {
    mode: TimeMode,
    durability: Durability,
    max_record_bytes: usize,
    clock: Clock,
    pub counts: Partitions,
    partitions: BTreeMap<TopicPartition, Partition>,
    faults: Option<Box<dyn Faults>>,
    late: Vec<Late>,
    waiting: BTreeMap<(u64, TopicPartition), VecDeque<Waiting>>,
    sent: u64,
    writers: u64,
    appended: u64,
    durable: u64,
    crashes: u64,
}

impl State {
    pub fn new(options: MemoryOptions) -> Self {
        let partitions = options.partitions.iter().flat_map(|(topic, count)| {
            (0..count).map(move |partition| (TopicPartition::new(topic, partition), Partition::default()))
        });
        Self {
            mode: options.time_mode,
            durability: options.durability,
            max_record_bytes: options.max_record_bytes,
            clock: options.clock,
            partitions: partitions.collect(),
            counts: options.partitions,
            faults: options.faults,
            late: Vec::new(),
            waiting: BTreeMap::new(),
            sent: 0,
            writers: 0,
            appended: 0,
            durable: 0,
            crashes: 0,
        }
    }

    pub fn now(&self) -> Timestamp {
        match self.clock {
            Clock::Set(time) => time,
            Clock::Computer => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                Timestamp(since.as_millis() as i64)
            }
        }
    }

    pub fn set_time(&mut self, time: Timestamp) -> bool {
        self.clock = Clock::Set(time);
        self.land()
    }

    pub fn new_writer(&mut self) -> u64 {
        self.writers += 1;
        self.writers
    }

    pub fn crashes(&self) -> u64 {
        self.crashes
    }

    /// Whether a record may be sent.
    pub fn check(&self, to: TopicPartition, size: usize, time: Option<Timestamp>) -> Result<(), LogError> {
        self.partition(to)?;
        crate::log::check_record(to, size, self.max_record_bytes, time, self.mode)
    }

    /// Takes a flushed record and does to it what the faults decide.
    pub fn take(&mut self, writer: u64, record: Outgoing) {
        let sent = Sent { count: self.sent, to: record.to, key: &record.key, value: &record.value };
        let fault = self.faults.as_mut().map_or(Fault::None, |faults| faults.decide(&sent));
        let (id, token, to, now) = (self.sent, record.token, record.to, self.now());
        self.sent += 1;
        let (due, outcome) = match fault {
            Fault::None => (now, Some(Some(self.append(&record)))),
            Fault::DelayAck { ms } => (now.plus_ms(ms), Some(Some(self.append(&record)))),
            Fault::Lose => (now, Some(None)),
            Fault::LoseAck => {
                self.append(&record);
                (now, Some(None))
            }
            Fault::Repeat => {
                let offset = self.append(&record);
                self.append(&record);
                (now, Some(Some(offset)))
            }
            Fault::Late { ms } => {
                let due = now.plus_ms(ms);
                self.late.push(Late { due, id, writer, record });
                (due, None)
            }
        };
        self.waiting.entry((writer, to)).or_default().push_back(Waiting { token, due, outcome, id });
    }

    /// Appends what was late and is due; whether there was any.
    pub fn land(&mut self) -> bool {
        let now = self.now();
        self.late.sort_by_key(|late| (late.due, late.id));
        let due = self.late.partition_point(|late| late.due <= now);
        for late in self.late.drain(..due).collect::<Vec<_>>() {
            let offset = self.append(&late.record);
            let waiting = self.waiting.get_mut(&(late.writer, late.record.to));
            if let Some(answer) = waiting.and_then(|queue| queue.iter_mut().find(|answer| answer.id == late.id)) {
                answer.outcome = Some(Some(offset));
            }
        }
        due > 0
    }

    fn append(&mut self, record: &Outgoing) -> u64 {
        let now = self.now();
        let partition = self.partitions.get_mut(&record.to).expect("checked when it was sent");
        let time = record.time.unwrap_or_else(|| now.max(partition.last_time));
        partition.last_time = time;
        let offset = partition.end();
        let value = Some(record.value.clone());
        let record = LogRecord { offset, time, key: record.key.clone(), value };
        partition.records.push_back(Stored { record, sequence: self.appended });
        self.appended += 1;
        if self.durability == Durability::Immediate {
            self.durable = self.appended;
        }
        offset
    }

    /// Moves the answers that are due to `out`, for each partition in the order of sending.
    pub fn acks(&mut self, writer: u64, out: &mut Vec<Ack>) {
        self.land();
        let now = self.now();
        let first = TopicPartition::new(hoga_core::Topic::Owners, 0);
        for (_, queue) in self.waiting.range_mut((writer, first)..).take_while(|((owner, _), _)| *owner == writer) {
            while let Some(Waiting { token, outcome: Some(offset), .. }) = queue.front().filter(|a| a.due <= now) {
                out.push(Ack { token: *token, offset: *offset });
                queue.pop_front();
            }
        }
    }

    /// Puts a tombstone or any record there, as a foreign writer would.
    pub fn append_foreign(&mut self, to: TopicPartition, key: Bytes, value: Option<Bytes>, time: Timestamp) -> u64 {
        let record = Outgoing { to, key, value: Bytes::new(), time: Some(time), token: 0 };
        let offset = self.append(&record);
        let partition = self.partitions.get_mut(&to).expect("appended to it");
        partition.records.back_mut().expect("appended to it").record.value = value;
        offset
    }

    pub fn forget_writer(&mut self, writer: u64) {
        self.waiting.retain(|(owner, _), _| *owner != writer);
    }

    fn partition(&self, at: TopicPartition) -> Result<&Partition, LogError> {
        self.partitions.get(&at).ok_or(LogError::NoPartition(at))
    }

    pub fn bounds(&self, at: TopicPartition) -> Result<Bounds, LogError> {
        let partition = self.partition(at)?;
        let durable_end = partition.durable_end(self.durable);
        Ok(Bounds { start: partition.start, end: partition.end(), durable_end })
    }

    pub fn read(
        &self,
        at: TopicPartition,
        from: u64,
        visibility: Visibility,
        max: usize,
        out: &mut Vec<LogRecord>,
    ) -> Result<u64, LogError> {
        let bounds = self.bounds(at)?;
        crate::log::check_position(at, from, bounds)?;
        let end = if visibility == Visibility::Written { bounds.end } else { bounds.durable_end };
        let until = end.min(from.saturating_add(max as u64)).max(from);
        let skip = (from - bounds.start) as usize;
        let records = self.partition(at)?.records.iter().skip(skip).take((until - from) as usize);
        out.extend(records.map(|stored| stored.record.clone()));
        Ok(until)
    }

    pub fn cut(&mut self, at: TopicPartition, before: u64) -> Result<u64, LogError> {
        let durable = self.durable;
        let partition = self.partitions.get_mut(&at).ok_or(LogError::NoPartition(at))?;
        let before = before.clamp(partition.start, partition.durable_end(durable));
        partition.records.drain(..(before - partition.start) as usize);
        partition.start = before;
        Ok(before)
    }

    pub fn sync(&mut self) {
        self.durable = self.appended;
    }

    /// Keeps what is durable and the next `also` appends; forgets the rest and everything under way.
    pub fn crash(&mut self, also: u64) {
        let kept = self.durable.saturating_add(also).min(self.appended);
        for partition in self.partitions.values_mut() {
            let keep = partition.records.partition_point(|stored| stored.sequence < kept);
            partition.records.truncate(keep);
        }
        (self.appended, self.durable) = (kept, kept);
        self.late.clear();
        self.waiting.clear();
        self.crashes += 1;
    }
}
