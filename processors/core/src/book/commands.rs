//! Held orders, amends and cancels as commands of the book: decimals become ticks, lots and minor units.
//!
//! Holds has checked them against the same listing (base, quote, tick and lot never change), so whatever does not
//! convert is a broken invariant, and matching stops rather than trade what is not held.

use crate::book::order::{AccountIndex, Amend, Command, NewOrder};
use crate::instrument::Instrument;
use crate::machine::Stop;
use crate::money::{Amount, Decimal, Price, Quantity};
use crate::records::{HeldAmend, HeldCancel, HeldOrder, OrderType, Side, TimeInForce};

/// A held order.
pub(super) fn place(held: &HeldOrder, account: AccountIndex, instrument: &Instrument) -> Result<Command, Stop> {
    let broken = |what: &str| broken(&held.order_id, what);
    if !is_combination(held) {
        return Err(broken("a combination of type, time in force, price, quantity and amount that is none"));
    }
    let price = held.price.map(|value| price(instrument, value)).transpose().map_err(|what| broken(&what))?;
    let quantity = held.quantity.map(|value| quantity(instrument, value)).transpose().map_err(|what| broken(&what))?;
    let amount = held.amount.map(|value| amount(instrument, value)).transpose().map_err(|what| broken(&what))?;
    if let (Some(price), Some(quantity)) = (price, quantity)
        && instrument.checked_notional(price, quantity).is_none()
    {
        return Err(broken("a notional beyond 2^63 minor units"));
    }
    Ok(Command::Place(NewOrder {
        id: held.order_id,
        account,
        side: held.side,
        price,
        quantity,
        amount,
        time_in_force: held.time_in_force,
        post_only: held.post_only,
        self_match_prevention: held.self_match_prevention,
        maker_fee_ppm: held.maker_fee_ppm,
        taker_fee_ppm: held.taker_fee_ppm,
    }))
}

/// A held amend or reduction.
pub(super) fn amend(held: &HeldAmend, account: AccountIndex, instrument: &Instrument) -> Result<Command, Stop> {
    let broken = |what: String| broken(&held.order_id, &what);
    let id = held.order_id;
    if let Some(by) = held.reduce_by {
        return Ok(Command::Reduce { id, account, by: quantity(instrument, by).map_err(broken)? });
    }
    let price = held.price.map(|value| price(instrument, value)).transpose().map_err(broken)?;
    let total = held.quantity.map(|value| quantity(instrument, value)).transpose().map_err(broken)?;
    Ok(Command::Amend(Amend { id, account, price, total }))
}

/// A held cancel.
pub(super) fn cancel(held: &HeldCancel, account: AccountIndex) -> Command {
    Command::Cancel { id: held.order_id, account }
}

/// The table of [`crate::records::PlaceOrder`].
fn is_combination(held: &HeldOrder) -> bool {
    let named = (held.price.is_some(), held.quantity.is_some(), held.amount.is_some());
    let immediate = matches!(held.time_in_force, TimeInForce::Ioc | TimeInForce::Fok);
    let fill_or_kill = held.time_in_force == TimeInForce::Fok;
    match (held.order_type, held.side) {
        (OrderType::Limit, _) => named == (true, true, false) && !(held.post_only && immediate),
        (OrderType::Market, _) if !immediate || held.post_only => false,
        (OrderType::Market, Side::Buy) => named == (false, fill_or_kill, true),
        (OrderType::Market, Side::Sell) => {
            named == (false, true, false) || (fill_or_kill && named == (false, true, true))
        }
    }
}

fn price(instrument: &Instrument, value: Decimal) -> Result<Price, String> {
    let price = instrument.price(value).filter(|price| price.0 > 0);
    price.ok_or_else(|| format!("price {value}, not a whole number of ticks of {} above 0", instrument.tick))
}

fn quantity(instrument: &Instrument, value: Decimal) -> Result<Quantity, String> {
    let quantity = instrument.quantity(value).filter(|quantity| quantity.0 > 0);
    quantity.ok_or_else(|| format!("quantity {value}, not a whole number of lots of {} above 0", instrument.lot))
}

fn amount(instrument: &Instrument, value: Decimal) -> Result<Amount, String> {
    let amount = instrument.quote_amount(value).filter(|amount| amount.0 > 0);
    amount.ok_or_else(|| format!("amount {value}, not a whole number of minor units of {} above 0", instrument.quote))
}

fn broken(order: &dyn std::fmt::Display, what: &str) -> Stop {
    Stop(format!("order {order} has {what}: holds lets none pass, so holds and matching differ; replay both"))
}
