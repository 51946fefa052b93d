//! What is on a Kafka already: which of the catalogue's topics, and what they are like.
//!
//! Whoever gives nothing takes the log as it is ([`KafkaLayout::apply_to`]); [`super::topics::check`] compares.
//!
//! Left out on purpose: judging. A layout may be wrong in itself (topics missing, different in replicas or time mode);
//! the check against it names what differs from its first topic.

use super::KafkaOptions;
use super::client::{Client, wait};
use crate::{LogError, Partitions, TimeMode};
use hoga_core::Topic;
use rdkafka::admin::{ConfigResource, ResourceSpecifier};
use rdkafka::error::KafkaError;
use rdkafka::metadata::{Metadata, MetadataTopic};
use std::collections::BTreeMap;

/// A topic's setting that tells the log's time mode.
pub(super) const TIME_MODE_KEY: &str = "message.timestamp.type";
/// Its value in a wall log.
pub(super) const WALL: &str = "LogAppendTime";

/// The log that is on a Kafka under some prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KafkaLayout {
    /// Partitions of each topic; of a missing one as many as those have that are keyed like it.
    pub partitions: Partitions,
    /// Where the append times of the first topic come from, in the catalogue's order.
    pub time_mode: TimeMode,
    /// How many brokers hold the first topic's partitions.
    pub replication: u16,
    /// Topics that are not there: somebody made the log halfway, or with an older catalogue.
    pub missing: Vec<Topic>,
}

impl KafkaLayout {
    /// Options for the log as it is.
    pub fn apply_to(&self, options: &KafkaOptions) -> KafkaOptions {
        let (partitions, time_mode, replication) = (self.partitions.clone(), self.time_mode, self.replication);
        KafkaOptions { partitions, time_mode, replication, ..options.clone() }
    }
}

/// What is there; `None` if no topic of the catalogue is.
pub(super) fn read(client: &Client) -> Result<Option<KafkaLayout>, LogError> {
    let found = Found::new(&client.metadata()?);
    let (present, missing): (Vec<_>, Vec<_>) = client.names().partition(|(name, _)| found.0.contains_key(*name));
    let Some((first, _)) = present.first() else { return Ok(None) };
    let keyed = present.iter().find(|(_, topic)| crate::catalogue::of(*topic).key.spreads());
    let defaults = keyed.map_or_else(Partitions::default, |(name, _)| Partitions::keyed(found.0[*name].partitions));
    let partitions =
        present.iter().fold(defaults, |partitions, (name, topic)| partitions.with(*topic, found.0[*name].partitions));
    let settings = describe(client, &[first])?;
    let times = settings.first().and_then(|settings| settings.get(TIME_MODE_KEY));
    let is_wall = times.is_some_and(|entry| entry.value.as_deref() == Some(WALL));
    Ok(Some(KafkaLayout {
        partitions,
        time_mode: if is_wall { TimeMode::Wall } else { TimeMode::Recorded },
        replication: u16::try_from(found.0[*first].replicas).unwrap_or(u16::MAX),
        missing: missing.into_iter().map(|(_, topic)| topic).collect(),
    }))
}

/// The topics' settings, in the order of their names.
pub(super) fn describe(client: &Client, names: &[&str]) -> Result<Vec<ConfigResource>, LogError> {
    let what = "asking for the topics' settings";
    let resources: Vec<ResourceSpecifier<'_>> = names.iter().map(|name| ResourceSpecifier::Topic(name)).collect();
    let answers = client.administer(|admin, options| wait(admin.describe_configs(&resources, options)));
    let answers = answers.map_err(|error| client.failed(what, &error))?;
    let described = answers.into_iter().zip(names).map(|(answer, name)| {
        answer.map_err(|code| client.failed_needing(what, "DescribeConfigs", name, &KafkaError::AdminOp(code)))
    });
    described.collect()
}

/// The topics of a Kafka, by name.
pub(super) struct Found(pub BTreeMap<String, FoundTopic>);

/// What is seen of a topic without asking for its settings.
pub(super) struct FoundTopic {
    /// At most [`Partitions::MAX`], which no catalogue exceeds.
    pub partitions: u32,
    /// Of the partition that has fewest.
    pub replicas: u32,
    /// Whether some partition cannot be used.
    pub leaderless: bool,
}

impl Found {
    pub fn new(metadata: &Metadata) -> Self {
        let topics = metadata.topics().iter().filter(|topic| topic.error().is_none());
        let describe = |topic: &MetadataTopic| FoundTopic {
            partitions: (topic.partitions().len() as u32).clamp(1, Partitions::MAX),
            replicas: topic.partitions().iter().map(|p| p.replicas().len() as u32).min().unwrap_or(0),
            leaderless: topic.partitions().iter().any(|p| p.leader() < 0),
        };
        Self(topics.map(|topic| (topic.name().to_owned(), describe(topic))).collect())
    }
}
