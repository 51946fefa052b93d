//! Names and numbers that identify things: accounts, symbols, assets, client ids, orders, trades.
//!
//! Invariants:
//! 1. A name built with `parse` satisfies its alphabet and length; `admission` applies the same rule to
//!    records that foreign producers wrote, so past admission every name is well formed.
//! 2. An order id holds the accounts partition that numbered it and a count: unique for ever, never reused.
//!
//! Left out on purpose: lookup tables. A machine that wants dense indices interns names in its own state.

use compact_str::CompactString;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {value:?} is not valid: {rule}")]
pub struct NameError {
    /// What the text was meant to name, for example `account`.
    pub what: &'static str,
    /// The text, cut to 64 characters.
    pub value: String,
    /// The rule that it breaks, and so the way out.
    pub rule: &'static str,
}

macro_rules! name {
    ($(#[$doc:meta])* $ty:ident, $what:literal, $max:literal, $rule:literal, $ok:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $ty(CompactString);

        impl $ty {
            /// The longest name in bytes.
            pub const MAX_LEN: usize = $max;

            /// A name that keeps the rule, or the rule that it breaks.
            pub fn parse(text: &str) -> Result<Self, NameError> {
                let name = Self::unchecked(text);
                name.check().map(|()| name)
            }

            /// A name as it stands in a record: trusted topics are written by hoga alone, and admission
            /// calls [`Self::check`] on everything else.
            #[inline]
            pub fn unchecked(text: &str) -> Self {
                Self(CompactString::from(text))
            }

            /// Whether the name keeps the rule.
            pub fn check(&self) -> Result<(), NameError> {
                let ok: fn(u8) -> bool = $ok;
                if !self.0.is_empty() && self.0.len() <= $max && self.0.bytes().all(ok) {
                    return Ok(());
                }
                Err(NameError { what: $what, value: self.0.chars().take(64).collect(), rule: $rule })
            }

            /// The name as text.
            #[inline]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The name as it is kept: in place, or on the heap where it is longer.
            #[inline]
            pub fn as_compact(&self) -> &CompactString {
                &self.0
            }
        }

        impl fmt::Display for $ty {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl std::str::FromStr for $ty {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::parse(text)
            }
        }
    };
}

name!(
    /// A member's account; the key of `orders`, `accounts`, `order-events` and `journal`.
    AccountId, "account", 36,
    "1 to 36 of the characters A-Z a-z 0-9 . _ -",
    |b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-')
);
name!(
    /// What is traded, for example `KRW-BTC` or `005930`; the key of `books`, `executions`, `ticks`, `depth`, `candles`.
    Symbol, "symbol", 24,
    "1 to 24 of the characters A-Z 0-9 . _ / -",
    |b| b.is_ascii_uppercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'/' | b'-')
);
name!(
    /// A currency, coin or share that accounts hold, for example `KRW`.
    AssetCode, "asset", 12,
    "1 to 12 of the characters A-Z 0-9 .",
    |b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'.'
);
name!(
    /// The id that a client gives to one of its commands; with its valid-until the command's identity.
    ClientId, "client id", 36,
    "1 to 36 visible ASCII characters without spaces",
    |b| b.is_ascii_graphic()
);

/// An order's number: the accounts partition that numbered it (upper 16 bits) and a count from 1 there.
/// Shown as `partition-count`, in records a plain long.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct OrderId(pub u64);

/// A trade's number: the books partition that matched it (upper 16 bits) and a count from 1 there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TradeId(pub u64);

macro_rules! numbered {
    ($ty:ident) => {
        impl $ty {
            /// The id of the `count`-th item of `partition`.
            pub fn new(partition: u32, count: u64) -> Self {
                assert!(
                    partition < 1 << 15 && count > 0 && count < 1 << 48,
                    "{}: {partition}-{count} out of range",
                    stringify!($ty)
                );
                Self((u64::from(partition) << 48) | count)
            }

            /// The partition that numbered it.
            pub fn partition(self) -> u32 {
                (self.0 >> 48) as u32
            }

            /// Its count in that partition, from 1.
            pub fn count(self) -> u64 {
                self.0 & ((1 << 48) - 1)
            }
        }

        impl fmt::Display for $ty {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}-{}", self.partition(), self.count())
            }
        }
    };
}
numbered!(OrderId);
numbered!(TradeId);
