//! Watches executions as a member's stream would, and afterwards says how long each taker waited.
//!
//! Invariant: a latency is from just before the order was sent to when its first execution was read here.

use super::generator::Generator;
use super::poster::Posted;
use crate::exit::Failure;
use crate::reading;
use crate::stop::Stop;
use hdrhistogram::Histogram;
use hoga_core::{OrderId, Record, Topic};
use hoga_topics::channel::{AcceptedBody, AcceptedReader};
use hoga_topics::{Log, TopicPartition, Visibility};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// What was seen: executions in the order of reading, by their taker.
#[derive(Debug, Default)]
pub struct Seen {
    /// Taker and when, one for each taker's first execution in a row.
    takers: Vec<(OrderId, Instant)>,
    /// All executions.
    pub trades: u64,
}

/// Reads executions on a thread of its own until it is told to end.
pub struct Observer {
    thread: JoinHandle<Result<Seen, Failure>>,
    end: Arc<AtomicBool>,
}

impl Observer {
    /// Watches for executions that are not there yet.
    pub fn start(log: Arc<dyn Log>) -> Result<Self, Failure> {
        let mut sources = Vec::new();
        for partition in reading::partitions(&*log, Topic::Executions) {
            let from = log.bounds(partition)?.end;
            sources.push((from, reading::open(&*log, partition, Visibility::Written)?));
        }
        let end = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&end);
        let thread = thread::Builder::new().name("observer".into()).spawn(move || watch(&*log, sources, &ends));
        let thread = thread.map_err(|error| Failure::Unavailable(format!("starting a thread: {error}")))?;
        Ok(Self { thread, end })
    }

    /// Ends once everything that is there was read.
    pub fn finish(self) -> Result<Seen, Failure> {
        self.end.store(true, Ordering::Release);
        self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

fn watch(log: &dyn Log, mut sources: Vec<(u64, AcceptedReader)>, end: &AtomicBool) -> Result<Seen, Failure> {
    let mut seen = Seen::default();
    loop {
        // In this order: what came before the end was told is read.
        let (ends, version) = (end.load(Ordering::Acquire), log.signal().version());
        let before = seen.trades;
        let mut read = 0;
        for (from, reader) in &mut sources {
            read += reader.fill(4_096)?;
            take(reader, *from, &mut seen)?;
        }
        if read == 0 && ends && all_read(log, &sources)? {
            return Ok(seen);
        }
        if read == 0 && before == seen.trades {
            log.signal().wait(version, Duration::from_millis(20));
        }
    }
}

fn all_read(log: &dyn Log, sources: &[(u64, AcceptedReader)]) -> Result<bool, Failure> {
    for (_, reader) in sources {
        if reader.position() < log.bounds(reader.partition())?.end {
            return Ok(false);
        }
    }
    Ok(true)
}

fn take(reader: &mut AcceptedReader, from: u64, seen: &mut Seen) -> Result<(), Failure> {
    let at = Instant::now();
    let partition = reader.partition();
    while let Some(accepted) = reader.read_filled()? {
        let AcceptedBody::Record(frame) = accepted.body else { continue };
        if accepted.offset < from {
            continue;
        }
        if let Record::Execution(trade) = reading::decode(partition, accepted.offset, &frame)? {
            seen.trades += 1;
            if seen.takers.last().is_none_or(|(last, _)| *last != trade.taker_order_id) {
                seen.takers.push((trade.taker_order_id, at));
            }
        }
    }
    Ok(())
}

/// The order id's count before this run's first order, for each accounts partition: from its order events.
fn first_counts(log: &dyn Log, run: u64, posted: &Posted, stop: &Stop) -> Result<Vec<Option<u64>>, Failure> {
    reading::partitions(log, Topic::OrderEvents)
        .map(|partition| first_count(log, partition, run, posted, stop))
        .collect()
}

fn first_count(
    log: &dyn Log,
    at: TopicPartition,
    run: u64,
    posted: &Posted,
    stop: &Stop,
) -> Result<Option<u64>, Failure> {
    let Some((first, _)) = posted.partitions[at.partition as usize].first() else { return Ok(None) };
    let mut found = None;
    let wanted = Generator::id(run, *first);
    reading::each(log, at, stop, |accepted, frame| {
        if found.is_none()
            && let Record::OrderEvent(event) = reading::decode(at, accepted.offset, frame)?
            && event.client_order_id == wanted
        {
            found = event.order_id.map(OrderId::count);
        }
        Ok(())
    })?;
    Ok(found)
}

/// How long each taker of this run waited for its first execution, in microseconds.
pub fn latencies(
    log: &dyn Log,
    run: u64,
    posted: &Posted,
    seen: &Seen,
    stop: &Stop,
) -> Result<Histogram<u64>, Failure> {
    let firsts = first_counts(log, run, posted, stop)?;
    let mut histogram = Histogram::new(3).expect("three digits are possible");
    for (order, at) in &seen.takers {
        let partition = order.partition() as usize;
        let Some(first) = firsts.get(partition).copied().flatten() else { continue };
        let index = order.count().checked_sub(first).map(|index| index as usize);
        let Some((_, sent)) = index.and_then(|index| posted.partitions[partition].get(index)) else { continue };
        let waited = at.saturating_duration_since(*sent).as_micros() as u64;
        histogram.record(waited).expect("the histogram grows as needed");
    }
    Ok(histogram)
}
