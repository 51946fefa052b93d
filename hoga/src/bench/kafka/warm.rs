//! Warms the broker: one that was just started runs interpreted code for a while, and its figures are of nothing else.

use super::bare::{self, Bare};
use super::chain;
use super::place::Place;
use crate::bench::flow::{Flow, Written};
use crate::bench::load::Load;
use crate::cli::Context;
use crate::exit::Failure;
use crate::progress::Progress;
use hoga_core::Topic;
use hoga_topics::kafka::KafkaOptions;
use std::time::{Duration, Instant};

/// Records of one stretch, and a second.
const RECORDS: u64 = 10_000;

/// Sends records through the bare loop of all machines for so long.
pub fn warm(context: &Context, options: &KafkaOptions, seconds: u64) -> Result<(), Failure> {
    let (started, flow) = (Instant::now(), flow());
    let mut progress = Progress::new("seconds of warming the broker", Some(seconds));
    while started.elapsed() < Duration::from_secs(seconds) {
        let place = Place::make(options)?;
        let load = Load { rate: Some(RECORDS), warm: 0, measured: 5 * RECORDS };
        let bare =
            Bare { hops: chain::all(&flow, true), post_to: Topic::Orders, watch: Topic::Executions, flow: &flow };
        bare::round(bare, &context.stop, &place, load)?;
        progress.set(started.elapsed().as_secs());
    }
    Ok(())
}

/// About what orders cause.
fn flow() -> Flow {
    let shares = [
        (Topic::Orders, 100),
        (Topic::Accounts, 250),
        (Topic::Books, 100),
        (Topic::Executions, 50),
        (Topic::OrderEvents, 250),
        (Topic::Journal, 100),
        (Topic::Depth, 100),
        (Topic::Candles, 1),
    ];
    let written = |(topic, share)| (topic, Written { records: share, bytes: 150 });
    Flow { posted: 100, topics: shares.into_iter().map(written).collect() }
}
