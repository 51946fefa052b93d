//! Commands as an unsequenced writer sends them: each to the topic of its kind, with an id and a time of its own.
//!
//! Invariants:
//! 1. An id is never given twice, whichever process asks.
//! 2. A recorded log is written by `hoga feed` alone: its records bring the time of the recording.
//!
//! Left out on purpose: sending itself, and sending again; that is hoga-ingest's producer.

use crate::exit::Failure;
use hoga_core::records::RecordKind;
use hoga_core::{ClientId, Record, Timestamp, Topic};
use hoga_ingest::producer::{Producer, ProducerOptions};
use hoga_topics::{Log, TimeMode, TopicPartition};
use std::time::{Duration, SystemTime};

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

/// Sends commands, each to the topic of its kind.
pub struct Poster<'a>(Producer<'a>);

impl<'a> Poster<'a> {
    /// Writes to a wall log; a record is given up when it has no answer for that long.
    pub fn new(log: &'a dyn Log, timeout: Duration) -> Result<Self, Failure> {
        if log.time_mode() == TimeMode::Recorded {
            let what =
                "this is a recorded log: its past is fixed and only `hoga feed` writes to it; use another --data-dir";
            return Err(Failure::Unavailable(what.into()));
        }
        Ok(Self(Producer::new(log, ProducerOptions { timeout, ..ProducerOptions::default() })?))
    }

    /// Takes a command; it goes out with the next batch. Returns where it goes.
    pub fn send(&mut self, record: &Record) -> Result<TopicPartition, Failure> {
        let topic = topic_of(record.kind()).expect("only commands are posted");
        Ok(self.0.send(topic, record, None)?)
    }

    /// Sends out what was taken.
    pub fn flush(&mut self) -> Result<(), Failure> {
        Ok(self.0.flush()?)
    }

    /// Waits until all stand in the log and are durable.
    pub fn finish(self) -> Result<(), Failure> {
        self.0.finish()?;
        Ok(())
    }
}
