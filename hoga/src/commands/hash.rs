//! `hoga hash`: hashes by which two runs are compared: of topics, of balances, of machines' state.

use crate::audit;
use crate::cli::Context;
use crate::commands::topics::parse_topic;
use crate::exit::Failure;
use crate::hashing;
use crate::ledger::Ledger;
use crate::pipeline::Pipeline;
use crate::site::Site;
use hoga_core::Topic;
use hoga_topics::owners::OWNERS;
use std::io::{self, Write};
use std::time::Duration;

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
    /// The state of all machines: live (newest usable snapshot and the rest of the input) against replay from offset 0, or from the oldest snapshot where that is cut
    #[arg(long)]
    state: bool,
}

impl Args {
    /// Reads and prints one line a hash.
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let site = Site::reach(context)?;
        let (log, cuts, out) = (&*site.log, site.cuts()?, &mut io::stdout().lock());
        let all = self.topics.is_empty() && !self.balances && !self.state;
        for topic in if all { DEFAULT.to_vec() } else { self.topics } {
            let (partitions, total) = hashing::topic(log, &cuts, topic, &context.stop)?;
            for (number, partition) in partitions.iter().enumerate() {
                let begins = match partition.from {
                    0 => String::new(),
                    from => format!("  begins at offset {from}, what was before is cut"),
                };
                print(out, &format!("{topic}/{number}"), partition.records, partition.hash, &begins)?;
            }
            let begins = if total.from > 0 { "  of what is left" } else { "" };
            print(out, topic.name(), total.records, total.hash, begins)?;
        }
        if self.balances {
            let ledger = Ledger::read(log, &context.stop)?;
            print(out, "balances", ledger.entries, ledger.hash(), "")?;
        }
        if self.state { state(context, &site, out) } else { Ok(()) }
    }
}

/// Brings all machines up, has them work through what is there, stops them, and replays each from its first record that is kept.
fn state(context: &Context, site: &Site, out: &mut dyn Write) -> Result<(), Failure> {
    if !site.wants_machines() || others_at_work(context, site)? {
        return Err(Failure::Unavailable(format!(
            "{site}: `hoga up` (or `hoga run`) has the machines; stop it, their state is then compared"
        )));
    }
    let pipeline = Pipeline::start(context, site)?;
    pipeline.wait_drained(&context.stop)?;
    let compared = audit::compare(site, &pipeline.stop()?, &context.stop)?;
    for one in &compared {
        let (live, equal) = (one.live.unwrap_or_default(), if one.agrees() { "equal" } else { "DIFFERENT" });
        let machine = format!("{}/{}", one.kind, one.partition);
        writeln!(
            out,
            "{machine:<16} {:>10} records  live {live:016x}  replay {:016x}  {equal}{}",
            one.next_offset,
            one.replayed,
            match one.from {
                0 => String::new(),
                from => format!(" from offset {from}, what was before is cut"),
            }
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

/// Whether some process gives signs of life: of a log that others reach too it is seen in `owners`.
fn others_at_work(context: &Context, site: &Site) -> Result<bool, Failure> {
    if site.is_own() {
        return Ok(false);
    }
    let at_first = site.log.bounds(OWNERS)?.end;
    std::thread::sleep(Duration::from_millis(context.settings.config.takeover_after_ms));
    Ok(site.log.bounds(OWNERS)?.end > at_first)
}

fn print(out: &mut dyn Write, what: &str, records: u64, hash: u64, begins: &str) -> io::Result<()> {
    writeln!(out, "{what:<16} {records:>10} records  {hash:016x}{begins}")
}
