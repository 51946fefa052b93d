//! Orders as the book computes with them: integers of one instrument, and accounts by a dense index.
//!
//! Invariants:
//! 1. An order that rests has `open` above zero; its total is always `filled + open`.
//! 2. Of two resting orders of one side the better price goes first, of one price the lower `priority`.
//!    A priority is never given twice.
//!
//! Left out on purpose: names. The machine turns account ids into [`AccountIndex`] and decimals into integers.

use crate::fees::FeeMeter;
use crate::ids::OrderId;
use crate::money::{Amount, Price, Quantity};
use crate::records::{Phase, Reason, SelfMatchPrevention, Side, TimeInForce};
use serde::{Deserialize, Serialize};

/// An account, by its place in the machine's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AccountIndex(pub u32);

/// An order that rests, or may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Order {
    /// Its number.
    pub id: OrderId,
    /// Whose.
    pub account: AccountIndex,
    /// Buy or sell.
    pub side: Side,
    /// Its limit. A market order, which never rests, has the end of all prices.
    pub price: Price,
    /// What may still trade.
    pub open: Quantity,
    /// What has traded.
    pub filled: Quantity,
    /// When it took its place in the queue: lower is earlier.
    pub priority: u64,
    /// What it was charged.
    pub fees: FeeMeter,
    /// Rate when it rests, millionths.
    pub maker_fee_ppm: u32,
    /// Rate when it comes in, millionths.
    pub taker_fee_ppm: u32,
    /// What happens when it comes in and meets its own account.
    pub self_match_prevention: SelfMatchPrevention,
    /// Refused rather than take liquidity.
    pub post_only: bool,
    /// Expires when the day or the session ends.
    pub day: bool,
}

impl Order {
    /// The total quantity, as in FIX.
    pub fn total(&self) -> Quantity {
        self.filled.plus(self.open)
    }

    /// Whether its limit lets it trade at `price`.
    pub fn reaches(&self, price: Price) -> bool {
        match self.side {
            Side::Buy => price <= self.price,
            Side::Sell => price >= self.price,
        }
    }

    /// Books a fill of `lots` for `notional` minor units at `ppm`, and returns its fee in minor units.
    pub fn fill(&mut self, lots: Quantity, notional: i128, ppm: u32) -> i64 {
        self.open = self.open.minus(lots);
        self.filled = self.filled.plus(lots);
        self.fees.charge(notional, ppm)
    }
}

/// An order that comes in: [`crate::records::HeldOrder`] in integers. Its table of combinations holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewOrder {
    /// Its number.
    pub id: OrderId,
    /// Whose.
    pub account: AccountIndex,
    /// Buy or sell.
    pub side: Side,
    /// Its limit; absent for a market order.
    pub price: Option<Price>,
    /// How much; absent for a market buy that names only what it may spend.
    pub quantity: Option<Quantity>,
    /// What a market buy may spend, fees included; what a market sell FOK must bring, before fees.
    pub amount: Option<Amount>,
    /// How long it lives.
    pub time_in_force: TimeInForce,
    /// Refused rather than take liquidity.
    pub post_only: bool,
    /// What happens when it meets its own account.
    pub self_match_prevention: SelfMatchPrevention,
    /// Rate when it rests, millionths.
    pub maker_fee_ppm: u32,
    /// Rate when it comes in, millionths.
    pub taker_fee_ppm: u32,
}

impl NewOrder {
    /// Whether it may rest when it is not filled.
    pub fn may_rest(&self) -> bool {
        self.price.is_some() && matches!(self.time_in_force, TimeInForce::Gtc | TimeInForce::Day)
    }

    /// Why it may not enter in this phase.
    pub fn refusal_in(&self, phase: Phase) -> Option<Reason> {
        let enters = match phase {
            Phase::Open => true,
            Phase::PreOpen => self.may_rest(),
            Phase::Closed | Phase::Halted => false,
        };
        (!enters).then_some(Reason::Phase)
    }
}

/// Whether orders may be amended and reduced in this phase; they may be canceled in every phase.
pub fn may_amend(phase: Phase) -> bool {
    matches!(phase, Phase::Open | Phase::PreOpen)
}

/// An order on its way through the other side of the book.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Taker {
    /// The order. With `budget` its `open` is zero.
    pub order: Order,
    /// What a market buy without a quantity may still spend, fees included.
    pub budget: Option<Amount>,
    /// It has a limit.
    pub limited: bool,
    /// What it cannot trade rests; otherwise it expires.
    pub rests: bool,
    /// Its account knows already that the order is in: by an answer or by a leg.
    pub answered: bool,
}

impl Taker {
    /// A new order as it enters.
    pub fn new(new: &NewOrder) -> Self {
        let by_amount = new.quantity.is_none();
        assert!(
            !by_amount || (new.price.is_none() && new.side == Side::Buy && new.amount.is_some()),
            "{}: only a market buy that names an amount goes without a quantity",
            new.id
        );
        let end_of_prices = match new.side {
            Side::Buy => Price(i64::MAX),
            Side::Sell => Price(i64::MIN),
        };
        let order = Order {
            id: new.id,
            account: new.account,
            side: new.side,
            price: new.price.unwrap_or(end_of_prices),
            open: new.quantity.unwrap_or(Quantity::ZERO),
            filled: Quantity::ZERO,
            priority: 0,
            fees: FeeMeter::default(),
            maker_fee_ppm: new.maker_fee_ppm,
            taker_fee_ppm: new.taker_fee_ppm,
            self_match_prevention: new.self_match_prevention,
            post_only: new.post_only,
            day: new.time_in_force == TimeInForce::Day,
        };
        Self {
            order,
            budget: if by_amount { new.amount } else { None },
            limited: new.price.is_some(),
            rests: new.may_rest(),
            answered: false,
        }
    }

    /// A resting order that an amend sent in again.
    pub fn amended(order: Order) -> Self {
        Self { order, budget: None, limited: true, rests: true, answered: true }
    }
}

/// A new limit, a new total, or both, for an open order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amend {
    /// Which order.
    pub id: OrderId,
    /// Whose.
    pub account: AccountIndex,
    /// The new limit.
    pub price: Option<Price>,
    /// The new total.
    pub total: Option<Quantity>,
}

/// What can be done to a book.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// An order comes in.
    Place(NewOrder),
    /// A new limit, a new total, or both.
    Amend(Amend),
    /// Less quantity.
    Reduce {
        /// Which order.
        id: OrderId,
        /// Whose.
        account: AccountIndex,
        /// How much less.
        by: Quantity,
    },
    /// Take it out.
    Cancel {
        /// Which order.
        id: OrderId,
        /// Whose.
        account: AccountIndex,
    },
    /// Trade by the rules of that phase from here on.
    Enter(Phase),
    /// The zone's day ended: day orders expire.
    EndDay,
}

impl Command {
    /// Whose command it is, to be renumbered when it is saved or loaded.
    pub fn account_mut(&mut self) -> Option<&mut AccountIndex> {
        match self {
            Self::Place(NewOrder { account, .. })
            | Self::Amend(Amend { account, .. })
            | Self::Reduce { account, .. }
            | Self::Cancel { account, .. } => Some(account),
            Self::Enter(_) | Self::EndDay => None,
        }
    }
}

/// Work that a book has begun and not finished: it goes on before anything else is applied.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Work {
    /// None.
    Idle,
    /// An order still takes.
    Take(Taker),
    /// A crossed book trades before it opens.
    Uncross,
    /// Day orders expire.
    Expire,
}

/// A book's whole state, the same whatever the implementation: what snapshots keep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookState {
    /// The phase.
    pub phase: Phase,
    /// Unfinished work.
    pub work: Work,
    /// The next priority that will be given.
    pub next_priority: u64,
    /// Buy orders, first to trade first.
    pub bids: Vec<Order>,
    /// Sell orders, first to trade first.
    pub asks: Vec<Order>,
}

impl BookState {
    /// Whose orders these are, to be renumbered when they are saved or loaded.
    pub fn accounts_mut(&mut self) -> impl Iterator<Item = &mut AccountIndex> {
        let taker = match &mut self.work {
            Work::Take(taker) => Some(&mut taker.order),
            Work::Idle | Work::Uncross | Work::Expire => None,
        };
        self.bids.iter_mut().chain(&mut self.asks).chain(taker).map(|order| &mut order.account)
    }

    /// What is wrong with a state that was read from bytes, if anything.
    pub fn check(&self) -> Result<(), String> {
        let mut ids: Vec<OrderId> = self.bids.iter().chain(&self.asks).map(|order| order.id).collect();
        let orders = ids.len();
        ids.sort_unstable();
        ids.dedup();
        if ids.len() != orders {
            return Err("an order rests twice".into());
        }
        for (side, queue) in [(Side::Buy, &self.bids), (Side::Sell, &self.asks)] {
            let rank =
                |o: &Order| (if side == Side::Buy { -i128::from(o.price.0) } else { o.price.0.into() }, o.priority);
            let well = |o: &Order| o.side == side && o.open > Quantity::ZERO && o.priority < self.next_priority;
            if let Some(bad) = queue.iter().find(|order| !well(order)) {
                return Err(format!("order {} cannot rest where it stands", bad.id));
            }
            if !queue.is_sorted_by(|a, b| rank(a) < rank(b)) {
                return Err(format!("{side} orders are not in price-time order"));
            }
        }
        Ok(())
    }
}
