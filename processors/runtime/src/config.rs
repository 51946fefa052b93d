//! How a runtime is set up.

use crate::cuts::Cuts;
use crate::placement::Placement;
use hoga_core::{Machine, MachineKind, Settings};
use std::fmt;
use std::sync::Arc;

/// Makes the machine of a kind and input partition in its first state.
pub type Factory = Arc<dyn Fn(MachineKind, u32, &Settings) -> Box<dyn Machine> + Send + Sync>;

/// Called between reading a batch and applying it, with the machine, its partition and the batch's first offset.
/// Whoever blocks in it holds the owner still there, as a long pause of the process would.
pub type BeforeApply = Arc<dyn Fn(MachineKind, u32, u64) + Send + Sync>;

/// Who writes snapshots.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SnapshotWriter {
    /// A thread of its own.
    #[default]
    Background,
    /// The caller of the driver's step: for simulations, where everything has one order.
    Inline,
}

/// The bounds of a runtime; what happens at each stands beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Input records read and applied in one step.
    pub batch_records: usize,
    /// Effects of one driver sent and not delivered; at it the driver applies nothing more. One apply may go past it.
    pub undelivered_records: usize,
    /// The same in bytes.
    pub undelivered_bytes: usize,
    /// Records that accounts may be ahead of holds; at it admission pauses.
    pub accounts_ahead_records: u64,
    /// Offsets that a channel may stay parked; past it the status shows an alarm.
    pub parked_offsets: u64,
    /// Applied records after which a snapshot is taken.
    pub snapshot_every_records: u64,
    /// A machine whose last snapshot's state had at most so many bytes is held up for the next one; of a larger one, or
    /// one not known yet, a second machine is made for it, beside the one at work.
    pub snapshot_in_place_bytes: u64,
    /// Usable snapshots kept for each machine.
    pub snapshots_kept: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            batch_records: 512,
            undelivered_records: 65_536,
            undelivered_bytes: 64 << 20,
            accounts_ahead_records: 1_000_000,
            parked_offsets: 100_000,
            snapshot_every_records: 500_000,
            snapshot_in_place_bytes: 1 << 20,
            snapshots_kept: 3,
        }
    }
}

/// How a runtime is set up.
#[derive(Clone)]
pub struct RuntimeConfig {
    /// The process's name in `owners`: no other process ever had it. [`crate::process_name`] makes one.
    pub process: String,
    /// What it runs, and whether others have the log too.
    pub placement: Placement,
    /// The settings that the log was made with.
    pub settings: Settings,
    /// Worker threads, at least 1.
    pub workers: usize,
    /// Bounds.
    pub limits: Limits,
    /// Who writes snapshots.
    pub snapshot_writer: SnapshotWriter,
    /// What was known where the log was cut.
    pub cuts: Arc<Cuts>,
    /// Makes machines.
    pub factory: Factory,
    /// For tests: holds an owner still.
    pub before_apply: Option<BeforeApply>,
}

impl RuntimeConfig {
    /// All machines, alone on the log, as many workers as cores, default bounds.
    pub fn new(process: impl Into<String>, settings: Settings, factory: Factory) -> Self {
        Self {
            process: process.into(),
            placement: Placement::Alone { machines: MachineKind::ALL.to_vec() },
            settings,
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            limits: Limits::default(),
            snapshot_writer: SnapshotWriter::default(),
            cuts: Arc::new(Cuts::none("(no store)")),
            factory,
            before_apply: None,
        }
    }
}

impl fmt::Debug for RuntimeConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { process, placement, settings, workers, limits, snapshot_writer, .. } = self;
        f.debug_struct("RuntimeConfig")
            .field("process", process)
            .field("placement", placement)
            .field("settings", settings)
            .field("workers", workers)
            .field("limits", limits)
            .field("snapshot_writer", snapshot_writer)
            .finish_non_exhaustive()
    }
}
