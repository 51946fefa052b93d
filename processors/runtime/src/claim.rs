//! Becoming the owner: a claim that is valid in `owners`.
//!
//! Invariants:
//! 1. The claim names the epoch that it replaces, which was the newest one seen; its offset, read back, is the epoch.
//! 2. Nothing is written for the machine before the claim was read back and is valid.
//! 3. A claim whose answer was lost is sent again; of two that landed the second is void.
//!
//! Left out on purpose: who should claim; whoever makes a driver decided that.

use crate::config::ContestPolicy;
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
    /// Somebody else was first.
    GiveWay {
        /// Who.
        by: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    No,
    /// Sent, replacing this epoch.
    Replacing(Option<u64>),
}

/// A claim under way.
#[derive(Debug)]
pub(crate) struct Claiming {
    machine: MachineKind,
    partition: u32,
    process: String,
    policy: ContestPolicy,
    asked: Asked,
}

impl Claiming {
    /// Claims a machine's partition for a process, whose name is its alone.
    pub fn new(machine: MachineKind, partition: u32, process: &str, policy: ContestPolicy) -> Self {
        Self { machine, partition, process: process.to_owned(), policy, asked: Asked::No }
    }

    /// Decides by what `owners` says now.
    pub fn step(&mut self, owners: &Owners) -> ClaimStep {
        let owned = owners.of(self.machine, self.partition);
        let newest = owned.map(|owned| owned.epoch);
        if let (Asked::Replacing(replaced), Some(owned)) = (self.asked, owned)
            && Some(owned.epoch) != replaced
        {
            if owned.process == self.process {
                return ClaimStep::Won(owned.epoch);
            }
            if self.policy == ContestPolicy::GiveWay {
                return ClaimStep::GiveWay { by: owned.process.clone() };
            }
            self.asked = Asked::No;
        }
        if self.asked != Asked::No {
            return ClaimStep::Wait;
        }
        self.asked = Asked::Replacing(newest);
        ClaimStep::Append(Claim {
            machine: self.machine,
            partition: self.partition,
            replaces: newest,
            epoch: None,
            process: self.process.as_str().into(),
        })
    }

    /// The claim's answer came without an offset: it may have been lost.
    pub fn unanswered(&mut self) {
        self.asked = Asked::No;
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
        let mut claiming = Claiming::new(MACHINE, 1, "me", ContestPolicy::TakeOver);
        assert_eq!(replaces(claiming.step(&owners)), None);
        assert_eq!(claiming.step(&owners), ClaimStep::Wait);
        claim(&mut owners, 7, "me", None);
        assert_eq!(claiming.step(&owners), ClaimStep::Won(7));
    }

    #[test]
    fn a_void_claim_is_made_anew_or_gives_way() {
        let mut owners = Owners::default();
        claim(&mut owners, 3, "first", None);
        let mut taking = Claiming::new(MACHINE, 1, "me", ContestPolicy::TakeOver);
        let mut giving = Claiming::new(MACHINE, 1, "me", ContestPolicy::GiveWay);
        assert_eq!(replaces(taking.step(&owners)), Some(3));
        assert_eq!(replaces(giving.step(&owners)), Some(3));
        claim(&mut owners, 5, "quicker", Some(3));
        claim(&mut owners, 6, "me", Some(3));
        assert_eq!(replaces(taking.step(&owners)), Some(5), "offset 6 is void");
        assert_eq!(giving.step(&owners), ClaimStep::GiveWay { by: "quicker".into() });
    }

    #[test]
    fn a_lost_answer_is_asked_again_for_the_same_epoch() {
        let mut owners = Owners::default();
        let mut claiming = Claiming::new(MACHINE, 1, "me", ContestPolicy::TakeOver);
        assert_eq!(replaces(claiming.step(&owners)), None);
        claiming.unanswered();
        assert_eq!(replaces(claiming.step(&owners)), None);
        claim(&mut owners, 7, "me", None);
        claim(&mut owners, 8, "me", None);
        assert_eq!(claiming.step(&owners), ClaimStep::Won(7), "the second landed void");
    }
}
