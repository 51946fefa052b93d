//! Becoming the owner: a claim that is valid in `owners`.
//!
//! Invariants:
//! 1. The claim names the epoch that it replaces, the one that was judged; its offset, read back, is the epoch.
//! 2. Nothing is written for the machine before the claim was read back and is valid.
//! 3. A claim whose answer was lost is sent again; of two that landed the second is void.
//!
//! Left out on purpose: who should claim (`decide`).

use hoga_core::MachineKind;
use hoga_core::records::Claim;
use hoga_topics::owners::Owners;

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ClaimStep {
    /// Append this to `owners`.
    Append(Claim),
    /// Wait for the answer, or to read it.
    Wait,
    /// This is the epoch.
    Won(u64),
    /// Somebody else was first, and has it now.
    Lost {
        /// Who.
        by: String,
    },
}

/// A claim under way.
#[derive(Debug)]
pub(crate) struct Claiming {
    machine: MachineKind,
    partition: u32,
    process: String,
    replaces: Option<u64>,
    asked: bool,
}

impl Claiming {
    /// Claims a machine's partition for a process, whose name is its alone, if the newest epoch still is `replaces`.
    pub fn new(machine: MachineKind, partition: u32, process: &str, replaces: Option<u64>) -> Self {
        Self { machine, partition, process: process.to_owned(), replaces, asked: false }
    }

    /// Decides by what `owners` says now.
    pub fn step(&mut self, owners: &Owners) -> ClaimStep {
        let owned = owners.of(self.machine, self.partition);
        if let Some(owned) = owned.filter(|owned| Some(owned.epoch) != self.replaces) {
            let is_own = owned.process == self.process;
            return if is_own { ClaimStep::Won(owned.epoch) } else { ClaimStep::Lost { by: owned.process.clone() } };
        }
        if std::mem::replace(&mut self.asked, true) {
            return ClaimStep::Wait;
        }
        ClaimStep::Append(Claim {
            machine: self.machine,
            partition: self.partition,
            replaces: self.replaces,
            epoch: None,
            process: self.process.as_str().into(),
        })
    }

    /// The claim's answer came without an offset: it may have been lost.
    pub fn unanswered(&mut self) {
        self.asked = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hoga_core::{Record, Timestamp};

    const MACHINE: MachineKind = MachineKind::Holds;

    fn claim(owners: &mut Owners, offset: u64, process: &str, replaces: Option<u64>) {
        let claim = Claim { machine: MACHINE, partition: 1, replaces, epoch: None, process: process.into() };
        assert!(owners.apply(offset, Timestamp(0), &Record::Claim(claim)));
    }

    fn replaces(step: ClaimStep) -> Option<u64> {
        match step {
            ClaimStep::Append(claim) => claim.replaces,
            other => panic!("{other:?} instead of a claim"),
        }
    }

    #[test]
    fn a_claim_is_won_when_it_is_read_back() {
        let mut owners = Owners::default();
        let mut claiming = Claiming::new(MACHINE, 1, "me", None);
        assert_eq!(replaces(claiming.step(&owners)), None);
        assert_eq!(claiming.step(&owners), ClaimStep::Wait);
        claim(&mut owners, 7, "me", None);
        assert_eq!(claiming.step(&owners), ClaimStep::Won(7));
    }

    #[test]
    fn a_void_claim_is_lost_and_a_late_one_is_not_made() {
        let mut owners = Owners::default();
        claim(&mut owners, 3, "first", None);
        let mut claiming = Claiming::new(MACHINE, 1, "me", Some(3));
        assert_eq!(replaces(claiming.step(&owners)), Some(3));
        claim(&mut owners, 5, "quicker", Some(3));
        claim(&mut owners, 6, "me", Some(3));
        let lost = ClaimStep::Lost { by: "quicker".into() };
        assert_eq!(claiming.step(&owners), lost, "offset 6 is void");
        let mut late = Claiming::new(MACHINE, 1, "me", Some(3));
        assert_eq!(late.step(&owners), lost, "it was decided before the quicker one claimed");
    }

    #[test]
    fn a_lost_answer_is_asked_again_for_the_same_epoch() {
        let mut owners = Owners::default();
        let mut claiming = Claiming::new(MACHINE, 1, "me", None);
        assert_eq!(replaces(claiming.step(&owners)), None);
        claiming.unanswered();
        assert_eq!(replaces(claiming.step(&owners)), None);
        claim(&mut owners, 7, "me", None);
        claim(&mut owners, 8, "me", None);
        assert_eq!(claiming.step(&owners), ClaimStep::Won(7), "the second landed void");
    }
}
