//! Appends records as an unsequenced writer: each to the topic of its kind, in the partition of its key.
//!
//! Invariants:
//! 1. Each record's offset is known at the end, or [`Failure::TimedOut`] says that one is not. Sending it again is
//!    safe: a command's identity (its id and valid-until) is taken once.
//! 2. A recorded log is written by `hoga feed` alone: its records bring the time of the recording.

use crate::exit::Failure;
use hoga_core::records::RecordKind;
use hoga_core::{ClientId, Record, Timestamp, Topic};
use hoga_topics::{Ack, Log, TimeMode, TopicPartition, Writer, catalogue, partitioner};
use std::time::{Duration, Instant, SystemTime};

/// The time now, as a producer fills it in.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("the clock is past 1970");
    Timestamp(since.as_millis() as i64)
}

/// Makes ids for commands that bring none: time, process and a count, so no two are alike.
pub struct Ids {
    stem: String,
    count: u64,
}

impl Ids {
    /// Ids of this process.
    pub fn new() -> Self {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("the clock is past 1970");
        Self { stem: format!("h{:x}-{:x}", since.as_micros(), std::process::id()), count: 0 }
    }

    /// The next id.
    pub fn next(&mut self) -> ClientId {
        self.count += 1;
        ClientId::unchecked(&format!("{}-{:x}", self.stem, self.count))
    }
}

/// Where a command goes; `None` for what only machines and owners write.
pub fn topic_of(kind: RecordKind) -> Option<Topic> {
    match kind {
        RecordKind::PlaceOrder | RecordKind::AmendOrder | RecordKind::ReduceOrder | RecordKind::CancelOrder => {
            Some(Topic::Orders)
        }
        RecordKind::Deposit | RecordKind::Withdrawal => Some(Topic::Accounts),
        RecordKind::AssetListing
        | RecordKind::InstrumentListing
        | RecordKind::FeeSchedule
        | RecordKind::PhaseChange
        | RecordKind::RulesVersion => Some(Topic::Control),
        _ => None,
    }
}

/// Sends records and gathers their offsets.
pub struct Poster<'a> {
    log: &'a dyn Log,
    writer: Box<dyn Writer>,
    places: Vec<TopicPartition>,
    offsets: Vec<Option<u64>>,
    known: usize,
    value: Vec<u8>,
}

impl<'a> Poster<'a> {
    /// Writes to a wall log.
    pub fn new(log: &'a dyn Log) -> Result<Self, Failure> {
        if log.time_mode() == TimeMode::Recorded {
            let what =
                "this is a recorded log: its past is fixed and only `hoga feed` writes to it; use another --data-dir";
            return Err(Failure::Unavailable(what.into()));
        }
        let (places, offsets, value) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Self { log, writer: log.writer()?, places, offsets, known: 0, value })
    }

    /// Takes a record; it goes out with the next batch.
    pub fn send(&mut self, record: &Record) -> Result<TopicPartition, Failure> {
        let topic = topic_of(record.kind()).expect("only commands are posted");
        let key = catalogue::key_of(topic, record);
        let to = TopicPartition::new(topic, partitioner::partition(key.as_bytes(), self.log.partitions(topic)));
        self.value.clear();
        self.value.extend(hoga_schemas::encode(record));
        self.writer.send(to, key.as_bytes(), &self.value, None, self.places.len() as u64)?;
        self.places.push(to);
        self.offsets.push(None);
        Ok(to)
    }

    /// Sends out what was taken, and gathers the answers that have come.
    pub fn flush(&mut self) -> Result<(), Failure> {
        self.writer.flush()?;
        let mut acks: Vec<Ack> = Vec::new();
        self.writer.acks(&mut acks)?;
        for ack in acks {
            let index = ack.token as usize;
            if ack.offset.is_none() {
                return Err(self.not_known(index));
            }
            self.offsets[index] = ack.offset;
            self.known += 1;
        }
        Ok(())
    }

    /// Waits until all stand in the log and are durable; where each stands.
    pub fn finish(mut self, timeout: Duration) -> Result<Vec<(TopicPartition, u64)>, Failure> {
        let deadline = Instant::now() + timeout;
        loop {
            let seen = self.log.signal().version();
            self.flush()?;
            if self.known == self.places.len() {
                break;
            }
            if Instant::now() >= deadline {
                let first = self.offsets.iter().position(Option::is_none).expect("one is not known");
                return Err(self.not_known(first));
            }
            self.log.signal().wait(seen, Duration::from_millis(20));
        }
        self.log.sync()?;
        Ok(self.places.into_iter().zip(self.offsets.into_iter().flatten()).collect())
    }

    fn not_known(&self, index: usize) -> Failure {
        Failure::TimedOut(format!(
            "record {} of {} to {}: it is not known whether it stands there; send it again with the same id and valid-until, it counts once",
            index + 1,
            self.places.len(),
            self.places[index]
        ))
    }
}
