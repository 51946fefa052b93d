//! The topics: what each carries, by which key, who writes and reads it, how long it is kept. docs/topics.md is made
//! from this table, and code asks it rather than know.
//!
//! Invariants:
//! 1. Which machines write and read a topic is said once, in hoga-core's `MachineKind`; this table adds the rest.
//! 2. A record without origin counts only if [`TopicSpec::may_be_unsequenced`] says so; everything else that stands
//!    in a topic was written by a machine's channel, or is a claim's copy.
//! 3. Nothing that is numbered is ever compacted: keys are for partitioning, not for replacing.
//!
//! Left out on purpose: broker settings (they belong to the Kafka log) and cutting ([`crate::retention`] decides by this
//! table).

mod access;
#[cfg(test)]
mod docs;
mod table;

pub use access::{Role, access_list};

use hoga_core::records::RecordKind;
use hoga_core::{MachineKind, Record, Topic};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// What the key of a topic's records is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// The account.
    Account,
    /// The symbol; an asset's code or a fee schedule's name where a record is about one of these.
    Symbol,
    /// `machine/partition` of a claim or mark, the process of a sign of life.
    Machine,
    /// `topic/partition` of what a dead letter tells of.
    Source,
    /// None.
    None,
}

impl KeyKind {
    /// For people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Symbol => "symbol",
            Self::Machine => "machine/partition",
            Self::Source => "topic/partition",
            Self::None => "none",
        }
    }

    /// Whether the key decides the partition; otherwise the topic has one partition.
    pub const fn spreads(self) -> bool {
        matches!(self, Self::Account | Self::Symbol)
    }
}

/// Who writes records without origin, and which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsequenced {
    /// For people.
    pub who: &'static str,
    /// The same, for access control lists.
    pub roles: &'static [Role],
    /// What they may write.
    pub kinds: &'static [RecordKind],
}

/// How long a topic's records are kept: what [`crate::retention`] cuts by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kept {
    /// For ever.
    ForEver,
    /// For ever as long as no archive has them.
    UntilArchived,
    /// As long as the machine that reads them may have to, and longer as long as no archive has them.
    UntilRestored,
    /// As long as the newest marks may be needed.
    UntilMarked,
    /// So many days from their append on.
    Days(u32),
}

impl Kept {
    /// The time that they are kept, where it is a time.
    pub fn ms(self) -> Option<i64> {
        match self {
            Self::Days(days) => Some(i64::from(days) * DAY_MS),
            Self::ForEver | Self::UntilArchived | Self::UntilRestored | Self::UntilMarked => None,
        }
    }
}

const DAY_MS: i64 = 86_400_000;

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ForEver => f.write_str("for ever"),
            Self::UntilArchived => f.write_str("for ever; behind the archive once there is one"),
            Self::UntilRestored => f.write_str("behind the oldest usable snapshot, in the archive"),
            Self::UntilMarked => f.write_str("behind the newest marks"),
            Self::Days(1) => f.write_str("1 day"),
            Self::Days(days) => write!(f, "{days} days"),
        }
    }
}

/// One topic of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TopicSpec {
    /// Which topic.
    pub topic: Topic,
    /// What it is, in a line.
    pub about: &'static str,
    /// Its key.
    pub key: KeyKind,
    /// Partitions of an embedded log unless set otherwise.
    pub partitions: u32,
    /// Records that machines or unsequenced writers put there, without the copies of claims.
    pub carries: &'static [RecordKind],
    /// Who writes there without a channel.
    pub unsequenced: &'static [Unsequenced],
    /// Who reads it besides machines, for people.
    pub readers: &'static [&'static str],
    /// How long it is kept.
    pub kept: Kept,
}

impl TopicSpec {
    /// Whether a record of that kind may stand in the topic with or without origin.
    pub fn may_carry(&self, kind: RecordKind) -> bool {
        self.carries.contains(&kind) || (kind == RecordKind::Claim && self.takes_claims())
    }

    /// Whether a record of that kind counts there although it has no origin. Copies of claims are no case of this:
    /// a reader judges them by their epoch.
    pub fn may_be_unsequenced(&self, kind: RecordKind) -> bool {
        self.unsequenced.iter().any(|writer| writer.kinds.contains(&kind))
    }

    /// The machines that write there.
    pub fn writing_machines(&self) -> impl Iterator<Item = MachineKind> + use<> {
        let topic = self.topic;
        MachineKind::ALL.iter().copied().filter(move |machine| machine.outputs().contains(&topic))
    }

    /// The machine that reads it, if one does.
    pub fn reading_machine(&self) -> Option<MachineKind> {
        MachineKind::ALL.iter().copied().find(|machine| machine.input() == self.topic)
    }

    /// Whether owners copy their claims there.
    pub fn takes_claims(&self) -> bool {
        self.writing_machines().next().is_some()
    }
}

/// A topic's entry.
pub fn of(topic: Topic) -> &'static TopicSpec {
    &table::TABLE[topic.index()]
}

/// Every topic, in the order of [`Topic::ALL`].
pub fn all() -> impl Iterator<Item = &'static TopicSpec> {
    table::TABLE.iter()
}

/// The key of a record in a topic: plain UTF-8, empty for none.
pub fn key_of(topic: Topic, record: &Record) -> Cow<'_, str> {
    match (of(topic).key, record) {
        (_, Record::Claim(r)) => machine_key(r.machine, r.partition).into(),
        (_, Record::Mark(r)) => machine_key(r.machine, r.partition).into(),
        (_, Record::SignOfLife(r)) => r.process.as_str().into(),
        (_, Record::DeadLetter(r)) => format!("{}/{}", r.topic, r.partition).into(),
        (KeyKind::Account, _) => record.account().map_or("", |account| account.as_str()).into(),
        (KeyKind::Symbol, _) => symbol_key(record).into(),
        (KeyKind::Machine | KeyKind::Source | KeyKind::None, _) => "".into(),
    }
}

/// The key of what a machine's owner writes about it: `holds/3`.
pub fn machine_key(machine: MachineKind, partition: u32) -> String {
    format!("{machine}/{partition}")
}

fn symbol_key(record: &Record) -> &str {
    match record {
        Record::AssetListing(r) => r.asset.as_str(),
        Record::FeeSchedule(r) => r.name.as_str(),
        _ => record.symbol().map_or("", |symbol| symbol.as_str()),
    }
}

/// How many partitions each topic of a log has; fixed when the log is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partitions(BTreeMap<Topic, u32>);

impl Default for Partitions {
    /// As the table says.
    fn default() -> Self {
        Self(all().map(|spec| (spec.topic, spec.partitions)).collect())
    }
}

impl Partitions {
    /// The most partitions that a topic may have: order and trade ids have room for as many.
    pub const MAX: u32 = 1 << 15;

    /// `count` partitions for every topic whose key spreads it, one for the others.
    pub fn keyed(count: u32) -> Self {
        all().fold(Self::default(), |partitions, spec| {
            if spec.key.spreads() && spec.partitions > 1 { partitions.with(spec.topic, count) } else { partitions }
        })
    }

    /// With that many for a topic, 1 to [`Self::MAX`].
    pub fn with(mut self, topic: Topic, count: u32) -> Self {
        assert!((1..=Self::MAX).contains(&count), "{topic}: {count} partitions; 1 to {} are possible", Self::MAX);
        self.0.insert(topic, count);
        self
    }

    /// A topic's.
    pub fn of(&self, topic: Topic) -> u32 {
        self.0[&topic]
    }

    /// Topics and counts, in the order of [`Topic::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (Topic, u32)> {
        self.0.iter().map(|(topic, count)| (*topic, *count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_stands_in_the_order_of_topics() {
        for topic in Topic::ALL {
            assert_eq!(of(*topic).topic, *topic);
        }
        assert_eq!(all().count(), Topic::ALL.len());
    }

    #[test]
    fn what_is_unsequenced_is_carried_and_only_spread_topics_have_partitions() {
        for spec in all() {
            for kind in spec.unsequenced.iter().flat_map(|writer| writer.kinds) {
                assert!(spec.carries.contains(kind), "{}: {kind}", spec.topic);
            }
            assert!(spec.partitions == 1 || spec.key.spreads(), "{}", spec.topic);
            assert!(spec.takes_claims() || !spec.unsequenced.is_empty(), "{}: nobody writes it", spec.topic);
        }
    }

    #[test]
    fn every_kind_of_record_has_a_topic() {
        for kind in RecordKind::ALL {
            assert!(all().any(|spec| spec.carries.contains(kind)), "{kind}");
        }
    }

    #[test]
    fn whoever_passes_clocks_on_writes_to_a_topic_that_carries_them() {
        for machine in MachineKind::ALL {
            let topics = machine.clock_output().into_iter().chain(machine.keeps_time().then(|| machine.input()));
            for topic in topics {
                assert!(of(topic).may_be_unsequenced(RecordKind::Clock), "{machine}: {topic}");
            }
        }
    }

    #[test]
    fn partitions_follow_the_key() {
        let partitions = Partitions::keyed(7);
        assert_eq!((partitions.of(Topic::Orders), partitions.of(Topic::Control)), (7, 1));
        assert_eq!((partitions.of(Topic::Instruments), partitions.of(Topic::DeadLetters)), (1, 1));
        assert_eq!(Partitions::default(), Partitions::keyed(4));
    }
}
