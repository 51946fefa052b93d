//! Orders end to end on the embedded log, durable: posted to `orders`, through admission, holds and matching, seen as
//! settled in `order-events` by a reader of what is durable.
//!
//! At a rate the disk alone stands beside it ([`disk`]). Flat out an order waits behind all that were posted before it,
//! so only the rate is asked for there.

use super::flow::Flow;
use super::load::Load;
use super::measured::Measured;
use super::ours::{self, Ours};
use super::outcome::{Figure, Outcome};
use super::scratch::Scratch;
use super::timing::Spread;
use super::watch::Sight;
use super::{Size, disk};
use crate::cli::Context;
use crate::exit::Failure;
use crate::progress::Progress;
use hoga_core::{MachineKind, Topic};
use hoga_topics::{Log, Visibility};
use std::sync::Arc;

const EXCLUDED: &str = "sinks and streams, snapshots (none is due in a round), starting and stopping; whoever posts and watches shares the cores";
/// Orders of a round flat out.
const FLAT_OUT: u64 = 300_000;

/// The rows.
pub fn run(context: &Context, size: &Size) -> Result<Vec<Outcome>, Failure> {
    let rows = [
        ("embedded flat out", Load::flat_out(FLAT_OUT)),
        ("embedded 20,000/s", Load::paced(20_000, size.seconds)),
        ("embedded 50,000/s", Load::paced(50_000, size.seconds)),
    ];
    rows.into_iter().map(|(row, load)| measure(row, load, context, size)).collect()
}

fn measure(row: &'static str, load: Load, context: &Context, size: &Size) -> Result<Outcome, Failure> {
    let how = load.rate.map_or("flat out".to_owned(), |rate| format!("at {rate}/s, open-loop"));
    let work = format!("{} commands a round {how}, all machines, four partitions, seen when durable", load.measured);
    let mut outcome = Outcome::new(row, work, EXCLUDED);
    let mut progress = Progress::new(row, Some(size.rounds));
    let (mut rates, mut p99) = (Spread::default(), Spread::default());
    let (mut ours, mut alone) = (None, None);
    for round in 0..size.rounds {
        context.stop.check("no figures")?;
        // Its files stay until the disk's turn is over: removing them is work for the disk.
        let scratch = Scratch::make(context, "embedded")?;
        let (measured, flow) = self::round(load, context, &scratch)?;
        rates.add(measured.rate());
        p99.add(measured.latency_us.value_at_quantile(0.99) * 1_000);
        add(&mut ours, measured);
        if load.rate.is_some() {
            add(&mut alone, disk::round(&scratch, &context.stop, load, bytes_an_order(&flow))?);
        }
        progress.set(round + 1);
    }
    outcome.figures = match load.rate {
        None => vec![Figure::of("orders/s", &rates)],
        Some(_) => vec![Figure::of("P99", &p99)],
    };
    outcome.sides.extend(ours.map(|ours| ours.side("hoga")));
    outcome.sides.extend(alone.map(|alone| alone.side("disk alone")));
    Ok(outcome)
}

fn add(all: &mut Option<Measured>, round: Measured) {
    match all {
        None => *all = Some(round),
        Some(all) => all.add(&round),
    }
}

/// What an order is in all topics together.
fn bytes_an_order(flow: &Flow) -> u64 {
    flow.topics.values().map(|written| written.records * written.bytes).sum::<u64>() / flow.posted.max(1)
}

fn round(load: Load, context: &Context, scratch: &Scratch) -> Result<(Measured, Flow), Failure> {
    let ours = Ours { machines: MachineKind::ALL, post_to: Topic::Orders, sight: Sight::Settled };
    let log: Arc<dyn Log> = Arc::new(scratch.log()?);
    ours::round(ours, context, &log, &log, Visibility::Durable, load)
}
