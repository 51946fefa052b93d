//! What a book says: trades, answers, and which levels changed; collected in a buffer that is used again and again.
//!
//! Invariants:
//! 1. A command other than a placement has exactly one answer, and it is the command's first event.
//! 2. A book asks [`Events::is_full`] before each step, and a step adds at most [`STEP_WEIGHT`].
//!
//! Left out on purpose: names, decimals, trade ids; the machine puts them on.

use crate::book::order::{AccountIndex, Order, Taker};
use crate::ids::OrderId;
use crate::money::{Amount, Price, Quantity};
use crate::records::{BookOutcome, Reason, Side};

/// What stays open of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Leaves {
    /// So many lots.
    Lots(Quantity),
    /// A market buy without a quantity: so many minor units of the quote.
    Quote(Amount),
}

/// One side of a trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Party {
    /// Its order.
    pub order: OrderId,
    /// Whose.
    pub account: AccountIndex,
    /// The fee of this fill, in minor units of the quote.
    pub fee: i64,
    /// What stays open after it.
    pub leaves: Leaves,
}

/// A trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Trade {
    /// At the maker's price.
    pub price: Price,
    /// How many lots.
    pub quantity: Quantity,
    /// The taker's side.
    pub taker_side: Side,
    /// Who was there first.
    pub maker: Party,
    /// Who came.
    pub taker: Party,
}

/// What happened to an order besides trades.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Answer {
    /// Which order.
    pub order: OrderId,
    /// Whose.
    pub account: AccountIndex,
    /// What happened.
    pub outcome: BookOutcome,
    /// Why.
    pub reason: Option<Reason>,
    /// Its limit.
    pub price: Option<Price>,
    /// Its total quantity; when it closed, the total it had.
    pub total: Option<Quantity>,
    /// What stays open; when it closed, what was open.
    pub leaves: Leaves,
}

impl Answer {
    /// About a resting order as it stands.
    pub fn of(order: &Order, outcome: BookOutcome, reason: Option<Reason>) -> Self {
        Self {
            order: order.id,
            account: order.account,
            outcome,
            reason,
            price: Some(order.price),
            total: Some(order.total()),
            leaves: Leaves::Lots(order.open),
        }
    }

    /// About an incoming order as it stands.
    pub fn of_taker(taker: &Taker, outcome: BookOutcome, reason: Option<Reason>) -> Self {
        let answer = Self::of(&taker.order, outcome, reason);
        let price = answer.price.filter(|_| taker.limited);
        match taker.budget {
            Some(left) => Self { price, total: None, leaves: Leaves::Quote(left), ..answer },
            None => Self { price, ..answer },
        }
    }

    /// An order was amended: its limit, total and what is open of it now.
    pub fn amended(order: OrderId, account: AccountIndex, price: Price, total: Quantity, open: Quantity) -> Self {
        Self {
            order,
            account,
            outcome: BookOutcome::Amended,
            reason: None,
            price: Some(price),
            total: Some(total),
            leaves: Leaves::Lots(open),
        }
    }

    /// A command on an order is refused, the order is as it was: `open` stays.
    pub fn refused(order: OrderId, account: AccountIndex, reason: Reason, open: Quantity) -> Self {
        Self {
            order,
            account,
            outcome: BookOutcome::Refused,
            reason: Some(reason),
            price: None,
            total: None,
            leaves: Leaves::Lots(open),
        }
    }
}

/// Something that happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// A trade.
    Trade(Trade),
    /// Anything else.
    Answer(Answer),
}

/// The most that one step of a book adds to [`Events::weight`].
pub const STEP_WEIGHT: usize = 4;

/// The events of one apply, in order.
#[derive(Debug, Default)]
pub struct Events {
    list: Vec<Event>,
    touched: Vec<(Side, Price)>,
    weight: usize,
    bound: usize,
}

impl Events {
    /// An empty buffer that is full at `bound` records.
    pub fn new(bound: usize) -> Self {
        Self { bound, ..Self::default() }
    }

    /// Empties it and sets where it is full.
    #[inline]
    pub fn reset(&mut self, bound: usize) {
        self.list.clear();
        self.touched.clear();
        self.weight = 0;
        self.bound = bound;
    }

    /// Adds a trade.
    #[inline]
    pub fn trade(&mut self, trade: Trade) {
        self.weight += 3;
        self.list.push(Event::Trade(trade));
    }

    /// Adds an answer.
    #[inline]
    pub fn answer(&mut self, answer: Answer) {
        self.weight += 1;
        self.list.push(Event::Answer(answer));
    }

    /// Notes that the level changed.
    #[inline]
    pub fn touch(&mut self, side: Side, price: Price) {
        if self.touched.last() != Some(&(side, price)) {
            self.touched.push((side, price));
        }
    }

    /// As [`Self::touch`] of two levels, which may be the same.
    #[inline]
    pub fn touch_both(&mut self, side: Side, first: Price, second: Price) {
        if self.touched.is_empty() && first != second {
            return self.touched.extend_from_slice(&[(side, first), (side, second)]);
        }
        self.touch(side, first);
        self.touch(side, second);
    }

    /// Whether a book has to keep the rest back.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.weight >= self.bound
    }

    /// How many answers fit before it is full.
    pub fn room(&self) -> usize {
        self.bound.saturating_sub(self.weight)
    }

    /// How many records the events become: three for a trade, one for an answer.
    pub fn weight(&self) -> usize {
        self.weight
    }

    /// The events.
    #[inline]
    pub fn list(&self) -> &[Event] {
        &self.list
    }

    /// The events were told and go; what they weigh still counts, and the changed levels stay.
    #[inline]
    pub fn told(&mut self) {
        self.list.clear();
    }

    /// The levels that changed, each once: bids best first, then asks best first.
    #[inline]
    pub fn levels(&mut self) -> &[(Side, Price)] {
        // Bids fall: the complement of a number falls as it rises.
        let rank = |&(side, price): &(Side, Price)| match side {
            Side::Buy => (0, !price.0),
            Side::Sell => (1, price.0),
        };
        match &mut self.touched[..] {
            [] | [_] => {}
            // As most moves leave them; touched one after the other, they are not the same.
            [first, second] if rank(first) > rank(second) => std::mem::swap(first, second),
            [_, _] => {}
            _ => {
                self.touched.sort_unstable_by_key(rank);
                self.touched.dedup();
            }
        }
        &self.touched
    }
}
