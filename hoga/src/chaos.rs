//! Faults on a real Kafka: processes are killed, put to sleep and replaced, brokers too, while orders flow; after every
//! round the independent checker speaks.
//!
//! - [`schedule`]: what is done, from a seed. [`occasion`]: how a process is brought to a fail point.
//! - [`member`]: a process of machines. [`brokers`]: brokers. [`producer`]: the orders. [`watch`]: when work goes on.
//! - [`proxy`]: a proxy of Kafka frames, [`frames`]: what it does to each.
//! - [`arena`]: all of these together. [`acts`]: the acts. [`checker`]: the judge. [`totals`]: what was done.
//!
//! Writes into a log of its own, and a folder of its own for what is said and sent; both go when all is well.
//!
//! Left out on purpose: any judgement of records. That is the checker's, which shares no code with this.

mod acts;
mod arena;
mod brokers;
mod checker;
mod frames;
mod member;
mod occasion;
mod producer;
mod proxy;
mod schedule;
mod totals;
mod watch;

pub use arena::{Arena, Setup};
pub use schedule::{Plan, Schedule, Sort};
pub use totals::Totals;
