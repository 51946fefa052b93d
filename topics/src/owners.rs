//! Who owns what, and how far they have come: the topic `owners`, read.
//!
//! [`Owners`] is the state (pure), [`OwnersView`] follows a log with it. Owners, standbys, the feed and the command
//! line use the same view, so they cannot disagree.
//!
//! Invariants:
//! 1. A claim is valid only if it replaces the epoch that was the newest before it; else it is void and changes nothing.
//! 2. A mark counts only if its epoch was the newest when it was appended: of a sleeping owner none counts.
//! 3. Marks of a machine only go forward.
//! 4. [`drained`] is exact: every mark was true before the ends were read, and covers them.
//!
//! 5. A view has seen every claim from the first on, read or by way of a saved view. One that begins in the middle
//!    would take a void claim for the first, or a valid one for void: two owners that both believe.
//!
//! Left out on purpose: who should own what, and judging a silent process dead: that is placement; and where a view is
//! stored when `owners` is cut.

mod drained;
#[cfg(test)]
mod tests;

pub use drained::{drained, wait_drained, wait_drained_by};

use crate::{Arrival, Log, LogError, LogRecord, Reader, TopicPartition, Visibility};
use hoga_core::records::{Claim, Mark, Progress, SignOfLife};
use hoga_core::{MachineKind, Record, Timestamp, Topic};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The one partition of `owners`.
pub const OWNERS: TopicPartition = TopicPartition::new(Topic::Owners, 0);

/// Why `owners` cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum OwnersError {
    /// The log refused.
    #[error(transparent)]
    Log(LogError),
    /// A value is no record of this topic.
    #[error(
        "{OWNERS}: the value at offset {offset} is not a claim, mark or sign of life: {reason}; owners is written by hoga alone, so find out who wrote it"
    )]
    Undecodable {
        /// Where.
        offset: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// `owners` begins behind what the view has seen.
    #[error(
        "{OWNERS}: offsets {offset} to {} are cut, and who owns what depends on them; start from the view that was stored at the cut", start - 1
    )]
    Cut {
        /// The next offset of the view.
        offset: u64,
        /// Where `owners` begins.
        start: u64,
    },
    /// The pipeline was not drained in time.
    #[error("not all machines have read their input to its end in time: {0}")]
    NotDrained(String),
}

impl From<LogError> for OwnersError {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Cut { partition: OWNERS, offset, start } => Self::Cut { offset, start },
            error => Self::Log(error),
        }
    }
}

/// A mark that counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandingMark {
    /// Its offset in `owners`.
    pub offset: u64,
    /// When it was appended.
    pub time: Timestamp,
    /// What it says.
    pub mark: Mark,
}

/// What is known of one machine's partition that was ever claimed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ownership {
    /// The newest valid claim's epoch.
    pub epoch: u64,
    /// Who made it.
    pub process: String,
    /// When.
    pub claimed_at: Timestamp,
    /// The newest mark that counts, by whichever owner.
    pub mark: Option<StandingMark>,
    /// The next input offset that the owner will apply, from its signs of life; 0 before the first.
    pub next_offset: u64,
    /// When that was told.
    pub seen_at: Timestamp,
    /// Claims that were void.
    pub void_claims: u64,
}

impl Ownership {
    /// How far the machine has come for certain: the farther of mark and sign of life.
    pub fn progress(&self) -> u64 {
        self.next_offset.max(self.marked())
    }

    /// The newest mark's next offset; 0 without one.
    pub fn marked(&self) -> u64 {
        self.mark.as_ref().map_or(0, |standing| standing.mark.next_offset)
    }
}

/// The state of `owners` up to some offset.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owners {
    machines: BTreeMap<(MachineKind, u32), Ownership>,
    processes: BTreeMap<String, LifeSigns>,
    newest: Timestamp,
}

/// What a process has given of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LifeSigns {
    /// When its newest claim or sign of life was appended.
    pub newest: Timestamp,
    /// Where that stands in `owners`.
    pub offset: u64,
    /// How many signs of life it gave.
    pub signs: u64,
    /// What its newest sign of life lists: the machines that it owns (with their epochs) or stands by for.
    pub listed: Vec<Progress>,
    /// Where that sign stands.
    pub listed_at: u64,
}

impl LifeSigns {
    /// What its newest sign of life says of a machine's partition; `None`: it has nothing to do with it.
    pub fn of(&self, machine: MachineKind, partition: u32) -> Option<&Progress> {
        self.listed.iter().find(|listed| (listed.machine, listed.partition) == (machine, partition))
    }
}

impl Owners {
    /// Applies one record of `owners`; false: it is none of this topic's.
    pub fn apply(&mut self, offset: u64, time: Timestamp, record: &Record) -> bool {
        self.newest = self.newest.max(time);
        match record {
            Record::Claim(claim) => self.claim(offset, time, claim),
            Record::Mark(mark) => self.mark(offset, time, mark),
            Record::SignOfLife(sign) => self.sign(offset, time, sign),
            _ => return false,
        }
        true
    }

    fn claim(&mut self, offset: u64, time: Timestamp, claim: &Claim) {
        let key = (claim.machine, claim.partition);
        let newest = self.machines.get(&key).map(|owned| owned.epoch);
        if newest != claim.replaces {
            if let Some(owned) = self.machines.get_mut(&key) {
                owned.void_claims += 1;
            }
            return;
        }
        let before = self.machines.remove(&key);
        let (mark, void_claims) = before.map_or((None, 0), |owned| (owned.mark, owned.void_claims));
        let process = claim.process.to_string();
        let signs = self.processes.entry(process.clone()).or_default();
        (signs.newest, signs.offset) = (time, offset);
        let next_offset = 0;
        let owned =
            Ownership { epoch: offset, process, claimed_at: time, mark, next_offset, seen_at: time, void_claims };
        self.machines.insert(key, owned);
    }

    fn mark(&mut self, offset: u64, time: Timestamp, mark: &Mark) {
        let Some(owned) = self.machines.get_mut(&(mark.machine, mark.partition)) else { return };
        if owned.epoch == mark.epoch && owned.marked() <= mark.next_offset {
            owned.mark = Some(StandingMark { offset, time, mark: mark.clone() });
        }
    }

    fn sign(&mut self, offset: u64, time: Timestamp, sign: &SignOfLife) {
        let signs = self.processes.entry(sign.process.to_string()).or_default();
        let (listed, count) = (sign.progress.clone(), signs.signs + 1);
        *signs = LifeSigns { newest: time, offset, signs: count, listed, listed_at: offset };
        for progress in &sign.progress {
            let Some(owned) = self.machines.get_mut(&(progress.machine, progress.partition)) else { continue };
            if progress.epoch == Some(owned.epoch) {
                owned.next_offset = owned.next_offset.max(progress.next_offset);
                owned.seen_at = time;
            }
        }
    }

    /// The ownership of a machine's partition; `None` if it was never claimed.
    pub fn of(&self, machine: MachineKind, partition: u32) -> Option<&Ownership> {
        self.machines.get(&(machine, partition))
    }

    /// All that was ever claimed, by machine and partition.
    pub fn machines(&self) -> impl Iterator<Item = (MachineKind, u32, &Ownership)> {
        self.machines.iter().map(|((machine, partition), owned)| (*machine, *partition, owned))
    }

    /// What each process has given of itself, by its name.
    pub fn processes(&self) -> impl Iterator<Item = (&str, &LifeSigns)> {
        self.processes.iter().map(|(process, signs)| (process.as_str(), signs))
    }

    /// What a process has given of itself; `None` if it never claimed and never gave a sign of life.
    pub fn process(&self, name: &str) -> Option<&LifeSigns> {
        self.processes.get(name)
    }

    /// The newest append time in `owners`: how late it is, as far as anybody can tell from the log.
    pub fn newest(&self) -> Timestamp {
        self.newest
    }
}

/// All that a view knows: to be stored where `owners` is cut, and gone on from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedOwners {
    /// The next offset.
    pub offset: u64,
    /// The state as of that offset.
    pub owners: Owners,
}

/// Follows `owners`.
pub struct OwnersView {
    reader: Box<dyn Reader>,
    batch: Vec<LogRecord>,
    next_offset: u64,
    owners: Owners,
}

impl OwnersView {
    /// A view of all that is there now, of a log whose `owners` was never cut.
    pub fn open(log: &dyn Log) -> Result<Self, OwnersError> {
        let mut view = Self::resume(log, SavedOwners::default())?;
        view.read_all(log)?;
        Ok(view)
    }

    /// A view that goes on from a saved one, and has read nothing yet.
    ///
    /// # Errors
    /// [`OwnersError::Cut`] when `owners` begins behind it.
    pub fn resume(log: &dyn Log, SavedOwners { offset, owners }: SavedOwners) -> Result<Self, OwnersError> {
        let reader = log.reader(OWNERS, offset, Visibility::Written)?;
        Ok(Self { reader, batch: Vec::new(), next_offset: offset, owners })
    }

    /// Reads all that is there now.
    pub fn read_all(&mut self, log: &dyn Log) -> Result<(), OwnersError> {
        self.read_to(log, log.bounds(OWNERS)?.end)
    }

    /// Reads up to `end`, which is there, and no further.
    pub fn read_to(&mut self, log: &dyn Log, end: u64) -> Result<(), OwnersError> {
        let mut arrival = Arrival::new(log, OWNERS);
        while self.next_offset < end {
            if self.read(end)? { arrival.came() } else { arrival.wait(self.next_offset)? }
        }
        Ok(())
    }

    /// Reads on to the end of what has come; whether there was anything new.
    pub fn poll(&mut self) -> Result<bool, OwnersError> {
        let before = self.next_offset;
        while self.read(u64::MAX)? {}
        Ok(self.next_offset > before)
    }

    /// Reads on, not past `until`; whether there was anything before it.
    fn read(&mut self, until: u64) -> Result<bool, OwnersError> {
        let left = usize::try_from(until.saturating_sub(self.next_offset)).unwrap_or(usize::MAX);
        self.batch.clear();
        self.reader.poll(left.min(1_024), &mut self.batch)?;
        let before = self.next_offset;
        for record in self.batch.iter().take_while(|record| record.offset < until) {
            apply(&mut self.owners, record)?;
            self.next_offset = record.offset + 1;
        }
        Ok(self.next_offset > before)
    }

    /// What it knows, to go on from later.
    pub fn save(&self) -> SavedOwners {
        SavedOwners { offset: self.next_offset, owners: self.owners.clone() }
    }

    /// What is known as of [`Self::position`].
    pub fn owners(&self) -> &Owners {
        &self.owners
    }

    /// The next offset of `owners` to be read.
    pub fn position(&self) -> u64 {
        self.next_offset
    }
}

fn apply(owners: &mut Owners, stored: &LogRecord) -> Result<(), OwnersError> {
    let offset = stored.offset;
    let undecodable = |reason: String| OwnersError::Undecodable { offset, reason };
    let value = stored.value.as_deref().ok_or_else(|| undecodable("a tombstone (no value)".into()))?;
    let frame = hoga_schemas::open(value).map_err(|error| undecodable(error.to_string()))?;
    let record = hoga_schemas::decode(&frame).map_err(|error| undecodable(error.to_string()))?;
    if owners.apply(offset, stored.time, &record) { Ok(()) } else { Err(undecodable(format!("a {}", record.kind()))) }
}
