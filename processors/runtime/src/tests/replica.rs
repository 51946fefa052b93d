//! Snapshots that a second machine gives, beside the one at work.

use super::machine::Toy;
use super::rules::{deposits, holds};
use super::world::World;
use hoga_core::{MachineKind, Settings};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

#[test]
fn a_snapshot_made_beside_the_machine_is_the_one_that_it_would_give_itself() {
    let snapshots = |in_place_bytes| {
        let mut world = World::plain();
        world.limits.snapshot_in_place_bytes = in_place_bytes;
        let mut node = world.start();
        deposits(&mut world, &mut node, 40);
        world.snapshots()
    };
    let beside = snapshots(0);
    assert!(!beside.is_empty());
    assert_eq!(beside, snapshots(u64::MAX));
}

#[test]
fn a_second_machine_that_comes_to_other_effects_gives_no_snapshot() {
    let mut world = World::plain();
    let twisted = Arc::new(AtomicBool::new(false));
    let made = twisted.clone();
    world.factory = Arc::new(move |kind, partition, _: &Settings| match made.load(Ordering::Relaxed) {
        false => Box::new(Toy::new(kind, partition)),
        true => Box::new(Toy::twisted(kind, partition)),
    });
    let mut node = world.start();
    deposits(&mut world, &mut node, 10);
    // What a toy of matching emits does not depend on its twist.
    let of_holds = |world: &World| world.snapshot_store().list(MachineKind::Holds, 0).unwrap();
    let before = of_holds(&world);
    twisted.store(true, Ordering::Relaxed);
    deposits(&mut world, &mut node, 30);
    assert!(holds(&node, 0).counts.snapshots_failed > 0);
    assert_eq!(of_holds(&world), before);
}
