//! Money: decimals on the wire, integers inside.
//!
//! A [`Decimal`] is what records carry: a count of 10⁻¹⁰, Avro `decimal(38,10)`. Machines compute with
//! [`Price`] (ticks of an instrument), [`Quantity`] (lots) and [`Amount`] (minor units of an asset), all `i64`;
//! products are `i128`.
//!
//! Invariants:
//! 1. No operation wraps: what does not fit is `None` or a panic, never another number.
//! 2. Converting to an integer unit is exact or refused; rounding happens only in functions named for it.
//! 3. `Decimal`'s text form is canonical: no exponent, no trailing zeros, `-` only before a value that is not zero.
//!
//! Left out on purpose: floats, division of money, currencies (an asset is named beside its amount).

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A decimal with ten places: an integer count of 10⁻¹⁰. The value is at most 38 digits (Avro's `decimal(38,10)`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Decimal(pub i128);

/// Places after the point of a [`Decimal`].
pub const DECIMAL_SCALE: u32 = 10;
/// One, as a [`Decimal`]'s count.
pub const DECIMAL_ONE: i128 = 10_000_000_000;
/// The greatest count of 38 digits.
pub const DECIMAL_MAX: i128 = 99_999_999_999_999_999_999_999_999_999_999_999_999;

/// Why a text is not a decimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// Not of the form `-?digits(.digits)?`: also NaN, infinity and exponents.
    #[error("not a plain decimal number such as 75000 or 0.25")]
    Form,
    /// More than ten places that are not zero.
    #[error("more than 10 decimal places")]
    Places,
    /// More than 28 digits before the point.
    #[error("more than 28 digits before the point")]
    Digits,
}

impl Decimal {
    /// Zero.
    pub const ZERO: Self = Self(0);

    /// A whole number.
    pub fn from_int(value: i64) -> Self {
        Self(i128::from(value) * DECIMAL_ONE)
    }

    /// `units` of a unit that is 10^-`digits` (digits at most 10): 12345 with 2 digits is 123.45.
    pub fn from_units(units: i64, digits: u8) -> Self {
        Self(i128::from(units) * unit_of(digits))
    }

    /// The count of units of 10^-`digits`, if it is whole and fits.
    #[inline]
    pub fn to_units(self, digits: u8) -> Option<i64> {
        self.exact_div(Self(unit_of(digits)))
    }

    /// How many times `step` goes into this value, if it does so exactly and the count fits an `i64`.
    /// `step` is above zero.
    #[inline]
    pub fn exact_div(self, step: Self) -> Option<i64> {
        assert!(step.0 > 0, "a step is above zero, got {step}");
        if let (Ok(value), Ok(step)) = (i64::try_from(self.0), i64::try_from(step.0)) {
            return (value % step == 0).then_some(value / step);
        }
        if self.0 % step.0 != 0 {
            return None;
        }
        i64::try_from(self.0 / step.0).ok()
    }

    /// `count` times this step; `None` beyond 38 digits.
    pub fn times(self, count: i64) -> Option<Self> {
        // Two factors of 64 bits stay below 2^126, which is less than 38 digits: one instruction, and no check.
        if let Ok(step) = i64::try_from(self.0) {
            return Some(Self(i128::from(step) * i128::from(count)));
        }
        self.0.checked_mul(i128::from(count)).filter(|v| v.unsigned_abs() <= DECIMAL_MAX as u128).map(Self)
    }

    /// Sum; `None` beyond 38 digits.
    pub fn plus(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).filter(|v| v.unsigned_abs() <= DECIMAL_MAX as u128).map(Self)
    }

    /// Whether it is above zero.
    pub fn is_positive(self) -> bool {
        self.0 > 0
    }

    /// Whether it is at most 38 digits.
    pub fn in_range(self) -> bool {
        self.0.unsigned_abs() <= DECIMAL_MAX as u128
    }
}

/// The count of 10⁻¹⁰ in one unit of 10^-`digits`, by digits.
const UNITS: [i64; DECIMAL_SCALE as usize + 1] = {
    let mut units = [1; DECIMAL_SCALE as usize + 1];
    let mut digits = DECIMAL_SCALE as usize;
    while digits > 0 {
        units[digits - 1] = 10 * units[digits];
        digits -= 1;
    }
    units
};

/// The count of 10⁻¹⁰ in one unit of 10^-`digits`.
fn unit_of(digits: u8) -> i128 {
    match UNITS.get(usize::from(digits)) {
        Some(unit) => i128::from(*unit),
        None => panic!("an asset has at most {DECIMAL_SCALE} digits, got {digits}"),
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let magnitude = self.0.unsigned_abs();
        let one = DECIMAL_ONE as u128;
        let (whole, part) = (magnitude / one, magnitude % one);
        let sign = if self.0 < 0 { "-" } else { "" };
        if part == 0 {
            return f.pad(&format!("{sign}{whole}"));
        }
        let part = format!("{part:010}");
        f.pad(&format!("{sign}{whole}.{}", part.trim_end_matches('0')))
    }
}

impl FromStr for Decimal {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Self, DecimalError> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
        if whole.is_empty() || part.is_empty() || !whole.bytes().chain(part.bytes()).all(|b| b.is_ascii_digit()) {
            return Err(DecimalError::Form);
        }
        let part = part.trim_end_matches('0');
        let whole = whole.trim_start_matches('0');
        if part.len() > DECIMAL_SCALE as usize {
            return Err(DecimalError::Places);
        }
        if whole.len() > 28 {
            return Err(DecimalError::Digits);
        }
        let mut count: i128 = 0;
        for byte in whole.bytes().chain(part.bytes()) {
            count = count * 10 + i128::from(byte - b'0');
        }
        count *= 10i128.pow(DECIMAL_SCALE - part.len() as u32);
        Ok(Self(if negative { -count } else { count }))
    }
}

macro_rules! integer_unit {
    ($(#[$doc:meta])* $ty:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $ty(pub i64);

        impl $ty {
            /// None of it.
            pub const ZERO: Self = Self(0);

            /// Sum; panics when it does not fit, for what was bounded before.
            #[track_caller]
            pub fn plus(self, other: Self) -> Self {
                self.checked_plus(other).expect(concat!(stringify!($ty), " overflow"))
            }

            /// Difference; panics when it does not fit.
            #[track_caller]
            pub fn minus(self, other: Self) -> Self {
                Self(self.0.checked_sub(other.0).expect(concat!(stringify!($ty), " underflow")))
            }

            /// Sum, or `None` when it does not fit.
            pub fn checked_plus(self, other: Self) -> Option<Self> {
                self.0.checked_add(other.0).map(Self)
            }

            /// Whether it is zero.
            pub fn is_zero(self) -> bool {
                self.0 == 0
            }
        }
    };
}

integer_unit!(
    /// A price as a count of the instrument's ticks.
    Price
);
integer_unit!(
    /// A quantity as a count of the instrument's lots.
    Quantity
);
integer_unit!(
    /// An amount of an asset as a count of its minor unit (10^-digits).
    Amount
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_is_canonical_and_round_trips() {
        for (text, canonical) in
            [("75000", "75000"), ("0.250", "0.25"), ("-0.0000000001", "-0.0000000001"), ("-0", "0"), ("007.10", "7.1")]
        {
            let value: Decimal = text.parse().unwrap();
            assert_eq!(value.to_string(), canonical);
            assert_eq!(canonical.parse::<Decimal>().unwrap(), value);
        }
    }

    #[test]
    fn refuses_what_is_not_a_plain_decimal() {
        for text in ["", "-", ".5", "5.", "NaN", "inf", "1e308", "0x10", "1_000", "+1", " 1", "1,000", "--1"] {
            assert_eq!(text.parse::<Decimal>(), Err(DecimalError::Form), "{text:?}");
        }
        assert_eq!("0.12345678901".parse::<Decimal>(), Err(DecimalError::Places));
        assert_eq!("0.123456789000000000000000000000".parse::<Decimal>(), Ok(Decimal(1_234_567_890)));
        assert_eq!("12345678901234567890123456789".parse::<Decimal>(), Err(DecimalError::Digits));
        assert_eq!(format!("{0}.{1}", "9".repeat(28), "9".repeat(10)).parse::<Decimal>(), Ok(Decimal(DECIMAL_MAX)));
    }

    #[test]
    fn conversion_to_units_is_exact_or_refused() {
        let value: Decimal = "123.45".parse().unwrap();
        assert_eq!(value.to_units(2), Some(12_345));
        assert_eq!(value.to_units(1), None);
        assert_eq!(Decimal::from_units(12_345, 2), value);
        assert_eq!("0.75".parse::<Decimal>().unwrap().exact_div("0.25".parse().unwrap()), Some(3));
        assert_eq!(Decimal(DECIMAL_MAX).exact_div(Decimal(1)), None, "does not fit an i64");
        assert_eq!(Decimal(DECIMAL_MAX).times(2), None);
        assert_eq!(Decimal(DECIMAL_MAX).times(-1), Some(Decimal(-DECIMAL_MAX)));
        let most = i128::from(i64::MIN);
        assert_eq!(Decimal(most).times(i64::MIN), Some(Decimal(most * most)));
    }
}
