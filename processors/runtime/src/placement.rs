//! Who should own what. Safety never depends on it: that comes from claims alone.
//!
//! Left out on purpose: how a partition comes to be wanted here, by configuration or by a consumer group. Whoever
//! starts a runtime says so, and changes it with [`crate::Runtime::assign`].

use hoga_core::MachineKind;
use std::time::Duration;

/// Who else has the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placement {
    /// Nobody: all partitions of these machines are claimed at once, and whoever claims one later stops this owner.
    Alone {
        /// The machines, each for all partitions of its input.
        machines: Vec<MachineKind>,
    },
    /// Other processes.
    Shared {
        /// What this one wants or stands by for, each machine's partition at most once.
        seats: Vec<Seat>,
        /// How long an owner may be silent before a standby takes over; at least [`Self::LEAST_TAKEOVER`].
        takeover_after: Duration,
    },
}

impl Placement {
    /// The least bound on silence: below it every hiccup of a computer is a takeover.
    pub const LEAST_TAKEOVER: Duration = Duration::from_millis(100);

    /// All partitions of one machine's input, of which there are `partitions`, in one role.
    pub fn seats(machine: MachineKind, partitions: u32, role: Role) -> impl Iterator<Item = Seat> {
        (0..partitions).map(move |partition| Seat { machine, partition, role })
    }
}

/// One machine's partition in a process that shares the log with others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seat {
    /// The machine.
    pub machine: MachineKind,
    /// The partition of its input.
    pub partition: u32,
    /// What for.
    pub role: Role,
}

/// What a process has a seat for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// To own it: it takes over as soon as it is caught up, from a living owner too, once.
    Wanted,
    /// To follow, and to own it when its owner falls silent or gives it away.
    Standby,
}
