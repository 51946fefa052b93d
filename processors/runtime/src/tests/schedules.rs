//! Random schedules: processes that start, sleep, wake and die, a log that loses, repeats and delays, computers that
//! crash, snapshots that tear, topics that are cut. After each the auditor must find every effect accepted once.

use super::market::Market;
use super::world::{Node, PARTITIONS, World};
use crate::{MachinePhase, MachineStatus, Role};
use hoga_core::{MachineKind, Topic, machines};
use hoga_topics::memory::{Durability, FaultRates, SeededFaults};
use hoga_topics::{TimeMode, TopicPartition};
use std::sync::Arc;

const RATES: FaultRates = FaultRates { delay_ack: 30, lose_ack: 30, lose: 30, repeat: 30, late: 30, max_delay_ms: 400 };

struct Rng(u64);

impl Rng {
    /// SplitMix64.
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }
}

struct Schedule {
    rng: Rng,
    world: World,
    /// Some of them asleep: whoever is not stepped for a while knows nothing of what happened meanwhile.
    nodes: Vec<Node>,
    crashes: bool,
    /// Topics are cut; then no snapshot tears: what is cut away only they know.
    cuts: bool,
    /// Orders for the real machines; none: deposits for toys.
    market: Option<Market>,
    /// Whether its processes share the log: each with some seats, wanted or stood by for.
    shared: bool,
}

impl Schedule {
    fn new(seed: u64, mode: TimeMode) -> Self {
        let mut rng = Rng(seed);
        let crashes = rng.next(2) == 0;
        let durability = if crashes { Durability::AtSync } else { Durability::Immediate };
        let world = World::new(mode, durability, Some(Box::new(SeededFaults::new(seed, RATES))));
        let cuts = mode == TimeMode::Wall && rng.next(2) == 0;
        Self { rng, world, nodes: Vec::new(), crashes, cuts, market: None, shared: false }
    }

    /// Processes with standbys.
    fn of_standbys(seed: u64, mode: TimeMode) -> Self {
        Self { shared: true, ..Self::new(seed, mode) }
    }

    /// The real machines.
    fn of_market(seed: u64, mode: TimeMode) -> Self {
        let mut schedule = Self::new(seed, mode);
        schedule.world.kinds = MachineKind::ALL;
        schedule.world.factory = Arc::new(machines::new);
        let mut node = schedule.world.start();
        schedule.market = Some(Market::open(&mut schedule.world, &mut node));
        schedule.nodes.push(node);
        schedule
    }

    /// Runs to the end; how many records stand in `executions`.
    fn run(mut self, steps: u32, mode: TimeMode) -> u64 {
        for _ in 0..steps {
            self.act(mode);
        }
        if self.shared {
            self.agree();
        }
        // From here on one process alone, on the same faulty log.
        self.nodes.clear();
        let toys = self.market.is_none();
        if !toys {
            self.world.check_reconciled();
        }
        let mut last = self.world.start();
        self.world.settle(&mut last);
        self.world.check_cut_readers();
        if !toys {
            self.world.check_reconciled();
        }
        self.world.on_whole_log(|world| {
            world.audit();
            if toys {
                world.audit_toys();
            }
        });
        self.world.stop_and_compare(last);
        let executions = (0..PARTITIONS).map(|partition| TopicPartition::new(Topic::Executions, partition));
        executions.map(|at| self.world.read_all(at).channels().channels().map(|(_, c)| c.number).sum::<u64>()).sum()
    }

    fn act(&mut self, mode: TimeMode) {
        match self.rng.next(1_000) {
            0..150 => {
                let ms = self.rng.next(120) as i64;
                self.world.advance(ms);
            }
            150..200 => self.feed(),
            200..210 if mode == TimeMode::Recorded => self.world.clocks(),
            210..222 if self.nodes.len() < 3 => {
                let node = self.start();
                self.nodes.push(node);
            }
            222..226 if !self.nodes.is_empty() => {
                let at = self.rng.next(self.nodes.len() as u64) as usize;
                self.nodes.swap_remove(at);
            }
            226..228 if self.crashes => self.crash(),
            228..232 if !self.cuts => self.tear(),
            232..240 => hoga_topics::Log::sync(&self.world.log).unwrap(),
            240..244 if self.shared => self.assign(),
            244..246 if self.shared => self.stop(),
            246..254 if self.cuts => self.world.cut(),
            _ => self.step(),
        }
    }

    fn start(&mut self) -> Node {
        if !self.shared {
            return self.world.start();
        }
        let rng = &mut self.rng;
        // Each seat is missing in some processes, and in none for ever.
        let seats = self.world.seats(|_, _| match rng.next(8) {
            0 => None,
            1..4 => Some(Role::Wanted),
            _ => Some(Role::Standby),
        });
        self.world.share_seats(seats, |_| {})
    }

    /// A consumer group's news.
    fn assign(&mut self) {
        let Some(at) = (self.rng.next(4) as usize).checked_rem(self.nodes.len()) else { return };
        let seats = self.nodes[at].process.seats();
        let Some(seat) = seats.get(self.rng.next(4) as usize) else { return };
        let role = if self.rng.next(2) == 0 { Role::Wanted } else { Role::Standby };
        self.nodes[at].process.assign(seat.machine, seat.partition, role);
    }

    /// Somebody tells a process to end; it is there until it dies.
    fn stop(&mut self) {
        let Some(at) = (self.rng.next(4) as usize).checked_rem(self.nodes.len()) else { return };
        self.nodes[at].process.stop();
    }

    /// Whoever is there, and one more who stands by for everything, come to rest: one owner each, all drained.
    fn agree(&mut self) {
        let mut nodes = std::mem::take(&mut self.nodes);
        nodes.push(self.world.share(Role::Standby));
        let seats = nodes.last().unwrap().statuses();
        for _ in 0..20_000 {
            self.world.rounds(&mut nodes, 1);
            let running = |of: &MachineStatus| {
                let all = nodes.iter().flat_map(Node::statuses);
                let same = all.filter(|status| (status.kind, status.partition) == (of.kind, of.partition));
                same.filter(|status| status.phase == MachinePhase::Running).count()
            };
            if self.world.drained() && seats.iter().all(|seat| running(seat) == 1) {
                self.world.on_whole_log(|world| world.audit());
                return;
            }
        }
        panic!("not at rest: {:#?}", nodes.iter().map(Node::statuses).collect::<Vec<_>>());
    }

    fn feed(&mut self) {
        let roll = self.rng.next(1 << 32);
        match &mut self.market {
            Some(market) => market.order(&mut self.world, roll),
            None => self.world.deposit(),
        }
    }

    /// The computer loses its power: a prefix of the log survives, and no process.
    fn crash(&mut self) {
        self.nodes.clear();
        self.world.log.crash(self.rng.next(40));
    }

    /// Cuts a snapshot short.
    fn tear(&mut self) {
        let snapshots = self.world.snapshots();
        if snapshots.is_empty() {
            return;
        }
        let (path, bytes) = &snapshots[self.rng.next(snapshots.len() as u64) as usize];
        let kept = self.rng.next(bytes.len() as u64 + 1) as usize;
        self.world.overwrite(path, &bytes[..kept]);
    }

    /// Steps some part of some process: its view of `owners`, or one of its machines.
    fn step(&mut self) {
        if self.nodes.is_empty() {
            return;
        }
        // The first in the list are stepped less: they are the ones that sleep.
        let at = self.rng.next(self.nodes.len() as u64).max(self.rng.next(self.nodes.len() as u64)) as usize;
        let node = &mut self.nodes[at];
        let now = self.world.now;
        if self.rng.next(4) == 0 {
            node.process.step(now).unwrap();
        }
        // One of a process without a seat, there may be none.
        let drivers = node.drivers.len() as u64;
        if drivers == 0 {
            return;
        }
        let driver = self.rng.next(drivers) as usize;
        for _ in 0..=self.rng.next(4) {
            if let Err(error) = node.drivers[driver].step(now) {
                assert!(error.is_handover(), "{error}");
            }
        }
    }
}

fn seeds(count: u64) -> std::ops::Range<u64> {
    let count = std::env::var("HOGA_SEEDS").ok().and_then(|count| count.parse().ok()).unwrap_or(count);
    let first = std::env::var("HOGA_FIRST_SEED").ok().and_then(|first| first.parse().ok()).unwrap_or(0);
    first..first + count
}

fn run_all(seeds: std::ops::Range<u64>, mode: TimeMode, make: fn(u64, TimeMode) -> Schedule) {
    let mut executions = 0;
    for seed in seeds {
        let run = move || make(seed, mode).run(1_500, mode);
        executions += std::panic::catch_unwind(run).unwrap_or_else(|panic| {
            eprintln!("seed {seed} in a {mode:?} log: set HOGA_FIRST_SEED={seed} HOGA_SEEDS=1 to run it alone");
            std::panic::resume_unwind(panic)
        });
    }
    assert!(executions > 0, "nothing happened");
}

#[test]
fn every_effect_is_accepted_once_in_a_wall_log() {
    run_all(seeds(100), TimeMode::Wall, Schedule::new);
}

#[test]
fn every_effect_is_accepted_once_in_a_recorded_log() {
    run_all(seeds(100), TimeMode::Recorded, Schedule::new);
}

#[test]
fn standbys_take_over_and_every_effect_is_accepted_once_in_a_wall_log() {
    run_all(seeds(100), TimeMode::Wall, Schedule::of_standbys);
}

#[test]
fn standbys_take_over_and_every_effect_is_accepted_once_in_a_recorded_log() {
    run_all(seeds(100), TimeMode::Recorded, Schedule::of_standbys);
}

#[test]
fn the_real_machines_agree_with_their_replay_in_a_wall_log() {
    run_all(seeds(12), TimeMode::Wall, Schedule::of_market);
}

#[test]
fn the_real_machines_agree_with_their_replay_in_a_recorded_log() {
    run_all(seeds(12), TimeMode::Recorded, Schedule::of_market);
}
