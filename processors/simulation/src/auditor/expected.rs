//! What each machine must have written by now, computed here, against what stands accepted in the topics.
//!
//! Invariants:
//! 1. Each effect has its cause: a record that is accepted is the next one that the input demands, or a finding.
//! 2. Words for people (why something was refused) are not compared; everything else is.

use super::Finding;
use super::accept::{Channel, Taken};
use hoga_core::{MachineKind, Record, Topic};
use hoga_topics::{Partitions, TopicPartition, partitioner};
use std::collections::{BTreeMap, VecDeque};

/// One demanded effect.
#[derive(Debug)]
struct Effect {
    cause: u64,
    record: Record,
}

/// One channel's.
#[derive(Debug, Default)]
pub(crate) struct Lane {
    /// Demanded and not yet seen.
    waiting: VecDeque<Effect>,
    /// The causes of all that was demanded: number 1, 2, 3.
    pub causes: Vec<u64>,
}

/// All channels' demanded effects.
#[derive(Debug)]
pub(crate) struct Expected {
    partitions: Partitions,
    lanes: BTreeMap<(Channel, TopicPartition), Lane>,
}

/// Whether what a machine writes there is demanded record by record; of depth and candles only the content is judged.
pub(crate) fn is_exact(topic: Topic) -> bool {
    !matches!(topic, Topic::Depth | Topic::Candles)
}

impl Expected {
    pub fn new(partitions: Partitions) -> Self {
        Self { partitions, lanes: BTreeMap::new() }
    }

    /// The input offset `cause` of a machine demands this record in the partition of its key.
    pub fn demand(&mut self, channel: Channel, cause: u64, topic: Topic, record: impl Into<Record>) {
        let record = record.into();
        let partition = partitioner::partition(key(topic, &record).as_bytes(), self.partitions.of(topic));
        self.demand_at(channel, cause, TopicPartition::new(topic, partition), record);
    }

    /// As [`Self::demand`], in every partition.
    pub fn demand_everywhere(&mut self, channel: Channel, cause: u64, topic: Topic, record: &Record) {
        for partition in 0..self.partitions.of(topic) {
            self.demand_at(channel, cause, TopicPartition::new(topic, partition), record.clone());
        }
    }

    fn demand_at(&mut self, channel: Channel, cause: u64, to: TopicPartition, record: Record) {
        let lane = self.lanes.entry((channel, to)).or_default();
        lane.causes.push(cause);
        lane.waiting.push_back(Effect { cause, record: without_words(record) });
    }

    /// What was demanded of a channel.
    pub fn lane(&self, channel: Channel, to: TopicPartition) -> Option<&Lane> {
        self.lanes.get(&(channel, to))
    }

    /// Takes a record that was accepted, the next one of its channel.
    pub fn found(&mut self, at: TopicPartition, taken: &Taken) -> Result<(), Finding> {
        let origin = taken.origin.expect("only numbered records are compared");
        let record = taken.record.clone().expect("numbered records decode");
        let who = format!("{at} offset {}: number {} of {}", taken.offset, origin.number, origin.machine);
        let wrong_key = key(at.topic, &record);
        if taken.key != wrong_key.as_bytes() {
            return Err(Finding::new(format!("{who} has key {:?}, not {wrong_key:?}", taken.key)));
        }
        let lane = self.lanes.entry(((origin.machine, origin.partition), at)).or_default();
        let Some(effect) = lane.waiting.pop_front() else {
            return Err(Finding::new(format!("{who}: nothing in its input demands it: {record:?}")));
        };
        let found = without_words(record);
        if effect.record != found {
            return Err(Finding::new(format!("{who}\n  says     {found:?}\n  demanded {:?}", effect.record)));
        }
        if effect.cause != origin.cause {
            return Err(Finding::new(format!(
                "{who} names offset {} as its cause, it is {}",
                origin.cause, effect.cause
            )));
        }
        Ok(())
    }

    /// At the end nothing is owed.
    pub fn check_paid(&self) -> Result<(), Finding> {
        for (((machine, partition), to), lane) in &self.lanes {
            if let Some(effect) = lane.waiting.front() {
                return Err(Finding::new(format!(
                    "{to}: {} records of {machine}/{partition} are missing, first {:?}, caused by offset {}",
                    lane.waiting.len(),
                    effect.record,
                    effect.cause
                )));
            }
        }
        Ok(())
    }
}

fn without_words(mut record: Record) -> Record {
    match &mut record {
        Record::OrderEvent(event) => event.detail = None,
        Record::CommandRefused(refused) => refused.detail = None,
        Record::DeadLetter(letter) => letter.reason.clear(),
        _ => {}
    }
    record
}

/// The key by docs/topics.md.
pub(crate) fn key(topic: Topic, record: &Record) -> String {
    match (topic, record) {
        (_, Record::DeadLetter(letter)) => format!("{}/{}", letter.topic, letter.partition),
        (Topic::Accounts | Topic::OrderEvents | Topic::Journal, record) if record.account().is_some() => {
            record.account().expect("just asked").to_string()
        }
        // Listings and schedules stand in every partition of accounts; only where the key is the symbol they have one.
        (Topic::Accounts, _) => String::new(),
        (_, Record::AssetListing(listing)) => listing.asset.to_string(),
        (_, Record::FeeSchedule(schedule)) => schedule.name.to_string(),
        (_, record) => record.symbol().map_or(String::new(), ToString::to_string),
    }
}

/// The channel of a machine.
pub(crate) fn channel(machine: MachineKind, partition: u32) -> Channel {
    (machine, partition)
}
