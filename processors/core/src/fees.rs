//! Fees of an order: cumulative, so that many small fills cost no more than one large one.
//!
//! Used by the book (what a fill is charged) and by holds (what must stay held, and the same sum again as a check).
//!
//! Invariants:
//! 1. After any fills, `charged` is the exact fee, Σ notional × ppm ÷ [`FEE_UNIT`], rounded up once to a whole
//!    minor unit of the quote: in favour of the exchange, by less than one unit over the whole life of the order.
//! 2. A fill's fee is never negative.
//! 3. Fills whose notionals sum to at most N, at rates of at most `ppm`, are charged at most `most(N, ppm)`.
//!
//! Left out on purpose: rebates (negative rates) and tiers; a schedule names one maker and one taker rate.

use serde::{Deserialize, Serialize};

/// Rates are counts of 1/FEE_UNIT of the notional.
pub const FEE_UNIT: i128 = 1_000_000;

/// What an order was charged so far, and by how much that exceeds the exact fee.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FeeMeter {
    charged: i64,
    /// charged × FEE_UNIT less the exact numerator: 0 to FEE_UNIT - 1.
    rounded_up_by: u32,
}

impl FeeMeter {
    /// What [`Self::of_parts`] makes it of again.
    pub(crate) fn parts(self) -> (i64, u32) {
        (self.charged, self.rounded_up_by)
    }

    /// Of what [`Self::parts`] gave: in a struct of more parts they leave no gap.
    pub(crate) fn of_parts(charged: i64, rounded_up_by: u32) -> Self {
        Self { charged, rounded_up_by }
    }

    /// Charged so far, in minor units of the quote.
    #[inline]
    pub fn charged(&self) -> i64 {
        self.charged
    }

    /// Whether it is one that fills make (invariant 1), which one that was loaded need not be.
    pub fn is_sound(&self) -> bool {
        self.charged >= 0 && i128::from(self.rounded_up_by) < FEE_UNIT
    }

    /// Counts a fill of `notional` minor units (zero or more) at `ppm` millionths and returns its fee in minor units.
    /// Panics beyond `i64`: the hold bounded it before.
    pub fn charge(&mut self, notional: i128, ppm: u32) -> i64 {
        let (next, fee) = self.after(notional, ppm).expect("a fee that was held fits");
        *self = next;
        fee
    }

    /// The most that fills of together `notional` minor units at up to `ppm` millionths can still be charged.
    /// Panics beyond `i64`, for what was checked with [`Self::checked_most`] before.
    pub fn most(&self, notional: i128, ppm: u32) -> i64 {
        self.checked_most(notional, ppm).expect("a fee that was checked fits")
    }

    /// As [`Self::most`]; `None` when it does not fit.
    #[inline]
    pub fn checked_most(&self, notional: i128, ppm: u32) -> Option<i64> {
        self.after(notional, ppm).map(|(_, fee)| fee)
    }

    /// The most lots of `unit` minor units each that `amount` pays for, fee at `ppm` millionths included.
    pub fn affordable(&self, unit: i128, ppm: u32, amount: i64) -> i64 {
        assert!(unit > 0 && amount >= 0, "lots of {unit} for {amount} minor units");
        // n x unit + ceil(due / FEE_UNIT) <= amount, where due = n x unit x ppm - rounded_up_by and no fee is below 0,
        // says the same as both of: n x unit <= amount and n x unit x (FEE_UNIT + ppm) <= amount x FEE_UNIT + rounded_up_by.
        let amount = i128::from(amount);
        let without_fee = amount / unit;
        let with_fee = (amount * FEE_UNIT + i128::from(self.rounded_up_by)) / (FEE_UNIT + i128::from(ppm)) / unit;
        i64::try_from(without_fee.min(with_fee)).expect("no more lots than minor units")
    }

    /// The meter after a fill, and the fill's fee; `None` when the sum does not fit.
    #[inline]
    fn after(self, notional: i128, ppm: u32) -> Option<(Self, i64)> {
        assert!(notional >= 0, "a notional is not negative, got {notional}");
        // Nearly all fees fit 64 bits, whose arithmetic is many times faster.
        let narrow = i64::try_from(notional).ok().and_then(|notional| notional.checked_mul(ppm.into()));
        let (fee, rounded_up_by) = match narrow {
            Some(exact) => self.round(exact),
            None => self.round_wide(notional.checked_mul(i128::from(ppm))?)?,
        };
        let next = Self { charged: self.charged.checked_add(fee)?, rounded_up_by };
        debug_assert!(i128::from(rounded_up_by) < FEE_UNIT, "invariant 1");
        Some((next, fee))
    }

    /// The fee for so many millionths of a minor unit (zero or more), and what rounding it up takes too much. What the
    /// last rounding took too much pays first.
    #[inline]
    fn round(self, exact: i64) -> (i64, u32) {
        const UNIT: u64 = FEE_UNIT as u64;
        let (exact, paid) = (exact.unsigned_abs(), u64::from(self.rounded_up_by));
        let fee = exact.saturating_sub(paid).div_ceil(UNIT);
        // Below 2^63 and two units: nothing here wraps.
        let rounded_up_by = u32::try_from(fee * UNIT + paid - exact).expect("less than one unit is rounded");
        (i64::try_from(fee).expect("a millionth of 63 bits"), rounded_up_by)
    }

    /// As [`Self::round`], for what does not fit 64 bits; `None` where the fee does not.
    #[cold]
    fn round_wide(self, exact: i128) -> Option<(i64, u32)> {
        let due = exact - i128::from(self.rounded_up_by);
        let fee = if due <= 0 { 0 } else { (due - 1) / FEE_UNIT + 1 };
        let rounded_up_by = u32::try_from(fee * FEE_UNIT - due).expect("less than one unit is rounded");
        Some((i64::try_from(fee).ok()?, rounded_up_by))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rounds_the_sum_up_once_and_not_each_fill() {
        let mut meter = FeeMeter::default();
        // 0.25 of a unit each: the first pays one unit, the next three nothing, the fifth one again.
        let fees: Vec<i64> = (0..5).map(|_| meter.charge(1_000, 250)).collect();
        assert_eq!(fees, [1, 0, 0, 0, 1]);
        assert_eq!(meter.charged(), 2);
    }

    #[test]
    fn only_what_fills_can_make_is_sound() {
        for (charged, rounded_up_by, sound) in
            [(0, 0, true), (5, 999_999, true), (5, 1_000_000, false), (-1, 0, false), (-1, 1_000_000, false)]
        {
            assert_eq!(FeeMeter { charged, rounded_up_by }.is_sound(), sound, "{charged}, {rounded_up_by}");
        }
    }

    #[test]
    fn what_was_rounded_up_pays_for_lots_that_follow() {
        let mut meter = FeeMeter::default();
        assert_eq!(meter.charge(1, 1), 1);
        assert_eq!([FeeMeter::default(), meter].map(|meter| meter.affordable(1, 1, 1_000)), [999, 1_000]);
    }

    #[test]
    fn what_does_not_fit_is_none() {
        assert_eq!(FeeMeter::default().checked_most(i128::MAX, 2), None);
        assert_eq!(FeeMeter::default().checked_most(i128::from(i64::MAX) + 1, 1_000_000), None);
        assert_eq!(FeeMeter::default().checked_most(i128::from(i64::MAX), 1_000_000), Some(i64::MAX));
    }

    #[test]
    fn narrow_and_wide_arithmetic_round_alike() {
        let fees = [0, 1, 2, 1_000_000, i64::MAX / 1_000_000];
        let exact = fees.iter().flat_map(|fee| [-2, -1, 0, 1, 2].map(|by| i128::from(*fee) * FEE_UNIT + by));
        let exact = exact.chain([i64::MAX - 1, i64::MAX].map(i128::from));
        for exact in exact.filter_map(|exact| i64::try_from(exact).ok()).filter(|exact| *exact >= 0) {
            for rounded_up_by in [0, 1, 2, 999_998, 999_999] {
                let meter = FeeMeter { charged: 0, rounded_up_by };
                assert_eq!(meter.round_wide(exact.into()), Some(meter.round(exact)), "{exact} after {rounded_up_by}");
            }
        }
    }

    proptest! {
        #[test]
        fn the_sum_of_fees_is_the_exact_fee_rounded_up(
            fills in prop::collection::vec((0i128..5_000_000_000_000, 0u32..100_001), 0..40),
        ) {
            let mut meter = FeeMeter::default();
            let mut exact = 0i128;
            let mut sum = 0i64;
            for (notional, ppm) in fills {
                let fee = meter.charge(notional, ppm);
                prop_assert!(fee >= 0, "invariant 2");
                sum += fee;
                exact += notional * i128::from(ppm);
                prop_assert_eq!(i128::from(sum), exact / FEE_UNIT + i128::from(exact % FEE_UNIT != 0), "invariant 1");
                prop_assert_eq!(meter.charged(), sum);
            }
        }

        #[test]
        fn affordable_is_the_last_count_that_can_be_paid(
            before in prop::collection::vec((0i128..1_000_000, 0u32..100_001), 0..3),
            unit in 1i128..3_000,
            ppm in 0u32..100_001,
            amount in 0i64..1_000_000,
        ) {
            let mut meter = FeeMeter::default();
            for (notional, ppm) in before {
                meter.charge(notional, ppm);
            }
            let cost = |lots: i64| i128::from(lots) * unit + i128::from(meter.most(i128::from(lots) * unit, ppm));
            let lots = meter.affordable(unit, ppm, amount);
            prop_assert!(cost(lots) <= i128::from(amount), "{} lots cost {}", lots, cost(lots));
            prop_assert!(cost(lots + 1) > i128::from(amount), "{} lots cost {}", lots + 1, cost(lots + 1));
        }

        #[test]
        fn most_is_never_exceeded(
            before in prop::collection::vec((0i128..1_000_000, 0u32..100_001), 0..5),
            fills in prop::collection::vec((0i128..1_000_000, 0u32..5_001), 0..20),
            spare in 0i128..1_000,
        ) {
            let mut meter = FeeMeter::default();
            for (notional, ppm) in before {
                meter.charge(notional, ppm);
            }
            let whole: i128 = fills.iter().map(|f| f.0).sum();
            let bound = meter.most(whole + spare, 5_000);
            let charged: i64 = fills.iter().map(|f| meter.charge(f.0, f.1)).sum();
            prop_assert!(charged <= bound, "invariant 3: {} > {}", charged, bound);
        }
    }
}
