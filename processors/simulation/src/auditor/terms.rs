//! What an instrument is worth counting in: its listing and its assets' digits, as plain integers.
//!
//! Prices and quantities stay what records carry, counts of 10⁻¹⁰; money is counted in minor units of its asset. The
//! machines count ticks and lots; here nothing does, so that an error of that conversion shows.

use hoga_core::Decimal;
use hoga_core::records::InstrumentListing;

const ONE: i128 = 10_000_000_000;
/// Rates count millionths.
const PPM: i128 = 1_000_000;
const DAY_MS: i64 = 86_400_000;

/// The size of a minor unit in counts of 10⁻¹⁰.
pub(crate) fn minor(digits: u8) -> i128 {
    10i128.pow(10 - u32::from(digits))
}

/// A listing with its assets' digits.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    pub listing: InstrumentListing,
    pub base_digits: u8,
    pub quote_digits: u8,
}

impl Terms {
    /// Price × quantity in minor units of the quote: exact, or the listing is a bug.
    pub fn notional(&self, price: i128, quantity: i128) -> i128 {
        let (product, unit) = (price * quantity, ONE * minor(self.quote_digits));
        assert_eq!(product % unit, 0, "{}: {price} x {quantity} is no whole money", self.listing.symbol);
        product / unit
    }

    /// A quantity in minor units of the base.
    pub fn base(&self, quantity: i128) -> i128 {
        quantity / minor(self.base_digits)
    }

    /// An amount of the quote as a record carries it.
    pub fn quote_decimal(&self, units: i128) -> Decimal {
        Decimal(units * minor(self.quote_digits))
    }

    /// The day of its zone.
    pub fn day(&self, time: i64) -> i64 {
        (time + i64::from(self.listing.utc_offset_min) * 60_000).div_euclid(DAY_MS)
    }
}

/// What an order was charged: the exact sum of its fees in millionths of a minor unit, and what of that was taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Fees {
    exact: i128,
    pub charged: i128,
}

impl Fees {
    /// What a fill costs: the cumulative fee, rounded up, less what was charged.
    pub fn due(&self, notional: i128, ppm: u32) -> i128 {
        let exact = self.exact + notional * i128::from(ppm);
        (exact + PPM - 1).div_euclid(PPM) - self.charged
    }

    /// Charges a fill; its fee.
    pub fn charge(&mut self, notional: i128, ppm: u32) -> i128 {
        let fee = self.due(notional, ppm);
        self.exact += notional * i128::from(ppm);
        self.charged += fee;
        fee
    }
}
