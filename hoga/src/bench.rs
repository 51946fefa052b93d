//! The parts of `hoga bench`: one file for each stage that is measured, and what they share.
//!
//! - [`load`]: how records are posted. [`row`]: a stage's two sides in turn, and what must hold. [`report`]: figures
//!   for people and as JSON. [`measured`], [`machine`]: histograms, time on a core, the computer.
//! - [`ours`], [`watch`], [`flow`]: hoga's side. [`bare`], [`chain`]: the bare loop. [`place`]: their topics.
//! - [`hop`], [`order_to_execution`], [`order_to_answer`], [`pipeline`]: the stages on Kafka.

pub mod bare;
pub mod chain;
pub mod flow;
pub mod hop;
pub mod load;
pub mod machine;
pub mod measured;
pub mod order_to_answer;
pub mod order_to_execution;
pub mod ours;
pub mod pipeline;
pub mod place;
pub mod report;
pub mod row;
pub mod warm;
pub mod watch;
