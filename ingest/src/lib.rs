//! hoga-ingest: what writes into hoga.
//!
//! - [`commands`]: JSON lines become records.
//! - [`producer`]: records go to topics, and what is not known to stand there goes again.
//! - [`feed`]: recorded order flow of real venues, through `orders`, and the check of what comes out.
//!
//! Invariants:
//! 1. Everything is written as any producer would write it: there is no short cut past `orders`, `accounts`, `control`.
//! 2. A repeat carries the identity of the first, so that nothing is ever done twice.
//!
//! Left out on purpose: driving machines (hoga-runtime) and reading for others (sinks, query).

pub mod commands;
pub mod feed;
pub mod json;
pub mod producer;
