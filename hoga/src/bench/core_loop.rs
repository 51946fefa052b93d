//! Holds and matching without a log between them: what one writes for the other is applied at once, as records.
//!
//! Invariants:
//! 1. A command's records are worked through before the next command: legs and answers come back to holds in the order
//!    in which matching gave them.
//! 2. Effects are made whole (journal entries, order events, executions, depth) and counted; they are not encoded.

use crate::exit::Failure;
use hoga_core::book::Matching;
use hoga_core::{Body, Effects, Holds, Input, Machine, Record, Settings, Timestamp, Topic};
use std::collections::VecDeque;

/// What came out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Made {
    /// Executions.
    pub trades: u64,
    /// Their quantities in lots of one.
    pub volume: i64,
    /// Journal entries.
    pub entries: u64,
    /// Order events and refusals.
    pub events: u64,
    /// Records applied by both machines.
    pub applied: u64,
}

/// Holds and matching on one core, and what lies between them.
pub trait Pair {
    /// Of partition 0, empty.
    fn new(settings: &Settings) -> Self;
    /// Applied by holds, and everything that follows from it.
    fn submit(&mut self, record: &Record, time: Timestamp) -> Result<(), Failure>;
    /// A member's command or a clock, and everything that follows from it.
    fn step(&mut self, record: &Record, time: Timestamp) -> Result<(), Failure> {
        match record {
            Record::Clock(_) => self.tell_both(record, time),
            _ => self.submit(record, time),
        }
    }
    /// What the operator lists, and clocks: both machines get it.
    fn tell_both(&mut self, record: &Record, time: Timestamp) -> Result<(), Failure>;
    /// What came out.
    fn made(&self) -> Made;
    /// Accounts.
    fn holds(&self) -> &Holds;
    /// Books.
    fn matching(&self) -> &Matching;
}

/// Both machines.
pub struct CoreLoop {
    holds: Holds,
    matching: Matching,
    made: Made,
    /// All effects, for who wants them.
    pub seen: Option<Vec<Record>>,
    /// What matching wrote, each command's effects by themselves.
    waiting: VecDeque<Effects>,
    /// Effects that were worked through, whose room is used again.
    spare: Vec<Effects>,
    offset: u64,
}

impl Pair for CoreLoop {
    fn new(settings: &Settings) -> Self {
        Self {
            holds: Holds::new(0, settings),
            matching: Matching::new(0, settings),
            made: Made::default(),
            seen: None,
            waiting: VecDeque::new(),
            spare: Vec::new(),
            offset: 0,
        }
    }

    fn submit(&mut self, record: &Record, time: Timestamp) -> Result<(), Failure> {
        self.give_holds(record, time)?;
        while let Some(effects) = self.waiting.pop_front() {
            for effect in effects.as_slice().iter().filter(|effect| effect.topic == Topic::Accounts) {
                self.give_holds(&effect.record, time)?;
            }
            self.put_back(effects);
        }
        Ok(())
    }

    fn tell_both(&mut self, record: &Record, time: Timestamp) -> Result<(), Failure> {
        self.give_matching(record, time)?;
        self.submit(record, time)
    }

    fn made(&self) -> Made {
        self.made
    }

    fn holds(&self) -> &Holds {
        &self.holds
    }

    fn matching(&self) -> &Matching {
        &self.matching
    }
}

impl CoreLoop {
    fn give_holds(&mut self, record: &Record, time: Timestamp) -> Result<(), Failure> {
        let input = self.input(record, time);
        let mut effects = self.spare.pop().unwrap_or_default();
        self.holds.apply(&input, &mut effects).map_err(|why| Failure::Stopped(why.to_string()))?;
        for effect in effects.as_slice() {
            self.keep(&effect.record);
            match effect.topic {
                Topic::Books => self.give_matching(&effect.record, time)?,
                Topic::Journal => self.made.entries += 1,
                _ => self.made.events += 1,
            }
        }
        self.put_back(effects);
        Ok(())
    }

    fn give_matching(&mut self, record: &Record, time: Timestamp) -> Result<(), Failure> {
        let input = self.input(record, time);
        let mut effects = self.spare.pop().unwrap_or_default();
        self.matching.apply(&input, &mut effects).map_err(|why| Failure::Stopped(why.to_string()))?;
        for effect in effects.as_slice() {
            self.keep(&effect.record);
            if let Record::Execution(trade) = &effect.record {
                self.made.trades += 1;
                self.made.volume += trade.quantity.to_units(0).unwrap_or_default();
            }
        }
        self.waiting.push_back(effects);
        Ok(())
    }

    fn put_back(&mut self, mut effects: Effects) {
        effects.drain();
        self.spare.push(effects);
    }

    fn keep(&mut self, record: &Record) {
        if let Some(seen) = &mut self.seen {
            seen.push(record.clone());
        }
    }

    fn input<'a>(&mut self, record: &'a Record, time: Timestamp) -> Input<'a> {
        self.offset += 1;
        self.made.applied += 1;
        Input { offset: self.offset, time, append_time: time, key: &[], value: &[], body: Body::Record(record) }
    }
}
