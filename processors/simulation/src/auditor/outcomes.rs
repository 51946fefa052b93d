//! What became of each command, from the records alone: carried out, refused, a dead letter, or nothing yet.
//!
//! Invariants that it checks:
//! 1. A command is carried out at most once, however often it stands in the topics.
//! 2. What was carried out was never refused before, and afterwards only because it came too late.
//! 3. Nothing is carried out that nobody sent.

use super::Finding;
use super::accept::{Content, Taken};
use hoga_core::records::{JournalKind, OrderEventKind, Reason, RecordKind};
use hoga_core::{Record, Topic};
use std::collections::{BTreeMap, BTreeSet};

/// What became of one command.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outcome {
    pub carried_out: u32,
    pub refused: Vec<Reason>,
    pub dead: u32,
}

impl Outcome {
    /// How many different things its sender may have been told.
    pub fn is_one(&self) -> bool {
        u32::from(self.carried_out > 0) + u32::from(!self.refused.is_empty()) + u32::from(self.dead > 0) == 1
            || (self.carried_out == 1 && self.refused.iter().all(|reason| *reason == Reason::Late))
    }
}

/// All commands' outcomes.
#[derive(Debug, Default)]
pub(crate) struct Outcomes {
    /// Commands that stand in `accounts`, by partition and offset.
    commands: BTreeMap<(u32, u64), Content>,
    outcomes: BTreeMap<Content, Outcome>,
}

fn is_command(kind: RecordKind) -> bool {
    use RecordKind as K;
    matches!(kind, K::PlaceOrder | K::AmendOrder | K::ReduceOrder | K::CancelOrder | K::Deposit | K::Withdrawal)
}

impl Outcomes {
    /// Takes an accepted record of any topic.
    pub fn take(&mut self, topic: Topic, partition: u32, taken: &Taken) -> Result<(), Finding> {
        let Some(record) = &taken.record else { return Ok(()) };
        if topic == Topic::Accounts && is_command(record.kind()) {
            self.commands.insert((partition, taken.offset), taken.content.clone());
        }
        let Some(origin) = taken.origin else { return Ok(()) };
        let carried_out = match record {
            Record::HeldOrder(_) | Record::HeldAmend(_) | Record::HeldCancel(_) => true,
            Record::JournalEntry(entry) => entry.kind != JournalKind::Trade,
            Record::OrderEvent(event) if event.event == OrderEventKind::Rejected => false,
            Record::CommandRefused(_) => false,
            _ => return Ok(()),
        };
        if origin.machine != hoga_core::MachineKind::Holds {
            return Ok(());
        }
        // What the book refused is caused by its answer, and no outcome of its own.
        let Some(content) = self.commands.get(&(origin.partition, origin.cause)) else { return Ok(()) };
        let outcome = self.outcomes.entry(content.clone()).or_default();
        let reason = match record {
            Record::OrderEvent(event) => event.reason,
            Record::CommandRefused(refused) => Some(refused.reason),
            _ => None,
        };
        if carried_out {
            outcome.carried_out += 1;
        } else {
            outcome.refused.push(reason.unwrap_or(Reason::Other));
        }
        // What a full window cannot remember it refuses again and again; only carrying it out would be wrong.
        let refused = outcome.refused.iter().any(|reason| *reason != Reason::Late);
        if outcome.carried_out > 1 || (outcome.carried_out == 1 && refused) {
            return Err(Finding::new(format!("a {} had more than one outcome: {outcome:?}", content.0)));
        }
        Ok(())
    }

    /// A dead letter's command, by the value that it quotes.
    pub fn dead(&mut self, content: Content) {
        self.outcomes.entry(content).or_default().dead += 1;
    }

    pub fn of(&self, content: &Content) -> Option<&Outcome> {
        self.outcomes.get(content)
    }

    /// Invariant 3.
    pub fn check_sent(&self, sent: &BTreeSet<Content>) -> Result<(), Finding> {
        let invented =
            self.outcomes.iter().find(|(content, outcome)| outcome.carried_out > 0 && !sent.contains(content));
        match invented {
            Some((content, outcome)) => Err(Finding::new(format!("a {} that nobody sent: {outcome:?}", content.0))),
            None => Ok(()),
        }
    }
}
