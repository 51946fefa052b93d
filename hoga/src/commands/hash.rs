//! `hoga hash`: hashes by which two runs are compared: of topics, of balances, of machines' state.

use crate::audit;
use crate::cli::Context;
use crate::commands::topics::parse_topic;
use crate::exit::Failure;
use crate::folder::Folder;
use crate::hashing;
use crate::ledger::Ledger;
use crate::pipeline::Pipeline;
use hoga_core::Topic;
use std::io::{self, Write};

/// What is hashed when no topic is named: what the machines say to the world.
const DEFAULT: [Topic; 5] = [Topic::Executions, Topic::Journal, Topic::OrderEvents, Topic::Depth, Topic::Candles];

/// Arguments of `hoga hash`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  hoga hash executions --balances\n  hoga hash --state --data-dir hoga-data/demo\n\nHashed are accepted records without origin, offset and time of append, and without clocks: two runs that came\nto the same have the same hashes, however often they were interrupted."
)]
pub struct Args {
    /// The topics; without any: executions, journal, order-events, depth, candles
    #[arg(value_parser = parse_topic)]
    topics: Vec<Topic>,
    /// The final balances of all accounts instead of topics (or besides those that are named)
    #[arg(long)]
    balances: bool,
    /// The state of all machines: live (newest usable snapshot and the rest of the input) against replay from offset 0
    #[arg(long)]
    state: bool,
}

impl Args {
    /// Reads and prints one line a hash.
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let folder = Folder::reach(context)?;
        let (log, out) = (&*folder.log, &mut io::stdout().lock());
        let all = self.topics.is_empty() && !self.balances && !self.state;
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
        if self.state { state(context, &folder, out) } else { Ok(()) }
    }
}

/// Brings all machines up, has them work through what is there, stops them, and replays each from its first record.
fn state(context: &Context, folder: &Folder, out: &mut dyn Write) -> Result<(), Failure> {
    if folder.own.is_none() {
        return Err(Failure::Unavailable(format!(
            "{}: `hoga up` has the machines; stop it, their state is then compared",
            folder.path.display()
        )));
    }
    let pipeline = Pipeline::start(context, folder)?;
    pipeline.wait_drained(&context.stop)?;
    let compared = audit::compare(&*folder.log, &folder.settings, &pipeline.stop()?, &context.stop)?;
    for one in &compared {
        let (live, equal) = (one.live.unwrap_or_default(), if one.agrees() { "equal" } else { "DIFFERENT" });
        let machine = format!("{}/{}", one.kind, one.partition);
        writeln!(
            out,
            "{machine:<16} {:>10} records  live {live:016x}  replay {:016x}  {equal}",
            one.next_offset, one.replayed
        )?;
    }
    let (live, replayed) = audit::total(&compared);
    writeln!(out, "{:<16} {:>10} machines live {live:016x}  replay {replayed:016x}", "state", compared.len())?;
    if compared.iter().all(audit::Compared::agrees) {
        return Ok(());
    }
    Err(Failure::Refused(
        "a machine is not what its input says: keep the folder, and compare with the release that wrote it".into(),
    ))
}

fn print(out: &mut dyn Write, what: &str, records: u64, hash: u64) -> io::Result<()> {
    writeln!(out, "{what:<16} {records:>10} records  {hash:016x}")
}
