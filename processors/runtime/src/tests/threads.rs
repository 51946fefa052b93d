//! The threaded runtime, on the computer's clock.

use super::machine::{Toy, toys};
use super::world::{KINDS, PARTITIONS, World};
use crate::{BeforeApply, MachinePhase, Placement, Role, Runtime, RuntimeConfig, RuntimeError, StopReport, replay};
use hoga_core::{MachineKind, Settings, Timestamp, Topic};
use hoga_topics::memory::Clock;
use hoga_topics::owners::{OwnersView, wait_drained};
use hoga_topics::{MemoryLog, MemoryOptions, Partitions, TopicPartition};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Long enough for a loaded computer; nothing here is judged by time.
fn deadline() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

/// Waits for what must come; a test that hangs says nothing.
fn wait_until(what: &str, mut come: impl FnMut() -> bool) {
    let deadline = deadline();
    while !come() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A world on the computer's clock.
fn world() -> World {
    let mut world = World::plain();
    let partitions = Partitions::keyed(PARTITIONS);
    world.log = MemoryLog::new(MemoryOptions { partitions, clock: Clock::Computer, ..MemoryOptions::default() });
    world
}

fn start(world: &World, name: &str, change: impl FnOnce(&mut RuntimeConfig)) -> Runtime {
    let mut config = RuntimeConfig::new(name, Settings::default(), toys());
    config.placement = Placement::Alone { machines: KINDS.to_vec() };
    config.workers = 2;
    config.limits = world.limits;
    change(&mut config);
    Runtime::start(Arc::new(world.log.clone()), world.store.clone(), config).unwrap()
}

fn deposits(world: &mut World, count: u32) {
    for _ in 0..count {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        world.now = Timestamp(since.as_millis() as i64);
        world.deposit();
    }
}

fn compare(world: &World, report: &StopReport) {
    assert!(report.clean, "{report:?}");
    for stopped in &report.machines {
        let toy = Toy::new(stopped.kind, stopped.partition);
        let replayed = replay(&world.log, toy, stopped.partition, Some(stopped.next_offset)).unwrap();
        assert_eq!(stopped.state_hash, Some(replayed.state_hash), "{stopped:?}");
    }
}

#[test]
fn a_runtime_starts_drains_stops_and_goes_on_with_one_worker_or_more() {
    let mut world = world();
    for workers in [2, 1, 3] {
        let runtime = start(&world, &format!("{workers}-workers"), |config| config.workers = workers);
        runtime.wait_running(deadline()).unwrap();
        assert_eq!(phases(&runtime, |phase| *phase == MachinePhase::Running), runtime.status().len());
        deposits(&mut world, 50);
        wait_drained(&world.log, deadline()).unwrap();
        compare(&world, &runtime.stop(deadline()));
        world.audit();
    }
}

#[test]
fn a_runtime_that_is_dropped_leaves_no_thread_behind() {
    let world = world();
    let alive = Arc::new(());
    let held = alive.clone();
    let runtime = start(&world, "dropped", |config| {
        config.before_apply = Some(Arc::new(move |_, _, _| assert_eq!(*held, ())));
    });
    runtime.wait_running(deadline()).unwrap();
    drop(runtime);
    assert_eq!(Arc::strong_count(&alive), 1, "no worker keeps its process");
}

#[test]
fn a_machine_that_stops_is_a_failure_and_a_panic_too() {
    let world = world();
    let runtime = start(&world, "undecodable", |_| {});
    runtime.wait_running(deadline()).unwrap();
    assert_eq!(runtime.failed(), None);
    world.log.append_foreign(TopicPartition::new(Topic::Books, 1), b"", Some(b"junk"), Timestamp(0)).unwrap();
    wait_until("it fails", || runtime.failed().is_some());
    assert!(runtime.failed().unwrap().contains("books/1"));
    assert!(!runtime.stop(deadline()).clean);

    let mut world = self::world();
    deposits(&mut world, 3);
    let runtime = start(&world, "panicking", |config| {
        config.before_apply = Some(Arc::new(|kind, _, _| assert_ne!(kind, MachineKind::Matching, "as planned")));
    });
    match runtime.wait_running(deadline()) {
        Err(RuntimeError::Stopped(why)) => assert!(why.contains("panicked"), "{why}"),
        // It may have been running for a moment before it panicked.
        Ok(()) => wait_until("it fails", || runtime.failed().is_some()),
        Err(other) => panic!("{other}"),
    }
}

/// Holds every machine of a process still once it is told to, until it is told to go on.
#[derive(Default)]
struct Bed {
    asleep: AtomicBool,
    lying: Mutex<u32>,
    wake: Condvar,
}

impl Bed {
    fn hook(self: &Arc<Self>) -> BeforeApply {
        let bed = self.clone();
        Arc::new(move |kind, _, _| {
            if !bed.asleep.load(Ordering::SeqCst) || kind != MachineKind::Holds {
                return;
            }
            let mut lying = bed.lying.lock().unwrap();
            *lying += 1;
            while bed.asleep.load(Ordering::SeqCst) {
                lying = bed.wake.wait(lying).unwrap();
            }
        })
    }

    fn wake(&self) {
        let _lying = self.lying.lock().unwrap();
        self.asleep.store(false, Ordering::SeqCst);
        self.wake.notify_all();
    }
}

/// Of two runtimes in one process the second claims the partitions of the first while that is held still; the first
/// wakes and writes; no reader accepts a record of it; states are as if it had not been there.
#[test]
fn a_sleeping_owner_wakes_and_is_not_heard() {
    let mut world = world();
    let bed = Arc::new(Bed::default());
    let first = start(&world, "first", |config| config.before_apply = Some(bed.hook()));
    first.wait_running(deadline()).unwrap();
    deposits(&mut world, 20);
    wait_drained(&world.log, deadline()).unwrap();

    // Both workers lie down with a batch in hand: nobody steps anything of the first any more.
    bed.asleep.store(true, Ordering::SeqCst);
    wait_until("both workers lie down", || {
        deposits(&mut world, 1);
        *bed.lying.lock().unwrap() == 2
    });
    let emitted = |runtime: &Runtime| runtime.status().iter().map(|status| status.counts.emitted).sum::<u64>();
    let asleep = emitted(&first);
    let second = start(&world, "second", |_| {});
    second.wait_running(deadline()).unwrap();
    wait_drained(&world.log, deadline()).unwrap();

    bed.wake();
    wait_until("the first is fenced", || first.status().iter().all(|status| status.is_stopped()));
    assert!(emitted(&first) > asleep, "it wrote when it woke");
    assert_eq!(first.failed(), None, "being fenced is no failure");
    let stale = |topic| -> u64 {
        (0..PARTITIONS).map(|partition| world.read_all(TopicPartition::new(topic, partition)).dropped().stale).sum()
    };
    assert!(stale(Topic::Books) > 0, "readers saw its records and took none");
    deposits(&mut world, 20);
    wait_drained(&world.log, deadline()).unwrap();
    compare(&world, &second.stop(deadline()));
    world.audit();
}

/// A setting with seats for everything in one role.
fn shared(world: &World, role: Role) -> impl FnOnce(&mut RuntimeConfig) + use<> {
    let seats = world.seats(|_, _| Some(role));
    |config| config.placement = Placement::Shared { seats, takeover_after: Placement::TAKEOVER_AFTER }
}

fn phases(runtime: &Runtime, is: impl Fn(&MachinePhase) -> bool) -> usize {
    runtime.status().iter().filter(|status| is(&status.phase)).count()
}

#[test]
fn a_runtime_that_stops_hands_over_to_the_one_that_stands_by() {
    let mut world = world();
    let first = start(&world, "first", shared(&world, Role::Wanted));
    first.wait_running(deadline()).unwrap();
    let second = start(&world, "second", shared(&world, Role::Standby));
    second.wait_running(deadline()).unwrap();
    deposits(&mut world, 50);
    let first_sign = |world: &World| OwnersView::open(&world.log).unwrap().owners().process("second").is_some();
    wait_until("the second was heard", || first_sign(&world));
    let report = first.stop(deadline());
    assert!(report.clean, "{report:?}");
    deposits(&mut world, 50);
    wait_drained(&world.log, deadline()).unwrap();
    second.wait_running(deadline()).unwrap();
    let all = second.status().len();
    wait_until("the second owns all", || phases(&second, |phase| *phase == MachinePhase::Running) == all);
    compare(&world, &second.stop(deadline()));
    world.audit();
}

#[test]
fn signs_of_life_are_given_while_every_worker_is_held_up() {
    let mut world = world();
    let bed = Arc::new(Bed::default());
    let runtime = start(&world, "held up", |config| {
        shared(&world, Role::Wanted)(config);
        config.before_apply = Some(bed.hook());
    });
    runtime.wait_running(deadline()).unwrap();
    bed.asleep.store(true, Ordering::SeqCst);
    wait_until("both workers lie down", || {
        deposits(&mut world, 1);
        *bed.lying.lock().unwrap() == 2
    });
    let signs = || OwnersView::open(&world.log).unwrap().owners().process("held up").map_or(0, |signs| signs.signs);
    let before = signs();
    wait_until("five more signs of life are given", || signs() >= before + 5);
    bed.wake();
    wait_drained(&world.log, deadline()).unwrap();
    compare(&world, &runtime.stop(deadline()));
}

#[test]
fn on_a_shared_log_a_machine_that_stops_is_no_failure_of_the_others() {
    let world = world();
    let runtime = start(&world, "shared", shared(&world, Role::Wanted));
    runtime.wait_running(deadline()).unwrap();
    world.log.append_foreign(TopicPartition::new(Topic::Books, 1), b"", Some(b"junk"), Timestamp(0)).unwrap();
    let failed =
        |phase: &MachinePhase| matches!(phase, MachinePhase::Stopped { failed: true, why } if why.contains("books/1"));
    wait_until("it fails", || phases(&runtime, failed) == 1);
    assert_eq!(runtime.failed(), None);
    runtime.wait_running(deadline()).unwrap();
    let report = runtime.stop(deadline());
    assert_eq!(report.machines.iter().filter(|machine| machine.state_hash.is_none()).count(), 1);
    assert!(!report.clean);
}

#[test]
fn a_role_that_is_assigned_is_taken() {
    let mut world = world();
    let first = start(&world, "first", shared(&world, Role::Wanted));
    first.wait_running(deadline()).unwrap();
    let second = start(&world, "second", shared(&world, Role::Standby));
    second.wait_running(deadline()).unwrap();
    assert_eq!(phases(&second, |phase| *phase == MachinePhase::Running), 0);
    for status in second.status() {
        first.assign(status.kind, status.partition, Role::Standby);
        second.assign(status.kind, status.partition, Role::Wanted);
    }
    let all = second.status().len();
    wait_until("the second owns all", || phases(&second, |phase| *phase == MachinePhase::Running) == all);
    deposits(&mut world, 20);
    wait_drained(&world.log, deadline()).unwrap();
    assert!(first.stop(deadline()).clean);
    compare(&world, &second.stop(deadline()));
    world.audit();
}
