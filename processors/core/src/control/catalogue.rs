//! What the exchange trades: assets, fee schedules, instruments with their phases, the version of the rules.
//!
//! Invariants:
//! 1. [`Catalogue::apply`] changes all that a command says, or nothing.
//! 2. Every instrument's assets and fee schedule are listed.

use super::refusal::Refusal;
use crate::ids::{AssetCode, ClientId, Symbol};
use crate::instrument::{Instrument, MAX_DIGITS};
use crate::records::{AssetListing, FeeSchedule, InstrumentListing, Phase, PhaseChange, Record};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The greatest rate: a tenth of the notional.
pub const MAX_FEE_PPM: u32 = 100_000;
/// The most assets.
pub const MAX_ASSETS: usize = 10_000;
/// The most fee schedules.
pub const MAX_SCHEDULES: usize = 1_000;
/// The most instruments.
pub const MAX_INSTRUMENTS: usize = 10_000;
/// The version of the rules that this release knows.
pub const RULES_VERSION: u32 = 1;

/// A fee schedule's rates, millionths of the notional.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rates {
    /// Of the resting side.
    pub maker_fee_ppm: u32,
    /// Of the incoming side.
    pub taker_fee_ppm: u32,
}

/// An instrument and its phase as the operator last set it; a book that is still uncrossing opens a little later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// The instrument.
    pub instrument: Instrument,
    /// The last phase.
    pub phase: Phase,
}

/// Everything that is listed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catalogue {
    assets: BTreeMap<AssetCode, u8>,
    schedules: BTreeMap<ClientId, Rates>,
    instruments: BTreeMap<Symbol, Listed>,
}

impl Catalogue {
    /// Assets and their digits, by code.
    pub fn assets(&self) -> impl Iterator<Item = (&AssetCode, u8)> {
        self.assets.iter().map(|(asset, digits)| (asset, *digits))
    }

    /// Fee schedules, by name.
    pub fn schedules(&self) -> impl Iterator<Item = (&ClientId, Rates)> {
        self.schedules.iter().map(|(name, rates)| (name, *rates))
    }

    /// Instruments, by symbol.
    pub fn instruments(&self) -> impl Iterator<Item = &Listed> {
        self.instruments.values()
    }

    /// The instrument of a symbol.
    pub fn instrument(&self, symbol: &Symbol) -> Option<&Listed> {
        self.instruments.get(symbol)
    }

    /// Takes one of the operator's commands; anything else is a mistake of the caller.
    pub(super) fn apply(&mut self, command: &Record) -> Result<(), Refusal> {
        match command {
            Record::AssetListing(r) => self.list_asset(r),
            Record::FeeSchedule(r) => self.set_rates(r),
            Record::InstrumentListing(r) => self.list_instrument(r),
            Record::PhaseChange(r) => self.set_phase(r),
            Record::RulesVersion(r) if r.version != RULES_VERSION => Err(Refusal::UnknownRules(r.version)),
            Record::RulesVersion(_) => Ok(()),
            other => unreachable!("{} is no command of the operator", other.kind()),
        }
    }

    fn list_asset(&mut self, listing: &AssetListing) -> Result<(), Refusal> {
        let AssetListing { asset, digits, .. } = listing;
        asset.check()?;
        if *digits > MAX_DIGITS {
            return Err(Refusal::Digits { asset: asset.clone(), digits: *digits });
        }
        match self.assets.get(asset) {
            Some(old) if old != digits => {
                return Err(Refusal::DigitsFixed { asset: asset.clone(), old: *old, new: *digits });
            }
            None if self.assets.len() == MAX_ASSETS => return Err(Refusal::TooManyAssets),
            _ => {}
        }
        self.assets.insert(asset.clone(), *digits);
        Ok(())
    }

    fn set_rates(&mut self, schedule: &FeeSchedule) -> Result<(), Refusal> {
        let FeeSchedule { name, maker_fee_ppm, taker_fee_ppm, .. } = schedule;
        name.check()?;
        for (side, ppm) in [("maker", *maker_fee_ppm), ("taker", *taker_fee_ppm)] {
            if ppm > MAX_FEE_PPM {
                return Err(Refusal::Rate { side, ppm });
            }
        }
        if !self.schedules.contains_key(name) && self.schedules.len() == MAX_SCHEDULES {
            return Err(Refusal::TooManySchedules);
        }
        let rates = Rates { maker_fee_ppm: *maker_fee_ppm, taker_fee_ppm: *taker_fee_ppm };
        self.schedules.insert(name.clone(), rates);
        Ok(())
    }

    fn list_instrument(&mut self, listing: &InstrumentListing) -> Result<(), Refusal> {
        listing.symbol.check()?;
        let (base_digits, quote_digits) = (self.digits(&listing.base)?, self.digits(&listing.quote)?);
        if !self.schedules.contains_key(&listing.fee_schedule) {
            return Err(Refusal::UnknownSchedule(listing.fee_schedule.clone()));
        }
        let instrument = Instrument::new(listing, base_digits, quote_digits)?;
        let phase = match self.instruments.get(&listing.symbol) {
            Some(old) => {
                instrument.check_relisting(&old.instrument)?;
                old.phase
            }
            None if self.instruments.len() == MAX_INSTRUMENTS => return Err(Refusal::TooManyInstruments),
            None => Phase::Closed,
        };
        self.instruments.insert(listing.symbol.clone(), Listed { instrument, phase });
        Ok(())
    }

    fn set_phase(&mut self, change: &PhaseChange) -> Result<(), Refusal> {
        let listed =
            self.instruments.get_mut(&change.symbol).ok_or_else(|| Refusal::UnknownSymbol(change.symbol.clone()))?;
        listed.phase = change.phase;
        Ok(())
    }

    fn digits(&self, asset: &AssetCode) -> Result<u8, Refusal> {
        self.assets.get(asset).copied().ok_or_else(|| Refusal::UnknownAsset(asset.clone()))
    }
}
