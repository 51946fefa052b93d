//! What the drivers of one process share: the log, the view of `owners`, snapshots, signs of life, seats.
//!
//! Invariant: a driver acts on `owners` as of the process's last step: a process that sleeps knows nothing new.

use crate::config::RuntimeConfig;
use crate::cuts::{CutError, Cuts};
use crate::decide::{Decision, View, decide, has_standby};
use crate::error::RuntimeError;
use crate::liveness::{Bound, Liveness};
use crate::placement::{Hold, Placement, Role, Seat};
use crate::restore::{Recipe, Sources};
use crate::signs::Signs;
use crate::snapshot::Snapshots;
use crate::snapshot::usable::fingerprint;
use crate::status::MachineStatus;
use hoga_core::{MachineKind, Timestamp};
use hoga_topics::owners::Owners;
use hoga_topics::{Log, OwnersView, TimeMode, TopicPartition};
use object_store::ObjectStore;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// A process that ends waits for a living standby for so many bounds on silence.
const HANDOVER_BOUNDS: i64 = 4;
/// An end of a shared log that is too early for what is known of it is believed after this.
const SETTLED_AFTER: Duration = Duration::from_secs(2);

/// What the drivers of one process share.
pub struct Process {
    pub(crate) log: Arc<dyn Log>,
    pub(crate) config: RuntimeConfig,
    pub(crate) snapshots: Snapshots,
    pub(crate) recipe: Recipe,
    bound: Bound,
    known: Mutex<Known>,
    view_position: AtomicU64,
    signs: Mutex<Signs>,
    statuses: Statuses,
    seats: Mutex<BTreeMap<(MachineKind, u32), Hold>>,
    stopping: AtomicBool,
}

/// What is known of the others.
struct Known {
    view: OwnersView,
    liveness: Liveness,
}

/// What each driver shows of itself, shared with it.
type Statuses = Arc<Mutex<Vec<Arc<Mutex<MachineStatus>>>>>;

fn copies(statuses: &Statuses) -> Vec<MachineStatus> {
    lock(statuses).iter().map(|status| lock(status).clone()).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no holder of this lock panics")
}

/// The seats that a process begins with.
fn seats_of(log: &dyn Log, placement: &Placement) -> BTreeMap<(MachineKind, u32), Hold> {
    let wanted = |machine: &MachineKind| Placement::seats(*machine, log.partitions(machine.input()), Role::Wanted);
    let seats = match placement {
        Placement::Alone { machines } => machines.iter().flat_map(wanted).collect(),
        Placement::Shared { seats, .. } => seats.clone(),
    };
    seats.into_iter().map(|seat| ((seat.machine, seat.partition), Hold::new(seat.role))).collect()
}

impl Process {
    /// Reads `owners`, and looks whether the log is as long as its snapshots say: of a log that is this process's
    /// alone those that are ahead are deleted, of a shared one they are an error.
    pub fn open(
        log: Arc<dyn Log>,
        store: Arc<dyn ObjectStore>,
        config: RuntimeConfig,
    ) -> Result<Arc<Self>, RuntimeError> {
        let (factory, settings) = (config.factory.clone(), config.settings.clone());
        let recipe = Recipe { fingerprint: fingerprint(&settings), factory, settings };
        let snapshots = Snapshots::new(log.clone(), store, config.limits.snapshots_kept, config.snapshot_writer)
            .map_err(RuntimeError::Thread)?;
        let view = config.cuts.owners(&*log)?;
        let bound = Bound::new(config.placement.takeover_after());
        let process = Self {
            recipe,
            bound,
            view_position: AtomicU64::new(view.position()),
            known: Mutex::new(Known { view, liveness: Liveness::new(&config.process, bound) }),
            signs: Mutex::new(Signs::new(&*log, &config.process, bound.sign_interval_ms)?),
            seats: Mutex::new(seats_of(&*log, &config.placement)),
            statuses: Statuses::default(),
            stopping: AtomicBool::new(false),
            log,
            config,
            snapshots,
        };
        process.check_snapshots_ahead()?;
        Ok(Arc::new(process))
    }

    /// A snapshot that is ahead of the log must go, or be missed, before the log grows past it with other records.
    fn check_snapshots_ahead(&self) -> Result<(), RuntimeError> {
        for Seat { machine, partition, .. } in self.seats() {
            let input = TopicPartition::new(machine.input(), partition);
            // In this order: the log grows while others snapshot.
            let names = self.snapshots.list(machine, partition).map_err(RuntimeError::Store)?;
            let newest = names.iter().map(|name| name.offset).max().unwrap_or(0);
            let end = self.settled_end(input, newest)?;
            for name in names.into_iter().filter(|name| name.offset > end) {
                let offset = name.offset;
                if self.is_shared() {
                    return Err(RuntimeError::OlderLog { machine, input, offset, end });
                }
                tracing::warn!(%machine, %input, offset, end, "deleting a snapshot that is ahead of the log");
                self.snapshots.delete(machine, partition, name).map_err(RuntimeError::Store)?;
            }
        }
        Ok(())
    }

    /// Where a partition ends. A broker that has just begun to lead it may know less for a moment: an end before
    /// `expected` is believed when it stays.
    fn settled_end(&self, input: TopicPartition, expected: u64) -> Result<u64, RuntimeError> {
        let asked = Instant::now();
        loop {
            let end = self.log.bounds(input)?.end;
            if end >= expected || !self.is_shared() || asked.elapsed() >= SETTLED_AFTER {
                return Ok(end);
            }
            std::thread::sleep(SETTLED_AFTER / 20);
        }
    }

    /// What this process restores machines from.
    pub(crate) fn sources(&self) -> Sources<'_> {
        Sources { log: &*self.log, snapshots: &self.snapshots, recipe: &self.recipe }
    }

    /// Whether other processes have the log too.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self.config.placement, Placement::Shared { .. })
    }

    /// The machines that this process has a seat for, and their roles now.
    pub fn seats(&self) -> Vec<Seat> {
        let seats = lock(&self.seats);
        let seat =
            |(&(machine, partition), hold): (&(MachineKind, u32), &Hold)| Seat { machine, partition, role: hold.role };
        seats.iter().map(seat).collect()
    }

    /// Gives one of its seats another role: a consumer group's news. What it owns it works on as a standby until
    /// somebody else claims it.
    ///
    /// # Panics
    /// When the process was not set up with this seat.
    pub fn assign(&self, machine: MachineKind, partition: u32, role: Role) {
        self.seat(machine, partition, |hold| hold.assign(role));
        self.log.signal().notify();
    }

    /// Looks at one of its seats.
    pub(crate) fn seat<T>(&self, machine: MachineKind, partition: u32, look: impl FnOnce(&mut Hold) -> T) -> T {
        let mut seats = lock(&self.seats);
        let seat = seats.get_mut(&(machine, partition));
        look(seat.unwrap_or_else(|| panic!("this process has no seat for {machine}/{partition}")))
    }

    /// Reads on in `owners` and gives a sign of life when one is due; whether anything was new.
    pub fn step(&self, now: Timestamp) -> Result<bool, RuntimeError> {
        let new = self.look()?;
        let giving_away = self.is_shared() && self.is_stopping();
        lock(&self.signs).step(now, self.stamp(now), giving_away, || self.statuses())?;
        Ok(new)
    }

    /// Reads on in `owners`; whether anything was new.
    fn look(&self) -> Result<bool, RuntimeError> {
        self.read_owners(|cuts, view| cuts.follow(&*self.log, view))
    }

    /// Reads all that `owners` says now, though it may have to wait for it.
    pub(crate) fn catch_up(&self) -> Result<(), RuntimeError> {
        self.read_owners(|cuts, view| cuts.follow_to_end(&*self.log, view)).map(|_| ())
    }

    fn read_owners(
        &self,
        read: impl FnOnce(&Cuts, &mut OwnersView) -> Result<bool, CutError>,
    ) -> Result<bool, RuntimeError> {
        let Known { view, liveness } = &mut *lock(&self.known);
        let new = read(&self.config.cuts, view)?;
        if new {
            liveness.update(view.owners());
        }
        self.view_position.store(view.position(), Ordering::Release);
        Ok(new)
    }

    /// When the next sign of life is due.
    pub(crate) fn wake_at(&self, now: Timestamp) -> Timestamp {
        lock(&self.signs).wake_at(now)
    }

    /// The time that a record of this process carries: none in a wall log.
    pub(crate) fn stamp(&self, now: Timestamp) -> Option<Timestamp> {
        (self.log.time_mode() == TimeMode::Recorded).then_some(now)
    }

    /// How far `owners` was read: changes whenever there may be something new.
    pub(crate) fn owners_position(&self) -> u64 {
        self.view_position.load(Ordering::Acquire)
    }

    /// Looks at `owners` as of the last step.
    pub(crate) fn owners<T>(&self, look: impl FnOnce(&Owners) -> T) -> T {
        look(lock(&self.known).view.owners())
    }

    /// The newest standing mark's next offset of a machine's partition; 0 without one.
    pub(crate) fn marked(&self, machine: MachineKind, partition: u32) -> u64 {
        self.owners(|owners| owners.of(machine, partition).map_or(0, |owned| owned.marked()))
    }

    /// Whether a machine that is followed up to before `at` is to be claimed.
    pub(crate) fn decide(&self, machine: MachineKind, partition: u32, at: u64) -> Decision {
        let hold = self.seat(machine, partition, |hold| *hold);
        let Known { view, liveness } = &*lock(&self.known);
        let (owners, me) = (view.owners(), self.config.process.as_str());
        decide(&View { owners, liveness, me, machine, partition, hold, at })
    }

    /// How long the owner of a machine's partition waits, when its process is to end, for another to take over, in
    /// milliseconds; `None`: nobody would.
    pub(crate) fn handover_ms(&self, machine: MachineKind, partition: u32) -> Option<i64> {
        let Known { view, liveness } = &*lock(&self.known);
        let standby = has_standby(view.owners(), liveness, &self.config.process, machine, partition);
        (self.is_shared() && standby).then_some(HANDOVER_BOUNDS * self.bound.silent_ms)
    }

    /// Shows a driver's status from here on.
    pub(crate) fn register(&self, status: Arc<Mutex<MachineStatus>>) {
        lock(&self.statuses).push(status);
    }

    /// What the drivers show, in the order in which they were made.
    pub fn statuses(&self) -> Vec<MachineStatus> {
        copies(&self.statuses)
    }

    /// The same for another thread, which keeps nothing of this process alive.
    pub(crate) fn watch(&self) -> impl Fn() -> Vec<MachineStatus> + Send + Sync + use<> {
        let statuses = Arc::clone(&self.statuses);
        move || copies(&statuses)
    }

    /// Tells the drivers to end: to hand over to other processes, or to deliver what they owe.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.snapshots.hurry();
        self.log.signal().notify();
    }

    /// Whether [`Self::stop`] was called.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }
}
