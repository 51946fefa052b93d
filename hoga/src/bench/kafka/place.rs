//! Topics of their own for one row of figures, on the configured Kafka: a set for hoga, a set for the bare loop.
//!
//! Invariant: they are deleted when the row is done, however it ends; only a kill leaves them. Their names begin with
//! `bench-`.

use crate::exit::Failure;
use hoga_core::Topic;
use hoga_topics::catalogue;
use hoga_topics::kafka::{KafkaLog, KafkaOptions};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use std::time::{Duration, SystemTime};

/// How long Kafka may take to delete topics.
const DELETE_TIMEOUT: Duration = Duration::from_secs(20);

/// Two sets of topics.
pub struct Place {
    /// hoga's.
    pub ours: KafkaOptions,
    /// The bare loop's.
    pub bare: KafkaOptions,
}

impl Place {
    /// Makes them, with the partitions and settings of `options`.
    pub fn make(options: &KafkaOptions) -> Result<Self, Failure> {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("the clock is past 1970");
        let stem = format!("bench-{:x}-{:x}", since.as_millis(), std::process::id());
        let set = |name: &str| KafkaOptions { topic_prefix: format!("{stem}-{name}."), ..options.clone() };
        let place = Self { ours: set("hoga"), bare: set("bare") };
        KafkaLog::create_topics(&place.ours)?;
        KafkaLog::create_topics(&place.bare)?;
        Ok(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Err(why) = delete(&[&self.ours, &self.bare]) {
            let (ours, bare) = (&self.ours.topic_prefix, &self.bare.topic_prefix);
            tracing::warn!("the topics {ours}* and {bare}* are left behind, delete them: {why}");
        }
    }
}

/// A topic's name in a set.
pub fn name(set: &KafkaOptions, topic: Topic) -> String {
    format!("{}{topic}", set.topic_prefix)
}

/// How a client reaches this Kafka.
pub fn client(options: &KafkaOptions) -> ClientConfig {
    let mut config = ClientConfig::new();
    for (name, value) in &options.client_settings {
        config.set(name, value);
    }
    config.set("bootstrap.servers", &options.brokers).set("client.id", "hoga-bench");
    config
}

/// Deletes all topics of these sets, which are on one Kafka.
pub fn delete(sets: &[&KafkaOptions]) -> Result<(), String> {
    let Some(first) = sets.first() else { return Ok(()) };
    let admin: AdminClient<DefaultClientContext> = client(first).create().map_err(|error| error.to_string())?;
    let names = sets.iter().flat_map(|set| catalogue::all().map(|spec| name(set, spec.topic)));
    let names: Vec<String> = names.collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let options = AdminOptions::new().operation_timeout(Some(DELETE_TIMEOUT));
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(|error| error.to_string())?;
    let answers = runtime.block_on(admin.delete_topics(&names, &options)).map_err(|error| error.to_string())?;
    let refused = answers.into_iter().find_map(Result::err);
    refused.map_or(Ok(()), |(topic, code)| Err(format!("{topic}: {code}")))
}
