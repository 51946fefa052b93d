//! What a driver shows of itself.

use hoga_core::MachineKind;
use hoga_topics::channel::{DropCounts, Parked};
use std::fmt;

/// Where in its life a driver is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MachinePhase {
    /// Claiming, or reading how far its outputs have come.
    Claiming,
    /// Replaying its input.
    Restoring {
        /// The next offset.
        at: u64,
        /// The input's end when it was claimed.
        to: u64,
    },
    /// Another process's, or nobody's yet: this one follows, to take over when it has to.
    Following {
        /// The next input offset.
        at: u64,
        /// The owner's newest mark, past which nothing is applied.
        marked: u64,
    },
    /// Following its input as its owner.
    Running,
    /// Delivering what is owed, before it stops.
    Draining,
    /// Stopped.
    Stopped {
        /// Why; the error's message if it is one.
        why: String,
        /// Whether that is a failure: not a shutdown, nor another owner.
        failed: bool,
    },
}

impl fmt::Display for MachinePhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Claiming => f.write_str("claiming"),
            Self::Restoring { at, to } => write!(f, "restoring, {at} of {to}"),
            Self::Following { at, marked } => write!(f, "following, {at} of {marked}"),
            Self::Running => f.write_str("running"),
            Self::Draining => f.write_str("draining"),
            Self::Stopped { why, .. } => write!(f, "stopped: {why}"),
        }
    }
}

/// What a driver has done since it began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Accepted records applied, replayed ones too.
    pub applied: u64,
    /// Effects written.
    pub emitted: u64,
    /// Effects written more than once.
    pub resent: u64,
    /// Input records dropped, by verdict.
    pub dropped: DropCounts,
    /// Snapshots written.
    pub snapshots: u64,
    /// Snapshots that could not be written.
    pub snapshots_failed: u64,
    /// Steps in which it did not read because a bound was reached.
    pub held_back: u64,
}

/// What calls for a person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Alarms {
    /// Input channels that wait for a missing record for longer than the bound.
    pub parked: Vec<Parked>,
    /// Clock records too far from their append time.
    pub refused_clocks: u64,
    /// Forged records in its input.
    pub forged: u64,
}

impl Alarms {
    /// Whether there is any.
    pub fn any(&self) -> bool {
        *self != Self::default()
    }
}

/// One driver's status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineStatus {
    /// The machine.
    pub kind: MachineKind,
    /// Its input partition.
    pub partition: u32,
    /// Where in its life it is.
    pub phase: MachinePhase,
    /// Its epoch; absent while it claims.
    pub epoch: Option<u64>,
    /// The next input offset.
    pub next_offset: u64,
    /// The machine's state hash; known once it has shut down cleanly.
    pub state_hash: Option<u64>,
    /// What it has done.
    pub counts: Counts,
    /// What calls for a person.
    pub alarms: Alarms,
}

impl MachineStatus {
    /// Before the first step.
    pub(crate) fn new(kind: MachineKind, partition: u32) -> Self {
        Self {
            kind,
            partition,
            phase: MachinePhase::Claiming,
            epoch: None,
            next_offset: 0,
            state_hash: None,
            counts: Counts::default(),
            alarms: Alarms::default(),
        }
    }

    /// Whether it has stopped, for whatever reason.
    pub fn is_stopped(&self) -> bool {
        matches!(self.phase, MachinePhase::Stopped { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_is_any_that_is_not_none() {
        assert!(!Alarms::default().any());
        assert!(Alarms { refused_clocks: 1, ..Alarms::default() }.any());
        assert!(Alarms { forged: 1, ..Alarms::default() }.any());
    }
}
