//! One machine in one process, as a state machine that is polled: each step does what can be done now and never
//! waits, so threads, tests and a simulation on virtual time drive the same code.
//!
//! alone:  claiming -> learning what readers have accepted -> active (replaying, running, draining) -> stopped
//! shared: following -> claiming -> learning -> active -> stopped; who is fenced follows again
//!
//! Invariants:
//! 1. Before each step's work it is still the newest owner that the process knows of; else it writes nothing more.
//! 2. After an error nothing more is written.
//! 3. What was sent for one claim is never taken for another's: each begins with a writer of its own.

use crate::active::{Active, send_clock};
use crate::claim::{ClaimStep, Claiming};
use crate::decide::Decision;
use crate::error::DriverError;
use crate::fail_point::FailPoint;
use crate::follower::Follower;
use crate::lane::SEQUENCE_BITS;
use crate::learn::{Learning, Owner};
use crate::placement::{Hold, Role};
use crate::process::Process;
use crate::restore::restore;
use crate::routes::Routes;
use crate::status::{MachinePhase, MachineStatus};
use hoga_core::{MachineKind, Record, Timestamp};
use hoga_topics::owners::{OWNERS, Ownership};
use hoga_topics::{Ack, TimeMode, TopicPartition, Writer, catalogue};
use std::sync::{Arc, Mutex, MutexGuard};

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Whether anything was done: step again soon.
    pub worked: bool,
    /// When to step again at the latest; `None`: only when the log changes.
    pub wake_at: Option<Timestamp>,
}

/// What a sending was, in the upper bits of its token; below these are lanes.
pub(crate) mod token {
    pub const CLAIM: u64 = 0xffff;
    pub const COPY: u64 = 0xfffe;
    pub const MARK: u64 = 0xfffd;
    pub const CLOCK: u64 = 0xfffc;
    pub const EXTRA_CLOCK: u64 = 0xfffb;
    /// Lanes are below the first of these.
    pub const FIRST: u64 = EXTRA_CLOCK;
}

/// What every phase needs.
pub(crate) struct Context {
    pub process: Arc<Process>,
    pub machine: MachineKind,
    pub input: TopicPartition,
    pub writer: Box<dyn Writer>,
}

impl Context {
    /// Sends a record to `owners`.
    pub fn send_owners(&mut self, record: Record, now: Timestamp, token: u64) -> Result<(), DriverError> {
        let key = catalogue::key_of(OWNERS.topic, &record);
        let (value, time) = (hoga_schemas::encode(&record), self.process.stamp(now));
        self.writer.send(OWNERS, key.as_bytes(), &value, time, token)?;
        Ok(())
    }

    /// Whether this owner writes clocks: in a wall log, for a machine with timers.
    pub fn writes_clocks(&self) -> bool {
        self.machine.keeps_time() && self.process.log.time_mode() == TimeMode::Wall
    }

    /// Looks at what `owners` says of this machine, as long as `epoch` is the newest there. What stands there for a
    /// newer owner is true of what that one learned, not of what this one did.
    pub fn owned<T>(&self, epoch: u64, look: impl FnOnce(&Ownership) -> T) -> Result<T, DriverError> {
        let (machine, input) = (self.machine, self.input);
        self.process.owners(|owners| {
            let owned = owners.of(machine, input.partition).expect("its claim was read there");
            if owned.epoch == epoch {
                return Ok(look(owned));
            }
            Err(DriverError::Fenced { machine, input, epoch, newer: owned.epoch, by: owned.process.clone() })
        })
    }

    /// A claim that replaces whoever owns it now.
    fn claim_newest(&self) -> Phase {
        let (machine, partition) = (self.machine, self.input.partition);
        let replaces = self.process.owners(|owners| owners.of(machine, partition).map(|owned| owned.epoch));
        let claiming = Claiming::new(machine, partition, &self.process.config.process, replaces);
        let follower = self.process.is_shared().then(Follower::default);
        Phase::Claiming { claiming, follower }
    }

    fn owner(&self, epoch: u64) -> Owner {
        Owner { machine: self.machine, input: self.input, epoch }
    }
}

enum Phase {
    /// Another process's, or nobody's yet.
    Following(Follower),
    /// Of a shared log a claim that is lost is followed on from where the follower stands.
    Claiming {
        claiming: Claiming,
        follower: Option<Follower>,
    },
    Learning {
        epoch: u64,
        learning: Learning,
        follower: Option<Follower>,
    },
    Active(Box<Active>),
    Stopped,
}

/// Drives one machine.
pub struct Driver {
    context: Context,
    phase: Phase,
    acks: Vec<Ack>,
    owners_seen: u64,
    /// The log did not answer: until then it is left alone.
    paused_until: Option<Timestamp>,
    status: Arc<Mutex<MachineStatus>>,
}

/// Between an answer that did not come and the next question.
const PAUSE_MS: i64 = 500;

/// Nothing can be done until the log changes.
const IDLE: Progress = Progress { worked: false, wake_at: None };
/// There is more to do.
const BUSY: Progress = Progress { worked: true, wake_at: None };

impl Driver {
    /// A driver of a process's seat: it claims `partition` of a machine at once, or follows it if others have the log.
    pub fn new(process: &Arc<Process>, machine: MachineKind, partition: u32) -> Result<Self, DriverError> {
        let status = Arc::new(Mutex::new(MachineStatus::new(machine, partition)));
        process.register(status.clone());
        let input = TopicPartition::new(machine.input(), partition);
        let context = Context { process: process.clone(), machine, input, writer: process.log.writer()? };
        let phase = if process.is_shared() { Phase::Following(Follower::default()) } else { context.claim_newest() };
        Ok(Self { context, phase, acks: Vec::new(), owners_seen: 0, paused_until: None, status })
    }

    /// Does what can be done now; `now` is wall time. An error stops the driver; later steps do nothing.
    pub fn step(&mut self, now: Timestamp) -> Result<Progress, DriverError> {
        let (shared, stopping) = (self.context.process.is_shared(), self.context.process.is_stopping());
        if self.paused_until.is_some_and(|until| now < until && !stopping) {
            return Ok(Progress { worked: false, wake_at: self.paused_until });
        }
        self.paused_until = None;
        let stepped = match self.try_step(now).or_else(|error| self.after_cut(error)) {
            Err(error) if error.is_handover() && shared => self.hand_over(&error),
            Err(error) if error.is_unanswered() && shared && !stopping => self.begin_again(&error, now),
            stepped => stepped,
        };
        match &stepped {
            Ok(_) => self.show(),
            Err(error) => self.stop(error.to_string(), !error.is_handover()),
        }
        stepped
    }

    fn try_step(&mut self, now: Timestamp) -> Result<Progress, DriverError> {
        self.take_answers()?;
        self.check_fence()?;
        let stopping = self.context.process.is_stopping();
        match &mut self.phase {
            Phase::Following(_) if stopping => Ok(self.end("shut down while it followed")),
            Phase::Claiming { .. } | Phase::Learning { .. } if stopping => {
                let ended = self.end("shut down before it was restored");
                // It owes nothing: what it has claimed is left to whoever claims next.
                self.lock_status().epoch = None;
                Ok(ended)
            }
            Phase::Following(_) => self.follow(now),
            Phase::Claiming { .. } => self.claim(now),
            Phase::Learning { .. } => self.learn(now),
            Phase::Active(active) => active.step(&mut self.context, now),
            Phase::Stopped => Ok(IDLE),
        }
    }

    /// What was to be read is cut, behind snapshots and marks that are newer than those known here. An owner was asleep
    /// and another has gone on, or it stands further back than the newest snapshot: it begins again there, with a new
    /// claim. Who follows restores again. Without newer marks there is nothing to begin with.
    fn after_cut(&mut self, error: DriverError) -> Result<Progress, DriverError> {
        let Context { process, machine, input, .. } = &self.context;
        let (process, machine, input) = (process.clone(), *machine, *input);
        let marked = process.marked(machine, input.partition);
        if !error.is_cut() || process.catch_up().is_err() {
            return Err(error);
        }
        self.check_fence()?;
        if matches!(error, DriverError::MissingInput { .. }) && process.marked(machine, input.partition) == marked {
            return Err(error);
        }
        tracing::warn!(%machine, %input, "{error}; beginning again there");
        if matches!(self.phase, Phase::Learning { .. } | Phase::Active(_)) {
            self.context.writer = process.log.writer()?;
            self.phase = self.context.claim_newest();
        }
        Ok(BUSY)
    }

    /// A shared log that does not answer comes back: until then nothing is done, and then all is begun anew, by a new
    /// claim where this process was the owner, because what was on its way when the answer did not come is not known.
    fn begin_again(&mut self, unanswered: &DriverError, now: Timestamp) -> Result<Progress, DriverError> {
        let Context { process, machine, input, .. } = &self.context;
        tracing::warn!(%machine, %input, "{unanswered}; it begins again in {PAUSE_MS} ms");
        self.context.writer = process.log.writer()?;
        self.phase = match self.phase {
            Phase::Claiming { .. } | Phase::Learning { .. } | Phase::Active(_) => self.context.claim_newest(),
            Phase::Following(_) | Phase::Stopped => Phase::Following(Follower::default()),
        };
        self.paused_until = Some(now.plus_ms(PAUSE_MS));
        Ok(Progress { worked: false, wake_at: self.paused_until })
    }

    fn end(&mut self, why: &str) -> Progress {
        self.stop(why.into(), false);
        BUSY
    }

    fn take_answers(&mut self) -> Result<(), DriverError> {
        if matches!(self.phase, Phase::Stopped) {
            return Ok(());
        }
        self.acks.clear();
        self.context.writer.acks(&mut self.acks)?;
        let mut effects = false;
        for Ack { token, offset } in &self.acks {
            let (class, sequence) = (token >> SEQUENCE_BITS, token & ((1 << SEQUENCE_BITS) - 1));
            match (&mut self.phase, class) {
                (Phase::Claiming { claiming, .. }, token::CLAIM) if offset.is_none() => claiming.unanswered(),
                (Phase::Learning { learning, .. }, token::COPY) => learning.answer(sequence as usize, *offset),
                (Phase::Active(active), _) => {
                    effects |= class < token::FIRST && offset.is_some();
                    active.answer(&mut self.context, class, sequence, *offset)?;
                }
                _ => {}
            }
        }
        if effects {
            FailPoint::AfterAppend.meet();
        }
        Ok(())
    }

    /// An error if a newer valid claim for this machine was read.
    fn check_fence(&mut self) -> Result<(), DriverError> {
        let epoch = match &self.phase {
            Phase::Learning { epoch, .. } => *epoch,
            Phase::Active(active) => active.epoch(),
            Phase::Following(_) | Phase::Claiming { .. } | Phase::Stopped => return Ok(()),
        };
        let position = self.context.process.owners_position();
        if position == self.owners_seen {
            return Ok(());
        }
        self.owners_seen = position;
        self.context.owned(epoch, |_| ())
    }

    /// Another process owns it now: this one follows it, or, if it is to end, has ended.
    fn hand_over(&mut self, fenced: &DriverError) -> Result<Progress, DriverError> {
        let Context { process, machine, input, .. } = &self.context;
        if process.is_stopping() {
            FailPoint::TakenOver.meet();
            let ended = self.end(&fenced.to_string());
            self.lock_status().epoch = None;
            return Ok(ended);
        }
        FailPoint::Fenced.meet();
        if process.seat(*machine, input.partition, |hold| hold.role) == Role::Wanted {
            tracing::warn!(
                "{fenced}; this one follows it. If both are set up to want {machine}/{}, leave it to one",
                input.partition
            );
        } else {
            tracing::info!("{fenced}; this one follows it");
        }
        let follower = match std::mem::replace(&mut self.phase, Phase::Stopped) {
            Phase::Learning { follower, .. } => follower,
            // What it applied is past what readers have accepted of it: it begins again at a snapshot.
            _ => None,
        };
        self.follow_on(follower.unwrap_or_default())
    }

    fn follow_on(&mut self, follower: Follower) -> Result<Progress, DriverError> {
        self.context.writer = self.context.process.log.writer()?;
        self.phase = Phase::Following(follower);
        Ok(BUSY)
    }

    fn follow(&mut self, now: Timestamp) -> Result<Progress, DriverError> {
        let Phase::Following(follower) = &mut self.phase else { unreachable!("called while following") };
        let Context { process, machine, input, .. } = &self.context;
        let (machine, input) = (*machine, *input);
        if follower.step(process, machine, input, process.marked(machine, input.partition))? {
            return Ok(BUSY);
        }
        let Decision::Claim { replaces, why } = process.decide(machine, input.partition, follower.at()) else {
            return Ok(IDLE);
        };
        tracing::info!(%machine, %input, "claiming: {why}");
        let claiming = Claiming::new(machine, input.partition, &process.config.process, replaces);
        self.phase = Phase::Claiming { claiming, follower: Some(std::mem::take(follower)) };
        self.claim(now)
    }

    fn claim(&mut self, now: Timestamp) -> Result<Progress, DriverError> {
        let Phase::Claiming { claiming, follower } = &mut self.phase else { unreachable!("called while claiming") };
        let context = &mut self.context;
        match context.process.owners(|owners| claiming.step(owners)) {
            ClaimStep::Wait => return Ok(IDLE),
            ClaimStep::Lost { by } => {
                let (machine, input) = (context.machine, context.input);
                tracing::info!(%machine, %input, "process {by} claimed first");
                match follower.take() {
                    Some(follower) => return self.follow_on(follower),
                    None => self.phase = context.claim_newest(),
                }
            }
            ClaimStep::Append(claim) => {
                FailPoint::BeforeClaim.meet();
                context.send_owners(Record::Claim(claim), now, token::CLAIM << SEQUENCE_BITS)?;
                context.writer.flush()?;
                FailPoint::ClaimSent.meet();
            }
            ClaimStep::Won(epoch) => {
                FailPoint::ClaimWon.meet();
                let follower = follower.take();
                self.begin_learning(epoch, follower, now)?;
            }
        }
        Ok(BUSY)
    }

    fn begin_learning(&mut self, epoch: u64, follower: Option<Follower>, now: Timestamp) -> Result<(), DriverError> {
        let context = &mut self.context;
        context.process.seat(context.machine, context.input.partition, Hold::won);
        if context.writes_clocks() {
            // The owner's first record: what others write for it from here on finds its time running.
            send_clock(context, now, token::CLOCK)?;
        }
        let Context { process, machine, .. } = &*context;
        let routes = Routes::new(&*process.log, *machine);
        let mark = context.owned(epoch, |owned| owned.mark.as_ref().map(|standing| standing.mark.clone()))?;
        let owner = context.owner(epoch);
        let learning = Learning::new(&*process.log, owner, &process.config.process, routes.lanes(), mark.as_ref())?;
        self.phase = Phase::Learning { epoch, learning, follower };
        Ok(())
    }

    fn learn(&mut self, now: Timestamp) -> Result<Progress, DriverError> {
        let Phase::Learning { epoch, learning, follower } = &mut self.phase else {
            unreachable!("called while learning")
        };
        let (epoch, context) = (*epoch, &mut self.context);
        let copy = |lane: usize| (token::COPY << SEQUENCE_BITS) | lane as u64;
        let worked = learning.step(&*context.process.log, &mut *context.writer, copy)?;
        let Some(learned) = learning.learned() else {
            if worked {
                FailPoint::CopiesSent.meet();
            }
            return Ok(Progress { worked, wake_at: None });
        };
        FailPoint::OutputsLearned.meet();
        let Context { process, machine, input, .. } = &*context;
        let marked = context.owned(epoch, Ownership::marked)?;
        let restored = match follower.take().and_then(Follower::into_restored) {
            Some(restored) => restored,
            None => restore(process.sources(), *machine, *input, marked)?,
        };
        FailPoint::Restored.meet();
        self.phase = Phase::Active(Box::new(Active::new(context, epoch, &learned, restored, now)?));
        Ok(BUSY)
    }

    fn show(&mut self) {
        let mut status = self.status.lock().expect("no holder of this lock panics");
        match &self.phase {
            Phase::Following(follower) => {
                let Context { process, machine, input, .. } = &self.context;
                let (at, marked) = (follower.at(), process.marked(*machine, input.partition));
                status.phase = MachinePhase::Following { at, marked };
                (status.epoch, status.next_offset) = (None, at);
                status.counts.applied = follower.applied();
            }
            Phase::Claiming { .. } => status.phase = MachinePhase::Claiming,
            Phase::Learning { epoch, .. } => (status.phase, status.epoch) = (MachinePhase::Claiming, Some(*epoch)),
            Phase::Active(active) => {
                active.show(self.context.process.config.limits.parked_offsets, &mut status);
                if status.is_stopped() {
                    self.phase = Phase::Stopped;
                }
            }
            Phase::Stopped => {}
        }
    }

    fn stop(&mut self, why: String, failed: bool) {
        let Context { machine, input, .. } = &self.context;
        if failed {
            tracing::error!(%machine, %input, "{why}");
        } else {
            tracing::info!(%machine, %input, "{why}");
        }
        self.show();
        self.lock_status().phase = MachinePhase::Stopped { why, failed };
        self.phase = Phase::Stopped;
    }

    fn lock_status(&self) -> MutexGuard<'_, MachineStatus> {
        self.status.lock().expect("no holder of this lock panics")
    }

    /// What it shows.
    pub fn status(&self) -> MachineStatus {
        self.lock_status().clone()
    }
}
