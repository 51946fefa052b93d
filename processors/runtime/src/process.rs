//! What the drivers of one process share: the log, the view of `owners`, snapshots, signs of life.
//!
//! Invariants:
//! 1. One sign of life a process every 250 ms, beginning with its first step; it tells every driver's progress.
//! 2. A driver acts on `owners` as of the process's last step: a process that sleeps knows nothing new.

use crate::config::RuntimeConfig;
use crate::error::RuntimeError;
use crate::placement::{Placement, Role, Seat};
use crate::snapshot::Snapshots;
use crate::status::MachineStatus;
use hoga_core::records::{Progress, SignOfLife};
use hoga_core::{MachineKind, Record, Timestamp};
use hoga_topics::owners::{OWNERS, Owners};
use hoga_topics::{Ack, Log, OwnersView, TimeMode, TopicPartition, Writer, catalogue};
use object_store::ObjectStore;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use xxhash_rust::xxh3::xxh3_64;

/// Between two signs of life.
const SIGN_INTERVAL_MS: i64 = 250;
/// The rules that this release's machines follow; another number is another machine.
const RULES: u32 = 1;

/// What the drivers of one process share.
pub struct Process {
    pub(crate) log: Arc<dyn Log>,
    pub(crate) config: RuntimeConfig,
    pub(crate) snapshots: Snapshots,
    /// Of the rules and settings: a snapshot of others is not loaded.
    pub(crate) fingerprint: u64,
    view: Mutex<OwnersView>,
    view_position: AtomicU64,
    signs: Mutex<Signs>,
    statuses: Mutex<Vec<Arc<Mutex<MachineStatus>>>>,
    roles: Mutex<BTreeMap<(MachineKind, u32), Role>>,
    stopping: AtomicBool,
}

struct Signs {
    writer: Box<dyn Writer>,
    acks: Vec<Ack>,
    last: Option<Timestamp>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no holder of this lock panics")
}

/// The seats that a process begins with.
fn seats_of(log: &dyn Log, placement: &Placement) -> BTreeMap<(MachineKind, u32), Role> {
    let wanted = |machine: &MachineKind| Placement::seats(*machine, log.partitions(machine.input()), Role::Wanted);
    let seats = match placement {
        Placement::Alone { machines } => machines.iter().flat_map(wanted).collect(),
        Placement::Shared { seats, .. } => seats.clone(),
    };
    seats.into_iter().map(|Seat { machine, partition, role }| ((machine, partition), role)).collect()
}

impl Process {
    /// Reads `owners`, and deletes snapshots that are ahead of the log.
    pub fn open(
        log: Arc<dyn Log>,
        store: Arc<dyn ObjectStore>,
        config: RuntimeConfig,
    ) -> Result<Arc<Self>, RuntimeError> {
        let snapshots = Snapshots::new(log.clone(), store, config.limits.snapshots_kept, config.snapshot_writer)
            .map_err(RuntimeError::Thread)?;
        let view = OwnersView::open(&*log)?;
        let view_position = AtomicU64::new(view.position());
        let signs = Mutex::new(Signs { writer: log.writer()?, acks: Vec::new(), last: None });
        let settings = postcard::to_allocvec(&(RULES, &config.settings)).expect("settings are plain data");
        let roles = seats_of(&*log, &config.placement);
        let process = Self {
            fingerprint: xxh3_64(&settings),
            log,
            config,
            snapshots,
            view: Mutex::new(view),
            view_position,
            signs,
            statuses: Mutex::default(),
            roles: Mutex::new(roles),
            stopping: AtomicBool::new(false),
        };
        process.delete_snapshots_ahead()?;
        Ok(Arc::new(process))
    }

    /// A crash may have cut the log behind a snapshot. It must go before the log grows past it with other records.
    fn delete_snapshots_ahead(&self) -> Result<(), RuntimeError> {
        for Seat { machine, partition, .. } in self.seats() {
            let input = TopicPartition::new(machine.input(), partition);
            let end = self.log.bounds(input)?.end;
            for name in self.snapshots.list(machine, partition).map_err(RuntimeError::Store)? {
                if name.offset > end {
                    tracing::warn!(%machine, %input, offset = name.offset, end, "deleting a snapshot that is ahead of the log");
                    self.snapshots.delete(machine, partition, name).map_err(RuntimeError::Store)?;
                }
            }
        }
        Ok(())
    }

    /// The machines that this process has a seat for, and their roles now.
    pub fn seats(&self) -> Vec<Seat> {
        let roles = lock(&self.roles);
        roles
            .iter()
            .map(|((machine, partition), role)| Seat { machine: *machine, partition: *partition, role: *role })
            .collect()
    }

    /// Gives one of its seats another role: a consumer group's news. What it owns it works on as a standby until
    /// somebody else claims it.
    ///
    /// # Panics
    /// When the process was not set up with this seat.
    pub fn assign(&self, machine: MachineKind, partition: u32, role: Role) {
        let mut roles = lock(&self.roles);
        let seat = roles.get_mut(&(machine, partition));
        *seat.unwrap_or_else(|| panic!("this process has no seat for {machine}/{partition}")) = role;
        drop(roles);
        self.log.signal().notify();
    }

    /// What a seat is held for now.
    pub(crate) fn role(&self, machine: MachineKind, partition: u32) -> Role {
        lock(&self.roles)[&(machine, partition)]
    }

    /// Reads on in `owners` and gives a sign of life when one is due; whether anything was new.
    pub fn step(&self, now: Timestamp) -> Result<bool, RuntimeError> {
        let mut view = lock(&self.view);
        let new = view.poll()?;
        self.view_position.store(view.position(), Ordering::Release);
        drop(view);
        self.sign(now)?;
        Ok(new)
    }

    fn sign(&self, now: Timestamp) -> Result<(), RuntimeError> {
        let mut signs = lock(&self.signs);
        let Signs { writer, acks, last } = &mut *signs;
        if last.is_some_and(|last| now >= last && now < last.plus_ms(SIGN_INTERVAL_MS)) {
            return Ok(());
        }
        *last = Some(now);
        // A lost sign is followed by the next; nobody waits for its answer.
        acks.clear();
        writer.acks(acks)?;
        let progress = self.statuses().into_iter().filter(|status| !status.is_stopped()).map(|status| Progress {
            machine: status.kind,
            partition: status.partition,
            epoch: status.epoch,
            next_offset: status.next_offset,
        });
        let process = self.config.process.as_str().into();
        let sign = Record::SignOfLife(SignOfLife { process, progress: progress.collect() });
        let key = catalogue::key_of(OWNERS.topic, &sign);
        writer.send(OWNERS, key.as_bytes(), &hoga_schemas::encode(&sign), self.stamp(now), 0)?;
        writer.flush()?;
        Ok(())
    }

    /// When the next sign of life is due.
    pub(crate) fn wake_at(&self) -> Timestamp {
        lock(&self.signs).last.map_or(Timestamp(0), |last| last.plus_ms(SIGN_INTERVAL_MS))
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
        look(lock(&self.view).owners())
    }

    /// Shows a driver's status from here on.
    pub(crate) fn register(&self, status: Arc<Mutex<MachineStatus>>) {
        lock(&self.statuses).push(status);
    }

    /// What the drivers show, in the order in which they were made.
    pub fn statuses(&self) -> Vec<MachineStatus> {
        lock(&self.statuses).iter().map(|status| lock(status).clone()).collect()
    }

    /// Tells the drivers to deliver what they owe and stop.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.log.signal().notify();
    }

    /// Whether [`Self::stop`] was called.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }
}
