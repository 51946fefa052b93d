//! Topics that are cut: what goes, what new readers and machines begin with, and that nothing else notices.

use super::machine::Toy;
use super::world::{KINDS, Node, PARTITIONS, START, World};
use crate::learn::{Learning, Owner};
use crate::snapshot::usable::StoredSnapshots;
use crate::{CutError, CutOptions, Cuts, Cutter, PlannedCut, replay_kept};
use hoga_core::records::{Claim, DeadLetter, Mark, MarkOutput, RecordKind};
use hoga_core::{MachineKind, Settings, Topic};
use hoga_schemas::Origin;
use hoga_topics::channel::running_hash;
use hoga_topics::owners::OWNERS;
use hoga_topics::{
    Log, LogRecord, MemoryLog, MemoryOptions, Partitions, ReaderPosition, TopicPartition, Visibility, memory,
};
use object_store::ObjectStoreExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Records that were cut off.
pub type Archive = BTreeMap<TopicPartition, Vec<LogRecord>>;

impl World {
    pub fn stored_snapshots(&self) -> StoredSnapshots {
        StoredSnapshots::new(Arc::new(self.log.clone()), self.store.clone(), &Settings::default()).unwrap()
    }

    fn options(&self) -> CutOptions {
        CutOptions { snapshots_kept: self.limits.snapshots_kept, without_archive: true }
    }

    fn partitions(&self) -> Vec<TopicPartition> {
        let partitions = |topic: Topic| (0..self.log.partitions(topic)).map(move |p| TopicPartition::new(topic, p));
        Topic::ALL.iter().copied().flat_map(partitions).collect()
    }

    /// Cuts everything as far as it may be, and remembers what goes.
    pub fn cut(&mut self) {
        let snapshots = self.stored_snapshots();
        let cutter = Cutter::new(&self.cuts, &snapshots, self.options()).unwrap();
        let planned: Vec<PlannedCut> = self.partitions().into_iter().map(|at| cutter.plan(at).unwrap()).collect();
        for planned in planned {
            let (at, before) = (planned.plan.at, planned.plan.before);
            assert_eq!(planned.offsets(), before - planned.bounds.start, "{at}");
            let archived = self.archive.entry(at).or_default();
            archived.extend(read(&self.log, at, planned.bounds.start, before));
            assert_eq!(cutter.cut(&planned).unwrap(), before, "{at}");
        }
    }

    /// How many records were cut off a topic.
    fn cut_off(&self, topic: Topic) -> usize {
        self.archive.iter().filter(|(at, _)| at.topic == topic).map(|(_, records)| records.len()).sum()
    }

    /// The log as it would be if nothing had been cut.
    fn whole_log(&self) -> MemoryLog {
        let partitions = Partitions::keyed(PARTITIONS);
        let clock = memory::Clock::Set(self.now);
        let whole = MemoryLog::new(MemoryOptions { partitions, clock, ..MemoryOptions::default() });
        for at in self.partitions() {
            let archived = self.archive.get(&at).cloned().unwrap_or_default();
            let bounds = self.log.bounds(at).unwrap();
            assert_eq!(archived.len() as u64, bounds.start, "{at}");
            for record in archived.into_iter().chain(read(&self.log, at, bounds.start, bounds.end)) {
                let offset = whole.append_foreign(at, &record.key, record.value.as_deref(), record.time).unwrap();
                assert_eq!(offset, record.offset);
            }
        }
        whole
    }

    /// Every reader that begins at a cut comes to what one from offset 0 of the whole log comes to.
    pub fn check_cut_readers(&self) {
        let whole = self.whole_log();
        for at in self.partitions() {
            let mut ours = self.cuts.reader(&self.log, at, Visibility::Written).unwrap();
            let mut theirs =
                hoga_topics::AcceptedReader::open(&whole, at, ReaderPosition::default(), Visibility::Written).unwrap();
            while ours.read().unwrap().is_some() {}
            while theirs.read().unwrap().is_some() {}
            assert_eq!(ours.save(), theirs.save(), "{at}");
        }
        let theirs = hoga_topics::OwnersView::open(&whole).unwrap().save();
        assert_eq!(self.cuts.owners(&self.log).unwrap().save(), theirs);
    }

    /// Judges with everything that was cut in its place again.
    pub fn on_whole_log<T>(&mut self, judge: impl FnOnce(&Self) -> T) -> T {
        if self.archive.is_empty() {
            return judge(self);
        }
        let whole = self.whole_log();
        let cut = std::mem::replace(&mut self.log, whole);
        let judged = judge(self);
        self.log = cut;
        judged
    }
}

fn read(log: &MemoryLog, at: TopicPartition, from: u64, to: u64) -> Vec<LogRecord> {
    let mut records = Vec::new();
    log.reader(at, from, Visibility::Written).unwrap().poll((to - from) as usize, &mut records).unwrap();
    records
}

/// Deposits, a few rounds after each.
fn work(world: &mut World, node: &mut Node, deposits: u32) {
    for _ in 0..deposits {
        world.deposit();
        world.round(node);
        world.round(node);
    }
    world.settle(node);
}

/// Three processes one after the other, so that there are snapshots and former owners; the last one still works.
fn busy(world: &mut World) -> Node {
    for _ in 0..3 {
        let mut node = world.start();
        work(world, &mut node, 40);
        world.stop(node);
    }
    let mut node = world.start();
    work(world, &mut node, 40);
    node
}

#[test]
fn machines_do_not_notice_a_cut_and_a_restart_after_it_gives_the_same() {
    let run = |cuts: bool| {
        let mut world = World::plain();
        let mut node = busy(&mut world);
        for _ in 0..4 {
            if cuts {
                world.cut();
            }
            work(&mut world, &mut node, 15);
        }
        world.stop(node);
        if cuts {
            world.cut();
            for topic in [Topic::Owners, Topic::Accounts, Topic::Books] {
                assert!(world.cut_off(topic) > 50, "{topic}: {} records", world.cut_off(topic));
            }
            world.check_cut_readers();
        }
        let mut node = world.start();
        work(&mut world, &mut node, 10);
        let stopped = world.stop_and_compare(node);
        (stopped, world.on_whole_log(|world| world.audit()))
    };
    let (untouched, cut) = (run(false), run(true));
    assert_eq!(cut.1, untouched.1);
    let states = |of: &[crate::MachineStatus]| -> Vec<_> { of.iter().map(|s| (s.next_offset, s.state_hash)).collect() };
    assert_eq!(states(&cut.0), states(&untouched.0));
}

#[test]
fn nothing_goes_that_a_machine_may_need() {
    let mut world = World::plain();
    let mut node = busy(&mut world);
    world.stop_and_compare(node);
    let plan = |world: &World, topic| {
        let snapshots = world.stored_snapshots();
        let cutter = Cutter::new(&world.cuts, &snapshots, world.options()).unwrap();
        let planned = cutter.plan(TopicPartition::new(topic, 0)).unwrap();
        (planned.plan.before, planned.plan.limit.to_string())
    };
    let names = world.snapshot_store().list(MachineKind::Holds, 0).unwrap();
    let oldest = names[names.len() - 3];
    let expected = (oldest.offset, "the oldest snapshot of holds that is kept".to_owned());
    assert_eq!(plan(&world, Topic::Accounts), expected);
    // One of those that are kept is torn: it cannot be counted on.
    let path = names[names.len() - 2].path(MachineKind::Holds, 0);
    world.overwrite(&path, b"torn");
    let older = if names.len() > 3 { names[names.len() - 4].offset } else { 0 };
    assert!(older == 0 || plan(&world, Topic::Accounts).0 == older);
    for name in &names[..names.len() - 3] {
        world.snapshot_store().delete(MachineKind::Holds, 0, *name).unwrap();
    }
    assert_eq!(plan(&world, Topic::Accounts), (0, "holds has 2 of 3 usable snapshots".into()));
    assert_eq!(plan(&world, Topic::Journal), (0, "kept for ever: no archive has it".into()));

    // All that may go goes, and then the snapshots are lost: the machine says what it would need.
    world.cut();
    for name in world.snapshot_store().list(MachineKind::Matching, 0).unwrap() {
        world.snapshot_store().delete(MachineKind::Matching, 0, name).unwrap();
    }
    node = world.start();
    let why = world.until_stopped(&mut node);
    assert!(
        why.contains("matching: offsets 0 to ") && why.contains("of books/0 are cut, and no usable snapshot"),
        "{why}"
    );
}

#[test]
fn owners_keep_the_marks_of_whoever_has_input_to_read() {
    let mut world = World::plain();
    let node = busy(&mut world);
    world.stop(node);
    let plan = |world: &World| {
        let snapshots = world.stored_snapshots();
        Cutter::new(&world.cuts, &snapshots, world.options()).unwrap().plan(OWNERS).unwrap().plan
    };
    let unread = |plan: &hoga_topics::retention::Plan| plan.limit.to_string().contains("holds/");
    let all_read = plan(&world);
    assert!(!unread(&all_read), "{}", all_read.limit);
    world.deposit();
    let some_unread = plan(&world);
    assert!(unread(&some_unread) && some_unread.before < all_read.before, "{}", some_unread.limit);
}

#[test]
fn a_replay_of_a_cut_log_begins_with_the_oldest_snapshot_behind_the_cut() {
    let mut world = World::plain();
    let node = busy(&mut world);
    world.stop(node);
    world.cut();
    let (snapshots, owners) = (world.stored_snapshots(), world.cuts.owners(&world.log).unwrap().owners().clone());
    let start = world.log.bounds(TopicPartition::new(Topic::Accounts, 0)).unwrap().start;
    let usable = snapshots.usable(&owners, MachineKind::Holds, 0).unwrap().map(|(offset, _)| offset);
    let kept: Vec<u64> = usable.filter(|offset| *offset >= start).collect();
    let replayed = |until: Option<u64>| {
        let machine = Toy::new(MachineKind::Holds, 0);
        replay_kept(&snapshots, &owners, machine, 0, until).map(|replayed| (replayed.from, replayed.next_offset))
    };
    let (oldest, newest) = (kept[0], kept[kept.len() - 1]);
    assert!(oldest < newest && replayed(None).unwrap().0 == oldest);
    assert_eq!(replayed(Some(newest)).unwrap(), (oldest, newest));
    assert_eq!(replayed(Some(oldest)).unwrap(), (oldest, oldest));
    let missing = replayed(Some(oldest - 1)).unwrap_err().to_string();
    assert!(missing.contains("of accounts/0 are cut, and no usable snapshot"), "{missing}");
}

#[test]
fn reading_owners_to_the_end_says_whether_there_was_anything() {
    let mut world = World::plain();
    let mut node = busy(&mut world);
    let mut view = world.cuts.owners(&world.log).unwrap();
    assert!(!world.cuts.follow_to_end(&world.log, &mut view).unwrap());
    work(&mut world, &mut node, 5);
    assert!(world.cuts.follow_to_end(&world.log, &mut view).unwrap());
    assert_eq!(view.position(), world.log.bounds(OWNERS).unwrap().end);
    assert!(!world.cuts.follow_to_end(&world.log, &mut view).unwrap());
}

#[test]
fn a_crash_between_storing_and_cutting_is_harmless() {
    let mut world = World::plain();
    let node = busy(&mut world);
    world.stop(node);
    world.cut();
    let stored = |world: &World| -> Vec<String> {
        let cuts = world.cuts.store.as_ref().unwrap();
        cuts.0.list("cuts", &Path::from("books/0")).unwrap()
    };
    let start = world.log.bounds(TopicPartition::new(Topic::Books, 0)).unwrap().start;
    assert_eq!(stored(&world), [format!("{start:020}")]);
    let mut node = busy(&mut world);
    let snapshots = world.stored_snapshots();
    let cutter = Cutter::new(&world.cuts, &snapshots, world.options()).unwrap();
    let planned: Vec<_> = world.partitions().into_iter().map(|at| cutter.plan(at).unwrap()).collect();
    for planned in &planned {
        cutter.store(planned).unwrap();
    }
    drop((planned, snapshots));
    assert_eq!(stored(&world).len(), 2);
    world.check_cut_readers();
    work(&mut world, &mut node, 20);
    world.stop(node);
    world.cut();
    let start = world.log.bounds(TopicPartition::new(Topic::Books, 0)).unwrap().start;
    assert_eq!(stored(&world), [format!("{start:020}")], "what nobody asks for is gone");
    world.check_cut_readers();
    let mut node = world.start();
    work(&mut world, &mut node, 5);
    world.stop(node);
    world.on_whole_log(|world| world.audit());
}

#[test]
fn without_what_was_known_at_the_cut_nobody_begins() {
    let mut world = World::plain();
    let node = busy(&mut world);
    world.stop(node);
    world.cut();
    let books = TopicPartition::new(Topic::Books, 0);
    let start = |at| world.log.bounds(at).unwrap().start;
    let message = |cuts: &Cuts| {
        let reader = cuts.reader(&world.log, books, Visibility::Written).map(drop).unwrap_err();
        let view = cuts.owners(&world.log).map(drop).unwrap_err();
        [reader.to_string(), view.to_string()]
    };
    for (said, at) in message(&Cuts::none("(no store)")).into_iter().zip([books, OWNERS]) {
        assert!(said.starts_with(&format!("{at} is cut and begins at {}; what was known there is not in", start(at))));
    }
    let store = Arc::new(InMemory::new());
    let cuts = Cuts::new(store.clone(), "elsewhere").unwrap();
    assert!(message(&cuts)[0].contains("is not in elsewhere: name the folder"));
    let path = |at: TopicPartition| Path::from(format!("{at}/{:020}", start(at)));
    let put = |at, bytes: Vec<u8>| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(store.put(&path(at), bytes.into())).unwrap();
    };
    let good = |at| world.cuts.store.as_ref().unwrap().get(at, start(at)).unwrap().unwrap().to_vec();
    for (at, bytes, why) in [
        (books, good(books)[1..].to_vec(), "it does not begin as a cut does"),
        (books, good(OWNERS), "it is of owners/0"),
        (OWNERS, good(books), "it is of books/0"),
    ] {
        put(at, bytes);
        let said = &message(&cuts)[usize::from(at == OWNERS)];
        assert!(said.contains("in elsewhere does not fit: ") && said.contains(why), "{said}");
    }
    put(books, good(books));
    cuts.reader(&world.log, books, Visibility::Written).expect("it fits");

    // Another log, cut at the same offset: what its first record is tells.
    let mut other = World::plain();
    other.deposit();
    let node = busy(&mut other);
    other.stop(node);
    while other.log.bounds(books).unwrap().end <= start(books) {
        let node = busy(&mut other);
        other.stop(node);
    }
    other.log.cut(books, start(books)).unwrap();
    let said = world.cuts.reader(&other.log, books, Visibility::Written).map(drop).unwrap_err().to_string();
    assert!(said.contains("the record behind it is another: it is of another log"), "{said}");
}

#[test]
fn a_process_that_slept_past_a_cut_of_owners_knows_who_owns_what() {
    let mut world = World::plain();
    let mut asleep = busy(&mut world);
    let mut awake = world.start();
    work(&mut world, &mut awake, 20);
    world.cut();
    assert!(world.cut_off(Topic::Owners) > 0);
    let why = world.until_stopped(&mut asleep);
    assert!(why.contains("process process-5 took over"), "{why}");
    work(&mut world, &mut awake, 5);
    world.stop(awake);
    world.on_whole_log(|world| world.audit());
}

#[test]
fn a_new_owner_goes_on_when_what_it_reads_is_cut_under_it() {
    let mut world = World::plain();
    let node = busy(&mut world);
    world.stop(node);
    let mut node = world.start();
    // It has claimed and copied its claims, and has not read them: cut behind them all.
    for _ in 0..3 {
        world.advance(7);
        node.process.step(world.now).unwrap();
        for driver in &mut node.drivers {
            let _worked = driver.step(world.now).unwrap();
        }
        for kind in KINDS {
            for topic in kind.outputs() {
                for at in (0..world.log.partitions(*topic)).map(|p| TopicPartition::new(*topic, p)) {
                    if !KINDS.iter().any(|reads| reads.input() == *topic) {
                        world.log.cut(at, u64::MAX).unwrap();
                    }
                }
            }
        }
    }
    world.settle(&mut node);
    world.stop(node);
}

#[test]
fn a_recorded_log_is_not_cut() {
    let world = World::new(hoga_topics::TimeMode::Recorded, memory::Durability::Immediate, None);
    let snapshots = world.stored_snapshots();
    let error = Cutter::new(&world.cuts, &snapshots, world.options()).map(drop).unwrap_err();
    assert!(matches!(error, CutError::Recorded), "{error}");
}

#[test]
fn what_is_kept_for_a_time_goes_when_it_is_older_by_the_time_of_the_log() {
    const DAY_MS: i64 = 86_400_000;
    let mut world = World::plain();
    let at = TopicPartition::new(Topic::DeadLetters, 0);
    let plan = |world: &World| {
        let snapshots = world.stored_snapshots();
        let planned = Cutter::new(&world.cuts, &snapshots, world.options()).unwrap().plan(at).unwrap();
        (planned.plan.before, planned.plan.limit.to_string())
    };
    for number in 0..10 {
        world.advance(5 * DAY_MS);
        let (key, value) = (Vec::new(), Vec::new());
        let letter =
            DeadLetter { topic: "ticks".into(), partition: 0, offset: number, reason: "bad".into(), key, value };
        world.append(at, "ticks/0", &letter.into());
    }
    assert_eq!(plan(&world), (0, "younger than 30 days".into()), "nobody has told the time");
    let mut node = world.start();
    world.settle(&mut node);
    // The youngest is a few milliseconds old, the one that is 30 days older goes.
    assert_eq!(plan(&world), (4, "younger than 30 days".into()));
    world.advance(5 * DAY_MS);
    assert_eq!(plan(&world).0, 4, "the computer's clock alone says nothing");
    world.round(&mut node);
    assert_eq!(plan(&world).0, 5);
    world.log.append_foreign(at, b"k", Some(b"junk"), world.now).unwrap();
    world.advance(40 * DAY_MS);
    world.round(&mut node);
    let snapshots = world.stored_snapshots();
    let error = Cutter::new(&world.cuts, &snapshots, world.options()).unwrap().plan(at).unwrap_err().to_string();
    assert!(error.contains("dead-letters/0: the value at offset 10 is no record"), "{error}");
}

/// `c5` is the copy of a claim of epoch 5, `5.2` number 2 of epoch 5, both of matching/0.
fn depth_record(step: &str) -> Vec<u8> {
    let (machine, partition) = (MachineKind::Matching, 0);
    if let Some(epoch) = step.strip_prefix('c').map(|epoch| epoch.parse().unwrap()) {
        let claim = Claim { machine, partition, replaces: None, epoch: Some(epoch), process: "p".into() };
        return hoga_schemas::encode(&claim.into());
    }
    let (epoch, number) = step.split_once('.').unwrap();
    let (epoch, number) = (epoch.parse().unwrap(), number.parse().unwrap());
    let origin = Origin { machine, partition, epoch, cause: number, number, hash: depth_hash(number) };
    let mut value = Vec::new();
    hoga_schemas::seal(RecordKind::DepthUpdate, Some(&origin), &[number as u8], &mut value);
    value
}

fn depth_hash(number: u64) -> u64 {
    let id = hoga_schemas::schema::schema_id(RecordKind::DepthUpdate);
    (1..=number).fold(0, |hash, n| running_hash(hash, id, n, b"k", &[n as u8]))
}

/// What a new owner of matching/0 learns of `depth/0`, which holds a script and is cut before an offset; a former owner,
/// of epoch 1, has marked number 1 at offset 1.
fn learned(script: &str, cut: u64) -> u64 {
    let (machine, at) = (MachineKind::Matching, TopicPartition::new(Topic::Depth, 0));
    let log = MemoryLog::new(MemoryOptions::default());
    for step in script.split(' ') {
        log.append_foreign(at, b"k", Some(&depth_record(step)), START).unwrap();
    }
    log.cut(at, cut).unwrap();
    let output = MarkOutput { topic: at.topic, partition: 0, number: 1, offset: 1, hash: depth_hash(1) };
    let mark = Mark { machine, partition: 0, epoch: 1, next_offset: 9, outputs: vec![output] };
    let owner = Owner { machine, input: TopicPartition::new(Topic::Books, 0), epoch: 9 };
    let mut learning = Learning::new(&log, owner, "q", &[at], Some(&mark)).unwrap();
    let mut writer = log.writer().unwrap();
    for _ in 0..100 {
        let _worked = learning.step(&log, &mut *writer, |lane| lane as u64).unwrap();
        if let Some(learned) = learning.learned() {
            return learned[0].1.counter.number;
        }
    }
    panic!("its own claim is not read");
}

#[test]
fn behind_a_cut_a_new_owner_counts_on_nothing_that_no_mark_covers() {
    // The record that came late is of an owner that had been replaced: readers drop it, though the claim may be cut.
    for cut in 0..5 {
        assert_eq!(learned("c1 1.1 c5 1.2", cut), 1, "cut before {cut}");
    }
    assert_eq!(learned("c1 1.1 1.2 1.3", 0), 3, "what is whole tells");
    assert_eq!(learned("c1 1.1 1.2 1.3", 2), 3, "so does what is cut up to the mark");
    assert_eq!(learned("c1 1.1 1.2 1.3", 3), 1, "written again, and dropped as a repeat");
}
