//! Who drives what: claims, marks and signs of life in `owners`, claims copied into what a machine writes,
//! and clocks.
//!
//! Invariants:
//! 1. A claim's offset in `owners` is its epoch; it is void unless the epoch it replaces was the newest there.
//! 2. A mark says that all effects of the input before `next_offset` are delivered.

use crate::machine::{MachineKind, Topic};
use crate::time::Timestamp;
use compact_str::CompactString;
use serde::{Deserialize, Serialize};

/// The owner's time, once a second where a machine has timers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clock {
    /// The owner's wall time; in a recorded log the recorded time.
    pub time: Timestamp,
}

/// A process takes over a machine's partition. In `owners` the epoch is absent (the offset is it); its copies carry it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The machine.
    pub machine: MachineKind,
    /// Its input partition.
    pub partition: u32,
    /// The epoch that it replaces; absent for the first.
    pub replaces: Option<u64>,
    /// The claim's epoch, in copies.
    pub epoch: Option<u64>,
    /// The process, for people: host, pid and a random part.
    pub process: CompactString,
}

/// How far one channel is delivered: part of a mark.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkOutput {
    /// The topic written.
    pub topic: Topic,
    /// The partition written.
    pub partition: u32,
    /// The channel's count there; 0 before its first record.
    pub number: u64,
    /// The offset of that record; before the first, of the owner's copied claim.
    pub offset: u64,
    /// The channel's running hash there.
    pub hash: u64,
}

/// How far an owner has delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The machine.
    pub machine: MachineKind,
    /// Its input partition.
    pub partition: u32,
    /// The owner's epoch.
    pub epoch: u64,
    /// All effects of the input before this offset are delivered.
    pub next_offset: u64,
    /// Every partition that the machine writes.
    pub outputs: Vec<MarkOutput>,
}

/// One machine's progress in a sign of life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The machine.
    pub machine: MachineKind,
    /// Its input partition.
    pub partition: u32,
    /// The owner's epoch; absent while it claims.
    pub epoch: Option<u64>,
    /// The next input offset it will apply.
    pub next_offset: u64,
}

/// A process is alive, four times a second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignOfLife {
    /// The process.
    pub process: CompactString,
    /// Its machines.
    pub progress: Vec<Progress>,
}
