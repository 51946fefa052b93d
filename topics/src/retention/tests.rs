//! Plans as tables: facts in a line, the cut and its limit in a line.

use super::*;
use hoga_core::records::{Claim, Mark, MarkOutput};
use hoga_core::{Record, Timestamp, Topic};

/// Facts of partition 1 of a topic, in words: `0..100` its offsets, `durable 90`, `young 50`, `snapshots 10,20` of
/// which 2 are kept, `unread control/0@7`, `without-archive`. What may be cut, and why not more.
#[track_caller]
fn check(topic: Topic, facts: &str, expected: &str) {
    let at = TopicPartition::new(topic, 1);
    let bounds = Bounds { start: 0, end: 0, durable_end: 0 };
    let mut given = Facts { at, bounds, young: 0, snapshots: Vec::new(), snapshots_kept: 2, unread: Vec::new() };
    let mut words = facts.split(' ');
    let number = |word: &str| word.parse::<u64>().unwrap();
    let mut without_archive = false;
    while let Some(word) = words.next() {
        match word {
            "durable" => given.bounds.durable_end = number(words.next().unwrap()),
            "young" => given.young = number(words.next().unwrap()),
            "snapshots" => given.snapshots = words.next().unwrap().split(',').map(number).collect(),
            "unread" => given.unread.extend(words.next().unwrap().split(',').map(unread)),
            "without-archive" => without_archive = true,
            range => {
                let (start, end) = range.split_once("..").unwrap();
                let end = number(end);
                given.bounds = Bounds { start: number(start), end, durable_end: end };
            }
        }
    }
    let Plan { before, limit, .. } = plan(&given, without_archive);
    assert_eq!(format!("{before}: {limit}"), expected, "{topic} {facts}");
}

/// `control/0@7`
fn unread(text: &str) -> (ChannelKey, u64) {
    let (name, mark) = text.split_once('@').unwrap();
    let (machine, partition) = name.split_once('/').unwrap();
    let machine = *MachineKind::ALL.iter().find(|kind| kind.name() == machine).unwrap();
    (ChannelKey { machine, partition: partition.parse().unwrap() }, mark.parse().unwrap())
}

#[test]
fn what_is_kept_for_ever_or_for_an_archive_is_never_cut() {
    for topic in [Topic::Instruments, Topic::Control] {
        check(topic, "0..100 snapshots 90,95", "0: kept for ever");
    }
    for topic in [Topic::Executions, Topic::Ticks, Topic::OrderEvents, Topic::Journal, Topic::Candles] {
        check(topic, "0..100 snapshots 90,95 young 90", "0: kept for ever: no archive has it");
        check(topic, "0..100 snapshots 90,95 without-archive", "0: kept for ever: no archive has it");
    }
}

#[test]
fn inputs_are_cut_behind_the_oldest_snapshot_that_is_kept() {
    let refused = "0: no archive has it (--without-archive cuts behind the snapshots)";
    let snapshot = |offset: u64, machine| format!("{offset}: the oldest snapshot of {machine} that is kept");
    check(Topic::Accounts, "0..100 snapshots 40,60,90", refused);
    check(Topic::Books, "0..100 snapshots 40,60,90", refused);
    check(Topic::Accounts, "0..100 snapshots 40,60,90 without-archive", &snapshot(60, "holds"));
    check(Topic::Books, "0..100 snapshots 40,60 without-archive", &snapshot(40, "matching"));
    check(Topic::Books, "0..100 snapshots 40,40,40 without-archive", &snapshot(40, "matching"));
    check(Topic::Books, "50..100 snapshots 40,60 without-archive", &snapshot(50, "matching"));
    check(Topic::Books, "0..100 snapshots 60 without-archive", "0: matching has 1 of 2 usable snapshots");
    check(Topic::Books, "30..100 without-archive", "30: matching has 0 of 2 usable snapshots");
}

#[test]
fn what_is_kept_for_a_time_is_cut_by_its_age() {
    check(Topic::Depth, "0..100 young 70", "70: younger than 1 day");
    check(Topic::DeadLetters, "0..100 young 70", "70: younger than 30 days");
    check(Topic::Depth, "0..100 young 100 durable 90", "90: nothing, that is all");
    check(Topic::Depth, "80..100 young 70", "80: younger than 1 day");
}

#[test]
fn orders_are_kept_for_their_time_and_for_the_snapshots_of_admission() {
    let snapshot = |offset: u64| format!("{offset}: the oldest snapshot of admission that is kept");
    check(Topic::Orders, "0..100 young 70 snapshots 90,95", "70: younger than 7 days");
    check(Topic::Orders, "0..100 young 70 snapshots 60,95", &snapshot(60));
    check(Topic::Orders, "0..100 young 70 snapshots 70,95", &snapshot(70));
    check(Topic::Orders, "0..100 young 70 snapshots 60", "0: admission has 1 of 2 usable snapshots");
}

#[test]
fn owners_is_cut_behind_the_newest_marks_of_whoever_has_more_to_read() {
    check(Topic::Owners, "0..100", "100: nothing, that is all");
    let mark = "70: the newest mark of matching/3, which has more to read";
    check(Topic::Owners, "0..100 unread holds/0@80,matching/3@70", mark);
    check(Topic::Owners, "0..100 durable 60 unread holds/0@80", "60: nothing, that is all");
}

#[test]
fn every_rule_of_the_catalogue_names_what_keeps_the_rest() {
    for spec in catalogue::all() {
        let at = TopicPartition::new(spec.topic, 0);
        let bounds = Bounds { start: 5, end: 9, durable_end: 9 };
        let facts = Facts { at, bounds, young: 7, snapshots: vec![6, 8], snapshots_kept: 2, unread: Vec::new() };
        let Plan { before, limit, .. } = plan(&facts, true);
        let expected = match spec.kept {
            Kept::ForEver => (5, Limit::ForEver),
            Kept::UntilArchived => (5, Limit::NoArchive),
            Kept::UntilRestored => (6, Limit::Snapshot(spec.reading_machine().unwrap())),
            Kept::UntilMarked => (9, Limit::End),
            Kept::Days(_) if spec.reading_machine().is_some() => (6, Limit::Snapshot(MachineKind::Admission)),
            Kept::Days(_) => (7, Limit::Young(spec.kept)),
        };
        assert_eq!((before, limit), expected, "{}", spec.topic);
    }
}

#[test]
fn marks_tell_how_far_each_channel_of_a_partition_is_covered() {
    let (machine, topic) = (MachineKind::Matching, Topic::Depth);
    let mut owners = Owners::default();
    for partition in 0..3 {
        let claim = Claim { machine, partition, replaces: None, epoch: None, process: "p".into() };
        assert!(owners.apply(0, Timestamp(0), &Record::Claim(claim)));
    }
    let output = |partition, number| MarkOutput { topic, partition, number, offset: 9, hash: 0 };
    for (partition, outputs) in [(0, vec![output(0, 7), output(1, 5)]), (1, vec![output(0, 8), output(1, 0)])] {
        let mark = Mark { machine, partition, epoch: 0, next_offset: 0, outputs };
        assert!(owners.apply(1, Timestamp(0), &Record::Mark(mark)));
    }
    let covered = |partition| {
        let marked = marked(TopicPartition::new(topic, partition), &owners);
        marked.into_iter().map(|(channel, number)| (channel.partition, number)).collect::<Vec<_>>()
    };
    assert_eq!((covered(0), covered(1), covered(2)), (vec![(0, 7), (1, 8)], vec![(0, 5), (1, 0)], vec![]));
}
