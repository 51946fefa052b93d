//! Restart: a million orders rest, of a million accounts; the process dies, and how long until an order is answered
//! again. And before each time: by how much a snapshot of all this delays an order.
//!
//! The market is generated and put through every topic of an embedded log. Dying is leaving the machines without their
//! last marks and snapshots; restarting begins with opening the log.

mod probe;

use super::crowd::Crowd;
use super::outcome::{Figure, Outcome, Side};
use super::scratch::Scratch;
use super::timing::{Spread, nanoseconds};
use super::{Size, load::Load};
use crate::cli::Context;
use crate::demo::poster::post_all;
use crate::exit::Failure;
use crate::machines;
use crate::posting::now;
use crate::progress::Progress;
use hdrhistogram::Histogram;
use hoga_core::Record;
use hoga_runtime::{Limits, Runtime, RuntimeConfig, process_name};
use hoga_topics::Log;
use hoga_topics::owners::wait_drained;
use std::sync::Arc;
use std::time::{Duration, Instant};

const EXCLUDED: &str = "building the market, the start of the process itself";
const ORDERS: usize = 1_000_000;
const ACCOUNTS: u32 = 1_000_000;
const SYMBOLS: usize = 100;
/// Records that are posted before the machines are waited for.
const CHUNK: usize = 100_000;
/// Orders a second while snapshots are taken.
const RATE: u64 = 2_000;
/// Records after which a machine takes a snapshot then: each of them several times in the measured seconds.
const SNAPSHOT_EVERY: u64 = 3_000;
const DEADLINE: Duration = Duration::from_secs(300);

/// The row.
pub fn run(context: &Context, size: &Size) -> Result<Outcome, Failure> {
    let work =
        format!("{ORDERS} orders rest of {ACCOUNTS} accounts in {SYMBOLS} symbols, embedded log, four partitions");
    let mut outcome = Outcome::new("restart", work, EXCLUDED);
    let scratch = Scratch::make(context, "restart")?;
    let mut crowd = Crowd::new(1, SYMBOLS, ACCOUNTS);
    build(context, &scratch, &mut crowd)?;
    let load = Load::paced(RATE, size.seconds);
    let (mut calm, mut disturbed) = (nanoseconds(), nanoseconds());
    let (mut delays, mut back, mut running) = (Spread::default(), Spread::default(), Spread::default());
    let mut progress = Progress::new("rounds of restart", Some(size.rounds));
    for round in 0..size.rounds {
        let without = paced(context, &scratch, &mut crowd, u64::MAX, load)?;
        let with = paced(context, &scratch, &mut crowd, SNAPSHOT_EVERY, load)?;
        delays.add(with.max().saturating_sub(without.value_at_quantile(0.99)));
        calm += without;
        disturbed += with;
        let (answered, ran) = restart(context, &scratch, &mut crowd)?;
        back.add(answered.as_nanos() as u64);
        running.add(ran.as_millis() as u64);
        progress.set(round + 1);
    }
    outcome.figures = vec![Figure::of("back and matching", &back), Figure::of("delay by a snapshot", &delays)];
    outcome.sides = vec![side("no snapshots", calm), side("with snapshots", disturbed)];
    outcome.facts.push(("machines ran after", format!("{} ms", running.middle())));
    Ok(outcome)
}

fn side(name: &'static str, latency: Histogram<u64>) -> Side {
    let count = latency.len();
    Side { name, latency_ns: Some(latency), per_second: RATE, cpu_ns: 0, count }
}

/// All machines over the folder's log.
fn start(context: &Context, scratch: &Scratch, log: &Arc<dyn Log>, every: u64) -> Result<Runtime, Failure> {
    let settings = context.settings.config.machines.clone();
    let mut setup = RuntimeConfig::new(process_name(), settings, machines::factory());
    setup.limits = Limits { snapshot_every_records: every, ..setup.limits };
    let runtime = Runtime::start(Arc::clone(log), scratch.snapshots()?, setup)?;
    runtime.wait_running(Instant::now() + DEADLINE)?;
    Ok(runtime)
}

/// Lists, funds, and lets the orders rest; ends cleanly.
fn build(context: &Context, scratch: &Scratch, crowd: &mut Crowd) -> Result<(), Failure> {
    let log: Arc<dyn Log> = Arc::new(scratch.log()?);
    let runtime = start(context, scratch, &log, Limits::default().snapshot_every_records)?;
    crowd.live_at(now());
    post_all(&*log, crowd.listings().into_iter())?;
    wait_drained(&*log, Instant::now() + DEADLINE)?;
    let mut progress = Progress::new("records of the market", Some(2 * u64::from(ACCOUNTS) + ORDERS as u64));
    let mut done = 0;
    for account in 0..ACCOUNTS as usize {
        if account % (CHUNK / 2) == 0 {
            crowd.live_at(now());
            let chunk: Vec<Record> = crowd.deposits_of(account..(account + CHUNK / 2).min(ACCOUNTS as usize)).collect();
            done += chunk.len() as u64;
            put(context, &*log, &runtime, chunk)?;
            progress.set(done);
        }
    }
    for first in (0..ORDERS).step_by(CHUNK) {
        crowd.live_at(now());
        let chunk: Vec<Record> = (first..first + CHUNK).map(|order| crowd.resting(order % SYMBOLS).into()).collect();
        done += chunk.len() as u64;
        put(context, &*log, &runtime, chunk)?;
        progress.set(done);
    }
    stop(runtime)
}

fn put(context: &Context, log: &dyn Log, runtime: &Runtime, records: Vec<Record>) -> Result<(), Failure> {
    context.stop.check("no figures")?;
    post_all(log, records.into_iter())?;
    match (wait_drained(log, Instant::now() + DEADLINE), runtime.failed()) {
        (_, Some(why)) => Err(Failure::Stopped(why)),
        (drained, None) => Ok(drained?),
    }
}

fn stop(runtime: Runtime) -> Result<(), Failure> {
    match runtime.stop(Instant::now() + DEADLINE).clean {
        true => Ok(()),
        false => Err(Failure::TimedOut(format!("the machines did not stop within {} s", DEADLINE.as_secs()))),
    }
}

/// Orders at a pace, with a snapshot of each machine every so many records; from when each was due to its answer.
fn paced(
    context: &Context,
    scratch: &Scratch,
    crowd: &mut Crowd,
    every: u64,
    load: Load,
) -> Result<Histogram<u64>, Failure> {
    let log: Arc<dyn Log> = Arc::new(scratch.log()?);
    let runtime = start(context, scratch, &log, every)?;
    let latency = probe::paced(context, &log, crowd, load)?;
    // As a crash leaves it: no marks, no snapshots.
    drop(runtime);
    Ok(latency)
}

/// From opening the log to the answer to an order, and to when the machines ran.
fn restart(context: &Context, scratch: &Scratch, crowd: &mut Crowd) -> Result<(Duration, Duration), Failure> {
    let started = Instant::now();
    let log: Arc<dyn Log> = Arc::new(scratch.log()?);
    let runtime = start(context, scratch, &log, u64::MAX)?;
    let running = started.elapsed();
    probe::paced(context, &log, crowd, Load { rate: Some(RATE), warm: 0, measured: 1 })?;
    let back = started.elapsed();
    drop(runtime);
    Ok((back, running))
}
