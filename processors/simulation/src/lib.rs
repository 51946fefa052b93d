//! hoga-simulation: a seed runs the whole pipeline in memory, on virtual time, under faults, and an auditor that shares
//! none of hoga's judgement looks after every step.
//!
//! What runs is the real thing: the machines of hoga-core in the drivers of hoga-runtime, over the memory log of
//! hoga-topics, with snapshots in an object store in memory. What is simulated is everything around it: who is stepped
//! when, which records are lost, late or doubled, who dies, sleeps or goes on writing although replaced, what clocks
//! say, and what members send.
//!
//! - [`generate`]: a [`Script`] from a seed. [`run`]: what comes of a script. [`shrink`]: a shorter one that fails too.
//! - `auditor`: judges, from the topics alone.
//!
//! Invariants:
//! 1. The same script gives the same run, byte for byte: one order of everything, no clock, no thread.
//! 2. The auditor uses the codec and the records' structs, and nothing else of what it judges.
//!
//! Left out on purpose: recorded logs (their feed is one writer; the runtime's own tests run them), cutting, and Kafka,
//! whose faults need a real broker (`hoga chaos`).

mod auditor;
mod flow;
mod forge;
mod generate;
mod node;
mod outcome;
mod post;
mod producer;
mod random;
mod run;
mod script;
mod settings;
mod shrink;
mod snapshots;
#[cfg(test)]
mod tests;
mod troubles;
mod twist;

pub use generate::generate;
pub use outcome::{Failure, Report};
pub use random::Random;
pub use run::run;
pub use script::{Act, Damage, Forgery, Post, Script, ScriptError, Setup, Spoiling, Trouble, Way};
pub use shrink::{attempt, shrink};
