//! Against a real Kafka, whose address `HOGA_KAFKA` tells; `scripts/kafka start` prints it. Without one the tests say
//! that they were left out, and in CI they fail.

mod brokers;
mod faults;
mod forgeries;
mod group;
mod security;
mod topics;

use super::*;
use crate::LogRecord;
use crate::conformance::{self, Subject};
use hoga_core::{MachineKind, Timestamp};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminOptions, AlterConfig, ResourceSpecifier};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use std::cell::RefCell;
use std::time::{Duration, Instant};

const AT: TopicPartition = TopicPartition::new(Topic::Orders, 0);

/// Options for a log with topics of its own.
fn options() -> Option<KafkaOptions> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let Ok(brokers) = std::env::var("HOGA_KAFKA") else {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "HOGA_KAFKA is not set: no Kafka to test against");
        eprintln!("LEFT OUT: HOGA_KAFKA is not set; run scripts/kafka start and set what it prints");
        return None;
    };
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let now_ms = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis();
    Some(KafkaOptions {
        brokers,
        topic_prefix: format!("test-{now_ms}-{}-{count}.", std::process::id()),
        partitions: conformance::partitions(),
        replication: 1,
        max_record_bytes: conformance::LIMIT,
        // Few, so that partitions pause.
        read_ahead_records: 64,
        ..KafkaOptions::default()
    })
}

fn create(options: &KafkaOptions) -> KafkaLog {
    KafkaLog::create_topics(options).unwrap();
    KafkaLog::connect(options.clone()).unwrap()
}

fn append_foreign(options: &KafkaOptions, to: TopicPartition, key: &[u8], value: Option<&[u8]>) {
    let producer: BaseProducer = ClientConfig::new().set("bootstrap.servers", &options.brokers).create().unwrap();
    let topic = format!("{}{}", options.topic_prefix, to.topic);
    let mut record = BaseRecord::<[u8], [u8]>::to(&topic).key(key).partition(to.partition as i32);
    record.payload = value;
    assert!(producer.send(record).is_ok());
    producer.flush(Duration::from_secs(30)).unwrap();
}

/// The options of the newest log.
struct Kafka(RefCell<KafkaOptions>);

impl Subject for Kafka {
    fn make(&self, time_mode: TimeMode) -> Arc<dyn Log> {
        let options = KafkaOptions { time_mode, ..options().expect("there is a Kafka") };
        *self.0.borrow_mut() = options.clone();
        Arc::new(create(&options))
    }

    /// Kafka's are its own.
    fn recorded_times(&self) -> Vec<i64> {
        vec![1_700_000_000_000, 5, 253_402_300_799_999, 1]
    }

    fn reopen(&self, log: Arc<dyn Log>) -> Option<Arc<dyn Log>> {
        drop(log);
        Some(Arc::new(KafkaLog::connect(self.0.borrow().clone()).unwrap()))
    }

    fn transactions(&self, to: TopicPartition) -> bool {
        let options = self.0.borrow();
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &options.brokers).set("transactional.id", &options.topic_prefix);
        let producer: BaseProducer = config.create().unwrap();
        let (topic, wait) = (format!("{}{}", options.topic_prefix, to.topic), Duration::from_secs(30));
        producer.init_transactions(wait).unwrap();
        let begin = KafkaLog::connect(options.clone()).unwrap().bounds(to).unwrap().end;
        for commit in [true, false] {
            producer.begin_transaction().unwrap();
            let record = BaseRecord::to(&topic).key("k").payload("v").partition(to.partition as i32);
            assert!(producer.send(record).is_ok());
            producer.flush(wait).unwrap();
            if commit { producer.commit_transaction(wait) } else { producer.abort_transaction(wait) }.unwrap();
        }
        // A transaction is ended before its last record stands in the partition: the one that says how it ended.
        let (log, started) = (KafkaLog::connect(options.clone()).unwrap(), Instant::now());
        while log.bounds(to).unwrap().end < begin + 4 {
            assert!(started.elapsed() < wait, "the control records do not come");
        }
        true
    }

    fn tombstone(&self, to: TopicPartition, key: &[u8]) -> Option<u64> {
        append_foreign(&self.0.borrow(), to, key, None);
        let log = KafkaLog::connect(self.0.borrow().clone()).unwrap();
        Some(log.bounds(to).unwrap().end - 1)
    }
}

#[test]
fn conforms() {
    let Some(options) = options() else { return };
    conformance::conforms(&Kafka(RefCell::new(options)));
}

#[test]
fn a_broker_that_is_not_there_is_named() {
    let options = KafkaOptions { brokers: "127.0.0.1:1".into(), ..KafkaOptions::default() };
    for error in [
        KafkaLog::connect(options.clone()).map(drop).unwrap_err(),
        KafkaLog::create_topics(&options).map(drop).unwrap_err(),
    ] {
        assert!(error.to_string().contains("of Kafka at 127.0.0.1:1 (does it run there"), "{error}");
    }
}

#[test]
fn another_process_cuts_and_the_reader_is_told() {
    let Some(options) = options() else { return };
    let (here, there) = (create(&options), KafkaLog::connect(options).unwrap());
    let values: Vec<String> = (0..500).map(|n| format!("{n:0200}")).collect();
    conformance::append(&here, AT, &values.iter().map(String::as_str).collect::<Vec<_>>());
    let mut reader = here.reader(AT, 0, Visibility::Written).unwrap();
    assert_eq!(there.cut(AT, 499).unwrap(), 499);
    let mut records = Vec::new();
    let error = loop {
        let seen = here.signal().version();
        match reader.poll(usize::MAX, &mut records) {
            Ok(()) if reader.position() < 500 => here.signal().wait(seen, Duration::from_secs(1)),
            Ok(()) => panic!("what was cut was read"),
            Err(error) => break error,
        };
    };
    assert!(matches!(error, LogError::Cut { start: 499, .. }), "{error}");
    assert!(records.iter().map(|record| record.offset).eq(0..reader.position()), "what came before is in order");
}

#[test]
fn times_that_kafka_cannot_hold_are_refused() {
    let Some(options) = options() else { return };
    let log = create(&KafkaOptions { time_mode: TimeMode::Recorded, ..options });
    let mut writer = log.writer().unwrap();
    for time in [0, -1, i64::MIN] {
        let error = writer.send(AT, b"", b"v", Some(Timestamp(time)), 0).unwrap_err();
        assert!(matches!(error, LogError::Time { .. }), "{error}");
    }
    assert_eq!(writer.in_flight(), 0);
}

#[test]
fn what_the_broker_does_not_take_fails_the_log_by_name() {
    let Some(options) = options() else { return };
    let log = create(&options);
    let topic = format!("{}orders", options.topic_prefix);
    let client = Client::new(options).unwrap();
    let small = AlterConfig::new(ResourceSpecifier::Topic(&topic)).set("max.message.bytes", "200");
    let answers = client::wait(client.administer(|admin, _| admin.alter_configs([&small], &AdminOptions::new())));
    answers.unwrap()[0].as_ref().unwrap();
    let mut writer = log.writer().unwrap();
    let mut acks = Vec::new();
    let error = loop {
        // The broker learns of the setting a little later.
        let seen = log.signal().version();
        if let Err(error) = writer.send(AT, b"k", &[b'x'; 1_000], None, 7).and_then(|()| writer.flush()) {
            break error;
        }
        log.signal().wait(seen, Duration::from_secs(30));
        if let Err(error) = writer.acks(&mut acks) {
            break error;
        }
    };
    let (what, way_out) =
        (format!("{topic}/0: Kafka refused a record"), format!("raise max.message.bytes of the topic {topic}"));
    assert!(error.to_string().contains(&what) && error.to_string().contains(&way_out), "{error}");
    assert!(acks.iter().all(|ack| ack.token == 7));
}

#[test]
fn many_partitions_are_read_by_one_thread_and_everything_arrives() {
    let Some(options) = options() else { return };
    let log = create(&options);
    let at: Vec<TopicPartition> = log.core.client.partitions().collect();
    let mut writer = log.writer().unwrap();
    for n in 0..200_u64 {
        for to in &at {
            writer.send(*to, b"k", &n.to_le_bytes(), None, n).unwrap();
        }
    }
    writer.flush().unwrap();
    log.sync().unwrap();
    let mut readers: Vec<_> = at.iter().map(|at| log.reader(*at, 0, Visibility::Durable).unwrap()).collect();
    let mut got: Vec<Vec<LogRecord>> = vec![Vec::new(); at.len()];
    while got.iter().any(|records| records.len() < 200) {
        let seen = log.signal().version();
        let before: usize = got.iter().map(Vec::len).sum();
        for (reader, records) in readers.iter_mut().zip(&mut got) {
            reader.poll(50, records).unwrap();
        }
        if got.iter().map(Vec::len).sum::<usize>() == before {
            assert_ne!(log.signal().wait(seen, Duration::from_secs(60)), seen, "nothing was signalled");
        }
    }
    for records in &got {
        assert!(
            records.iter().zip(0..200_u64).all(|(r, n)| r.offset == n && r.value.as_deref() == Some(&n.to_le_bytes()))
        );
    }
    assert_eq!(log.core.fetchers.all().len(), 1);
}
