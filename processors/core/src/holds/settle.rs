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
use super::ledger::{Line, Postings};
use super::listings::Listed;
use super::orders::Order;
use super::out::{Entry, Fill, HoldsOut, Step};
use super::replies::Leg;
use crate::book::Leaves;
use crate::instrument::Instrument;
use crate::money::{Amount, Price, Quantity};
use crate::records::{JournalKind, LedgerAccount, Liquidity, OrderEventKind, OrderStatus, OrderType, Side};

/// A leg, checked: what it does to its order.
struct Effect {
    slot: u32,
    notional: i128,
    base: i64,
    /// What it takes from the order's hold.
    paid: i128,
    fills_up: bool,
}

impl Holds {
    /// Settles one side of a trade; why not, where it does not fit its order.
    pub(super) fn settle(&mut self, leg: &Leg, out: &mut impl HoldsOut) -> Result<(), String> {
        let effect = self.check_leg(leg)?;
        // Nothing can fail from here on.
        let slot = effect.slot;
        if self.orders.get(slot).status == OrderStatus::Pending {
            self.orders.get_mut(slot).status = OrderStatus::New;
            out.step(&self.names(), &Step::new(self.orders.get(slot), OrderEventKind::New));
        }
        self.fill_order(&effect, leg);
        let postings = self.book_fill(&effect, leg);
        let order = self.orders.get(slot);
        let entry = Entry {
            account: order.account,
            number: self.ledger.entries,
            kind: JournalKind::Trade,
            client_id: None,
            order_id: Some(order.id),
            trade_id: Some(leg.trade_id),
            postings: &postings,
        };
        out.entry(&self.names(), &entry);
        let &Leg { trade_id, liquidity, price, quantity, fee, .. } = leg;
        let fill = Some(Fill { trade_id, liquidity, price, quantity, fee });
        out.step(&self.names(), &Step { fill, ..Step::new(order, OrderEventKind::Trade) });
        if effect.fills_up {
            self.close(slot);
        }
        Ok(())
    }

    fn check_leg(&self, leg: &Leg) -> Result<Effect, String> {
        let slot = self.orders.find(leg.order).ok_or("there is no such order")?;
        let order = self.orders.get(slot);
        let instrument = &self.listings.get(order.instrument).instrument;
        if order.side != leg.side {
            return Err(format!("the order is a {}", order.side));
        }
        if !order.is_open() {
            return Err(format!("the order is {}", order.status));
        }
        check_limits(order, leg.price, leg.quantity)?;
        let notional = instrument.checked_notional(leg.price, leg.quantity).ok_or("price x quantity does not fit")?;
        let notional = i128::from(notional);
        let base = instrument.base_amount(leg.quantity).ok_or("its quantity does not fit")?.0;
        let fee = order.fees.checked_most(notional, order.rate(leg.liquidity)).ok_or("its fee does not fit")?;
        if leg.fee != fee {
            let [said, here] = [leg.fee, fee].map(|fee| instrument.quote_decimal(Amount(fee)));
            return Err(format!("its fee is {said}, here it is {here}"));
        }
        let paid = match order.side {
            Side::Buy => notional + i128::from(fee),
            Side::Sell => i128::from(base),
        };
        if paid > i128::from(order.held) {
            return Err(format!("it takes {paid} minor units, the order holds {}", order.held));
        }
        let fills_up = check_leaves(order, instrument, leg, paid)?;
        Ok(Effect { slot, notional, base, paid, fills_up })
    }

    /// Moves the order on: what is filled, charged, and held.
    fn fill_order(&mut self, fill: &Effect, leg: &Leg) {
        let order = self.orders.get_mut(fill.slot);
        order.filled = order.filled.plus(leg.quantity);
        order.filled_amount += fill.notional;
        order.fees.charge(fill.notional, order.rate(leg.liquidity));
        order.status = if fill.fills_up { OrderStatus::Filled } else { OrderStatus::PartiallyFilled };
        let before = order.held;
        self.rehold(fill.slot);
        let held = self.orders.get(fill.slot).held;
        assert!(
            i128::from(before) - fill.paid >= i128::from(held),
            "order {}: a fill of {} out of {before} leaves {held} to hold: invariant 2",
            leg.order,
            fill.paid,
        );
    }

    /// Books the fill. The hold was let go before, so that the balance covers it.
    fn book_fill(&mut self, fill: &Effect, leg: &Leg) -> Postings {
        use LedgerAccount::{Clearing, Fees, Member};
        let order = self.orders.get(fill.slot);
        let &Listed { base: base_asset, quote, .. } = self.listings.get(order.instrument);
        let base = i128::from(fill.base);
        let (money, shares) = match order.side {
            Side::Buy => (-fill.notional, base),
            Side::Sell => (fill.notional, -base),
        };
        let fee = i128::from(leg.fee);
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

    /// Brings what an order holds to what it needs, which is never more: the account's balance follows.
    #[inline]
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
        self.ledger.account_mut(order.account).open_orders -= 1;
        self.windows.close(order.id_at, slot, self.time);
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
fn check_leaves(order: &Order, instrument: &Instrument, leg: &Leg, paid: i128) -> Result<bool, String> {
    match (order.open(), leg.leaves) {
        (Some(open), Leaves::Lots(said)) => {
            let rest = open.minus(leg.quantity);
            if said != rest {
                let [said, rest] = [said, rest].map(|lots| instrument.quantity_decimal(lots));
                return Err(format!("it leaves {said}, here {rest} stays open"));
            }
            Ok(rest.is_zero())
        }
        (None, Leaves::Quote(Amount(0))) => Ok(true),
        (None, Leaves::Quote(said)) => {
            assert_eq!(order.order_type, OrderType::Market, "only a market buy has no quantity");
            let rest = Amount(i64::try_from(i128::from(order.held) - paid).expect("no more than it holds"));
            if said != rest {
                let [said, rest] = [said, rest].map(|amount| instrument.quote_decimal(amount));
                return Err(format!("it leaves {said} to spend, here it is {rest}"));
            }
            Ok(false)
        }
        (_, said) => Err(format!("it leaves {said:?}, which is not what the order names")),
    }
}
