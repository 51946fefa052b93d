//! Recorded order flow of real venues, played into a recorded log through `orders`.
//!
//! A [`FeedPlan`] is a file and what it needs: accounts, an instrument, money. Its steps are a pure function of file
//! and options, so that a feed which was killed makes the same sequence again and goes on from what already stands
//! in the log ([`resume`]). [`run()`] plays it; [`check`] compares what came out with what the venue recorded, and
//! [`oracle`] with what the naive book makes of the same sequence.
//!
//! Invariants:
//! 1. The same file and options give the same steps, byte for byte: records, times, client ids, valid-untils.
//! 2. Every step carries recorded time; times of a partition never go back, and each second begins with a clock record.
//! 3. All accounts of a feed and its symbol live in the same partition number, so that the file's order is kept.
//! 4. What has to be applied before what follows (listings, money, phases) is followed by [`Step::Sync`].
//! 5. An order never has more unanswered commands than holds allows: before that the pipeline is drained.
//!
//! Left out on purpose: live feeds, and putting anything into the book past admission and holds.

pub mod accounts;
pub mod check;
pub mod error;
pub mod fills;
pub mod lobster;
pub mod mbo;
pub mod mbo_file;
pub mod oracle;
pub mod plan;
pub mod resume;
pub mod run;
pub mod script;
pub mod setup;
pub mod workload;

pub use check::{CheckReport, Class, Difference, Verdict, check_fills, class_counts};
pub use error::FeedError;
pub use fills::{Fill, read_fills};
pub use oracle::{fast_fills, naive_fills};
pub use plan::{FeedPlan, Format, PlanOptions};
pub use resume::{Standing, standing};
pub use run::{Drain, LogDrain, Pace, RunOptions, RunProgress, RunReport, run};
pub use script::Step;

#[cfg(test)]
mod tests;
