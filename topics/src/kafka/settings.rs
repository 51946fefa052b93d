//! What topics and clients are set to, and why.

use super::KafkaOptions;
use super::layout::{TIME_MODE_KEY, WALL};
use crate::TimeMode;
use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use std::time::Duration;

/// Client settings that are hoga's to make: what the log depends on, and what is named elsewhere.
pub const FIXED_SETTINGS: &[&str] = &[
    "acks",
    "allow.auto.create.topics",
    "auto.offset.reset",
    "bootstrap.servers",
    "delivery.timeout.ms",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.idempotence",
    "enable.partition.eof",
    "group.id",
    "group.protocol",
    "isolation.level",
    "message.max.bytes",
    "message.timeout.ms",
    "metadata.broker.list",
    "partition.assignment.strategy",
    "request.required.acks",
    "transactional.id",
];

/// Room for what Kafka adds to a record: a batch's header and the lengths of its parts.
const BATCH_OVERHEAD_BYTES: usize = 64 << 10;

/// librdkafka gives a record up, and says so, after this.
const MESSAGE_TIMEOUT_MS: u64 = 30_000;
/// A producer that has not given its records up by then hangs.
pub(super) const GIVEN_UP_AFTER: Duration = Duration::from_millis(MESSAGE_TIMEOUT_MS + 15_000);

/// A topic's settings, by Kafka's names.
pub(super) fn of_topics(options: &KafkaOptions) -> Vec<(&'static str, String)> {
    let never = || i64::MAX.to_string();
    let mut settings = vec![
        ("cleanup.policy", "delete".to_owned()),
        // hoga alone cuts.
        ("retention.ms", "-1".to_owned()),
        ("retention.bytes", "-1".to_owned()),
        ("min.insync.replicas", options.replication.saturating_sub(1).max(1).to_string()),
        // A leader that lacks acknowledged records would lose them.
        ("unclean.leader.election.enable", "false".to_owned()),
        ("max.message.bytes", (options.max_record_bytes + BATCH_OVERHEAD_BYTES).to_string()),
    ];
    match options.time_mode {
        TimeMode::Wall => settings.push((TIME_MODE_KEY, WALL.to_owned())),
        TimeMode::Recorded => settings.extend([
            (TIME_MODE_KEY, "CreateTime".to_owned()),
            // The past may be as long ago as it was, and no jump in it begins a segment.
            ("message.timestamp.before.max.ms", never()),
            ("message.timestamp.after.max.ms", never()),
            ("segment.ms", never()),
        ]),
    }
    settings
}

/// What every client is set to.
fn common(options: &KafkaOptions) -> ClientConfig {
    let mut config = ClientConfig::new();
    for (name, value) in &options.client_settings {
        config.set(name, value);
    }
    config
        .set("bootstrap.servers", &options.brokers)
        .set("client.id", "hoga")
        .set("allow.auto.create.topics", "false")
        // A broker that comes back is found within this.
        .set("reconnect.backoff.max.ms", "1000");
    // Why a connection was closed is told at this level only.
    config.set_log_level(RDKafkaLogLevel::Info);
    config
}

/// For questions and administration.
pub(super) fn of_admin(options: &KafkaOptions) -> ClientConfig {
    common(options)
}

/// For reading.
pub(super) fn of_consumer(options: &KafkaOptions) -> ClientConfig {
    let mut config = common(options);
    config
        // librdkafka wants one for any consumer; nothing is ever joined or committed.
        .set("group.id", "hoga")
        .set("group.protocol", "classic")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "error")
        .set("enable.partition.eof", "false")
        .set("isolation.level", "read_uncommitted")
        // A partition that is added waits for the request that is out, at most as long.
        .set("fetch.wait.max.ms", "50")
        .set("fetch.queue.backoff.ms", "5")
        .set("fetch.error.backoff.ms", "50")
        // Read ahead inside librdkafka, for each partition; readers have their own queue on top.
        .set("queued.min.messages", "2000")
        .set("queued.max.messages.kbytes", "4096");
    config
}

/// For taking part in a consumer group, without reading.
pub(super) fn of_group(options: &KafkaOptions, name: &str, session_timeout: Duration) -> ClientConfig {
    let session_ms = session_timeout.as_millis().max(3);
    let mut config = common(options);
    config
        .set("group.id", format!("{}{name}", options.topic_prefix))
        .set("group.protocol", "classic")
        // What a member keeps is not taken from it for a moment.
        .set("partition.assignment.strategy", "cooperative-sticky")
        .set("session.timeout.ms", session_ms.to_string())
        .set("heartbeat.interval.ms", (session_ms / 3).to_string())
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "error");
    config
}

/// For writing.
pub(super) fn of_producer(options: &KafkaOptions) -> ClientConfig {
    let mut config = common(options);
    config
        .set("enable.idempotence", "true")
        .set("acks", "all")
        // A batch goes out when the one before it is answered, with all that came by then: a quiet log never waits.
        .set("linger.ms", "0")
        .set("message.max.bytes", (options.max_record_bytes + BATCH_OVERHEAD_BYTES / 2).to_string())
        // What is not answered by then is not known; channels send it again.
        .set("message.timeout.ms", MESSAGE_TIMEOUT_MS.to_string())
        // What is in flight is bounded by these; then sending blocks.
        .set("queue.buffering.max.messages", "50000")
        .set("queue.buffering.max.kbytes", "65536");
    config
}
