//! The contract between a machine and whoever drives it.
//!
//! Invariants:
//! 1. [`Machine::apply`] is the only function that changes a machine's state, live and on replay alike.
//! 2. Effects depend on the state and the input alone; their order is part of them.
//! 3. One apply emits at most [`MAX_EFFECTS`] effects and what a bounded number of passed-on clocks adds; the rest
//!    stays in the state ([`Machine::has_backlog`]) and later records drain it.
//! 4. [`Machine::save`] is canonical: equal states give equal bytes, so their hash compares machines.
//!
//! Left out on purpose: where records come from and go to, decoding, partitioning, channels, snapshots' framing.

use crate::records::{Record, wire_enum};
use crate::time::Timestamp;

wire_enum! {
    /// The topics. Their settings are in hoga-topics' catalogue.
    Topic {
        /// Claims, marks, signs of life.
        Owners = "owners",
        /// The open inbox.
        Orders = "orders",
        /// The operator's listings, phases, fees.
        Control = "control",
        /// Everything that can move an account, in one order.
        Accounts = "accounts",
        /// What the book has to do.
        Books = "books",
        /// Trades.
        Executions = "executions",
        /// Trades of outside venues.
        Ticks = "ticks",
        /// Book deltas.
        Depth = "depth",
        /// The life of orders.
        OrderEvents = "order-events",
        /// The ledger.
        Journal = "journal",
        /// Bars.
        Candles = "candles",
        /// What can be traded.
        Instruments = "instruments",
        /// What was refused before holds.
        DeadLetters = "dead-letters",
    }
}

wire_enum! {
    /// The machines.
    MachineKind {
        /// Judges the form of commands.
        Admission = "admission",
        /// Listings, phases, fees, to every partition that needs them.
        Control = "control",
        /// Accounts, balances, holds, the journal.
        Holds = "holds",
        /// The books.
        Matching = "matching",
        /// Bars of executions.
        Candles = "candles",
        /// Bars of ticks.
        TickCandles = "tick-candles",
    }
}

impl MachineKind {
    /// The topic that it reads; one machine a partition.
    pub const fn input(self) -> Topic {
        match self {
            Self::Admission => Topic::Orders,
            Self::Control => Topic::Control,
            Self::Holds => Topic::Accounts,
            Self::Matching => Topic::Books,
            Self::Candles => Topic::Executions,
            Self::TickCandles => Topic::Ticks,
        }
    }

    /// The topics that it writes.
    pub const fn outputs(self) -> &'static [Topic] {
        match self {
            Self::Admission => &[Topic::Accounts, Topic::DeadLetters],
            Self::Control => &[Topic::Accounts, Topic::Books, Topic::Instruments, Topic::DeadLetters],
            Self::Holds => &[Topic::Books, Topic::OrderEvents, Topic::Journal],
            Self::Matching => &[Topic::Accounts, Topic::Executions, Topic::Depth],
            Self::Candles | Self::TickCandles => &[Topic::Candles],
        }
    }

    /// Whether its time comes from clock records; otherwise its time is each record's append time.
    pub const fn keeps_time(self) -> bool {
        matches!(self, Self::Holds | Self::Matching | Self::Candles | Self::TickCandles)
    }

    /// In a recorded log: the topic it passes clock records on to, into the partition of its own number.
    pub const fn clock_output(self) -> Option<Topic> {
        match self {
            Self::Admission => Some(Topic::Accounts),
            Self::Holds => Some(Topic::Books),
            Self::Matching => Some(Topic::Executions),
            Self::Control | Self::Candles | Self::TickCandles => None,
        }
    }
}

/// What a machine is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input<'a> {
    /// Its offset in the input partition.
    pub offset: u64,
    /// The machine's time at this record.
    pub time: Timestamp,
    /// When the record was appended.
    pub append_time: Timestamp,
    /// The record's key.
    pub key: &'a [u8],
    /// The record's bytes as they stand in the log, for dead letters; none for a tombstone.
    pub value: &'a [u8],
    /// The record.
    pub body: Body<'a>,
}

/// A record, or bytes that are none. Only admission is ever given the latter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body<'a> {
    /// A record.
    Record(&'a Record),
    /// Bytes that do not decode, and why.
    Malformed {
        /// What is wrong with them.
        reason: &'a str,
    },
}

/// Where in its topic an effect goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// To the partition of the topic's key: the record's account or symbol.
    Key,
    /// To every partition.
    All,
}

/// A record to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// To which topic.
    pub topic: Topic,
    /// To which of its partitions.
    pub route: Route,
    /// What.
    pub record: Record,
}

/// The effects of one apply, in order.
#[derive(Debug, Default)]
pub struct Effects {
    list: Vec<Effect>,
}

/// The most effects of one apply.
pub const MAX_EFFECTS: usize = 4_096;

impl Effects {
    /// Emits a record to the partition of its key.
    pub fn emit(&mut self, topic: Topic, record: impl Into<Record>) {
        self.emit_to(topic, Route::Key, record);
    }

    /// Emits a record along a route.
    pub fn emit_to(&mut self, topic: Topic, route: Route, record: impl Into<Record>) {
        self.list.push(Effect { topic, route, record: record.into() });
    }

    /// How many there are: a machine that may emit many keeps the rest back at [`MAX_EFFECTS`].
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The effects, taken out; the room is kept.
    pub fn drain(&mut self) -> std::vec::Drain<'_, Effect> {
        self.list.drain(..)
    }

    /// The effects.
    pub fn as_slice(&self) -> &[Effect] {
        &self.list
    }
}

/// Why a machine cannot go on: a discontinuity, never a business refusal. Its driver stops and says so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Stop(pub String);

/// A deterministic state machine: one for each partition of its input topic.
pub trait Machine: Send {
    /// Which machine it is.
    fn kind(&self) -> MachineKind;

    /// Applies one record and emits its effects.
    fn apply(&mut self, input: &Input<'_>, effects: &mut Effects) -> Result<(), Stop>;

    /// Whether work was kept back that a clock record would drain.
    fn has_backlog(&self) -> bool {
        false
    }

    /// The whole state, canonical.
    fn save(&self) -> Vec<u8>;

    /// Replaces the state by a saved one; an error says what is wrong with the bytes.
    fn load(&mut self, bytes: &[u8]) -> Result<(), String>;
}

impl Machine for Box<dyn Machine> {
    fn kind(&self) -> MachineKind {
        (**self).kind()
    }

    fn apply(&mut self, input: &Input<'_>, effects: &mut Effects) -> Result<(), Stop> {
        (**self).apply(input, effects)
    }

    fn has_backlog(&self) -> bool {
        (**self).has_backlog()
    }

    fn save(&self) -> Vec<u8> {
        (**self).save()
    }

    fn load(&mut self, bytes: &[u8]) -> Result<(), String> {
        (**self).load(bytes)
    }
}

/// The hash by which states are compared: of the canonical bytes.
pub fn state_hash(machine: &dyn Machine) -> u64 {
    xxhash_rust::xxh3::xxh3_64(&machine.save())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::Clock;
    use crate::time::Timestamp;

    /// Counts records; has a backlog while the count is odd, and stops at ten.
    struct Counter(u8);

    impl Machine for Counter {
        fn kind(&self) -> MachineKind {
            MachineKind::TickCandles
        }

        fn apply(&mut self, input: &Input<'_>, effects: &mut Effects) -> Result<(), Stop> {
            self.0 += 1;
            effects.emit(Topic::Candles, Clock { time: input.time });
            if self.0 == 10 { Err(Stop("ten".into())) } else { Ok(()) }
        }

        fn has_backlog(&self) -> bool {
            self.0 % 2 == 1
        }

        fn save(&self) -> Vec<u8> {
            vec![self.0]
        }

        fn load(&mut self, bytes: &[u8]) -> Result<(), String> {
            self.0 = *bytes.first().ok_or("nothing is there")?;
            Ok(())
        }
    }

    #[test]
    fn a_boxed_machine_is_the_machine() {
        let mut machine: Box<dyn Machine> = Box::new(Counter(0));
        let (time, mut effects) = (Timestamp(7), Effects::default());
        let record = Clock { time }.into();
        let input = Input { offset: 0, time, append_time: time, key: b"", value: b"", body: Body::Record(&record) };
        assert_eq!((machine.kind(), Machine::has_backlog(&machine)), (MachineKind::TickCandles, false));
        let empty = Machine::save(&machine);
        assert_eq!((Machine::apply(&mut machine, &input, &mut effects), effects.len()), (Ok(()), 1));
        assert_eq!((Machine::has_backlog(&machine), Machine::save(&machine)), (true, vec![1]));
        assert_ne!(Machine::save(&machine), empty);
        assert_eq!((Machine::load(&mut machine, &[9]), Machine::save(&machine)), (Ok(()), vec![9]));
        assert_eq!(Machine::load(&mut machine, &[]), Err("nothing is there".into()));
        assert_eq!(Machine::apply(&mut machine, &input, &mut effects), Err(Stop("ten".into())));
    }

    #[test]
    fn states_are_compared_by_the_hash_of_their_bytes() {
        let hashes = [3, 3, 4].map(|count| state_hash(&Counter(count)));
        assert!(hashes[0] == hashes[1] && hashes[1] != hashes[2], "{hashes:x?}");
    }

    #[test]
    fn who_keeps_time_is_given_clocks() {
        for kind in MachineKind::ALL {
            let passed_on = MachineKind::ALL.iter().any(|from| from.clock_output() == Some(kind.input()));
            // No machine writes ticks: their producers write clocks too.
            let given = passed_on || kind.input() == Topic::Ticks;
            assert_eq!(kind.keeps_time(), given, "{kind}");
            assert!(kind.clock_output().is_none_or(|topic| kind.outputs().contains(&topic)), "{kind}");
        }
    }

    #[test]
    fn effects_are_empty_until_one_is_emitted_and_after_they_are_drained() {
        let mut effects = Effects::default();
        assert!(effects.is_empty());
        effects.emit(Topic::Candles, Clock { time: Timestamp(1) });
        assert!(!effects.is_empty());
        assert_eq!((effects.drain().count(), effects.is_empty()), (1, true));
    }
}
