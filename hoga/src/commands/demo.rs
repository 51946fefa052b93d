//! `hoga demo`: a whole exchange at work in one process, measured and audited.
//!
//! Invariants:
//! 1. Every order goes through all topics, as any producer's would.
//! 2. It ends well only if the ledger sums to zero in each asset and every live machine equals its replay from offset 0.
//! 3. A second run goes on from what the first has stored.

use crate::audit;
use crate::cli::Context;
use crate::demo::generator::{ACCOUNTS, Generator};
use crate::demo::observer::{Observer, Seen, latencies};
use crate::demo::poster::{Posted, VALID_FOR_MS, post_all, post_orders};
use crate::demo::report;
use crate::exit::Failure;
use crate::ledger::Ledger;
use crate::pipeline::Pipeline;
use crate::posting::now;
use crate::reading;
use crate::site::{Site, Topics};
use hoga_core::Topic;
use hoga_topics::{Log, TimeMode};
use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Arguments of `hoga demo`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: hoga demo --orders 500000\n\nRun it again: it goes on from the stored state.")]
pub struct Args {
    /// Orders to post as fast as possible
    #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    orders: u64,
    /// Orders to post at an even pace after that, to measure latency
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u64).range(0..=10_000_000))]
    paced_orders: u64,
    /// That pace, in commands a second
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pace: u64,
    /// The generator's seed
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// One measured stretch of orders.
pub struct Stretch {
    /// What was posted.
    pub posted: Posted,
    /// What was seen of it.
    pub seen: Seen,
    /// From the first order to when the last was worked through.
    pub elapsed: Duration,
}

impl Args {
    /// Lists, funds, trades, measures, audits.
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let began = Instant::now();
        let site = Site::own(context, "demo", Some(TimeMode::Wall), Topics::Make)?;
        let log = &*site.log;
        let out = &mut io::stdout().lock();
        let run = stored(log)?;
        let mut generator = Generator::new(self.seed, run);
        if run > 0 {
            writeln!(out, "going on from {site}: {run} commands are stored there")?;
        }
        let pipeline = Pipeline::start(context, &site)?;
        if run == 0 {
            open_market(context, log, &generator, &pipeline)?;
            writeln!(out, "3 instruments listed, {ACCOUNTS} accounts funded")?;
        }
        let flat_out = self.trade(context, &site, &pipeline, &mut generator, self.orders, None)?;
        report::throughput(&flat_out, out)?;
        let flat_out_latency = latencies(log, run, &flat_out.posted, &flat_out.seen, &context.stop)?;
        report::latency("flat out", &flat_out_latency, out)?;
        if self.paced_orders > 0 {
            let paced = self.trade(context, &site, &pipeline, &mut generator, self.paced_orders, Some(self.pace))?;
            let latency = latencies(log, run, &paced.posted, &paced.seen, &context.stop)?;
            report::latency(&format!("at {} commands/s", self.pace), &latency, out)?;
        }
        report::memory(out)?;
        let stopped = pipeline.stop()?;
        report::ledger(&Ledger::read(log, &context.stop)?, out)?;
        report::replay(&audit::compare(&site, &stopped, &context.stop)?, out)?;
        report::next_commands(&site, began.elapsed(), out)
    }

    fn trade(
        &self,
        context: &Context,
        site: &Site,
        pipeline: &Pipeline,
        generator: &mut Generator,
        orders: u64,
        pace: Option<u64>,
    ) -> Result<Stretch, Failure> {
        let observer = Observer::start(Arc::clone(&site.log))?;
        let started = Instant::now();
        let posted = post_orders(&*site.log, generator, orders, pace, &context.stop)?;
        pipeline.wait_drained(&context.stop)?;
        let elapsed = started.elapsed();
        Ok(Stretch { posted, seen: observer.finish()?, elapsed })
    }
}

/// How many commands stand in `orders`: zero before the first run, and in each run another number.
fn stored(log: &dyn Log) -> Result<u64, Failure> {
    let mut stored = 0;
    for partition in reading::partitions(log, Topic::Orders) {
        stored += log.bounds(partition)?.end;
    }
    Ok(stored)
}

/// Lists assets, fees and instruments, opens them, and brings money in; each before what needs it.
fn open_market(context: &Context, log: &dyn Log, generator: &Generator, pipeline: &Pipeline) -> Result<(), Failure> {
    post_all(log, generator.listings().into_iter())?;
    pipeline.wait_drained(&context.stop)?;
    post_all(log, generator.deposits(now().plus_ms(VALID_FOR_MS)))?;
    pipeline.wait_drained(&context.stop)
}
