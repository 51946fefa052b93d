//! The faults of the memory log, each by itself.

use super::*;
use crate::conformance::{self, Subject};
use hoga_core::Topic;
use std::cell::RefCell;

/// The newest log that was made.
#[derive(Default)]
struct Memory(RefCell<Option<MemoryLog>>);

impl Subject for Memory {
    fn make(&self, time_mode: TimeMode) -> Arc<dyn Log> {
        let log = MemoryLog::new(MemoryOptions {
            time_mode,
            partitions: conformance::partitions(),
            max_record_bytes: conformance::LIMIT,
            durability: Durability::AtSync,
            ..MemoryOptions::default()
        });
        *self.0.borrow_mut() = Some(log.clone());
        Arc::new(log)
    }

    fn reopen(&self, log: Arc<dyn Log>) -> Option<Arc<dyn Log>> {
        log.sync().unwrap();
        self.0.borrow().as_ref().expect("it was made here").crash(0);
        Some(log)
    }

    fn tombstone(&self, to: TopicPartition, key: &[u8]) -> Option<u64> {
        let log = self.0.borrow();
        Some(log.as_ref().expect("it was made here").append_foreign(to, key, None, Timestamp(0)).unwrap())
    }
}

#[test]
fn conforms() {
    conformance::conforms(&Memory::default());
}

const AT: TopicPartition = TopicPartition::new(Topic::Books, 1);

fn log(faults: Vec<Fault>) -> MemoryLog {
    let decide = move |sent: &Sent<'_>| faults.get(sent.count as usize).copied().unwrap_or(Fault::None);
    MemoryLog::new(MemoryOptions {
        clock: Clock::Set(Timestamp(0)),
        durability: Durability::AtSync,
        faults: Some(Box::new(decide)),
        ..MemoryOptions::default()
    })
}

fn send(log: &MemoryLog, values: &str) -> Box<dyn Writer> {
    let mut writer = log.writer().unwrap();
    for (token, value) in values.split_terminator(' ').enumerate() {
        writer.send(AT, b"k", value.as_bytes(), None, token as u64).unwrap();
    }
    writer.flush().unwrap();
    writer
}

fn content(log: &MemoryLog) -> String {
    let mut out = Vec::new();
    log.reader(AT, log.bounds(AT).unwrap().start, Visibility::Written).unwrap().poll(100, &mut out).unwrap();
    let values = out.iter().map(|r| String::from_utf8(r.value.clone().unwrap().to_vec()).unwrap());
    values.collect::<Vec<_>>().join(" ")
}

fn acks(writer: &mut dyn Writer) -> Vec<(u64, Option<u64>)> {
    let mut out = Vec::new();
    writer.acks(&mut out).unwrap();
    out.iter().map(|ack| (ack.token, ack.offset)).collect()
}

/// One line a case: faults, what stands in the log at time 0 and 10, acknowledgements at 0 and 10, of "a b c".
#[test]
fn each_fault_does_what_it_says() {
    type Acks = &'static [(u64, Option<u64>)];
    type Case = (&'static str, Vec<Fault>, &'static str, &'static str, Acks, Acks);
    let cases: [Case; 6] = [
        ("none", vec![], "a b c", "a b c", &[(0, Some(0)), (1, Some(1)), (2, Some(2))], &[]),
        (
            "delay",
            vec![Fault::None, Fault::DelayAck { ms: 10 }],
            "a b c",
            "a b c",
            &[(0, Some(0))],
            &[(1, Some(1)), (2, Some(2))],
        ),
        ("lose ack", vec![Fault::LoseAck], "a b c", "a b c", &[(0, None), (1, Some(1)), (2, Some(2))], &[]),
        ("lose", vec![Fault::Lose], "b c", "b c", &[(0, None), (1, Some(0)), (2, Some(1))], &[]),
        ("repeat", vec![Fault::Repeat], "a a b c", "a a b c", &[(0, Some(0)), (1, Some(2)), (2, Some(3))], &[]),
        ("late", vec![Fault::Late { ms: 10 }], "b c", "b c a", &[], &[(0, Some(2)), (1, Some(0)), (2, Some(1))]),
    ];
    for (name, faults, now, later, acks_now, acks_later) in cases {
        let log = log(faults);
        let mut writer = send(&log, "a b c");
        assert_eq!((content(&log).as_str(), acks(&mut *writer).as_slice()), (now, acks_now), "{name} now");
        log.set_time(Timestamp(10));
        assert_eq!((content(&log).as_str(), acks(&mut *writer).as_slice()), (later, acks_later), "{name} later");
        assert_eq!(writer.in_flight(), 0, "{name}");
    }
}

#[test]
fn a_crash_keeps_a_prefix_and_voids_readers_and_writers() {
    let log = log(vec![]);
    let mut writer = send(&log, "a b");
    log.sync().unwrap();
    drop(send(&log, "c d e"));
    log.crash(1);
    assert_eq!(content(&log), "a b c");
    assert!(matches!(writer.flush(), Err(LogError::Failed(_))));
    assert_eq!(log.bounds(AT).unwrap().durable_end, 3);
}

#[test]
fn what_a_dead_writer_flushed_still_lands() {
    let log = log(vec![Fault::Late { ms: 5 }]);
    drop(send(&log, "a b"));
    log.set_time(Timestamp(5));
    assert_eq!(content(&log), "b a");
}

#[test]
fn one_seed_gives_one_run() {
    let rates = FaultRates { delay_ack: 100, lose_ack: 100, lose: 100, repeat: 100, late: 100, max_delay_ms: 5 };
    let run = |seed| {
        let log = MemoryLog::new(MemoryOptions {
            clock: Clock::Set(Timestamp(0)),
            faults: Some(Box::new(SeededFaults::new(seed, rates))),
            ..MemoryOptions::default()
        });
        drop(send(&log, &(0..200).map(|n| n.to_string()).collect::<Vec<_>>().join(" ")));
        log.set_time(Timestamp(10));
        content(&log)
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}
