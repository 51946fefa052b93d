//! Claims, marks and signs as scripts, and the end of waiting.

use super::*;
use crate::memory::Clock;
use crate::{MemoryLog, MemoryOptions};
use hoga_core::records::Progress;
use std::time::{Duration, Instant};

const M: MachineKind = MachineKind::Holds;

/// One record: `a` is the process of a claim `a>3` (replacing 3; `a>` the first), `m3=10` a mark of epoch 3 at 10,
/// `s3=10` a sign of life of epoch 3 at 10.
fn record(step: &str) -> Record {
    if let Some((process, replaces)) = step.split_once('>') {
        let (replaces, process) = (replaces.parse().ok(), process.into());
        return Record::Claim(Claim { machine: M, partition: 0, replaces, epoch: None, process });
    }
    let (epoch, next_offset) = step[1..].split_once('=').unwrap();
    let (epoch, next_offset) = (epoch.parse().unwrap(), next_offset.parse().unwrap());
    if step.starts_with('m') {
        return Record::Mark(Mark { machine: M, partition: 0, epoch, next_offset, outputs: Vec::new() });
    }
    let progress = vec![Progress { machine: M, partition: 0, epoch: Some(epoch), next_offset }];
    Record::SignOfLife(SignOfLife { process: "p".into(), progress })
}

/// Applies a script, each step at the next offset from 0, and shows `process@epoch marked progress void`.
fn check(script: &str, expected: &str) {
    let mut owners = Owners::default();
    for (offset, step) in script.split(' ').enumerate() {
        assert!(owners.apply(offset as u64, Timestamp(offset as i64), &record(step)));
    }
    let shown = owners.of(M, 0).map_or("nobody".to_owned(), |owned| {
        let Ownership { process, epoch, void_claims, .. } = owned;
        format!("{process}@{epoch} {} {} {void_claims}", owned.marked(), owned.progress())
    });
    assert_eq!(shown, expected, "{script}");
}

#[test]
fn a_claim_is_valid_only_if_it_replaces_the_newest() {
    check("a>", "a@0 0 0 0");
    check("a> b>0", "b@1 0 0 0");
    check("a> b> c>7", "a@0 0 0 2");
    check("a> b>0 c>0 c>1", "c@3 0 0 1");
    check("b>5", "nobody");
}

#[test]
fn marks_count_only_of_the_newest_owner_and_go_forward() {
    check("a> m0=10", "a@0 10 10 0");
    check("a> m0=10 b>0 m0=20", "b@2 10 10 0");
    check("a> m0=10 b>0 m2=15 m2=12", "b@2 15 15 0");
    check("a> m7=10", "a@0 0 0 0");
}

#[test]
fn progress_is_the_newest_owners() {
    check("a> s0=5", "a@0 0 5 0");
    check("a> s0=5 s0=3", "a@0 0 5 0");
    check("a> s0=50 b>0 s0=60", "b@2 0 0 0");
    check("a> s0=5 m0=9", "a@0 9 9 0");
}

fn append(log: &MemoryLog, to: TopicPartition, record: &Record) {
    log.append_foreign(to, b"", Some(&hoga_schemas::encode(record)), Timestamp(0)).unwrap();
}

#[test]
fn drained_is_when_marks_cover_the_ends_of_what_is_owned() {
    let log = MemoryLog::new(MemoryOptions { clock: Clock::Set(Timestamp(0)), ..MemoryOptions::default() });
    let now = || Instant::now() + Duration::from_millis(1);
    wait_drained(&log, now()).expect("nobody owns anything");
    let input = TopicPartition::new(M.input(), 0);
    append(&log, OWNERS, &record("a>"));
    wait_drained(&log, now()).expect("the input is empty");
    append(&log, input, &record("m0=0"));
    append(&log, TopicPartition::new(M.input(), 1), &record("m0=0"));
    let error = wait_drained(&log, now()).unwrap_err().to_string();
    assert!(error.ends_with("holds has finished accounts/0 up to 0 of 1"), "{error}");
    append(&log, OWNERS, &record("m0=1"));
    wait_drained(&log, now()).expect("partition 1 is nobody's");
}

#[test]
fn a_view_reads_on_and_refuses_what_is_none_of_its_topic() {
    let log = MemoryLog::new(MemoryOptions::default());
    append(&log, OWNERS, &record("a>"));
    let mut view = OwnersView::open(&log).unwrap();
    assert_eq!(view.position(), 1);
    assert!(!view.poll().unwrap());
    append(&log, OWNERS, &record("b>0"));
    assert!(view.poll().unwrap());
    assert_eq!(view.owners().of(M, 0).map(|owned| owned.epoch), Some(1));
    append(&log, OWNERS, &Record::Clock(hoga_core::records::Clock { time: Timestamp(0) }));
    let error = view.poll().unwrap_err().to_string();
    assert!(error.contains("offset 2") && error.contains("Clock"), "{error}");
}
