//! Topics of their own for one row of figures, on the configured Kafka: a set for hoga, a set for the bare loop.
//!
//! Invariant: they are deleted when the row is done, however it ends; only a kill leaves them. Their names begin with
//! `bench-`.

use crate::exit::Failure;
use hoga_core::Topic;
use hoga_topics::kafka::{KafkaLog, KafkaOptions};
use rdkafka::ClientConfig;
use std::time::SystemTime;

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
        for set in [&self.ours, &self.bare] {
            if let Err(why) = KafkaLog::delete_topics(set) {
                tracing::warn!("the topics {}* are left behind, delete them: {why}", set.topic_prefix);
            }
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
