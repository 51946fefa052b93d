//! What the market sees: executions, ticks of outside venues, depth, candles.
//!
//! Invariants:
//! 1. An execution names both orders and both fees; what accounts are charged is the same to the unit.
//! 2. Depth updates of a symbol are numbered without gaps; a level with quantity zero is gone.
//! 3. A candle's later revision replaces the earlier one of the same symbol, source, interval and open time.

use crate::ids::{AccountId, OrderId, Symbol, TradeId};
use crate::money::Decimal;
use crate::records::{Side, wire_enum};
use crate::time::Timestamp;
use compact_str::CompactString;

/// A trade.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    /// What was traded.
    pub symbol: Symbol,
    /// Its number.
    pub trade_id: TradeId,
    /// When: the book's time.
    pub time: Timestamp,
    /// The resting order's price.
    pub price: Decimal,
    /// In base.
    pub quantity: Decimal,
    /// The incoming order's side.
    pub taker_side: Side,
    /// The resting order.
    pub maker_order_id: OrderId,
    /// The incoming order.
    pub taker_order_id: OrderId,
    /// Whose the resting order is.
    pub maker_account: AccountId,
    /// Whose the incoming order is.
    pub taker_account: AccountId,
    /// Charged to the maker for this fill, in quote.
    pub maker_fee: Decimal,
    /// Charged to the taker for this fill, in quote.
    pub taker_fee: Decimal,
}

/// A trade of an outside venue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tick {
    /// What was traded, under hoga's symbol.
    pub symbol: Symbol,
    /// Where.
    pub venue: CompactString,
    /// When, by the venue.
    pub venue_time: Timestamp,
    /// When it was received.
    pub receive_time: Timestamp,
    /// The venue's own number for it.
    pub venue_sequence: i64,
    /// In quote per base.
    pub price: Decimal,
    /// In base.
    pub quantity: Decimal,
    /// The incoming order's side, where the venue says so.
    pub taker_side: Option<Side>,
}

/// One price level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DepthLevel {
    /// Its price.
    pub price: Decimal,
    /// All that is open there, in base; zero: the level is gone.
    pub quantity: Decimal,
    /// How many orders.
    pub orders: u32,
}

/// The levels that one record of the book's input changed, or all of them (`snapshot`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DepthUpdate {
    /// Whose book.
    pub symbol: Symbol,
    /// Counts 1, 2, 3 in the symbol.
    pub sequence: u64,
    /// The book's time.
    pub time: Timestamp,
    /// Whether these are all levels; then what is not named is gone.
    pub snapshot: bool,
    /// Best first.
    pub bids: Vec<DepthLevel>,
    /// Best first.
    pub asks: Vec<DepthLevel>,
}

wire_enum! {
    /// What a candle is made of.
    CandleSource {
        /// hoga's own executions.
        Executions = "EXECUTIONS",
        /// Ticks of an outside venue.
        Ticks = "TICKS",
    }
}

/// A bar: what traded from `open_time` to before `close_time`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candle {
    /// What was traded.
    pub symbol: Symbol,
    /// Own trades or an outside venue's.
    pub source: CandleSource,
    /// The venue of a tick candle; empty for executions.
    pub venue: CompactString,
    /// The interval's name, for example `15m`.
    pub interval: CompactString,
    /// First millisecond of the bar.
    pub open_time: Timestamp,
    /// First millisecond after the bar.
    pub close_time: Timestamp,
    /// First price.
    pub open: Decimal,
    /// Highest price.
    pub high: Decimal,
    /// Lowest price.
    pub low: Decimal,
    /// Last price.
    pub close: Decimal,
    /// Sum of quantities, in base.
    pub volume: Decimal,
    /// Sum of price × quantity, in quote; rounded down to ten places if it has more.
    pub quote_volume: Decimal,
    /// How many trades.
    pub trades: u64,
    /// Counts 1, 2, 3 for this bar.
    pub revision: u32,
    /// Whether the bar had ended, with its lateness bound, when this was written.
    pub is_final: bool,
    /// How many of its trades came after it was final.
    pub late_trades: u64,
}
