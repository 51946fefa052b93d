//! Questions to Kafka and orders to it, each with a bound on its time and an error that says what was asked and where.

mod ends;

use super::troubles::{Noting, Troubles};
use super::{KafkaOptions, settings};
use crate::{LogError, TopicPartition};
use hoga_core::{Timestamp, Topic};
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::metadata::Metadata;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

/// No question takes longer: a broker that is not there is named within 10 s.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(8);

/// Between two tries of a question.
const RETRY_PAUSE: Duration = Duration::from_millis(50);

/// A try of a question that every broker can answer; whether trying again can help is known by then.
const TRY_TIMEOUT: Duration = Duration::from_secs(2);

/// A connection for everything but records.
pub(super) struct Client {
    pub options: KafkaOptions,
    /// In the order of [`Topic::ALL`].
    names: Vec<String>,
    pub troubles: Arc<Troubles>,
    queries: BaseConsumer<Noting>,
    admin: AdminClient<Noting>,
}

impl Client {
    /// Asks nothing yet.
    pub fn new(options: KafkaOptions) -> Result<Self, LogError> {
        let failed = |error| failed(&options, "setting up a client", &error, "");
        let troubles = Arc::<Troubles>::default();
        let noting = Noting(troubles.clone());
        let queries = settings::of_admin(&options).create_with_context(noting.clone()).map_err(failed)?;
        let admin = settings::of_admin(&options).create_with_context(noting).map_err(failed)?;
        let names = Topic::ALL.iter().map(|topic| format!("{}{topic}", options.topic_prefix)).collect();
        Ok(Self { options, names, troubles, queries, admin })
    }

    /// A topic's name in this Kafka.
    pub fn name(&self, topic: Topic) -> &str {
        &self.names[topic.index()]
    }

    /// Names and topics.
    pub fn names(&self) -> impl Iterator<Item = (&str, Topic)> {
        self.names.iter().map(String::as_str).zip(Topic::ALL.iter().copied())
    }

    /// Every partition of every topic.
    pub fn partitions(&self) -> impl Iterator<Item = TopicPartition> {
        let counts = self.options.partitions.iter();
        counts.flat_map(|(topic, count)| (0..count).map(move |partition| TopicPartition::new(topic, partition)))
    }

    /// What went wrong, while doing what.
    pub fn failed(&self, what: &str, error: &KafkaError) -> LogError {
        self.hear();
        let told = self.troubles.last().map(|told| format!(" ({told})"));
        failed(&self.options, what, error, &told.unwrap_or_default())
    }

    /// The same, where it takes a right that may be missing.
    pub fn failed_needing(&self, what: &str, operation: &str, topic: &str, error: &KafkaError) -> LogError {
        match code(error) {
            Some(code) if is_denial(code) => failed(&self.options, what, error, &needs(operation, "topic", topic)),
            _ => self.failed(what, error),
        }
    }

    /// Lets librdkafka tell what it has to tell: it does only while it is polled.
    fn hear(&self) {
        while self.queries.poll(Duration::from_millis(10)).is_some() {}
    }

    /// All topics.
    pub fn metadata(&self) -> Result<Metadata, LogError> {
        let started = Instant::now();
        loop {
            match self.queries.fetch_metadata(None, TRY_TIMEOUT) {
                Ok(metadata) => return Ok(metadata),
                Err(error) => {
                    self.hear();
                    if self.troubles.refused() || started.elapsed() + TRY_TIMEOUT > ANSWER_TIMEOUT {
                        return Err(self.failed("asking for the topics", &error));
                    }
                }
            }
        }
    }

    /// A consumer of its own.
    pub fn consumer(&self, change: impl FnOnce(&mut ClientConfig)) -> KafkaResult<BaseConsumer<Noting>> {
        let mut config = settings::of_consumer(&self.options);
        change(&mut config);
        config.create_with_context(Noting(self.troubles.clone()))
    }

    /// A partition's first offset, and the one after its last. A leader that changes or comes back is waited for.
    pub fn watermarks(&self, at: TopicPartition) -> Result<(u64, u64), LogError> {
        let bounds = self.ask(|left| self.queries.fetch_watermarks(self.name(at.topic), at.partition as i32, left));
        let (start, end) = bounds.map_err(|error| {
            let what = format!("{at}: asking for its offsets");
            self.failed_needing(&what, "Describe", self.name(at.topic), &error)
        })?;
        let offset = |offset: i64| {
            u64::try_from(offset).map_err(|_| LogError::Failed(format!("{at}: Kafka gave offset {offset} as a bound")))
        };
        Ok((offset(start)?, offset(end)?))
    }

    /// The first offset that was appended at or after a time; none: everything is older. A leader that changes or comes
    /// back is waited for.
    pub fn offset_at(&self, at: TopicPartition, time: Timestamp) -> Result<Option<u64>, LogError> {
        // A negative time would be one of Kafka's names for an offset.
        let asked = Offset::Offset(time.0.max(0));
        let answer = self.ask(|left| {
            let mut list = TopicPartitionList::new();
            list.add_partition_offset(self.name(at.topic), at.partition as i32, asked)?;
            let answer = self.queries.offsets_for_times(list, left)?;
            let element = answer.elements().into_iter().next();
            element.map(|element| element.error().map(|()| element.offset())).transpose()
        });
        match answer.map_err(|error| self.failed(&format!("{at}: asking for the offset of a time"), &error))? {
            Some(Offset::Offset(offset)) if offset >= 0 => Ok(Some(offset as u64)),
            Some(Offset::End) => Ok(None),
            other => Err(LogError::Failed(format!("{at}: Kafka answered a question for a time with {other:?}"))),
        }
    }

    /// Asks a partition's leader, with the time that is left for it, and once more while that may help. Which
    /// partitions there are was checked at the start: a broker that is just back knows none yet.
    fn ask<T>(&self, question: impl Fn(Duration) -> KafkaResult<T>) -> KafkaResult<T> {
        let started = Instant::now();
        loop {
            let left = ANSWER_TIMEOUT.saturating_sub(started.elapsed());
            match question(left) {
                Err(error) if passes(&error) && started.elapsed() + RETRY_PAUSE < ANSWER_TIMEOUT => {
                    std::thread::sleep(RETRY_PAUSE);
                    // librdkafka remembers for minutes that a partition had no leader, and asks nobody meanwhile: only
                    // an answer about all topics renews what it remembers. Without one, the next try tells.
                    let left = ANSWER_TIMEOUT.saturating_sub(started.elapsed());
                    let _ = self.queries.fetch_metadata(None, TRY_TIMEOUT.min(left));
                }
                answered => return answered,
            }
        }
    }

    /// Drops what is before an offset; the new start.
    pub fn delete_records(&self, at: TopicPartition, before: u64) -> Result<u64, LogError> {
        let what = format!("{at}: cutting before offset {before}");
        let failed = |error: &KafkaError| self.failed_needing(&what, "Delete", self.name(at.topic), error);
        let mut list = TopicPartitionList::new();
        let added = list.add_partition_offset(self.name(at.topic), at.partition as i32, offset(before));
        added.map_err(|error| failed(&error))?;
        let answer = self.administer(|admin, options| wait(admin.delete_records(&list, options)));
        let answer = answer.map_err(|error| failed(&error))?;
        let element = answer.elements().into_iter().next();
        match element.map(|element| (element.error(), element.offset())) {
            Some((Ok(()), Offset::Offset(start))) if start >= 0 => Ok(start as u64),
            Some((Err(error), _)) => Err(failed(&error)),
            other => Err(LogError::Failed(format!("{at}: Kafka answered a cut with {other:?}"))),
        }
    }

    /// Gives an order, which Kafka has to carry out within [`ANSWER_TIMEOUT`].
    pub fn administer<T>(&self, order: impl FnOnce(&AdminClient<Noting>, &AdminOptions) -> T) -> T {
        let timeout = Some(ANSWER_TIMEOUT);
        order(&self.admin, &AdminOptions::new().request_timeout(timeout).operation_timeout(timeout))
    }
}

/// An offset of ours as theirs: Kafka's are below 2^63.
pub(super) fn offset(offset: u64) -> Offset {
    Offset::Offset(i64::try_from(offset).unwrap_or(i64::MAX))
}

/// Whether asking again may help: the partition is moving, or the broker is away or just back. Of the protocol's errors
/// these are the ones that Kafka calls retriable and that a question to it or an order can meet.
fn passes(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        code(error),
        Some(
            Code::AllBrokersDown
                | Code::BrokerTransportFailure
                | Code::DestroyBroker
                | Code::OperationTimedOut
                | Code::Retry
                | Code::TimedOutQueue
                // A new topic is not known everywhere at once.
                | Code::UnknownPartition
                | Code::UnknownTopicOrPartition
                | Code::BrokerNotAvailable
                | Code::EligibleLeadersNotAvailable
                | Code::FencedLeaderEpoch
                | Code::KafkaStorageError
                | Code::LeaderNotAvailable
                | Code::ListenerNotFound
                | Code::NetworkException
                | Code::NotController
                | Code::NotEnoughReplicas
                | Code::NotEnoughReplicasAfterAppend
                | Code::NotLeaderForPartition
                // A leader that is new does not know yet how far all replicas are.
                | Code::OffsetNotAvailable
                | Code::PreferredLeaderNotAvailable
                | Code::ReplicaNotAvailable
                | Code::RequestTimedOut
                | Code::ThrottlingQuotaExceeded
                | Code::UnknownLeaderEpoch
        )
    )
}

/// An error that says where and, as far as `more` is known, why or what to do.
pub(super) fn failed(options: &KafkaOptions, what: &str, error: &KafkaError, more: &str) -> LogError {
    let what = format!("{what}, of Kafka at {} (does it run there, and may this client use it?)", options.brokers);
    let source = std::io::Error::other(format!("{error}{more}"));
    if passes(error) { LogError::Unanswered { what, source } } else { LogError::Io { what, source } }
}

/// What Kafka called it, also where it refused an order.
fn code(error: &KafkaError) -> Option<RDKafkaErrorCode> {
    match error {
        KafkaError::AdminOp(code) => Some(*code),
        other => other.rdkafka_error_code(),
    }
}

/// Whether Kafka refused for want of a right.
pub(super) fn is_denial(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode::{ClusterAuthorizationFailed, GroupAuthorizationFailed, TopicAuthorizationFailed};
    matches!(code, ClusterAuthorizationFailed | GroupAuthorizationFailed | TopicAuthorizationFailed)
}

/// The way out for a client that was denied something.
pub(super) fn needs(operation: &str, resource: &str, name: &str) -> String {
    format!(
        "; this client's principal needs the operation {operation} on the {resource} {name} (scripts/kafka-acls allows \
         what each role needs)"
    )
}

/// Waits for a future on this thread: the administrative calls are the only ones here.
pub(super) fn wait<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a question meets, and an order.
    fn check(code: RDKafkaErrorCode, unanswered: bool) {
        for error in [KafkaError::MetadataFetch(code), KafkaError::OffsetFetch(code), KafkaError::AdminOp(code)] {
            let told = failed(&KafkaOptions::default(), "asking", &error, "");
            assert_eq!(told.is_unanswered(), unanswered, "{told}");
        }
    }

    #[test]
    fn what_passes_by_itself_is_told_apart_from_a_refusal() {
        use RDKafkaErrorCode as Code;
        let passing = [
            Code::BrokerTransportFailure,
            Code::LeaderNotAvailable,
            Code::NotLeaderForPartition,
            Code::OffsetNotAvailable,
            Code::OperationTimedOut,
            Code::RequestTimedOut,
            Code::UnknownLeaderEpoch,
            Code::UnknownPartition,
        ];
        let lasting = [
            Code::Authentication,
            Code::ClusterAuthorizationFailed,
            Code::InvalidReplicationFactor,
            Code::OffsetOutOfRange,
            Code::TopicAlreadyExists,
            Code::TopicAuthorizationFailed,
            Code::UnsupportedVersion,
        ];
        passing.into_iter().for_each(|code| check(code, true));
        lasting.into_iter().for_each(|code| check(code, false));
    }
}
