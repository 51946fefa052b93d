//! A consumer at work: commands, pauses, records; and the thread that looks after it.
//!
//! Invariants:
//! 1. Records reach a queue in order, from the offset asked for. A hole is believed only after a second reading: a
//!    control record leaves one, and so would a record that got lost on the way here.
//! 2. A partition whose queue is full is let go of, and assigned again once there is room. librdkafka's own pause and
//!    resume would do, but a partition that resumes waits up to a second until librdkafka's thread looks at it.
//! 3. What asks librdkafka to do something, and so may wait for it, the thread does alone. Whoever else finds that it has
//!    to be done ([`Later`]) leaves everything as it is until then.
//! 4. The thread looks every [`TICK`] by itself: a consumer has been known not to tell that something came. One without
//!    readers sleeps until it gets one, or for [`IDLE_TICK`].
//! 5. A consumer knows where all topics are before it reads one more: librdkafka asks for a topic that it has not heard of
//!    at its next look at all topics, which is once a second, and a takeover would wait for that.

use super::{Command, Shared};
use crate::kafka::client::{self, Client};
use crate::kafka::lane::{Lane, Offer};
use crate::kafka::troubles::Noting;
use crate::{LogRecord, TopicPartition};
use bytes::{Bytes, BytesMut};
use hoga_core::{Timestamp, Topic};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::{Offset, TopicPartitionList};
use std::collections::{BTreeMap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Commands, emptied queues and records that nobody takes over are looked for so often.
const TICK: Duration = Duration::from_millis(5);
/// A consumer that nobody reads by (those of many outputs that were learned at once stay) is looked at so often.
const IDLE_TICK: Duration = Duration::from_secs(1);
/// A reader's records lie in pieces of memory of so many bytes, which go when the last record in them does.
const CHUNK_BYTES: usize = 16 << 10;
/// Records taken from the consumer before the next look at commands.
const BATCH: usize = 1_000;
/// What librdkafka was told of topics that it does not read it forgets after `metadata.max.age.ms`, by default 15 minutes.
const KNOWN_FOR: Duration = Duration::from_secs(300);
/// Without an answer by then it finds a topic by itself.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

struct Reading {
    lane: Arc<Lane>,
    /// Whether the consumer reads it. One whose queue is full is not read.
    assigned: bool,
    /// The offset at which a hole was found; once more there, it is one.
    hole_at: Option<u64>,
    /// Room for keys and values.
    chunk: BytesMut,
}

/// What is to be done before anything more is taken from the consumer.
enum Later {
    /// Its queue is full.
    LetGo(TopicPartition),
    /// It has a hole.
    ReadAgain(TopicPartition),
    /// The consumer is of no use any more.
    End(KafkaError),
}

pub(super) struct Work {
    consumer: BaseConsumer<Noting>,
    shared: Arc<Shared>,
    generation: u64,
    /// For look-up only, by Kafka's name.
    topics: HashMap<String, Topic>,
    names: BTreeMap<Topic, String>,
    readings: BTreeMap<TopicPartition, Reading>,
    later: Option<Later>,
    /// Records that were queued when the thread last looked.
    queued_before: u64,
    /// When the consumer was last told of all topics.
    told_of_topics: Option<Instant>,
}

/// What taking over brought.
#[derive(Default)]
struct Brought {
    records: u64,
    /// Something came for another reader than the one that took over.
    for_others: bool,
}

/// Until the log is closed, or the thread's generation is over.
pub(super) fn run(work: &Mutex<Work>, shared: &Shared) {
    let ended = catch_unwind(AssertUnwindSafe(|| {
        while !shared.closing.load(Ordering::Acquire) {
            let mut work = work.lock().expect("who took over has not panicked");
            if !work.current() {
                break;
            }
            let more = work.round()?;
            let tick = if work.readings.is_empty() { IDLE_TICK } else { TICK };
            drop(work);
            if shared.came.load(Ordering::Acquire) {
                // Whoever wanted to take it over meanwhile found the consumer locked.
                shared.signal.notify();
            }
            if !more {
                std::thread::park_timeout(tick);
            }
        }
        Ok::<_, KafkaError>(())
    }));
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(error)) => shared.end(error.to_string()),
        Err(_) => shared.end("a panic, whose message stands above".into()),
    }
}

impl Work {
    /// Reads what the commands say from now on.
    pub fn new(client: &Client, mut consumer: BaseConsumer<Noting>, shared: Arc<Shared>) -> Self {
        let coming = shared.clone();
        consumer.set_nonempty_callback(move || coming.comes());
        Self {
            consumer,
            generation: shared.generation.load(Ordering::Acquire),
            shared,
            topics: client.names().map(|(name, topic)| (name.to_owned(), topic)).collect(),
            names: client.names().map(|(name, topic)| (topic, name.to_owned())).collect(),
            readings: BTreeMap::new(),
            later: None,
            queued_before: 0,
            told_of_topics: None,
        }
    }

    /// What the thread does each time; whether there is more to do at once.
    fn round(&mut self) -> KafkaResult<bool> {
        match self.later.take() {
            None => {}
            Some(Later::LetGo(at)) => self.unassign(at)?,
            Some(Later::ReadAgain(at)) => self.restart(at)?,
            Some(Later::End(error)) => return Err(error),
        }
        self.commands()?;
        self.resume()?;
        // While readers take over by themselves, what came since is theirs.
        let idle = self.queued_before == self.shared.queued.load(Ordering::Acquire);
        let Brought { records, .. } = if idle { self.read(None) } else { Brought::default() };
        if records > 0 {
            self.shared.signal.notify();
        }
        self.queued_before = self.shared.queued.load(Ordering::Acquire);
        self.shared.rounds.fetch_add(1, Ordering::AcqRel);
        Ok(self.later.is_some() || records as usize == BATCH)
    }

    /// Takes what is there for all readers, on the thread of `own`'s; whether the consumer's thread has to go on.
    pub fn take_over(&mut self, own: TopicPartition) -> bool {
        if self.later.is_none() && self.read(Some(own)).for_others {
            self.shared.signal.notify();
        }
        self.later.is_some()
    }

    fn current(&self) -> bool {
        self.shared.generation.load(Ordering::Acquire) == self.generation
    }

    fn list(&self, at: TopicPartition, offset: Offset) -> KafkaResult<TopicPartitionList> {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.names[&at.topic], at.partition as i32, offset)?;
        Ok(list)
    }

    fn commands(&mut self) -> KafkaResult<()> {
        let commands = {
            let mut inbox = self.shared.inbox();
            // Commands of a later generation are not for this thread.
            if self.current() { std::mem::take(&mut inbox.commands) } else { Vec::new() }
        };
        if commands.iter().any(|command| matches!(command, Command::Open(_))) {
            self.learn_topics();
        }
        for command in commands {
            match command {
                Command::Open(lane) => self.open(lane)?,
                Command::Restart(lane) if self.reads(&lane) => self.restart(lane.at)?,
                Command::Skip(lane, from, to) if self.reads(&lane) => {
                    if lane.skip(from, to) {
                        self.shared.signal.notify();
                    }
                }
                Command::Close(lane) if self.reads(&lane) => {
                    self.unassign(lane.at)?;
                    self.readings.remove(&lane.at);
                }
                // Its reader was quicker.
                Command::Restart(_) | Command::Skip(..) | Command::Close(_) => {}
            }
        }
        Ok(())
    }

    /// Has the consumer told where all topics are, unless it was lately.
    fn learn_topics(&mut self) {
        if self.told_of_topics.is_some_and(|told| told.elapsed() < KNOWN_FOR) {
            return;
        }
        match self.consumer.fetch_metadata(None, ANSWER_TIMEOUT) {
            Ok(_) => self.told_of_topics = Some(Instant::now()),
            Err(error) => tracing::debug!(%error, "asking Kafka for all topics; reading goes on without"),
        }
    }

    fn reads(&self, lane: &Arc<Lane>) -> bool {
        self.readings.get(&lane.at).is_some_and(|reading| Arc::ptr_eq(&reading.lane, lane))
    }

    fn open(&mut self, lane: Arc<Lane>) -> KafkaResult<()> {
        let at = lane.at;
        self.readings.insert(at, Reading { lane, assigned: false, hole_at: None, chunk: BytesMut::new() });
        self.assign(at)
    }

    /// Reads a partition from behind its queue on.
    fn assign(&mut self, at: TopicPartition) -> KafkaResult<()> {
        let from = client::offset(self.readings[&at].lane.next());
        self.consumer.incremental_assign(&self.list(at, from)?)?;
        self.set_assigned(at, true);
        Ok(())
    }

    /// Reads a partition no more, and drops what librdkafka has of it.
    fn unassign(&mut self, at: TopicPartition) -> KafkaResult<()> {
        if self.set_assigned(at, false) {
            self.consumer.incremental_unassign(&self.list(at, Offset::Invalid)?)?;
        }
        Ok(())
    }

    fn restart(&mut self, at: TopicPartition) -> KafkaResult<()> {
        self.unassign(at)?;
        self.assign(at)
    }

    /// Whether it was before.
    fn set_assigned(&mut self, at: TopicPartition, assigned: bool) -> bool {
        let reading = self.readings.get_mut(&at).expect("it has a reader");
        std::mem::replace(&mut reading.assigned, assigned)
    }

    fn resume(&mut self) -> KafkaResult<()> {
        let ready = self.readings.iter().filter(|(_, reading)| !reading.assigned && reading.lane.has_room());
        for at in ready.map(|(at, _)| *at).collect::<Vec<_>>() {
            self.assign(at)?;
        }
        Ok(())
    }

    /// Takes what is there, at most [`BATCH`] records, until something is to be done before more is taken.
    fn read(&mut self, own: Option<TopicPartition>) -> Brought {
        let mut brought = Brought::default();
        self.shared.came.store(false, Ordering::Release);
        while self.later.is_none() {
            if brought.records as usize == BATCH {
                self.shared.came.store(true, Ordering::Release);
                break;
            }
            match self.consumer.poll(Duration::ZERO) {
                None => break,
                Some(Ok(message)) => {
                    let (at, offer) = deliver(&self.topics, &mut self.readings, &message);
                    match offer {
                        Offer::Dropped => continue,
                        Offer::Queued => {}
                        Offer::Full => self.later = Some(Later::LetGo(at)),
                        Offer::Hole(_) => self.later = Some(Later::ReadAgain(at)),
                    }
                    if !matches!(offer, Offer::Hole(_)) {
                        brought.records += 1;
                        brought.for_others |= Some(at) != own;
                    }
                }
                Some(Err(error)) => self.judge(error),
            }
        }
        if brought.records > 0 {
            self.shared.queued.fetch_add(brought.records, Ordering::AcqRel);
            self.shared.batches.record(brought.records);
        }
        brought
    }

    /// Most errors pass, as a broker that is away. Some are a partition's, and the watchdog finds out whose. After a
    /// fatal one this consumer is of no use.
    fn judge(&mut self, error: KafkaError) {
        use RDKafkaErrorCode::{AutoOffsetReset, Fatal, OffsetOutOfRange, TopicAuthorizationFailed};
        match error.rdkafka_error_code() {
            Some(Fatal) => self.later = Some(Later::End(error)),
            Some(AutoOffsetReset | OffsetOutOfRange | TopicAuthorizationFailed) => {
                self.shared.complaints.fetch_add(1, Ordering::AcqRel);
                self.shared.alarm.notify();
            }
            _ => tracing::debug!(%error, "reading Kafka; it goes on by itself"),
        }
    }
}

fn deliver(
    topics: &HashMap<String, Topic>,
    readings: &mut BTreeMap<TopicPartition, Reading>,
    message: &BorrowedMessage<'_>,
) -> (TopicPartition, Offer) {
    let topic = *topics.get(message.topic()).expect("only the log's topics are assigned");
    let at = TopicPartition::new(topic, message.partition() as u32);
    let Some(reading) = readings.get_mut(&at) else { return (at, Offer::Dropped) };
    let offset = message.offset() as u64;
    let Reading { lane, hole_at, chunk, .. } = reading;
    let offer = lane.offer(offset, *hole_at, || record(offset, message, chunk));
    if let Offer::Hole(expected) = offer {
        *hole_at = Some(expected);
    }
    (at, offer)
}

fn record(offset: u64, message: &BorrowedMessage<'_>, chunk: &mut BytesMut) -> LogRecord {
    let mut bytes = |slice: &[u8]| copy(slice, chunk);
    LogRecord {
        offset,
        time: Timestamp(message.timestamp().to_millis().unwrap_or(0)),
        key: message.key().map(&mut bytes).unwrap_or_default(),
        value: message.payload().map(bytes),
    }
}

/// A copy in the piece of memory that others of the same reader lie in: an allocation for each is what a record costs most.
fn copy(slice: &[u8], chunk: &mut BytesMut) -> Bytes {
    if slice.is_empty() {
        return Bytes::new();
    }
    if chunk.capacity() < slice.len() {
        *chunk = BytesMut::with_capacity(slice.len().max(CHUNK_BYTES));
    }
    chunk.extend_from_slice(slice);
    chunk.split().freeze()
}
