//! An instrument as machines compute with it: a listing, checked, in integers.
//!
//! Holds, matching and control build it from an [`InstrumentListing`] and the digits of its two assets; then
//! decimals of records become [`Price`], [`Quantity`] and [`Amount`] here, and back.
//!
//! Invariants:
//! 1. Tick × lot is a whole number of the quote's minor units, and a lot one of the base's: no trade is ever rounded.
//! 2. Conversions are exact or `None`; every count of ticks and lots has a decimal.
//! 3. Base, quote, tick and lot never change: resting orders are stored in counts of them.
//!
//! Left out on purpose: fees (a schedule is named, its rates travel with each order), phases (the book's).

use crate::ids::{AssetCode, ClientId, Symbol};
use crate::money::{Amount, DECIMAL_SCALE, Decimal, Price, Quantity};
use crate::records::InstrumentListing;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The greatest tick and lot: 100,000,000. With it every `i64` count of them is a [`Decimal`].
pub const MAX_STEP: Decimal = Decimal(1_000_000_000_000_000_000);
/// The greatest distance of a zone from UTC, in minutes.
pub const MAX_UTC_OFFSET_MIN: i32 = 14 * 60;
/// The greatest number of decimal places of an asset.
pub const MAX_DIGITS: u8 = DECIMAL_SCALE as u8;
const DAY_MS: i64 = 86_400_000;

/// Why a listing cannot hold. The text gives the numbers and the way out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ListingError {
    /// Base and quote are the same asset.
    #[error("base and quote are both {0}: list an instrument between two assets")]
    SameAsset(AssetCode),
    /// An asset with more digits than decimals have places.
    #[error("asset {asset} has {digits} digits: at most {MAX_DIGITS} can be stored")]
    Digits {
        /// The asset.
        asset: AssetCode,
        /// Its digits.
        digits: u8,
    },
    /// Tick or lot is not above zero, or too great.
    #[error("{what} {value} is out of range: give one above 0 and up to {MAX_STEP}")]
    Step {
        /// `tick` or `lot`.
        what: &'static str,
        /// Its value.
        value: Decimal,
    },
    /// Tick × lot is not a whole number of the quote's minor units.
    #[error(
        "tick {tick} x lot {lot} is not a whole number (below 2^63) of minor units of {quote}, which has {digits} \
         digits: take a larger tick or lot"
    )]
    TickValue {
        /// The tick.
        tick: Decimal,
        /// The lot.
        lot: Decimal,
        /// The quote asset.
        quote: AssetCode,
        /// Its digits.
        digits: u8,
    },
    /// A lot is not a whole number of the base's minor units.
    #[error("lot {lot} is not a whole number of minor units of {base}, which has {digits} digits: take a larger lot")]
    LotValue {
        /// The lot.
        lot: Decimal,
        /// The base asset.
        base: AssetCode,
        /// Its digits.
        digits: u8,
    },
    /// An end of the price band is not a whole number of ticks above zero.
    #[error("{what} {value} is not a whole number of ticks of {tick} above 0: round it to the tick")]
    Band {
        /// `min_price` or `max_price`.
        what: &'static str,
        /// Its value.
        value: Decimal,
        /// The tick.
        tick: Decimal,
    },
    /// The band is empty.
    #[error("min_price {min} is above max_price {max}: exchange them")]
    BandOrder {
        /// The lowest price.
        min: Decimal,
        /// The highest price.
        max: Decimal,
    },
    /// The least notional is negative or not a whole number of the quote's minor units.
    #[error(
        "min_notional {value} is not a whole number, zero or more, of minor units of {quote}, which has {digits} digits: \
         round it up"
    )]
    MinNotional {
        /// The least notional.
        value: Decimal,
        /// The quote asset.
        quote: AssetCode,
        /// Its digits.
        digits: u8,
    },
    /// The zone is not on earth.
    #[error("utc_offset_min {0} is out of range: give minutes east of UTC from -840 to 840 (KST is 540)")]
    UtcOffset(i32),
    /// A relisting changes what resting orders are stored in.
    #[error("{what} of {symbol} is {old} and cannot become {new}: list a new symbol instead")]
    Fixed {
        /// `base`, `quote`, `tick` or `lot`.
        what: &'static str,
        /// The instrument.
        symbol: Symbol,
        /// What it is.
        old: String,
        /// What the new listing says.
        new: String,
    },
}

/// A listed instrument.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instrument {
    /// Its symbol.
    pub symbol: Symbol,
    /// What is bought and sold.
    pub base: AssetCode,
    /// What it is paid with.
    pub quote: AssetCode,
    /// Decimal places of the base's minor unit.
    pub base_digits: u8,
    /// Decimal places of the quote's minor unit.
    pub quote_digits: u8,
    /// Price of one tick, in quote per base.
    pub tick: Decimal,
    /// Size of one lot, in base.
    pub lot: Decimal,
    /// Minor units of the quote per tick and lot: notional = price × quantity × tick_value.
    pub tick_value: i64,
    /// Minor units of the base per lot.
    pub lot_value: i64,
    /// The least notional of a new limit order, in minor units of the quote.
    pub min_notional: Amount,
    /// The lowest price of an order.
    pub min_price: Option<Price>,
    /// The highest price of an order.
    pub max_price: Option<Price>,
    /// The name of its fee schedule.
    pub fee_schedule: ClientId,
    /// Its zone, minutes east of UTC.
    pub utc_offset_min: i32,
}

impl Instrument {
    /// The instrument of a listing whose assets have these digits, or why it cannot be listed.
    pub fn new(listing: &InstrumentListing, base_digits: u8, quote_digits: u8) -> Result<Self, ListingError> {
        if listing.base == listing.quote {
            return Err(ListingError::SameAsset(listing.base.clone()));
        }
        check_digits(&listing.base, base_digits)?;
        check_digits(&listing.quote, quote_digits)?;
        let tick = step("tick", listing.tick)?;
        let lot = step("lot", listing.lot)?;
        zone(listing.utc_offset_min)?;
        let (min_price, max_price) = band(listing)?;
        Ok(Self {
            symbol: listing.symbol.clone(),
            base: listing.base.clone(),
            quote: listing.quote.clone(),
            base_digits,
            quote_digits,
            tick,
            lot,
            tick_value: tick_value(listing, quote_digits)?,
            lot_value: lot_value(listing, base_digits)?,
            min_notional: min_notional(listing, quote_digits)?,
            min_price,
            max_price,
            fee_schedule: listing.fee_schedule.clone(),
            utc_offset_min: listing.utc_offset_min,
        })
    }

    /// Whether it is one that a listing gives, which one that was loaded need not be.
    pub fn check(&self) -> Result<(), ListingError> {
        check_digits(&self.base, self.base_digits)?;
        check_digits(&self.quote, self.quote_digits)?;
        step("tick", self.tick)?;
        step("lot", self.lot)?;
        for (what, value) in [("tick_value", self.tick_value), ("lot_value", self.lot_value)] {
            if value <= 0 {
                return Err(ListingError::Step { what, value: Decimal::from_int(value) });
            }
        }
        zone(self.utc_offset_min)
    }

    /// Whether this may replace `old`, which has the same symbol: base, quote, tick and lot stay (invariant 3).
    pub fn check_relisting(&self, old: &Self) -> Result<(), ListingError> {
        assert_eq!(self.symbol, old.symbol, "a listing replaces one of its own symbol");
        let fixed = |what, old_value: &dyn ToString, new_value: &dyn ToString| {
            let (old, new) = (old_value.to_string(), new_value.to_string());
            if old == new {
                return Ok(());
            }
            Err(ListingError::Fixed { what, symbol: self.symbol.clone(), old, new })
        };
        fixed("base", &old.base, &self.base)?;
        fixed("quote", &old.quote, &self.quote)?;
        fixed("tick", &old.tick, &self.tick)?;
        fixed("lot", &old.lot, &self.lot)
    }

    /// A price in ticks, if it is a whole number of them.
    #[inline]
    pub fn price(&self, value: Decimal) -> Option<Price> {
        value.exact_div(self.tick).map(Price)
    }

    /// A price in quote per base.
    pub fn price_decimal(&self, price: Price) -> Decimal {
        self.tick.times(price.0).expect("MAX_STEP keeps every price in range")
    }

    /// A quantity in lots, if it is a whole number of them.
    #[inline]
    pub fn quantity(&self, value: Decimal) -> Option<Quantity> {
        value.exact_div(self.lot).map(Quantity)
    }

    /// A quantity in base.
    pub fn quantity_decimal(&self, quantity: Quantity) -> Decimal {
        self.lot.times(quantity.0).expect("MAX_STEP keeps every quantity in range")
    }

    /// An amount in minor units of the quote, if it is a whole number of them.
    #[inline]
    pub fn quote_amount(&self, value: Decimal) -> Option<Amount> {
        value.to_units(self.quote_digits).map(Amount)
    }

    /// An amount in quote.
    pub fn quote_decimal(&self, amount: Amount) -> Decimal {
        Decimal::from_units(amount.0, self.quote_digits)
    }

    /// A quantity in minor units of the base, if that fits.
    #[inline]
    pub fn base_amount(&self, quantity: Quantity) -> Option<Amount> {
        quantity.0.checked_mul(self.lot_value).map(Amount)
    }

    /// Price × quantity in minor units of the quote; panics when it does not fit, for what was bounded before.
    #[track_caller]
    pub fn notional(&self, price: Price, quantity: Quantity) -> i64 {
        self.checked_notional(price, quantity).expect("a notional that was checked fits")
    }

    /// As [`Self::notional`]; `None` when it does not fit.
    #[inline]
    pub fn checked_notional(&self, price: Price, quantity: Quantity) -> Option<i64> {
        // A tick value is at least 1: where price × quantity does not fit, the whole product does not either.
        price.0.checked_mul(quantity.0)?.checked_mul(self.tick_value)
    }

    /// Whether the price is inside the instrument's band, ends included.
    #[inline]
    pub fn in_band(&self, price: Price) -> bool {
        self.min_price.is_none_or(|min| price >= min) && self.max_price.is_none_or(|max| price <= max)
    }

    /// The day of its zone that the time falls in, counted from 1970-01-01.
    pub fn day(&self, time: Timestamp) -> i64 {
        time.plus_ms(i64::from(self.utc_offset_min) * 60_000).0.div_euclid(DAY_MS)
    }
    /// The first moment after that day of its zone.
    pub fn day_end(&self, day: i64) -> Timestamp {
        let next = day.saturating_add(1).saturating_mul(DAY_MS);
        Timestamp(next).plus_ms(-i64::from(self.utc_offset_min) * 60_000)
    }
}

fn zone(utc_offset_min: i32) -> Result<(), ListingError> {
    if utc_offset_min.unsigned_abs() > MAX_UTC_OFFSET_MIN as u32 {
        return Err(ListingError::UtcOffset(utc_offset_min));
    }
    Ok(())
}

fn check_digits(asset: &AssetCode, digits: u8) -> Result<(), ListingError> {
    if digits <= MAX_DIGITS {
        return Ok(());
    }
    Err(ListingError::Digits { asset: asset.clone(), digits })
}

fn step(what: &'static str, value: Decimal) -> Result<Decimal, ListingError> {
    if value.is_positive() && value <= MAX_STEP {
        return Ok(value);
    }
    Err(ListingError::Step { what, value })
}

/// Minor units of the quote per tick and lot; both are checked steps.
fn tick_value(listing: &InstrumentListing, digits: u8) -> Result<i64, ListingError> {
    // Both factors count 10^-10, so one minor unit is 10^(20 - digits) of the product: exact, no rounding.
    let product = listing.tick.0 * listing.lot.0;
    let unit = 10i128.pow(2 * DECIMAL_SCALE - u32::from(digits));
    let whole = (product % unit == 0).then_some(product / unit).and_then(|value| i64::try_from(value).ok());
    whole.ok_or_else(|| ListingError::TickValue {
        tick: listing.tick,
        lot: listing.lot,
        quote: listing.quote.clone(),
        digits,
    })
}

fn lot_value(listing: &InstrumentListing, digits: u8) -> Result<i64, ListingError> {
    listing.lot.to_units(digits).ok_or_else(|| ListingError::LotValue {
        lot: listing.lot,
        base: listing.base.clone(),
        digits,
    })
}

fn min_notional(listing: &InstrumentListing, digits: u8) -> Result<Amount, ListingError> {
    let value = listing.min_notional;
    value.to_units(digits).filter(|units| *units >= 0).map(Amount).ok_or_else(|| ListingError::MinNotional {
        value,
        quote: listing.quote.clone(),
        digits,
    })
}

fn band(listing: &InstrumentListing) -> Result<(Option<Price>, Option<Price>), ListingError> {
    let end = |what, value: Option<Decimal>| {
        let Some(value) = value else { return Ok(None) };
        match value.exact_div(listing.tick).filter(|ticks| *ticks > 0) {
            Some(ticks) => Ok(Some(Price(ticks))),
            None => Err(ListingError::Band { what, value, tick: listing.tick }),
        }
    };
    let (min, max) = (end("min_price", listing.min_price)?, end("max_price", listing.max_price)?);
    match (listing.min_price, listing.max_price) {
        (Some(min), Some(max)) if min > max => Err(ListingError::BandOrder { min, max }),
        _ => Ok((min, max)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    /// BTC (8 digits) in KRW (0 digits): tick 1,000 KRW, lot 0.001 BTC.
    fn listing() -> InstrumentListing {
        InstrumentListing {
            command_id: ClientId::unchecked("list"),
            symbol: Symbol::unchecked("KRW-BTC"),
            base: AssetCode::unchecked("BTC"),
            quote: AssetCode::unchecked("KRW"),
            tick: decimal("1000"),
            lot: decimal("0.001"),
            min_notional: decimal("5000"),
            min_price: None,
            max_price: None,
            fee_schedule: ClientId::unchecked("standard"),
            utc_offset_min: 540,
        }
    }

    fn listed(change: impl FnOnce(&mut InstrumentListing)) -> Result<Instrument, ListingError> {
        let mut listing = listing();
        change(&mut listing);
        Instrument::new(&listing, 8, 0)
    }

    #[test]
    fn values_are_exact() {
        let instrument = listed(|_| {}).unwrap();
        assert_eq!((instrument.tick_value, instrument.lot_value), (1, 100_000));
        assert_eq!(instrument.price(decimal("90000000")), Some(Price(90_000)));
        assert_eq!(instrument.price(decimal("90000500")), None, "off tick");
        assert_eq!(instrument.quantity(decimal("0.0015")), None, "off lot");
        assert_eq!(instrument.quantity_decimal(Quantity(15)), decimal("0.015"));
        assert_eq!(instrument.notional(Price(90_000), Quantity(15)), 1_350_000);
        assert_eq!(instrument.base_amount(Quantity(15)), Some(Amount(1_500_000)));
        assert_eq!(instrument.quote_amount(decimal("0.5")), None, "KRW has no half");
        assert_eq!(instrument.min_notional, Amount(5_000));
        // Invariant 2 at the far end.
        assert!(instrument.price_decimal(Price(i64::MAX)).in_range());
        let widest = listed(|l| (l.tick, l.lot) = (MAX_STEP, decimal("1"))).unwrap();
        assert!(widest.price_decimal(Price(i64::MIN)).in_range());
        assert_eq!(widest.checked_notional(Price(i64::MAX), Quantity(i64::MAX)), None);
    }

    #[test]
    fn a_notional_is_the_exact_product_wherever_that_fits() {
        let steps = [("1", "1"), ("1000", "0.001"), ("7", "1"), ("100000000", "100000000")];
        let instruments = steps.map(|(tick, lot)| listed(|l| (l.tick, l.lot) = (decimal(tick), decimal(lot))).unwrap());
        for instrument in instruments {
            let value = i128::from(instrument.tick_value);
            let most = i64::MAX / instrument.tick_value;
            let small = [0, 1, 2, 3, 7, 1 << 31, 3_037_000_499, 3_037_000_500];
            let large = [most / 3, most - 1, most, most.saturating_add(1), i64::MAX - 1, i64::MAX];
            let factors = small.iter().chain(&large).copied();
            for (price, quantity) in factors.clone().flat_map(|p| factors.clone().map(move |q| (p, q))) {
                let wide = (i128::from(price) * i128::from(quantity)).checked_mul(value);
                let fits = wide.and_then(|product| i64::try_from(product).ok());
                let notional = instrument.checked_notional(Price(price), Quantity(quantity));
                assert_eq!(notional, fits, "{price} x {quantity} x {value}");
            }
        }
    }

    #[test]
    fn every_rule_of_a_listing_has_its_refusal() {
        type Change = fn(&mut InstrumentListing);
        let cases: &[(Change, &str)] = &[
            (|l| l.base = l.quote.clone(), "base and quote are both KRW"),
            (|l| l.tick = Decimal::ZERO, "tick 0 is out of range"),
            (|l| l.lot = decimal("-1"), "lot -1 is out of range"),
            (|l| l.tick = decimal("100000000.1"), "tick 100000000.1 is out of range"),
            (
                |l| l.tick = decimal("100"),
                "tick 100 x lot 0.001 is not a whole number (below 2^63) of minor units of KRW",
            ),
            (|l| l.min_notional = decimal("-1"), "min_notional -1 is not"),
            (|l| l.min_notional = decimal("0.5"), "min_notional 0.5 is not"),
            (|l| l.min_price = Some(decimal("1500")), "min_price 1500 is not a whole number of ticks of 1000"),
            (|l| l.max_price = Some(Decimal::ZERO), "max_price 0 is not a whole number"),
            (
                |l| (l.min_price, l.max_price) = (Some(decimal("3000")), Some(decimal("2000"))),
                "min_price 3000 is above max_price 2000",
            ),
            (|l| l.utc_offset_min = 841, "utc_offset_min 841 is out of range"),
            (|l| l.utc_offset_min = i32::MIN, "utc_offset_min -2147483648 is out of range"),
        ];
        for (change, expect) in cases {
            let outcome = listed(change).map_err(|e| e.to_string());
            assert!(outcome.as_ref().is_err_and(|e| e.starts_with(expect)), "expected {expect:?}, got {outcome:?}");
        }
        let digits = |base, quote| Instrument::new(&listing(), base, quote).map_err(|e| e.to_string()).unwrap_err();
        assert!(digits(11, 0).starts_with("asset BTC has 11 digits"));
        assert!(digits(2, 0).starts_with("lot 0.001 is not a whole number of minor units of BTC, which has 2 digits"));
        assert!(listed(|l| (l.tick, l.lot) = (MAX_STEP, MAX_STEP)).is_ok(), "the greatest steps");
        assert!(listed(|l| l.utc_offset_min = -MAX_UTC_OFFSET_MIN).is_ok(), "the widest zone");
        let one_price = |l: &mut InstrumentListing| (l.min_price, l.max_price) = (Some(l.tick), Some(l.tick));
        assert!(listed(one_price).is_ok(), "a band of one price");
        let wide = InstrumentListing { tick: MAX_STEP, lot: MAX_STEP, ..listing() };
        let refusal = Instrument::new(&wide, 8, 10).map_err(|e| e.to_string()).unwrap_err();
        assert!(refusal.contains("(below 2^63)"), "10^26 minor units: {refusal}");
    }

    #[test]
    fn base_quote_tick_and_lot_cannot_change() {
        let old = listed(|_| {}).unwrap();
        let new = listed(|l| (l.min_price, l.utc_offset_min) = (Some(decimal("2000")), 0)).unwrap();
        assert_eq!(new.check_relisting(&old), Ok(()));
        let refusal = |change: fn(&mut InstrumentListing)| {
            listed(change).unwrap().check_relisting(&old).map_err(|e| e.to_string()).unwrap_err()
        };
        assert_eq!(
            refusal(|l| l.tick = decimal("2000")),
            "tick of KRW-BTC is 1000 and cannot become 2000: list a new symbol instead"
        );
        assert!(refusal(|l| l.lot = decimal("0.002")).starts_with("lot of KRW-BTC is 0.001 and cannot become 0.002"));
        assert!(refusal(|l| l.base = AssetCode::unchecked("ETH")).starts_with("base of KRW-BTC is BTC"));
        assert!(refusal(|l| l.quote = AssetCode::unchecked("USD")).starts_with("quote of KRW-BTC is KRW"));
    }

    #[test]
    fn the_band_and_the_day_include_their_first_moment() {
        let instrument =
            listed(|l| (l.min_price, l.max_price) = (Some(decimal("2000")), Some(decimal("5000")))).unwrap();
        assert_eq!([1, 2, 5, 6].map(|p| instrument.in_band(Price(p))), [false, true, true, false]);
        // KST midnight is 15:00 UTC of the day before.
        let midnight = Timestamp(15 * 3_600_000);
        assert_eq!([instrument.day(midnight.plus_ms(-1)), instrument.day(midnight)], [0, 1]);
        assert_eq!(instrument.day(Timestamp(-DAY_MS)), -1);
        assert_eq!(instrument.day_end(0), midnight);
    }
}
