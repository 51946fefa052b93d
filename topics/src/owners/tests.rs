//! Claims, marks and signs as scripts, and the end of waiting.

use super::*;
use crate::memory::Clock;
use crate::{MemoryLog, MemoryOptions};
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

/// A log whose `owners` holds a script, each step a record.
fn owners_log(script: &str) -> MemoryLog {
    let log = MemoryLog::new(MemoryOptions { clock: Clock::Set(Timestamp(5)), ..MemoryOptions::default() });
    script.split(' ').for_each(|step| append(&log, OWNERS, &record(step)));
    log
}

/// The view as of `offset`, to go on from.
fn saved(log: &MemoryLog, offset: u64) -> SavedOwners {
    let mut view = OwnersView::resume(log, SavedOwners::default()).unwrap();
    view.read_to(log, offset).unwrap();
    assert_eq!(view.position(), offset);
    view.save()
}

#[test]
fn a_view_that_goes_on_from_a_saved_one_knows_what_the_whole_log_says() {
    let script = "a> m0=10 s0=12 b>0 c>0 m3=15 s3=17 d>3 m7=20 e>3 s7=25";
    let whole = OwnersView::open(&owners_log(script)).unwrap();
    for cut in 0..=whole.position() {
        let log = owners_log(script);
        let saved = saved(&log, cut);
        let stored: SavedOwners = postcard::from_bytes(&postcard::to_allocvec(&saved).unwrap()).unwrap();
        assert_eq!(stored, saved);
        log.cut(OWNERS, cut).unwrap();
        let mut view = OwnersView::resume(&log, stored).unwrap();
        view.poll().unwrap();
        assert_eq!((view.owners(), view.position()), (whole.owners(), whole.position()), "cut at {cut}");
    }
}

#[test]
fn a_view_never_begins_in_the_middle() {
    // Without what came before, b's void claim (of 9) would stay unseen and c's valid one would be void: nobody owns.
    let log = owners_log("a> b>9 c>0");
    let saved = saved(&log, 1);
    log.cut(OWNERS, 2).unwrap();
    let error = OwnersView::open(&log).map(drop).unwrap_err();
    assert!(matches!(error, OwnersError::Cut { offset: 0, start: 2 }), "{error}");
    assert!(error.to_string().contains("owners/0: offsets 0 to 1 are cut, and who owns what depends on them"));
    let error = OwnersView::resume(&log, saved).map(drop).unwrap_err();
    assert!(matches!(error, OwnersError::Cut { offset: 1, start: 2 }), "{error}");
}

#[test]
fn a_view_that_slept_past_a_cut_is_told() {
    let log = owners_log("a> m0=10");
    let mut view = OwnersView::open(&log).unwrap();
    append(&log, OWNERS, &record("b>0"));
    append(&log, OWNERS, &record("m2=11"));
    log.cut(OWNERS, 3).unwrap();
    assert!(matches!(view.poll().unwrap_err(), OwnersError::Cut { offset: 2, start: 3 }));
}
