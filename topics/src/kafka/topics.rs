//! Making the topics, checking and deleting them.
//!
//! Whatever is wrong is named with the command that mends it: one of Kafka's own, because whoever may change a cluster
//! has those. The number of partitions is never mended: keys would move.

use super::client::{Client, wait};
use super::layout::{self, Found, FoundTopic};
use super::settings;
use crate::LogError;
use rdkafka::admin::{NewTopic, TopicReplication};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::time::{Duration, Instant};

/// New topics are known to every broker within this.
const KNOWN_WITHIN: Duration = Duration::from_secs(10);

/// Makes those that are missing; their names.
pub(super) fn create(client: &Client) -> Result<Vec<String>, LogError> {
    let found = Found::new(&client.metadata()?);
    let settings = settings::of_topics(&client.options);
    let missing: Vec<NewTopic<'_>> = client
        .names()
        .filter(|(name, _)| !found.0.contains_key(*name))
        .map(|(name, topic)| {
            let replication = TopicReplication::Fixed(i32::from(client.options.replication));
            let new = NewTopic::new(name, client.options.partitions.of(topic) as i32, replication);
            settings.iter().fold(new, |new, (name, value)| new.set(name, value))
        })
        .collect();
    if missing.is_empty() {
        return Ok(Vec::new());
    }
    let failed = |error| client.failed("making the topics", &error);
    let answers = client.administer(|admin, options| wait(admin.create_topics(&missing, options))).map_err(failed)?;
    let mut made = Vec::new();
    for answer in answers {
        match answer {
            Ok(name) => made.push(name),
            // Somebody else was quicker.
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((name, code)) => {
                let what = format!("making the topic {name}");
                return Err(client.failed_needing(&what, "Create", &name, &KafkaError::AdminOp(code)));
            }
        }
    }
    await_leaders(client, &made)?;
    Ok(made)
}

/// Deletes all of the log's, with all that is in them.
pub(super) fn delete(client: &Client) -> Result<(), LogError> {
    let failed = |error| client.failed("deleting the topics", &error);
    let names: Vec<&str> = client.names().map(|(name, _)| name).collect();
    let answers = client.administer(|admin, options| wait(admin.delete_topics(&names, options))).map_err(failed)?;
    for answer in answers {
        match answer {
            Ok(_) | Err((_, RDKafkaErrorCode::UnknownTopicOrPartition)) => {}
            Err((name, code)) => {
                let what = format!("deleting the topic {name}");
                return Err(client.failed_needing(&what, "Delete", &name, &KafkaError::AdminOp(code)));
            }
        }
    }
    Ok(())
}

/// Until each partition of these topics has a leader.
fn await_leaders(client: &Client, names: &[String]) -> Result<(), LogError> {
    let started = Instant::now();
    loop {
        let found = Found::new(&client.metadata()?);
        let waiting = names.iter().find(|name| found.0.get(*name).is_none_or(|topic| topic.leaderless));
        match waiting {
            None => return Ok(()),
            Some(name) if started.elapsed() > KNOWN_WITHIN => {
                let what = format!("the topic {name} has partitions without a leader; see the brokers' logs");
                return Err(wrong_layout(client, what));
            }
            Some(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

/// Names everything that is wrong.
pub(super) fn check(client: &Client) -> Result<(), LogError> {
    let found = Found::new(&client.metadata()?);
    let mut wrong = Vec::new();
    let mut present = Vec::new();
    for (name, topic) in client.names() {
        match found.0.get(name) {
            None => wrong.push(missing(client, name, client.options.partitions.of(topic))),
            Some(there) => {
                present.push(name);
                wrong.extend(wrong_shape(client, name, client.options.partitions.of(topic), there));
            }
        }
    }
    wrong.extend(wrong_settings(client, &present)?);
    if wrong.is_empty() { Ok(()) } else { Err(wrong_layout(client, wrong.join("\n"))) }
}

fn wrong_layout(client: &Client, what: String) -> LogError {
    LogError::Layout { folder: format!("Kafka at {}", client.options.brokers), what }
}

fn create_command(client: &Client, name: &str, partitions: u32) -> String {
    let settings = settings::of_topics(&client.options);
    let settings: String = settings.iter().map(|(key, value)| format!(" --config {key}={value}")).collect();
    let (brokers, replication) = (&client.options.brokers, client.options.replication);
    format!(
        "kafka-topics.sh --bootstrap-server {brokers} --create --topic {name} --partitions {partitions} \
         --replication-factor {replication}{settings}"
    )
}

fn missing(client: &Client, name: &str, partitions: u32) -> String {
    format!(
        "the topic {name} is missing (or this client may not see it, which takes the operation Describe); make it: {}",
        create_command(client, name, partitions)
    )
}

fn wrong_shape(client: &Client, name: &str, partitions: u32, found: &FoundTopic) -> Option<String> {
    let brokers = &client.options.brokers;
    if found.partitions != partitions {
        return Some(format!(
            "the topic {name} has {} partitions, not {partitions}; use it as it is with that number, or, if nothing in \
             it is needed: kafka-topics.sh --bootstrap-server {brokers} --delete --topic {name} && {}",
            found.partitions,
            create_command(client, name, partitions)
        ));
    }
    let replication = u32::from(client.options.replication);
    (found.replicas < replication).then(|| {
        format!(
            "the topic {name} has partitions on {} brokers only, not {replication}; give them more: \
             kafka-reassign-partitions.sh --bootstrap-server {brokers} --execute --reassignment-json-file FILE",
            found.replicas
        )
    })
}

fn wrong_settings(client: &Client, names: &[&str]) -> Result<Vec<String>, LogError> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let answers = layout::describe(client, names)?;
    let expected = settings::of_topics(&client.options);
    let mut wrong = Vec::new();
    for (name, answer) in names.iter().zip(answers) {
        for (key, value) in &expected {
            let found = answer.get(key).and_then(|entry| entry.value.as_deref()).unwrap_or("");
            if !holds(key, value, found) {
                wrong.push(format!(
                    "the topic {name} has {key}={found}, not {value}; mend it: kafka-configs.sh --bootstrap-server {} \
                     --alter --entity-type topics --entity-name {name} --add-config {key}={value}",
                    client.options.brokers
                ));
            }
        }
    }
    Ok(wrong)
}

/// Whether a setting is as expected; where more is as good, more is.
fn holds(key: &str, expected: &str, found: &str) -> bool {
    if key != "max.message.bytes" && key != "min.insync.replicas" {
        return expected == found;
    }
    match (expected.parse::<i64>(), found.parse::<i64>()) {
        (Ok(expected), Ok(found)) => found >= expected,
        _ => false,
    }
}
