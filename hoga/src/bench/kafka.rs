//! The stages on Kafka, each beside a bare loop.
//!
//! - [`row`]: a row's two sides in turn. [`bare`], [`chain`]: the bare loop. [`place`]: topics of their own.
//! - [`warm`]: the broker is warmed first.
//! - [`hop`], [`order_to_execution`], [`order_to_answer`], [`pipeline`], [`ticks`]: the stages.

pub mod bare;
pub mod chain;
pub mod hop;
pub mod order_to_answer;
pub mod order_to_execution;
pub mod pipeline;
mod place;
pub mod row;
pub mod ticks;
pub mod warm;
