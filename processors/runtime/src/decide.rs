//! Whether a process that follows a machine is to claim it. Pure: what is known of `owners` goes in, a decision comes
//! out. A wrong one costs a takeover, never a record.
//!
//! Invariants:
//! 1. Who is behind the owner's newest mark does not claim: it would make everybody wait for its replay.
//! 2. An owner that lives and lists its machine keeps it, unless the machine is wanted here and may be taken.
//! 3. Of two standbys that claim at once the log makes one claim void; that one follows on.

use crate::liveness::Liveness;
use crate::placement::{Hold, Role};
use hoga_core::MachineKind;
use hoga_topics::owners::Owners;
use std::fmt;

/// What a follower knows of one machine's partition.
pub(crate) struct View<'a> {
    pub owners: &'a Owners,
    pub liveness: &'a Liveness,
    /// This process.
    pub me: &'a str,
    pub machine: MachineKind,
    pub partition: u32,
    pub hold: Hold,
    /// The next input offset that it will apply.
    pub at: u64,
}

/// What a follower is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Go on following.
    Follow,
    /// Claim, replacing this epoch.
    Claim { replaces: Option<u64>, why: Why },
}

/// Why to claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Why {
    /// Nobody ever did.
    Unclaimed,
    /// Its owner gave no sign of life for longer than the bound.
    Silent { owner: String },
    /// Its owner lives and does not list it any more.
    GivenAway { owner: String },
    /// It is wanted here.
    Wanted { owner: String },
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unclaimed => f.write_str("nobody has claimed it"),
            Self::Silent { owner } => write!(f, "process {owner} is silent"),
            Self::GivenAway { owner } => write!(f, "process {owner} gives it away"),
            Self::Wanted { owner } => write!(f, "it is wanted here, process {owner} has it"),
        }
    }
}

/// Decides for one machine's partition.
pub(crate) fn decide(view: &View<'_>) -> Decision {
    let View { owners, liveness, hold, .. } = view;
    let Some(owned) = owners.of(view.machine, view.partition) else {
        let may = hold.role == Role::Wanted || liveness.has_waited(owners);
        return if may { Decision::Claim { replaces: None, why: Why::Unclaimed } } else { Decision::Follow };
    };
    let owner = || owned.process.clone();
    let why = if view.at < owned.marked() {
        return Decision::Follow;
    } else if is_given_away(view, &owned.process, owned.epoch) {
        Why::GivenAway { owner: owner() }
    } else if liveness.is_silent(owners, &owned.process) {
        Why::Silent { owner: owner() }
    } else if hold.may_take {
        Why::Wanted { owner: owner() }
    } else {
        return Decision::Follow;
    };
    Decision::Claim { replaces: Some(owned.epoch), why }
}

/// Whether the owner's newest sign of life, given since its claim, does not list the machine. This process follows
/// what its own name owns only after it has let go of it.
fn is_given_away(view: &View<'_>, owner: &str, epoch: u64) -> bool {
    let signs = view.owners.process(owner).filter(|signs| signs.listed_at > epoch);
    owner == view.me || signs.is_some_and(|signs| signs.of(view.machine, view.partition).is_none())
}

/// Whether anybody else stands by for a machine's partition: lives, lists it and does not own it.
pub(crate) fn has_standby(
    owners: &Owners,
    liveness: &Liveness,
    me: &str,
    machine: MachineKind,
    partition: u32,
) -> bool {
    owners.processes().any(|(process, signs)| {
        let stands_by = signs.of(machine, partition).is_some_and(|listed| listed.epoch.is_none());
        process != me && stands_by && liveness.is_live(owners, process)
    })
}

#[cfg(test)]
mod tests;
