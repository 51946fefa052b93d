//! What can be traded and at which rates, as the operator lists it. Control has validated it: a contradiction
//! here means that records are missing or forged, and stops the machine.
//!
//! Invariants:
//! 1. An asset's digits, and base, quote, tick and lot of an instrument never change.
//! 2. An order keeps the rates of the schedule as it stood when the order was placed.

use super::ledger::{Asset, Ledger};
use crate::ids::{ClientId, Symbol};
use crate::instrument::Instrument;
use crate::machine::Stop;
use crate::records::{AssetListing, FeeSchedule, InstrumentListing};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

/// A fee schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// Its name.
    pub name: ClientId,
    /// Millionths of the notional.
    pub maker_fee_ppm: u32,
    /// Millionths of the notional.
    pub taker_fee_ppm: u32,
}

/// An instrument, and the indices of what it refers to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// The instrument.
    pub instrument: Instrument,
    /// Index of the base asset.
    pub base: u32,
    /// Index of the quote asset.
    pub quote: u32,
    /// Index of the fee schedule.
    pub schedule: u32,
}

/// Schedules and instruments in the order of their first listing. The hash map is for look-up only.
#[derive(Debug, Clone, Default)]
pub struct Listings {
    /// Fee schedules; few, so looked through.
    pub schedules: Vec<Schedule>,
    /// Instruments.
    pub instruments: Vec<Listed>,
    by_symbol: FxHashMap<Symbol, u32>,
}

fn stop(text: String) -> Stop {
    Stop(format!("{text}; control should have refused it: compare `control` with `accounts` before going on"))
}

impl Listings {
    /// The index of an instrument.
    pub fn find(&self, symbol: &Symbol) -> Option<u32> {
        self.by_symbol.get(symbol).copied()
    }

    /// The instrument of that index.
    #[inline]
    pub fn get(&self, index: u32) -> &Listed {
        &self.instruments[index as usize]
    }

    /// Takes a fee schedule, new or changed.
    pub fn schedule(&mut self, record: &FeeSchedule) {
        let (maker_fee_ppm, taker_fee_ppm) = (record.maker_fee_ppm, record.taker_fee_ppm);
        match self.schedules.iter_mut().find(|s| s.name == record.name) {
            Some(known) => (known.maker_fee_ppm, known.taker_fee_ppm) = (maker_fee_ppm, taker_fee_ppm),
            None => self.schedules.push(Schedule { name: record.name.clone(), maker_fee_ppm, taker_fee_ppm }),
        }
    }

    /// Takes an instrument, new or changed.
    pub fn list(&mut self, record: &InstrumentListing, ledger: &Ledger) -> Result<(), Stop> {
        let symbol = &record.symbol;
        let asset = |code| {
            ledger.find_asset(code).ok_or_else(|| stop(format!("listing of {symbol}: asset {code} is not listed")))
        };
        let (base, quote) = (asset(&record.base)?, asset(&record.quote)?);
        let schedule =
            self.schedules.iter().position(|s| s.name == record.fee_schedule).ok_or_else(|| {
                stop(format!("listing of {symbol}: fee schedule {} is not known", record.fee_schedule))
            })? as u32;
        let instrument = Instrument::new(record, ledger.asset(base).digits, ledger.asset(quote).digits)
            .map_err(|error| stop(format!("listing of {symbol}: {error}")))?;
        let listed = Listed { instrument, base, quote, schedule };
        match self.find(symbol) {
            Some(index) => {
                let known = &mut self.instruments[index as usize];
                let changed = listed.instrument.check_relisting(&known.instrument);
                changed.map_err(|error| stop(format!("listing of {symbol}: {error}")))?;
                *known = listed;
            }
            None => self.add(listed),
        }
        Ok(())
    }

    /// Adds an instrument that is not listed yet.
    pub fn add(&mut self, listed: Listed) {
        let index = u32::try_from(self.instruments.len()).expect("fewer than 2^32 instruments");
        let before = self.by_symbol.insert(listed.instrument.symbol.clone(), index);
        assert!(before.is_none(), "instrument {} is listed twice", listed.instrument.symbol);
        self.instruments.push(listed);
    }
}

impl Ledger {
    /// Takes an asset; listing it again with the same digits changes nothing.
    pub fn list(&mut self, record: &AssetListing) -> Result<(), Stop> {
        let Some(index) = self.find_asset(&record.asset) else {
            if record.digits > crate::instrument::MAX_DIGITS {
                return Err(stop(format!("listing of asset {}: {} digits are too many", record.asset, record.digits)));
            }
            let code = record.asset.clone();
            self.add_asset(Asset { code, digits: record.digits, members: 0, clearing: 0, fees: 0, external: 0 });
            return Ok(());
        };
        let digits = self.asset(index).digits;
        if digits == record.digits {
            return Ok(());
        }
        Err(stop(format!("listing of asset {}: digits cannot change from {digits} to {}", record.asset, record.digits)))
    }
}
