//! The records that move through the topics, as machines see them. Their Avro form is in hoga-schemas.
//!
//! Invariants:
//! 1. One type a record, one meaning a type: the same record may stand in several topics (a command in `orders`
//!    and, admitted, in `accounts`), never with another meaning.
//! 2. Prices, quantities and amounts are [`crate::Decimal`]; times are milliseconds UTC.
//! 3. `origin` is not here: the runtime puts it on and takes it off, machines never see it.
//!
//! Left out on purpose: behaviour. What a record does is the machine's to say.

mod account;
mod book;
mod market;
mod operator;
mod orders;
mod ownership;

pub use account::*;
pub use book::*;
pub use market::*;
pub use operator::*;
pub use orders::*;
pub use ownership::*;

use crate::ids::{AccountId, Symbol};

/// Declares a C-like enum whose variants stand in Avro enums and JSON under the given names, in this order.
macro_rules! wire_enum {
    ($(#[$doc:meta])* $ty:ident { $($(#[$vdoc:meta])* $variant:ident = $name:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $ty { $($(#[$vdoc])* $variant),+ }

        impl $ty {
            /// Every value, in the order of the Avro enum.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name on the wire.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// The position in the Avro enum.
            pub const fn index(self) -> usize {
                self as usize
            }

            /// The value of that name.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|v| v.name() == name)
            }

            /// The value at that position of the Avro enum.
            pub fn from_index(index: usize) -> Option<Self> {
                Self::ALL.get(index).copied()
            }
        }

        impl std::fmt::Display for $ty {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }
    };
}
pub(crate) use wire_enum;

macro_rules! records {
    ($($(#[$doc:meta])* $name:ident = $text:literal),+ $(,)?) => {
        wire_enum! {
            /// The kinds of record, by the name of their schema.
            RecordKind { $($(#[$doc])* $name = $text),+ }
        }

        /// Any record.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Record { $($(#[$doc])* $name($name)),+ }

        impl Record {
            /// Which record it is.
            pub fn kind(&self) -> RecordKind {
                match self { $(Self::$name(_) => RecordKind::$name),+ }
            }
        }

        $(impl From<$name> for Record {
            fn from(record: $name) -> Self {
                Self::$name(record)
            }
        })+
    };
}

// The order is the order of `RecordKind`; add at the end only.
records! {
    /// A new order.
    PlaceOrder = "PlaceOrder",
    /// A new price, a new total quantity, or both.
    AmendOrder = "AmendOrder",
    /// Less quantity, by a delta.
    ReduceOrder = "ReduceOrder",
    /// Take an order out.
    CancelOrder = "CancelOrder",
    /// Money or shares come in.
    Deposit = "Deposit",
    /// Money or shares go out.
    Withdrawal = "Withdrawal",
    /// An asset and its digits.
    AssetListing = "AssetListing",
    /// What can be traded and by which rules.
    InstrumentListing = "InstrumentListing",
    /// Maker and taker rates under a name.
    FeeSchedule = "FeeSchedule",
    /// An instrument's trading phase.
    PhaseChange = "PhaseChange",
    /// From here on that version of the rules holds.
    RulesVersion = "RulesVersion",
    /// An order whose hold is taken, on its way to the book.
    HeldOrder = "HeldOrder",
    /// An amend or reduce whose hold is taken.
    HeldAmend = "HeldAmend",
    /// A cancel on its way to the book.
    HeldCancel = "HeldCancel",
    /// One side of a trade, on its way to its account.
    SettlementLeg = "SettlementLeg",
    /// What the book did with an order, on its way to its account.
    BookAnswer = "BookAnswer",
    /// A trade.
    Execution = "Execution",
    /// A trade of an outside venue.
    Tick = "Tick",
    /// Changed price levels, or a snapshot of them.
    DepthUpdate = "DepthUpdate",
    /// A bar.
    Candle = "Candle",
    /// A step in an order's life.
    OrderEvent = "OrderEvent",
    /// A command other than a new order was refused.
    CommandRefused = "CommandRefused",
    /// A balanced entry of the ledger.
    JournalEntry = "JournalEntry",
    /// What could not be read or was refused before holds.
    DeadLetter = "DeadLetter",
    /// The owner's time.
    Clock = "Clock",
    /// A process takes over a machine's partition.
    Claim = "Claim",
    /// How far an owner has delivered.
    Mark = "Mark",
    /// A process is alive, and how far its machines are.
    SignOfLife = "SignOfLife",
    /// What the machines of a log are made with.
    LogSettings = "LogSettings",
}

impl Record {
    /// The account it is about: the key in topics keyed by account.
    pub fn account(&self) -> Option<&AccountId> {
        Some(match self {
            Self::PlaceOrder(r) => &r.account,
            Self::AmendOrder(r) => &r.account,
            Self::ReduceOrder(r) => &r.account,
            Self::CancelOrder(r) => &r.account,
            Self::Deposit(r) => &r.account,
            Self::Withdrawal(r) => &r.account,
            Self::HeldOrder(r) => &r.account,
            Self::HeldAmend(r) => &r.account,
            Self::HeldCancel(r) => &r.account,
            Self::SettlementLeg(r) => &r.account,
            Self::BookAnswer(r) => &r.account,
            Self::OrderEvent(r) => &r.account,
            Self::CommandRefused(r) => &r.account,
            Self::JournalEntry(r) => &r.account,
            _ => return None,
        })
    }

    /// The symbol it is about: the key in topics keyed by symbol.
    pub fn symbol(&self) -> Option<&Symbol> {
        Some(match self {
            Self::PlaceOrder(r) => &r.symbol,
            Self::InstrumentListing(r) => &r.symbol,
            Self::PhaseChange(r) => &r.symbol,
            Self::HeldOrder(r) => &r.symbol,
            Self::HeldAmend(r) => &r.symbol,
            Self::HeldCancel(r) => &r.symbol,
            Self::SettlementLeg(r) => &r.symbol,
            Self::BookAnswer(r) => &r.symbol,
            Self::Execution(r) => &r.symbol,
            Self::Tick(r) => &r.symbol,
            Self::DepthUpdate(r) => &r.symbol,
            Self::Candle(r) => &r.symbol,
            Self::OrderEvent(r) => &r.symbol,
            _ => return None,
        })
    }
}

/// Panics unless a record tells the account and the symbol that stand in its fields.
#[cfg(test)]
pub(crate) fn assert_tells_whose(record: &Record) {
    let fields = format!("{record:?}");
    assert_eq!(record.account().is_some(), fields.contains(" account: "), "{fields}");
    assert_eq!(record.symbol().is_some(), fields.contains(" symbol: "), "{fields}");
}
