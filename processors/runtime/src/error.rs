//! What stops a driver, or keeps a runtime from starting. Each message says where, and what to do.

use crate::cuts::CutError;
use hoga_core::MachineKind;
use hoga_topics::{LogError, OwnersError, ReadError, TopicPartition};

/// The object store refused, or does not answer.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {source}; is the place there, and may this process use it?")]
pub struct StoreError {
    /// What was being done, to which object.
    pub what: String,
    /// The store's error.
    pub source: object_store::Error,
}

/// Why a driver stopped.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// The log refused.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The input cannot be read on: undecodable, or a channel diverged.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The topic `owners` cannot be followed.
    #[error(transparent)]
    Owners(#[from] OwnersError),
    /// Another process owns the machine now. Nothing is lost; this process must not write for it any more.
    #[error("{machine} of {input}: process {by} took over with epoch {newer}, this one had {epoch}")]
    Fenced {
        /// The machine.
        machine: MachineKind,
        /// Its input.
        input: TopicPartition,
        /// The epoch lost.
        epoch: u64,
        /// The newer one.
        newer: u64,
        /// Whose it is.
        by: String,
    },
    /// The machine met a discontinuity.
    #[error("{machine} stopped at {input} offset {offset}: {why}")]
    MachineStop {
        /// The machine.
        machine: MachineKind,
        /// Its input.
        input: TopicPartition,
        /// At which record.
        offset: u64,
        /// Why.
        why: String,
    },
    /// The input was cut behind what the newest usable snapshot needs.
    #[error(
        "{machine}: offsets {from} to {} of {input} are cut, and no usable snapshot stands at or past {start}; restore them from the archive, or put back a snapshot", start - 1
    )]
    MissingInput {
        /// The machine.
        machine: MachineKind,
        /// Its input.
        input: TopicPartition,
        /// The first offset that is needed.
        from: u64,
        /// The first that is there.
        start: u64,
    },
    /// Effects or marks stand in the log whose cause does not.
    #[error(
        "{machine}: {input} lost records: it ends at {end}, but {what}; restore the partition from the archive or another replica before starting {machine} again"
    )]
    LostInput {
        /// The machine.
        machine: MachineKind,
        /// Its input.
        input: TopicPartition,
        /// Where it ends now.
        end: u64,
        /// What shows the loss.
        what: String,
    },
    /// A mark or a usable snapshot promises output that is not there.
    #[error(
        "{machine} of {input}: {output} lost records: {what}; restore the partition from the archive or another replica"
    )]
    LostOutput {
        /// The machine.
        machine: MachineKind,
        /// Its input.
        input: TopicPartition,
        /// Which output.
        output: TopicPartition,
        /// What shows the loss.
        what: String,
    },
    /// A second machine, made for a snapshot, came to another state than the one at work.
    #[error(
        "{machine}: its state at offset {offset} of {input} is not what its snapshot before and its input give: determinism was lost, there is no snapshot; stop, and `hoga reconcile` compares what {machine} had to write with what stands there"
    )]
    OtherReplica {
        /// The machine.
        machine: MachineKind,
        /// Its input.
        input: TopicPartition,
        /// Where both stood.
        offset: u64,
    },
    /// Replaying the input gave other effects than stand in the output: determinism was lost.
    #[error(
        "{machine} of {input}: replayed effect {number} to {output} (caused by offset {cause}) has running hash {replayed:016x}, readers accepted {accepted:016x}; the program, its settings or the input changed: compare `hoga hash` of both versions, and go back to the one that wrote this log"
    )]
    Diverged {
        /// The machine.
        machine: MachineKind,
        /// Its input.
        input: TopicPartition,
        /// Which output.
        output: TopicPartition,
        /// The number in the channel.
        number: u64,
        /// The input offset that caused it.
        cause: u64,
        /// The hash that readers accepted.
        accepted: u64,
        /// The hash of the replay.
        replayed: u64,
    },
    /// The store of snapshots does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl DriverError {
    /// Whether the driver stopped because another process rightly does its work.
    pub fn is_handover(&self) -> bool {
        matches!(self, Self::Fenced { .. })
    }

    /// Whether the log did not answer, which on a shared one passes: its broker is away, or moves.
    pub(crate) fn is_unanswered(&self) -> bool {
        match self {
            Self::Log(error) | Self::Read(ReadError::Log(error)) | Self::Owners(OwnersError::Log(error)) => {
                error.is_unanswered()
            }
            _ => false,
        }
    }

    /// Whether what was to be read is cut.
    pub(crate) fn is_cut(&self) -> bool {
        matches!(
            self,
            Self::Log(LogError::Cut { .. })
                | Self::Read(ReadError::Log(LogError::Cut { .. }))
                | Self::MissingInput { .. }
        )
    }
}

/// Why a runtime does not start or does not become ready.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The log refused.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The topic `owners` cannot be followed.
    #[error(transparent)]
    Owners(#[from] OwnersError),
    /// `owners` was cut, and what was known there is not.
    #[error(transparent)]
    Cut(CutError),
    /// The store of snapshots does not answer.
    #[error(transparent)]
    Store(DriverError),
    /// A snapshot is of a longer log than this one.
    #[error(
        "{machine}: {input} ends at offset {end}, but its newest snapshot was taken at {offset}: this log is older than its snapshots, or lost records; run on the log that they are of (restore it from a replica or the archive), or, if this older log is to count, move the snapshots of all machines away: they are then made anew from the log"
    )]
    OlderLog {
        /// The machine.
        machine: MachineKind,
        /// Its input.
        input: TopicPartition,
        /// The snapshot's next input offset.
        offset: u64,
        /// Where the input ends.
        end: u64,
    },
    /// A thread could not be started.
    #[error("starting a worker thread: {0}")]
    Thread(std::io::Error),
    /// A machine stopped before it was ready.
    #[error("{0}")]
    Stopped(String),
    /// Not all machines were running in time.
    #[error("not all machines are running in time: {0}")]
    NotRunning(String),
}

impl From<CutError> for RuntimeError {
    fn from(error: CutError) -> Self {
        match error {
            CutError::Log(error) => Self::Log(error),
            CutError::Owners(error) => Self::Owners(error),
            error => Self::Cut(error),
        }
    }
}
