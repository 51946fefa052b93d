//! JSON lines to records: what members send to `orders`, money in and out, and the operator's commands.
//!
//! Names are Binance's in camelCase. `action` says which command a line is; the fields of each are in
//! docs/feeds.md. Decimals are texts (`"0.25"`) or plain numbers; times are milliseconds UTC.
//!
//! Invariants:
//! 1. What is returned keeps the form that admission asks for: names, ranges, valid-until.
//! 2. A missing client id or valid-until is filled in by the caller's [`Defaults`], never by a clock in here.
//! 3. Amounts are exact: see [`crate::json`].
//!
//! Left out on purpose: whether the account, symbol or order exists and whether a price is on its tick: holds knows.

use crate::json::{Fields, InputError, listed};
use hoga_core::ids::{AccountId, AssetCode, ClientId, Symbol};
use hoga_core::records::{
    AmendOrder, AssetListing, CancelOrder, Deposit, FeeSchedule, InstrumentListing, OrderType, Phase, PhaseChange,
    PlaceOrder, ReduceOrder, SelfMatchPrevention, Side, TimeInForce, Withdrawal,
};
use hoga_core::time::Timestamp;
use hoga_core::{Decimal, Record};
use std::fmt;

/// How far ahead a valid-until is set that a line does not give.
pub const VALID_FOR_MS: i64 = 60_000;
/// How far ahead a valid-until may be.
pub const VALID_FOR_MAX_MS: i64 = 600_000;

/// What a line need not say.
pub struct Defaults<'a> {
    /// The time now.
    pub now: Timestamp,
    /// How long a command is valid whose line gives no valid-until.
    pub valid_for_ms: i64,
    /// Makes an id for a command whose line gives none; each is new.
    pub next_id: &'a mut dyn FnMut() -> ClientId,
}

/// What a line asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Place,
    Amend,
    Reduce,
    Cancel,
    Deposit,
    Withdrawal,
    ListAsset,
    FeeSchedule,
    ListInstrument,
    Phase,
}

impl Action {
    const ALL: &'static [Self] = &[
        Self::Place,
        Self::Amend,
        Self::Reduce,
        Self::Cancel,
        Self::Deposit,
        Self::Withdrawal,
        Self::ListAsset,
        Self::FeeSchedule,
        Self::ListInstrument,
        Self::Phase,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Place => "place",
            Self::Amend => "amend",
            Self::Reduce => "reduce",
            Self::Cancel => "cancel",
            Self::Deposit => "deposit",
            Self::Withdrawal => "withdrawal",
            Self::ListAsset => "listAsset",
            Self::FeeSchedule => "feeSchedule",
            Self::ListInstrument => "listInstrument",
            Self::Phase => "phase",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The command in one line; `line` is its number, from 1, for the error.
pub fn parse_command(line: u64, text: &str, defaults: &mut Defaults<'_>) -> Result<Record, InputError> {
    let mut fields = Fields::parse(line, text)?;
    let action = fields.choice("action", Action::ALL)?;
    let action = fields.need("action", action, &format!("one of {}", listed(Action::ALL)))?;
    let fields_of = &mut fields;
    let record = match action {
        Action::Place => place(fields_of, defaults)?.into(),
        Action::Amend => amend(fields_of, defaults)?.into(),
        Action::Reduce => reduce(fields_of, defaults)?.into(),
        Action::Cancel => cancel(fields_of, defaults)?.into(),
        Action::Deposit => deposit(fields_of, defaults)?.into(),
        Action::Withdrawal => withdrawal(fields_of, defaults)?.into(),
        Action::ListAsset => list_asset(fields_of, defaults)?.into(),
        Action::FeeSchedule => fee_schedule(fields_of, defaults)?.into(),
        Action::ListInstrument => list_instrument(fields_of, defaults)?.into(),
        Action::Phase => phase(fields_of, defaults)?.into(),
    };
    fields.end(action.name()).map(|()| record)
}

fn place(f: &mut Fields<'_>, defaults: &mut Defaults<'_>) -> Result<PlaceOrder, InputError> {
    let order = PlaceOrder {
        account: account(f)?,
        client_order_id: own_id(f, "clientOrderId", defaults)?,
        valid_until: valid_until(f, defaults)?,
        symbol: symbol(f)?,
        side: required_choice(f, "side", Side::ALL)?,
        order_type: required_choice(f, "type", OrderType::ALL)?,
        time_in_force: TimeInForce::Gtc,
        post_only: f.flag("postOnly")?,
        self_match_prevention: f
            .choice("selfMatchPrevention", SelfMatchPrevention::ALL)?
            .unwrap_or(SelfMatchPrevention::CancelNewest),
        price: f.positive("price")?,
        quantity: f.positive("quantity")?,
        amount: f.positive("quoteOrderQty")?,
    };
    let usual = if order.order_type == OrderType::Market { TimeInForce::Ioc } else { TimeInForce::Gtc };
    let time_in_force = f.choice("timeInForce", TimeInForce::ALL)?.unwrap_or(usual);
    if order.order_type == OrderType::Limit {
        f.need("price", order.price, "a LIMIT order trades at this price or better, such as \"75000\"")?;
        f.need("quantity", order.quantity, "how much a LIMIT order trades, such as \"0.5\"")?;
    }
    if order.order_type == OrderType::Market && order.quantity.is_none() && order.amount.is_none() {
        f.need::<()>("quantity", None, "a MARKET order gives quantity, or to buy quoteOrderQty: what it may spend")?;
    }
    Ok(PlaceOrder { time_in_force, ..order })
}

fn amend(f: &mut Fields<'_>, defaults: &mut Defaults<'_>) -> Result<AmendOrder, InputError> {
    let order = AmendOrder {
        account: account(f)?,
        client_order_id: own_id(f, "clientOrderId", defaults)?,
        valid_until: valid_until(f, defaults)?,
        orig_client_order_id: orig_id(f)?,
        price: f.positive("price")?,
        quantity: f.positive("quantity")?,
    };
    if order.price.is_none() && order.quantity.is_none() {
        f.need::<()>("price", None, "an amend gives a new price, a new total quantity, or both")?;
    }
    Ok(order)
}

fn reduce(f: &mut Fields<'_>, defaults: &mut Defaults<'_>) -> Result<ReduceOrder, InputError> {
    Ok(ReduceOrder {
        account: account(f)?,
        client_order_id: own_id(f, "clientOrderId", defaults)?,
        valid_until: valid_until(f, defaults)?,
        orig_client_order_id: orig_id(f)?,
        quantity: required_positive(f, "quantity", "how much less, such as \"0.5\"")?,
    })
}

fn cancel(f: &mut Fields<'_>, defaults: &mut Defaults<'_>) -> Result<CancelOrder, InputError> {
    Ok(CancelOrder {
        account: account(f)?,
        client_order_id: own_id(f, "clientOrderId", defaults)?,
        valid_until: valid_until(f, defaults)?,
        orig_client_order_id: orig_id(f)?,
    })
}

fn deposit(f: &mut Fields<'_>, defaults: &mut Defaults<'_>) -> Result<Deposit, InputError> {
    Ok(Deposit {
        account: account(f)?,
        client_id: own_id(f, "clientId", defaults)?,
        valid_until: valid_until(f, defaults)?,
        asset: asset(f, "asset")?,
        amount: required_positive(f, "amount", "how much comes in, such as \"1000000\"")?,
    })
}

fn withdrawal(f: &mut Fields<'_>, defaults: &mut Defaults<'_>) -> Result<Withdrawal, InputError> {
    Ok(Withdrawal {
        account: account(f)?,
        client_id: own_id(f, "clientId", defaults)?,
        valid_until: valid_until(f, defaults)?,
        asset: asset(f, "asset")?,
        amount: required_positive(f, "amount", "how much goes out, such as \"1000000\"")?,
    })
}

fn list_asset(f: &mut Fields<'_>, defaults: &mut Defaults<'_>) -> Result<AssetListing, InputError> {
    let command_id = own_id(f, "commandId", defaults)?;
    let asset = asset(f, "asset")?;
    let digits = f.integer("digits", 0..=10)?;
    let digits = f.need("digits", digits, "the decimal places of the asset's minor unit, 0 to 10")?;
    Ok(AssetListing { command_id, asset, digits: digits as u8 })
}

fn fee_schedule(f: &mut Fields<'_>, defaults: &mut Defaults<'_>) -> Result<FeeSchedule, InputError> {
    Ok(FeeSchedule {
        command_id: own_id(f, "commandId", defaults)?,
        name: required(f, "name", ClientId::parse, "the schedule's name, which listings refer to")?,
        maker_fee_ppm: rate(f, "makerFeePpm")?,
        taker_fee_ppm: rate(f, "takerFeePpm")?,
    })
}

fn list_instrument(f: &mut Fields<'_>, defaults: &mut Defaults<'_>) -> Result<InstrumentListing, InputError> {
    Ok(InstrumentListing {
        command_id: own_id(f, "commandId", defaults)?,
        symbol: symbol(f)?,
        base: asset(f, "base")?,
        quote: asset(f, "quote")?,
        tick: required_positive(f, "tick", "the step of prices, such as \"0.25\"")?,
        lot: required_positive(f, "lot", "the step of quantities, such as \"1\"")?,
        min_notional: f.decimal("minNotional")?.unwrap_or(Decimal::ZERO),
        min_price: f.positive("minPrice")?,
        max_price: f.positive("maxPrice")?,
        fee_schedule: required(f, "feeSchedule", ClientId::parse, "the name of its fee schedule")?,
        utc_offset_min: f.integer("utcOffsetMin", -840..=840)?.unwrap_or(540) as i32,
    })
}

fn phase(f: &mut Fields<'_>, defaults: &mut Defaults<'_>) -> Result<PhaseChange, InputError> {
    Ok(PhaseChange {
        command_id: own_id(f, "commandId", defaults)?,
        symbol: symbol(f)?,
        phase: required_choice(f, "phase", Phase::ALL)?,
    })
}

fn account(f: &mut Fields<'_>) -> Result<AccountId, InputError> {
    required(f, "account", AccountId::parse, "whose order or money it is")
}

fn symbol(f: &mut Fields<'_>) -> Result<Symbol, InputError> {
    required(f, "symbol", Symbol::parse, "what is traded, such as \"KRW-BTC\"")
}

fn asset(f: &mut Fields<'_>, field: &'static str) -> Result<AssetCode, InputError> {
    required(f, field, AssetCode::parse, "an asset's code, such as \"KRW\"")
}

fn orig_id(f: &mut Fields<'_>) -> Result<ClientId, InputError> {
    required(f, "origClientOrderId", ClientId::parse, "the clientOrderId that placed the order")
}

fn own_id(f: &mut Fields<'_>, field: &'static str, defaults: &mut Defaults<'_>) -> Result<ClientId, InputError> {
    Ok(f.parsed(field, ClientId::parse)?.unwrap_or_else(|| (defaults.next_id)()))
}

fn valid_until(f: &mut Fields<'_>, defaults: &Defaults<'_>) -> Result<Timestamp, InputError> {
    let Some(time) = f.time("validUntil")? else { return Ok(defaults.now.plus_ms(defaults.valid_for_ms)) };
    let latest = defaults.now.plus_ms(VALID_FOR_MAX_MS);
    if time < defaults.now || time > latest {
        let rule = format!("from now, {}, to 10 minutes ahead, {latest}, in milliseconds UTC", defaults.now);
        return Err(f.refuse("validUntil", &time.to_string(), &rule));
    }
    Ok(time)
}

fn rate(f: &mut Fields<'_>, field: &'static str) -> Result<u32, InputError> {
    let value = f.integer(field, 0..=100_000)?;
    Ok(f.need(field, value, "a rate in millionths of the notional, 0 to 100000")? as u32)
}

fn required<T, E: fmt::Display>(
    f: &mut Fields<'_>,
    field: &'static str,
    parse: impl FnOnce(&str) -> Result<T, E>,
    rule: &str,
) -> Result<T, InputError> {
    let value = f.parsed(field, parse)?;
    f.need(field, value, rule)
}

fn required_choice<T: Copy + fmt::Display>(
    f: &mut Fields<'_>,
    field: &'static str,
    all: &[T],
) -> Result<T, InputError> {
    let value = f.choice(field, all)?;
    f.need(field, value, &format!("one of {}", listed(all)))
}

fn required_positive(f: &mut Fields<'_>, field: &'static str, rule: &str) -> Result<Decimal, InputError> {
    let value = f.positive(field)?;
    f.need(field, value, rule)
}

#[cfg(test)]
mod tests;
