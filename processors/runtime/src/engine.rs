//! The deterministic part of a driver: a machine, its time, and the numbers and hashes of what it emits.
//! Live, after a restart and in `replay` the same code runs here; whoever calls decides what is written.
//!
//! Invariants:
//! 1. What is emitted, with its numbers, hashes and times, depends on the accepted input alone.
//! 2. Effects of one input are emitted in the machine's order, a passed-on clock before them: what they cause
//!    downstream is then judged at a time that has already come there.
//! 3. The running hash does not contain the epoch: two owners emit the same.
//!
//! Left out on purpose: the log, delivery, snapshots' files.

use crate::error::DriverError;
use crate::relay::ClockRelay;
use crate::routes::Routes;
use hoga_core::records::{Clock, RecordKind};
use hoga_core::time::MachineClock;
use hoga_core::{Body, Effect, Effects, Input, Machine, MachineKind, Record, Route, Timestamp};
use hoga_topics::channel::running_hash;
use hoga_topics::{Accepted, AcceptedBody, Log, ReadError, TimeMode, TopicPartition, catalogue};
use serde::{Deserialize, Serialize};

/// How far a machine has numbered one of its output partitions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counter {
    /// The number of the last effect; 0 before the first.
    pub number: u64,
    /// The running hash at that number.
    pub hash: u64,
}

/// One effect, ready to be sealed and sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Emitted<'a> {
    /// The output partition, as an index into [`Routes`].
    pub lane: usize,
    pub key: &'a [u8],
    pub kind: RecordKind,
    pub content: &'a [u8],
    /// The input offset that caused it.
    pub cause: u64,
    pub counter: Counter,
    /// The machine's time at the cause.
    pub time: Timestamp,
}

/// What of an engine goes into a snapshot, besides the machine's own state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EngineState {
    pub clock: MachineClock,
    pub relay: ClockRelay,
    pub counters: Vec<Counter>,
}

/// A machine and what numbers its effects.
pub(crate) struct Engine<M> {
    machine: M,
    kind: MachineKind,
    input: TopicPartition,
    mode: TimeMode,
    routes: Routes,
    state: EngineState,
    effects: Effects,
    content: Vec<u8>,
}

impl<M: Machine> Engine<M> {
    /// The machine of `partition`, before its first record.
    pub fn new(log: &dyn Log, machine: M, partition: u32) -> Self {
        let kind = machine.kind();
        let routes = Routes::new(log, kind);
        let counters = vec![Counter::default(); routes.lanes().len()];
        Self {
            machine,
            kind,
            input: TopicPartition::new(kind.input(), partition),
            mode: log.time_mode(),
            routes,
            state: EngineState { counters, ..EngineState::default() },
            effects: Effects::default(),
            content: Vec::new(),
        }
    }

    /// Goes on from a snapshot's state; the counters are those of these routes.
    pub fn load(&mut self, state: EngineState, machine: &[u8]) -> Result<(), String> {
        if state.counters.len() != self.routes.lanes().len() {
            return Err(format!("{} counters for {} outputs", state.counters.len(), self.routes.lanes().len()));
        }
        self.machine.load(machine)?;
        self.state = state;
        Ok(())
    }

    /// Applies one accepted record and hands each effect to `emit`.
    pub fn apply(
        &mut self,
        accepted: &Accepted<'_>,
        emit: &mut impl FnMut(&Emitted<'_>) -> Result<(), DriverError>,
    ) -> Result<(), DriverError> {
        let frame = match accepted.body {
            AcceptedBody::Malformed(reason) => return self.run(accepted, Body::Malformed { reason }, emit),
            AcceptedBody::Record(frame) => frame,
        };
        match hoga_schemas::decode(&frame) {
            Ok(record) => self.run(accepted, Body::Record(&record), emit),
            // What producers sent is dead-lettered; in a trusted topic it must not be.
            Err(error) if self.kind == MachineKind::Admission => {
                self.run(accepted, Body::Malformed { reason: &error.to_string() }, emit)
            }
            Err(error) => {
                let (offset, reason) = (accepted.offset, error.to_string());
                Err(ReadError::Undecodable { partition: self.input, offset, reason }.into())
            }
        }
    }

    fn run(
        &mut self,
        accepted: &Accepted<'_>,
        body: Body<'_>,
        emit: &mut impl FnMut(&Emitted<'_>) -> Result<(), DriverError>,
    ) -> Result<(), DriverError> {
        let clock = match &body {
            Body::Record(Record::Clock(clock)) => Some(clock.time),
            _ => None,
        };
        let time =
            if self.kind.keeps_time() { self.state.clock.on_record(accepted.time, clock) } else { accepted.time };
        let (offset, append_time) = (accepted.offset, accepted.time);
        let input = Input { offset, time, append_time, key: accepted.key, value: accepted.value, body };
        self.machine.apply(&input, &mut self.effects).map_err(|why| DriverError::MachineStop {
            machine: self.kind,
            input: self.input,
            offset,
            why: why.0,
        })?;
        if clock.is_some() && self.mode == TimeMode::Recorded {
            self.pass_on(offset, time, emit)?;
        }
        self.number(offset, time, emit)
    }

    /// A recorded log's clock goes on to the same partition of the next topic.
    fn pass_on(
        &mut self,
        cause: u64,
        time: Timestamp,
        emit: &mut impl FnMut(&Emitted<'_>) -> Result<(), DriverError>,
    ) -> Result<(), DriverError> {
        let Some(topic) = self.kind.clock_output() else { return Ok(()) };
        let Some(lane) = self.routes.lane(topic, self.input.partition) else { return Ok(()) };
        if !self.state.relay.passes(time) {
            return Ok(());
        }
        self.content.clear();
        hoga_schemas::encode_content(&Record::Clock(Clock { time }), &mut self.content);
        let counter = &mut self.state.counters[lane];
        advance(counter, cause, b"", RecordKind::Clock, &self.content);
        let counter = *counter;
        emit(&Emitted { lane, key: b"", kind: RecordKind::Clock, content: &self.content, cause, counter, time })
    }

    fn number(
        &mut self,
        cause: u64,
        time: Timestamp,
        emit: &mut impl FnMut(&Emitted<'_>) -> Result<(), DriverError>,
    ) -> Result<(), DriverError> {
        let Self { effects, routes, state, content, kind: machine, .. } = self;
        for Effect { topic, route, record } in effects.drain() {
            content.clear();
            hoga_schemas::encode_content(&record, content);
            let (kind, key) = (record.kind(), catalogue::key_of(topic, &record));
            let key = key.as_bytes();
            let lanes = match route {
                Route::Key => routes.by_key(topic, key),
                Route::All => routes.all(topic),
            };
            // A machine that emits elsewhere than it says is a bug: nobody would claim or read that channel.
            let lanes = lanes.unwrap_or_else(|| panic!("{machine} does not write {topic} along {route:?}"));
            for lane in lanes {
                let counter = &mut state.counters[lane];
                advance(counter, cause, key, kind, content);
                emit(&Emitted { lane, key, kind, content, cause, counter: *counter, time })?;
            }
        }
        Ok(())
    }

    /// The machine.
    pub fn machine(&self) -> &M {
        &self.machine
    }

    /// The machine, taken out.
    pub fn into_machine(self) -> M {
        self.machine
    }

    /// Time, relay and counters.
    pub fn state(&self) -> &EngineState {
        &self.state
    }

    /// Its output partitions.
    pub fn routes(&self) -> &Routes {
        &self.routes
    }
}

fn advance(counter: &mut Counter, cause: u64, key: &[u8], kind: RecordKind, content: &[u8]) {
    counter.number += 1;
    counter.hash = running_hash(counter.hash, hoga_schemas::schema_id(kind), cause, key, content);
}
