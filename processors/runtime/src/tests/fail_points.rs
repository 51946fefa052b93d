//! Every fail point is met: by owners and standbys at work, by one that ends, one that sleeps, and the last that drains.

use super::world::{Node, World};
use crate::fail_point::tests::take_met;
use crate::{FailPoint, MachineStatus, Role};
use std::collections::BTreeMap;

/// Rounds of 7 ms of virtual time: a takeover takes a second of silence, a snapshot a few records.
const TAKEOVER_ROUNDS: usize = 400;

fn work(world: &mut World, nodes: &mut [Node], deposits: usize) {
    for _ in 0..deposits {
        world.deposit();
        world.rounds(nodes, 1);
    }
    world.rounds(nodes, TAKEOVER_ROUNDS);
}

/// The points that were met since the last look.
fn met() -> Vec<FailPoint> {
    take_met().into_keys().collect()
}

#[test]
fn every_point_is_met() {
    let mut world = World::plain();
    take_met();
    let mut nodes = vec![world.share(Role::Wanted), world.share(Role::Standby)];
    work(&mut world, &mut nodes, 200);
    let mut all = BTreeMap::from([("owner and standby", met())]);

    nodes[0].process.stop();
    work(&mut world, &mut nodes, 40);
    assert!(nodes[0].statuses().iter().all(MachineStatus::is_stopped));
    all.insert("a clean end with a standby", met());

    // The second owns all and sleeps until a third has taken over; what it read meanwhile is not marked.
    let mut sleeper = nodes.remove(1);
    let mut third = vec![world.share(Role::Standby)];
    work(&mut world, &mut third, 40);
    world.rounds(std::slice::from_mut(&mut sleeper), 2);
    all.insert("an owner that wakes too late", met());

    drop(sleeper);
    world.stop(third.remove(0));
    all.insert("a clean end without a standby", met());

    let never: Vec<_> = FailPoint::ALL.iter().filter(|point| !all.values().any(|met| met.contains(point))).collect();
    assert!(never.is_empty(), "never met: {never:?}; met: {all:#?}");
}

/// "Never once a record": in one big batch no point is met more often than there were steps.
#[test]
fn a_batch_meets_each_point_once() {
    let mut world = World::plain();
    world.limits.batch_records = 1_000;
    let mut nodes = [world.share(Role::Wanted)];
    world.rounds(&mut nodes, TAKEOVER_ROUNDS);
    for _ in 0..500 {
        world.deposit();
    }
    take_met();
    let rounds = 20;
    world.rounds(&mut nodes, rounds);
    let steps = (rounds * nodes[0].drivers.len()) as u64;
    let met = take_met();
    let applied: u64 = nodes[0].statuses().iter().map(|status| status.counts.applied).sum();
    assert!(applied > 500, "{applied} records");
    for point in [FailPoint::AfterRead, FailPoint::BeforeAppend, FailPoint::InAppend, FailPoint::AfterAppend] {
        let times = met.get(&point).copied().unwrap_or(0);
        assert!((1..=steps).contains(&times), "{point} was met {times} times in {steps} steps");
    }
}
