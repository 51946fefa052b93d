//! Which snapshots a machine can be restored from: whole, of its rules and settings, of this log's past, and covered
//! by a mark that counts.
//!
//! Restoring takes the newest, a cut leaves all that are kept, a replay of an input that was cut begins at the oldest.

use super::format::Snapshot;
use super::store::{Name, Snapshots};
use crate::config::SnapshotWriter;
use crate::error::DriverError;
use hoga_core::{MachineKind, Settings, Topic};
use hoga_topics::owners::Owners;
use hoga_topics::{Log, TopicPartition};
use object_store::ObjectStore;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64;

/// The rules that this release's machines follow; another number is another machine.
const RULES: u32 = 1;

/// Names rules and settings: a snapshot of others is not loaded.
pub(crate) fn fingerprint(settings: &Settings) -> u64 {
    xxh3_64(&postcard::to_allocvec(&(RULES, settings)).expect("settings are plain data"))
}

/// The partition counts of what a machine writes: another count sends its effects elsewhere.
pub(crate) fn partition_counts(log: &dyn Log, machine: MachineKind) -> Vec<(Topic, u32)> {
    machine.outputs().iter().map(|topic| (*topic, log.partitions(*topic))).collect()
}

/// A snapshot, or why it does not fit; whether a mark covers it is not asked here.
pub(crate) fn fit(
    log: &dyn Log,
    snapshots: &Snapshots,
    fingerprint: u64,
    machine: MachineKind,
    partition: u32,
    name: Name,
) -> Result<Snapshot, String> {
    let snapshot = snapshots.get(machine, partition, name)?;
    let header = &snapshot.header;
    if header.fingerprint != fingerprint {
        return Err("it was taken with other rules or settings".into());
    }
    if header.partitions != partition_counts(log, machine) {
        return Err(format!("it was taken with other partition counts: {:?}", header.partitions));
    }
    let input = TopicPartition::new(machine.input(), partition);
    let agrees = header.witness.agrees(log, input, header.input.offset).map_err(|error| error.to_string())?;
    if !agrees {
        return Err(
            "the records before it are others than those it was taken behind: it is of another past of this log".into(),
        );
    }
    Ok(snapshot)
}

/// The snapshots of a log's machines, for who does not run them.
pub struct StoredSnapshots {
    pub(crate) log: Arc<dyn Log>,
    snapshots: Snapshots,
    fingerprint: u64,
}

impl StoredSnapshots {
    /// Snapshots in a store, of machines that were made with `settings` and read `log`.
    ///
    /// # Errors
    /// When the system gives no means to drive the store.
    pub fn new(log: Arc<dyn Log>, store: Arc<dyn ObjectStore>, settings: &Settings) -> std::io::Result<Self> {
        let snapshots = Snapshots::new(log.clone(), store, usize::MAX, SnapshotWriter::Inline)?;
        Ok(Self { log, snapshots, fingerprint: fingerprint(settings) })
    }

    /// The usable ones of a machine, oldest first. What is not usable is told to the program's log and left out.
    pub(crate) fn usable(
        &self,
        owners: &Owners,
        machine: MachineKind,
        partition: u32,
    ) -> Result<impl DoubleEndedIterator<Item = (u64, Snapshot)> + '_, DriverError> {
        let marked = owners.of(machine, partition).map_or(0, |owned| owned.marked());
        let names = self.snapshots.list(machine, partition)?.into_iter().filter(move |name| name.offset <= marked);
        let fit = move |name: Name| {
            fit(&*self.log, &self.snapshots, self.fingerprint, machine, partition, name)
                .map(|snapshot| (name.offset, snapshot))
                .map_err(|why| {
                    tracing::warn!(%machine, partition, offset = name.offset, "a snapshot cannot be used: {why}");
                })
                .ok()
        };
        Ok(names.filter_map(fit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hoga_topics::{MemoryLog, MemoryOptions, Partitions};

    #[test]
    fn other_settings_and_other_partitions_are_told() {
        let settings = Settings::default();
        let others = Settings { depth_snapshot_every: settings.depth_snapshot_every + 1, ..settings.clone() };
        assert_ne!(fingerprint(&settings), fingerprint(&others));
        let log = MemoryLog::new(MemoryOptions { partitions: Partitions::keyed(3), ..MemoryOptions::default() });
        let counts = partition_counts(&log, MachineKind::Matching);
        assert!(counts.contains(&(Topic::Accounts, 3)) && counts.contains(&(Topic::Executions, 3)), "{counts:?}");
    }
}
