//! hoga's side of a round: machines in this process, a poster and a watcher with a connection of their own.
//!
//! Invariant: nothing is left out of a round but starting, listing, funding and stopping.

use super::flow::{Before, Flow};
use super::load::Load;
use super::machine::cpu_time;
use super::measured::Measured;
use super::watch::{Posted, Sight, Watch};
use crate::cli::Context;
use crate::demo::generator::Generator;
use crate::demo::poster::{VALID_FOR_MS, post_all};
use crate::exit::Failure;
use crate::machines;
use crate::posting::now;
use hoga_core::{MachineKind, Record, Topic};
use hoga_ingest::producer::{Producer, ProducerOptions};
use hoga_runtime::{Placement, Runtime, RuntimeConfig, process_name};
use hoga_topics::owners::wait_drained;
use hoga_topics::{Log, TopicPartition, Visibility};
use object_store::memory::InMemory;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long starting, draining and stopping may take each.
const DEADLINE: Duration = Duration::from_secs(120);
/// The generator's seed: every round posts the same orders.
const SEED: u64 = 1;

/// Which machines run, where records are posted, what tells that they came through.
#[derive(Debug, Clone, Copy)]
pub struct Ours {
    /// The machines.
    pub machines: &'static [MachineKind],
    /// Where to.
    pub post_to: Topic,
    /// What is watched for.
    pub sight: Sight,
}

/// A round: starts the machines on a log that nobody used before, lists and funds, posts, measures, stops. `client` is
/// the same log, for who posts and watches; what it watches is visible like that.
pub fn round(
    ours: Ours,
    context: &Context,
    log: &Arc<dyn Log>,
    client: &Arc<dyn Log>,
    visibility: Visibility,
    load: Load,
) -> Result<(Measured, Flow), Failure> {
    let runtime = start(ours, context, log)?;
    let mut generator = Generator::new(SEED, 0);
    if ours.machines.contains(&MachineKind::Holds) {
        open_market(&**client, &generator)?;
    }
    let before = Before::of(&**client)?;
    let watch = Watch::start(Arc::clone(client), ours.sight, visibility)?;
    let cpu = cpu_time();
    let (started, posted) = post(ours, context, &**client, &mut generator, load)?;
    let (sending, sending_cpu) = (started.elapsed(), cpu_time());
    drain(&runtime, &**client)?;
    let seen = watch.finish()?;
    let (elapsed, cpu_end) = match load.rate {
        Some(_) => (sending, sending_cpu),
        None => (seen.last().map_or(sending, |last| last.saturating_duration_since(started)), cpu_time()),
    };
    let flow = before.flow(&**client, load)?;
    let report = runtime.stop(Instant::now() + DEADLINE);
    if !report.clean {
        return Err(Failure::TimedOut(format!("the machines did not stop within {} s", DEADLINE.as_secs())));
    }
    let latency = seen.latencies_us(&posted, load, started);
    let orders: usize = posted.iter().map(Vec::len).sum();
    if ours.sight != Sight::Traded && seen.count() < orders {
        return Err(Failure::Refused(format!("{} of {orders} records were never seen", orders - seen.count())));
    }
    Ok((Measured::new(latency, load.records(), elapsed, cpu_end.saturating_sub(cpu)), flow))
}

fn start(ours: Ours, context: &Context, log: &Arc<dyn Log>) -> Result<Runtime, Failure> {
    let settings = context.settings.config.machines.clone();
    let mut setup = RuntimeConfig::new(process_name(), settings, machines::factory());
    setup.placement = Placement::Alone { machines: ours.machines.to_vec() };
    let runtime = Runtime::start(Arc::clone(log), Arc::new(InMemory::new()), setup)?;
    runtime.wait_running(Instant::now() + DEADLINE)?;
    Ok(runtime)
}

/// Lists what is traded and brings money in, each before what needs it.
fn open_market(log: &dyn Log, generator: &Generator) -> Result<(), Failure> {
    post_all(log, generator.listings().into_iter())?;
    wait_drained(log, Instant::now() + DEADLINE)?;
    post_all(log, generator.deposits(now().plus_ms(VALID_FOR_MS)))?;
    Ok(wait_drained(log, Instant::now() + DEADLINE)?)
}

/// Posts; of each partition the numbers of what can be seen: all records where admission is watched, else orders.
fn post(
    ours: Ours,
    context: &Context,
    log: &dyn Log,
    generator: &mut Generator,
    load: Load,
) -> Result<(Instant, Posted), Failure> {
    let mut posted: Posted = vec![Vec::new(); log.partitions(ours.post_to) as usize];
    let mut valid_until = now().plus_ms(VALID_FOR_MS);
    let mut producer = Producer::new(log, ProducerOptions::default())?;
    let send = |producer: &mut Producer<'_>, number: u64| {
        if number.is_multiple_of(1_000) {
            valid_until = now().plus_ms(VALID_FOR_MS);
        }
        let record = generator.next(valid_until);
        let TopicPartition { partition, .. } = producer.send(ours.post_to, &record, None)?;
        if ours.sight == Sight::Admitted || matches!(record, Record::PlaceOrder(_)) {
            posted[partition as usize].push(number);
        }
        Ok(())
    };
    let started = load.post(&context.stop, &mut producer, send, |producer| Ok(producer.flush()?))?;
    producer.finish()?;
    Ok((started, posted))
}

fn drain(runtime: &Runtime, log: &dyn Log) -> Result<(), Failure> {
    let drained = wait_drained(log, Instant::now() + DEADLINE);
    match runtime.failed() {
        Some(why) => Err(Failure::Stopped(why)),
        None => Ok(drained?),
    }
}
