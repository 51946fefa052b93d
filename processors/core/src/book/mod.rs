//! The book: who trades with whom, at what price, in which order; and the machine `matching` around it.
//!
//! A [`Book`] is one instrument's orders in integers. Two implementations say the same after every command:
//! [`NaiveBook`], obviously right, and [`FastBook`]. The machine [`Matching`] keeps a book for each symbol of its
//! partition, turns records of `books` into [`Command`]s, and what the book says into records.
//!
//! Invariants:
//! 1. Price-time priority: the best price first, within a price the order that took its place first.
//! 2. A trade is at the price of the order that was there first; what one side sells the other buys.
//! 3. In phase OPEN, with no work unfinished, the book is not crossed.
//! 4. An order id is in the book at most once, and answers and legs tell its account all that happens to it.
//! 5. A step emits a bounded number of records; unfinished work ([`Work`]) goes on before the next command.
//! 6. Both implementations give equal [`state_digest`]s after equal commands.
//!
//! Room left for what is not built:
//! - Stop orders: a second set of orders by trigger price that a trade's price turns into [`Command::Place`];
//!   they are [`Work`] like an expiry, so that a cascade drains within the bound.
//! - Icebergs: an order whose `open` is its peak, with a hidden rest from which a new peak takes a new priority.
//! - Call auctions at one price: another [`Work`] beside [`Work::Uncross`], which finds the price first; phase
//!   PRE_OPEN already collects crossing orders.
//!
//! Left out on purpose: holds and balances (what stands in `books` is paid for), and persistence: [`BookState`] is all.

mod commands;
mod depth;
mod emit;
mod events;
mod fast;
mod fill_or_kill;
mod market;
mod matching;
mod naive;
mod order;
mod saved;
mod store;
#[cfg(test)]
mod tests;

pub use emit::{Levels, MatchingOut, Names};
pub use events::{Answer, Event, Events, Leaves, Party, STEP_WEIGHT, Trade};
pub use fast::FastBook;
pub use matching::Matching;
pub use naive::NaiveBook;
pub use order::{AccountIndex, Amend, BookState, Command, NewOrder, Order, Taker, Work, may_amend};

use crate::ids::OrderId;
use crate::money::{Price, Quantity};
use crate::records::{Phase, Side};
use std::hash::{Hash, Hasher};

/// A price level: all that is open there and how many orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LevelTotal {
    /// Its price.
    pub price: Price,
    /// Sum of open lots; `i128`, because each order alone may be near the end of `i64`.
    pub lots: i128,
    /// How many orders.
    pub orders: u32,
}

/// One instrument's orders. Commands are applied only while the book is not busy.
pub trait Book: Sized + Send {
    /// An empty book in phase CLOSED; `tick_value` is the instrument's: minor units of the quote per tick and lot.
    fn new(tick_value: i64) -> Self;

    /// The book of a state.
    fn from_state(tick_value: i64, state: &BookState) -> Self;

    /// An order comes in. Panics on an id that rests already: holds gives every order its own.
    fn place(&mut self, new: &NewOrder, out: &mut Events);

    /// A new limit, a new total, or both, for an open order.
    fn amend(&mut self, amend: &Amend, out: &mut Events);

    /// Takes lots off an open order, all of them or more closes it.
    fn reduce(&mut self, id: OrderId, account: AccountIndex, by: Quantity, out: &mut Events);

    /// Takes an open order out.
    fn cancel(&mut self, id: OrderId, account: AccountIndex, out: &mut Events);

    /// Enters a phase: CLOSED lets day orders expire, OPEN trades what crosses.
    fn enter(&mut self, phase: Phase, out: &mut Events);

    /// The day ended: day orders expire.
    fn end_day(&mut self, out: &mut Events);

    /// Goes on with unfinished work until it is done or `out` is full.
    fn advance(&mut self, out: &mut Events);

    /// Unfinished work.
    fn work(&self) -> &Work;

    /// The phase; while it uncrosses, the one before OPEN.
    fn phase(&self) -> Phase;

    /// The next priority that will be given.
    fn next_priority(&self) -> u64;

    /// Calls `visit` with each order of a side, first to trade first.
    fn visit(&self, side: Side, visit: &mut dyn FnMut(&Order));

    /// A level's total; zero lots where there is none.
    fn level(&self, side: Side, price: Price) -> LevelTotal;

    /// The best `most` levels of a side, best first.
    fn levels(&self, side: Side, most: usize) -> Vec<LevelTotal>;

    /// Whether work is unfinished.
    fn is_busy(&self) -> bool {
        !matches!(self.work(), Work::Idle)
    }

    /// Applies a command.
    fn apply(&mut self, command: &Command, out: &mut Events) {
        assert!(!self.is_busy(), "unfinished work goes first");
        match *command {
            Command::Place(ref new) => self.place(new, out),
            Command::Amend(ref amend) => self.amend(amend, out),
            Command::Reduce { id, account, by } => self.reduce(id, account, by, out),
            Command::Cancel { id, account } => self.cancel(id, account, out),
            Command::Enter(phase) => self.enter(phase, out),
            Command::EndDay => self.end_day(out),
        }
    }

    /// The whole state.
    fn state(&self) -> BookState {
        let orders = |side| {
            let mut orders = Vec::new();
            self.visit(side, &mut |order| orders.push(*order));
            orders
        };
        BookState {
            phase: self.phase(),
            work: self.work().clone(),
            next_priority: self.next_priority(),
            bids: orders(Side::Buy),
            asks: orders(Side::Sell),
        }
    }
}

/// A hash of all that a book's future depends on: equal for equal books, whatever the implementation.
pub fn state_digest(book: &impl Book) -> u64 {
    let mut hash = xxhash_rust::xxh3::Xxh3Default::new();
    for side in [Side::Buy, Side::Sell] {
        let mut orders = 0u64;
        book.visit(side, &mut |order| {
            order.hash(&mut hash);
            orders += 1;
        });
        orders.hash(&mut hash);
    }
    (book.phase(), book.next_priority()).hash(&mut hash);
    book.work().hash(&mut hash);
    hash.finish()
}
