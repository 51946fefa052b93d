//! Orders that are open, or closed with commands still on their way to the book; and what an order has to hold.
//!
//! Invariants:
//! 1. `held` is always [`Order::need`]: of a closed order nothing.
//! 2. Nothing that the book may do with an order takes more than it holds, and no fill or answer makes `need` rise:
//!    only an accepted command of the account does, when there is enough to hold.
//! 3. `pending` is in the order in which the book will answer: the channel to it and back keeps that order.
//!
//! About 2: a buy at `p0` for `o0` open lots with one amend to `p1`, `o1` on its way may fill in part at `p0`
//! first and go on at `p1` for what the new total leaves. Where the amend raises the price, or lowers the quantity,
//! the greater of both needs covers it. Where it lowers the price and raises the quantity it does not:
//! 10 × 100 amended to 20 × 50 needs 1,000 either way, but 5 × 100 and then 15 × 50 cost 1,250. So that case holds
//! p0 × o0 + p1 × (o1 − o0). With several amends on their way it is the highest price for the greatest total.
//!
//! Left out on purpose: balances (`ledger.rs`), the queue (the book's).

use crate::fees::FeeMeter;
use crate::ids::{ClientId, OrderId};
use crate::instrument::Instrument;
use crate::money::{Amount, Price, Quantity};
use crate::records::{OrderStatus, OrderType, Side, TimeInForce};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// What a command on its way to the book asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// A new limit, a new total, or both.
    Amend {
        /// The limit.
        price: Option<Price>,
        /// The total.
        quantity: Option<Quantity>,
    },
    /// Less by so much.
    Reduce(Quantity),
    /// Out of the book.
    Cancel,
}

/// A command that the book has not answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// Its client id.
    pub client_id: ClientId,
    /// What it asks for.
    pub change: Change,
}

/// An order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Its number.
    pub id: OrderId,
    /// Whose: an index of the ledger.
    pub account: u32,
    /// What is traded: an index of the listings.
    pub instrument: u32,
    /// Its client order id.
    pub client_id: ClientId,
    /// Where that lies among the remembered ids while the order is open.
    #[serde(skip)]
    pub id_at: u32,
    /// Buy or sell.
    pub side: Side,
    /// Limit or market.
    pub order_type: OrderType,
    /// How long it lives.
    pub time_in_force: TimeInForce,
    /// Fee as maker, as it was held.
    pub maker_fee_ppm: u32,
    /// Fee as taker, as it was held.
    pub taker_fee_ppm: u32,
    /// The limit; none for market orders.
    pub price: Option<Price>,
    /// The total quantity; none for a market buy by amount.
    pub quantity: Option<Quantity>,
    /// What a market buy may spend, or a market sell must bring.
    pub amount: Option<Amount>,
    /// Its state.
    pub status: OrderStatus,
    /// Filled so far.
    pub filled: Quantity,
    /// Sum of the notionals of its fills, in minor units of the quote.
    pub filled_amount: i128,
    /// Fees of its fills.
    pub fees: FeeMeter,
    /// What it holds: minor units of the quote for a buy, of the base for a sell.
    pub held: i64,
    /// Unanswered commands, oldest first.
    pub pending: SmallVec<[Pending; 1]>,
}

impl Order {
    /// Whether the book may still trade it.
    #[inline]
    pub fn is_open(&self) -> bool {
        matches!(self.status, OrderStatus::Pending | OrderStatus::New | OrderStatus::PartiallyFilled)
    }

    /// Whether it has what an order of its kind has, which one that was loaded need not.
    pub fn is_sound(&self) -> bool {
        let prices = |price: Option<Price>| price.is_none_or(|price| price.0 > 0);
        let totals = |total: Option<Quantity>| total.is_none_or(|total| total.0 > 0);
        let its_kind = match (self.order_type, self.side) {
            (OrderType::Limit, _) => self.price.is_some() && self.quantity.is_some(),
            (OrderType::Market, Side::Sell) => self.quantity.is_some(),
            (OrderType::Market, Side::Buy) => self.amount.is_some(),
        };
        let spent = self.filled_amount.checked_add(self.fees.charged().into());
        let within = |amount: Amount| spent.is_some_and(|spent| spent <= amount.0.into());
        let amended = |pending: &Pending| match pending.change {
            Change::Amend { price, quantity } => prices(price) && totals(quantity),
            Change::Reduce(by) => by.0 > 0,
            Change::Cancel => true,
        };
        its_kind
            && prices(self.price)
            && totals(self.quantity)
            && self.filled.0 >= 0
            && self.filled_amount >= 0
            && self.fees.is_sound()
            && (self.side == Side::Sell || self.amount.is_none_or(within))
            && self.pending.iter().all(amended)
    }

    /// What is open of a total.
    #[inline]
    fn open_of(&self, total: Quantity) -> Quantity {
        Quantity((total.0 - self.filled.0).max(0))
    }

    /// What is open; `None` for a market buy by amount.
    #[inline]
    pub fn open(&self) -> Option<Quantity> {
        self.quantity.map(|total| self.open_of(total))
    }

    /// What a buy by amount may still spend.
    pub fn unspent(&self) -> Option<Amount> {
        let spent = self.filled_amount + i128::from(self.fees.charged());
        self.amount.map(|amount| Amount(i64::try_from(i128::from(amount.0) - spent).expect("spends what it holds")))
    }

    /// What it has to hold so that whatever the book does is covered (invariant 2); `None` when it does not fit.
    #[inline]
    pub fn need(&self, instrument: &Instrument) -> Option<i64> {
        self.need_within(&self.reach(None), instrument)
    }

    /// As [`Self::need`], with one more command on its way; `None` also when something that the book and the ledger may
    /// compute for it does not fit.
    #[inline]
    pub fn need_with(&self, more: Option<&Change>, instrument: &Instrument) -> Option<i64> {
        let reach = self.reach(more);
        self.need_within(&reach, instrument).filter(|_| reach.products_fit(instrument))
    }

    fn need_within(&self, reach: &Reach, instrument: &Instrument) -> Option<i64> {
        if !self.is_open() {
            return Some(0);
        }
        match (self.side, self.order_type) {
            (Side::Sell, _) => instrument.base_amount(self.most_open(reach)).map(|amount| amount.0),
            (Side::Buy, OrderType::Market) => self.unspent().map(|amount| amount.0),
            (Side::Buy, OrderType::Limit) => {
                let notional = self.most_notional(reach, instrument)?;
                let fee = self.fees.checked_most(notional.into(), self.maker_fee_ppm.max(self.taker_fee_ppm))?;
                notional.checked_add(fee)
            }
        }
    }

    /// What pending amends, and `more`, may bring about; the order's own price and total where they name none.
    #[inline]
    fn reach(&self, more: Option<&Change>) -> Reach {
        let mut reach =
            Reach { price: self.price, total: self.quantity, amends: 0, newest: (self.price, self.quantity) };
        for pending in &self.pending {
            reach.widen(self, &pending.change);
        }
        if let Some(change) = more {
            reach.widen(self, change);
        }
        reach
    }

    /// The greatest quantity that may be open until all pending commands are answered.
    fn most_open(&self, reach: &Reach) -> Quantity {
        self.open_of(reach.total.expect("a sell and a limit order have a quantity"))
    }

    /// The most that a limit buy may still cost before fees, until all pending commands are answered.
    fn most_notional(&self, reach: &Reach, instrument: &Instrument) -> Option<i64> {
        let (price, open) = (self.limit(), self.open().expect("a limit order has a quantity"));
        if reach.amends == 0 {
            return instrument.checked_notional(price, open);
        }
        if reach.amends > 1 {
            return instrument.checked_notional(reach.price.unwrap_or(price), self.most_open(reach));
        }
        let (new_price, new_total) = reach.newest;
        let new_price = new_price.expect("a limit order has a price");
        let new_open = self.open_of(new_total.expect("a limit order has a quantity"));
        let now = instrument.checked_notional(price, open)?;
        let then = instrument.checked_notional(new_price, new_open)?;
        if new_price >= price {
            return Some(now.max(then));
        }
        let grown = Quantity((new_open.0 - open.0).max(0));
        let both = now.checked_add(instrument.checked_notional(new_price, grown)?)?;
        Some(then.max(both))
    }

    /// The price of a limit order.
    #[inline]
    pub fn limit(&self) -> Price {
        self.price.expect("a limit order has a price")
    }

    /// Whether a cancel is on its way to the book.
    #[inline]
    pub fn cancel_pending(&self) -> bool {
        self.pending.iter().any(|pending| pending.change == Change::Cancel)
    }
}

/// What may become of an order until all its pending commands are answered.
struct Reach {
    /// The highest price.
    price: Option<Price>,
    /// The greatest total.
    total: Option<Quantity>,
    /// How many amends are on their way.
    amends: usize,
    /// Price and total of the newest of them.
    newest: (Option<Price>, Option<Quantity>),
}

impl Reach {
    /// One more command is on its way.
    #[inline]
    fn widen(&mut self, order: &Order, change: &Change) {
        if let Change::Amend { price, quantity } = *change {
            self.amends += 1;
            self.newest = (price.or(order.price), quantity.or(order.quantity));
            self.price = self.price.max(price);
            self.total = self.total.max(quantity);
        }
    }

    /// Whether the notional at the highest price for the greatest total, and that total in base, fit 64 bits.
    #[inline]
    fn products_fit(&self, instrument: &Instrument) -> bool {
        let base_fits = self.total.is_none_or(|total| instrument.base_amount(total).is_some());
        let product = |(price, total)| instrument.checked_notional(price, total);
        base_fits && self.price.zip(self.total).is_none_or(|factors| product(factors).is_some())
    }
}

/// The orders, in slots that are used again. The hash map is for look-up only.
#[derive(Debug, Clone, Default)]
pub struct Orders {
    slots: Vec<Option<Order>>,
    free: Vec<u32>,
    by_id: FxHashMap<OrderId, u32>,
}

impl Orders {
    /// The slot of an order.
    #[inline]
    pub fn find(&self, id: OrderId) -> Option<u32> {
        self.by_id.get(&id).copied()
    }

    /// The order in a slot.
    #[inline]
    pub fn get(&self, slot: u32) -> &Order {
        self.slots[slot as usize].as_ref().expect("a slot that is referred to is taken")
    }

    /// The order in a slot.
    #[inline]
    pub fn get_mut(&mut self, slot: u32) -> &mut Order {
        self.slots[slot as usize].as_mut().expect("a slot that is referred to is taken")
    }

    /// Adds an order; its slot.
    pub fn add(&mut self, order: Order) -> u32 {
        let id = order.id;
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = Some(order);
                slot
            }
            None => {
                self.slots.push(Some(order));
                u32::try_from(self.slots.len() - 1).expect("fewer than 2^32 open orders")
            }
        };
        assert!(self.by_id.insert(id, slot).is_none(), "order {id} is there twice");
        slot
    }

    /// Removes the order in a slot.
    pub fn remove(&mut self, slot: u32) {
        let order = self.slots[slot as usize].take().expect("an order is removed once");
        self.by_id.remove(&order.id);
        self.free.push(slot);
    }

    /// All orders, by their number.
    pub fn sorted(&self) -> Vec<&Order> {
        let mut list: Vec<&Order> = self.slots.iter().flatten().collect();
        list.sort_unstable_by_key(|order| order.id);
        list
    }
}
