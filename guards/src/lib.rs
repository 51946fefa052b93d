//! hoga-guards: fixed pieces of the hottest work, made so that nothing but the work itself is counted.
//!
//! - [`book`]: commands on one book. [`codec`]: records encoded and decoded. [`hop`]: records through one machine's driver.
//! - `benches/instructions.rs` counts their instructions under callgrind; `tests/allocations.rs` their allocations.
//!
//! Invariants:
//! 1. The same work in every run: seeded, without clock, randomness or hash order.
//! 2. What is made before the work (commands, records, logs) is made by `new`, which nobody counts.
//!
//! Left out on purpose: time. `hoga bench` measures it; on a computer that others use too it guards nothing.

pub mod book;
pub mod codec;
pub mod hop;
