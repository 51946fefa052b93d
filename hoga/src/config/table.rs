//! The list of all settings: key, meaning, range, and how to read and write the value.

use super::Config;
use super::value::Value;
use std::net::SocketAddr;

/// One setting. Flag and environment name are made from its key.
pub struct Setting {
    /// Its key in the file: `data_dir`.
    pub key: &'static str,
    /// What its value is, for help.
    pub value: &'static str,
    /// What it does, with its unit.
    pub help: &'static str,
    /// Whether it is fixed when a log is made.
    pub fixed: bool,
    /// Writes the value of a configuration.
    pub get: fn(&Config) -> String,
    /// Sets it; an error says what the value has to be.
    pub set: fn(&mut Config, &str) -> Result<(), String>,
}

impl Setting {
    /// Its flag without the dashes: `data-dir`.
    pub fn flag(&self) -> String {
        self.key.replace('_', "-")
    }

    /// Its environment variable: `HOGA_DATA_DIR`.
    pub fn env(&self) -> String {
        format!("HOGA_{}", self.key.to_uppercase())
    }
}

/// `setting!(key, VALUE, fixed or free, check, field, help)`: `check` turns a value away with a reason.
macro_rules! setting {
    ($key:literal, $value:literal, $fixed:literal, $check:expr, $($field:ident).+, $help:literal) => {
        Setting {
            key: $key,
            value: $value,
            help: $help,
            fixed: $fixed,
            get: |config| config.$($field).+.show(),
            set: |config, text| {
                let value = Value::parse(text)?;
                ($check)(&value)?;
                config.$($field).+ = value;
                Ok(())
            },
        }
    };
}

/// All settings, in the order of the docs.
pub const SETTINGS: &[Setting] = &[
    setting!(
        "data_dir",
        "FOLDER",
        false,
        any,
        data_dir,
        "Site of the log, the snapshots and settings.json. Default: hoga-data/main; demo: hoga-data/demo; feed: hoga-data/feed- and the file's name"
    ),
    setting!(
        "kafka",
        "HOST:PORT[,HOST:PORT]",
        false,
        |brokers: &Option<String>| brokers_of(brokers.as_deref().unwrap_or_default()),
        kafka,
        "Work on the log of this Kafka instead of a data folder's. Snapshots of its machines, and what was known where it was cut, are in the folder `kafka-` and the log's name within data_dir (default: hoga-data); processes that run the same machines share it"
    ),
    setting!(
        "topic_prefix",
        "TEXT",
        false,
        |prefix: &String| topic_characters(prefix),
        topic_prefix,
        "What stands before each topic's name on Kafka: with it one Kafka holds several logs. Default: nothing"
    ),
    setting!(
        "replication",
        "COUNT",
        false,
        |n: &Option<u16>| between(&n.unwrap_or(1), 1, 100),
        replication,
        "How many brokers hold each partition on Kafka; all but one of them have to be in sync for a write to count. Default: as the topics are, new ones 3, or as many as there are brokers"
    ),
    setting!(
        "kafka_client",
        "FILE",
        false,
        any,
        kafka_client,
        "Settings of the Kafka client, `name=value` lines by librdkafka's names: TLS and SASL. What the log depends on cannot be changed by them"
    ),
    setting!(
        "takeover_after_ms",
        "MILLISECONDS",
        false,
        |n| between(n, 200, 600_000),
        takeover_after_ms,
        "How long an owner on Kafka may give no sign of life before a standby takes its machine over; the same for all processes of a log"
    ),
    setting!(
        "listen",
        "ADDRESS",
        false,
        loopback,
        listen,
        "Where `hoga up` serves its log to the other commands; only this machine's own addresses, because it asks nobody who they are"
    ),
    setting!(
        "http",
        "ADDRESS",
        false,
        any,
        http,
        "Where `hoga up` serves the schema registry, `/metrics` and `/health` over HTTP; off unless given. `hoga registry`: 127.0.0.1:7071 unless given. It asks nobody who they are"
    ),
    setting!(
        "answer_timeout_s",
        "SECONDS",
        false,
        |n| between(n, 1, 3_600),
        answer_timeout_s,
        "How long a command waits for its outcome"
    ),
    setting!(
        "valid_for_s",
        "SECONDS",
        false,
        |n| between(n, 1, 600),
        valid_for_s,
        "How far ahead `valid_until` is set where a command comes without one"
    ),
    setting!(
        "shutdown_s",
        "SECONDS",
        false,
        |n| between(n, 1, 3_600),
        shutdown_s,
        "How long a clean shutdown may take before the process ends without it (nothing is lost, the next start replays more)"
    ),
    setting!(
        "snapshot_every_records",
        "COUNT",
        false,
        |n| between(n, 1_000, 1_000_000_000),
        snapshot_every_records,
        "Records that a machine applies between two snapshots of it"
    ),
    setting!(
        "log",
        "FILTER",
        false,
        any,
        log,
        "Log lines on stderr: error, warn, info, debug, or per module as in hoga_runtime=debug"
    ),
    setting!("partitions", "COUNT", true, |n| between(n, 1, 1_024), partitions, "Partitions of each keyed topic"),
    setting!(
        "max_open_orders",
        "COUNT",
        true,
        |n| between(n, 1, 10_000_000),
        machines.max_open_orders,
        "Open orders an account may have"
    ),
    setting!(
        "max_client_ids",
        "COUNT",
        true,
        |n| between(n, 1, 10_000_000),
        machines.max_client_ids,
        "Client ids an account may have remembered: open orders and ids within their valid-until"
    ),
    setting!(
        "max_pending",
        "COUNT",
        true,
        |n| between(n, 1, 10_000),
        machines.max_pending,
        "Unanswered amends, reductions and cancels an order may have"
    ),
    setting!(
        "depth_snapshot_every",
        "COUNT",
        true,
        |n| between(n, 1, 1_000_000),
        machines.depth_snapshot_every,
        "Depth updates of a symbol between two snapshots of its levels"
    ),
    setting!(
        "candle_intervals",
        "LIST",
        true,
        |list: &Vec<i64>| whole_days(list),
        machines.candle_intervals_ms,
        "Intervals of candles, each dividing a day or a whole number of days"
    ),
    setting!(
        "candle_lateness_ms",
        "MILLISECONDS",
        true,
        |n| between(n, 0, 3_600_000),
        machines.candle_lateness_ms,
        "How long after its close time a bar stays open for late trades"
    ),
    setting!(
        "candle_kept_bars",
        "COUNT",
        true,
        |n| between(n, 1, 100_000),
        machines.candle_kept_bars,
        "Final bars of each interval kept in memory to take late trades as revisions"
    ),
    setting!(
        "utc_offset_min",
        "MINUTES",
        true,
        |n| between(n, -720, 840),
        machines.utc_offset_min,
        "Zone whose days the candles of every symbol follow, minutes east of UTC; KST is 540"
    ),
];

/// What arms a fail point.
pub const FAIL_POINT: &str = "HOGA_FAIL_POINT";

/// Environment variables that are no settings, for docs and for telling them from misspelt ones.
pub const OTHER_VARIABLES: &[(&str, &str)] = &[
    ("HOGA_CONFIG", "the configuration file"),
    (
        FAIL_POINT,
        "tests of crashes: the process kills itself at this point, `NAME` or `NAME:COUNT` to pass it so often first; another name is refused with the list",
    ),
    ("HOGA_KAFKA_CACHE", "scripts/kafka: where Kafka's jars are kept, `~/.cache/hoga` unless given"),
    ("HOGA_KAFKA_HEAP", "scripts/kafka: each broker's heap, 512m unless given"),
    ("HOGA_FIRST_SEED", "tests of hoga-simulation: the first seed, 0 unless given"),
    ("HOGA_SEEDS", "tests of hoga-simulation: how many seeds, 100 unless given"),
    ("HOGA_TEST_DATA", "tests: the folder of recorded order flow, `../shared/data` unless given"),
    (
        "GLIBC_TUNABLES",
        "glibc's own: with `glibc.malloc.hugetlb=1`, and `madvise` or `always` in `/sys/kernel/mm/transparent_hugepage/enabled`, memory comes in pages of 2 MB, which makes machines that hold much quicker (docs/performance.md); the image and scripts/bench set it",
    ),
    ("HOGA_UPDATE", "tests: write expected files (this page, docs/topics.md) instead of comparing"),
];

fn any<T>(_: &T) -> Result<(), String> {
    Ok(())
}

fn between<T: PartialOrd + std::fmt::Display>(value: &T, low: T, high: T) -> Result<(), String> {
    if *value < low || *value > high {
        return Err(format!("it is from {low} to {high}"));
    }
    Ok(())
}

fn brokers_of(list: &str) -> Result<(), String> {
    for broker in list.split(',') {
        let port = broker.rsplit_once(':').filter(|(host, _)| !host.is_empty()).map(|(_, port)| port.parse::<u16>());
        if !matches!(port, Some(Ok(1..))) || broker.contains(char::is_whitespace) {
            return Err(format!("{broker:?} is no broker; write host:port, several with commas between"));
        }
    }
    Ok(())
}

/// Kafka takes topic names of at most 249 characters; the longest of ours has 13.
fn topic_characters(prefix: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if prefix.len() > 200 || !prefix.chars().all(allowed) {
        return Err("at most 200 of the characters a-z A-Z 0-9 . _ - can begin a topic's name".into());
    }
    Ok(())
}

fn loopback(address: &SocketAddr) -> Result<(), String> {
    if !address.ip().is_loopback() {
        return Err(
            "only an address of this machine itself, such as 127.0.0.1:7070 (nothing authenticates here)".into()
        );
    }
    Ok(())
}

const DAY_MS: i64 = 86_400_000;

fn whole_days(intervals: &[i64]) -> Result<(), String> {
    match intervals.iter().find(|ms| DAY_MS % **ms != 0 && **ms % DAY_MS != 0) {
        Some(_) => Err("each interval divides a day or is a whole number of days".into()),
        None => Ok(()),
    }
}
