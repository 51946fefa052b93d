//! The bare loop: plain rdkafka consumers and producers in as many hops as hoga takes, without any code of hoga's.
//!
//! Each hop is a thread with a consumer and a producer of its own; a record is its number (8 bytes, the key) and
//! padding. The clients' settings are librdkafka's own, but that producers are idempotent and do not linger, as hoga's.
//!
//! Invariant: a round ends when every hop has read what was written for it, and the watcher too.

use super::chain::{Hop, Tells, To};
use super::place::{self, Place};
use crate::bench::flow::Flow;
use crate::bench::load::Load;
use crate::bench::machine::cpu_time;
use crate::bench::measured::{Measured, histogram};
use crate::exit::Failure;
use crate::stop::Stop;
use hoga_core::Topic;
use hoga_topics::kafka::KafkaOptions;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How long a consumer waits for a record before it looks whether to end.
const POLL: Duration = Duration::from_millis(50);
/// How long a full producer waits.
const FULL: Duration = Duration::from_millis(1);
/// How long connecting, and working through what was posted, may take each.
const DEADLINE: Duration = Duration::from_secs(120);
/// The number of records that are not followed.
const BESIDE: u64 = u64::MAX;

/// What a round does.
#[derive(Debug)]
pub struct Bare<'a> {
    /// The hops.
    pub hops: Vec<Hop>,
    /// Where records are posted.
    pub post_to: Topic,
    /// Where the last hop's records are watched.
    pub watch: Topic,
    /// How many of which size.
    pub flow: &'a Flow,
}

/// Counts of what was written to each topic and read by each reader, and whether to end.
struct Counts {
    written: BTreeMap<Topic, AtomicU64>,
    readers: Vec<(Topic, AtomicU64)>,
    end: AtomicBool,
    failure: Mutex<Option<String>>,
}

impl Counts {
    /// The hops are the first readers, the watcher the last.
    fn new(bare: &Bare<'_>) -> Self {
        let topics = bare.hops.iter().map(|hop| hop.reads).chain([bare.watch]);
        Self {
            written: Topic::ALL.iter().map(|topic| (*topic, AtomicU64::new(0))).collect(),
            readers: topics.map(|topic| (topic, AtomicU64::new(0))).collect(),
            end: AtomicBool::new(false),
            failure: Mutex::default(),
        }
    }

    fn fail(&self, error: &KafkaError) {
        let mut failure = self.failure.lock().expect("no holder of this lock panics");
        failure.get_or_insert_with(|| format!("the bare loop: {error}"));
    }

    fn check(&self) -> Result<(), Failure> {
        let failure = self.failure.lock().expect("no holder of this lock panics");
        failure.as_ref().map_or(Ok(()), |why| Err(Failure::Stopped(why.clone())))
    }

    fn ended(&self) -> bool {
        self.end.load(Ordering::Acquire)
    }

    /// Whether every reader has read what was written for it. What a record causes is counted before itself.
    fn drained(&self) -> bool {
        let mut readers = self.readers.iter();
        readers.all(|(topic, read)| read.load(Ordering::Acquire) >= self.written[topic].load(Ordering::Acquire))
    }
}

/// Sends records of a size and counts them.
struct Sender<'a> {
    producer: BaseProducer,
    set: &'a KafkaOptions,
    counts: &'a Counts,
    padding: Vec<u8>,
}

impl<'a> Sender<'a> {
    fn new(set: &'a KafkaOptions, counts: &'a Counts) -> Result<Self, KafkaError> {
        let mut config = place::client(set);
        config.set("enable.idempotence", "true").set("acks", "all").set("linger.ms", "0");
        Ok(Self { producer: config.create()?, set, counts, padding: vec![0; set.max_record_bytes] })
    }

    fn send(&self, topic: Topic, partition: u32, bytes: usize, number: u64) -> Result<(), KafkaError> {
        let (name, key) = (place::name(self.set, topic), number.to_be_bytes());
        let value = &self.padding[..bytes.saturating_sub(key.len()).min(self.padding.len())];
        self.counts.written[&topic].fetch_add(1, Ordering::AcqRel);
        let mut record = BaseRecord::to(&name).partition(partition as i32).key(&key[..]).payload(value);
        loop {
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((error, back)) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull) => {
                    record = back;
                    self.producer.poll(FULL);
                }
                Err((error, _)) => return Err(error),
            }
        }
    }

    /// Takes answers, so that the queue empties.
    fn poll(&self) {
        self.producer.poll(Duration::ZERO);
    }
}

/// A consumer at the beginning of all partitions of a topic.
fn consumer(set: &KafkaOptions, topic: Topic) -> Result<BaseConsumer, KafkaError> {
    let mut config = place::client(set);
    config.set("group.id", "hoga-bench").set("enable.auto.commit", "false");
    let consumer: BaseConsumer = config.create()?;
    let mut list = TopicPartitionList::new();
    for partition in 0..set.partitions.of(topic) {
        list.add_partition_offset(&place::name(set, topic), partition as i32, Offset::Beginning)?;
    }
    consumer.assign(&list)?;
    Ok(consumer)
}

/// Reads as the reader of that index until the end and gives each record's partition and number to `each`, then counts
/// it as read.
fn read(
    set: &KafkaOptions,
    counts: &Counts,
    reader: usize,
    mut each: impl FnMut(u32, u64) -> Result<(), KafkaError>,
) -> Result<(), KafkaError> {
    let (topic, count) = &counts.readers[reader];
    let consumer = consumer(set, *topic)?;
    while !counts.ended() {
        match consumer.poll(POLL) {
            None => {}
            Some(Err(error)) => return Err(error),
            Some(Ok(message)) => {
                let key = message.key().and_then(|key| key.try_into().ok());
                each(message.partition() as u32, key.map_or(BESIDE, u64::from_be_bytes))?;
                count.fetch_add(1, Ordering::AcqRel);
            }
        }
    }
    Ok(())
}

fn run_hop(set: &KafkaOptions, counts: &Counts, reader: usize, mut hop: Hop) -> Result<(), KafkaError> {
    let sender = Sender::new(set, counts)?;
    let mut turn = 0_u32;
    read(set, counts, reader, |partition, number| {
        for write in &mut hop.writes {
            let tells = if write.tells == Tells::Nothing { BESIDE } else { number };
            if write.tells == Tells::Forward && number == BESIDE {
                continue;
            }
            for _ in 0..write.share.next() {
                turn = turn.wrapping_add(1);
                let to = match write.to {
                    To::Same => partition,
                    To::Spread => turn % set.partitions.of(write.topic),
                };
                sender.send(write.topic, to, write.bytes, tells)?;
            }
        }
        sender.poll();
        Ok(())
    })
}

/// When each number was first seen.
fn watch(set: &KafkaOptions, counts: &Counts, records: u64) -> Result<Vec<Option<Instant>>, KafkaError> {
    let mut seen = vec![None; records as usize];
    read(set, counts, counts.readers.len() - 1, |_, number| {
        if let Some(first) = seen.get_mut(number as usize) {
            first.get_or_insert_with(Instant::now);
        }
        Ok(())
    })?;
    Ok(seen)
}

/// A round of it.
pub fn round(bare: Bare<'_>, stop: &Stop, place: &Place, load: Load) -> Result<Measured, Failure> {
    let (set, counts) = (&place.bare, Counts::new(&bare));
    thread::scope(|scope| {
        for (reader, hop) in bare.hops.iter().cloned().enumerate() {
            let counts = &counts;
            scope.spawn(move || run_hop(set, counts, reader, hop).unwrap_or_else(|error| counts.fail(&error)));
        }
        let watching = scope.spawn(|| {
            watch(set, &counts, load.records()).unwrap_or_else(|error| {
                counts.fail(&error);
                Vec::new()
            })
        });
        let posted = post(&bare, stop, set, &counts, load);
        counts.end.store(true, Ordering::Release);
        let seen = watching.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let (started, elapsed, cpu) = posted?;
        let mut latency = histogram();
        for (number, at) in (0..).zip(&seen).skip(load.warm as usize) {
            let Some(at) = at else { continue };
            let waited = at.saturating_duration_since(load.due(started, number));
            latency.record(waited.as_micros() as u64).expect("the histogram grows as needed");
        }
        Ok(Measured::new(latency, load.records(), elapsed, cpu))
    })
}

/// Posts and waits until all is worked through; when it began, how long it took, and this process's time on a core.
fn post(
    bare: &Bare<'_>,
    stop: &Stop,
    set: &KafkaOptions,
    counts: &Counts,
    load: Load,
) -> Result<(Instant, Duration, Duration), Failure> {
    let mut sender = Sender::new(set, counts).map_err(failed)?;
    let bytes = bare.flow.of(bare.post_to).bytes as usize;
    let partitions = set.partitions.of(bare.post_to);
    prime(&sender, counts)?;
    let cpu = cpu_time();
    let send = |sender: &mut Sender<'_>, number: u64| {
        sender.send(bare.post_to, (number % u64::from(partitions)) as u32, bytes, number).map_err(failed)?;
        sender.poll();
        Ok(())
    };
    let started = load.post(stop, &mut sender, send, |sender| {
        sender.poll();
        counts.check()
    })?;
    let sent = (started.elapsed(), cpu_time());
    drain(&sender, counts)?;
    let (elapsed, cpu_end) = if load.rate.is_some() { sent } else { (started.elapsed(), cpu_time()) };
    Ok((started, elapsed, cpu_end.saturating_sub(cpu)))
}

/// One record through every partition that is read: consumers are connected then, as hoga's are when it runs.
fn prime(sender: &Sender<'_>, counts: &Counts) -> Result<(), Failure> {
    for (topic, _) in &counts.readers {
        for partition in 0..sender.set.partitions.of(*topic) {
            sender.send(*topic, partition, 0, BESIDE).map_err(failed)?;
        }
    }
    drain(sender, counts)
}

fn drain(sender: &Sender<'_>, counts: &Counts) -> Result<(), Failure> {
    let began = Instant::now();
    sender.producer.flush(DEADLINE).map_err(failed)?;
    while !counts.drained() {
        counts.check()?;
        if began.elapsed() > DEADLINE {
            let what = format!("the bare loop did not work through its records within {} s", DEADLINE.as_secs());
            return Err(Failure::TimedOut(what));
        }
        thread::sleep(FULL);
    }
    Ok(())
}

fn failed(error: KafkaError) -> Failure {
    Failure::Stopped(format!("the bare loop: {error}"))
}
