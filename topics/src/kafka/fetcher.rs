//! A thread with one consumer, which reads for many readers, each of another partition.
//!
//! Invariants:
//! 1. Only the thread speaks to the consumer, in the order of the commands it is given: nothing that was read for one
//!    reader reaches another that came later to the same partition.
//! 2. A reader's queue is bounded; its partition pauses when it is full and goes on when it is half empty.
//! 3. Records reach a queue in order, from the offset asked for. A hole is believed only after a second reading: a
//!    control record leaves one, and so would a record that got lost on the way here.

use super::client::{self, Client};
use super::settings;
use crate::{LogError, LogRecord, Signal, TopicPartition};
use bytes::Bytes;
use hoga_core::{Timestamp, Topic};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::{Offset, TopicPartitionList};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Commands and emptied queues are looked for so often when nothing comes.
const TICK: Duration = Duration::from_millis(5);
/// Records taken from the consumer before the next look at commands.
const BATCH: usize = 1_000;
/// A reader's queue is also full with so many bytes.
const MAX_QUEUED_BYTES: usize = 8 << 20;

/// What a reader and the thread share.
pub(super) struct Lane {
    pub at: TopicPartition,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    records: VecDeque<LogRecord>,
    bytes: usize,
}

fn size(record: &LogRecord) -> usize {
    record.key.len() + record.value.as_ref().map_or(0, Bytes::len)
}

impl Lane {
    /// Moves at most `max` records to `out`.
    pub fn take(&self, max: usize, out: &mut Vec<LogRecord>) {
        let mut queue = self.queue();
        let count = queue.records.len().min(max);
        let before = out.len();
        out.extend(queue.records.drain(..count));
        queue.bytes -= out[before..].iter().map(size).sum::<usize>();
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Command {
    Open(Arc<Lane>, u64),
    /// Begin again behind what is queued.
    Restart(TopicPartition),
    Close(TopicPartition),
}

#[derive(Default)]
struct Inbox {
    /// Partitions that have a reader here.
    taken: BTreeSet<TopicPartition>,
    commands: Vec<Command>,
}

#[derive(Default)]
struct Shared {
    inbox: Mutex<Inbox>,
    closing: AtomicBool,
    /// Counts offsets that Kafka did not have: whoever reads finds out whether it was its own.
    lost_offsets: AtomicU64,
    failure: Mutex<Option<String>>,
}

/// The thread; dropping it ends it.
pub(super) struct Fetcher {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Fetcher {
    /// Begins with no reader.
    pub fn start(client: &Client, signal: Arc<Signal>) -> Result<Self, LogError> {
        let consumer: BaseConsumer = settings::of_consumer(&client.options)
            .create()
            .map_err(|error| client.failed("setting up a consumer", &error))?;
        let shared = Arc::<Shared>::default();
        let work = Work {
            consumer,
            shared: shared.clone(),
            signal,
            topics: client.names().map(|(name, topic)| (name.to_owned(), topic)).collect(),
            names: client.names().map(|(name, topic)| (topic, name.to_owned())).collect(),
            lanes: BTreeMap::new(),
            max_queued: client.options.read_ahead_records.max(2),
        };
        let thread = std::thread::Builder::new().name("hoga-kafka-fetch".into()).spawn(move || work.run());
        let thread =
            thread.map_err(|source| LogError::Io { what: "starting a thread that reads Kafka".into(), source })?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Takes a partition for one reader, unless another has it.
    pub fn reserve(&self, at: TopicPartition) -> bool {
        self.inbox().taken.insert(at)
    }

    /// Reads a reserved partition from an offset on.
    pub fn open(&self, at: TopicPartition, from: u64) -> Arc<Lane> {
        let lane = Arc::new(Lane { at, queue: Mutex::default() });
        self.inbox().commands.push(Command::Open(lane.clone(), from));
        lane
    }

    /// Asks Kafka again for what follows the queue.
    pub fn restart(&self, at: TopicPartition) {
        self.inbox().commands.push(Command::Restart(at));
    }

    /// Gives a partition back.
    pub fn close(&self, at: TopicPartition) {
        let mut inbox = self.inbox();
        inbox.taken.remove(&at);
        inbox.commands.push(Command::Close(at));
    }

    /// How often Kafka did not have an offset.
    pub fn lost_offsets(&self) -> u64 {
        self.shared.lost_offsets.load(Ordering::Acquire)
    }

    /// Why nothing more will come, if so.
    pub fn check(&self) -> Result<(), LogError> {
        match &*self.shared.failure.lock().unwrap_or_else(PoisonError::into_inner) {
            None => Ok(()),
            Some(what) => Err(LogError::Failed(what.clone())),
        }
    }

    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        self.shared.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Fetcher {
    fn drop(&mut self) {
        self.shared.closing.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Reading {
    lane: Arc<Lane>,
    next: u64,
    paused: bool,
    /// The offset at which a hole was found; once more there, it is one.
    hole_at: Option<u64>,
}

struct Work {
    consumer: BaseConsumer,
    shared: Arc<Shared>,
    signal: Arc<Signal>,
    /// For look-up only, by Kafka's name.
    topics: HashMap<String, Topic>,
    names: BTreeMap<Topic, String>,
    lanes: BTreeMap<TopicPartition, Reading>,
    max_queued: usize,
}

impl Work {
    fn run(mut self) {
        while !self.shared.closing.load(Ordering::Acquire) {
            if let Err(error) = self.commands().and_then(|()| self.resume()).and_then(|()| self.read()) {
                self.fail(format!("reading Kafka: {error}"));
                return;
            }
        }
    }

    fn fail(&self, what: String) {
        *self.shared.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(what);
        self.signal.notify();
    }

    fn list(&self, at: TopicPartition, offset: Offset) -> KafkaResult<TopicPartitionList> {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.names[&at.topic], at.partition as i32, offset)?;
        Ok(list)
    }

    fn commands(&mut self) -> KafkaResult<()> {
        let commands = std::mem::take(&mut self.shared.inbox.lock().unwrap_or_else(PoisonError::into_inner).commands);
        for command in commands {
            match command {
                Command::Open(lane, from) => {
                    let at = lane.at;
                    self.consumer.incremental_assign(&self.list(at, client::offset(from))?)?;
                    self.lanes.insert(at, Reading { lane, next: from, paused: false, hole_at: None });
                }
                Command::Restart(at) => self.restart(at)?,
                Command::Close(at) => {
                    self.stop(at)?;
                    self.lanes.remove(&at);
                }
            }
        }
        Ok(())
    }

    /// From the thread's own position: a reader's is behind it by what is queued.
    fn restart(&mut self, at: TopicPartition) -> KafkaResult<()> {
        self.stop(at)?;
        let next = self.lanes[&at].next;
        self.consumer.incremental_assign(&self.list(at, client::offset(next))?)
    }

    /// Lets go of a partition. It goes on first: librdkafka would remember the pause when it comes again.
    fn stop(&mut self, at: TopicPartition) -> KafkaResult<()> {
        let list = self.list(at, Offset::Invalid)?;
        let reading = self.lanes.get_mut(&at).expect("a reader closes what it opened");
        if std::mem::take(&mut reading.paused) {
            self.consumer.resume(&list)?;
        }
        self.consumer.incremental_unassign(&list)
    }

    fn resume(&mut self) -> KafkaResult<()> {
        let (max_records, max_bytes) = (self.max_queued / 2, MAX_QUEUED_BYTES / 2);
        let ready = |reading: &Reading| {
            let queue = reading.lane.queue();
            reading.paused && queue.records.len() <= max_records && queue.bytes <= max_bytes
        };
        let ready: Vec<TopicPartition> =
            self.lanes.iter().filter(|(_, reading)| ready(reading)).map(|(at, _)| *at).collect();
        for at in ready {
            self.consumer.resume(&self.list(at, Offset::Invalid)?)?;
            self.lanes.get_mut(&at).expect("it was found there").paused = false;
        }
        Ok(())
    }

    /// Takes what is there, at most [`BATCH`] records; waits for the first.
    fn read(&mut self) -> KafkaResult<()> {
        let mut delivered = false;
        for index in 0..BATCH {
            let timeout = if index == 0 { TICK } else { Duration::ZERO };
            match self.consumer.poll(timeout) {
                None => break,
                Some(Ok(message)) => match deliver(&self.topics, &mut self.lanes, self.max_queued, &message) {
                    Delivery::Dropped => {}
                    Delivery::Queued => delivered = true,
                    Delivery::Full(at) => {
                        delivered = true;
                        // At once: until then the consumer gives more of it.
                        self.consumer.pause(&self.list(at, Offset::Invalid)?)?;
                    }
                    Delivery::Hole(at) => {
                        self.restart(at)?;
                        break;
                    }
                },
                Some(Err(error)) => self.judge(error)?,
            }
        }
        if delivered {
            self.signal.notify();
        }
        Ok(())
    }

    /// Most errors pass, as a broker that is away; some end the reading.
    fn judge(&self, error: KafkaError) -> KafkaResult<()> {
        use RDKafkaErrorCode::{
            AutoOffsetReset, Fatal, GroupAuthorizationFailed, OffsetOutOfRange, TopicAuthorizationFailed,
            UnknownTopicOrPartition,
        };
        match error.rdkafka_error_code() {
            Some(AutoOffsetReset | OffsetOutOfRange) => {
                self.shared.lost_offsets.fetch_add(1, Ordering::AcqRel);
                self.signal.notify();
                Ok(())
            }
            Some(Fatal | TopicAuthorizationFailed | GroupAuthorizationFailed | UnknownTopicOrPartition) => Err(error),
            _ => {
                tracing::warn!(%error, "reading Kafka; it goes on by itself");
                Ok(())
            }
        }
    }
}

enum Delivery {
    Dropped,
    Queued,
    Full(TopicPartition),
    Hole(TopicPartition),
}

fn deliver(
    topics: &HashMap<String, Topic>,
    lanes: &mut BTreeMap<TopicPartition, Reading>,
    max_queued: usize,
    message: &BorrowedMessage<'_>,
) -> Delivery {
    let topic = topics.get(message.topic()).copied();
    let at = topic.map(|topic| TopicPartition::new(topic, message.partition() as u32));
    let Some((at, reading)) = at.and_then(|at| Some((at, lanes.get_mut(&at)?))) else { return Delivery::Dropped };
    let offset = message.offset() as u64;
    if offset < reading.next {
        return Delivery::Dropped;
    }
    if offset > reading.next && reading.hole_at != Some(reading.next) {
        reading.hole_at = Some(reading.next);
        return Delivery::Hole(at);
    }
    reading.next = offset + 1;
    let bytes = |slice: &[u8]| Bytes::copy_from_slice(slice);
    let record = LogRecord {
        offset,
        time: Timestamp(message.timestamp().to_millis().unwrap_or(0)),
        key: message.key().map(bytes).unwrap_or_default(),
        value: message.payload().map(bytes),
    };
    let mut queue = reading.lane.queue();
    queue.bytes += size(&record);
    queue.records.push_back(record);
    let full = queue.records.len() >= max_queued || queue.bytes >= MAX_QUEUED_BYTES;
    if full && !reading.paused {
        reading.paused = true;
        return Delivery::Full(at);
    }
    Delivery::Queued
}
