//! An owner whose channels are known: it replays its input, follows it, and at last delivers all and stops.
//!
//! Invariants:
//! 1. What is read is applied at once; between steps the engine stands at the reader's position.
//! 2. A mark says only what is delivered: the offset of the first input whose effects are not all delivered.
//! 3. Past a bound of undelivered effects nothing is applied.
//! 4. A clean end is: all delivered, the mark acknowledged, the snapshot written.

use crate::beats::Beats;
use crate::config::Limits;
use crate::driver::{Context, Progress, token};
use crate::engine::Engine;
use crate::error::DriverError;
use crate::fail_point::FailPoint;
use crate::lane::{Delivered, SEQUENCE_BITS};
use crate::outputs::Outputs;
use crate::restore::Restored;
use crate::snapshot::format::Header;
use crate::snapshot::store::{Outcomes, State};
use crate::snapshot::usable::partition_counts;
use crate::snapshot::witness::Witness;
use crate::status::{MachinePhase, MachineStatus};
use hoga_core::records::{Clock, Mark};
use hoga_core::{Machine, MachineKind, Record, Timestamp, Topic};
use hoga_topics::owners::{Owners, Ownership};
use hoga_topics::{AcceptedReader, TimeMode, TopicPartition};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use xxhash_rust::xxh3::xxh3_64;

/// Between two looks at whether the last snapshot is written.
const SAVING_POLL_MS: i64 = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Up to this end of the input.
    Replaying {
        to: u64,
    },
    Running,
    Delivering,
    Marking {
        acknowledged: bool,
    },
    Saving,
    Ended,
}

/// An owner at work.
pub(crate) struct Active {
    epoch: u64,
    engine: Engine<Box<dyn Machine>>,
    reader: AcceptedReader,
    outputs: Outputs,
    stage: Stage,
    beats: Beats,
    /// Whether this owner writes clocks: a wall log, a machine with timers.
    clocks: bool,
    /// Whether the last reading found nothing new.
    read_all: bool,
    marks: u64,
    applied: u64,
    applied_at_snapshot: u64,
    snapshots_taken: u64,
    outcomes: Arc<Outcomes>,
    held_back: u64,
    state_hash: Option<u64>,
    /// Since when it waits for another process to take over.
    handing_over: Option<Timestamp>,
}

impl Active {
    /// An owner that begins with what was learned of its outputs and a restored engine.
    pub fn new(
        context: &Context,
        epoch: u64,
        learned: &[(TopicPartition, Delivered)],
        restored: Restored,
        now: Timestamp,
    ) -> Result<Self, DriverError> {
        let Restored { engine, reader } = restored;
        let end = context.process.log.bounds(context.input)?.end;
        let recorded = context.process.log.time_mode() == TimeMode::Recorded;
        let outputs = Outputs::new(context.machine, context.input, epoch, recorded, learned);
        outputs.check_start(&engine.state().counters, reader.position())?;
        let mut active = Self {
            epoch,
            engine,
            reader,
            outputs,
            stage: Stage::Replaying { to: end },
            beats: Beats::new(now),
            clocks: context.writes_clocks(),
            read_all: false,
            marks: 0,
            applied: 0,
            applied_at_snapshot: 0,
            snapshots_taken: 0,
            outcomes: Arc::default(),
            held_back: 0,
            state_hash: None,
            handing_over: None,
        };
        active.check_replayed()?;
        Ok(active)
    }

    /// One step.
    pub fn step(&mut self, context: &mut Context, now: Timestamp) -> Result<Progress, DriverError> {
        if matches!(self.stage, Stage::Replaying { .. } | Stage::Running) && self.is_to_drain(context, now) {
            FailPoint::BeforeDraining.meet();
            self.stage = Stage::Delivering;
        }
        let emitted = self.outputs.emitted;
        let mut worked = match self.stage {
            Stage::Replaying { .. } | Stage::Running => self.read(context)?,
            _ => false,
        };
        worked |= self.end(context, now)?;
        if matches!(self.stage, Stage::Replaying { .. } | Stage::Running) {
            worked |= self.beat(context, now)?;
            self.snapshot_when_due(context);
        }
        self.send_out(context, self.outputs.emitted > emitted)?;
        let wake_at = match self.stage {
            // The thread that writes snapshots wakes nobody.
            Stage::Saving => now.plus_ms(SAVING_POLL_MS),
            _ => self.beats.wake_at(now, self.delivered_before(), self.clocks),
        };
        Ok(Progress { worked, wake_at: Some(wake_at) })
    }

    /// Sends what was written; `effects`: some of it are effects.
    fn send_out(&self, context: &mut Context, effects: bool) -> Result<(), DriverError> {
        if effects {
            FailPoint::BeforeAppend.meet();
        }
        context.writer.flush()?;
        if effects {
            FailPoint::InAppend.meet();
        }
        Ok(())
    }

    /// Whether its process is to end and nobody else takes over: until then it works on, so that nobody waits.
    fn is_to_drain(&mut self, context: &Context, now: Timestamp) -> bool {
        if !context.process.is_stopping() {
            return false;
        }
        FailPoint::HandingOver.meet();
        let since = *self.handing_over.get_or_insert(now);
        let wait_ms = context.process.handover_ms(context.machine, context.input.partition);
        wait_ms.is_none_or(|wait_ms| now >= since.plus_ms(wait_ms))
    }

    /// Reads and applies a batch, unless a bound says no.
    fn read(&mut self, context: &mut Context) -> Result<bool, DriverError> {
        let limits = context.process.config.limits;
        // Looking for input first: an idle machine asks nobody how far the others are.
        self.read_all = self.reader.fill(limits.batch_records)? == 0;
        if self.read_all {
            return Ok(false);
        }
        if self.must_wait(context, &limits) {
            self.held_back += 1;
            return Ok(false);
        }
        FailPoint::AfterRead.meet();
        if let Some(hook) = &context.process.config.before_apply {
            hook(context.machine, context.input.partition, self.reader.position());
        }
        let Self { engine, reader, outputs, .. } = self;
        while !is_full(outputs, &limits)
            && let Some(accepted) = reader.read_filled()?
        {
            engine.apply(&accepted, &mut |effect| outputs.emit(effect, &mut *context.writer))?;
            self.applied += 1;
        }
        if matches!(self.stage, Stage::Replaying { .. }) {
            FailPoint::Replaying.meet();
        }
        self.check_replayed()?;
        Ok(true)
    }

    fn must_wait(&self, context: &Context, limits: &Limits) -> bool {
        let admits = context.machine == MachineKind::Admission && self.stage == Stage::Running;
        is_full(&self.outputs, limits) || (admits && self.accounts_are_ahead(context, limits.accounts_ahead_records))
    }

    /// Whether any partition of accounts is more than the bound ahead of its holds, by what was delivered there last:
    /// the log itself is not asked, which on Kafka would take a round trip a step.
    fn accounts_are_ahead(&self, context: &Context, bound: u64) -> bool {
        let mut ends = self.outputs.known_ends(Topic::Accounts);
        ends.any(|(partition, end)| {
            let holds = |owners: &Owners| owners.of(MachineKind::Holds, partition).map_or(0, Ownership::progress);
            end.saturating_sub(context.process.owners(holds)) > bound
        })
    }

    /// At the end of the replay: no channel may be ahead of what the whole input gave.
    fn check_replayed(&mut self) -> Result<(), DriverError> {
        if let Stage::Replaying { to } = self.stage
            && self.reader.position() >= to
        {
            self.outputs.check_replayed(&self.engine.state().counters, to)?;
            // Running means that commands are judged at today's time: its own first clock must have come.
            if !self.clocks || self.engine.state().clock.has_clock() {
                self.stage = Stage::Running;
            }
        }
        Ok(())
    }

    /// Marks and clocks.
    fn beat(&mut self, context: &mut Context, now: Timestamp) -> Result<bool, DriverError> {
        let mut worked = false;
        if self.clocks && self.beats.clock_due(now) {
            send_clock(context, now, token::CLOCK)?;
            FailPoint::AfterClock.meet();
            worked = true;
        }
        let backlog = self.clocks && self.engine.machine().has_backlog();
        if backlog && self.read_all && self.beats.extra_clock_due(self.reader.position()) {
            send_clock(context, now, token::EXTRA_CLOCK)?;
            worked = true;
        }
        let idle = self.read_all && !backlog && self.outputs.owed().0 == 0;
        let offset = self.delivered_before();
        if self.beats.mark_due(now, offset, idle) {
            self.mark(context, now, offset)?;
            worked = true;
        }
        Ok(worked)
    }

    fn mark(&mut self, context: &mut Context, now: Timestamp, next_offset: u64) -> Result<(), DriverError> {
        FailPoint::BeforeMark.meet();
        let (machine, partition) = (context.machine, context.input.partition);
        let mark = Mark { machine, partition, epoch: self.epoch, next_offset, outputs: self.outputs.mark() };
        self.marks += 1;
        context.send_owners(Record::Mark(mark), now, (token::MARK << SEQUENCE_BITS) | self.marks)
    }

    /// What a mark may say. A machine that kept work back has not finished its last record, in a wall log, where its
    /// owner writes the clocks that finish it.
    fn delivered_before(&self) -> u64 {
        let position = self.reader.position();
        let kept_back = self.clocks && self.engine.machine().has_backlog();
        self.outputs.delivered_before(position - u64::from(kept_back && position > 0))
    }

    /// Goes through the stages of a clean end.
    fn end(&mut self, context: &mut Context, now: Timestamp) -> Result<bool, DriverError> {
        let before = self.stage;
        match self.stage {
            Stage::Delivering if self.outputs.owed().0 == 0 => {
                FailPoint::Drained.meet();
                self.mark(context, now, self.reader.position())?;
                self.stage = Stage::Marking { acknowledged: false };
            }
            Stage::Marking { acknowledged: true } => {
                FailPoint::LastMark.meet();
                self.state_hash = Some(self.snapshot(context));
                self.stage = Stage::Saving;
            }
            Stage::Saving if self.snapshots_done() => {
                FailPoint::Ended.meet();
                self.stage = Stage::Ended;
            }
            _ => {}
        }
        Ok(self.stage != before)
    }

    fn snapshots_done(&self) -> bool {
        let Outcomes { written, failed, .. } = &*self.outcomes;
        written.load(Ordering::Acquire) + failed.load(Ordering::Acquire) == self.snapshots_taken
    }

    fn snapshot_when_due(&mut self, context: &Context) {
        let limits = context.process.config.limits;
        let due = self.applied - self.applied_at_snapshot >= limits.snapshot_every_records;
        // One at a time: a slow store must not pile up states in memory.
        if !due || !self.snapshots_done() {
            return;
        }
        if self.outcomes.bytes.load(Ordering::Acquire) <= limits.snapshot_in_place_bytes {
            self.snapshot(context);
        } else {
            FailPoint::SnapshotBegun.meet();
            self.put_snapshot(context, State::Replica(context.process.recipe.clone()));
        }
    }

    /// Hands the state to whoever writes snapshots; the state's hash.
    fn snapshot(&mut self, context: &Context) -> u64 {
        FailPoint::SnapshotBegun.meet();
        let state = self.engine.machine().save();
        let hash = xxh3_64(&state);
        self.put_snapshot(context, State::Taken(state));
        hash
    }

    fn put_snapshot(&mut self, context: &Context, state: State) {
        let Context { process, machine, input, .. } = context;
        let header = Header {
            machine: *machine,
            partition: input.partition,
            epoch: self.epoch,
            fingerprint: process.recipe.fingerprint,
            partitions: partition_counts(&*process.log, *machine),
            input: self.reader.save(),
            witness: Witness::default(),
            engine: self.engine.state().clone(),
        };
        let marked = process.marked(*machine, input.partition);
        self.snapshots_taken += 1;
        self.applied_at_snapshot = self.applied;
        process.snapshots.put(header, state, marked, &self.outcomes);
    }

    /// Takes the answer to one of its sendings.
    pub fn answer(
        &mut self,
        context: &mut Context,
        class: u64,
        sequence: u64,
        offset: Option<u64>,
    ) -> Result<(), DriverError> {
        match class {
            token::MARK if sequence == self.marks => self.mark_answer(offset),
            token::MARK => {}
            token::EXTRA_CLOCK => self.beats.extra_clock_answer(offset),
            // A lost clock is followed by the next; claims and their copies are answered before.
            token::CLOCK | token::CLAIM | token::COPY => {}
            lane => self.outputs.answer(lane as usize, sequence, offset, &mut *context.writer)?,
        }
        Ok(())
    }

    /// The answer to the newest mark.
    fn mark_answer(&mut self, offset: Option<u64>) {
        if offset.is_some() {
            FailPoint::AfterMark.meet();
        }
        match (&mut self.stage, offset) {
            (Stage::Marking { acknowledged }, Some(_)) => *acknowledged = true,
            (Stage::Marking { .. }, None) => self.stage = Stage::Delivering,
            (_, None) => self.beats.mark_lost(),
            (_, Some(_)) => {}
        }
    }

    /// Its epoch.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Shows itself.
    pub fn show(&self, parked_bound: u64, status: &mut MachineStatus) {
        status.phase = match self.stage {
            Stage::Replaying { to } => MachinePhase::Restoring { at: self.reader.position(), to },
            Stage::Running => MachinePhase::Running,
            Stage::Delivering | Stage::Marking { .. } | Stage::Saving => MachinePhase::Draining,
            Stage::Ended => MachinePhase::Stopped { why: "shut down".into(), failed: false },
        };
        status.epoch = Some(self.epoch);
        status.next_offset = self.reader.position();
        status.state_hash = self.state_hash;
        status.counts.applied = self.applied;
        status.counts.emitted = self.outputs.emitted;
        status.counts.resent = self.outputs.resent();
        status.counts.dropped = self.reader.dropped();
        status.counts.snapshots = self.outcomes.written.load(Ordering::Acquire);
        status.counts.snapshots_failed = self.outcomes.failed.load(Ordering::Acquire);
        status.counts.held_back = self.held_back;
        status.alarms.parked = self.reader.parked(parked_bound);
        status.alarms.refused_clocks = self.engine.state().clock.refused_clocks();
        status.alarms.forged = self.reader.dropped().forged;
    }
}

/// Whether as much is undelivered as may be.
fn is_full(outputs: &Outputs, limits: &Limits) -> bool {
    let (records, bytes) = outputs.owed();
    records >= limits.undelivered_records || bytes >= limits.undelivered_bytes
}

/// Appends a clock to the machine's own input.
pub(crate) fn send_clock(context: &mut Context, now: Timestamp, class: u64) -> Result<(), DriverError> {
    let clock = hoga_schemas::encode(&Record::Clock(Clock { time: now }));
    context.writer.send(context.input, b"", &clock, None, class << SEQUENCE_BITS)?;
    Ok(())
}
