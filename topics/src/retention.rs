//! How far a partition may be cut, and what keeps the rest: decided from facts, without looking at anything.
//!
//! Whoever cuts finds the facts ([`Facts`]), asks [`plan`], reads up to there or to the first record that is not
//! [`marked`], and stores the channels as they stand there before the log drops anything.
//!
//! Invariants:
//! 1. Only what is durable is cut, and only by the topic's rule in the catalogue.
//! 2. Of a machine's input everything stays from the oldest usable snapshot on, and nothing is cut while there are
//!    fewer of these than are kept.
//! 3. Of what machines write nothing is cut that no mark covers: a new owner may have to compare it.
//! 4. What forbids more is named for each partition.
//!
//! Left out on purpose: what is in an archive (there is none yet), and readers outside of hoga: who keeps a position
//! of his own reads at least as often as topics are kept.

#[cfg(test)]
mod tests;

use crate::catalogue::{self, Kept};
use crate::owners::Owners;
use crate::{Bounds, ChannelKey, TopicPartition};
use hoga_core::MachineKind;
use hoga_core::records::MarkOutput;
use std::collections::BTreeMap;
use std::fmt;

/// What a partition's cut depends on, as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Which partition.
    pub at: TopicPartition,
    /// Its offsets.
    pub bounds: Bounds,
    /// The first offset that is younger than the topic is kept; counts only where it is kept for a time.
    pub young: u64,
    /// The usable snapshots of the machine that reads it, as input offsets, oldest first; empty where none reads it.
    pub snapshots: Vec<u64>,
    /// How many usable snapshots of a machine are kept.
    pub snapshots_kept: usize,
    /// Machines with input behind their newest mark, and the offset of that mark in `owners` (of their claim, where
    /// they have none); counts only for `owners`.
    pub unread: Vec<(ChannelKey, u64)>,
}

/// What keeps a partition from being cut further, in order of precedence where several do at the same offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Limit {
    /// The rule.
    ForEver,
    /// No archive has its records.
    NoArchive,
    /// No archive has its records, and whoever cuts did not say that this is meant.
    InputNoArchive,
    /// There are fewer usable snapshots than are kept.
    FewSnapshots {
        /// Of which machine.
        machine: MachineKind,
        /// How many there are.
        usable: usize,
        /// How many are kept.
        kept: usize,
    },
    /// The oldest of the snapshots that are kept needs what follows.
    Snapshot(MachineKind),
    /// What follows is younger than the topic is kept.
    Young(Kept),
    /// A machine's newest mark stands here, and its input goes on behind it.
    Unread(ChannelKey),
    /// What follows of this channel is covered by no mark.
    Unmarked(ChannelKey),
    /// Everything durable may go.
    End,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ForEver => f.write_str("kept for ever"),
            Self::NoArchive => f.write_str("kept for ever: no archive has it"),
            Self::InputNoArchive => f.write_str("no archive has it (--without-archive cuts behind the snapshots)"),
            Self::FewSnapshots { machine, usable, kept } => {
                write!(f, "{machine} has {usable} of {kept} usable snapshots")
            }
            Self::Snapshot(machine) => write!(f, "the oldest snapshot of {machine} that is kept"),
            Self::Young(kept) => write!(f, "younger than {kept}"),
            Self::Unread(owner) => write!(f, "the newest mark of {owner}, which has more to read"),
            Self::Unmarked(channel) => write!(f, "what {channel} wrote behind its newest mark"),
            Self::End => f.write_str("nothing, that is all"),
        }
    }
}

/// How far a partition may be cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Which partition.
    pub at: TopicPartition,
    /// Everything before this offset may go; its start, if nothing may.
    pub before: u64,
    /// What keeps the rest.
    pub limit: Limit,
}

/// How far a partition may be cut by its topic's rule. `without_archive`: inputs of machines are cut behind their
/// snapshots although no archive has them; what is cut cannot be replayed any more.
pub fn plan(facts: &Facts, without_archive: bool) -> Plan {
    let Facts { at, bounds, young, unread, .. } = facts;
    let kept = catalogue::of(at.topic).kept;
    let mut limits = vec![(bounds.durable_end, Limit::End)];
    limits.extend(by_snapshots(facts));
    match kept {
        Kept::ForEver => limits.push((0, Limit::ForEver)),
        Kept::UntilArchived => limits.push((0, Limit::NoArchive)),
        Kept::UntilRestored if without_archive => {}
        Kept::UntilRestored => limits.push((0, Limit::InputNoArchive)),
        Kept::UntilMarked => limits.extend(unread.iter().map(|(owner, mark)| (*mark, Limit::Unread(*owner)))),
        Kept::Days(_) => limits.push((*young, Limit::Young(kept))),
    }
    let (before, limit) = limits.into_iter().min().expect("one limit always counts");
    Plan { at: *at, before: before.max(bounds.start), limit }
}

fn by_snapshots(facts: &Facts) -> Option<(u64, Limit)> {
    let machine = catalogue::of(facts.at.topic).reading_machine()?;
    let (usable, kept) = (facts.snapshots.len(), facts.snapshots_kept);
    match usable.checked_sub(kept).and_then(|superfluous| facts.snapshots.get(superfluous)) {
        Some(oldest) => Some((*oldest, Limit::Snapshot(machine))),
        None => Some((0, Limit::FewSnapshots { machine, usable, kept })),
    }
}

/// How far the newest marks cover what machines wrote into a partition: the last number that is covered, by channel.
/// Of a channel that is not named no mark tells.
pub fn marked(at: TopicPartition, owners: &Owners) -> BTreeMap<ChannelKey, u64> {
    let marks = owners.machines().filter_map(|(machine, partition, owned)| {
        let mark = &owned.mark.as_ref()?.mark;
        let is_here = |output: &&MarkOutput| (output.topic, output.partition) == (at.topic, at.partition);
        Some((ChannelKey { machine, partition }, mark.outputs.iter().find(is_here)?.number))
    });
    marks.collect()
}
