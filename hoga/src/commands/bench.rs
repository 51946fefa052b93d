//! `hoga bench`: figures of this machine, each stage beside what it could be at best.
//!
//! Invariant: it works in topics of its own, which it deletes; what else is on that Kafka is not touched.

use crate::bench::machine::Machine;
use crate::bench::row::Row;
use crate::bench::{hop, order_to_answer, order_to_execution, pipeline, report, warm};
use crate::cli::Context;
use crate::exit::Failure;
use crate::site::kafka_options_of_new;
use std::io;
use std::path::PathBuf;

/// Arguments of `hoga bench`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  hoga bench kafka --kafka 127.0.0.1:19092 --json figures.json\n  hoga bench hop --pairs 5\n\nEach stage runs beside a bare loop: plain rdkafka consumers and producers in as many hops, with as many records of\nthe same size. The exit code is 1 if hoga misses what is asked of it by more than the bare loop's own rounds differ."
)]
pub struct Args {
    /// What to measure
    #[command(subcommand)]
    stage: Stage,
    /// Rounds of hoga and of the bare loop, in turn
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=100), global = true)]
    pairs: u64,
    /// Measured seconds of a round at a rate
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600), global = true)]
    seconds: u64,
    /// Orders of a round flat out
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1_000..=1_000_000), global = true)]
    orders: u64,
    /// Seconds for which the broker is warmed first; 0 if it has been at work
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(0..=600), global = true)]
    warm: u64,
    /// Write the figures into a file too
    #[arg(long, value_name = "FILE", global = true)]
    json: Option<PathBuf>,
}

/// A stage.
#[derive(Debug, Clone, Copy, clap::Subcommand)]
enum Stage {
    /// Every stage on Kafka
    Kafka,
    /// One machine: posted to orders, through admission, seen in accounts
    Hop,
    /// Posted to orders, through admission, holds and matching, seen in executions
    OrderToExecution,
    /// Posted to accounts, through holds, seen in order-events
    OrderToAnswer,
    /// Orders a second flat out, through all machines
    Pipeline,
}

impl Args {
    /// Measures, prints row by row, writes the file.
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let options = kafka_options_of_new(context)?;
        let (machine, out) = (Machine::here(), &mut io::stdout());
        warm::warm(context, &options, self.warm)?;
        report::head(&machine, self.pairs, out)?;
        let mut measured = Vec::new();
        for row in self.rows() {
            let compared = row.run(context, &options, self.pairs)?;
            report::row(&compared, out)?;
            measured.push(compared);
        }
        report::foot(out)?;
        if let Some(file) = &self.json {
            report::json(file, &machine, &measured)?;
        }
        match measured.iter().filter(|row| !row.missed().is_empty()).count() {
            0 => Ok(()),
            rows => Err(Failure::Refused(format!("{rows} of {} rows miss what is asked, see above", measured.len()))),
        }
    }

    fn rows(&self) -> Vec<Row> {
        let stages: &[Stage] = match &self.stage {
            Stage::Kafka => &[Stage::Hop, Stage::OrderToExecution, Stage::OrderToAnswer, Stage::Pipeline],
            stage => std::slice::from_ref(stage),
        };
        let rows = |stage: &Stage| match stage {
            Stage::Hop => hop::rows(self.seconds),
            Stage::OrderToExecution => order_to_execution::rows(self.seconds),
            Stage::OrderToAnswer => order_to_answer::rows(self.seconds),
            Stage::Pipeline => pipeline::rows(self.orders),
            Stage::Kafka => Vec::new(),
        };
        stages.iter().flat_map(rows).collect()
    }
}
