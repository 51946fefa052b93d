//! What holds says, in its own indices and integers, and who is told.
//!
//! A machine that is driven over a log tells [`Effects`], and records are made of it (`events.rs`): names and decimals
//! are put on there. Who has both machines beside each other takes the integers as they are.
//!
//! Invariants:
//! 1. What is said, and in which order, does not depend on who is told; nor does the state.
//! 2. An order is told as it stands after the step.
//!
//! Left out on purpose: refusals in integers; they are rare, and most of one is words.
//!
//! [`Effects`]: crate::machine::Effects

use super::Holds;
use super::ledger::{Ledger, Posted};
use super::listings::Listings;
use super::orders::{Change, Order};
use crate::book::{AccountIndex, Amend, Command, NewOrder};
use crate::ids::{AccountId, ClientId, OrderId, TradeId};
use crate::instrument::Instrument;
use crate::money::{Price, Quantity};
use crate::records::{CommandRefused, JournalKind, Liquidity, OrderEvent, OrderEventKind, Reason, SelfMatchPrevention};
use crate::time::Timestamp;

/// Who is told what holds says.
pub trait HoldsOut {
    /// A step in an order's life.
    fn step(&mut self, names: &Names<'_>, step: &Step<'_>);
    /// A balanced entry of the ledger.
    fn entry(&mut self, names: &Names<'_>, entry: &Entry<'_>);
    /// What the book has to do; the account can pay for it.
    fn held(&mut self, names: &Names<'_>, held: &Held<'_>);
    /// A new order that is refused.
    fn rejected(&mut self, event: OrderEvent);
    /// Another command that is refused.
    fn refused(&mut self, refused: CommandRefused);
}

/// What the indices mean, and the time of the step.
pub struct Names<'a> {
    pub(super) listings: &'a Listings,
    pub(super) ledger: &'a Ledger,
    pub(super) time: Timestamp,
}

/// A step in an order's life.
pub struct Step<'a> {
    /// The order, after it.
    pub order: &'a Order,
    /// What happened.
    pub event: OrderEventKind,
    /// Why.
    pub reason: Option<Reason>,
    /// The command that caused it, if that was an amend, reduce or cancel.
    pub command: Option<&'a ClientId>,
    /// The fill that it tells of.
    pub fill: Option<Fill>,
}

/// A fill, in the units of the order's instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fill {
    /// The trade.
    pub trade_id: TradeId,
    /// Maker or taker.
    pub liquidity: Liquidity,
    /// Its price.
    pub price: Price,
    /// How many lots.
    pub quantity: Quantity,
    /// Its fee, in minor units of the quote.
    pub fee: i64,
}

impl<'a> Step<'a> {
    /// Without a reason, a command, a fill.
    #[inline]
    pub(super) fn new(order: &'a Order, event: OrderEventKind) -> Self {
        Self { order, event, reason: None, command: None, fill: None }
    }
}

/// A balanced entry of the ledger.
pub struct Entry<'a> {
    /// Whose money moved: an index of the ledger.
    pub account: u32,
    /// Counts 1, 2, 3 in the partition.
    pub number: u64,
    /// What it books.
    pub kind: JournalKind,
    /// The deposit's or withdrawal's id.
    pub client_id: Option<&'a ClientId>,
    /// The order that was filled.
    pub order_id: Option<OrderId>,
    /// The trade.
    pub trade_id: Option<TradeId>,
    /// The lines.
    pub postings: &'a [Posted],
}

/// What the book has to do.
pub enum Held<'a> {
    /// A new order.
    Order {
        /// The order.
        order: &'a Order,
        /// Refused rather than take liquidity.
        post_only: bool,
        /// What happens on meeting the account's own order.
        self_match_prevention: SelfMatchPrevention,
    },
    /// An open order's amend, reduction or cancel.
    Change {
        /// The order.
        order: &'a Order,
        /// Id of the command.
        command: &'a ClientId,
        /// What is asked for.
        change: &'a Change,
    },
}

impl Names<'_> {
    /// Whose order it is.
    #[inline]
    pub fn account(&self, order: &Order) -> &AccountId {
        &self.ledger.account(order.account).name
    }

    /// What it trades.
    #[inline]
    pub fn instrument(&self, order: &Order) -> &Instrument {
        &self.listings.get(order.instrument).instrument
    }

    /// When it is said.
    #[inline]
    pub fn time(&self) -> Timestamp {
        self.time
    }
}

impl Held<'_> {
    /// The order that it is about.
    #[inline]
    pub fn order(&self) -> &Order {
        match self {
            Self::Order { order, .. } | Self::Change { order, .. } => order,
        }
    }

    /// The command for the book, whose index the account is, and the id that its answer has to carry.
    #[inline]
    pub fn command(&self, account: AccountIndex) -> (Command, Option<&ClientId>) {
        match *self {
            Self::Order { order, post_only, self_match_prevention } => {
                (Command::Place(new_order(order, account, post_only, self_match_prevention)), None)
            }
            Self::Change { order: &Order { id, .. }, command, change } => {
                let asked = match *change {
                    Change::Amend { price, quantity: total } => Command::Amend(Amend { id, account, price, total }),
                    Change::Reduce(by) => Command::Reduce { id, account, by },
                    Change::Cancel => Command::Cancel { id, account },
                };
                (asked, Some(command))
            }
        }
    }
}

fn new_order(order: &Order, account: AccountIndex, post_only: bool, prevention: SelfMatchPrevention) -> NewOrder {
    NewOrder {
        id: order.id,
        account,
        side: order.side,
        price: order.price,
        quantity: order.quantity,
        amount: order.amount,
        time_in_force: order.time_in_force,
        post_only,
        self_match_prevention: prevention,
        maker_fee_ppm: order.maker_fee_ppm,
        taker_fee_ppm: order.taker_fee_ppm,
    }
}

impl Holds {
    /// What the indices mean, now.
    #[inline]
    pub(super) fn names(&self) -> Names<'_> {
        Names { listings: &self.listings, ledger: &self.ledger, time: self.time }
    }
}
