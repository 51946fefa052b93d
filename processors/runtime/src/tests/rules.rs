//! One test for each invariant of the crate's header, by its number. Each fails when its rule is taken out.

use super::machine::{Toy, toys};
use super::world::{KINDS, LIMITS, Node, PARTITIONS, World};
use crate::{MachinePhase, MachineStatus, Placement, RuntimeConfig, RuntimeError};
use hoga_core::records::{AssetListing, Clock, RecordKind, Withdrawal};
use hoga_core::{AccountId, AssetCode, ClientId, Decimal, MachineKind, Record, Topic};
use hoga_schemas::Origin;
use hoga_topics::memory::{Durability, Fault, FaultRates, SeededFaults, Sent};
use hoga_topics::owners::{OWNERS, OwnersView};
use hoga_topics::{
    AcceptedBody, AcceptedReader, ChannelKey, Log, LogRecord, ReaderPosition, TimeMode, TopicPartition, Visibility,
};
use object_store::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const ACCOUNTS: TopicPartition = TopicPartition::new(Topic::Accounts, 0);
const BOOKS: TopicPartition = TopicPartition::new(Topic::Books, 0);

fn alone(machine: MachineKind) -> Placement {
    Placement::Alone { machines: vec![machine] }
}

pub(super) fn holds(node: &Node, partition: u32) -> MachineStatus {
    status(node, MachineKind::Holds, partition)
}

fn status(node: &Node, kind: MachineKind, partition: u32) -> MachineStatus {
    let found = node.statuses().into_iter().find(|status| (status.kind, status.partition) == (kind, partition));
    found.expect("the node has this machine")
}

fn marked(world: &World, kind: MachineKind, partition: u32) -> u64 {
    OwnersView::open(&world.log).unwrap().owners().of(kind, partition).map_or(0, |owned| owned.marked())
}

pub(super) fn deposits(world: &mut World, node: &mut Node, count: u32) {
    for _ in 0..count {
        world.deposit();
        world.round(node);
    }
    world.settle(node);
}

#[test]
fn rule_01_the_log_is_the_truth() {
    let mut world = World::plain();
    let mut node = world.start();
    deposits(&mut world, &mut node, 40);
    world.stop_and_compare(node);
    assert!(!world.snapshots().is_empty());
    world.store = Arc::default();

    let mut again = world.start();
    world.settle(&mut again);
    let stopped = world.stop_and_compare(again);
    for status in stopped {
        let dropped = status.counts.dropped;
        let read = status.counts.applied + dropped.claims + dropped.stale + dropped.repeats + dropped.ahead;
        assert_eq!(read, status.next_offset, "all was applied anew");
    }
    world.audit();
}

#[test]
fn rule_02_the_same_input_gives_the_same_effects_whoever_owns_it() {
    for mode in [TimeMode::Wall, TimeMode::Recorded] {
        let mut world = World::new(mode, Durability::Immediate, None);
        if mode == TimeMode::Recorded {
            // The only clock: whoever restores must know how far time may go past it.
            world.clocks();
        }
        for _ in 0..4 {
            let mut node = world.start();
            deposits(&mut world, &mut node, 15);
            let stopped = world.stop_and_compare(node);
            assert!(stopped.iter().any(|status| status.next_offset > status.counts.applied), "from a snapshot");
        }
        let first = world.audit();
        assert_eq!(first, world.audit());
    }
}

#[test]
fn rule_03_readers_accept_each_number_once_whatever_the_log_does() {
    let rates = FaultRates { delay_ack: 100, lose_ack: 100, lose: 100, repeat: 100, late: 100, max_delay_ms: 300 };
    let faults = Box::new(SeededFaults::new(7, rates));
    let mut world = World::new(TimeMode::Wall, Durability::Immediate, Some(faults));
    let mut node = world.start();
    deposits(&mut world, &mut node, 60);
    world.audit();
    let dropped = world.read_all(BOOKS).dropped();
    assert!(dropped.repeats > 0 && dropped.ahead > 0, "{dropped:?}");
}

/// A world where a fault befalls the records that `which` picks, as long as the switch is on.
fn faulty(fault: Fault, which: impl Fn(&Sent<'_>) -> bool + Send + 'static) -> (World, Arc<AtomicBool>) {
    let on = Arc::new(AtomicBool::new(true));
    let switch = on.clone();
    let decide = move |sent: &Sent<'_>| {
        if switch.load(Ordering::Relaxed) && which(sent) { fault } else { Fault::None }
    };
    (World::new(TimeMode::Wall, Durability::Immediate, Some(Box::new(decide))), on)
}

/// The origin of what was sent, if it is of holds and goes to books.
fn to_books(sent: &Sent<'_>) -> Option<Origin> {
    let origin = hoga_schemas::open(sent.value).ok()?.origin?;
    (sent.to.topic == Topic::Books && origin.machine == MachineKind::Holds).then_some(origin)
}

#[test]
fn rule_04_delivered_is_only_what_stands_behind_its_predecessor() {
    for fault in [Fault::Lose, Fault::LoseAck, Fault::Late { ms: 40 }, Fault::Repeat] {
        let (mut world, _on) = faulty(fault, |sent| to_books(sent).is_some_and(|o| o.number == 2 && sent.count < 150));
        let mut node = world.start();
        deposits(&mut world, &mut node, 20);
        world.audit();
        let resent: u64 = (0..PARTITIONS).map(|partition| holds(&node, partition).counts.resent).sum();
        assert_eq!(resent > 0, fault != Fault::Repeat, "{fault:?}");
    }
}

#[test]
fn rule_05_a_sleeping_owner_does_no_harm_and_stops_when_it_looks() {
    let mut world = World::plain();
    let mut sleeper = world.start();
    deposits(&mut world, &mut sleeper, 10);
    for _ in 0..10 {
        world.deposit();
    }
    let mut successor = world.start();
    world.settle(&mut successor);

    // It wakes amid its work: its machines step before its process has looked at `owners`.
    let before: u64 = sleeper.statuses().iter().map(|status| status.counts.emitted).sum();
    for _ in 0..5 {
        for driver in &mut sleeper.drivers {
            driver.step(world.now).unwrap();
        }
    }
    let after: u64 = sleeper.statuses().iter().map(|status| status.counts.emitted).sum();
    assert!(after > before, "it wrote");
    let stale: u64 =
        (0..PARTITIONS).map(|p| world.read_all(TopicPartition::new(Topic::Books, p)).dropped().stale).sum();
    assert!(stale > 0, "readers saw it and took none of it");
    deposits(&mut world, &mut successor, 5);
    world.audit();

    sleeper.process.step(world.now).unwrap();
    for driver in &mut sleeper.drivers {
        let error = driver.step(world.now).expect_err("fenced");
        assert!(error.is_handover(), "{error}");
        assert!(!driver.step(world.now).unwrap().worked, "it has stopped");
    }
}

#[test]
fn rule_06_a_new_owner_writes_what_readers_have_not_accepted_and_nothing_else() {
    // The second record of each channel is lost, what follows it is not.
    let (mut world, lose) = faulty(Fault::Lose, |sent| to_books(sent).is_some_and(|origin| origin.number == 2));
    let mut first = world.start();
    while first.statuses().iter().any(|status| status.phase != MachinePhase::Running) {
        world.round(&mut first);
    }
    for _ in 0..10 {
        world.deposit();
    }
    for driver in &mut first.drivers {
        driver.step(world.now).unwrap();
    }
    drop(first);
    assert!(world.read_all(BOOKS).dropped().ahead > 0, "what followed stands there, ahead");
    lose.store(false, Ordering::Relaxed);

    let mut second = world.start();
    world.settle(&mut second);
    world.audit();
    let mut third = world.start();
    world.settle(&mut third);
    world.audit();
    let emitted: u64 =
        (0..PARTITIONS).map(|partition| status(&third, MachineKind::Matching, partition).counts.emitted).sum();
    assert_eq!(emitted, 0, "all was accepted before");
    assert_eq!(world.read_all(BOOKS).dropped().repeats, 0, "nothing was written twice");
}

#[test]
fn rule_07_a_mark_says_only_what_is_delivered() {
    let (mut world, hold) = faulty(Fault::Late { ms: 100_000 }, |sent| to_books(sent).is_some());
    let mut node = world.start();
    for _ in 0..10 {
        world.deposit();
    }
    let first = first_offset(&world, ACCOUNTS, RecordKind::Deposit);
    for _ in 0..1_000 {
        world.round(&mut node);
    }
    let applied = holds(&node, 0).next_offset;
    assert!(applied > first + 1, "it went on, to {applied}");
    assert_eq!(marked(&world, MachineKind::Holds, 0), first, "the first whose effects are not delivered");

    // Snapshots were taken past the mark; a new owner must not use them.
    assert!(world.snapshots().iter().any(|(path, _)| path.as_ref().starts_with("holds/0")));
    hold.store(false, Ordering::Relaxed);
    drop(node);
    let mut next = world.start();
    world.settle(&mut next);
    world.audit();
    world.stop_and_compare(next);
}

fn first_offset(world: &World, of: TopicPartition, kind: RecordKind) -> u64 {
    let mut reader = AcceptedReader::open(&world.log, of, ReaderPosition::default(), Visibility::Written).unwrap();
    while let Some(accepted) = reader.read().unwrap() {
        if matches!(accepted.body, AcceptedBody::Record(frame) if frame.kind == kind) {
            return accepted.offset;
        }
    }
    panic!("{of} holds no {kind}");
}

#[test]
fn rule_07_a_torn_snapshot_falls_back_to_the_one_before() {
    let mut world = World::plain();
    let mut node = world.start();
    deposits(&mut world, &mut node, 40);
    world.stop(node);
    let snapshots = world.snapshots();
    let mut of_holds: Vec<_> = snapshots.iter().filter(|(path, _)| path.as_ref().starts_with("holds/0")).collect();
    let (newest, bytes) = of_holds.pop().unwrap();
    let (before, _) = of_holds.pop().unwrap();
    world.overwrite(newest, &bytes[..bytes.len() / 2]);
    let offset_before: u64 = before.filename().unwrap()[..20].parse().unwrap();

    let mut again = world.start();
    world.settle(&mut again);
    let restored = holds(&again, 0);
    let dropped = restored.counts.dropped;
    let read = restored.counts.applied + dropped.claims + dropped.stale + dropped.repeats + dropped.ahead;
    assert_eq!(restored.next_offset - read, offset_before, "it began at the one before");
    world.stop_and_compare(again);
    world.audit();
}

#[test]
fn rule_08_a_replay_that_differs_stops_the_machine() {
    let mut world = World::plain();
    let mut node = world.start();
    deposits(&mut world, &mut node, 20);
    drop(node);
    world.store = Arc::default();
    let mut other = world.start_with(Arc::new(|kind, partition, _| Box::new(Toy::twisted(kind, partition))));
    let why = world.until_stopped(&mut other);
    assert!(why.contains("replayed effect") && why.contains("caused by offset"), "{why}");
    assert!(other.statuses().iter().any(|status| matches!(status.phase, MachinePhase::Stopped { failed: true, .. })));
    world.audit();
}

/// The world on another log: a copy, record by record at the same offsets, of what `keep` keeps; what is not kept at
/// the end of a partition is gone, elsewhere a sign of life stands in its place.
fn copy(world: &World, keep: impl Fn(TopicPartition, &LogRecord) -> bool) -> World {
    let copied = World::plain();
    let filler = hoga_schemas::encode(&Record::SignOfLife(hoga_core::records::SignOfLife {
        process: "filler".into(),
        progress: Vec::new(),
    }));
    for topic in Topic::ALL {
        for partition in 0..world.log.partitions(*topic) {
            let at = TopicPartition::new(*topic, partition);
            let mut records = Vec::new();
            world.log.reader(at, 0, Visibility::Written).unwrap().poll(usize::MAX, &mut records).unwrap();
            for record in records {
                let kept = keep(at, &record);
                if kept || at == OWNERS {
                    let value = if kept { record.value.as_deref() } else { Some(&filler[..]) };
                    copied.log.append_foreign(at, &record.key, value, record.time).unwrap();
                }
            }
        }
    }
    copied
}

fn is_mark(record: &LogRecord) -> bool {
    hoga_schemas::open(record.value.as_deref().unwrap()).unwrap().kind == RecordKind::Mark
}

#[test]
fn rule_09_lost_input_stops_the_machine() {
    let mut world = World::plain();
    let mut node = world.start();
    deposits(&mut world, &mut node, 20);
    drop(node);
    let half = first_offset(&world, ACCOUNTS, RecordKind::Deposit) + 3;

    let mut with_marks = copy(&world, |at, record| at != ACCOUNTS || record.offset < half);
    let mut node = with_marks.try_start(toys(), |config| config.placement = alone(MachineKind::Holds)).unwrap();
    let why = with_marks.until_stopped(&mut node);
    assert!(why.contains("lost records") && why.contains("a mark says"), "{why}");

    let lossy = |at: TopicPartition, record: &LogRecord| match at {
        ACCOUNTS => record.offset < half,
        OWNERS => !is_mark(record),
        _ => true,
    };
    let mut without_marks = copy(&world, lossy);
    let mut node = without_marks.try_start(toys(), |config| config.placement = alone(MachineKind::Holds)).unwrap();
    let why = without_marks.until_stopped(&mut node);
    assert!(why.contains("lost records") && why.contains("replay gives"), "{why}");
}

#[test]
fn rule_09_an_input_that_begins_behind_the_snapshot_is_refused() {
    let mut world = World::plain();
    let mut node = world.start();
    deposits(&mut world, &mut node, 20);
    drop(node);
    world.store = Arc::default();
    world.log.cut(ACCOUNTS, 4).unwrap();
    let mut again = world.start();
    let why = world.until_stopped(&mut again);
    assert!(why.contains("offsets 0 to 3 of accounts/0 are cut"), "{why}");
}

#[test]
fn rule_09_no_snapshot_outlives_the_input_that_it_was_made_of() {
    let mut world = World::new(TimeMode::Wall, Durability::AtSync, None);
    let mut node = world.start();
    deposits(&mut world, &mut node, 10);
    world.log.sync().unwrap();
    deposits(&mut world, &mut node, 30);
    drop(node);
    world.log.crash(0);

    // Somebody writes before any process looks at the snapshots: the log grows past them with other records.
    for _ in 0..200 {
        world.deposit();
    }
    let marking = |config: &mut RuntimeConfig| config.limits.snapshot_every_records = u64::MAX;
    let mut node = world.try_start(toys(), marking).unwrap();
    world.settle(&mut node);
    drop(node);
    let mut again = world.start();
    world.settle(&mut again);
    world.audit();
    world.stop_and_compare(again);
}

#[test]
fn rule_09_snapshots_ahead_of_the_log_are_deleted_at_start() {
    let mut world = World::plain();
    let mut node = world.start();
    deposits(&mut world, &mut node, 10);
    drop(node);
    // As a log that was restored from an older copy leaves it.
    let ahead = Path::from("holds/0/00000000000000009999-1.snap");
    world.overwrite(&ahead, &world.snapshots()[0].1);
    let mut again = world.start();
    assert!(world.snapshots().iter().all(|(path, _)| *path != ahead));
    deposits(&mut world, &mut again, 60);
    world.audit();
    world.stop_and_compare(again);
}

#[test]
fn rule_09_a_snapshot_of_another_past_is_passed_over() {
    let mut world = World::plain();
    let mut node = world.start();
    deposits(&mut world, &mut node, 10);
    let then = world.now;
    deposits(&mut world, &mut node, 30);
    drop(node);

    // The log is put back from an older copy, the snapshots are not; it grows past them before any process starts.
    let mut older = copy(&world, |_, record| record.time <= then);
    older.store = world.store.clone();
    older.advance(world.now.0 - older.now.0);
    for _ in 0..200 {
        older.deposit();
    }
    older.limits.snapshot_every_records = u64::MAX;
    let mut node = older.start();
    older.settle(&mut node);
    drop(node);
    let mut again = older.start();
    older.settle(&mut again);
    older.audit();
    older.stop_and_compare(again);
}

/// The clocks that stand in a partition: with origin or without.
fn clocks(world: &World, at: TopicPartition) -> (Vec<i64>, usize) {
    let mut reader = AcceptedReader::open(&world.log, at, ReaderPosition::default(), Visibility::Written).unwrap();
    let (mut passed, mut own) = (Vec::new(), 0);
    while let Some(accepted) = reader.read().unwrap() {
        let AcceptedBody::Record(frame) = accepted.body else { continue };
        if let Record::Clock(Clock { time }) = hoga_schemas::decode(&frame).unwrap() {
            if frame.origin.is_some() { passed.push(time.0) } else { own += 1 }
        }
    }
    (passed, own)
}

#[test]
fn rule_10_clocks_are_passed_on_in_a_recorded_log_and_written_in_a_wall_log() {
    let mut recorded = World::new(TimeMode::Recorded, Durability::Immediate, None);
    let mut node = recorded.start();
    for _ in 0..20 {
        recorded.clocks();
        recorded.advance(300);
        recorded.round(&mut node);
    }
    recorded.settle(&mut node);
    assert_eq!(clocks(&recorded, ACCOUNTS).1, 20, "none but the feed's");
    let (passed, own) = clocks(&recorded, BOOKS);
    assert!(own == 0 && passed.len() >= 4, "{passed:?}");
    assert!(passed.is_sorted_by(|a, b| a + 1_000 <= *b), "{passed:?}");
    recorded.audit();

    let mut wall = World::plain();
    let mut node = wall.start();
    for _ in 0..20 {
        wall.advance(300);
        wall.round(&mut node);
    }
    wall.settle(&mut node);
    let (passed, own) = clocks(&wall, BOOKS);
    assert!(passed.is_empty() && (6..=10).contains(&own), "{passed:?} {own}");
}

#[test]
fn rule_10_a_machine_runs_once_its_first_clock_has_come() {
    let is_clock = |sent: &Sent<'_>| hoga_schemas::open(sent.value).unwrap().kind == RecordKind::Clock;
    let (mut world, lose) = faulty(Fault::Lose, is_clock);
    let mut node = world.start();
    for _ in 0..500 {
        world.round(&mut node);
    }
    assert!(matches!(holds(&node, 0).phase, MachinePhase::Restoring { .. }), "{:?}", holds(&node, 0).phase);
    lose.store(false, Ordering::Relaxed);
    world.settle(&mut node);
}

#[test]
fn rule_10_a_backlog_is_drained_by_extra_clocks() {
    let mut world = World::plain();
    let mut node = world.start();
    for _ in 0..50 {
        world.deposit();
    }
    world.settle(&mut node);
    // Five deposits left three each; regular clocks alone would take many seconds.
    assert!(clocks(&world, ACCOUNTS).1 + clocks(&world, TopicPartition::new(Topic::Accounts, 1)).1 >= 15);
    let ran = world.now.0 - super::world::START.0;
    assert!(ran < 5_000, "{ran} ms of virtual time");
}

#[test]
fn rule_11_undecodable_input_stops_and_forged_input_is_dropped() {
    let mut world = World::plain();
    let mut node = world.start();
    deposits(&mut world, &mut node, 5);
    let listing = Record::AssetListing(AssetListing {
        command_id: ClientId::unchecked("c"),
        asset: AssetCode::unchecked("KRW"),
        digits: 0,
    });
    world.append(ACCOUNTS, "", &listing);
    let mut forged = Vec::new();
    let origin = Origin { machine: MachineKind::Matching, partition: 0, epoch: 99_999, cause: 0, number: 1, hash: 0 };
    hoga_schemas::seal(RecordKind::AssetListing, Some(&origin), b"", &mut forged);
    world.log.append_foreign(ACCOUNTS, b"", Some(&forged), world.now).unwrap();
    deposits(&mut world, &mut node, 5);
    assert_eq!(holds(&node, 0).alarms.forged, 2);
    assert!(holds(&node, 0).alarms.any());

    let offset = world.log.append_foreign(ACCOUNTS, b"", Some(b"no record"), world.now).unwrap();
    let why = world.until_stopped(&mut node);
    assert!(why.contains(&format!("accounts/0: the value at offset {offset} is no record")), "{why}");
}

#[test]
fn rule_11_a_machine_that_stops_names_the_record() {
    let mut world = World::plain();
    let mut node = world.start();
    deposits(&mut world, &mut node, 5);
    let withdrawal = Record::Withdrawal(Withdrawal {
        account: AccountId::unchecked("a"),
        client_id: ClientId::unchecked("w"),
        valid_until: world.now,
        asset: AssetCode::unchecked("KRW"),
        amount: Decimal::from_int(1),
    });
    let offset = world.append(ACCOUNTS, "a", &withdrawal);
    let why = world.until_stopped(&mut node);
    assert_eq!(why, format!("holds stopped at accounts/0 offset {offset}: a withdrawal is too much"));
}

#[test]
fn rule_12_undelivered_effects_are_bounded() {
    let (mut world, hold) = faulty(Fault::DelayAck { ms: 50_000 }, |sent| to_books(sent).is_some());
    let mut node = world.start();
    for _ in 0..100 {
        world.deposit();
    }
    for _ in 0..300 {
        world.round(&mut node);
    }
    let waiting = holds(&node, 0);
    assert!(waiting.counts.held_back > 0);
    // One apply, of up to three effects, may go past the bound.
    assert!(waiting.counts.emitted < (LIMITS.undelivered_records + 3) as u64, "{waiting:?}");
    hold.store(false, Ordering::Relaxed);
    world.advance(50_000);
    world.settle(&mut node);
    world.audit();
}

#[test]
fn rule_12_admission_waits_for_holds() {
    let mut world = World::plain();
    world.limits.accounts_ahead_records = 10;
    for _ in 0..60 {
        world.deposit();
    }
    let mut admission = world.try_start(toys(), |config| config.placement = alone(MachineKind::Admission)).unwrap();
    for _ in 0..50 {
        world.round(&mut admission);
    }
    let orders = TopicPartition::new(Topic::Orders, 0);
    world.append(orders, "", &Record::Clock(Clock { time: world.now }));
    let clock = world.log.bounds(orders).unwrap().end;
    for _ in 0..50 {
        world.round(&mut admission);
    }
    assert_eq!(status(&admission, MachineKind::Admission, 0).next_offset, clock - 1, "it pauses");
    let mut node = world.start();
    for _ in 0..500 {
        world.round(&mut node);
        world.round(&mut admission);
    }
    assert_eq!(status(&admission, MachineKind::Admission, 0).next_offset, clock, "it goes on");
}

#[test]
fn rule_12_a_channel_parked_too_long_raises_an_alarm_and_is_not_skipped() {
    let mut world = World::plain();
    let mut node = world.start();
    deposits(&mut world, &mut node, 5);
    let channel = ChannelKey { machine: MachineKind::Matching, partition: 0 };
    let (number, _) = world.accepted(ACCOUNTS, channel);
    let epoch = OwnersView::open(&world.log).unwrap().owners().of(channel.machine, 0).unwrap().epoch;
    let mut ahead = Vec::new();
    let origin = Origin { machine: channel.machine, partition: 0, epoch, cause: 0, number: number + 2, hash: 0 };
    hoga_schemas::seal(RecordKind::Clock, Some(&origin), b"", &mut ahead);
    let since = world.log.append_foreign(ACCOUNTS, b"", Some(&ahead), world.now).unwrap();
    for _ in 0..LIMITS.parked_offsets + 2 {
        world.append(ACCOUNTS, "", &Record::Clock(Clock { time: world.now }));
    }
    for _ in 0..30 {
        world.round(&mut node);
    }
    let parked = holds(&node, 0).alarms.parked;
    assert_eq!(
        parked.iter().map(|p| (p.channel, p.missing, p.since)).collect::<Vec<_>>(),
        [(channel, number + 1, since)]
    );
    // The missing record comes, and the channel goes on.
    deposits(&mut world, &mut node, 20);
    assert!(holds(&node, 0).alarms.parked.is_empty());
    world.audit();
}

#[test]
fn rule_12_old_snapshots_go_once_newer_ones_are_usable() {
    let mut world = World::plain();
    let mut node = world.start();
    deposits(&mut world, &mut node, 100);
    world.stop(node);
    for kind in KINDS {
        for partition in 0..PARTITIONS {
            let names = world.snapshot_store().list(kind, partition).unwrap();
            assert!((1..=LIMITS.snapshots_kept + 2).contains(&names.len()), "{kind}/{partition}: {names:?}");
        }
    }
}

#[test]
fn junk_in_owners_keeps_a_process_from_starting() {
    // The view refuses what is no record of `owners`, and says where.
    let mut world = World::plain();
    world.log.append_foreign(OWNERS, b"", Some(b"junk"), world.now).unwrap();
    match world.try_start(toys(), |_| {}) {
        Err(RuntimeError::Owners(error)) => assert!(error.to_string().contains("offset 0"), "{error}"),
        other => panic!("{:?}", other.map(|_| ())),
    }
}
