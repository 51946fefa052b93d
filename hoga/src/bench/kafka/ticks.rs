//! Candles from Kafka: ticks that stand in `ticks` are read, decoded and made into candles, which are written.
//!
//! The ticks are there before the machines start: what is measured is how fast a backlog is worked through.

use super::place::Place;
use crate::bench::candles;
use crate::bench::machine::cpu_time;
use crate::bench::outcome::{Figure, Outcome, Side};
use crate::bench::timing::{Spread, per_second};
use crate::cli::Context;
use crate::exit::Failure;
use crate::machines;
use crate::posting::now;
use crate::progress::Progress;
use hoga_core::{MachineKind, Topic};
use hoga_ingest::producer::{Producer, ProducerOptions};
use hoga_runtime::{Placement, Runtime, RuntimeConfig, process_name};
use hoga_topics::Log;
use hoga_topics::kafka::{KafkaLog, KafkaOptions};
use hoga_topics::owners::wait_drained;
use object_store::memory::InMemory;
use std::sync::Arc;
use std::time::{Duration, Instant};

const EXCLUDED: &str = "posting the ticks, starting and stopping";
const TICKS: u64 = 1_000_000;
const DEADLINE: Duration = Duration::from_secs(120);

/// The row.
pub fn run(context: &Context, options: &KafkaOptions, rounds: u64) -> Result<Outcome, Failure> {
    let row = "candles from Kafka";
    let mut outcome = Outcome::new(row, format!("{TICKS} ticks that stand in the topic, four intervals"), EXCLUDED);
    let (mut rates, mut cpu_ns) = (Spread::default(), Spread::default());
    let mut progress = Progress::new(row, Some(rounds));
    for round in 0..rounds {
        let place = Place::make(options)?;
        let log: Arc<dyn Log> = Arc::new(KafkaLog::connect(place.ours.clone())?);
        post(context, &*log)?;
        let (elapsed, cpu) = work_through(context, &log)?;
        rates.add(per_second(TICKS, elapsed));
        cpu_ns.add(cpu.as_nanos() as u64 / TICKS);
        progress.set(round + 1);
    }
    outcome.figures = vec![Figure::of("ticks/s", &rates)];
    let (per_second, cpu_ns) = (rates.middle(), cpu_ns.middle());
    outcome.sides = vec![Side { name: "hoga", latency_ns: None, per_second, cpu_ns, count: rounds * TICKS }];
    Ok(outcome)
}

fn post(context: &Context, log: &dyn Log) -> Result<(), Failure> {
    let (mut ticks, mut producer) = (candles::Ticks::new(), Producer::new(log, ProducerOptions::default())?);
    for number in 0..TICKS {
        if number.is_multiple_of(10_000) {
            context.stop.check("no figures")?;
            producer.flush()?;
        }
        producer.send(Topic::Ticks, &ticks.next(now()).into(), None)?;
    }
    producer.finish()?;
    Ok(())
}

fn work_through(context: &Context, log: &Arc<dyn Log>) -> Result<(Duration, Duration), Failure> {
    let settings = context.settings.config.machines.clone();
    let mut setup = RuntimeConfig::new(process_name(), settings, machines::factory());
    setup.placement = Placement::Alone { machines: vec![MachineKind::TickCandles] };
    let (started, cpu) = (Instant::now(), cpu_time());
    let runtime = Runtime::start(Arc::clone(log), Arc::new(InMemory::new()), setup)?;
    runtime.wait_running(Instant::now() + DEADLINE)?;
    let drained = wait_drained(&**log, Instant::now() + DEADLINE);
    let spent = (started.elapsed(), cpu_time() - cpu);
    match runtime.failed() {
        Some(why) => return Err(Failure::Stopped(why)),
        None => drained?,
    }
    match runtime.stop(Instant::now() + DEADLINE).clean {
        true => Ok(spent),
        false => Err(Failure::TimedOut(format!("the machines did not stop within {} s", DEADLINE.as_secs()))),
    }
}
