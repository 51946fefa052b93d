//! Trades of one series that came since its bars were last brought up to date, added up.
//!
//! Nearly every trade falls into bars that are there and open, the newest of each interval. Such trades are added up
//! once, here, and go into all those bars together ([`super::tracks::Tracks::settle`]) before anybody looks at them.
//!
//! Invariants:
//! 1. It takes only what each interval would take into the same bar as the trade before, in time, with sums that fit:
//!    all at once say the same as one after the other.
//! 2. It counts in the records' 10⁻¹⁰, in 64 bits, and sums products in 128: what is beyond goes alone.

use super::bar::{Bar, Trades};
use super::quote::QuoteSum;
use crate::money::Decimal;
use crate::time::MAX_TIME;

/// The times of trades that fall into the same bars, and what came at them.
#[derive(Debug, Clone, Default)]
pub(super) struct Fresh {
    /// The first time that is in all of those bars.
    pub(super) from_ms: i64,
    /// The first time that is no more in all of those bars.
    until_ms: i64,
    /// From this machine time on one of the bars is final.
    final_at_ms: i64,
    pub(super) trades: u64,
    first_time_ms: i64,
    last_time_ms: i64,
    open: i64,
    high: i64,
    low: i64,
    close: i64,
    volume: i64,
    /// Σ price × quantity, in 10⁻²⁰.
    quote: i128,
}

impl Fresh {
    /// For trades at any time; [`Self::narrow`] it by each bar.
    pub(super) fn anywhere() -> Self {
        Self { from_ms: 1, until_ms: MAX_TIME.0 + 1, final_at_ms: i64::MAX, ..Self::default() }
    }

    /// Only for trades that this bar takes too; for none if the bar's sums leave no room for all of them.
    pub(super) fn narrow(&mut self, bar: &Bar, interval_ms: i64, final_at_ms: i64) {
        self.from_ms = self.from_ms.max(bar.open_time_ms);
        self.until_ms = if bar.is_roomy() { self.until_ms.min(bar.open_time_ms + interval_ms) } else { i64::MIN };
        self.final_at_ms = self.final_at_ms.min(final_at_ms);
    }

    /// Takes a trade, if it is one that it may take.
    #[inline]
    pub(super) fn take(&mut self, time_ms: i64, price: Decimal, quantity: Decimal, now_ms: i64) -> bool {
        if time_ms < self.from_ms || time_ms >= self.until_ms || now_ms >= self.final_at_ms {
            return false;
        }
        let (Ok(price), Ok(quantity)) = (i64::try_from(price.0), i64::try_from(quantity.0)) else { return false };
        let volume = self.volume.checked_add(quantity);
        let quote = self.quote.checked_add(i128::from(price) * i128::from(quantity));
        let (Some(volume), Some(quote), 1..) = (volume, quote, quantity) else { return false };
        (self.volume, self.quote) = (volume, quote);
        if self.trades == 0 {
            (self.first_time_ms, self.last_time_ms) = (time_ms, time_ms);
            (self.open, self.high, self.low, self.close) = (price, price, price, price);
        }
        if time_ms < self.first_time_ms {
            (self.first_time_ms, self.open) = (time_ms, price);
        }
        if time_ms >= self.last_time_ms {
            (self.last_time_ms, self.close) = (time_ms, price);
        }
        (self.high, self.low) = (self.high.max(price), self.low.min(price));
        self.trades += 1;
        true
    }

    /// Forgets the trades; goes on with those of the same bars.
    pub(super) fn clear(&mut self) {
        (self.trades, self.volume, self.quote) = (0, 0, 0);
    }

    /// The trades, as bars take them in.
    pub(super) fn sum(&self) -> Trades {
        let decimal = |count: i64| Decimal(i128::from(count));
        Trades {
            count: self.trades,
            first_time_ms: self.first_time_ms,
            last_time_ms: self.last_time_ms,
            open: decimal(self.open),
            high: decimal(self.high),
            low: decimal(self.low),
            close: decimal(self.close),
            volume: decimal(self.volume),
            quote: QuoteSum::of_products(self.quote),
        }
    }
}
