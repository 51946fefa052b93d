//! Topics that are missing, different, or as they should be.

use super::*;
use crate::Reader;

/// Deletes a topic; what is left, once it is gone.
fn delete(options: &KafkaOptions, topic: Topic) -> KafkaLayout {
    let client = Client::new(options.clone()).unwrap();
    let answers = client::wait(client.administer(|admin, how| admin.delete_topics(&[client.name(topic)], how)));
    answers.unwrap()[0].as_ref().unwrap();
    // The broker learns of it a little later.
    let mut layouts = (0..600).map(|_| {
        std::thread::sleep(Duration::from_millis(50));
        KafkaLog::layout(options).unwrap().unwrap()
    });
    layouts.find(|layout| layout.missing.contains(&topic)).expect("it is deleted")
}

#[test]
fn a_log_is_taken_as_it_is() {
    let Some(options) = options() else { return };
    assert_eq!(KafkaLog::layout(&options).unwrap(), None);
    let partitions = conformance::partitions().with(Topic::Orders, 5);
    let made = KafkaOptions { time_mode: TimeMode::Recorded, partitions, ..options.clone() };
    KafkaLog::create_topics(&made).unwrap();
    let layout = KafkaLog::layout(&options).unwrap().unwrap();
    assert_eq!(layout.apply_to(&options), made);
    KafkaLog::check_topics(&layout.apply_to(&options)).unwrap();

    let layout = delete(&options, Topic::Ticks);
    assert_eq!((layout.missing, layout.partitions.of(Topic::Ticks)), (vec![Topic::Ticks], 5), "as that of orders");
}

#[test]
fn what_is_wrong_with_the_topics_is_named_with_the_command_that_mends_it() {
    let Some(options) = options() else { return };
    let complaint = |options: &KafkaOptions| KafkaLog::check_topics(options).unwrap_err().to_string();
    let orders = format!("{}orders", options.topic_prefix);
    let missing = complaint(&options);
    let make = ["the topic ", &orders, " is missing (or this client may not see it", "make it: kafka-topics.sh"];
    assert!(make.iter().all(|part| missing.contains(part)), "{missing}");
    assert_eq!(KafkaLog::create_topics(&options).unwrap().len(), Topic::ALL.len());
    assert!(KafkaLog::create_topics(&options).unwrap().is_empty(), "they are there");
    KafkaLog::check_topics(&options).unwrap();

    let other = KafkaOptions { partitions: conformance::partitions().with(Topic::Orders, 7), ..options.clone() };
    let other = complaint(&other);
    assert!(other.contains(&format!("the topic {orders} has 3 partitions, not 7")), "{other}");
    assert_eq!(other.lines().count(), 1, "{other}");
    let recorded = complaint(&KafkaOptions { time_mode: TimeMode::Recorded, ..options.clone() });
    assert!(recorded.contains("message.timestamp.type=LogAppendTime, not CreateTime; mend it: "), "{recorded}");
    let replicated = complaint(&KafkaOptions { replication: 3, ..options.clone() });
    assert!(
        replicated.contains(&format!("the topic {orders} has partitions on 1 brokers only, not 3")),
        "{replicated}"
    );

    let client = Client::new(options.clone()).unwrap();
    let compacted = AlterConfig::new(ResourceSpecifier::Topic(&orders)).set("cleanup.policy", "compact");
    let answers = client::wait(client.administer(|admin, _| admin.alter_configs([&compacted], &AdminOptions::new())));
    answers.unwrap()[0].as_ref().unwrap();
    let wrong = complaint(&options);
    let mend = format!("--entity-name {orders} --add-config cleanup.policy=delete");
    assert!(wrong.contains("cleanup.policy=compact, not delete") && wrong.contains(&mend), "{wrong}");
}

/// Why a reader gets nothing any more.
fn failure(log: &KafkaLog, reader: &mut dyn Reader) -> LogError {
    let started = Instant::now();
    loop {
        let seen = log.signal().version();
        match reader.poll(usize::MAX, &mut Vec::new()) {
            Ok(()) => _ = log.signal().wait(seen, Duration::from_secs(1)),
            Err(error) => return error,
        }
        assert!(started.elapsed() < Duration::from_secs(120), "it waits at {}", reader.position());
    }
}

#[test]
fn a_topic_that_goes_or_gets_shorter_while_it_is_read_is_named() {
    let Some(options) = options() else { return };
    let (log, ticks) = (create(&options), TopicPartition::new(Topic::Ticks, 0));
    let mut readers = [AT, ticks].map(|at| {
        conformance::append(&log, at, &["1", "2", "3"]);
        let mut reader = log.reader(at, 0, Visibility::Written).unwrap();
        while reader.position() < 3 {
            reader.poll(usize::MAX, &mut Vec::new()).unwrap();
        }
        reader
    });
    delete(&options, Topic::Orders);
    KafkaLog::create_topics(&options).unwrap();
    delete(&options, Topic::Ticks);
    let shorter = failure(&log, &mut *readers[0]);
    assert!(matches!(shorter, LogError::PastEnd { partition: AT, offset: 3, end: 0 }), "{shorter}");
    let gone = failure(&log, &mut *readers[1]).to_string();
    assert!(gone.contains("ticks/0: the topic ") && gone.contains("ticks is not on this Kafka any more"), "{gone}");
}
