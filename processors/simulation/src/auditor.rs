//! Judges a run from the topics alone, after every step.
//!
//! It shares with hoga the codec and the records' structs, and nothing that decides: its acceptance, its ledger, its
//! books, its bars and its time are written here, from docs/topics.md, docs/machines.md and the decisions. From the
//! accepted records of each input it says what its machine must write, and compares.
//!
//! - `accept`: which records count. `expected`: what must be written. `claims`: owners and marks.
//! - `gate`: admission and control. `accounts`: holds. `books`: matching. `depth`, `bars`: judged by what they say.
//! - `outcomes`: what became of each command.
//!
//! Left out on purpose: recorded logs, work that does not fit one record, and topics that are cut.

mod accept;
mod accounts;
mod bars;
mod books;
mod claims;
mod clock;
mod depth;
mod expected;
mod gate;
mod outcomes;
mod terms;
#[cfg(test)]
mod tests;
mod window;

pub(crate) use accept::{Content, Drops, Progress, content_of, running_hash};

use crate::script::Setup;
use accept::{Acceptance, Channel, Judged, Taken};
use accounts::Accounts;
use bars::Bars;
use books::Books;
use claims::{Claims, check_mark};
use depth::Depths;
use expected::Expected;
use hoga_core::records::CandleSource;
use hoga_core::{MachineKind, OrderId, Record, Timestamp, Topic};
use hoga_topics::{Log, LogError, LogRecord, Partitions, Reader, TopicPartition, Visibility};
use outcomes::Outcomes;
use std::collections::{BTreeMap, BTreeSet};

/// Records read at a time.
const BATCH: usize = 1_024;

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Finding(String);

impl Finding {
    pub fn new(what: String) -> Self {
        Self(what)
    }
}

impl From<LogError> for Finding {
    fn from(error: LogError) -> Self {
        Self(format!("the auditor cannot read: {error}"))
    }
}

/// A command that a producer knows to be sent, and whether it knows that it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub content: Content,
    pub topic: Topic,
    pub acknowledged: bool,
}

/// Follows a log and judges it.
pub(crate) struct Auditor {
    partitions: Partitions,
    readers: BTreeMap<TopicPartition, Box<dyn Reader>>,
    topics: BTreeMap<TopicPartition, Acceptance>,
    claims: Claims,
    expected: Expected,
    control: gate::Control,
    accounts: BTreeMap<u32, Accounts>,
    books: BTreeMap<u32, Books>,
    depths: BTreeMap<u32, Depths>,
    bars: BTreeMap<(MachineKind, u32), Bars>,
    outcomes: Outcomes,
    /// Partitions that nobody may read past an offset, and why.
    spoilt: BTreeMap<TopicPartition, (u64, String)>,
    /// Machines that may write what their input does not make.
    mistrusted: BTreeSet<Channel>,
    /// The one that did, first. From there on only acceptance is judged: what others make of it is nobody's mistake.
    turned: Option<Channel>,
    /// What an input was found to say that it must not; it waits until it is known whether its writer had turned.
    wrong: Option<Finding>,
    /// Accepted numbered records that wait for their causes to be judged.
    found: Vec<(TopicPartition, Taken)>,
    batch: Vec<LogRecord>,
    /// Executions seen.
    pub trades: u64,
}

impl Auditor {
    /// Judges the log from its beginning again, after some of it was lost.
    pub fn begin_again(&mut self, setup: &Setup, log: &dyn Log) -> Result<(), Finding> {
        let mistrusted = std::mem::take(&mut self.mistrusted);
        *self = Self { mistrusted, ..Self::new(setup, log)? };
        Ok(())
    }

    /// Judges a log from its beginning.
    pub fn new(setup: &Setup, log: &dyn Log) -> Result<Self, Finding> {
        let partitions = Partitions::keyed(setup.partitions);
        let all: Vec<TopicPartition> = all_partitions(&partitions).collect();
        let mut readers = BTreeMap::new();
        for at in &all {
            readers.insert(*at, log.reader(*at, 0, Visibility::Written)?);
        }
        let keyed = 0..setup.partitions;
        let bars = keyed.clone().flat_map(|partition| {
            [(MachineKind::Candles, CandleSource::Executions), (MachineKind::TickCandles, CandleSource::Ticks)]
                .map(|(machine, source)| ((machine, partition), Bars::new(source)))
        });
        Ok(Self {
            readers,
            topics: all.iter().map(|at| (*at, Acceptance::new(*at))).collect(),
            claims: Claims::default(),
            expected: Expected::new(partitions.clone()),
            control: gate::Control::default(),
            accounts: keyed.clone().map(|partition| (partition, Accounts::new(partition, setup))).collect(),
            books: keyed.clone().map(|partition| (partition, Books::new(partition))).collect(),
            depths: keyed.clone().map(|partition| (partition, Depths::default())).collect(),
            bars: bars.collect(),
            outcomes: Outcomes::default(),
            spoilt: BTreeMap::new(),
            mistrusted: BTreeSet::new(),
            turned: None,
            wrong: None,
            found: Vec::new(),
            batch: Vec::new(),
            trades: 0,
            partitions,
        })
    }

    /// Takes all that is new and judges it. `owners` comes last: its marks speak of what stands in the others.
    pub fn look(&mut self) -> Result<(), Finding> {
        let all: Vec<TopicPartition> = self.readers.keys().copied().collect();
        for at in all.iter().filter(|at| at.topic != Topic::Owners) {
            self.read(*at)?;
        }
        let mut wrong = self.wrong.take();
        for (at, taken) in std::mem::take(&mut self.found) {
            let channel = taken.origin.map(|origin| (origin.machine, origin.partition));
            match self.compare(at, &taken) {
                Ok(()) => {}
                Err(_) if channel.is_some_and(|channel| self.mistrusted.contains(&channel)) => {
                    self.turned = channel;
                    return Ok(());
                }
                Err(finding) => drop(wrong.get_or_insert(finding)),
            }
        }
        wrong.map_or(Ok(()), Err)?;
        if self.turned.is_some() { Ok(()) } else { self.read_owners() }
    }

    /// From here on a machine may write what its input does not make.
    pub fn mistrust(&mut self, machine: Channel) {
        self.mistrusted.insert(machine);
    }

    /// The machine that wrote what its input does not make, where readers have accepted it.
    pub fn turned(&self) -> Option<Channel> {
        self.turned
    }

    fn read(&mut self, at: TopicPartition) -> Result<(), Finding> {
        loop {
            let mut batch = std::mem::take(&mut self.batch);
            batch.clear();
            self.readers.get_mut(&at).expect("a reader for each partition").poll(BATCH, &mut batch)?;
            for stored in &batch {
                if self.spoilt.contains_key(&at) {
                    break;
                }
                match self.topics.get_mut(&at).expect("an acceptance for each partition").judge(stored)? {
                    Judged::Dropped => {}
                    Judged::Spoilt(why) => {
                        self.spoilt.insert(at, (stored.offset, why));
                    }
                    Judged::Taken(_) if self.turned.is_some() => {}
                    Judged::Taken(taken) => {
                        if let Err(finding) = self.take(at, *taken) {
                            self.wrong.get_or_insert(finding);
                        }
                    }
                }
            }
            let done = batch.is_empty();
            self.batch = batch;
            if done {
                return Ok(());
            }
        }
    }

    /// Lets the machine's counterpart say what follows from an input.
    fn take(&mut self, at: TopicPartition, taken: Taken) -> Result<(), Finding> {
        let (partition, expected) = (at.partition, &mut self.expected);
        match at.topic {
            Topic::Orders => gate::admission(partition, &taken, expected),
            Topic::Control => self.control.take(&taken, expected),
            Topic::Accounts => self.accounts.get_mut(&partition).expect("keyed").take(&taken, expected)?,
            Topic::Books => {
                let books = self.books.get_mut(&partition).expect("keyed");
                books.take(&taken, expected)?;
                self.depths.get_mut(&partition).expect("keyed").book_is(taken.offset, books.levels());
            }
            Topic::Executions => self.bars.get_mut(&(MachineKind::Candles, partition)).expect("keyed").input(&taken),
            Topic::Ticks => self.bars.get_mut(&(MachineKind::TickCandles, partition)).expect("keyed").input(&taken),
            _ => {}
        }
        self.outcomes.take(at.topic, partition, &taken)?;
        self.trades += u64::from(matches!(taken.record, Some(Record::Execution(_))));
        if taken.origin.is_some() {
            self.found.push((at, taken));
        }
        Ok(())
    }

    /// Compares a numbered record with what its cause demands.
    fn compare(&mut self, at: TopicPartition, taken: &Taken) -> Result<(), Finding> {
        let origin = taken.origin.expect("only numbered records wait");
        if let Some(Record::DeadLetter(letter)) = &taken.record {
            self.outcomes.dead(content_of(&letter.value));
        }
        match &taken.record {
            Some(Record::DepthUpdate(update)) => {
                self.depths.get_mut(&origin.partition).expect("keyed").take(update, origin.cause)
            }
            Some(Record::Candle(candle)) => {
                let bars = self.bars.get_mut(&(origin.machine, origin.partition)).expect("only candles write there");
                bars.published(candle, origin.cause)
            }
            _ => self.expected.found(at, taken),
        }
    }

    fn read_owners(&mut self) -> Result<(), Finding> {
        let at = TopicPartition::new(Topic::Owners, 0);
        loop {
            self.batch.clear();
            self.readers.get_mut(&at).expect("a reader for each partition").poll(BATCH, &mut self.batch)?;
            if self.batch.is_empty() {
                break;
            }
            for stored in &self.batch {
                if let Some(mark) = self.claims.take(stored)? {
                    check_mark(&mark, &self.topics, |at| self.spoilt.contains_key(&at), &self.expected)?;
                }
            }
        }
        self.topics.iter_mut().try_for_each(|(at, topic)| self.claims.check_copies(*at, topic.copies.drain(..)))
    }

    /// How far a channel has come in a partition.
    pub fn progress(&self, at: TopicPartition, channel: Channel) -> Option<&Progress> {
        self.topics[&at].progress(channel)
    }

    /// What readers had to drop, over all partitions.
    pub fn drops(&self) -> Drops {
        self.topics.values().map(|topic| topic.drops).fold(Drops::default(), |sum, drops| Drops {
            stale: sum.stale + drops.stale,
            repeats: sum.repeats + drops.repeats,
            ahead: sum.ahead + drops.ahead,
        })
    }

    /// The newest epoch of a machine's partition.
    pub fn newest_claim(&self, machine: Channel) -> Option<u64> {
        self.claims.newest(machine)
    }

    /// Claims that replaced another.
    pub fn takeovers(&self) -> u64 {
        self.claims.takeovers
    }

    /// All channels of a partition.
    pub fn channels(&self, at: TopicPartition) -> impl Iterator<Item = (Channel, &Progress)> {
        self.topics[&at].channels()
    }

    /// Whether every output partition of a machine knows of an owner after `epoch`.
    pub fn is_replaced_everywhere(&self, channel: Channel, epoch: u64) -> bool {
        let outputs =
            channel.0.outputs().iter().flat_map(|topic| {
                (0..self.partitions.of(*topic)).map(|partition| TopicPartition::new(*topic, partition))
            });
        let mut newer = outputs.map(|at| self.progress(at, channel).and_then(|progress| progress.epoch) > Some(epoch));
        self.claims.newest(channel) > Some(epoch) && newer.all(|newer| newer)
    }

    /// Partitions where reading must have ended.
    pub fn spoilt(&self) -> impl Iterator<Item = (TopicPartition, u64, &str)> {
        self.spoilt.iter().map(|(at, (offset, why))| (*at, *offset, why.as_str()))
    }

    /// Judges the end of a run: all is drained, nothing is in flight, clocks came for a while after `before`.
    pub fn check_end(&mut self, before: Timestamp, sent: &[Sent]) -> Result<(), Finding> {
        self.expected.check_paid()?;
        self.depths.values_mut().try_for_each(Depths::check_end)?;
        self.bars.values().try_for_each(|bars| bars.check_end(before))?;
        self.check_money()?;
        self.check_books()?;
        self.check_sent(sent)
    }

    /// All clearing accounts sum to zero in each asset.
    fn check_money(&self) -> Result<(), Finding> {
        let mut sums = BTreeMap::<String, i128>::new();
        for accounts in self.accounts.values() {
            for (asset, units) in accounts.settled()? {
                *sums.entry(asset).or_default() += units;
            }
        }
        match sums.iter().find(|(_, sum)| **sum != 0) {
            Some((asset, sum)) => {
                Err(Finding::new(format!("CLEARING sums to {sum} minor units of {asset} at the end")))
            }
            None => Ok(()),
        }
    }

    /// What accounts know to be open is what rests in the books.
    fn check_books(&self) -> Result<(), Finding> {
        let known: BTreeSet<(OrderId, i128)> = self.accounts.values().flat_map(Accounts::resting).collect();
        let rests: BTreeSet<(OrderId, i128)> = self.books.values().flat_map(Books::resting).collect();
        match known.symmetric_difference(&rests).next() {
            Some((id, open)) => Err(Finding::new(format!("order {id}, open {open}: its account and its book differ"))),
            None => Ok(()),
        }
    }

    /// Every command that is known to have arrived has one outcome, any other at most one.
    fn check_sent(&self, sent: &[Sent]) -> Result<(), Finding> {
        for Sent { content, topic, acknowledged } in sent {
            let answered = matches!(topic, Topic::Orders | Topic::Accounts);
            match self.outcomes.of(content) {
                Some(outcome) if answered && !outcome.is_one() => {
                    return Err(Finding::new(format!("a {} had several outcomes: {outcome:?}", content.0)));
                }
                None if answered && *acknowledged => {
                    return Err(Finding::new(format!(
                        "a {} was acknowledged and nothing came of it: {content:?}",
                        content.0
                    )));
                }
                _ => {}
            }
        }
        self.outcomes.check_sent(&sent.iter().map(|sent| sent.content.clone()).collect())
    }
}

/// Every partition of every topic.
pub(crate) fn all_partitions(partitions: &Partitions) -> impl Iterator<Item = TopicPartition> {
    let list: Vec<(Topic, u32)> = partitions.iter().collect();
    list.into_iter().flat_map(|(topic, count)| (0..count).map(move |partition| TopicPartition::new(topic, partition)))
}
