//! Orders at a pace into a market that is at work, and how long each waited for the book's answer.
//!
//! Invariant: nobody else writes there meanwhile and no owner changes, so that what stands in `order-events` is read as
//! it stands, from the end on, and durable.

use crate::bench::crowd::{Crowd, order_number};
use crate::bench::load::Load;
use crate::bench::timing::nanoseconds;
use crate::cli::Context;
use crate::exit::Failure;
use crate::posting::now;
use crate::reading;
use hdrhistogram::Histogram;
use hoga_core::records::{OrderEvent, OrderEventKind};
use hoga_core::{Record, Topic};
use hoga_ingest::producer::{Producer, ProducerOptions};
use hoga_topics::{Log, Reader, TopicPartition, Visibility};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// How long the answers may take to come.
const DEADLINE: Duration = Duration::from_secs(60);
/// How long a reader that has nothing to read waits.
const WAIT: Duration = Duration::from_millis(20);
/// Records read at a time.
const READ: usize = 1_000;

/// Posts them; the latencies in nanoseconds from when each was due to when its order stood in the book.
pub fn paced(context: &Context, log: &Arc<dyn Log>, crowd: &mut Crowd, load: Load) -> Result<Histogram<u64>, Failure> {
    let mut readers = Vec::new();
    for partition in reading::partitions(&**log, Topic::OrderEvents) {
        let end = log.bounds(partition)?.end;
        readers.push((partition, log.reader(partition, end, Visibility::Durable)?));
    }
    let (first, count) = (crowd.sent() + 1, load.records());
    let watcher = Arc::clone(log);
    let watching = thread::spawn(move || watch(&*watcher, readers, first, count));
    let mut producer = Producer::new(&**log, ProducerOptions::default())?;
    let send = |producer: &mut Producer<'_>, number: u64| {
        crowd.live_at(now());
        producer.send(Topic::Orders, &crowd.resting(number as usize % crowd.symbols()).into(), None)?;
        Ok(())
    };
    let started = load.post(&context.stop, &mut producer, send, |producer| Ok(producer.flush()?))?;
    producer.finish()?;
    let seen = watching.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
    let mut latency = nanoseconds();
    for (number, at) in (0..).zip(seen).skip(load.warm as usize) {
        let waited = at.saturating_duration_since(load.due(started, number));
        latency.record(waited.as_nanos() as u64).expect("the histogram grows as needed");
    }
    Ok(latency)
}

/// When each of the orders stood in the book.
fn watch(
    log: &dyn Log,
    mut readers: Vec<(TopicPartition, Box<dyn Reader>)>,
    first: u64,
    count: u64,
) -> Result<Vec<Instant>, Failure> {
    let (mut seen, mut missing, mut records) = (vec![None; count as usize], count, Vec::new());
    let began = Instant::now();
    while missing > 0 {
        let version = log.signal().version_for(Visibility::Durable);
        for (partition, reader) in &mut readers {
            records.clear();
            reader.poll(READ, &mut records)?;
            let at = Instant::now();
            for record in &records {
                let Some(number) = number_in_book(*partition, record.offset, record.value.as_deref())? else {
                    continue;
                };
                let place = number.checked_sub(first).and_then(|index| seen.get_mut(index as usize));
                if let Some(place @ None) = place {
                    *place = Some(at);
                    missing -= 1;
                }
            }
        }
        if began.elapsed() > DEADLINE {
            return Err(Failure::TimedOut(format!("{missing} of {count} orders were not answered")));
        }
        log.signal().wait_for(Visibility::Durable, version, WAIT);
    }
    Ok(seen.into_iter().flatten().collect())
}

/// Which order a record says to stand in the book. Of these orders none is refused: one that is ends the row.
fn number_in_book(at: TopicPartition, offset: u64, value: Option<&[u8]>) -> Result<Option<u64>, Failure> {
    let frame = value.and_then(|value| hoga_schemas::open(value).ok());
    let Some(frame) = frame else { return Ok(None) };
    let Record::OrderEvent(event) = reading::decode(at, offset, &frame)? else { return Ok(None) };
    match event.event {
        OrderEventKind::New => Ok(order_number(&event.client_order_id)),
        OrderEventKind::Rejected => {
            let OrderEvent { client_order_id, symbol, reason, .. } = event;
            Err(Failure::Refused(format!("order {client_order_id} in {symbol} was rejected: {reason:?}")))
        }
        _ => Ok(None),
    }
}
