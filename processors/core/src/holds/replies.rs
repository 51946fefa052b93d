//! What the book says, in the units of the order's instrument; and how the records that say it become that.
//!
//! Invariant: a leg or an answer names the order's account and symbol, or it is another order's. In integers there are
//! no names: who calls with them has them from the book itself.

use super::Holds;
use super::orders::Order;
use crate::book::{Answer, Leaves, Party, Trade};
use crate::ids::{AccountId, ClientId, OrderId, Symbol, TradeId};
use crate::instrument::Instrument;
use crate::machine::Stop;
use crate::money::{Decimal, Price, Quantity};
use crate::records::{BookAnswer, BookOutcome, Liquidity, Reason, SettlementLeg, Side};

/// One side of a trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leg {
    /// The order.
    pub order: OrderId,
    /// The trade.
    pub trade_id: TradeId,
    /// Bought or sold.
    pub side: Side,
    /// Maker or taker.
    pub liquidity: Liquidity,
    /// At what price.
    pub price: Price,
    /// How many lots.
    pub quantity: Quantity,
    /// Its fee, in minor units of the quote.
    pub fee: i64,
    /// What stays open after it.
    pub leaves: Leaves,
}

/// What the book did with an order or a command on it. Fields as in [`BookAnswer`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reply<'a> {
    /// The order.
    pub order: OrderId,
    /// The amend, reduce or cancel that this answers.
    pub asked: Option<&'a ClientId>,
    /// What happened.
    pub outcome: BookOutcome,
    /// Why.
    pub reason: Option<Reason>,
    /// The order's limit from here on.
    pub price: Option<Price>,
    /// The order's total from here on.
    pub total: Option<Quantity>,
    /// What stays open; none where it is no number of lots.
    pub leaves: Option<Leaves>,
}

const WHAT_TO_DO: &str = "it is forged or shows a bug: keep the log and compare the replay of `books` with it";

impl Holds {
    /// The leg that a record says; why none, where it does not fit the order it names.
    pub(super) fn leg_of(&self, record: &SettlementLeg) -> Result<Leg, String> {
        let order = self.named(record.order_id, &record.account, &record.symbol)?;
        let instrument = &self.listings.get(order.instrument).instrument;
        let price = instrument.price(record.price).filter(|p| p.0 > 0).ok_or("its price is not a number of ticks")?;
        let quantity =
            instrument.quantity(record.quantity).filter(|q| q.0 > 0).ok_or("its quantity is not a number of lots")?;
        let fee = instrument.quote_amount(record.fee).ok_or("its fee is not a number of minor units")?;
        let leaves = leaves(order, instrument, record.leaves).ok_or("what it leaves is not a number of units")?;
        let &SettlementLeg { order_id, trade_id, side, liquidity, .. } = record;
        Ok(Leg { order: order_id, trade_id, side, liquidity, price, quantity, fee: fee.0, leaves })
    }

    /// The answer that a record says.
    pub(super) fn reply_of<'a>(&self, record: &'a BookAnswer) -> Result<Reply<'a>, String> {
        let order = self.named(record.order_id, &record.account, &record.symbol)?;
        let instrument = &self.listings.get(order.instrument).instrument;
        Ok(Reply {
            order: record.order_id,
            asked: record.client_order_id.as_ref(),
            outcome: record.outcome,
            reason: record.reason,
            price: record.price.and_then(|price| instrument.price(price)),
            total: record.quantity.and_then(|quantity| instrument.quantity(quantity)),
            leaves: leaves(order, instrument, record.leaves),
        })
    }

    /// The order, if it is that account's in that symbol.
    fn named(&self, id: OrderId, account: &AccountId, symbol: &Symbol) -> Result<&Order, String> {
        let slot = self.orders.find(id).ok_or("there is no such order")?;
        let order = self.orders.get(slot);
        let names = (&self.ledger.account(order.account).name, &self.listings.get(order.instrument).instrument.symbol);
        if names == (account, symbol) {
            return Ok(order);
        }
        Err(format!("the order is a {} of {} in {}", order.side, names.0, names.1))
    }
}

fn leaves(order: &Order, instrument: &Instrument, value: Decimal) -> Option<Leaves> {
    match order.quantity {
        Some(_) => instrument.quantity(value).map(Leaves::Lots),
        None => instrument.quote_amount(value).map(Leaves::Quote),
    }
}

impl Leg {
    /// Both sides of a trade: the maker's first.
    #[inline]
    pub fn both(trade: &Trade, trade_id: TradeId) -> [Self; 2] {
        let &Trade { price, quantity, taker_side, ref maker, ref taker } = trade;
        let leg = |party: &Party, side, liquidity| {
            let &Party { order, fee, leaves, .. } = party;
            Self { order, trade_id, side, liquidity, price, quantity, fee, leaves }
        };
        [leg(maker, taker_side.opposite(), Liquidity::Maker), leg(taker, taker_side, Liquidity::Taker)]
    }

    /// Why the machine stops at it.
    pub(super) fn stop(&self, what: &str) -> Stop {
        Stop(format!("settlement leg of trade {} for order {}: {what}; {WHAT_TO_DO}", self.trade_id, self.order))
    }
}

impl<'a> Reply<'a> {
    /// What the book says, and the id of the command that it answers.
    #[inline]
    pub fn of(answer: &Answer, asked: Option<&'a ClientId>) -> Self {
        let &Answer { order, outcome, reason, price, total, leaves, .. } = answer;
        Self { order, asked, outcome, reason, price, total, leaves: Some(leaves) }
    }

    /// Why the machine stops at it.
    pub(super) fn stop(&self, what: &str) -> Stop {
        Stop(format!("answer {} for order {}: {what}; {WHAT_TO_DO}", self.outcome, self.order))
    }
}

/// Why the machine stops at the record of a leg.
pub(super) fn stop_at_leg(record: &SettlementLeg, what: &str) -> Stop {
    let SettlementLeg { trade_id, order_id, account, symbol, .. } = record;
    Stop(format!(
        "settlement leg of trade {trade_id} for order {order_id} of account {account} in {symbol}: {what}; {WHAT_TO_DO}"
    ))
}

/// Why the machine stops at the record of an answer.
pub(super) fn stop_at_answer(record: &BookAnswer, what: &str) -> Stop {
    let BookAnswer { outcome, order_id, account, symbol, .. } = record;
    Stop(format!("answer {outcome} for order {order_id} of account {account} in {symbol}: {what}; {WHAT_TO_DO}"))
}
