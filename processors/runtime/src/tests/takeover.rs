//! Processes that share a log: who takes over from whom, when, and when not.

use super::machine::{Toy, toys};
use super::world::{KINDS, Node, PARTITIONS, World};
use crate::liveness::Bound;
use crate::runtime::is_clean;
use crate::{Factory, MachinePhase, MachineStatus, Placement, Role, RuntimeError};
use hoga_core::records::{Clock, RecordKind};
use hoga_core::{Effects, Input, Machine, MachineKind, Record, Stop, Timestamp, Topic};
use hoga_topics::memory::{Durability, Fault, Sent};
use hoga_topics::owners::{OWNERS, OwnersView};
use hoga_topics::{Log, TimeMode, TopicPartition, Visibility};
use object_store::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// Rounds of 7 ms that make so many seconds of virtual time.
const fn seconds(count: usize) -> usize {
    count * 1_000 / 7 + 1
}

/// Who owns each seat, by `owners`: one name if all are owned by one process.
fn owner(world: &World) -> String {
    let view = OwnersView::open(&world.log).unwrap();
    let mut names: Vec<&str> = view.owners().machines().map(|(_, _, owned)| owned.process.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names.join(" and ")
}

/// How many claims there were, void ones too.
fn claims(world: &World) -> usize {
    let mut records = Vec::new();
    let mut reader = world.log.reader(OWNERS, 0, Visibility::Written).unwrap();
    reader.poll(usize::MAX, &mut records).unwrap();
    let kinds = records.iter().map(|record| hoga_schemas::open(record.value.as_deref().unwrap()).unwrap().kind);
    kinds.filter(|kind| *kind == RecordKind::Claim).count()
}

const SEATS: usize = KINDS.len() * PARTITIONS as usize;

fn all(node: &Node, is: impl Fn(&MachinePhase) -> bool) -> bool {
    node.statuses().iter().all(|status| is(&status.phase))
}

fn is_running(phase: &MachinePhase) -> bool {
    *phase == MachinePhase::Running
}

/// Whether it follows and is caught up.
fn is_following(phase: &MachinePhase) -> bool {
    matches!(phase, MachinePhase::Following { at, marked } if at == marked)
}

/// Steps until the condition holds; after `seconds` of virtual time it must.
fn until(world: &mut World, nodes: &mut [Node], what: &str, holds: impl Fn(&World, &[Node]) -> bool) {
    for _ in 0..seconds(60) {
        if holds(world, nodes) {
            return;
        }
        world.rounds(nodes, 1);
    }
    let statuses: Vec<_> = nodes.iter().map(Node::statuses).collect();
    panic!("waited in vain until {what}: {statuses:#?}");
}

fn deposits(world: &mut World, nodes: &mut [Node], count: usize) {
    for _ in 0..count {
        world.deposit();
        world.rounds(nodes, 1);
    }
}

/// An owner of everything and a process that stands by for everything, at work.
fn owner_and_standby(world: &mut World) -> [Node; 2] {
    let mut nodes = [world.share(Role::Wanted), world.share(Role::Standby)];
    until(world, &mut nodes, "the first owns all", |_, nodes| all(&nodes[0], is_running));
    deposits(world, &mut nodes, 40);
    until(world, &mut nodes, "the second follows", |world, nodes| world.drained() && all(&nodes[1], is_following));
    assert_eq!((owner(world).as_str(), claims(world)), ("process-1", SEATS));
    nodes
}

/// Ends with one process alone, and judges everything by replay.
fn judge(mut world: World, nodes: Vec<Node>) {
    drop(nodes);
    let mut last = world.start();
    world.settle(&mut last);
    world.audit();
    world.audit_toys();
    world.stop_and_compare(last);
}

#[test]
fn a_standby_follows_up_to_the_owners_marks_and_no_further() {
    let mut world = World::plain();
    let mut nodes = owner_and_standby(&mut world);
    let emitted: u64 = nodes[1].statuses().iter().map(|status| status.counts.emitted).sum();
    assert_eq!(emitted, 0, "it writes nothing");
    let process = &nodes[0].process;
    let waits = 4 * Bound::new(Placement::TAKEOVER_AFTER).silent_ms;
    assert!(process.seats().iter().all(|seat| process.handover_ms(seat.machine, seat.partition) == Some(waits)));
    assert!(process.wake_at(world.now) >= world.now.plus_ms(-10), "a sign of life is due soon, not long ago");
    let applied: u64 = nodes[1].statuses().iter().map(|status| status.counts.applied).sum();
    assert!(applied > 40, "it has applied {applied} records, and there were 40 deposits and what came of them");
    for _ in 0..30 {
        world.deposit();
    }
    for driver in &mut nodes[1].drivers {
        driver.step(world.now).unwrap();
    }
    assert!(all(&nodes[1], is_following), "what is not marked it leaves alone");
    judge(world, nodes.into());
}

#[test]
fn who_ends_while_it_claims_owes_nothing() {
    let mut world = World::plain();
    let mut nodes = [world.share(Role::Wanted)];
    let is_claiming = |phase: &MachinePhase| *phase == MachinePhase::Claiming;
    until(&mut world, &mut nodes, "all have claimed", |world, nodes| {
        claims(world) == SEATS && all(&nodes[0], is_claiming) && nodes[0].statuses()[0].epoch.is_some()
    });
    let [node] = nodes;
    let stopped = world.stop(node);
    assert!(stopped.iter().all(is_clean), "{stopped:#?}");
}

#[test]
fn a_standby_takes_over_when_the_owner_dies_and_not_before_the_bound() {
    let mut world = World::plain();
    let [owner_node, standby] = owner_and_standby(&mut world);
    let died = world.now;
    drop(owner_node);
    let mut nodes = [standby];
    deposits(&mut world, &mut nodes, 60);
    assert_eq!(owner(&world), "process-1", "a second has not passed");
    until(&mut world, &mut nodes, "it owns all", |_, nodes| all(&nodes[0], is_running));
    assert!(world.now <= died.plus_ms(2_000), "after {} ms of virtual time", world.now.0 - died.0);
    assert_eq!(claims(&world), 2 * SEATS, "one each");
    until(&mut world, &mut nodes, "all is done", |world, _| world.drained());
    judge(world, nodes.into());
}

#[test]
fn a_long_restore_is_not_taken_for_death() {
    let mut world = World::plain();
    let mut nodes = owner_and_standby(&mut world);
    for _ in 0..seconds(20) {
        // Its machines do nothing; the process gives signs.
        nodes[0].process.step(world.now).unwrap();
        world.rounds(&mut nodes[1..], 1);
    }
    assert_eq!((owner(&world).as_str(), claims(&world)), ("process-1", SEATS));
    judge(world, nodes.into());
}

#[test]
fn a_log_that_is_away_is_not_taken_for_an_owners_death() {
    // While it is away nothing lands; all that was sent lands when it is back, the owner's signs a little later.
    let back_in = Arc::new(AtomicI64::new(0));
    let away = back_in.clone();
    let faults = move |sent: &Sent<'_>| match away.load(Ordering::Relaxed) {
        0 => Fault::None,
        ms if sent.key == b"process-1" => Fault::Late { ms: ms + 600 },
        ms => Fault::Late { ms },
    };
    let mut world = World::new(TimeMode::Wall, Durability::Immediate, Some(Box::new(faults)));
    let mut nodes = owner_and_standby(&mut world);
    let back = world.now.plus_ms(30_000);
    while world.now < back {
        // The round's own advance comes before what it sends.
        back_in.store((back.0 - world.now.0 - 7).max(1), Ordering::Relaxed);
        world.rounds(&mut nodes, 1);
    }
    back_in.store(0, Ordering::Relaxed);
    deposits(&mut world, &mut nodes, seconds(5));
    assert_eq!((owner(&world).as_str(), claims(&world)), ("process-1", SEATS));
    judge(world, nodes.into());
}

#[test]
fn a_log_that_does_not_answer_stops_no_machine() {
    let mut world = World::plain();
    let stopped =
        |nodes: &[Node]| nodes.iter().any(|node| !all(node, |phase| !matches!(phase, MachinePhase::Stopped { .. })));
    let mut nodes = [world.share(Role::Wanted), world.share(Role::Standby)];
    for turn in 0..6 {
        // Silent while they follow and claim first, then while one takes over from the other.
        world.log.set_silent(true);
        world.rounds(&mut nodes, seconds(3));
        assert!(!stopped(&nodes), "turn {turn}: {:#?}", nodes.iter().map(Node::statuses).collect::<Vec<_>>());
        world.log.set_silent(false);
        until(&mut world, &mut nodes, "the owner runs", |_, nodes| nodes.iter().any(|node| all(node, is_running)));
        deposits(&mut world, &mut nodes, 20);
        let [owner, standby] = &mut nodes;
        if all(standby, is_running) {
            std::mem::swap(owner, standby);
        }
        nodes[0] = world.share(Role::Standby);
    }
    until(&mut world, &mut nodes, "all is done", |world, _| world.drained());
    judge(world, nodes.into());
}

#[test]
fn its_own_sleep_is_not_taken_for_an_owners_death() {
    let mut world = World::plain();
    let mut nodes = owner_and_standby(&mut world);
    for _ in 0..3 {
        deposits(&mut world, &mut nodes[..1], seconds(10));
        world.rounds(&mut nodes, seconds(2));
        // All asleep, as on a computer that is paused.
        world.advance(60_000);
        world.rounds(&mut nodes[1..], 20);
        world.rounds(&mut nodes, seconds(2));
    }
    assert_eq!((owner(&world).as_str(), claims(&world)), ("process-1", SEATS));
    judge(world, nodes.into());
}

#[test]
fn who_wakes_late_is_fenced_and_follows() {
    let mut world = World::plain();
    let mut nodes = owner_and_standby(&mut world);
    for _ in 0..10 {
        world.deposit();
    }
    until(&mut world, &mut nodes[1..], "the standby owns all", |_, nodes| all(&nodes[0], is_running));

    // It wakes amid its work: its machines step before its process has looked at `owners`.
    let emitted = |node: &Node| node.statuses().iter().map(|status| status.counts.emitted).sum::<u64>();
    let before = emitted(&nodes[0]);
    for driver in &mut nodes[0].drivers {
        driver.step(world.now).unwrap();
    }
    assert!(emitted(&nodes[0]) > before, "it wrote");
    deposits(&mut world, &mut nodes, 20);
    until(&mut world, &mut nodes, "it follows", |world, nodes| {
        world.drained() && all(&nodes[0], is_following) && all(&nodes[1], is_running)
    });
    assert_eq!((owner(&world).as_str(), claims(&world)), ("process-2", 2 * SEATS));

    // And takes over again, with what it followed.
    nodes.swap(0, 1);
    until(&mut world, &mut nodes[1..], "it owns all again", |_, nodes| all(&nodes[0], is_running));
    judge(world, nodes.into());
}

#[test]
fn a_preferred_process_that_is_back_gets_its_machines_from_their_living_owner() {
    let mut world = World::plain();
    let [preferred, standby] = owner_and_standby(&mut world);
    drop(preferred);
    let mut nodes = vec![standby];
    until(&mut world, &mut nodes, "the standby owns all", |_, nodes| all(&nodes[0], is_running));
    nodes.push(world.share(Role::Wanted));
    let started = world.now;
    deposits(&mut world, &mut nodes, 20);
    until(&mut world, &mut nodes, "it owns all", |_, nodes| all(&nodes[1], is_running) && all(&nodes[0], is_following));
    assert!(world.now < started.plus_ms(1_000), "without waiting for silence");
    deposits(&mut world, &mut nodes, seconds(5));
    assert_eq!((owner(&world).as_str(), claims(&world)), ("process-3", 3 * SEATS));
    judge(world, nodes);
}

#[test]
fn of_two_processes_that_want_one_machine_the_later_owns_it_for_good() {
    let mut world = World::plain();
    let mut nodes = vec![world.share(Role::Wanted)];
    until(&mut world, &mut nodes, "the first owns all", |_, nodes| all(&nodes[0], is_running));
    nodes.push(world.share(Role::Wanted));
    deposits(&mut world, &mut nodes, seconds(10));
    assert_eq!((owner(&world).as_str(), claims(&world)), ("process-2", 2 * SEATS));
    assert!(all(&nodes[0], |phase| matches!(phase, MachinePhase::Following { .. })));

    // What is wanted anew is taken once more; what it is told again is no news.
    for turn in 0..2 {
        for role in if turn == 0 { [Role::Standby, Role::Wanted] } else { [Role::Wanted, Role::Wanted] } {
            nodes[0].process.assign(MachineKind::Holds, 1, role);
            world.rounds(&mut nodes, seconds(3));
        }
        assert_eq!((owner(&world).as_str(), claims(&world)), ("process-1 and process-2", 2 * SEATS + 1));
    }
    judge(world, nodes);
}

#[test]
fn processes_that_want_everything_and_start_at_once_agree() {
    let mut world = World::plain();
    let mut nodes: Vec<Node> = (0..3).map(|_| world.share(Role::Wanted)).collect();
    deposits(&mut world, &mut nodes, seconds(3));
    let settled = claims(&world);
    assert!(settled <= 3 * 3 * SEATS, "{settled}");
    deposits(&mut world, &mut nodes, seconds(10));
    assert_eq!(claims(&world), settled, "nobody takes anything any more");
    for at in 0..SEATS {
        let running = nodes.iter().filter(|node| is_running(&node.statuses()[at].phase)).count();
        assert_eq!(running, 1, "seat {at}");
    }
    judge(world, nodes);
}

#[test]
fn a_standby_alone_takes_what_nobody_claims_after_the_bound() {
    let mut world = World::plain();
    let mut nodes = [world.share(Role::Standby)];
    world.rounds(&mut nodes, seconds(1) - 10);
    assert_eq!(claims(&world), 0);
    until(&mut world, &mut nodes, "it owns all", |_, nodes| all(&nodes[0], is_running));
    judge(world, nodes.into());
}

#[test]
fn a_process_that_ends_hands_over_without_a_pause() {
    // As on a network: what is said in `owners` is heard a while later.
    let faults = |sent: &Sent<'_>| if sent.to == OWNERS { Fault::Late { ms: 50 } } else { Fault::None };
    let mut world = World::new(TimeMode::Wall, Durability::Immediate, Some(Box::new(faults)));
    let mut nodes = owner_and_standby(&mut world);
    nodes[0].process.stop();
    let asked = world.now;
    let ended = |node: &Node| node.statuses().iter().all(MachineStatus::is_stopped);
    while !ended(&nodes[0]) {
        world.deposit();
        world.rounds(&mut nodes, 1);
        for (of_first, of_second) in nodes[0].statuses().iter().zip(nodes[1].statuses()) {
            let claimed = matches!(of_second.phase, MachinePhase::Claiming | MachinePhase::Restoring { .. });
            assert!(
                is_running(&of_first.phase) || claimed || is_running(&of_second.phase),
                "{of_first:?} {of_second:?}"
            );
        }
    }
    assert!(world.now < asked.plus_ms(1_000), "it did not wait for its silence to be noticed");
    for status in nodes[0].statuses() {
        assert!(matches!(&status.phase, MachinePhase::Stopped { failed: false, why } if why.contains("process-2")));
        assert_eq!(status.epoch, None, "another has it");
    }
    until(&mut world, &mut nodes, "all is done", |world, nodes| world.drained() && all(&nodes[1], is_running));
    assert_eq!((owner(&world).as_str(), claims(&world)), ("process-2", 2 * SEATS));
    judge(world, nodes.into());
}

#[test]
fn who_ends_and_has_no_living_standby_drains_at_once() {
    let mut world = World::plain();
    let [owner, standby] = owner_and_standby(&mut world);
    // It died long ago.
    drop(standby);
    let mut nodes = vec![owner];
    world.rounds(&mut nodes, seconds(2));
    let asked = world.now;
    let stopped = world.stop_and_compare(nodes.pop().unwrap());
    assert!(stopped.iter().all(|status| status.state_hash.is_some()));
    assert!(world.now < asked.plus_ms(1_000));
    judge(world, nodes);
}

#[test]
fn a_standby_that_does_not_come_is_not_waited_for_forever() {
    let mut world = World::plain();
    let nodes = owner_and_standby(&mut world);
    let [owner, standby] = nodes;
    owner.process.stop();
    let mut owner = [owner];
    for _ in 0..seconds(10) {
        // It lives, and its machines do not step.
        standby.process.step(world.now).unwrap();
        world.rounds(&mut owner, 1);
    }
    assert!(owner[0].statuses().iter().all(|status| status.is_stopped() && status.state_hash.is_some()));
    let mut standby = vec![standby];
    until(&mut world, &mut standby, "it owns all", |_, nodes| all(&nodes[0], is_running));
    judge(world, standby);
}

/// A machine that stops at the first deposit.
struct Broken(Toy);

impl Machine for Broken {
    fn kind(&self) -> MachineKind {
        self.0.kind()
    }

    fn apply(&mut self, input: &Input<'_>, effects: &mut Effects) -> Result<(), Stop> {
        self.0.apply(input, effects)?;
        if self.0.deposits > 0 { Err(Stop("as planned".into())) } else { Ok(()) }
    }

    fn has_backlog(&self) -> bool {
        self.0.has_backlog()
    }

    fn save(&self) -> Vec<u8> {
        self.0.save()
    }

    fn load(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.0.load(bytes)
    }
}

#[test]
fn a_machine_that_fails_is_given_away_and_the_others_go_on() {
    let mut world = World::plain();
    let plain = toys();
    let broken: Factory = Arc::new(move |kind, partition, settings| match (kind, partition) {
        (MachineKind::Holds, 0) => Box::new(Broken(Toy::new(kind, partition))),
        _ => plain(kind, partition, settings),
    });
    let seats = world.seats(|_, _| Some(Role::Wanted));
    let mut nodes = vec![world.share_seats(seats, |config| config.factory = broken)];
    nodes.push(world.share(Role::Standby));
    until(&mut world, &mut nodes, "the first owns all", |_, nodes| all(&nodes[0], is_running));
    deposits(&mut world, &mut nodes, 30);
    until(&mut world, &mut nodes, "all is done", |world, _| world.drained());
    let failed: Vec<String> =
        nodes[0].statuses().iter().filter(|s| s.is_stopped()).map(|status| status.phase.to_string()).collect();
    assert!(matches!(&failed[..], [why] if why.contains("accounts/0") && why.contains("as planned")), "{failed:?}");
    let running = |node: &Node| node.statuses().iter().filter(|status| is_running(&status.phase)).count();
    assert_eq!((running(&nodes[0]), running(&nodes[1])), (SEATS - 1, 1));
    judge(world, nodes);
}

#[test]
fn snapshots_ahead_of_a_shared_log_are_an_error() {
    let mut world = World::plain();
    let nodes = owner_and_standby(&mut world);
    drop(nodes);
    let ahead = Path::from("holds/0/00000000000000009999-1.snap");
    world.overwrite(&ahead, &world.snapshots()[0].1);
    let seats = world.seats(|_, _| Some(Role::Standby));
    let shared = Placement::Shared { seats, takeover_after: Placement::TAKEOVER_AFTER };
    match world.try_start(toys(), |config| config.placement = shared) {
        Err(error @ RuntimeError::OlderLog { .. }) => {
            let end = world.log.bounds(TopicPartition::new(Topic::Accounts, 0)).unwrap().end;
            let said = error.to_string();
            assert!(said.contains("9999") && said.contains(&end.to_string()) && said.contains("accounts/0"), "{said}");
        }
        other => panic!("{:?}", other.map(|_| ())),
    }
    assert!(world.snapshots().iter().any(|(path, _)| *path == ahead), "nothing was deleted");
}

/// In a recorded log no copy of a claim makes a partition's time jump, and none has a time that Kafka would replace.
#[test]
fn copies_of_claims_have_the_time_of_the_record_before_them() {
    let mut world = World::new(TimeMode::Recorded, Durability::Immediate, None);
    // More than is read in one step.
    for _ in 0..5_000 {
        world.advance(1);
        let clock = Record::Clock(Clock { time: world.now });
        world.append(TopicPartition::new(Topic::Books, 0), "", &clock);
    }
    for turn in 0..3 {
        let mut node = world.start();
        for _ in 0..10 {
            world.clocks();
            world.deposit();
            world.rounds(std::slice::from_mut(&mut node), 50);
        }
        world.settle(&mut node);
        // Cleanly, and not.
        if turn == 1 { drop(node) } else { drop(world.stop(node)) }
    }
    let mut copies = 0;
    for topic in [Topic::Books, Topic::Accounts, Topic::OrderEvents, Topic::Executions] {
        for partition in 0..PARTITIONS {
            let mut records = Vec::new();
            let at = TopicPartition::new(topic, partition);
            world.log.reader(at, 0, Visibility::Written).unwrap().poll(usize::MAX, &mut records).unwrap();
            let mut before = Timestamp(1);
            for record in records {
                if hoga_schemas::open(record.value.as_deref().unwrap()).unwrap().kind == RecordKind::Claim {
                    assert_eq!(record.time, before, "{at} offset {}", record.offset);
                    copies += 1;
                }
                before = record.time;
            }
        }
    }
    assert!(copies >= 3 * SEATS, "{copies}");
    world.audit();
}
