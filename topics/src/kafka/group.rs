//! Placement by consumer group: which partitions of some machines' inputs are this process's to want.
//!
//! Invariants:
//! 1. It only joins: what is assigned is paused before it could be read, and nothing is ever committed. Records are
//!    read elsewhere, so a long replay cannot throw a process out of its group.
//! 2. Nothing depends on the group for safety: two members that both believe to have a partition are sorted out by
//!    their claims in `owners`.

use super::client::{self, failed};
use super::{KafkaOptions, settings};
use crate::{LogError, TopicPartition};
use hoga_core::{MachineKind, Topic};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{ClientContext, TopicPartitionList};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A member of a consumer group; dropping it leaves the group at once.
pub struct Group {
    name: String,
    options: KafkaOptions,
    consumer: BaseConsumer<Member>,
}

impl Group {
    /// Begins to join: the partitions of the machines' input topics are shared out among all members of that name.
    /// A member that is silent for `session_timeout` loses its partitions; brokers allow 6 s at least unless their
    /// `group.min.session.timeout.ms` says otherwise. Waits for nothing.
    ///
    /// # Errors
    /// [`LogError::Io`] when librdkafka refuses a setting.
    pub fn join(
        options: &KafkaOptions,
        name: &str,
        machines: &[MachineKind],
        session_timeout: Duration,
    ) -> Result<Self, LogError> {
        let inputs: BTreeSet<Topic> = machines.iter().map(|machine| machine.input()).collect();
        let names: BTreeMap<String, Topic> =
            inputs.into_iter().map(|topic| (format!("{}{topic}", options.topic_prefix), topic)).collect();
        let topics: Vec<&str> = names.keys().map(String::as_str).collect();
        let member = Member { assigned: Mutex::default(), names: names.clone() };
        let made = settings::of_group(options, name, session_timeout).create_with_context(member);
        let consumer = made.and_then(|consumer: BaseConsumer<Member>| consumer.subscribe(&topics).map(|()| consumer));
        let consumer = consumer.map_err(|error| failed(options, &format!("joining the group {name}"), &error, ""))?;
        Ok(Self { name: name.to_owned(), options: options.clone(), consumer })
    }

    /// Takes part in the group's life, for at most `timeout`; call it several times within the session's timeout.
    /// The partitions that are this member's now: none before it is in, and after it was thrown out.
    ///
    /// # Errors
    /// [`LogError::Io`] when waiting cannot help: no permission, no such topic. A broker that is away is waited for.
    pub fn poll(&mut self, timeout: Duration) -> Result<BTreeSet<TopicPartition>, LogError> {
        if let Some(Err(error)) = self.consumer.poll(timeout) {
            self.judge(error)?;
        }
        Ok(self.consumer.context().assigned().clone())
    }

    /// Whether a record arrives, which none may.
    #[cfg(test)]
    pub(super) fn fetches(&self, timeout: Duration) -> bool {
        matches!(self.consumer.poll(timeout), Some(Ok(_)))
    }

    /// What helps against a denial.
    fn more(&self, error: &KafkaError) -> String {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::GroupAuthorizationFailed) => {
                client::needs("Read", "group", &format!("{}{}", self.options.topic_prefix, self.name))
            }
            _ => String::new(),
        }
    }

    fn judge(&self, error: KafkaError) -> Result<(), LogError> {
        use RDKafkaErrorCode::{
            Fatal, GroupAuthorizationFailed, InvalidSessionTimeout, TopicAuthorizationFailed, UnknownTopicOrPartition,
        };
        let what = format!("taking part in the group {}", self.name);
        match error.rdkafka_error_code() {
            Some(
                Fatal
                | GroupAuthorizationFailed
                | InvalidSessionTimeout
                | TopicAuthorizationFailed
                | UnknownTopicOrPartition,
            ) => Err(failed(&self.options, &what, &error, &self.more(&error))),
            _ => {
                tracing::warn!(%error, "{what}; it goes on by itself");
                Ok(())
            }
        }
    }
}

/// What the group's coordinator told.
struct Member {
    assigned: Mutex<BTreeSet<TopicPartition>>,
    /// The subscribed topics, by Kafka's name.
    names: BTreeMap<String, Topic>,
}

impl Member {
    fn assigned(&self) -> MutexGuard<'_, BTreeSet<TopicPartition>> {
        self.assigned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn partitions(&self, list: &TopicPartitionList) -> Vec<TopicPartition> {
        let elements = list.elements().into_iter();
        let ours = elements.filter_map(|element| {
            Some(TopicPartition::new(*self.names.get(element.topic())?, u32::try_from(element.partition()).ok()?))
        });
        ours.collect()
    }

    fn assign(&self, consumer: &BaseConsumer<Self>, list: &mut TopicPartitionList) -> KafkaResult<()> {
        // An offset, or librdkafka asks for a committed one; it is never read from.
        list.set_all_offsets(client::offset(0))?;
        match consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => consumer.incremental_assign(list)?,
            _ => consumer.assign(list)?,
        }
        // Not before: librdkafka passes over partitions that it has not heard of. What it fetches meanwhile it drops.
        consumer.pause(list)?;
        self.assigned().extend(self.partitions(list));
        Ok(())
    }

    fn revoke(&self, consumer: &BaseConsumer<Self>, list: &TopicPartitionList) -> KafkaResult<()> {
        for partition in self.partitions(list) {
            self.assigned().remove(&partition);
        }
        match consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => consumer.incremental_unassign(list),
            _ => consumer.unassign(),
        }
    }
}

impl ClientContext for Member {}

impl ConsumerContext for Member {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, event: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let result = match event {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => self.assign(consumer, list),
            _ => self.revoke(consumer, list),
        };
        if let Err(error) = result {
            tracing::warn!(%error, "sharing out partitions; the group does it again");
        }
    }
}
