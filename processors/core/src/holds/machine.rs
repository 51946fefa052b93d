//! The machine: which record goes where, time, and the purging of client ids.
//!
//! Invariant: purging is bounded for each clock record, and shows in no effect and no saved state.

use super::out::HoldsOut;
use super::replies::{Leg, Reply, stop_at_answer, stop_at_leg};
use super::{Holds, RULES_VERSION};
use crate::machine::{Body, Effects, Input, Machine, MachineKind, Stop};
use crate::records::{BookAnswer, Record, SettlementLeg};

/// Client ids that a clock record purges at most.
const PURGE_IDS: usize = 65_536;

impl Machine for Holds {
    fn kind(&self) -> MachineKind {
        MachineKind::Holds
    }

    fn apply(&mut self, input: &Input<'_>, effects: &mut Effects) -> Result<(), Stop> {
        self.tell(input, effects)
    }

    fn save(&self) -> Vec<u8> {
        self.export()
    }

    fn load(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.import(bytes)
    }
}

impl Holds {
    /// As [`Machine::apply`], whoever is told what comes of it.
    pub fn tell(&mut self, input: &Input<'_>, out: &mut impl HoldsOut) -> Result<(), Stop> {
        let record = match input.body {
            Body::Record(record) => record,
            Body::Malformed { reason, .. } => {
                return Err(Stop(format!("accounts, offset {}: {reason}; only hoga writes there", input.offset)));
            }
        };
        assert!(input.time >= self.time, "offset {}: time goes back to {}", input.offset, input.time);
        self.time = input.time;
        self.apply_record(record, input, out)
    }

    /// One side of a trade, at the machine's time as it is.
    pub fn tell_leg(&mut self, leg: &Leg, out: &mut impl HoldsOut) -> Result<(), Stop> {
        self.settle(leg, out).map_err(|what| leg.stop(&what))
    }

    /// What the book did, at the machine's time as it is.
    pub fn tell_reply(&mut self, reply: &Reply<'_>, out: &mut impl HoldsOut) -> Result<(), Stop> {
        self.answer(reply, out).map_err(|what| reply.stop(&what))
    }

    fn leg(&mut self, record: &SettlementLeg, out: &mut impl HoldsOut) -> Result<(), Stop> {
        let settled = self.leg_of(record).and_then(|leg| self.settle(&leg, out));
        settled.map_err(|what| stop_at_leg(record, &what))
    }

    fn reply(&mut self, record: &BookAnswer, out: &mut impl HoldsOut) -> Result<(), Stop> {
        let taken = self.reply_of(record).and_then(|reply| self.answer(&reply, out));
        taken.map_err(|what| stop_at_answer(record, &what))
    }

    fn apply_record(&mut self, record: &Record, input: &Input<'_>, out: &mut impl HoldsOut) -> Result<(), Stop> {
        match record {
            Record::PlaceOrder(r) => self.place(r, input, out),
            Record::AmendOrder(r) => self.on_order(&r.into(), input, out),
            Record::ReduceOrder(r) => self.on_order(&r.into(), input, out),
            Record::CancelOrder(r) => self.on_order(&r.into(), input, out),
            Record::SettlementLeg(r) => return self.leg(r, out),
            Record::BookAnswer(r) => return self.reply(r, out),
            Record::Deposit(r) => self.deposit(r, input, out),
            Record::Withdrawal(r) => self.withdraw(r, input, out),
            Record::Clock(_) => self.purge(),
            Record::AssetListing(r) => return self.ledger.list(r),
            Record::InstrumentListing(r) => return self.listings.list(r, &self.ledger),
            Record::FeeSchedule(r) => self.listings.schedule(r),
            Record::PhaseChange(_) => {} // the book judges phases
            Record::RulesVersion(r) if r.version == RULES_VERSION => {}
            Record::RulesVersion(r) => {
                return Err(Stop(format!(
                    "accounts, offset {}: rules version {} begins here, this release knows {RULES_VERSION}: install a \
                     newer one",
                    input.offset, r.version
                )));
            }
            other => {
                return Err(Stop(format!("accounts, offset {}: holds does not read {}", input.offset, other.kind())));
            }
        }
        Ok(())
    }

    /// Purges client ids, a bounded number of them.
    fn purge(&mut self) {
        self.windows.purge(self.time, PURGE_IDS);
        self.strangers.drop_idle(&mut self.windows, self.time);
    }
}
