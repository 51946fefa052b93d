//! A feed as a whole: the file, its venue, its accounts and partition.

use super::accounts::Accounts;
use super::error::FeedError;
use super::fills::Fill;
use super::lobster::{self, LobsterCounts, LobsterSteps, Message};
use super::mbo::{self, Expected, MboCounts, MboSteps};
use super::mbo_file::MboFile;
use super::script::Step;
use super::setup::Venue;
use super::workload::{self, Workload, WorkloadSteps};
use hoga_core::{Timestamp, Topic};
use hoga_topics::{Log, TopicPartition, partitioner};
use std::fmt;
use std::path::Path;

/// The layouts that a feed reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Market-by-order CSV of the CME.
    Mbo,
    /// LOBSTER messages.
    Lobster,
    /// exchange-core's matching workload.
    Workload,
}

impl Format {
    /// Every layout.
    pub const ALL: &'static [Self] = &[Self::Mbo, Self::Lobster, Self::Workload];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mbo => "mbo",
            Self::Lobster => "lobster",
            Self::Workload => "workload",
        }
    }

    /// The layout that a file's name tells.
    pub fn guess(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?;
        if name.ends_with(".bin.zst") {
            return Some(Self::Workload);
        }
        [(Self::Lobster, "lobster"), (Self::Mbo, "mbo")]
            .into_iter()
            .find_map(|(format, word)| (name.ends_with(".csv") && name.contains(word)).then_some(format))
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How a file is to be played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlanOptions {
    /// Buyers and as many sellers; the workload has its own thousand.
    pub accounts_each: usize,
    /// Commands of a workload, prefill included.
    pub commands: u64,
    /// Commands that an order may have unanswered: at most what holds is set to.
    pub max_pending: u32,
}

impl Default for PlanOptions {
    fn default() -> Self {
        Self { accounts_each: 64, commands: workload::DEFAULT_COMMANDS, max_pending: 48 }
    }
}

enum Flow {
    Mbo(MboFile),
    Lobster(Vec<Message>),
    Workload(Workload),
}

/// A feed: its steps can be made any number of times.
pub struct FeedPlan {
    format: Format,
    venue: Venue,
    accounts: Accounts,
    partition: u32,
    max_pending: u32,
    flow: Flow,
}

impl FeedPlan {
    /// Reads a file for a log whose keyed topics have `partitions` partitions.
    pub fn open(path: &Path, format: Format, options: PlanOptions, partitions: u32) -> Result<Self, FeedError> {
        if options.accounts_each == 0 || options.max_pending == 0 {
            let what = "a feed needs at least one account on each side and one unanswered command";
            return Err(FeedError::Options(what.to_owned()));
        }
        let (venue, flow) = match format {
            Format::Mbo => (mbo::venue(), Flow::Mbo(mbo::read(path)?)),
            Format::Lobster => (lobster::venue(), Flow::Lobster(lobster::read(path)?)),
            Format::Workload => (workload::venue(), Flow::Workload(Workload::read(path, options.commands)?)),
        };
        let partition = partitioner::partition(venue.symbol.as_str().as_bytes(), partitions);
        let accounts = match format {
            Format::Workload => Accounts::shared(venue.name, workload::ACCOUNTS, partition, partitions),
            _ => Accounts::disjoint(venue.name, options.accounts_each, partition, partitions),
        };
        Ok(Self { format, venue, accounts, partition, max_pending: options.max_pending, flow })
    }

    /// Its steps, from the first on.
    pub fn steps(&self) -> Box<dyn Iterator<Item = Step> + '_> {
        let (venue, accounts, max_pending) = (&self.venue, &self.accounts, self.max_pending);
        match &self.flow {
            Flow::Mbo(file) => Box::new(MboSteps::new(file, venue, accounts, max_pending)),
            Flow::Lobster(messages) => Box::new(LobsterSteps::new(messages, venue, accounts, max_pending)),
            Flow::Workload(workload) => Box::new(WorkloadSteps::new(workload, venue, accounts, max_pending)),
        }
    }

    /// What the venue filled, and what else its file holds; `None`: the layout is no oracle for fills.
    pub fn expected(&self) -> Option<(Expected, MboCounts)> {
        let Flow::Mbo(file) = &self.flow else { return None };
        let mut steps = MboSteps::new(file, &self.venue, &self.accounts, self.max_pending);
        steps.by_ref().for_each(drop);
        Some(steps.expected())
    }

    /// What was sent and skipped of a LOBSTER file.
    pub fn lobster_counts(&self) -> Option<LobsterCounts> {
        let Flow::Lobster(messages) = &self.flow else { return None };
        let mut steps = LobsterSteps::new(messages, &self.venue, &self.accounts, self.max_pending);
        steps.by_ref().for_each(drop);
        Some(steps.counts())
    }

    /// Events before the measured ones of a workload; zero for the others.
    pub fn prefill(&self) -> u64 {
        match &self.flow {
            Flow::Workload(workload) => workload.prefill(),
            Flow::Mbo(_) | Flow::Lobster(_) => 0,
        }
    }

    /// The fills that count: of a workload those of its measured commands, otherwise all.
    pub fn measured<'f>(&self, fills: &'f [Fill]) -> impl Iterator<Item = &'f Fill> + use<'f> {
        let prefill = self.prefill();
        fills.iter().filter(move |fill| fill.event > prefill)
    }

    /// The number of its last event.
    pub fn events(&self) -> u64 {
        match &self.flow {
            Flow::Mbo(file) => file.events.len() as u64,
            Flow::Lobster(messages) => messages.len() as u64,
            Flow::Workload(workload) => workload.len(),
        }
    }

    /// The time of its first step.
    pub fn start(&self) -> Timestamp {
        match &self.flow {
            Flow::Mbo(file) => mbo::start(file),
            Flow::Lobster(messages) => lobster::start(messages),
            Flow::Workload(_) => workload::start(),
        }
    }

    /// Its layout.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Its instrument.
    pub fn venue(&self) -> &Venue {
        &self.venue
    }

    /// Its accounts.
    pub fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    /// The partition of `orders`, `accounts`, `books`, `executions` and `order-events` that it all happens in.
    pub fn partition(&self) -> u32 {
        self.partition
    }

    /// Where a step's record goes.
    pub fn target(&self, topic: Topic) -> TopicPartition {
        let partition = if topic == Topic::Control { 0 } else { self.partition };
        TopicPartition::new(topic, partition)
    }
}

/// How many partitions the topics have that a feed needs in step; an error if they differ.
pub fn partitions_of(log: &dyn Log) -> Result<u32, FeedError> {
    let topics = [Topic::Orders, Topic::Accounts, Topic::Books, Topic::Executions, Topic::OrderEvents];
    let counts = topics.map(|topic| log.partitions(topic));
    if counts.iter().all(|count| *count == counts[0]) {
        return Ok(counts[0]);
    }
    let told: Vec<_> = topics.iter().zip(counts).map(|(topic, count)| format!("{topic} {count}")).collect();
    let what = format!("a feed needs as many partitions in all of its topics, here they have: {}", told.join(", "));
    Err(FeedError::Options(what))
}
