//! What was written against what its input gives: equal after whatever a schedule did, and each planted difference is
//! told.

use super::market::Market;
use super::undecodable::hollow;
use super::world::{Node, World};
use crate::reconcile::{Comparison, Covered, Left, Point, Range, Reconciled, Reconciler, What, Why};
use hoga_core::records::RecordKind;
use hoga_core::{MachineKind, Settings, Topic, machines};
use hoga_schemas::Origin;
use hoga_topics::channel::running_hash;
use hoga_topics::{ChannelKey, Log, TimeMode, TopicPartition, Visibility, memory::Durability};
use std::collections::BTreeMap;
use std::sync::Arc;

impl World {
    pub fn reconcile(&self, range: Range) -> Reconciled {
        self.reconcile_telling(range, 10)
    }

    /// With so many differences in words.
    pub fn reconcile_telling(&self, range: Range, told: usize) -> Reconciled {
        let is_all = range == Range::default();
        let snapshots = self.stored_snapshots();
        let comparison = Comparison {
            cuts: &self.cuts,
            snapshots: &snapshots,
            factory: &self.factory,
            settings: &Settings::default(),
            range,
            told,
        };
        let mut reconciler = Reconciler::begin(comparison).unwrap();
        while reconciler.step().unwrap() {}
        let (done, all) = reconciler.progress();
        let reconciled = reconciler.finish();
        let offsets = |covered: &Covered| covered.bounds.end - covered.bounds.start;
        assert_eq!(all, reconciled.covered.iter().map(offsets).sum::<u64>());
        let is_read = is_all && reconciled.is_whole() && reconciled.differences.total == 0;
        assert!(if is_read { done == all } else { done <= all }, "{done} of {all}");
        reconciled
    }

    /// Nothing differs, whatever is under way; and of a log that was never cut nothing is left out.
    pub fn check_reconciled(&self) -> Reconciled {
        let reconciled = self.reconcile(Range::default());
        assert_eq!(reconciled.differences.first, [], "{:#?}", reconciled.covered);
        if self.archive.is_empty() {
            assert!(reconciled.is_whole(), "{:#?}", reconciled.covered);
        }
        reconciled
    }
}

/// The real machines after some trades, three processes one after the other; the last one works.
fn traded() -> (World, Node, Market) {
    let mut world = World::new(TimeMode::Wall, Durability::Immediate, None);
    world.kinds = MachineKind::ALL;
    world.factory = Arc::new(machines::new);
    let mut node = world.start();
    let mut market = Market::open(&mut world, &mut node);
    for process in 0..3 {
        for roll in 0..60u64 {
            market.order(&mut world, (roll + process * 1_000).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 3);
            world.round(&mut node);
        }
        world.settle(&mut node);
        world.stop(node);
        node = world.start();
    }
    world.settle(&mut node);
    (world, node, market)
}

fn compared(reconciled: &Reconciled, topic: Topic) -> u64 {
    reconciled.covered.iter().filter(|covered| covered.at.topic == topic).map(|covered| covered.compared).sum()
}

#[test]
fn what_was_written_is_equal_also_while_machines_are_at_work() {
    let (mut world, mut node, mut market) = traded();
    let whole = world.check_reconciled();
    let (records, bytes) = whole.most_due;
    assert!(records > 0 && bytes > records, "{records} records with {bytes} bytes were due at a time");
    for covered in whole.covered.iter().filter(|covered| covered.compared > 0) {
        let mut reader = world.cuts.reader(&world.log, covered.at, Visibility::Written).unwrap();
        let mut accepted = Vec::new();
        while let Some(record) = reader.read().unwrap() {
            accepted.push(record.offset);
        }
        assert_eq!(covered.range, Some((accepted[0], accepted[accepted.len() - 1] + 1)), "{}", covered.at);
    }
    let orders = whole.covered.iter().filter(|covered| covered.at.topic == Topic::Orders);
    assert!(orders.map(|covered| covered.given).sum::<u64>() > 150, "orders are taken as they are");
    for topic in [Topic::Accounts, Topic::Books, Topic::Executions, Topic::Journal, Topic::OrderEvents, Topic::Candles]
    {
        assert!(compared(&whole, topic) > 0, "{topic}");
    }
    for roll in 0..100u64 {
        market.order(&mut world, roll.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 2);
        world.round(&mut node);
        world.check_reconciled();
    }
}

#[test]
fn a_log_that_was_cut_is_compared_from_its_snapshots_on_and_the_rest_is_named() {
    let (mut world, mut node, mut market) = traded();
    world.cut();
    for roll in 0..20u64 {
        market.order(&mut world, roll.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 3);
        world.round(&mut node);
    }
    world.settle(&mut node);
    let reconciled = world.check_reconciled();
    assert!(!reconciled.is_whole() && compared(&reconciled, Topic::Journal) > 0, "{:#?}", reconciled.covered);
    let holds = TopicPartition::new(Topic::Accounts, 0);
    let accounts = reconciled.covered.iter().find(|covered| covered.at == holds).unwrap();
    assert!(accounts.left.keys().any(|(why, _)| *why == Why::Cut), "{accounts:#?}");
    for covered in reconciled.covered.iter().filter(|covered| covered.bounds.start > 0) {
        let start = covered.bounds.start;
        let cut = covered.left.get(&(Why::Cut, None));
        assert_eq!(cut, Some(&Left { records: start, first: 0, next: start }), "{}", covered.at);
    }
    // Asked for from where snapshots stand for what was before, it is whole.
    let ends: BTreeMap<_, _> = reconciled.covered.iter().map(|covered| (covered.at, covered.bounds.end)).collect();
    for roll in 20..40u64 {
        market.order(&mut world, roll.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 3);
        world.round(&mut node);
    }
    world.settle(&mut node);
    let since = world.reconcile(Range { from: Some(Point::Offsets(ends)), to: None });
    assert!(since.is_whole() && since.differences.total == 0, "{:#?}", since.covered);
    assert!(compared(&since, Topic::OrderEvents) > 0);
}

/// Appends a copy of the newest record of a kind to its partition, changed.
fn append(world: &World, topic: Topic, kind: RecordKind, change: impl Fn(&mut Origin)) -> TopicPartition {
    for partition in 0..world.log.partitions(topic) {
        let at = TopicPartition::new(topic, partition);
        let mut records = Vec::new();
        world.log.reader(at, 0, Visibility::Written).unwrap().poll(usize::MAX, &mut records).unwrap();
        let framed = records.iter().rev().find_map(|stored| {
            let frame = hoga_schemas::open(stored.value.as_deref()?).ok().filter(|frame| frame.kind == kind)?;
            Some((stored, frame))
        });
        let Some((stored, frame)) = framed else { continue };
        let mut origin = frame.origin.unwrap();
        let reader = world.read_all(at);
        let channel = ChannelKey { machine: origin.machine, partition: origin.partition };
        let newest = reader.channels().channel(channel).unwrap();
        (origin.epoch, origin.number) = (newest.epoch.unwrap(), newest.number + 1);
        change(&mut origin);
        origin.hash = running_hash(newest.hash, frame.schema_id, origin.cause, &stored.key, frame.content);
        let mut value = Vec::new();
        hoga_schemas::seal(kind, Some(&origin), frame.content, &mut value);
        world.log.append_foreign(at, &stored.key, Some(&value), stored.time).unwrap();
        return at;
    }
    panic!("no {kind} in {topic}");
}

#[test]
fn a_cause_that_is_not_there_and_a_lost_number_are_told() {
    let (mut world, node, _) = traded();
    world.stop(node);
    let at = append(&world, Topic::Journal, RecordKind::JournalEntry, |origin| origin.cause += 1_000_000);
    let reconciled = world.reconcile(Range::default());
    let first = &reconciled.differences.first[0];
    assert_eq!((first.at, &first.what), (at, &What::NoCause), "{first}");
    assert!(first.cause.is_some_and(|cause| cause >= 1_000_000), "{first}");

    let (mut world, node, _) = traded();
    world.stop(node);
    let end = |origin: &Origin| world.log.bounds(TopicPartition::new(Topic::Accounts, origin.partition)).unwrap().end;
    append(&world, Topic::Journal, RecordKind::JournalEntry, |origin| origin.cause = end(origin));
    let first = &world.reconcile(Range::default()).differences.first[0];
    assert_eq!(first.what, What::NoCause, "where its input ends nothing stands: {first}");

    let (mut world, node, _) = traded();
    world.stop(node);
    // A number that nobody wrote, and no mark tells of: it may still come.
    append(&world, Topic::Journal, RecordKind::JournalEntry, |origin| origin.number += 1);
    assert_eq!(world.reconcile(Range::default()).differences.total, 0);
}

#[test]
fn behind_what_stops_a_machine_nothing_is_compared() {
    let (mut world, node, _) = traded();
    world.stop(node);
    let accounts = TopicPartition::new(Topic::Accounts, 0);
    let stops = world.log.append_foreign(accounts, b"", Some(&hollow(RecordKind::Deposit)), world.now).unwrap();
    // Of partition 0, since that is where the copy is appended first; it claims to come of what cannot be read.
    let at = append(&world, Topic::Journal, RecordKind::JournalEntry, |origin| origin.cause = stops);
    let reconciled = world.reconcile(Range::default());
    let [stopped] = &reconciled.differences.first[..] else { panic!("{:#?}", reconciled.differences) };
    assert_eq!((stopped.at, stopped.offset), (accounts, stops));
    assert!(
        matches!(&stopped.what, What::Stopped(why) if why.contains("does not decode") || why.contains("no record"))
    );
    let journal = reconciled.covered.iter().find(|covered| covered.at == at).unwrap();
    let left: Vec<_> = journal.left.iter().map(|((why, _), left)| (why.clone(), left.records)).collect();
    assert_eq!(left, [(Why::MachineStopped(stops), 1)]);
    assert!(compared(&reconciled, Topic::Journal) > 0 && !reconciled.is_whole());
}

#[test]
fn of_a_cut_log_without_snapshots_what_no_machine_can_answer_for_is_named() {
    let (mut world, node, _) = traded();
    world.stop(node);
    world.cut();
    for (path, _) in world.snapshots() {
        world.overwrite(&path, b"torn");
    }
    let reconciled = world.reconcile(Range::default());
    assert_eq!(reconciled.differences.first, []);
    let without = |covered: &Covered| covered.left.keys().any(|(why, _)| *why == Why::NoSnapshot);
    assert!(reconciled.covered.iter().any(without), "{:#?}", reconciled.covered);
    assert!(!reconciled.is_whole());
}
