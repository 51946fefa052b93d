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
        /// How long an owner may be silent before a standby takes over; signs of life come four times in it.
        takeover_after: Duration,
    },
}

impl Placement {
    /// How long an owner may be silent, unless something else is configured.
    pub const TAKEOVER_AFTER: Duration = Duration::from_secs(1);

    /// All partitions of one machine's input, of which there are `partitions`, in one role.
    pub fn seats(machine: MachineKind, partitions: u32, role: Role) -> impl Iterator<Item = Seat> {
        (0..partitions).map(move |partition| Seat { machine, partition, role })
    }

    /// How long an owner may be silent; alone on a log nobody asks.
    pub(crate) fn takeover_after(&self) -> Duration {
        match self {
            Self::Alone { .. } => Self::TAKEOVER_AFTER,
            Self::Shared { takeover_after, .. } => *takeover_after,
        }
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

/// How a process holds one of its seats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hold {
    /// What for.
    pub role: Role,
    /// Whether it may still take the machine from a living owner: once for each time that it becomes wanted, so that
    /// two processes that want one machine do not take it from each other for ever.
    pub may_take: bool,
}

impl Hold {
    /// A seat at the start.
    pub fn new(role: Role) -> Self {
        Self { role, may_take: role == Role::Wanted }
    }

    /// Its role from now on; the role that it has is no news.
    pub fn assign(&mut self, role: Role) {
        if role != self.role {
            *self = Self::new(role);
        }
    }

    /// Its process owns the machine.
    pub fn won(&mut self) {
        self.may_take = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_is_taken_once_for_each_time_that_it_becomes_wanted() {
        let mut hold = Hold::new(Role::Wanted);
        assert!(hold.may_take);
        hold.won();
        hold.assign(Role::Wanted);
        assert!(!hold.may_take, "no news");
        hold.assign(Role::Standby);
        assert!(!hold.may_take);
        hold.assign(Role::Wanted);
        assert!(hold.may_take);
        hold.assign(Role::Standby);
        assert_eq!(hold, Hold::new(Role::Standby));
    }
}
