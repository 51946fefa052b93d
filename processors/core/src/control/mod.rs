//! Control: judges the operator's commands and passes them on to every partition that needs them.
//!
//! Reads `control`; writes `accounts`, `books`, `instruments` (what it accepts, unchanged) and `dead-letters` (what it
//! refuses). Where a command goes:
//!
//! | command | accounts | books | instruments |
//! | --- | --- | --- | --- |
//! | AssetListing, FeeSchedule, RulesVersion | all partitions | all partitions | yes |
//! | InstrumentListing | all partitions | the symbol's partition | yes |
//! | PhaseChange | no: phases are the book's | the symbol's partition | yes |
//! | LogSettings | no: whoever starts machines reads it | no | no |
//!
//! Invariants:
//! 1. What it passes on can be applied without a further check: assets and schedules stand before what names them, in
//!    each partition, because a channel keeps their order.
//! 2. An accepted command counts once: of the last [`MAX_REMEMBERED`] accepted ids a repeat (the same bytes) changes
//!    nothing and is not passed on again; the same id with other bytes is refused.
//! 3. A refusal changes nothing, and says in words what is wrong, with the numbers, and the way out. Its id is not
//!    remembered, so that the command may be sent again once its cause is gone.
//! 4. Digits of an asset and base, quote, tick and lot of an instrument never change.
//! 5. Each table has a bound; beyond it commands are refused.
//!
//! Left out on purpose: the phase of an instrument as a state machine (the book knows its orders; any phase may follow
//! any), removing what is listed (closed for good is a phase), time.

mod catalogue;
mod refusal;
mod remembered;

pub use catalogue::{Catalogue, Listed, MAX_ASSETS, MAX_FEE_PPM, MAX_INSTRUMENTS, MAX_SCHEDULES, Rates};
pub use refusal::Refusal;
pub use remembered::MAX_REMEMBERED;

use crate::dead_letter::dead_letter;
use crate::ids::ClientId;
use crate::machine::{Body, Effects, Input, Machine, MachineKind, Route, Stop, Topic};
use crate::records::Record;
use remembered::{Remembered, Seen};
use serde::{Deserialize, Serialize};

/// What control counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Commands passed on.
    pub accepted: u64,
    /// Repeats that changed nothing.
    pub repeated: u64,
    /// Dead letters written.
    pub refused: u64,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct State {
    catalogue: Catalogue,
    remembered: Remembered,
    counts: Counts,
}

/// The machine.
#[derive(Debug)]
pub struct Control {
    partition: u32,
    state: State,
}

impl Control {
    /// The machine of a partition of `control`.
    pub fn new(partition: u32) -> Self {
        Self { partition, state: State::default() }
    }

    /// What is listed.
    pub fn catalogue(&self) -> &Catalogue {
        &self.state.catalogue
    }

    /// What it did so far.
    pub fn counts(&self) -> Counts {
        self.state.counts
    }

    /// The one place where the state changes: all of it, or nothing and a refusal. `false` for a repeat.
    fn accept(&mut self, record: &Record, id: &ClientId, value: &[u8]) -> Result<bool, Refusal> {
        id.check()?;
        match self.state.remembered.seen(id, value) {
            Seen::Never => {}
            Seen::Same => return Ok(false),
            Seen::Other => return Err(Refusal::CommandId(id.clone())),
        }
        self.state.catalogue.apply(record)?;
        self.state.remembered.remember(id, value);
        Ok(true)
    }
}

impl Machine for Control {
    fn kind(&self) -> MachineKind {
        MachineKind::Control
    }

    fn apply(&mut self, input: &Input<'_>, effects: &mut Effects) -> Result<(), Stop> {
        let stop = |what: String| Stop(format!("control/{} at offset {}: {what}", self.partition, input.offset));
        let record = match &input.body {
            Body::Record(record) => *record,
            Body::Malformed { reason } => {
                return Err(stop(format!("{reason}; only the operator may write here: find out who else does")));
            }
        };
        if let Record::LogSettings(_) = record {
            return Ok(());
        }
        let Some(id) = command_id(record) else {
            return Err(stop(format!("a {} is no command of the operator: find out who wrote it", record.kind())));
        };
        match self.accept(record, id, input.value) {
            Ok(true) => {
                self.state.counts.accepted += 1;
                pass_on(record, effects);
            }
            Ok(false) => self.state.counts.repeated += 1,
            Err(refusal) => {
                self.state.counts.refused += 1;
                let reason = format!("{} {id} is refused: {refusal}", record.kind());
                effects.emit(Topic::DeadLetters, dead_letter(self.kind(), self.partition, input, reason));
            }
        }
        Ok(())
    }

    fn save(&self) -> Vec<u8> {
        postcard::to_stdvec(&self.state).expect("the state always encodes")
    }

    fn load(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.state = postcard::from_bytes(bytes).map_err(|error| format!("state of control: {error}"))?;
        self.state.remembered.index();
        Ok(())
    }
}

/// The id of an operator's command; none for any other record.
fn command_id(record: &Record) -> Option<&ClientId> {
    Some(match record {
        Record::AssetListing(r) => &r.command_id,
        Record::FeeSchedule(r) => &r.command_id,
        Record::InstrumentListing(r) => &r.command_id,
        Record::PhaseChange(r) => &r.command_id,
        Record::RulesVersion(r) => &r.command_id,
        _ => return None,
    })
}

fn pass_on(record: &Record, effects: &mut Effects) {
    let (accounts, books) = match record {
        Record::InstrumentListing(_) => (Some(Route::All), Route::Key),
        Record::PhaseChange(_) => (None, Route::Key),
        _ => (Some(Route::All), Route::All),
    };
    if let Some(route) = accounts {
        effects.emit_to(Topic::Accounts, route, record.clone());
    }
    effects.emit_to(Topic::Books, books, record.clone());
    effects.emit(Topic::Instruments, record.clone());
}

#[cfg(test)]
mod tests;
