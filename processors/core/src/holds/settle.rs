//! Settlement: one side of a trade moves the account's money, its order's hold, and the order itself.
//!
//! A buyer pays the notional into CLEARING and the fee into FEES and gets the quantity out of CLEARING; a seller pays
//! the quantity into CLEARING and gets the notional out of it, less the fee into FEES.
//!
//! Invariants:
//! 1. Price, quantity, fee and what stays open are computed again here; a leg that says otherwise stops the machine.
//! 2. A fill never takes more than the order holds, and what it holds afterwards needs no fresh money.
//!
//! Left out on purpose: whether the trade was due; that is matching's.

use super::Holds;
use super::ledger::Line;
use super::listings::Listed;
use super::orders::Order;
use crate::instrument::Instrument;
use crate::machine::{Effects, Stop, Topic};
use crate::money::{Amount, Decimal, Price, Quantity};
use crate::records::{
    JournalEntry, JournalKind, LedgerAccount, Liquidity, OrderEventKind, OrderFill, OrderStatus, OrderType, Posting,
    SettlementLeg, Side,
};

/// A leg, checked, in the units of its instrument.
struct Fill {
    slot: u32,
    quantity: Quantity,
    notional: i128,
    base: i64,
    /// What it takes from the order's hold.
    paid: i128,
    fills_up: bool,
}

impl Holds {
    /// Settles one side of a trade.
    pub(super) fn settle(&mut self, leg: &SettlementLeg, effects: &mut Effects) -> Result<(), Stop> {
        let fill = self.check_leg(leg).map_err(|what| {
            let SettlementLeg { trade_id, order_id, account, symbol, .. } = leg;
            Stop(format!(
                "settlement leg of trade {trade_id} for order {order_id} of account {account} in {symbol}: {what}; \
                 it is forged or shows a bug: keep the log and compare the replay of `books` with it"
            ))
        })?;
        // Nothing can fail from here on.
        if self.orders.get(fill.slot).status == OrderStatus::Pending {
            self.orders.get_mut(fill.slot).status = OrderStatus::New;
            effects.emit(Topic::OrderEvents, self.event(self.orders.get(fill.slot), OrderEventKind::New));
        }
        self.fill_order(&fill, leg);
        let postings = self.book_fill(&fill, leg);
        let order = self.orders.get(fill.slot);
        effects.emit(
            Topic::Journal,
            JournalEntry {
                account: leg.account.clone(),
                entry: self.ledger.entries,
                time: self.time,
                kind: JournalKind::Trade,
                client_id: None,
                order_id: Some(order.id),
                trade_id: Some(leg.trade_id),
                postings,
            },
        );
        let mut event = self.event(order, OrderEventKind::Trade);
        event.fill = Some(OrderFill {
            trade_id: leg.trade_id,
            liquidity: leg.liquidity,
            price: leg.price,
            quantity: leg.quantity,
            fee: leg.fee,
        });
        effects.emit(Topic::OrderEvents, event);
        if fill.fills_up {
            self.close(fill.slot);
        }
        Ok(())
    }

    fn check_leg(&self, leg: &SettlementLeg) -> Result<Fill, String> {
        let slot = self.orders.find(leg.order_id).ok_or("there is no such order")?;
        let order = self.orders.get(slot);
        let listed = self.listings.get(order.instrument);
        let instrument = &listed.instrument;
        self.check_names(order, leg)?;
        let price = instrument.price(leg.price).filter(|p| p.0 > 0).ok_or("its price is not a number of ticks")?;
        let quantity =
            instrument.quantity(leg.quantity).filter(|q| q.0 > 0).ok_or("its quantity is not a number of lots")?;
        check_limits(order, price, quantity)?;
        let notional = instrument.checked_notional(price, quantity).filter(|n| i64::try_from(*n).is_ok());
        let notional = notional.ok_or("price x quantity does not fit")?;
        let base = instrument.base_amount(quantity).ok_or("its quantity does not fit")?.0;
        let fee = order.fees.checked_most(notional, order.rate(leg.liquidity)).ok_or("its fee does not fit")?;
        if instrument.quote_amount(leg.fee) != Some(Amount(fee)) {
            return Err(format!("its fee is {}, here it is {}", leg.fee, instrument.quote_decimal(Amount(fee))));
        }
        let paid = match order.side {
            Side::Buy => notional + i128::from(fee),
            Side::Sell => i128::from(base),
        };
        if paid > i128::from(order.held) {
            return Err(format!("it takes {paid} minor units, the order holds {}", order.held));
        }
        let fills_up = check_leaves(order, instrument, quantity, paid, leg.leaves)?;
        Ok(Fill { slot, quantity, notional, base, paid, fills_up })
    }

    fn check_names(&self, order: &Order, leg: &SettlementLeg) -> Result<(), String> {
        let (account, symbol) =
            (&self.ledger.account(order.account).name, &self.listings.get(order.instrument).instrument.symbol);
        if (account, symbol, order.side) != (&leg.account, &leg.symbol, leg.side) {
            return Err(format!("the order is a {} of {account} in {symbol}", order.side));
        }
        if order.is_open() { Ok(()) } else { Err(format!("the order is {}", order.status)) }
    }

    /// Moves the order on: what is filled, charged, and held.
    fn fill_order(&mut self, fill: &Fill, leg: &SettlementLeg) {
        let order = self.orders.get_mut(fill.slot);
        order.filled = order.filled.plus(fill.quantity);
        order.filled_amount += fill.notional;
        order.fees.charge(fill.notional, order.rate(leg.liquidity));
        order.status = if fill.fills_up { OrderStatus::Filled } else { OrderStatus::PartiallyFilled };
        let before = order.held;
        self.rehold(fill.slot);
        let held = self.orders.get(fill.slot).held;
        assert!(
            i128::from(before) - fill.paid >= i128::from(held),
            "order {}: a fill of {} out of {before} leaves {held} to hold: invariant 2",
            leg.order_id,
            fill.paid,
        );
    }

    /// Books the fill. The hold was let go before, so that the balance covers it.
    fn book_fill(&mut self, fill: &Fill, leg: &SettlementLeg) -> Vec<Posting> {
        use LedgerAccount::{Clearing, Fees, Member};
        let order = self.orders.get(fill.slot);
        let &Listed { base: base_asset, quote, .. } = self.listings.get(order.instrument);
        let base = i128::from(fill.base);
        let (money, shares) = match order.side {
            Side::Buy => (-fill.notional, base),
            Side::Sell => (fill.notional, -base),
        };
        let fee = i128::from(self.fee_of(leg, order));
        let lines: [Line; 5] = [
            (Member, quote, money - fee),
            (Clearing, quote, -money),
            (Clearing, base_asset, -shares),
            (Member, base_asset, shares),
            (Fees, quote, fee),
        ];
        // A fill without a fee has no line for it.
        let count = if fee == 0 { 4 } else { 5 };
        self.ledger.post(order.account, &lines[..count])
    }

    fn fee_of(&self, leg: &SettlementLeg, order: &Order) -> i64 {
        let instrument = &self.listings.get(order.instrument).instrument;
        instrument.quote_amount(leg.fee).expect("a checked fee is whole").0
    }

    /// Brings what an order holds to what it needs, which is never more: the account's balance follows.
    pub(super) fn rehold(&mut self, slot: u32) {
        let order = self.orders.get_mut(slot);
        let listed = self.listings.get(order.instrument);
        let need = order.need(&listed.instrument).expect("what needs no more than before fits");
        assert!(need <= order.held, "order {} holds {} and would need {need}", order.id, order.held);
        let by = need - order.held;
        order.held = need;
        self.ledger.hold(order.account, listed.pays(order.side), by);
    }

    /// Closes an order whose state says so already: it holds nothing, its id is kept until its time only, and it goes
    /// once the book has answered all that is on its way.
    pub(super) fn close(&mut self, slot: u32) {
        let order = self.orders.get(slot);
        assert!(!order.is_open() && order.held == 0, "order {} is not ready to be closed", order.id);
        let account = self.ledger.account_mut(order.account);
        account.open_orders -= 1;
        account.window.close(&order.client_id);
        if order.pending.is_empty() {
            self.orders.remove(slot);
        }
    }
}

impl Order {
    fn rate(&self, liquidity: Liquidity) -> u32 {
        match liquidity {
            Liquidity::Maker => self.maker_fee_ppm,
            Liquidity::Taker => self.taker_fee_ppm,
        }
    }
}

fn check_limits(order: &Order, price: Price, quantity: Quantity) -> Result<(), String> {
    let beyond = order.price.is_some_and(|limit| match order.side {
        Side::Buy => price > limit,
        Side::Sell => price < limit,
    });
    if beyond {
        return Err("its price is beyond the order's limit".into());
    }
    if order.open().is_some_and(|open| quantity > open) {
        return Err("its quantity is more than is open".into());
    }
    Ok(())
}

/// Whether the leg fills the order up; an error where it says something else than is left here.
fn check_leaves(
    order: &Order,
    instrument: &Instrument,
    quantity: Quantity,
    paid: i128,
    leaves: Decimal,
) -> Result<bool, String> {
    if let Some(open) = order.open() {
        let rest = instrument.quantity_decimal(open.minus(quantity));
        if leaves != rest {
            return Err(format!("it leaves {leaves}, here {rest} stays open"));
        }
        return Ok(rest == Decimal::ZERO);
    }
    assert_eq!(order.order_type, OrderType::Market, "only a market buy has no quantity");
    if leaves == Decimal::ZERO {
        return Ok(true);
    }
    let rest = i64::try_from(i128::from(order.held) - paid).expect("no more than it holds");
    let rest = instrument.quote_decimal(Amount(rest));
    if leaves != rest {
        return Err(format!("it leaves {leaves} to spend, here it is {rest}"));
    }
    Ok(false)
}
