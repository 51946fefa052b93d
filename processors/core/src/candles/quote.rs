//! The exact sum of price × quantity: a product of two decimals of ten places has twenty.
//!
//! Invariants:
//! 1. The sum is exact; only [`QuoteSum::rounded_down`] loses anything, less than 10⁻¹⁰ once for a bar.
//! 2. One value has one form: `part` is below one unit of `whole`.

use crate::money::{DECIMAL_ONE, Decimal};
use serde::{Deserialize, Serialize};

/// A sum in quote: `whole` × 10⁻¹⁰ + `part` × 10⁻²⁰.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct QuoteSum {
    whole: Decimal,
    part: u64,
}

const ONE: u64 = DECIMAL_ONE as u64;

impl QuoteSum {
    /// Price × quantity; `None` beyond 38 digits. The quantity is not negative.
    pub(super) fn product(price: Decimal, quantity: Decimal) -> Option<Self> {
        // (p × 10¹⁰ + q)(r × 10¹⁰ + s), taken apart so that no term needs more than an i128.
        let (price_whole, price_part) = split(price);
        let (quantity_whole, quantity_part) = split(quantity);
        let small = u128::from(price_part) * u128::from(quantity_part);
        // Whole prices or quantities are common, and 128-bit division is the dearest step of a trade.
        let (carry, part) =
            if small == 0 { (0, 0) } else { ((small / u128::from(ONE)) as i128, (small % u128::from(ONE)) as u64) };
        let whole = price_whole
            .checked_mul(quantity.0)?
            .checked_add(i128::from(price_part).checked_mul(quantity_whole)?)?
            .checked_add(carry)?;
        Decimal::ZERO.plus(Decimal(whole)).map(|whole| Self { whole, part })
    }

    /// The sum of products of two decimals' counts, which are in 10⁻²⁰.
    pub(super) fn of_products(sum: i128) -> Self {
        Self { whole: Decimal(sum.div_euclid(DECIMAL_ONE)), part: sum.rem_euclid(DECIMAL_ONE) as u64 }
    }

    /// The sum of both; `None` beyond 38 digits.
    pub(super) fn plus(self, other: Self) -> Option<Self> {
        let part = self.part + other.part;
        let carry = part / ONE;
        let whole = self.whole.plus(other.whole)?.plus(Decimal(i128::from(carry)))?;
        Some(Self { whole, part: part % ONE })
    }

    /// The sum with ten places, rounded down (towards minus infinity).
    pub(super) fn rounded_down(self) -> Decimal {
        self.whole
    }
}

/// Units and the rest, zero to below one unit, also of what is negative.
fn split(value: Decimal) -> (i128, u64) {
    match i64::try_from(value.0) {
        Ok(value) => {
            let one = ONE as i64;
            (i128::from(value.div_euclid(one)), value.rem_euclid(one) as u64)
        }
        Err(_) => (value.0.div_euclid(DECIMAL_ONE), value.0.rem_euclid(DECIMAL_ONE) as u64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::DECIMAL_MAX;

    fn product(price: &str, quantity: &str) -> Option<QuoteSum> {
        QuoteSum::product(price.parse().unwrap(), quantity.parse().unwrap())
    }

    #[test]
    fn products_are_exact_and_rounded_down_once() {
        for (price, quantity, expect) in [
            ("90000000", "0.00012345", "11110.5"),
            ("0.00001", "0.00001", "0.0000000001"),
            ("0.00001", "0.000001", "0"),
            ("-0.00001", "0.000001", "-0.0000000001"),
            ("-37.63", "10", "-376.3"),
            ("1.2345678901", "9.8765432101", "12.1932631123"),
            ("9999999999999999999999999999", "1", "9999999999999999999999999999"),
            ("12345678901234.5", "12345678901234.5", "152415787532386691205623990.25"),
        ] {
            assert_eq!(product(price, quantity).unwrap().rounded_down().to_string(), expect, "{price} x {quantity}");
        }
        // A hundred times the part that one product loses.
        let tiny = product("0.00001", "0.000001").unwrap();
        let mut sum = QuoteSum::default();
        for _ in 0..100 {
            sum = sum.plus(tiny).unwrap();
        }
        assert_eq!(sum.rounded_down(), Decimal(10));
    }

    #[test]
    fn what_does_not_fit_is_none() {
        assert_eq!(product("99999999999999999999", "99999999999999999999"), None);
        assert_eq!(QuoteSum::product(Decimal(DECIMAL_MAX), Decimal(DECIMAL_MAX)), None);
        let most = QuoteSum::product(Decimal(DECIMAL_MAX), Decimal::from_int(1)).unwrap();
        assert_eq!(most.plus(product("0.00001", "0.00001").unwrap()), None);
    }
}
