//! The Log on Apache Kafka: a topic of the catalogue is a topic there, an offset an offset.
//!
//! Reads and writes the topics of [`KafkaOptions`]; keeps nothing of its own. Two producers serve all writers
//! (`producer`); a thread with one consumer serves all readers, another one where a partition is read twice
//! (`fetcher`). A `watchdog` looks after all of them. Why it is like this: docs/decisions/0019-kafka-client.md.
//!
//! Invariants:
//! 1. Readers stand at offsets, never in a consumer group; nothing is committed, and an offset that is not there is an
//!    error, never a jump.
//! 2. Written and durable are one here: both end at the high watermark, behind which every in-sync replica stands.
//! 3. What stands in the log counts, also what a foreign producer's transaction left behind without committing it:
//!    an open transaction cannot hold up a partition. A control record takes an offset and is never seen.
//! 4. The broker never drops a record by itself; [`Log::cut`] alone does.
//! 5. A recorded log holds times from 1 ms after 1970 on: Kafka has no others.
//!
//! Left out on purpose: transactions (docs/architecture.md says why), and reading by consumer group: a [`Group`] only
//! shares out who wants what.

mod client;
mod fetcher;
mod group;
mod lane;
mod layout;
#[cfg(target_os = "linux")]
mod leaders;
mod ledger;
mod metrics;
mod probe;
mod producer;
mod reader;
mod settings;
#[cfg(test)]
mod tests;
mod topics;
mod troubles;
mod watchdog;

pub use group::Group;
pub use layout::KafkaLayout;
pub use metrics::{BUCKETS, Distribution, KafkaMetrics, ReaderMetrics};
pub use settings::FIXED_SETTINGS;

use crate::{Bounds, Log, LogError, Partitions, Reader, Signal, TimeMode, TopicPartition, Visibility, Writer, log};
use client::Client;
use fetcher::Fetchers;
use hoga_core::{Timestamp, Topic};
use producer::{KafkaWriter, Producer};
use reader::KafkaReader;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use watchdog::Watchdog;

/// A leader that is new may know of a partition's end later than its readers, by one fetch of its followers.
const NEW_LEADER: Duration = Duration::from_secs(2);

/// Which Kafka, and what its topics are to be like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KafkaOptions {
    /// Where to find it: `host:port`, several separated by commas.
    pub brokers: String,
    /// Stands before each topic's name; empty for none.
    pub topic_prefix: String,
    /// Partitions of each topic.
    pub partitions: Partitions,
    /// How many brokers hold each partition; all but one of them have to be in sync for a write to count.
    pub replication: u16,
    /// Where append times come from.
    pub time_mode: TimeMode,
    /// The most bytes of a record's key and value together.
    pub max_record_bytes: usize,
    /// A reader holds at most as many records that were not asked for yet.
    pub read_ahead_records: usize,
    /// More of librdkafka's settings, by its names: TLS and SASL. What this log depends on cannot be changed by them.
    pub client_settings: BTreeMap<String, String>,
}

impl Default for KafkaOptions {
    /// Three replicas of everything on `127.0.0.1:9092`.
    fn default() -> Self {
        Self {
            brokers: "127.0.0.1:9092".into(),
            topic_prefix: String::new(),
            partitions: Partitions::default(),
            replication: 3,
            time_mode: TimeMode::Wall,
            max_record_bytes: log::MAX_RECORD_BYTES,
            // A reader that was full waits for the request that is out: with 4,096 so often that it reads a third.
            read_ahead_records: 16_384,
            client_settings: BTreeMap::new(),
        }
    }
}

/// A log whose records are in Kafka. Clones share everything.
#[derive(Clone)]
pub struct KafkaLog {
    core: Arc<Core>,
}

/// What the log, its readers and its writers share.
struct Core {
    /// First of all to go: it uses the rest.
    watchdog: Watchdog,
    client: Arc<Client>,
    producer: Arc<Producer>,
    fetchers: Arc<Fetchers>,
    /// The highest start seen of each partition; what is before it is cut.
    starts: BTreeMap<TopicPartition, AtomicU64>,
    signal: Arc<Signal>,
}

impl KafkaLog {
    /// What is there under the options' prefix; `None`: nothing. Only the connection and the prefix of the options
    /// count.
    ///
    /// # Errors
    /// [`LogError::Unanswered`] when Kafka does not answer within 10 s, [`LogError::Io`] when it refuses.
    pub fn layout(options: &KafkaOptions) -> Result<Option<KafkaLayout>, LogError> {
        layout::read(&Client::new(options.clone())?)
    }

    /// How many brokers there are.
    ///
    /// # Errors
    /// [`LogError::Unanswered`] when Kafka does not answer within 10 s.
    pub fn brokers(options: &KafkaOptions) -> Result<u16, LogError> {
        let brokers = Client::new(options.clone())?.metadata()?.brokers().len();
        Ok(u16::try_from(brokers).unwrap_or(u16::MAX))
    }

    /// Makes the topics that are not there yet, and waits until they can be used; the names of those it made.
    ///
    /// # Errors
    /// [`LogError::Unanswered`] when Kafka does not answer within 10 s, [`LogError::Io`] when it refuses.
    pub fn create_topics(options: &KafkaOptions) -> Result<Vec<String>, LogError> {
        topics::create(&Client::new(options.clone())?)
    }

    /// Deletes the topics, with all that is in them: for logs that a benchmark or a test made for itself.
    ///
    /// # Errors
    /// As [`Self::create_topics`].
    pub fn delete_topics(options: &KafkaOptions) -> Result<(), LogError> {
        topics::delete(&Client::new(options.clone())?)
    }

    /// Compares the topics with the catalogue and the options.
    ///
    /// # Errors
    /// [`LogError::Layout`] names each topic that is missing or has other partitions, replicas or settings, with the
    /// command that mends it; [`LogError::Unanswered`] when Kafka does not answer within 10 s.
    pub fn check_topics(options: &KafkaOptions) -> Result<(), LogError> {
        topics::check(&Client::new(options.clone())?)
    }

    /// Connects, once [`Self::check_topics`] finds nothing wrong.
    ///
    /// # Errors
    /// As [`Self::check_topics`].
    pub fn connect(options: KafkaOptions) -> Result<Self, LogError> {
        let client = Arc::new(Client::new(options)?);
        topics::check(&client)?;
        #[cfg(target_os = "linux")]
        let passed_over = leaders::are_passed_over();
        #[cfg(not(target_os = "linux"))]
        let passed_over = false;
        if !passed_over {
            tracing::warn!(
                "this build does not pass over leaders named with a refusal: a broker that comes back may end it"
            );
        }
        let (signal, alarm) = (Arc::<Signal>::default(), Arc::<Signal>::default());
        let producer = Arc::new(Producer::new(client.clone(), signal.clone())?);
        let fetchers = Arc::new(Fetchers::new(client.clone(), signal.clone(), alarm.clone()));
        let starts = client.partitions().map(|at| (at, AtomicU64::new(0))).collect();
        let watchdog =
            Watchdog::start(client.clone(), fetchers.clone(), producer.clone(), signal.clone(), alarm.clone())?;
        Ok(Self { core: Arc::new(Core { watchdog, client, producer, fetchers, starts, signal }) })
    }

    /// What was counted since it was connected. Asks Kafka nothing.
    pub fn metrics(&self) -> KafkaMetrics {
        let Core { watchdog, client, producer, fetchers, .. } = &*self.core;
        let mut metrics = KafkaMetrics { restarts: watchdog.restarts(), ..KafkaMetrics::default() };
        metrics.lost_connections = client.troubles.lost_connections();
        for fetcher in fetchers.all() {
            metrics.readers.extend(fetcher.lanes().iter().map(|lane| lane.metrics()));
            metrics.read_batch_records += fetcher.batches();
        }
        producer.ledger.add_to(&mut metrics);
        metrics
    }
}

impl Core {
    fn start_of(&self, at: TopicPartition) -> Result<&AtomicU64, LogError> {
        self.starts.get(&at).ok_or(LogError::NoPartition(at))
    }

    fn bounds(&self, at: TopicPartition) -> Result<Bounds, LogError> {
        let known_start = self.start_of(at)?;
        let (start, end) = self.client.watermarks(at)?;
        let start = start.max(known_start.fetch_max(start, Ordering::AcqRel));
        Ok(Bounds { start, end, durable_end: end })
    }
}

impl Log for KafkaLog {
    fn time_mode(&self) -> TimeMode {
        self.core.client.options.time_mode
    }

    fn partitions(&self, topic: Topic) -> u32 {
        self.core.client.options.partitions.of(topic)
    }

    fn max_record_bytes(&self) -> usize {
        self.core.client.options.max_record_bytes
    }

    fn bounds(&self, partition: TopicPartition) -> Result<Bounds, LogError> {
        self.core.bounds(partition)
    }

    fn offset_at(&self, at: TopicPartition, time: Timestamp) -> Result<u64, LogError> {
        let Bounds { start, end, .. } = self.core.bounds(at)?;
        let found = self.core.client.offset_at(at, time)?;
        Ok(found.map_or(end, |offset| offset.max(start)))
    }

    fn reader(&self, at: TopicPartition, from: u64, _: Visibility) -> Result<Box<dyn Reader>, LogError> {
        let started = Instant::now();
        loop {
            match log::check_position(at, from, self.core.bounds(at)?) {
                Ok(()) => return Ok(Box::new(KafkaReader::new(self.core.clone(), at, from)?)),
                Err(LogError::PastEnd { .. }) if started.elapsed() < NEW_LEADER => std::thread::sleep(NEW_LEADER / 20),
                Err(error) => return Err(error),
            }
        }
    }

    fn writer(&self) -> Result<Box<dyn Writer>, LogError> {
        Ok(Box::new(KafkaWriter::new(self.core.clone())))
    }

    fn cut(&self, at: TopicPartition, before: u64) -> Result<u64, LogError> {
        let Bounds { start, end, .. } = self.core.bounds(at)?;
        if before <= start {
            return Ok(start);
        }
        let start = self.core.client.delete_records(at, before.min(end))?;
        Ok(start.max(self.core.start_of(at)?.fetch_max(start, Ordering::AcqRel)))
    }

    fn sync(&self) -> Result<(), LogError> {
        self.core.producer.sync()
    }

    fn signal(&self) -> &Signal {
        &self.core.signal
    }
}
