//! A machine that can be made to compute something else: what a process with broken memory, or of another release,
//! would be.
//!
//! Its snapshots do not load: one that did would be another machine's past, and whoever restores it finds out only at
//! the first effect that readers already have, and stops, rightly.

use hoga_core::{Effects, Input, Machine, MachineKind, Record, Stop};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// A machine, and whether it is twisted.
pub(crate) struct Twistable {
    machine: Box<dyn Machine>,
    twisted: Arc<AtomicBool>,
    /// Counts what was loaded from snapshots.
    restores: Arc<AtomicU64>,
}

impl Twistable {
    pub fn new(machine: Box<dyn Machine>, twisted: Arc<AtomicBool>, restores: Arc<AtomicU64>) -> Self {
        Self { machine, twisted, restores }
    }
}

impl Machine for Twistable {
    fn kind(&self) -> MachineKind {
        self.machine.kind()
    }

    fn apply(&mut self, input: &Input<'_>, effects: &mut Effects) -> Result<(), Stop> {
        self.machine.apply(input, effects)?;
        if self.twisted.load(Ordering::Relaxed) {
            let all: Vec<_> = effects.drain().collect();
            for effect in all {
                effects.emit_to(effect.topic, effect.route, twisted(effect.record));
            }
        }
        Ok(())
    }

    fn has_backlog(&self) -> bool {
        self.machine.has_backlog()
    }

    fn save(&self) -> Vec<u8> {
        if self.twisted.load(Ordering::Relaxed) { Vec::new() } else { self.machine.save() }
    }

    fn load(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.machine.load(bytes)?;
        self.restores.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// The same kind of record for the same key, with something in it that is wrong.
fn twisted(record: Record) -> Record {
    match record {
        Record::HeldOrder(mut r) => {
            r.taker_fee_ppm += 1;
            r.into()
        }
        Record::OrderEvent(mut r) => {
            r.held.0 += 1;
            r.into()
        }
        Record::JournalEntry(mut r) => {
            r.entry += 1;
            r.into()
        }
        Record::SettlementLeg(mut r) => {
            r.fee.0 += 1;
            r.into()
        }
        Record::Execution(mut r) => {
            r.maker_fee.0 += 1;
            r.into()
        }
        Record::PlaceOrder(mut r) => {
            r.post_only = !r.post_only;
            r.into()
        }
        Record::Candle(mut r) => {
            r.trades += 1;
            r.into()
        }
        Record::DepthUpdate(mut r) => {
            r.sequence += 1;
            r.into()
        }
        other => other,
    }
}
