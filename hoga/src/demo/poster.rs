//! Posts the demo's orders as any producer would, and remembers when.
//!
//! Invariant: the `k`-th order sent to a partition of `orders` is the `k`-th that holds numbers there in this run,
//! because accounts are in the same partition of `orders` and `accounts` and the generator sends nothing twice.

use super::generator::Generator;
use crate::exit::Failure;
use crate::posting::{Poster, now};
use crate::progress::Progress;
use crate::stop::Stop;
use hoga_core::{Record, Topic};
use hoga_topics::Log;
use std::time::{Duration, Instant};

/// Commands are valid this long: flat out they wait in the topic for their turn.
pub const VALID_FOR_MS: i64 = 300_000;
/// Flat out, so many records go out together.
const BATCH: u64 = 256;
/// How long the log may take to tell where records stand.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// When each order was posted, in the order of sending within its partition.
#[derive(Debug, Default)]
pub struct Posted {
    /// For each partition of `orders`: the orders' numbers in the run, and when they were sent.
    pub partitions: Vec<Vec<(u64, Instant)>>,
    /// How many orders.
    pub orders: u64,
    /// How many cancels besides.
    pub cancels: u64,
}

/// Appends records and waits until all of them stand in the log.
pub fn post_all(log: &dyn Log, records: impl Iterator<Item = Record>) -> Result<(), Failure> {
    let mut poster = Poster::new(log, ANSWER_TIMEOUT)?;
    for record in records {
        poster.send(&record)?;
    }
    poster.finish()
}

/// Posts `orders` orders (and the cancels between them) flat out, or `pace` commands a second.
pub fn post_orders(
    log: &dyn Log,
    generator: &mut Generator,
    orders: u64,
    pace: Option<u64>,
    stop: &Stop,
) -> Result<Posted, Failure> {
    let mut posted =
        Posted { partitions: vec![Vec::new(); log.partitions(Topic::Orders) as usize], ..Posted::default() };
    let mut poster = Poster::new(log, ANSWER_TIMEOUT)?;
    let mut progress = Progress::new("orders posted", Some(orders));
    let (started, mut valid_until) = (Instant::now(), now().plus_ms(VALID_FOR_MS));
    while posted.orders < orders {
        let sent = posted.orders + posted.cancels;
        if let Some(pace) = pace {
            let due = started + Duration::from_micros(sent * 1_000_000 / pace);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        if sent.is_multiple_of(BATCH) {
            valid_until = now().plus_ms(VALID_FOR_MS);
            stop.check("the demo can be run again; it goes on from what it stored")?;
            progress.set(posted.orders);
        }
        let number = generator.orders();
        let record = generator.next(valid_until);
        let at = Instant::now();
        let to = poster.send(&record)?;
        if matches!(record, Record::PlaceOrder(_)) {
            posted.partitions[to.partition as usize].push((number, at));
            posted.orders += 1;
        } else {
            posted.cancels += 1;
        }
        if pace.is_some() || (sent + 1).is_multiple_of(BATCH) {
            poster.flush()?;
        }
    }
    poster.finish()?;
    Ok(posted)
}
