//! Tests of holds: scripts, and random operations against independent models.

// The core's bans are for machines: tests read their scripts from files and their seed from the environment.
#![allow(clippy::disallowed_methods)]

mod crowd;
mod damaged;
mod fake_book;
mod model;
mod pipeline;
mod purge;
mod random;
mod rng;
pub(super) mod script;

/// A test for each script.
macro_rules! scripts {
    ($($name:ident),+ $(,)?) => { $(#[test] fn $name() { script::check(stringify!($name)); })+ };
}

scripts! {
    amend,
    amend_hole,
    book_answers,
    cancel_and_burn,
    client_ids,
    forged,
    full_window,
    late_clocks,
    limit_orders,
    market_orders,
    money,
    refusals,
    strangers,
}
