//! Holds: accounts, what they own, and what their open orders may still cost.
//!
//! Reads `accounts`: commands that admission let through, deposits and withdrawals, listings and fee schedules from
//! control, settlement legs and answers from matching. Writes `books` (held orders, amends, cancels), `order-events`
//! (an order's life, refused commands) and `journal`.
//!
//! Invariants:
//! 1. available = total − held is never negative, and held is the sum of what the account's open orders hold.
//! 2. What stands in `books` is held: nothing the book may do with it costs more (`orders.rs`).
//! 3. Money moves by balanced journal entries only (`ledger.rs`); in each asset all accounts sum to zero.
//! 4. A command happens once, and a refusal is final: a copy of a refused command never does anything later
//!    (`window.rs`, `identity.rs`).
//! 5. A hold goes up only with an accepted command of its account, and down only when the book has answered.
//! 6. A leg or answer that does not fit the order it names is forged or shows a bug: the machine stops.
//! 7. State depends on neither hash order nor on how far expired ids were purged.
//!
//! Left out on purpose: phases and the queue (matching), the form of commands (admission), reading the clock.

mod answers;
mod checks;
mod commands;
mod deposits;
mod events;
mod export;
mod identity;
mod ledger;
mod listings;
mod machine;
mod orders;
mod out;
mod replies;
mod settle;
#[cfg(test)]
mod tests;
mod view;
mod window;

pub use ledger::Posted;
pub use orders::{Change, Order, Pending};
pub use out::{Entry, Fill, Held, HoldsOut, Names, Step};
pub use replies::{Leg, Reply};
pub use view::{BalanceView, HoldView};

use crate::ids::OrderId;
use crate::settings::Settings;
use crate::time::Timestamp;
use identity::Strangers;
use ledger::Ledger;
use listings::Listings;
use orders::Orders;
use window::Windows;

/// The version of the rules that this machine knows.
pub const RULES_VERSION: u32 = 1;

/// The machine of one partition of `accounts`.
#[derive(Debug)]
pub struct Holds {
    partition: u32,
    limits: Limits,
    time: Timestamp,
    /// Orders numbered so far.
    numbered: u64,
    listings: Listings,
    ledger: Ledger,
    orders: Orders,
    windows: Windows,
    strangers: Strangers,
}

/// The bounds out of [`Settings`].
#[derive(Debug, Clone, Copy)]
struct Limits {
    max_open_orders: u32,
    max_client_ids: usize,
    max_pending: usize,
}

impl Holds {
    /// The machine of that partition, with no accounts.
    pub fn new(partition: u32, settings: &Settings) -> Self {
        Self {
            partition,
            limits: Limits {
                max_open_orders: settings.max_open_orders,
                max_client_ids: settings.max_client_ids as usize,
                max_pending: settings.max_pending as usize,
            },
            time: Timestamp::default(),
            numbered: 0,
            listings: Listings::default(),
            ledger: Ledger::default(),
            orders: Orders::default(),
            windows: Windows::new(Timestamp::default()),
            strangers: Strangers::default(),
        }
    }

    /// The next order number.
    fn number(&mut self) -> OrderId {
        self.numbered += 1;
        OrderId::new(self.partition, self.numbered)
    }
}
