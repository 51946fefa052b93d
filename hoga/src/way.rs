//! An order's whole way through the topics: each record, and what caused it.
//!
//! Reads `order-events` ([`order`]), which name the order and the causes in `accounts` of all that happened to it; then
//! `books`, `executions` and `journal` in the partitions of its symbol and account; and each cause by its offset.
//!
//! Invariants:
//! 1. What is told is what readers accept: topics are streamed through the channels' judgement, and what is read by its
//!    offset is named as a cause by an accepted record.
//! 2. Memory: the order's own records, at most [`MAX_STEPS`].
//! 3. A record stands behind its cause, whatever their times say ([`sort`]).
//!
//! Left out on purpose: depth and candles, which tell of levels and bars, not of orders; and how another order, whose
//! command traded this one, came into the book.

mod order;
mod sort;
mod summary;

pub use order::{Order, Wanted};
pub use summary::summary;

use crate::exit::Failure;
use crate::progress::Progress;
use crate::reading;
use crate::site::Site;
use crate::stop::Stop;
use hoga_core::records::OrderEventKind;
use hoga_core::{OrderId, Record, Timestamp, Topic};
use hoga_runtime::Cuts;
use hoga_schemas::Frame;
use hoga_topics::channel::Accepted;
use hoga_topics::{Arrival, Log, TopicPartition, Visibility, partitioner};
use std::collections::BTreeMap;

/// The most records of one order's way.
pub const MAX_STEPS: usize = 100_000;

/// A place in the log.
pub type Place = (TopicPartition, u64);

/// One record on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Where it stands.
    pub at: Place,
    /// When it was appended.
    pub time: Timestamp,
    /// What caused it; none for what came from outside.
    pub cause: Option<Place>,
    /// What it is.
    pub record: Record,
}

impl Step {
    fn new(at: TopicPartition, offset: u64, time: Timestamp, frame: &Frame<'_>) -> Result<Self, Failure> {
        let input = |machine: hoga_core::MachineKind, partition| TopicPartition::new(machine.input(), partition);
        let cause = frame.origin.map(|origin| (input(origin.machine, origin.partition), origin.cause));
        Ok(Self { at: (at, offset), time, cause, record: reading::decode(at, offset, frame)? })
    }
}

/// An order's way.
#[derive(Debug)]
pub struct Way {
    /// Its records, each behind its cause.
    pub steps: Vec<Step>,
    /// Causes that are cut.
    pub cut: Vec<Place>,
}

/// Where an order is looked for.
pub struct Search<'a> {
    log: &'a dyn Log,
    cuts: &'a Cuts,
    stop: &'a Stop,
    /// Partitions that begin behind their first record: what is not found may have been there.
    pub cut: Vec<TopicPartition>,
}

impl<'a> Search<'a> {
    /// In that log.
    pub fn new(site: &'a Site, cuts: &'a Cuts, stop: &'a Stop) -> Self {
        Self { log: &*site.log, cuts, stop, cut: Vec::new() }
    }

    /// The way of an order.
    pub fn follow(&mut self, order: &Order) -> Result<Way, Failure> {
        let mut steps: BTreeMap<Place, Step> = order.events.iter().map(|step| (step.at, step.clone())).collect();
        let is = |step: &Step, kind| matches!(&step.record, Record::OrderEvent(event) if event.event == kind);
        let any = |kind| order.events.iter().any(|step| is(step, kind));
        if let Some(id) = order.id.filter(|_| any(OrderEventKind::Pending)) {
            let books = self.by_key(Topic::Books, order.symbol.as_str());
            self.scan(books, &mut steps, |record| in_book(record, id))?;
            if any(OrderEventKind::Trade) {
                let executions = self.by_key(Topic::Executions, order.symbol.as_str());
                self.scan(executions, &mut steps, |record| traded(record, id))?;
                let journal = self.by_key(Topic::Journal, order.account.as_str());
                self.scan(journal, &mut steps, |record| booked(record, id))?;
            }
        }
        let cut = self.causes(order, &mut steps)?;
        Ok(Way { steps: sort::by_cause(steps), cut })
    }

    /// Adds the causes of all that is the order's own, and theirs.
    fn causes(&self, order: &Order, steps: &mut BTreeMap<Place, Step>) -> Result<Vec<Place>, Failure> {
        let (mut cut, mut next) = (Vec::new(), steps.values().filter_map(|step| step.cause).collect::<Vec<_>>());
        while let Some(place) = next.pop() {
            if steps.contains_key(&place) || cut.contains(&place) {
                continue;
            }
            self.stop.check("nothing was changed; run it again")?;
            let Some(step) = self.read_at(place)? else {
                cut.push(place);
                continue;
            };
            if order.owns(&step.record) {
                next.extend(step.cause);
            }
            keep(steps, step)?;
        }
        Ok(cut)
    }

    /// Adds the accepted records of a partition that are wanted.
    fn scan(
        &mut self,
        at: TopicPartition,
        steps: &mut BTreeMap<Place, Step>,
        wanted: impl Fn(&Record) -> bool,
    ) -> Result<(), Failure> {
        self.each(at, |accepted, frame| {
            let step = Step::new(at, accepted.offset, accepted.time, frame)?;
            if wanted(&step.record) { keep(steps, step) } else { Ok(()) }
        })
    }

    /// Gives each accepted record of a partition that is kept.
    fn each(
        &mut self,
        at: TopicPartition,
        mut take: impl FnMut(&Accepted<'_>, &Frame<'_>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let reader = reading::open_kept(self.log, self.cuts, at, Visibility::Written)?;
        if reader.position() > 0 {
            self.cut.push(at);
        }
        let mut progress = Progress::new("offsets searched", Some(self.log.bounds(at)?.end));
        reading::rest(self.log, reader, self.stop, |accepted, frame| {
            progress.set(accepted.offset);
            take(accepted, frame)
        })
    }

    /// The record at a place; none if it is cut.
    fn read_at(&self, (at, offset): Place) -> Result<Option<Step>, Failure> {
        if offset < self.log.bounds(at)?.start {
            return Ok(None);
        }
        let (mut reader, mut batch) = (self.log.reader(at, offset, Visibility::Written)?, Vec::new());
        let arrival = Arrival::new(self.log, at);
        while batch.is_empty() {
            reader.poll(1, &mut batch)?;
            if batch.is_empty() {
                arrival.wait(offset)?;
            }
        }
        let found = &batch[0];
        let wrong = |what: &str| Failure::Stopped(format!("{at}: offset {offset} is named as a cause, and {what}"));
        if found.offset != offset {
            return Err(wrong("no record stands there"));
        }
        let frame = hoga_schemas::open(found.value.as_deref().unwrap_or_default());
        let frame = frame.map_err(|error| wrong(&format!("what stands there is no record: {error}")))?;
        Step::new(at, offset, found.time, &frame).map(Some)
    }

    /// The partition of a key.
    fn by_key(&self, topic: Topic, key: &str) -> TopicPartition {
        TopicPartition::new(topic, partitioner::partition(key.as_bytes(), self.log.partitions(topic)))
    }
}

fn keep(steps: &mut BTreeMap<Place, Step>, step: Step) -> Result<(), Failure> {
    steps.insert(step.at, step);
    if steps.len() > MAX_STEPS {
        return Err(Failure::Refused(format!(
            "the order has more than {MAX_STEPS} records; read them with `hoga tail`"
        )));
    }
    Ok(())
}

fn in_book(record: &Record, id: OrderId) -> bool {
    match record {
        Record::HeldOrder(order) => order.order_id == id,
        Record::HeldAmend(amend) => amend.order_id == id,
        Record::HeldCancel(cancel) => cancel.order_id == id,
        _ => false,
    }
}

fn traded(record: &Record, id: OrderId) -> bool {
    matches!(record, Record::Execution(trade) if trade.maker_order_id == id || trade.taker_order_id == id)
}

fn booked(record: &Record, id: OrderId) -> bool {
    matches!(record, Record::JournalEntry(entry) if entry.order_id == Some(id))
}
