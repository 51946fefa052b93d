//! Where snapshots lie: `{machine}/{partition}/{offset:020}-{epoch}.snap` in an object store.
//!
//! Reading is done by whoever restores; writing, and making what no machine at work is to be held up for, by a thread of
//! its own, so that an order never waits for it.
//!
//! Invariants:
//! 1. A snapshot is written only once the input that it was made of is durable. One that outlived its input would come
//!    to look usable when the log has grown past it with other records.
//! 2. One is deleted only once the mark that makes newer ones usable is durable: the input behind it may be cut.

use super::format;
use super::replica;
use super::witness::Witness;
use crate::blocking::BlockingStore;
use crate::config::SnapshotWriter;
use crate::error::DriverError;
use crate::fail_point::FailPoint;
use crate::restore::{Recipe, Sources};
use bytes::Bytes;
use hoga_core::MachineKind;
use hoga_topics::{Log, TopicPartition};
use object_store::ObjectStore;
use object_store::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// Snapshots that may wait to be written; past it whoever takes one waits too.
const WAITING: usize = 64;

/// The nice value of the thread that makes and writes them: a tenth of a core's time where the machines need the rest.
const NICE: i32 = 10;

/// A snapshot's place in the store, in the order of restoring: the last is the newest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name {
    /// The next input offset.
    pub offset: u64,
    /// The epoch of who took it.
    pub epoch: u64,
}

impl Name {
    pub fn path(self, machine: MachineKind, partition: u32) -> Path {
        Path::from(format!("{machine}/{partition}/{:020}-{}.snap", self.offset, self.epoch))
    }

    fn parse(file: &str) -> Option<Self> {
        let (offset, epoch) = file.strip_suffix(".snap")?.split_once('-')?;
        Some(Self { offset: offset.parse().ok()?, epoch: epoch.parse().ok()? })
    }
}

/// How a snapshot that is being written has come out; shared with its driver.
#[derive(Debug)]
pub(crate) struct Outcomes {
    pub written: AtomicU64,
    pub failed: AtomicU64,
    /// Bytes of the last state; before it is known, as many as there can be.
    pub bytes: AtomicU64,
}

impl Default for Outcomes {
    fn default() -> Self {
        Self { written: AtomicU64::new(0), failed: AtomicU64::new(0), bytes: AtomicU64::new(u64::MAX) }
    }
}

/// Where the state of a snapshot comes from.
pub(crate) enum State {
    /// The machine at work gave it.
    Taken(Vec<u8>),
    /// A second machine gives it, made by this.
    Replica(Recipe),
}

/// A snapshot to be written, and what may go when it is there.
struct Job {
    header: format::Header,
    state: State,
    /// What a mark covers so far: only snapshots up to it count as usable when old ones are deleted.
    marked: u64,
    outcomes: Arc<Outcomes>,
}

/// The snapshots of all machines of a process.
pub(crate) struct Snapshots {
    files: Files,
    kept: usize,
    /// The process ends: no second machine is waited for.
    ending: Arc<AtomicBool>,
    background: Mutex<Option<(SyncSender<Job>, JoinHandle<()>)>>,
}

impl Snapshots {
    /// Snapshots in a store of machines that read `log`; of each machine `kept` usable ones stay.
    pub fn new(
        log: Arc<dyn Log>,
        store: Arc<dyn ObjectStore>,
        kept: usize,
        writer: SnapshotWriter,
    ) -> std::io::Result<Self> {
        let ending = Arc::new(AtomicBool::new(false));
        let inline = |store| {
            let files = Files { log: log.clone(), store };
            Self { files, kept, ending: ending.clone(), background: Mutex::new(None) }
        };
        let snapshots = inline(BlockingStore::new(store)?);
        if writer == SnapshotWriter::Background {
            let (sender, jobs) = sync_channel::<Job>(WAITING);
            let own = inline(snapshots.files.store.another()?);
            let run = move || {
                step_back();
                jobs.iter().for_each(|job| own.run(job));
            };
            let thread = std::thread::Builder::new().name("hoga-snapshots".into()).spawn(run)?;
            *snapshots.lock() = Some((sender, thread));
        }
        Ok(snapshots)
    }

    /// Writes a snapshot, now or soon, its witness too; `outcomes` tells.
    pub fn put(&self, header: format::Header, state: State, marked: u64, outcomes: &Arc<Outcomes>) {
        let job = Job { header, state, marked, outcomes: outcomes.clone() };
        let sender = self.lock().as_ref().map(|(sender, _)| sender.clone());
        match sender {
            None => self.run(job),
            Some(sender) => sender.send(job).expect("the thread ends only after this sender"),
        }
    }

    fn run(&self, job: Job) {
        let Job { header, state, marked, outcomes } = job;
        let (machine, partition) = (header.machine, header.partition);
        let made = self.make(header, state, marked);
        if made.as_ref().is_err_and(|error| !matches!(error, DriverError::OtherReplica { .. })) {
            // It could not be made from what stands there, which is no fault of the machine: that gives the next one.
            outcomes.bytes.store(0, Ordering::Release);
        }
        let done = made.and_then(|made| {
            let Some(mut snapshot) = made else { return Ok(false) };
            outcomes.bytes.store(snapshot.state.len() as u64, Ordering::Release);
            self.files.put(&mut snapshot)?;
            self.files.delete_old(machine, partition, marked, self.kept)?;
            Ok(true)
        });
        match done {
            Ok(true) => outcomes.written.fetch_add(1, Ordering::Release),
            Ok(false) => outcomes.failed.fetch_add(1, Ordering::Release),
            Err(error) => {
                // The log still has everything: a missing snapshot costs time at the next start, nothing else.
                tracing::warn!(%machine, partition, "{error}");
                outcomes.failed.fetch_add(1, Ordering::Release)
            }
        };
    }

    /// The snapshot; none where the process ends before a second machine has it.
    fn make(&self, header: format::Header, state: State, marked: u64) -> Result<Option<format::Snapshot>, DriverError> {
        match state {
            State::Taken(state) => Ok(Some(format::Snapshot { header, state })),
            State::Replica(_) if self.is_hurrying() => Ok(None),
            State::Replica(recipe) => {
                let sources = Sources { log: &*self.files.log, snapshots: self, recipe: &recipe };
                replica::snapshot(sources, header, marked)
            }
        }
    }

    /// The snapshots of a machine, oldest first.
    pub fn list(&self, machine: MachineKind, partition: u32) -> Result<Vec<Name>, DriverError> {
        self.files.list(machine, partition)
    }

    /// One snapshot, or what is wrong with it.
    pub fn get(&self, machine: MachineKind, partition: u32, name: Name) -> Result<format::Snapshot, String> {
        let bytes = self.files.get(machine, partition, name).map_err(|error| error.to_string())?;
        let bytes = bytes.ok_or("it is gone: newer ones have made it superfluous")?;
        let snapshot = format::decode(&bytes)?;
        let header = &snapshot.header;
        let inside = (header.machine, header.partition, header.input.offset, header.epoch);
        if inside != (machine, partition, name.offset, name.epoch) {
            return Err(format!("its name and its content differ: {inside:?}"));
        }
        Ok(snapshot)
    }

    /// Deletes one.
    pub fn delete(&self, machine: MachineKind, partition: u32, name: Name) -> Result<(), DriverError> {
        self.files.delete(machine, partition, name)
    }

    /// The process ends, and each machine gives its last state itself.
    pub fn hurry(&self) {
        self.ending.store(true, Ordering::Release);
    }

    /// Whether a second machine is not worth its time any more.
    pub fn is_hurrying(&self) -> bool {
        self.ending.load(Ordering::Acquire)
    }

    /// Writes what waits and ends the thread.
    pub fn close(&self) {
        let background = self.lock().take();
        if let Some((sender, thread)) = background {
            drop(sender);
            if thread.join().is_err() {
                tracing::error!("the thread that writes snapshots panicked");
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<(SyncSender<Job>, JoinHandle<()>)>> {
        self.background.lock().expect("no holder of this lock panics")
    }
}

impl Drop for Snapshots {
    fn drop(&mut self) {
        self.close();
    }
}

/// Gives this thread less of a busy core than the machines have: a record that comes while a large state is made or
/// written would otherwise wait, at each machine on its way, for a slice of that core's time.
fn step_back() {
    // On Linux a process's number that is a thread's means that thread alone.
    if let Err(error) = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE) {
        tracing::warn!("snapshots are made at the machines' own priority: {error}");
    }
}

/// What an object is, in messages.
const WHAT: &str = "snapshot";

/// The store, and the log whose inputs the snapshots are of.
struct Files {
    log: Arc<dyn Log>,
    store: BlockingStore,
}

impl Files {
    fn put(&self, snapshot: &mut format::Snapshot) -> Result<(), DriverError> {
        let header = &mut snapshot.header;
        let (input, offset) = (TopicPartition::new(header.machine.input(), header.partition), header.input.offset);
        if self.log.bounds(input)?.durable_end < offset {
            self.log.sync()?;
        }
        FailPoint::SnapshotDurable.meet();
        header.witness = Witness::of(&*self.log, input, offset)?;
        let path = Name { offset, epoch: header.epoch }.path(header.machine, header.partition);
        let encoded = format::encode(snapshot);
        FailPoint::SnapshotWitnessed.meet();
        self.store.put(WHAT, &path, encoded.into())?;
        FailPoint::SnapshotWritten.meet();
        Ok(())
    }

    fn get(&self, machine: MachineKind, partition: u32, name: Name) -> Result<Option<Bytes>, DriverError> {
        Ok(self.store.get(WHAT, &name.path(machine, partition))?)
    }

    fn delete(&self, machine: MachineKind, partition: u32, name: Name) -> Result<(), DriverError> {
        Ok(self.store.delete(WHAT, &name.path(machine, partition))?)
    }

    fn list(&self, machine: MachineKind, partition: u32) -> Result<Vec<Name>, DriverError> {
        let folder = Path::from(format!("{machine}/{partition}"));
        let listed = self.store.list(WHAT, &folder)?;
        let mut names: Vec<Name> = listed.iter().filter_map(|file| Name::parse(file)).collect();
        names.sort_unstable();
        Ok(names)
    }

    fn delete_old(&self, machine: MachineKind, partition: u32, marked: u64, kept: usize) -> Result<(), DriverError> {
        let names = self.list(machine, partition)?;
        let too_old = too_old(&names, marked, kept);
        if !too_old.is_empty() {
            // The mark was read and perhaps is not durable yet: were it lost, the newer ones would not be usable.
            self.log.sync()?;
            FailPoint::SnapshotDeleting.meet();
        }
        for name in too_old {
            self.delete(machine, partition, *name)?;
            FailPoint::SnapshotDeleted.meet();
        }
        Ok(())
    }
}

/// Those older than the newest `kept` usable ones; usable is what a mark at `marked` covers.
fn too_old(names: &[Name], marked: u64, kept: usize) -> &[Name] {
    let usable = names.partition_point(|name| name.offset <= marked);
    &names[..usable.saturating_sub(kept)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_order_by_offset_then_epoch_and_round_trip() {
        let name = Name { offset: 42, epoch: 7 };
        let path = name.path(MachineKind::TickCandles, 3);
        assert_eq!(path.as_ref(), "tick-candles/3/00000000000000000042-7.snap");
        assert_eq!(Name::parse(path.filename().unwrap()), Some(name));
        for other in ["42.snap", "x-7.snap", "42-7.tmp", "42-7.snap#1", ""] {
            assert_eq!(Name::parse(other), None, "{other}");
        }
        assert!(Name { offset: 41, epoch: 9 } < name && name < Name { offset: 42, epoch: 8 });
    }

    #[test]
    fn only_what_usable_ones_make_superfluous_is_too_old() {
        let names: Vec<Name> = [10, 20, 30, 40, 50].map(|offset| Name { offset, epoch: 1 }).to_vec();
        let offsets = |marked| too_old(&names, marked, 2).iter().map(|name| name.offset).collect::<Vec<_>>();
        assert_eq!(offsets(100), [10, 20, 30]);
        assert_eq!(offsets(39), [10], "40 and 50 are not usable yet");
        assert_eq!(offsets(5), [0; 0]);
    }
}
