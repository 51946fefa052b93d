//! Watches a topic as a reader of hoga does, and remembers when each posted record was seen there.
//!
//! Invariants:
//! 1. What is watched is accepted records only, read on a thread of its own through a connection of its own.
//! 2. A record is seen once: when the first record of the topic tells of it.

use super::load::Load;
use super::measured::histogram;
use crate::exit::Failure;
use crate::reading;
use hdrhistogram::Histogram;
use hoga_core::records::OrderEventKind;
use hoga_core::{OrderId, Record, Topic};
use hoga_topics::channel::{AcceptedBody, AcceptedReader};
use hoga_topics::{Log, Visibility};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// What tells that a posted record came through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// Its copy in `accounts`, from admission.
    Admitted,
    /// An order's first event: its hold is taken, or it is refused.
    #[cfg(feature = "kafka")]
    Answered,
    /// An order's first event after the book has answered.
    Settled,
    /// An order's first execution as the taker.
    Traded,
}

impl Sight {
    /// Where it is watched.
    pub fn topic(self) -> Topic {
        match self {
            Self::Admitted => Topic::Accounts,
            #[cfg(feature = "kafka")]
            Self::Answered => Topic::OrderEvents,
            Self::Settled => Topic::OrderEvents,
            Self::Traded => Topic::Executions,
        }
    }

    /// Which order a record tells of.
    fn order(self, record: &Record) -> Option<OrderId> {
        match (self, record) {
            (Self::Traded, Record::Execution(trade)) => Some(trade.taker_order_id),
            #[cfg(feature = "kafka")]
            (Self::Answered, Record::OrderEvent(event)) => event.order_id,
            (Self::Settled, Record::OrderEvent(event)) if event.event != OrderEventKind::Pending => event.order_id,
            _ => None,
        }
    }
}

/// What was posted to one partition: the numbers of the records that can be seen, in the order of sending.
pub type Posted = Vec<Vec<u64>>;

/// When the `k`-th of each partition was seen.
#[derive(Debug, Default)]
pub struct Seen(Vec<Vec<Option<Instant>>>);

impl Seen {
    fn note(&mut self, partition: u32, index: u64, at: Instant) {
        let partition = &mut self.0[partition as usize];
        let index = index as usize;
        if index >= partition.len() {
            partition.resize(index + 1, None);
        }
        partition[index].get_or_insert(at);
    }

    /// How long the measured records took, from when each was due.
    pub fn latencies_us(&self, posted: &Posted, load: Load, started: Instant) -> Histogram<u64> {
        let mut histogram = histogram();
        for (numbers, seen) in posted.iter().zip(&self.0) {
            for (number, at) in numbers.iter().zip(seen) {
                let Some(at) = at.filter(|_| *number >= load.warm) else { continue };
                let waited = at.saturating_duration_since(load.due(started, *number));
                histogram.record(waited.as_micros() as u64).expect("the histogram grows as needed");
            }
        }
        histogram
    }

    /// When the last record was seen.
    pub fn last(&self) -> Option<Instant> {
        self.0.iter().flatten().flatten().max().copied()
    }

    /// How many were seen.
    pub fn count(&self) -> usize {
        self.0.iter().flatten().flatten().count()
    }
}

/// A watching thread.
pub struct Watch {
    thread: JoinHandle<Result<Seen, Failure>>,
    end: Arc<AtomicBool>,
}

struct Source {
    reader: AcceptedReader,
    /// Records seen so far: what is admitted has no number but its place.
    count: u64,
}

impl Watch {
    /// Watches a log whose first order is still to come, from its first record on.
    pub fn start(log: Arc<dyn Log>, sight: Sight, visibility: Visibility) -> Result<Self, Failure> {
        let mut sources = Vec::new();
        for partition in reading::partitions(&*log, sight.topic()) {
            sources.push(Source { reader: reading::open(&*log, partition, visibility)?, count: 0 });
        }
        let end = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&end);
        let work = move || watch(&*log, sight, visibility, sources, &ends);
        let thread = thread::Builder::new().name("hoga-bench-watch".into()).spawn(work);
        let thread = thread.map_err(|error| Failure::Unavailable(format!("starting a thread: {error}")))?;
        Ok(Self { thread, end })
    }

    /// Ends once everything that is there was read.
    pub fn finish(self) -> Result<Seen, Failure> {
        self.end.store(true, Ordering::Release);
        self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

fn watch(
    log: &dyn Log,
    sight: Sight,
    visibility: Visibility,
    mut sources: Vec<Source>,
    end: &AtomicBool,
) -> Result<Seen, Failure> {
    let mut seen = Seen(vec![Vec::new(); log.partitions(Topic::Accounts) as usize]);
    // What was there when the end was told; nothing read is no sign that there is nothing more to come.
    let mut until: Option<Vec<u64>> = None;
    loop {
        let version = log.signal().version_for(visibility);
        if until.is_none() && end.load(Ordering::Acquire) {
            let ends = sources.iter().map(|source| Ok(log.bounds(source.reader.partition())?.end));
            until = Some(ends.collect::<Result<_, Failure>>()?);
        }
        let mut read = 0;
        for source in &mut sources {
            read += source.reader.fill(4_096)?;
            take(source, sight, &mut seen)?;
        }
        let has_read = |(source, end): (&Source, &u64)| source.reader.position() >= *end;
        if until.as_ref().is_some_and(|until| sources.iter().zip(until).all(has_read)) {
            return Ok(seen);
        }
        if read == 0 {
            log.signal().wait_for(visibility, version, Duration::from_millis(20));
        }
    }
}

fn take(source: &mut Source, sight: Sight, seen: &mut Seen) -> Result<(), Failure> {
    let (at, partition) = (Instant::now(), source.reader.partition());
    while let Some(accepted) = source.reader.read_filled()? {
        let AcceptedBody::Record(frame) = accepted.body else { continue };
        if sight == Sight::Admitted {
            seen.note(partition.partition, source.count, at);
            source.count += 1;
            continue;
        }
        let record = reading::decode(partition, accepted.offset, &frame)?;
        if let Some(order) = sight.order(&record) {
            // Counts begin at 1.
            seen.note(order.partition(), order.count() - 1, at);
        }
    }
    Ok(())
}
