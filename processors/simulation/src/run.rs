//! Runs a script: everything in one order, on virtual time, audited after every act.
//!
//! Invariants:
//! 1. Nothing but the script decides: no clock, no thread, no chance.
//! 2. The auditor looks after every act; a machine that stops for another reason than a hand-over is a failure,
//!    unless its input was spoilt.
//! 3. A run ends with all faults off and one process alone, which must work off everything; then nothing may be lost.

use crate::auditor::{Auditor, Drops, all_partitions};
use crate::node::Node;
use crate::outcome::{Failure, Report};
use crate::producer::Producers;
use crate::script::{Act, Script, Setup, Way};
use crate::settings;
use crate::troubles::Troubles;
use crate::{forge, snapshots};
use hoga_core::{MachineKind, Timestamp, machines};
use hoga_runtime::{MachinePhase, replay};
use hoga_topics::memory::{Clock, Durability};
use hoga_topics::owners::{OwnersView, drained};
use hoga_topics::{Log, MemoryLog, MemoryOptions, Partitions, TimeMode, TopicPartition, Visibility};
use object_store::memory::InMemory;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use xxhash_rust::xxh3::Xxh3Default;

/// When runs begin: 2023-12-24, half a minute before midnight in Seoul, so that days end in most runs.
pub(crate) const START: Timestamp = Timestamp(1_703_429_970_000);
/// Between two rounds of a run's settling.
const ROUND_MS: i64 = 25;
/// Rounds after which what has not settled never will.
const MOST_ROUNDS: u32 = 4_000;
/// Clocks come for so long after the last act before bars are judged.
const CLOCKS_MS: i64 = 3_000;

/// A run at some act.
pub(crate) struct Run {
    pub setup: Setup,
    pub log: MemoryLog,
    pub store: Arc<InMemory>,
    pub now: Timestamp,
    troubles: Troubles,
    pub nodes: BTreeMap<u32, Node>,
    producers: Producers,
    pub auditor: Auditor,
    /// Machines that were loaded from snapshots.
    restores: Arc<AtomicU64>,
}

/// Runs a script to its end.
pub fn run(script: &Script) -> Result<Report, Failure> {
    let mut run = Run::new(&script.setup)?;
    for act in &script.acts {
        run.act(act)?;
        run.judge()?;
    }
    run.end()?;
    run.report(script)
}

impl Run {
    pub fn new(setup: &Setup) -> Result<Self, Failure> {
        let troubles = Troubles::default();
        let log = MemoryLog::new(MemoryOptions {
            time_mode: TimeMode::Wall,
            partitions: Partitions::keyed(setup.partitions),
            clock: Clock::Set(START),
            durability: if setup.loses_unsynced { Durability::AtSync } else { Durability::Immediate },
            faults: Some(Box::new(troubles.clone())),
            ..MemoryOptions::default()
        });
        let (producers, auditor) = (Producers::new(&log)?, Auditor::new(setup, &log)?);
        let (store, nodes) = (Arc::new(InMemory::new()), BTreeMap::new());
        let restores = Arc::default();
        Ok(Self { setup: *setup, log, store, now: START, troubles, nodes, producers, auditor, restores })
    }

    pub fn act(&mut self, act: &Act) -> Result<(), Failure> {
        let now = self.now;
        match act {
            Act::Advance(ms) => self.advance(*ms),
            Act::Start(process, way) => self.start(*process, *way)?,
            Act::Assign { process, machine, partition, wanted } => {
                if let Some(node) = self.nodes.get(process) {
                    node.assign((*machine, *partition), *wanted);
                }
            }
            Act::Kill(process) => {
                self.nodes.remove(process);
            }
            Act::Stop(process) => {
                if let Some(node) = self.nodes.get(process) {
                    node.stop();
                }
            }
            Act::Look(process) => self.nodes.get(process).map_or(Ok(()), |node| node.look(now))?,
            Act::Run { process, machine, partition, steps } => {
                if let Some(node) = self.nodes.get_mut(process) {
                    node.run((*machine, *partition), *steps, now);
                }
            }
            Act::Round(process) => self.round(*process)?,
            Act::Settle => {
                self.settle()?;
            }
            Act::Skew(process, ms) => {
                if let Some(node) = self.nodes.get_mut(process) {
                    node.skew_ms = *ms;
                }
            }
            Act::Sync => self.log.sync()?,
            Act::Crash(kept) => self.crash(*kept)?,
            Act::Tear { machine, partition, newest, percent, damage } => {
                snapshots::tear(&self.store, (*machine, *partition), *newest, *percent, *damage);
            }
            Act::Fault(topic, partition, trouble) => {
                self.troubles.add(TopicPartition::new(*topic, *partition), *trouble);
            }
            Act::Post(number, post) => self.producers.post(&self.log, *number, post.letter(now))?,
            Act::Repeat(number) => self.producers.send(*number)?,
            Act::Forge(topic, partition, forgery) => {
                forge::forge(self, TopicPartition::new(*topic, *partition), *forgery);
            }
            Act::Twist { process, machine, partition } => self.twist(*process, (*machine, *partition)),
            Act::Turn(machine, partition) => self.turn((*machine, *partition)),
            Act::Spoil(topic, partition, spoiling) => {
                forge::spoil(self, TopicPartition::new(*topic, *partition), *spoiling);
            }
        }
        Ok(())
    }

    fn advance(&mut self, ms: i64) {
        self.now = self.now.plus_ms(ms);
        self.log.set_time(self.now);
    }

    /// Process numbers are given once: a name in `owners` is never another process's.
    fn start(&mut self, process: u32, way: Way) -> Result<(), Failure> {
        let node = Node::start(process, way, &self.setup, &self.log, &self.store, &self.restores)?;
        self.nodes.insert(process, node);
        Ok(())
    }

    fn round(&mut self, process: u32) -> Result<(), Failure> {
        let now = self.now;
        let Some(node) = self.nodes.get_mut(&process) else { return Ok(()) };
        node.look(now)?;
        for machine in node.machines() {
            node.run(machine, 1, now);
        }
        Ok(())
    }

    /// Lets all processes work until every machine runs and all is worked off; whether that came.
    fn settle(&mut self) -> Result<bool, Failure> {
        for _ in 0..MOST_ROUNDS {
            self.advance(ROUND_MS);
            for process in self.nodes.keys().copied().collect::<Vec<_>>() {
                self.round(process)?;
            }
            self.judge()?;
            if self.nodes.is_empty() || self.is_spoilt() || self.auditor.turned().is_some() {
                return Ok(false);
            }
            if self.is_settled()? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn is_settled(&self) -> Result<bool, Failure> {
        let mut owned = BTreeMap::new();
        for status in self.nodes.values().flat_map(Node::statuses) {
            let running = owned.entry((status.kind, status.partition)).or_insert(false);
            *running |= status.phase == MachinePhase::Running;
        }
        if owned.values().any(|running| !running) {
            return Ok(false);
        }
        let view = OwnersView::open(&self.log).map_err(|error| Failure::Stopped(error.to_string()))?;
        Ok(drained(&self.log, view.owners())?)
    }

    fn crash(&mut self, kept: u64) -> Result<(), Failure> {
        self.nodes.clear();
        self.producers.look(&self.log)?;
        self.log.crash(kept);
        self.producers.crashed(&self.log)?;
        // What was undone never was: judge what is left from its beginning.
        self.auditor.begin_again(&self.setup, &self.log)?;
        Ok(())
    }

    /// Only an owner whose successor every reader knows may be twisted: what it writes then is dropped by all.
    fn twist(&mut self, process: u32, machine: (MachineKind, u32)) {
        let Some(node) = self.nodes.get(&process) else { return };
        let Some(epoch) = node.epoch(machine) else { return };
        if self.auditor.is_replaced_everywhere(machine, epoch) {
            node.twist(machine);
        }
    }

    /// From here on the auditor takes nothing of this machine for right, but what is accepted for certain.
    fn turn(&mut self, machine: (MachineKind, u32)) {
        let newest = self.auditor.newest_claim(machine);
        let owner = self.nodes.values().find(|node| newest.is_some() && node.epoch(machine) == newest);
        if let Some(owner) = owner {
            owner.twist(machine);
            self.auditor.mistrust(machine);
        }
    }

    /// What is there now is right, and nobody has stopped who should not.
    fn judge(&mut self) -> Result<(), Failure> {
        // What was late and is due lands when somebody reads; the auditor reads first.
        self.auditor.look()?;
        self.producers.look(&self.log)?;
        if self.auditor.turned().is_some() {
            // Whatever reads what is wrong may stop.
            return Ok(());
        }
        for (process, node) in &self.nodes {
            for (machine, partition, why) in node.failed() {
                if !self.stops_rightly(machine, partition) && !node.is_twisted((machine, partition)) {
                    return Err(Failure::Stopped(format!("p{process} {machine}/{partition}: {why}")));
                }
            }
        }
        Ok(())
    }

    fn is_spoilt(&self) -> bool {
        self.auditor.spoilt().next().is_some()
    }

    fn stops_rightly(&self, machine: MachineKind, partition: u32) -> bool {
        let input = TopicPartition::new(machine.input(), partition);
        self.auditor.spoilt().any(|(at, ..)| at == input || machine.outputs().contains(&at.topic))
    }

    /// All faults off, one process alone.
    fn end(&mut self) -> Result<(), Failure> {
        self.troubles.end();
        self.nodes.clear();
        self.start(u32::MAX, self.setup.last)?;
        if self.is_spoilt() {
            return self.end_spoilt();
        }
        let settled = self.settle()?;
        if let Some(machine) = self.auditor.turned() {
            return self.end_turned(machine);
        }
        if !settled {
            return Err(Failure::Stuck(self.stuck()));
        }
        let before = self.wait_for_clocks()?;
        self.log.sync()?;
        self.producers.look(&self.log)?;
        self.auditor.check_end(before, &self.producers.sent())?;
        self.stop_and_compare()
    }

    /// Lets clocks come until nothing has traded for a while; since when.
    fn wait_for_clocks(&mut self) -> Result<Timestamp, Failure> {
        let (mut quiet_since, mut trades) = (self.now, self.auditor.trades);
        for _ in 0..MOST_ROUNDS {
            self.advance(ROUND_MS * 4);
            self.round(u32::MAX)?;
            self.judge()?;
            if trades != self.auditor.trades {
                (quiet_since, trades) = (self.now, self.auditor.trades);
            }
            if self.now >= quiet_since.plus_ms(CLOCKS_MS) && self.is_settled()? {
                return Ok(quiet_since);
            }
        }
        Err(Failure::Stuck(format!("it is never quiet: {}", self.stuck())))
    }

    fn stuck(&self) -> String {
        let statuses = self.nodes.values().flat_map(Node::statuses);
        let shown = statuses.map(|status| {
            let (kind, partition, phase, at) = (status.kind, status.partition, status.phase, status.next_offset);
            format!("{kind}/{partition} {phase} at {at}, {:?}", status.alarms.parked)
        });
        shown.collect::<Vec<_>>().join("; ")
    }

    /// Shuts down cleanly; each live state is what its input replays to.
    fn stop_and_compare(&mut self) -> Result<(), Failure> {
        let settings = settings::of(&self.setup);
        self.nodes[&u32::MAX].stop();
        for _ in 0..MOST_ROUNDS {
            self.advance(ROUND_MS);
            self.round(u32::MAX)?;
            self.judge()?;
            let statuses = self.nodes[&u32::MAX].statuses();
            if !statuses.iter().all(|status| status.is_stopped()) {
                continue;
            }
            for status in statuses {
                let machine = machines::new(status.kind, status.partition, &settings);
                let replayed = replay(&self.log, machine, status.partition, Some(status.next_offset));
                let replayed = replayed.map_err(|error| Failure::Stopped(format!("the replay: {error}")))?;
                if status.state_hash != Some(replayed.state_hash) {
                    let (kind, partition) = (status.kind, status.partition);
                    return Err(Failure::Finding(format!(
                        "the state of {kind}/{partition} is not what its input makes"
                    )));
                }
            }
            return Ok(());
        }
        Err(Failure::Stuck(format!("it does not end: {}", self.stuck())))
    }

    /// Where an input is spoilt its machine must stop, and nothing that follows from more may be written.
    fn end_spoilt(&mut self) -> Result<(), Failure> {
        for _ in 0..400 {
            self.advance(ROUND_MS);
            self.round(u32::MAX)?;
            self.judge()?;
        }
        let failed = self.nodes[&u32::MAX].failed();
        for (at, offset, why) in self.auditor.spoilt() {
            let stopped =
                failed.iter().any(|(machine, partition, _)| machine.input() == at.topic && *partition == at.partition);
            if !stopped {
                return Err(Failure::Finding(format!(
                    "{at} is spoilt at offset {offset} ({why}); its machine went on"
                )));
            }
        }
        Ok(())
    }

    /// Readers have accepted what its input does not make: the next owner must have noticed.
    fn end_turned(&mut self, turned: (MachineKind, u32)) -> Result<(), Failure> {
        for _ in 0..400 {
            self.advance(ROUND_MS);
            self.round(u32::MAX)?;
            self.judge()?;
        }
        let failed = self.nodes[&u32::MAX].failed();
        if failed.iter().any(|(machine, partition, _)| (*machine, *partition) == turned) {
            return Ok(());
        }
        let (machine, partition) = turned;
        Err(Failure::Finding(format!(
            "{machine}/{partition} wrote what its input does not make; its next owner went on"
        )))
    }

    fn report(&self, script: &Script) -> Result<Report, Failure> {
        let (mut hash, mut records, mut batch) = (Xxh3Default::new(), 0, Vec::new());
        for at in all_partitions(&Partitions::keyed(self.setup.partitions)) {
            batch.clear();
            self.log.reader(at, 0, Visibility::Written)?.poll(usize::MAX, &mut batch)?;
            records += batch.len() as u64;
            for record in &batch {
                hash.update(&record.time.0.to_le_bytes());
                hash.update(&record.key);
                hash.update(record.value.as_deref().unwrap_or_default());
            }
        }
        let Drops { stale, repeats, ahead } = self.auditor.drops();
        Ok(Report {
            acts: script.acts.len() as u64,
            commands: self.producers.count() as u64,
            records,
            trades: self.auditor.trades,
            takeovers: self.auditor.takeovers(),
            restores: self.restores.load(Ordering::Relaxed),
            stale,
            repeats,
            ahead,
            spoilt: u64::from(self.is_spoilt()),
            turned: u64::from(self.auditor.turned().is_some()),
            hash: hash.digest(),
        })
    }
}
