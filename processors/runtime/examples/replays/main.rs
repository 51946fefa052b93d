//! The same input gives the same output, byte for byte, however a machine is run: at least so many records are replayed
//! in three configurations, which differ in batch sizes, in how partitions are spread over processes and in how often
//! snapshots are taken; in the last every process is killed midway, and another goes on from a snapshot.
//!
//! `cargo run --release -p hoga-runtime --example replays [RECORDS]`
//!
//! An exchange with all machines runs once, live, in a recorded log in memory. Then each machine gets a copy of its
//! input partitions in a log of its own, once for each configuration, and writes what it writes. Compared are, channel
//! by channel, all bytes of each record but the epoch, which says whose claim it was written under; and the states.
//! Each machine is given the same input because the order within a partition that several machines write is what
//! happened, not what was computed: two live runs differ there, and both are right.

mod compare;
mod exchange;
mod replay;

use compare::differences;
use hoga_core::MachineKind;
use hoga_topics::MemoryLog;
use replay::{CONFIGURATIONS, Configuration, Outcome};
use std::error::Error;
use std::io::Write as _;
use std::time::Instant;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let records = std::env::args().nth(1).map_or(Ok(1_000_000), |records| records.parse())?;
    let begun = Instant::now();
    let live = exchange::run(records)?;
    let input: u64 = MachineKind::ALL.iter().map(|kind| replay::input_len(&live.log, *kind)).sum();
    say(&format!("live: {input} input records in {} s", begun.elapsed().as_secs()))?;
    if input < records {
        return Err(format!("an input of {input} records is less than the {records} asked for").into());
    }
    let expected = MachineKind::ALL.iter().map(|kind| Outcome::of(&live, *kind)).collect::<Result<Vec<_>>>()?;
    let mut different = 0;
    for configuration in &CONFIGURATIONS {
        different += compare_all(&live.log, &expected, configuration)?;
    }
    if different > 0 {
        return Err(format!("{different} differences").into());
    }
    say(&format!("all {} configurations are byte-equal to the live run", CONFIGURATIONS.len()))
}

/// Replays each machine in a configuration; how many differences there were.
fn compare_all(live: &MemoryLog, expected: &[Outcome], configuration: &Configuration) -> Result<usize> {
    say(&format!("{}:", configuration.name))?;
    let mut different = 0;
    for expected in expected {
        let (kind, begun) = (expected.kind, Instant::now());
        let outcome = replay::run(live, kind, configuration)?;
        let differences = differences(expected, &outcome)?;
        say(&format!(
            "  {kind:12} {:>9} records replayed, {:>9} written to {:>2} channels in {:>5.1} s{}",
            replay::input_len(live, kind),
            outcome.written(),
            outcome.channels.len(),
            begun.elapsed().as_secs_f64(),
            went_on(&outcome, configuration)
        ))?;
        for difference in &differences {
            say(&format!("  DIFFERENT: {difference}"))?;
        }
        different += differences.len();
    }
    Ok(different)
}

fn went_on(outcome: &Outcome, configuration: &Configuration) -> String {
    let (from, of) = (outcome.from_snapshots, outcome.states.len());
    if configuration.killed { format!("; {from} of {of} partitions went on from a snapshot") } else { String::new() }
}

fn say(text: &str) -> Result<()> {
    Ok(writeln!(std::io::stdout(), "{text}")?)
}
