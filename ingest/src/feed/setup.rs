//! What a feed needs before its first order: assets, fees, the instrument, funded accounts, the first phase.

use super::accounts::Accounts;
use super::script::Script;
use hoga_core::records::{AssetListing, Clock, Deposit, FeeSchedule, InstrumentListing, Phase, Side};
use hoga_core::{AccountId, AssetCode, ClientId, Decimal, Symbol, Timestamp, Topic};

/// The instrument of a feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Venue {
    /// Begins the names of accounts and ids.
    pub name: &'static str,
    /// What is traded.
    pub symbol: Symbol,
    /// What is bought and sold; whole units.
    pub base: AssetCode,
    /// What it is paid with.
    pub quote: AssetCode,
    /// Decimal places of the quote's minor unit.
    pub quote_digits: u8,
    /// The step of prices.
    pub tick: Decimal,
    /// Fees of the resting side in millionths of the notional.
    pub maker_fee_ppm: u32,
    /// Fees of the incoming side in millionths of the notional.
    pub taker_fee_ppm: u32,
    /// Its zone, minutes east of UTC.
    pub utc_offset_min: i32,
    /// The phase in which its orders begin.
    pub first_phase: Phase,
}

/// What each account is given of the quote: more than any of the flows can hold at once.
const QUOTE_FUNDS: i64 = 1_000_000_000_000;
/// What each account is given of the base.
const BASE_FUNDS: i64 = 1_000_000_000;

/// Writes the setup: each part is applied before the next begins, money after the first clock gave machines the time.
pub(crate) fn write(script: &mut Script, venue: &Venue, accounts: &Accounts, start: Timestamp) {
    let id = |what: &str| ClientId::unchecked(&format!("{}-{what}", venue.name));
    for (asset, digits) in [(&venue.base, 0), (&venue.quote, venue.quote_digits)] {
        let command_id = id(&format!("asset-{asset}"));
        script.send(Topic::Control, AssetListing { command_id, asset: asset.clone(), digits }.into());
    }
    script.send(Topic::Control, fees(venue, id("fee-schedule"), id("fees")).into());
    script.send(Topic::Control, listing(venue, id("listing"), id("fees")).into());
    script.sync();
    script.send(Topic::Orders, Clock { time: start }.into());
    script.sync();
    for (side, asset, amount) in [(Side::Buy, &venue.quote, QUOTE_FUNDS), (Side::Sell, &venue.base, BASE_FUNDS)] {
        for account in accounts.on(side) {
            let deposit = deposit(account, asset, amount, id(&format!("fund-{asset}")), script.valid_until());
            script.send(Topic::Accounts, deposit.into());
        }
    }
    script.phase(venue.first_phase);
}

fn fees(venue: &Venue, command_id: ClientId, name: ClientId) -> FeeSchedule {
    let (maker_fee_ppm, taker_fee_ppm) = (venue.maker_fee_ppm, venue.taker_fee_ppm);
    FeeSchedule { command_id, name, maker_fee_ppm, taker_fee_ppm }
}

fn listing(venue: &Venue, command_id: ClientId, fee_schedule: ClientId) -> InstrumentListing {
    InstrumentListing {
        command_id,
        symbol: venue.symbol.clone(),
        base: venue.base.clone(),
        quote: venue.quote.clone(),
        tick: venue.tick,
        lot: Decimal::from_int(1),
        min_notional: Decimal::ZERO,
        min_price: None,
        max_price: None,
        fee_schedule,
        utc_offset_min: venue.utc_offset_min,
    }
}

fn deposit(
    account: &AccountId,
    asset: &AssetCode,
    amount: i64,
    client_id: ClientId,
    valid_until: Timestamp,
) -> Deposit {
    let (account, asset) = (account.clone(), asset.clone());
    Deposit { account, client_id, valid_until, asset, amount: Decimal::from_int(amount) }
}
