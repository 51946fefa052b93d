//! Tests of holds: scripts, and random operations against independent models.

mod pipeline;
mod rng;
mod script;

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
    limit_orders,
    market_orders,
    money,
    refusals,
    strangers,
}
