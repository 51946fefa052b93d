//! Writes: one idempotent producer for all writers of a log, so that each partition has one order of sending.
//!
//! Invariants:
//! 1. A record is answered once: with its offset, or with none when it is not known whether it was appended.
//! 2. Answers of one partition come in the order of sending, as librdkafka reports them.
//! 3. What no repeat would mend (a record larger than the broker takes, no permission) fails the log, by name.
//! 4. In flight is bounded by the producer's queue: a flush that finds it full blocks until something is answered.

use super::client::{self, Client};
use super::{Core, settings};
use crate::{Ack, LogError, Signal, TopicPartition, Writer};
use hoga_core::Timestamp;
use rdkafka::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::{BaseRecord, ProducerContext, ThreadedProducer};
use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// A writer holds at most as many bytes back until it is flushed; then it flushes itself.
const MAX_UNSENT_BYTES: usize = 1 << 20;
/// And at most as many records.
const MAX_UNSENT: usize = 10_000;
/// How often a full queue is looked at again, should no answer wake before.
const FULL_QUEUE_PAUSE: Duration = Duration::from_millis(20);

/// The producer and what is known of its records.
pub(super) struct Producer {
    inner: ThreadedProducer<Deliveries>,
    ledger: Arc<Ledger>,
}

/// Where a writer's answers go.
type Mailbox = Arc<Mutex<Vec<Ack>>>;

/// Travels with a record until it is answered.
pub(super) struct Pending {
    mailbox: Mailbox,
    token: u64,
    generation: u64,
}

/// What is in flight, by the sync before which it was sent.
#[derive(Default)]
struct Ledger {
    state: Mutex<LedgerState>,
    answered: Condvar,
}

#[derive(Default)]
struct LedgerState {
    generation: u64,
    outstanding: BTreeMap<u64, u64>,
    failure: Option<String>,
}

impl Ledger {
    fn sent(&self) -> u64 {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let generation = state.generation;
        *state.outstanding.entry(generation).or_default() += 1;
        generation
    }

    fn answered(&self, generation: u64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let left = state.outstanding.get_mut(&generation).expect("it was sent");
        *left -= 1;
        if *left == 0 {
            state.outstanding.remove(&generation);
        }
        drop(state);
        self.answered.notify_all();
    }

    fn fail(&self, what: String) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).failure.get_or_insert(what);
    }

    fn check(&self) -> Result<(), LogError> {
        match &self.state.lock().unwrap_or_else(PoisonError::into_inner).failure {
            None => Ok(()),
            Some(what) => Err(LogError::Failed(what.clone())),
        }
    }

    /// Waits for the next answer, but not for long.
    fn pause(&self) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.answered.wait_timeout(state, FULL_QUEUE_PAUSE));
    }

    /// Waits until everything sent before is answered; each record is, within the producer's timeout.
    fn drain(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let before = state.generation;
        state.generation += 1;
        while state.outstanding.first_key_value().is_some_and(|(generation, _)| *generation <= before) {
            state = self.answered.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Takes the producer's reports, on its thread.
struct Deliveries {
    ledger: Arc<Ledger>,
    signal: Arc<Signal>,
}

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Box<Pending>;

    fn delivery(&self, result: &DeliveryResult<'_>, pending: Box<Pending>) {
        let offset = match result {
            // A repeat that the broker recognised has no offset.
            Ok(message) => u64::try_from(message.offset()).ok(),
            Err((error, message)) => {
                if is_permanent(error) {
                    let (topic, partition) = (message.topic(), message.partition());
                    self.ledger.fail(format!("{topic}/{partition}: Kafka refused a record: {error}"));
                }
                None
            }
        };
        let mut mailbox = pending.mailbox.lock().unwrap_or_else(PoisonError::into_inner);
        // Who waits has seen it empty; one signal is enough until it is emptied again.
        let was_empty = mailbox.is_empty();
        mailbox.push(Ack { token: pending.token, offset });
        drop(mailbox);
        self.ledger.answered(pending.generation);
        if was_empty {
            self.signal.notify();
        }
    }
}

/// Whether sending again cannot help.
fn is_permanent(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{
        ClusterAuthorizationFailed, Fatal, InvalidRecord, InvalidTimestamp, MessageSizeTooLarge,
        TopicAuthorizationFailed,
    };
    matches!(
        error.rdkafka_error_code(),
        Some(
            ClusterAuthorizationFailed
                | Fatal
                | InvalidRecord
                | InvalidTimestamp
                | MessageSizeTooLarge
                | TopicAuthorizationFailed
        )
    )
}

impl Producer {
    /// Connects in the background.
    pub fn new(client: &Client, signal: Arc<Signal>) -> Result<Self, LogError> {
        let ledger = Arc::new(Ledger::default());
        let deliveries = Deliveries { ledger: ledger.clone(), signal };
        let inner = settings::of_producer(&client.options).create_with_context(deliveries);
        Ok(Self { inner: inner.map_err(|error| client.failed("setting up the producer", &error))?, ledger })
    }

    /// Waits until everything sent before is answered.
    pub fn sync(&self) -> Result<(), LogError> {
        self.ledger.drain();
        self.ledger.check()
    }

    /// Hands one record over; blocks while the queue is full.
    fn send(&self, client: &Client, unsent: &Unsent, mailbox: &Mailbox) -> Result<(), LogError> {
        let Unsent { to, token, .. } = *unsent;
        let generation = self.ledger.sent();
        let pending = Box::new(Pending { mailbox: mailbox.clone(), token, generation });
        let mut record = BaseRecord::with_opaque_to(client.name(to.topic), pending);
        record.partition = Some(to.partition as i32);
        record.key = (!unsent.key.is_empty()).then_some(&unsent.key[..]);
        record.payload = Some(&unsent.value[..]);
        record.timestamp = unsent.time.map(|time| time.0);
        loop {
            match self.inner.send(record) {
                Ok(()) => return Ok(()),
                Err((error, back)) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull) => {
                    record = back;
                    self.ledger.pause();
                }
                Err((error, _)) => {
                    self.ledger.answered(generation);
                    return Err(client::failed(&client.options, &format!("{to}: sending a record"), &error));
                }
            }
        }
    }
}

struct Unsent {
    to: TopicPartition,
    key: Box<[u8]>,
    value: Box<[u8]>,
    time: Option<Timestamp>,
    token: u64,
}

/// Collects records until they are flushed.
pub(super) struct KafkaWriter {
    core: Arc<Core>,
    unsent: Vec<Unsent>,
    unsent_bytes: usize,
    mailbox: Mailbox,
    in_flight: usize,
}

impl KafkaWriter {
    /// With nothing in flight.
    pub fn new(core: Arc<Core>) -> Self {
        Self { core, unsent: Vec::new(), unsent_bytes: 0, mailbox: Mailbox::default(), in_flight: 0 }
    }
}

impl Writer for KafkaWriter {
    fn send(
        &mut self,
        to: TopicPartition,
        key: &[u8],
        value: &[u8],
        time: Option<Timestamp>,
        token: u64,
    ) -> Result<(), LogError> {
        let options = &self.core.client.options;
        self.core.start_of(to)?;
        let (size, limit) = (key.len() + value.len(), options.max_record_bytes);
        crate::log::check_record(to, size, limit, time, options.time_mode)?;
        if let Some(time) = time.filter(|time| time.0 <= 0) {
            return Err(LogError::Time { partition: to, time });
        }
        self.unsent.push(Unsent { to, key: key.into(), value: value.into(), time, token });
        self.unsent_bytes += size;
        self.in_flight += 1;
        if self.unsent_bytes >= MAX_UNSENT_BYTES || self.unsent.len() >= MAX_UNSENT { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), LogError> {
        self.unsent_bytes = 0;
        let core = self.core.clone();
        let mut result = core.producer.ledger.check();
        for unsent in self.unsent.drain(..) {
            if result.is_ok() {
                result = core.producer.send(&core.client, &unsent, &self.mailbox);
            }
            if result.is_err() {
                // After a failure nothing more goes out, or what follows would stand before what is sent again.
                let ack = Ack { token: unsent.token, offset: None };
                self.mailbox.lock().unwrap_or_else(PoisonError::into_inner).push(ack);
            }
        }
        result
    }

    fn acks(&mut self, out: &mut Vec<Ack>) -> Result<(), LogError> {
        let mut mailbox = self.mailbox.lock().unwrap_or_else(PoisonError::into_inner);
        self.in_flight -= mailbox.len();
        out.append(&mut mailbox);
        drop(mailbox);
        self.core.producer.ledger.check()
    }

    fn in_flight(&self) -> usize {
        self.in_flight
    }
}
