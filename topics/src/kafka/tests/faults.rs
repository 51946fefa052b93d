//! Brokers that stop, sleep and die while records go through: nothing is lost, and the order is kept by the rule that
//! whoever does not know a record delivered sends again from there.

use super::brokers::Brokers;
use super::*;
use crate::{Ack, Reader, Writer};

/// Numbered records, by the rule.
struct Sender {
    writer: Box<dyn Writer>,
    next: u64,
    delivered: u64,
    last_offset: Option<u64>,
    /// Of answers to what was sent before the newest repeat.
    round: u64,
    acks: Vec<Ack>,
}

impl Sender {
    fn step(&mut self) {
        for _ in 0..10 {
            self.writer.send(AT, b"", &self.next.to_le_bytes(), None, self.round << 32 | self.next).unwrap();
            self.next += 1;
        }
        self.writer.flush().unwrap();
        self.writer.acks(&mut self.acks).unwrap();
        for ack in std::mem::take(&mut self.acks) {
            if ack.token >> 32 != self.round {
                continue;
            }
            if ack.offset > self.last_offset {
                assert_eq!(ack.token & 0xffff_ffff, self.delivered, "answers come in the order of sending");
                (self.last_offset, self.delivered) = (ack.offset, self.delivered + 1);
            } else {
                (self.next, self.round) = (self.delivered, self.round + 1);
            }
        }
    }
}

/// Takes the next number, drops what it has, and what is ahead.
struct Receiver {
    reader: Box<dyn Reader>,
    accepted: u64,
}

impl Receiver {
    fn step(&mut self) {
        let mut records = Vec::new();
        self.reader.poll(usize::MAX, &mut records).unwrap();
        for record in records {
            let number = u64::from_le_bytes(record.value.unwrap()[..].try_into().unwrap());
            self.accepted += u64::from(number == self.accepted);
        }
    }
}

struct Flow {
    log: KafkaLog,
    sender: Sender,
    receiver: Receiver,
}

impl Flow {
    fn new(log: KafkaLog) -> Self {
        let sender = Sender {
            writer: log.writer().unwrap(),
            next: 0,
            delivered: 0,
            last_offset: None,
            round: 0,
            acks: Vec::new(),
        };
        let receiver = Receiver { reader: log.reader(AT, 0, Visibility::Written).unwrap(), accepted: 0 };
        Self { log, sender, receiver }
    }

    /// Sends on, until everything that was sent so far and something more came through.
    fn through(&mut self) {
        let target = self.sender.next + 100;
        for _ in 0..20_000 {
            if self.receiver.accepted >= target {
                return;
            }
            self.go_on(Duration::from_millis(5));
        }
        let metrics = self.log.metrics();
        panic!("{} of {target} records came, {} delivered; {metrics:?}", self.receiver.accepted, self.sender.delivered);
    }

    /// Sends as long.
    fn go_on(&mut self, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until {
            if self.sender.writer.in_flight() < 5_000 {
                self.sender.step();
            } else {
                self.sender.writer.acks(&mut self.sender.acks).unwrap();
            }
            self.receiver.step();
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Which broker leads the partition; none may.
fn leader(log: &KafkaLog) -> Option<u32> {
    let client = &log.core.client;
    let metadata = client.metadata().unwrap();
    let topic = metadata.topics().iter().find(|topic| topic.name() == client.name(AT.topic)).unwrap();
    let partition = topic.partitions().iter().find(|partition| partition.id() == AT.partition as i32).unwrap();
    u32::try_from(partition.leader()).ok()
}

/// What happens to the brokers of a log while it is used.
fn check(flow: &mut Flow, what: &str, happens: impl FnOnce(&mut Flow)) {
    flow.through();
    happens(flow);
    flow.through();
    let KafkaMetrics { unknown_records, lost_connections, restarts, .. } = flow.log.metrics();
    eprintln!("{what}: {unknown_records} unknown, {lost_connections} connections lost, {restarts} restarts so far");
}

#[test]
fn a_broker_that_stops_sleeps_or_dies_loses_nothing() {
    let Some(brokers) = Brokers::start(1, false) else { return };
    let options = brokers.options();
    let mut flow = Flow::new(create(&options));
    check(&mut flow, "stopped and started", |flow| {
        brokers.stop();
        flow.go_on(Duration::from_secs(2));
        brokers.start_again();
    });
    check(&mut flow, "paused", |flow| {
        brokers.signal(1, "STOP");
        flow.go_on(Duration::from_secs(1));
        let error = KafkaLog::connect(options.clone()).map(drop).unwrap_err().to_string();
        assert!(error.contains(&format!("asking for the topics, of Kafka at {}", options.brokers)), "{error}");
        brokers.signal(1, "CONT");
    });
    check(&mut flow, "the producer begun anew", |flow| {
        flow.sender.step();
        flow.log.core.producer.begin_anew();
    });
    check(&mut flow, "the consumer begun anew", |flow| {
        flow.log.core.fetchers.all()[0].renew().unwrap();
    });
    check(&mut flow, "killed", |flow| {
        brokers.signal(1, "KILL");
        flow.go_on(Duration::from_secs(1));
        brokers.start_again();
    });
}

#[test]
fn leaders_that_change_lose_nothing() {
    let Some(brokers) = Brokers::start(3, false) else { return };
    let options = KafkaOptions { replication: 3, ..brokers.options() };
    let mut flow = Flow::new(create(&options));
    for turn in ["the first", "the second"] {
        check(&mut flow, &format!("{turn} leader killed"), |flow| {
            let killed = leader(&flow.log);
            brokers.signal(killed.expect("some broker leads"), "KILL");
            flow.through();
            assert_ne!(leader(&flow.log), killed, "another leads");
            brokers.start_again();
        });
    }
    questions_are_answered_once_a_partition_has_a_leader_again(&brokers);
}

/// By a client that was told meanwhile that it has none: librdkafka remembers that.
fn questions_are_answered_once_a_partition_has_a_leader_again(brokers: &Brokers) {
    let log = create(&KafkaOptions { replication: 1, ..brokers.options() });
    let killed = leader(&log).expect("some broker leads");
    brokers.signal(killed, "KILL");
    let asked = Instant::now();
    // Only once the others have given the dead broker up is it known to have none.
    while leader(&log).is_some() {
        assert!(asked.elapsed() < Duration::from_secs(60), "broker {killed} is dead");
        std::thread::sleep(Duration::from_millis(200));
    }
    let away = log.bounds(AT).unwrap_err();
    assert!(away.is_unanswered(), "{away}");
    brokers.start_again();
    while let Err(error) = log.bounds(AT) {
        assert!(error.is_unanswered() && asked.elapsed() < Duration::from_secs(120), "{error}");
    }
    assert_eq!(log.offset_at(AT, Timestamp(1)).unwrap(), 0);
}
