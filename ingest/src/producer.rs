//! Sends records to topics and knows what became of each.
//!
//! Invariants:
//! 1. A record is forgotten only when its offset is known.
//! 2. With `resend`, a record whose fate is not known goes again; its identity (client id and valid-until) makes a
//!    repeat harmless. It may then stand behind what was sent after it. Without, that is an error: whoever needs the
//!    order starts again from what stands.
//! 3. At most `max_in_flight` records are without an answer.
//!
//! Left out on purpose: making identities, and waiting for what the exchange answers.

mod waiting;

use hoga_core::{Record, Timestamp, Topic};
use hoga_topics::{Ack, Log, LogError, TopicPartition, Writer, catalogue, partitioner};
use std::time::{Duration, Instant};
use waiting::{InFlight, Waiting};

/// Why records cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum ProduceError {
    /// The log refused.
    #[error("sending to {to}: {source}")]
    Send {
        /// Where to.
        to: TopicPartition,
        /// Why.
        source: LogError,
    },
    /// The log failed while answers were awaited.
    #[error("waiting for {waiting} acknowledgements: {source}")]
    Acks {
        /// How many were without an answer.
        waiting: usize,
        /// Why.
        source: LogError,
    },
    /// No answer in time.
    #[error(
        "{waiting} records have no acknowledgement after {seconds} s; they may stand in the log or not: sending them again with the same ids is safe"
    )]
    Timeout {
        /// How many.
        waiting: usize,
        /// How long it was waited.
        seconds: u64,
    },
    /// A record's fate is not known, and order matters.
    #[error("{to}: the log does not know whether a record was appended; start again, what stands is found there")]
    Unknown {
        /// Where it was sent.
        to: TopicPartition,
    },
}

/// How to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProducerOptions {
    /// Records without an answer, at most.
    pub max_in_flight: usize,
    /// Whether a record whose fate is not known goes again.
    pub resend: bool,
    /// How long to wait for an answer before giving up.
    pub timeout: Duration,
}

impl Default for ProducerOptions {
    fn default() -> Self {
        Self { max_in_flight: 4_096, resend: true, timeout: Duration::from_secs(30) }
    }
}

/// How far a producer is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sent {
    /// Records taken.
    pub taken: u64,
    /// Of these, those that stand in the log.
    pub acknowledged: u64,
    /// Records that went again.
    pub resent: u64,
}

/// Sends records to any topic.
pub struct Producer<'a> {
    log: &'a dyn Log,
    writer: Box<dyn Writer>,
    options: ProducerOptions,
    waiting: Waiting,
    acks: Vec<Ack>,
    sent: Sent,
}

impl<'a> Producer<'a> {
    /// A producer of its own.
    pub fn new(log: &'a dyn Log, options: ProducerOptions) -> Result<Self, LogError> {
        assert!(options.max_in_flight > 0, "a producer needs room for one record");
        let writer = log.writer()?;
        let (waiting, acks) = (Waiting::default(), Vec::new());
        Ok(Self { log, writer, options, waiting, acks, sent: Sent::default() })
    }

    /// Sends a record to its topic's partition by its key. `time` is for recorded logs only. Returns where it goes.
    pub fn send(
        &mut self,
        topic: Topic,
        record: &Record,
        time: Option<Timestamp>,
    ) -> Result<TopicPartition, ProduceError> {
        let key = catalogue::key_of(topic, record);
        let partition =
            if key.is_empty() { 0 } else { partitioner::partition(key.as_bytes(), self.log.partitions(topic)) };
        let to = TopicPartition::new(topic, partition);
        self.send_to(to, record, time)?;
        Ok(to)
    }

    /// Sends a record to a partition.
    pub fn send_to(
        &mut self,
        to: TopicPartition,
        record: &Record,
        time: Option<Timestamp>,
    ) -> Result<(), ProduceError> {
        self.wait_until(self.options.max_in_flight - 1)?;
        let key = catalogue::key_of(to.topic, record).as_bytes().to_vec();
        let record = InFlight { to, key, value: hoga_schemas::encode(record), time };
        self.sent.taken += 1;
        send(&mut *self.writer, self.waiting.next_token(), &record)?;
        self.waiting.push(record);
        Ok(())
    }

    /// Sends out what was taken, without waiting.
    pub fn flush(&mut self) -> Result<(), ProduceError> {
        let waiting = self.waiting.len();
        self.writer.flush().map_err(|source| ProduceError::Acks { waiting, source })?;
        self.take_acks()
    }

    /// Waits until every record stands in the log.
    pub fn settle(&mut self) -> Result<Sent, ProduceError> {
        self.wait_until(0)?;
        Ok(self.sent)
    }

    /// Waits until every record stands in the log and is durable.
    pub fn finish(mut self) -> Result<Sent, ProduceError> {
        let sent = self.settle()?;
        self.log.sync().map_err(|source| ProduceError::Acks { waiting: 0, source })?;
        Ok(sent)
    }

    /// How far it is.
    pub fn sent(&self) -> Sent {
        self.sent
    }

    /// Waits until at most `left` records are without an answer.
    fn wait_until(&mut self, left: usize) -> Result<(), ProduceError> {
        if self.waiting.len() <= left {
            return Ok(());
        }
        let deadline = Instant::now() + self.options.timeout;
        loop {
            let seen = self.log.signal().version();
            self.flush()?;
            if self.waiting.len() <= left {
                return Ok(());
            }
            let time_left = deadline.saturating_duration_since(Instant::now());
            if time_left.is_zero() {
                let (waiting, seconds) = (self.waiting.len(), self.options.timeout.as_secs());
                return Err(ProduceError::Timeout { waiting, seconds });
            }
            self.log.signal().wait(seen, time_left.min(Duration::from_millis(50)));
        }
    }

    fn take_acks(&mut self) -> Result<(), ProduceError> {
        let waiting = self.waiting.len();
        let mut acks = std::mem::take(&mut self.acks);
        self.writer.acks(&mut acks).map_err(|source| ProduceError::Acks { waiting, source })?;
        acks.drain(..).try_for_each(|ack| self.answered(&ack))?;
        self.acks = acks;
        Ok(())
    }

    fn answered(&mut self, ack: &Ack) -> Result<(), ProduceError> {
        let Some(record) = self.waiting.get(ack.token) else { return Ok(()) };
        if ack.offset.is_some() {
            self.sent.acknowledged += 1;
            self.waiting.answered(ack.token);
            return Ok(());
        }
        if !self.options.resend {
            return Err(ProduceError::Unknown { to: record.to });
        }
        self.sent.resent += 1;
        send(&mut *self.writer, ack.token, record)
    }
}

fn send(writer: &mut dyn Writer, token: u64, record: &InFlight) -> Result<(), ProduceError> {
    let InFlight { to, key, value, time } = record;
    writer.send(*to, key, value, *time, token).map_err(|source| ProduceError::Send { to: *to, source })
}

#[cfg(test)]
mod tests;
