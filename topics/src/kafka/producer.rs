//! Writes: two idempotent producers for all writers of a log, one for what machines read and one for what only others
//! read. A topic always has the same one, so that each partition has one order of sending. Why two:
//! docs/decisions/0033-two-producers.md.
//!
//! Invariants:
//! 1. A record is answered once: with its offset, or with none when it is not known whether it was appended.
//! 2. Answers with an offset come in the order of sending for each partition, as librdkafka reports them. When a
//!    producer is replaced, what it had queued is given up before what it had in flight.
//! 3. What no repeat would mend (a record larger than the broker takes, no permission) fails the log, by name.
//! 4. In flight is bounded by each producer's queue: a flush that finds it full blocks until something is answered.
//! 5. A producer that librdkafka gave up, or that answers nothing, is replaced. What was in flight is answered as not
//!    known first; that it may still be appended is what channels are for.

use super::client::{self, Client};
use super::ledger::{Ledger, Mailbox, Pending};
use super::troubles::Noting;
use super::{Core, settings};
use crate::{Ack, LogError, Signal, TopicPartition, Writer};
use hoga_core::{Timestamp, Topic};
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::{BaseRecord, Producer as _, ProducerContext, PurgeConfig, ThreadedProducer};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// A writer holds at most as many bytes back until it is flushed; then it flushes itself.
const MAX_UNSENT_BYTES: usize = 1 << 20;
/// And at most as many records.
const MAX_UNSENT: usize = 10_000;
/// Producers of a log.
const LINES: usize = 2;
/// Giving up what it holds takes a producer no longer.
const PURGED_WITHIN: Duration = Duration::from_secs(2);

/// Which producer a topic's records go by. A request carries one partition's records and few are out at a time, so what
/// a machine waits for would wait for its turn among everything that is told besides.
const fn line(topic: Topic) -> usize {
    use Topic::{
        Accounts, Books, Candles, Control, DeadLetters, Depth, Executions, Instruments, Journal, OrderEvents, Orders,
        Owners, Ticks,
    };
    match topic {
        Accounts | Books | Control | Executions | Orders | Owners | Ticks => 0,
        Candles | DeadLetters | Depth | Instruments | Journal | OrderEvents => 1,
    }
}

/// The producers and what is known of their records.
pub(super) struct Producer {
    client: Arc<Client>,
    signal: Arc<Signal>,
    lines: [Line; LINES],
    pub ledger: Arc<Ledger>,
}

/// One of them; another takes its place when it is of no use any more.
type Line = RwLock<Arc<ThreadedProducer<Deliveries>>>;

/// Takes the producer's reports, on its thread.
struct Deliveries {
    ledger: Arc<Ledger>,
    signal: Arc<Signal>,
    noting: Noting,
}

impl ClientContext for Deliveries {
    fn error(&self, error: KafkaError, reason: &str) {
        self.noting.error(error, reason);
    }

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.noting.log(level, facility, message);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Box<Pending>;

    fn delivery(&self, result: &DeliveryResult<'_>, pending: Box<Pending>) {
        let offset = match result {
            // A repeat that the broker recognised has no offset.
            Ok(message) => u64::try_from(message.offset()).ok(),
            Err((error, message)) => {
                if let Some(why) = refusal(error.rdkafka_error_code(), message.topic()) {
                    let (topic, partition) = (message.topic(), message.partition());
                    self.ledger.fail(format!("{topic}/{partition}: Kafka refused a record: {error}{why}"));
                }
                None
            }
        };
        if self.ledger.answer(*pending, offset) {
            self.signal.notify();
        }
    }
}

/// The way out, if sending again cannot help.
fn refusal(code: Option<RDKafkaErrorCode>, topic: &str) -> Option<String> {
    use RDKafkaErrorCode::{InvalidRecord, InvalidTimestamp, MessageSizeTooLarge};
    match code? {
        code if client::is_denial(code) => Some(client::needs("Write", "topic", topic)),
        MessageSizeTooLarge => Some(format!("; raise max.message.bytes of the topic {topic}")),
        InvalidRecord | InvalidTimestamp => Some(String::new()),
        _ => None,
    }
}

impl Producer {
    /// Connects in the background.
    pub fn new(client: Arc<Client>, signal: Arc<Signal>) -> Result<Self, LogError> {
        let ledger = Arc::<Ledger>::default();
        let line = || Ok::<Line, LogError>(RwLock::new(make(&client, &ledger, &signal)?));
        let lines = [line()?, line()?];
        Ok(Self { client, signal, lines, ledger })
    }

    /// Waits until everything sent before is answered.
    pub fn sync(&self) -> Result<(), LogError> {
        self.ledger.drain();
        self.ledger.check()
    }

    /// Names the partitions whose records got no answer for `stalled`; replaces the producer if librdkafka should have
    /// given them up long ago. Whether it did.
    pub fn look(&self, stalled: Duration) -> bool {
        for (at, records) in self.ledger.unanswered(stalled) {
            tracing::warn!(partition = %at, records, "records got no answer for {} s; they are sent until one comes", stalled.as_secs());
        }
        let hangs = self.ledger.silent_for(settings::GIVEN_UP_AFTER);
        if hangs {
            tracing::warn!("the producers do not answer: they are begun anew");
            self.begin_anew();
        }
        hangs
    }

    /// Gives up what is in flight, and goes on with new producers.
    pub fn begin_anew(&self) {
        for line in &self.lines {
            self.renew(line, &inner(line));
        }
    }

    /// Puts a new producer in the place of `old`, unless somebody did.
    fn renew(&self, line: &Line, old: &Arc<ThreadedProducer<Deliveries>>) {
        let mut inner = line.write().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&inner, old) {
            return;
        }
        match make(&self.client, &self.ledger, &self.signal) {
            Ok(new) => *inner = new,
            Err(error) => return self.ledger.fail(error.to_string()),
        }
        // What it still holds is answered as not known, before anything goes out by the new one.
        old.purge(PurgeConfig::default().queue().inflight());
        if let Err(error) = old.flush(PURGED_WITHIN) {
            tracing::warn!(%error, "the old producer keeps records that it was told to give up");
        }
    }

    /// Hands one record over; blocks while the queue is full.
    fn send(&self, unsent: &Unsent, bytes: &[u8], mailbox: &Mailbox) -> Result<(), LogError> {
        let Unsent { to, token, time, key_len, .. } = *unsent;
        let (key, value) = bytes.split_at(key_len);
        let pending = Box::new(self.ledger.sent(mailbox, to, token, bytes.len()));
        let mut record = BaseRecord::with_opaque_to(self.client.name(to.topic), pending);
        record.partition = Some(to.partition as i32);
        record.key = (!key.is_empty()).then_some(key);
        record.payload = Some(value);
        record.timestamp = time.map(|time| time.0);
        let line = &self.lines[line(to.topic)];
        loop {
            let inner = inner(line);
            let Err((error, back)) = inner.send(record) else { return Ok(()) };
            let given_up = inner.client().fatal_error();
            match error.rdkafka_error_code() {
                Some(RDKafkaErrorCode::QueueFull) => self.ledger.pause(),
                Some(_) if given_up.as_ref().is_some_and(|(code, _)| refusal(Some(*code), "").is_none()) => {
                    tracing::warn!(partition = %to, "the producer gave up and is begun anew: {given_up:?}");
                    self.renew(line, &inner);
                }
                _ => {
                    self.ledger.unsent(*back.delivery_opaque);
                    // After a fatal error that is all librdkafka says; which one it was tells more.
                    let error = given_up.map_or(error, |(code, _)| KafkaError::MessageProduction(code));
                    let what = format!("{to}: sending a record");
                    return Err(self.client.failed_needing(&what, "Write", self.client.name(to.topic), &error));
                }
            }
            if let Err(error) = self.ledger.check() {
                self.ledger.unsent(*back.delivery_opaque);
                return Err(error);
            }
            record = back;
        }
    }
}

fn inner(line: &Line) -> Arc<ThreadedProducer<Deliveries>> {
    line.read().unwrap_or_else(PoisonError::into_inner).clone()
}

fn make(
    client: &Client,
    ledger: &Arc<Ledger>,
    signal: &Arc<Signal>,
) -> Result<Arc<ThreadedProducer<Deliveries>>, LogError> {
    let noting = Noting(client.troubles.clone());
    let deliveries = Deliveries { ledger: ledger.clone(), signal: signal.clone(), noting };
    let made = settings::of_producer(&client.options).create_with_context(deliveries);
    Ok(Arc::new(made.map_err(|error| client.failed("setting up the producer", &error))?))
}

/// A record whose key and value lie in the writer's buffer.
struct Unsent {
    to: TopicPartition,
    key_len: usize,
    len: usize,
    time: Option<Timestamp>,
    token: u64,
}

/// Collects records until they are flushed.
pub(super) struct KafkaWriter {
    core: Arc<Core>,
    unsent: Vec<Unsent>,
    /// Their keys and values, one after the other.
    bytes: Vec<u8>,
    mailbox: Mailbox,
    in_flight: usize,
}

impl KafkaWriter {
    /// With nothing in flight.
    pub fn new(core: Arc<Core>) -> Self {
        Self { core, unsent: Vec::new(), bytes: Vec::new(), mailbox: Mailbox::default(), in_flight: 0 }
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
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(value);
        self.unsent.push(Unsent { to, key_len: key.len(), len: size, time, token });
        self.in_flight += 1;
        if self.bytes.len() >= MAX_UNSENT_BYTES || self.unsent.len() >= MAX_UNSENT { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), LogError> {
        let core = self.core.clone();
        if !self.unsent.is_empty() {
            core.producer.ledger.batches.record(self.unsent.len() as u64);
        }
        let mut result = core.producer.ledger.check();
        let mut bytes = &self.bytes[..];
        for unsent in self.unsent.drain(..) {
            let (its, others) = bytes.split_at(unsent.len);
            bytes = others;
            if result.is_ok() {
                result = core.producer.send(&unsent, its, &self.mailbox);
            }
            if result.is_err() {
                // After a failure nothing more goes out, or what follows would stand before what is sent again.
                let ack = Ack { token: unsent.token, offset: None };
                self.mailbox.lock().unwrap_or_else(PoisonError::into_inner).push(ack);
            }
        }
        self.bytes.clear();
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
