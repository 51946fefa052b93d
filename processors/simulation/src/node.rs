//! One process of a run: what the operating system would stop as one.

use crate::script::{Setup, Way};
use crate::settings;
use crate::twist::Twistable;
use hoga_core::{MachineKind, Timestamp, machines};
use hoga_runtime::{
    Driver, Limits, MachinePhase, MachineStatus, Placement, Process, Role, RuntimeConfig, RuntimeError, SnapshotWriter,
};
use hoga_topics::{Log, MemoryLog};
use object_store::memory::InMemory;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Snapshots that are kept of each machine.
const SNAPSHOTS_KEPT: usize = 3;
/// Silence after which a standby takes over.
const TAKEOVER_AFTER: Duration = Duration::from_millis(400);

/// The machines that work now, and whether each is twisted. One that is made anew is as it should be.
type Twists = Arc<Mutex<BTreeMap<(MachineKind, u32), Arc<AtomicBool>>>>;

pub(crate) struct Node {
    process: Arc<Process>,
    drivers: BTreeMap<(MachineKind, u32), Driver>,
    twists: Twists,
    shares: bool,
    /// By how much its clock is off.
    pub skew_ms: i64,
}

impl Node {
    /// Starts a process with a seat for every machine.
    pub fn start(
        number: u32,
        way: Way,
        setup: &Setup,
        log: &MemoryLog,
        store: &Arc<InMemory>,
        restores: &Arc<AtomicU64>,
    ) -> Result<Self, RuntimeError> {
        let twists = Twists::default();
        let (made, restores) = (twists.clone(), restores.clone());
        let factory = move |kind, partition, settings: &_| -> Box<dyn hoga_core::Machine> {
            let twisted = Arc::<AtomicBool>::default();
            made.lock().expect("nobody panics with it").insert((kind, partition), twisted.clone());
            Box::new(Twistable::new(machines::new(kind, partition, settings), twisted, restores.clone()))
        };
        let mut config = RuntimeConfig::new(format!("p{number}"), settings::of(setup), Arc::new(factory));
        config.limits = Limits {
            batch_records: setup.batch_records,
            undelivered_records: setup.undelivered_records,
            accounts_ahead_records: setup.accounts_ahead_records,
            snapshot_every_records: setup.snapshot_every_records,
            snapshots_kept: SNAPSHOTS_KEPT,
            // What is made is at work: no second machine for a snapshot that would take the twists of the first.
            snapshot_in_place_bytes: u64::MAX,
            ..Limits::default()
        };
        config.placement = placement(way, log);
        config.snapshot_writer = SnapshotWriter::Inline;
        let process = Process::open(Arc::new(log.clone()), store.clone(), config)?;
        let mut drivers = BTreeMap::new();
        for seat in process.seats() {
            let driver = Driver::new(&process, seat.machine, seat.partition);
            let driver = driver.map_err(|error| RuntimeError::Stopped(error.to_string()))?;
            drivers.insert((seat.machine, seat.partition), driver);
        }
        Ok(Self { process, drivers, twists, shares: way != Way::Alone, skew_ms: 0 })
    }

    /// Gives one of its seats another role, if it shares the log and has that seat.
    pub fn assign(&self, machine: (MachineKind, u32), wanted: bool) {
        if self.shares && self.drivers.contains_key(&machine) {
            self.process.assign(machine.0, machine.1, if wanted { Role::Wanted } else { Role::Standby });
        }
    }

    fn now(&self, now: Timestamp) -> Timestamp {
        now.plus_ms(self.skew_ms)
    }

    /// Reads `owners` and gives a sign of life.
    pub fn look(&self, now: Timestamp) -> Result<(), RuntimeError> {
        self.process.step(self.now(now)).map(|_| ())
    }

    /// Steps one machine at most so often; whether it did anything at last.
    pub fn run(&mut self, machine: (MachineKind, u32), steps: u32, now: Timestamp) -> bool {
        let now = self.now(now);
        let Some(driver) = self.drivers.get_mut(&machine) else { return false };
        let mut worked = false;
        for _ in 0..steps {
            // An error stops the driver, and its status says why.
            worked = driver.step(now).is_ok_and(|progress| progress.worked);
            if !worked {
                break;
            }
        }
        worked
    }

    /// Its machines.
    pub fn machines(&self) -> Vec<(MachineKind, u32)> {
        self.drivers.keys().copied().collect()
    }

    pub fn statuses(&self) -> Vec<MachineStatus> {
        self.process.statuses()
    }

    /// With which epoch it works on a machine.
    pub fn epoch(&self, machine: (MachineKind, u32)) -> Option<u64> {
        let status = self.statuses().into_iter().find(|status| (status.kind, status.partition) == machine)?;
        if status.is_stopped() { None } else { status.epoch }
    }

    /// Machines that stopped for a reason that is no hand-over, and why.
    pub fn failed(&self) -> Vec<(MachineKind, u32, String)> {
        let failed = self.statuses().into_iter().filter_map(|status| match status.phase {
            MachinePhase::Stopped { why, failed: true } => Some((status.kind, status.partition, why)),
            _ => None,
        });
        failed.collect()
    }

    /// Asks it to end.
    pub fn stop(&self) {
        self.process.stop();
    }

    /// Whether one of its machines was made to compute something else: whatever stops it then is right.
    pub fn is_twisted(&self, machine: (MachineKind, u32)) -> bool {
        let twists = self.twists.lock().expect("nobody panics with it");
        twists.get(&machine).is_some_and(|twisted| twisted.load(Ordering::Relaxed))
    }

    /// From here on one of its machines computes something else.
    pub fn twist(&self, machine: (MachineKind, u32)) {
        if let Some(twisted) = self.twists.lock().expect("nobody panics with it").get(&machine) {
            twisted.store(true, Ordering::Relaxed);
        }
    }
}

fn placement(way: Way, log: &MemoryLog) -> Placement {
    let role = match way {
        Way::Alone => return Placement::Alone { machines: MachineKind::ALL.to_vec() },
        Way::Wanted => Role::Wanted,
        Way::Standby => Role::Standby,
    };
    let seats =
        MachineKind::ALL.iter().flat_map(|machine| Placement::seats(*machine, log.partitions(machine.input()), role));
    Placement::Shared { seats: seats.collect(), takeover_after: TAKEOVER_AFTER }
}
