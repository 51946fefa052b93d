//! `hoga hash`: hashes by which two runs are compared: of topics, of balances, of machines' state.

use crate::cli::Context;
use crate::commands::topics::parse_topic;
use crate::exit::Failure;
use crate::folder::Folder;
use crate::hashing;
use crate::ledger::Ledger;
use hoga_core::Topic;
use std::io::{self, Write};

/// What is hashed when no topic is named: what the machines say to the world.
const DEFAULT: [Topic; 5] = [Topic::Executions, Topic::Journal, Topic::OrderEvents, Topic::Depth, Topic::Candles];

/// Arguments of `hoga hash`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  hoga hash executions --balances\n  hoga hash --data-dir hoga-data/demo\n\nHashed are accepted records without origin, offset and time of append, and without clocks: two runs that came\nto the same have the same hashes, however often they were interrupted."
)]
pub struct Args {
    /// The topics; without any: executions, journal, order-events, depth, candles
    #[arg(value_parser = parse_topic)]
    topics: Vec<Topic>,
    /// The final balances of all accounts instead of topics (or besides those that are named)
    #[arg(long)]
    balances: bool,
}

impl Args {
    /// Reads and prints one line a hash.
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let folder = Folder::reach(context)?;
        let (log, out) = (&*folder.log, &mut io::stdout().lock());
        let all = self.topics.is_empty() && !self.balances;
        for topic in if all { DEFAULT.to_vec() } else { self.topics } {
            let (partitions, total) = hashing::topic(log, topic, &context.stop)?;
            for (number, partition) in partitions.iter().enumerate() {
                print(out, &format!("{topic}/{number}"), partition.records, partition.hash)?;
            }
            print(out, topic.name(), total.records, total.hash)?;
        }
        if self.balances {
            let ledger = Ledger::read(log, &context.stop)?;
            print(out, "balances", ledger.entries, ledger.hash())?;
        }
        Ok(())
    }
}

fn print(out: &mut dyn Write, what: &str, records: u64, hash: u64) -> io::Result<()> {
    writeln!(out, "{what:<16} {records:>10} records  {hash:016x}")
}
