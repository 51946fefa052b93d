//! A log on Kafka: its topics, and the record that tells what it is and what its machines are made with.
//!
//! Reads the topics' own shape and the first record of `control`; writes both when a log is made.
//!
//! Invariants:
//! 1. Whoever gives nothing takes the log as it is; what is given and different is refused by name.
//! 2. The settings are the first record of `control`, whoever wrote later: two that make the same log at once end with
//!    the settings of one, and the other is told if its own differ.
//! 3. What is kept beside a log is kept under the log's own name, so that snapshots of one log never meet another.
//!
//! Left out on purpose: making and checking topics; that is hoga-topics'.

use super::fixed::refuse_different;
use super::{Place, Site, Topics, folder};
use crate::cli::Context;
use crate::config::Source;
use crate::exit::Failure;
use crate::reading;
use hoga_core::records::LogSettings;
use hoga_core::{Record, Settings, Timestamp, Topic};
use hoga_ingest::producer::{Producer, ProducerOptions};
use hoga_topics::kafka::{FIXED_SETTINGS, KafkaLayout};
use hoga_topics::{KafkaLog, KafkaOptions, Log, LogError, LogRecord, Partitions, TimeMode, TopicPartition, Visibility};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Where the settings stand.
const CONTROL: TopicPartition = TopicPartition::new(Topic::Control, 0);
/// A record that stands there is read within this.
const READ_WITHIN: Duration = Duration::from_secs(10);
/// Replicas of a new log where nothing is said, if there are as many brokers.
const REPLICATION: u16 = 3;
/// What a recorded log's settings are written with: the first time it can hold, since its own past comes later.
const BEFORE_ALL: Timestamp = Timestamp(1);

/// What was made.
pub struct Made {
    /// The log.
    pub site: Site,
    /// The names of the topics that were not there.
    pub topics: Vec<String>,
    /// Whether the settings were not there.
    pub settings: bool,
}

/// Opens the log. If it has to be made, that is done only where no topic of it is there, or no record yet in control.
pub fn open(context: &Context, time_mode: Option<TimeMode>, topics: Topics) -> Result<Site, Failure> {
    let options = client(context)?;
    let Some(layout) = layout(&options)? else {
        if topics == Topics::Make {
            let made = make(context, time_mode)?;
            eprintln!("{}: made {} topics", made.site, made.topics.len());
            return Ok(made.site);
        }
        return Err(nothing_there(&options));
    };
    let options = as_it_is(context, &options, &layout)?;
    refuse_other_time(&options, time_mode)?;
    let log = connect(options.clone())?;
    match settings(&log)? {
        Some(found) => site(context, &options, log, found),
        // Whoever began to make it was killed before the settings were written.
        None if topics == Topics::Make => Ok(make(context, time_mode)?.site),
        None => Err(no_settings(&options)),
    }
}

/// Opens the log; refuses if no Kafka is named or there is none.
pub fn open_existing(context: &Context) -> Result<Site, Failure> {
    open(context, None, Topics::MustBeThere)
}

/// Makes what is missing of the log: topics and settings.
pub fn make(context: &Context, time_mode: Option<TimeMode>) -> Result<Made, Failure> {
    let options = client(context)?;
    let options = match layout(&options)? {
        Some(layout) => as_it_is(context, &options, &layout)?,
        None => as_configured(context, options, time_mode)?,
    };
    refuse_other_time(&options, time_mode)?;
    let topics = KafkaLog::create_topics(&options).map_err(|error| refused(&options, error))?;
    let log = connect(options.clone())?;
    let (found, written) = match settings(&log)? {
        Some(found) => (found, false),
        None => (write_settings(context, &log, &options)?, true),
    };
    Ok(Made { site: site(context, &options, log, found)?, topics, settings: written })
}

/// Where to find the log and how to speak to it; what it is like is not known yet.
pub fn client(context: &Context) -> Result<KafkaOptions, Failure> {
    let config = &context.settings.config;
    let brokers = config.kafka.clone().ok_or_else(|| {
        Failure::Usage("which Kafka? name its brokers with --kafka HOST:PORT, or in HOGA_KAFKA".into())
    })?;
    let client_settings = config.kafka_client.as_deref().map(properties).transpose()?.unwrap_or_default();
    Ok(KafkaOptions { brokers, topic_prefix: config.topic_prefix.clone(), client_settings, ..KafkaOptions::default() })
}

/// The options of the log that is there.
pub fn options(context: &Context) -> Result<KafkaOptions, Failure> {
    let options = client(context)?;
    match layout(&options)? {
        Some(layout) => as_it_is(context, &options, &layout),
        None => Err(nothing_there(&options)),
    }
}

/// The options that a log made here would have, in the time of the wall.
pub fn options_of_new(context: &Context) -> Result<KafkaOptions, Failure> {
    as_configured(context, client(context)?, None)
}

fn layout(options: &KafkaOptions) -> Result<Option<KafkaLayout>, Failure> {
    KafkaLog::layout(options).map_err(|error| refused(options, error))
}

fn connect(options: KafkaOptions) -> Result<KafkaLog, Failure> {
    KafkaLog::connect(options.clone()).map_err(|error| refused(&options, error))
}

/// A Kafka that does not answer is missing, it has not stopped; topics that are not as they must be can be mended.
fn refused(options: &KafkaOptions, error: LogError) -> Failure {
    match error {
        LogError::Unanswered { .. } | LogError::Io { .. } => Failure::Unavailable(error.to_string()),
        LogError::Layout { .. } => {
            let what = error.to_string();
            let create = match what.contains(" is missing ") {
                true => format!(
                    "\nTopics that are missing are also made by: hoga topics create {}",
                    flags(&options.brokers, &options.topic_prefix)
                ),
                false => String::new(),
            };
            Failure::Unavailable(what + &create)
        }
        other => other.into(),
    }
}

/// Refuses more replicas than there are brokers.
fn refuse_too_many(options: &KafkaOptions, replication: u16, brokers: u16) -> Result<(), Failure> {
    if replication <= brokers {
        return Ok(());
    }
    Err(Failure::Usage(format!(
        "{replication} replicas of each topic are asked for, Kafka at {} has {brokers} brokers; give --replication {brokers} or start more",
        options.brokers
    )))
}

/// The log's own shape; what is given and different is refused where it can only be a mistake.
fn as_it_is(context: &Context, options: &KafkaOptions, layout: &KafkaLayout) -> Result<KafkaOptions, Failure> {
    let given = &context.settings;
    let there = layout.partitions.of(Topic::Orders);
    if given.source("partitions") != Source::Default && given.config.partitions != there {
        return Err(Failure::Usage(format!(
            "{}: this log was made with partitions {there}, given is {}; leave it out, or use another log (--topic-prefix)",
            name(&options.brokers, &options.topic_prefix),
            given.config.partitions
        )));
    }
    let options = layout.apply_to(options);
    match given.config.replication {
        Some(replication) if replication != options.replication => {
            refuse_too_many(&options, replication, brokers(&options)?)?;
            // What the topics lack is told by their check.
            Ok(KafkaOptions { replication, ..options })
        }
        _ => Ok(options),
    }
}

fn brokers(options: &KafkaOptions) -> Result<u16, Failure> {
    KafkaLog::brokers(options).map_err(|error| refused(options, error))
}

/// The shape of a new log.
fn as_configured(
    context: &Context,
    options: KafkaOptions,
    time_mode: Option<TimeMode>,
) -> Result<KafkaOptions, Failure> {
    let config = &context.settings.config;
    let brokers = brokers(&options)?;
    let replication = config.replication.unwrap_or(brokers.clamp(1, REPLICATION));
    refuse_too_many(&options, replication, brokers)?;
    let partitions = Partitions::keyed(config.partitions);
    Ok(KafkaOptions { partitions, replication, time_mode: time_mode.unwrap_or(TimeMode::Wall), ..options })
}

fn refuse_other_time(options: &KafkaOptions, wanted: Option<TimeMode>) -> Result<(), Failure> {
    if wanted.is_none_or(|wanted| wanted == options.time_mode) {
        return Ok(());
    }
    let what = match options.time_mode {
        TimeMode::Recorded => "this is a recorded log, only `hoga feed` writes to it",
        TimeMode::Wall => "this log has the time of the wall, a feed needs a recorded one",
    };
    let name = name(&options.brokers, &options.topic_prefix);
    Err(Failure::Unavailable(format!("{name}: {what}; use another --topic-prefix")))
}

/// The log's first record, if it has any.
fn settings(log: &KafkaLog) -> Result<Option<LogSettings>, Failure> {
    let bounds = log.bounds(CONTROL)?;
    if bounds.end == 0 {
        return Ok(None);
    }
    let wrong = |what: String| Failure::Stopped(format!("{CONTROL}: {what}"));
    if bounds.start > 0 {
        let gone = bounds.start - 1;
        return Err(wrong(format!(
            "offsets 0 to {gone} are gone, and with them what this log was made with; restore them from the archive"
        )));
    }
    let first = first_record(log)?;
    let value = first.value.as_deref().unwrap_or_default();
    let frame =
        hoga_schemas::open(value).map_err(|error| wrong(format!("offset {} is no record: {error}", first.offset)))?;
    match reading::decode(CONTROL, first.offset, &frame)? {
        Record::LogSettings(found) => {
            found.settings.check().map_err(|why| wrong(format!("the settings at offset {}: {why}", first.offset)))?;
            Ok(Some(found))
        }
        other => Err(wrong(format!(
            "it begins with a {} at offset {}, not with the settings of the log: somebody wrote before `hoga topics create`; make a log under another --topic-prefix",
            other.kind(),
            first.offset
        ))),
    }
}

fn first_record(log: &KafkaLog) -> Result<LogRecord, Failure> {
    let mut reader = log.reader(CONTROL, 0, Visibility::Durable)?;
    let (deadline, mut batch) = (Instant::now() + READ_WITHIN, Vec::new());
    loop {
        let seen = log.signal().version();
        reader.poll(1, &mut batch)?;
        if let Some(first) = batch.pop() {
            return Ok(first);
        }
        if Instant::now() >= deadline {
            let seconds = READ_WITHIN.as_secs();
            return Err(Failure::Unavailable(format!("{CONTROL}: its first record did not come within {seconds} s")));
        }
        log.signal().wait(seen, Duration::from_millis(50));
    }
}

/// Writes the configured settings; those that then stand first, which may be somebody else's.
fn write_settings(context: &Context, log: &KafkaLog, options: &KafkaOptions) -> Result<LogSettings, Failure> {
    let settings: Settings = context.settings.config.machines.clone();
    settings.check().map_err(Failure::Usage)?;
    let record = LogSettings { log: log_name().as_str().into(), settings };
    let timeout = Duration::from_secs(context.settings.config.answer_timeout_s);
    let mut producer = Producer::new(log, ProducerOptions { timeout, ..ProducerOptions::default() })?;
    let time = (options.time_mode == TimeMode::Recorded).then_some(BEFORE_ALL);
    producer.send(Topic::Control, &record.into(), time)?;
    producer.finish()?;
    settings_now(log)
}

fn settings_now(log: &KafkaLog) -> Result<LogSettings, Failure> {
    settings(log)?
        .ok_or_else(|| Failure::Stopped(format!("{CONTROL}: the settings were acknowledged and are not there")))
}

/// A name that no other log ever had. Names of processes are unique, so one made by a process of that name is.
fn log_name() -> String {
    hoga_runtime::process_name()
}

fn site(context: &Context, options: &KafkaOptions, log: KafkaLog, found: LogSettings) -> Result<Site, Failure> {
    let (brokers, prefix) = (options.brokers.clone(), options.topic_prefix.clone());
    let partitions = options.partitions.of(Topic::Orders);
    refuse_different(&name(&brokers, &prefix), &found.settings, Some(partitions), &context.settings)?;
    let beside = context.settings.config.data_dir.as_deref().unwrap_or(Path::new(folder::PARENT));
    folder::refuse_file(beside)?;
    folder::refuse_log(beside)?;
    Ok(Site {
        log: Arc::new(log.clone()),
        settings: found.settings,
        folder: beside.join(format!("kafka-{}", found.log)),
        place: Place::Kafka { brokers, prefix, log },
    })
}

fn nothing_there(options: &KafkaOptions) -> Failure {
    incomplete(options, "there is no log; make its topics")
}

fn no_settings(options: &KafkaOptions) -> Failure {
    incomplete(options, "the topics are there, the settings of the log are not; write them")
}

/// What is not as it must be, and what has to be done.
fn incomplete(options: &KafkaOptions, what: &str) -> Failure {
    let (brokers, prefix) = (&options.brokers, &options.topic_prefix);
    Failure::Unavailable(format!("{}: {what}: hoga topics create {}", name(brokers, prefix), flags(brokers, prefix)))
}

/// Which Kafka and which log there, for messages.
pub fn name(brokers: &str, prefix: &str) -> String {
    match prefix {
        "" => format!("Kafka at {brokers}"),
        prefix => format!("Kafka at {brokers}, topics {prefix}*"),
    }
}

/// The flags that name it.
pub fn flags(brokers: &str, prefix: &str) -> String {
    match prefix {
        "" => format!("--kafka {brokers}"),
        prefix => format!("--kafka {brokers} --topic-prefix {prefix}"),
    }
}

/// Reads `name=value` lines; `#` and `!` begin comments, as in Java's properties. What hoga sets itself is refused.
fn properties(file: &Path) -> Result<BTreeMap<String, String>, Failure> {
    let shown = file.display();
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::Usage(format!("reading the client settings in {shown}: {error}")))?;
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
    let told = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with(['#', '!']));
    let parse = |(number, line): (usize, &str)| match line.split_once('=') {
        Some((name, _)) if FIXED_SETTINGS.contains(&name.trim()) => Err(Failure::Usage(format!(
            "{shown}: line {number} sets {}, which is hoga's to set: the log depends on it, or a flag names it; leave it out",
            name.trim()
        ))),
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.trim().to_owned())),
        _ => Err(Failure::Usage(format!("{shown}: line {number} is not name=value"))),
    };
    told.map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_are_names_and_values() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(
            file.path(),
            "# TLS\nsecurity.protocol = SSL\n\n!old\nssl.ca.location=/ca.pem\nsasl.password=a=b\n",
        )
        .expect("written");
        let read = properties(file.path()).expect("well formed");
        let expected = [("sasl.password", "a=b"), ("security.protocol", "SSL"), ("ssl.ca.location", "/ca.pem")];
        assert!(read.iter().map(|(name, value)| (name.as_str(), value.as_str())).eq(expected), "{read:?}");
        std::fs::write(file.path(), "a=1\nbroken\n").expect("written");
        let error = properties(file.path()).expect_err("line 2 is none").to_string();
        assert!(error.ends_with("line 2 is not name=value"), "{error}");
        std::fs::write(file.path(), "# durable enough\nacks = 1\n").expect("written");
        let error = properties(file.path()).expect_err("acks are fixed").to_string();
        assert!(error.contains("line 2 sets acks, which is hoga's to set"), "{error}");
        let error = properties(Path::new("no/such.properties")).expect_err("no file").to_string();
        assert!(error.starts_with("reading the client settings in no/such.properties"), "{error}");
    }
}
