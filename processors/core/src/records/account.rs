//! What accounts are told: the life of orders, refused commands, and the journal; and dead letters.
//!
//! Invariants:
//! 1. The postings of a journal entry sum to zero in each asset.
//! 2. `held` of an order's newest event is what the order holds; an order that is closed holds nothing.

use crate::ids::{AccountId, AssetCode, ClientId, OrderId, Symbol, TradeId};
use crate::money::Decimal;
use crate::records::{Liquidity, OrderType, Reason, Side, TimeInForce, wire_enum};
use crate::time::Timestamp;
use compact_str::CompactString;

wire_enum! {
    /// What happened to an order.
    OrderEventKind {
        /// Its hold is taken; the book has not answered.
        Pending = "PENDING",
        /// The book has it.
        New = "NEW",
        /// A part or all of it traded.
        Trade = "TRADE",
        /// Its price or quantity changed.
        Amended = "AMENDED",
        /// Canceled.
        Canceled = "CANCELED",
        /// Its time in force ended.
        Expired = "EXPIRED",
        /// Refused.
        Rejected = "REJECTED",
    }
}

wire_enum! {
    /// An order's state.
    OrderStatus {
        /// Hold asked.
        Pending = "PENDING",
        /// In the book, unfilled.
        New = "NEW",
        /// In the book, filled in part.
        PartiallyFilled = "PARTIALLY_FILLED",
        /// Done.
        Filled = "FILLED",
        /// Closed by its owner or self-match prevention.
        Canceled = "CANCELED",
        /// Closed by its time in force.
        Expired = "EXPIRED",
        /// Never was in the book.
        Rejected = "REJECTED",
    }
}

/// A step in an order's life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderEvent {
    /// Whose.
    pub account: AccountId,
    /// Its number; absent when it was refused before it got one.
    pub order_id: Option<OrderId>,
    /// Its client order id.
    pub client_order_id: ClientId,
    /// What is traded.
    pub symbol: Symbol,
    /// When: the time of holds.
    pub time: Timestamp,
    /// What happened.
    pub event: OrderEventKind,
    /// The state after it.
    pub status: OrderStatus,
    /// Why, for refusals and closings.
    pub reason: Option<Reason>,
    /// The refusal in words, with the number and the way out.
    pub detail: Option<String>,
    /// The command that caused it, if that was an amend, reduce or cancel.
    pub command_id: Option<ClientId>,
    /// Buy or sell.
    pub side: Side,
    /// Limit or market.
    pub order_type: OrderType,
    /// How long it lives.
    pub time_in_force: TimeInForce,
    /// The limit.
    pub price: Option<Decimal>,
    /// The total quantity.
    pub quantity: Option<Decimal>,
    /// What a market buy may spend.
    pub amount: Option<Decimal>,
    /// Filled so far, in base.
    pub filled: Decimal,
    /// Sum of price × quantity of its fills, in quote.
    pub filled_amount: Decimal,
    /// Fees charged so far, in quote.
    pub fee: Decimal,
    /// What it holds after this, in the asset it pays with.
    pub held: Decimal,
    /// The fill that this event tells of.
    pub fill: Option<OrderFill>,
}

/// The fill in a TRADE event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderFill {
    /// The trade.
    pub trade_id: TradeId,
    /// Maker or taker.
    pub liquidity: Liquidity,
    /// Its price.
    pub price: Decimal,
    /// Its quantity, in base.
    pub quantity: Decimal,
    /// Its fee, in quote.
    pub fee: Decimal,
}

wire_enum! {
    /// Which command was refused.
    CommandKind {
        /// An amend.
        Amend = "AMEND",
        /// A reduction.
        Reduce = "REDUCE",
        /// A cancel.
        Cancel = "CANCEL",
        /// A deposit.
        Deposit = "DEPOSIT",
        /// A withdrawal.
        Withdrawal = "WITHDRAWAL",
    }
}

/// A command other than a new order was refused; an order that it names is as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandRefused {
    /// Whose.
    pub account: AccountId,
    /// The command's own id.
    pub client_id: ClientId,
    /// Which command.
    pub command: CommandKind,
    /// The order that it names.
    pub orig_client_order_id: Option<ClientId>,
    /// When: the time of holds.
    pub time: Timestamp,
    /// Why.
    pub reason: Reason,
    /// In words, with the number and the way out.
    pub detail: Option<String>,
}

wire_enum! {
    /// What an entry books.
    JournalKind {
        /// Money or shares came in.
        Deposit = "DEPOSIT",
        /// Money or shares went out.
        Withdrawal = "WITHDRAWAL",
        /// A fill was settled.
        Trade = "TRADE",
    }
}

wire_enum! {
    /// Which ledger account a posting is to. All but MEMBER exist once for each accounts partition.
    LedgerAccount {
        /// The entry's account.
        Member = "MEMBER",
        /// What is owed between partitions; over all partitions it sums to zero once the input is consumed.
        Clearing = "CLEARING",
        /// Fees earned.
        Fees = "FEES",
        /// The world outside: the other side of deposits and withdrawals.
        External = "EXTERNAL",
    }
}

/// One line of a journal entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting {
    /// To which account.
    pub ledger: LedgerAccount,
    /// In which asset.
    pub asset: AssetCode,
    /// Added to its balance; negative takes away.
    pub amount: Decimal,
    /// Its balance after this.
    pub balance: Decimal,
}

/// A balanced entry of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalEntry {
    /// Whose money moved; the key.
    pub account: AccountId,
    /// Counts 1, 2, 3 in the accounts partition.
    pub entry: u64,
    /// When: the time of holds.
    pub time: Timestamp,
    /// What it books.
    pub kind: JournalKind,
    /// The deposit's or withdrawal's id.
    pub client_id: Option<ClientId>,
    /// The order that was filled.
    pub order_id: Option<OrderId>,
    /// The trade.
    pub trade_id: Option<TradeId>,
    /// The lines.
    pub postings: Vec<Posting>,
}

/// What could not be read or was refused before holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The topic it stood in.
    pub topic: CompactString,
    /// The partition.
    pub partition: u32,
    /// The offset.
    pub offset: u64,
    /// What is wrong, and what to do about it.
    pub reason: String,
    /// Its key, cut to 256 bytes.
    pub key: Vec<u8>,
    /// Its value, cut to 4,096 bytes.
    pub value: Vec<u8>,
}
