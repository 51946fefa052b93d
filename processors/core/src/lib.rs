//! hoga-core: the exchange without its surroundings.
//!
//! Everything that decides lives here: money, records, instruments, and the machines
//! `admission`, `control`, `holds`, `book` (matching) and `candles`.
//! A machine is a deterministic function from its state and one record to a new state and effects.
//!
//! Invariants of the whole crate:
//! 1. No IO, no async, no clock, no randomness, no logging: time comes from the record.
//! 2. What is iterated is ordered; a hash map is only ever looked up in, and says so.
//! 3. Money is integer and checked; every rounding has a name; there are no floats.
//! 4. The same input gives the same state and the same effects, byte for byte.
//! 5. `assert!` guards stay on in release: a broken invariant stops the machine rather than lose money.
//!
//! Left out on purpose: encoding (hoga-schemas), topics and logs (hoga-topics), driving (hoga-runtime).

// With clippy.toml beside this crate: what could make two replays differ does not pass the lints.
#![warn(clippy::iter_over_hash_type)]

pub mod admission;
pub mod book;
pub mod candles;
pub mod control;
pub mod dead_letter;
pub mod fees;
pub mod holds;
pub mod ids;
pub mod instrument;
pub mod machine;
pub mod machines;
pub mod money;
#[cfg(test)]
mod operations;
mod places;
pub mod records;
pub mod settings;
mod slab;
pub mod time;

pub use fees::FeeMeter;
pub use holds::Holds;
pub use ids::{AccountId, AssetCode, ClientId, OrderId, Symbol, TradeId};
pub use instrument::{Instrument, ListingError};
pub use machine::{Body, Effect, Effects, Input, Machine, MachineKind, Route, Stop, Topic};
pub use money::{Amount, Decimal, Price, Quantity};
pub use records::Record;
pub use settings::Settings;
pub use time::Timestamp;
