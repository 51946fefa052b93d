//! What came of a run: figures, or why it failed.

use crate::auditor::Finding;
use hoga_runtime::RuntimeError;
use hoga_topics::LogError;

/// Why a run failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The auditor found something that must not be.
    #[error("finding: {0}")]
    Finding(String),
    /// A machine or a process stopped.
    #[error("stopped: {0}")]
    Stopped(String),
    /// The end never came.
    #[error("stuck: {0}")]
    Stuck(String),
    /// Something panicked.
    #[error("panic: {0}")]
    Panic(String),
}

impl From<Finding> for Failure {
    fn from(finding: Finding) -> Self {
        Self::Finding(finding.to_string())
    }
}

impl From<LogError> for Failure {
    fn from(error: LogError) -> Self {
        Self::Stopped(format!("a producer: {error}"))
    }
}

impl From<RuntimeError> for Failure {
    fn from(error: RuntimeError) -> Self {
        Self::Stopped(format!("a process: {error}"))
    }
}

/// What a run did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Report {
    /// Acts of the script.
    pub acts: u64,
    /// Commands sent, repeats not counted.
    pub commands: u64,
    /// Records in the log at the end.
    pub records: u64,
    /// Trades.
    pub trades: u64,
    /// Claims that replaced another owner.
    pub takeovers: u64,
    /// Machines that went on from a snapshot.
    pub restores: u64,
    /// Records of replaced owners, which readers dropped.
    pub stale: u64,
    /// Records that readers had seen before.
    pub repeats: u64,
    /// Records that came before their predecessors.
    pub ahead: u64,
    /// Runs in which a trusted topic was damaged, and its machine had to stop.
    pub spoilt: u64,
    /// Runs in which an owner lost its determinism, and its successor had to stop.
    pub turned: u64,
    /// A hash of all that stands in the log at the end: equal runs have equal ones.
    pub hash: u64,
}

impl Report {
    /// Adds another run; the hash becomes one of both, in this order.
    pub fn add(&mut self, other: &Self) {
        self.acts += other.acts;
        self.commands += other.commands;
        self.records += other.records;
        self.trades += other.trades;
        self.takeovers += other.takeovers;
        self.restores += other.restores;
        self.stale += other.stale;
        self.repeats += other.repeats;
        self.ahead += other.ahead;
        self.spoilt += other.spoilt;
        self.turned += other.turned;
        self.hash = xxhash_rust::xxh3::xxh3_64_with_seed(&other.hash.to_le_bytes(), self.hash);
    }
}
