//! Who may do what on a Kafka: the table's writers and readers as roles, for its access control lists.
//!
//! `scripts/kafka-acls.tsv` is made from this; `scripts/kafka-acls` gives it to a Kafka.
//!
//! Invariants:
//! 1. A role may write a topic if the table names it there, or if a machine that it owns writes there; nobody else may.
//! 2. Whoever uses a log may see what its topics are like and read `control`, whose first record is the log's settings.
//!
//! Left out on purpose: kinds of records, which Kafka does not know. What a writer with the right to a topic must not
//! put there, readers do not accept.

use super::{TopicSpec, all};
use hoga_core::{MachineKind, Topic};
use std::fmt;

/// What a program is to a log. A program may be several: `hoga up` owns all machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Owns partitions of that machine, or stands by for them.
    Owner(MachineKind),
    /// Makes and cuts topics, lists instruments, deposits.
    Operator,
    /// Sends orders.
    Producer,
    /// Sends admitted orders for the accounts it has authenticated.
    Gateway,
    /// Writes what outside venues tell, or a recorded flow.
    Feed,
    /// Copies topics into stores.
    Sink,
    /// Reads everything, writes nothing.
    Reader,
}

impl Role {
    /// Every role.
    pub fn all() -> impl Iterator<Item = Self> {
        let owners = MachineKind::ALL.iter().map(|machine| Self::Owner(*machine));
        owners.chain([Self::Operator, Self::Producer, Self::Gateway, Self::Feed, Self::Sink, Self::Reader])
    }

    /// Whether it writes records to a topic.
    pub fn writes(self, topic: Topic) -> bool {
        let named = super::of(topic).unsequenced.iter().any(|writer| writer.roles.contains(&self));
        named || matches!(self, Self::Owner(machine) if machine.outputs().contains(&topic))
    }

    /// Whether it reads a topic's records.
    pub fn reads(self, topic: Topic) -> bool {
        let listed = |who: &str| super::of(topic).readers.contains(&who);
        match self {
            _ if topic == Topic::Control => true,
            Self::Owner(machine) => {
                topic == Topic::Owners || machine.input() == topic || machine.outputs().contains(&topic)
            }
            Self::Operator | Self::Reader => true,
            // They wait until what they sent is worked through.
            Self::Producer | Self::Feed => topic == Topic::Owners,
            Self::Gateway => topic == Topic::Owners || listed("gateway"),
            Self::Sink => listed("sinks"),
        }
    }

    /// Whether it joins consumer groups, to share out what its kind owns.
    pub const fn joins_groups(self) -> bool {
        matches!(self, Self::Owner(_))
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Owner(machine) => machine.name(),
            Self::Operator => "operator",
            Self::Producer => "producer",
            Self::Gateway => "gateway",
            Self::Feed => "feed",
            Self::Sink => "sink",
            Self::Reader => "reader",
        })
    }
}

/// The access control list: `role resource operations names` in each line, `*` for all names of the log.
pub fn access_list() -> String {
    let mut list = String::from(HEAD);
    for role in Role::all() {
        let topics = |may: &dyn Fn(Topic) -> bool| {
            let names = all().map(|spec: &TopicSpec| spec.topic).filter(|topic| may(*topic)).map(Topic::name);
            names.collect::<Vec<_>>().join(",")
        };
        let (written, read) = (topics(&|topic| role.writes(topic)), topics(&|topic| role.reads(topic)));
        list += &format!("{role}\ttopic\tDescribe,DescribeConfigs\t*\n");
        if role == Role::Operator {
            // Delete is also what cutting takes.
            list += &format!("{role}\ttopic\tCreate,Delete\t*\n");
        }
        let every = all().all(|spec| role.reads(spec.topic));
        list += &format!("{role}\ttopic\tRead\t{}\n", if every { "*" } else { &read });
        if !written.is_empty() {
            list += &format!("{role}\ttopic\tWrite\t{written}\n");
        }
        if role.joins_groups() {
            list += &format!("{role}\tgroup\tRead\t*\n");
        }
    }
    list
}

const HEAD: &str = "\
# Who may do what on a Kafka, for scripts/kafka-acls: role, resource, operations, names (* for all of the log).
# Made from topics/src/catalogue by HOGA_UPDATE=1 cargo test -p hoga-topics; a test compares.
";

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn the_list_is_what_the_table_makes() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/kafka-acls.tsv");
        if std::env::var_os("HOGA_UPDATE").is_some() {
            std::fs::write(&path, access_list()).unwrap();
            return;
        }
        let stands = std::fs::read_to_string(&path).unwrap_or_default();
        let hint = "scripts/kafka-acls.tsv is behind the catalogue; run HOGA_UPDATE=1 cargo test -p hoga-topics";
        assert!(stands == access_list(), "{hint}");
    }

    #[test]
    fn every_writer_of_the_table_has_a_role_and_only_these_write() {
        for spec in all() {
            for writer in spec.unsequenced {
                assert!(!writer.roles.is_empty(), "{}: {}", spec.topic, writer.who);
            }
        }
        let writers = |topic| Role::all().filter(move |role| role.writes(topic)).map(|role| role.to_string());
        for (topic, expect) in [
            (Topic::Orders, "producer,feed"),
            (Topic::Control, "operator"),
            (Topic::Accounts, "admission,control,holds,matching,operator,gateway"),
            (Topic::Books, "control,holds,matching"),
            (Topic::Journal, "holds"),
            (Topic::Candles, "candles,tick-candles"),
        ] {
            assert_eq!(writers(topic).collect::<Vec<_>>().join(","), expect, "{topic}");
        }
        assert!(Role::all().all(|role| !role.writes(Topic::Owners) || matches!(role, Role::Owner(_))));
    }
}
