//! The parts of `hoga bench`: one file for each stage that is measured, and what they share.
//!
//! - [`table`]: every row with what it must reach and what it should. [`outcome`]: what a stage measured, judged by it.
//! - [`report`]: figures for people and as JSON. [`machine`]: the computer. [`timing`], [`measured`]: time and rounds.
//! - [`workload`], [`crowd`]: commands to be carried out. [`core_loop`], [`direct`]: the machines without logs around
//!   them, with and without records between them.
//! - [`book`], [`core`], [`symbols`], [`codec`], [`log`], [`embedded`], [`candles`], [`restart`]: the stages in one
//!   process. `kafka`: those on Kafka, each beside a bare loop.
//! - [`load`], [`ours`], [`watch`], [`flow`], [`scratch`]: machines at work over a log, posted to and watched; `disk`
//!   beside them.

pub mod book;
pub mod candles;
pub mod codec;
pub mod core;
pub mod core_loop;
pub mod crowd;
pub mod direct;
mod disk;
pub mod embedded;
pub mod flow;
#[cfg(feature = "kafka")]
pub mod kafka;
pub mod load;
pub mod log;
pub mod machine;
pub mod measured;
pub mod memory;
pub mod ours;
pub mod outcome;
pub mod report;
pub mod restart;
pub mod scratch;
pub mod symbols;
pub mod table;
pub mod timing;
pub mod watch;
pub mod workload;

use std::path::PathBuf;

/// What the command was told about the size of the work.
#[derive(Debug, Clone)]
pub struct Size {
    /// Rounds of each row; of hoga and the bare loop, in turn.
    pub rounds: u64,
    /// Measured seconds of a round at a rate.
    pub seconds: u64,
    /// Orders of a round flat out on Kafka.
    #[cfg(feature = "kafka")]
    pub orders: u64,
    /// Another matching workload than the recorded one.
    pub workload: Option<PathBuf>,
}
