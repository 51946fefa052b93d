//! One bar: what traded in it, and what of that is published.
//!
//! Invariants:
//! 1. Open is the price of the first trade by (event time, arrival), close that of the last, in whatever order they
//!    arrived.
//! 2. A trade that does not fit changes nothing.

use super::quote::QuoteSum;
use crate::money::Decimal;
use serde::{Deserialize, Serialize};

/// A trade as bars see it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trade {
    /// When it happened, milliseconds UTC.
    pub(super) time_ms: i64,
    /// At what price.
    pub(super) price: Decimal,
    /// How much, above zero.
    pub(super) quantity: Decimal,
    /// Price × quantity.
    pub(super) quote: QuoteSum,
}

/// What a bar takes in: a trade, or several that were added up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trades {
    pub(super) count: u64,
    pub(super) first_time_ms: i64,
    pub(super) last_time_ms: i64,
    /// Price of the first.
    pub(super) open: Decimal,
    pub(super) high: Decimal,
    pub(super) low: Decimal,
    /// Price of the last.
    pub(super) close: Decimal,
    pub(super) volume: Decimal,
    pub(super) quote: QuoteSum,
}

impl From<&Trade> for Trades {
    fn from(&Trade { time_ms, price, quantity, quote }: &Trade) -> Self {
        let (open, high, low, close) = (price, price, price, price);
        Self {
            count: 1,
            first_time_ms: time_ms,
            last_time_ms: time_ms,
            open,
            high,
            low,
            close,
            volume: quantity,
            quote,
        }
    }
}

/// Far below 38 digits: fresh trades add less than 2^63 of volume and 2^95 of quote at a time, and whether there is room
/// is asked again with each trade that goes alone.
const ROOMY: u128 = 1 << 120;

/// A bar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Bar {
    pub(super) open_time_ms: i64,
    first_time_ms: i64,
    last_time_ms: i64,
    pub(super) open: Decimal,
    pub(super) high: Decimal,
    pub(super) low: Decimal,
    pub(super) close: Decimal,
    pub(super) volume: Decimal,
    pub(super) quote: QuoteSum,
    pub(super) trades: u64,
    pub(super) late_trades: u64,
    /// Revisions published so far.
    pub(super) revision: u32,
    /// Whether it changed since the last of them.
    pub(super) changed: bool,
    /// Whether one of them was final.
    pub(super) final_published: bool,
}

impl Bar {
    /// The bar of its first arrived trade.
    pub(super) fn new(open_time_ms: i64, trade: &Trade, late: bool) -> Self {
        Self {
            open_time_ms,
            first_time_ms: trade.time_ms,
            last_time_ms: trade.time_ms,
            open: trade.price,
            high: trade.price,
            low: trade.price,
            close: trade.price,
            volume: trade.quantity,
            quote: trade.quote,
            trades: 1,
            late_trades: u64::from(late),
            revision: 0,
            changed: true,
            final_published: false,
        }
    }

    /// Takes in trades that came after all that it has; `false` if a sum would not fit 38 digits.
    pub(super) fn add(&mut self, trades: &Trades, late: bool) -> bool {
        let (Some(volume), Some(quote)) = (self.volume.plus(trades.volume), self.quote.plus(trades.quote)) else {
            return false;
        };
        (self.volume, self.quote) = (volume, quote);
        if trades.first_time_ms < self.first_time_ms {
            (self.first_time_ms, self.open) = (trades.first_time_ms, trades.open);
        }
        if trades.last_time_ms >= self.last_time_ms {
            (self.last_time_ms, self.close) = (trades.last_time_ms, trades.close);
        }
        self.high = self.high.max(trades.high);
        self.low = self.low.min(trades.low);
        self.trades += trades.count;
        self.late_trades += if late { trades.count } else { 0 };
        self.changed = true;
        true
    }

    /// Whether its sums are so far from 38 digits that no fresh trades reach them.
    pub(super) fn is_roomy(&self) -> bool {
        [self.volume, self.quote.rounded_down()].iter().all(|sum| sum.0.unsigned_abs() < ROOMY)
    }
}
