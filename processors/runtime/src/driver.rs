//! One machine's owner, from claim to shutdown, as a state machine that is polled: each step does what can be done
//! now and never waits, so threads, tests and a simulation on virtual time drive the same code.
//!
//! claiming -> learning what readers have accepted -> active (replaying, running, draining) -> stopped
//!
//! Invariants:
//! 1. Before each step's work it is still the newest owner that the process knows of; else it stops (fenced).
//! 2. After an error nothing more is written.

use crate::active::{Active, send_clock};
use crate::claim::{ClaimStep, Claiming};
use crate::error::DriverError;
use crate::lane::SEQUENCE_BITS;
use crate::learn::{Learning, Owner};
use crate::placement::Role;
use crate::process::Process;
use crate::restore::restore;
use crate::routes::Routes;
use crate::status::{MachinePhase, MachineStatus};
use hoga_core::{MachineKind, Record, Timestamp};
use hoga_topics::owners::{OWNERS, Ownership};
use hoga_topics::{Ack, TimeMode, TopicPartition, Writer, catalogue};
use std::sync::{Arc, Mutex};

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

    fn owner(&self, epoch: u64) -> Owner {
        Owner { machine: self.machine, input: self.input, epoch }
    }
}

enum Phase {
    Claiming(Claiming),
    Learning { epoch: u64, learning: Learning },
    Active(Box<Active>),
    Stopped,
}

/// Drives one machine.
pub struct Driver {
    context: Context,
    phase: Phase,
    acks: Vec<Ack>,
    owners_seen: u64,
    status: Arc<Mutex<MachineStatus>>,
}

impl Driver {
    /// A driver that will claim `partition` of a machine for a process.
    pub fn new(process: &Arc<Process>, machine: MachineKind, partition: u32) -> Result<Self, DriverError> {
        let status = Arc::new(Mutex::new(MachineStatus::new(machine, partition)));
        process.register(status.clone());
        let config = &process.config;
        let claiming = Claiming::new(machine, partition, &config.process, config.contest);
        let context = Context {
            process: process.clone(),
            machine,
            input: TopicPartition::new(machine.input(), partition),
            writer: process.log.writer()?,
        };
        Ok(Self { context, phase: Phase::Claiming(claiming), acks: Vec::new(), owners_seen: 0, status })
    }

    /// Does what can be done now; `now` is wall time. An error stops the driver; later steps do nothing.
    pub fn step(&mut self, now: Timestamp) -> Result<Progress, DriverError> {
        let stepped = self.try_step(now);
        if let Err(error) = &stepped {
            self.stop(error.to_string(), !error.is_handover());
        }
        stepped
    }

    fn try_step(&mut self, now: Timestamp) -> Result<Progress, DriverError> {
        if matches!(self.phase, Phase::Stopped) {
            return Ok(Progress { worked: false, wake_at: None });
        }
        self.take_answers()?;
        self.check_fence()?;
        let progress = match &mut self.phase {
            Phase::Claiming(_) | Phase::Learning { .. } if self.context.process.is_stopping() => {
                self.stop("shut down before it was restored".into(), false);
                return Ok(Progress { worked: true, wake_at: None });
            }
            Phase::Claiming(_)
                if self.context.process.role(self.context.machine, self.context.input.partition) == Role::Standby =>
            {
                Progress { worked: false, wake_at: None }
            }
            Phase::Claiming(_) => self.claim(now)?,
            Phase::Learning { .. } => self.learn(now)?,
            Phase::Active(active) => active.step(&mut self.context, now)?,
            Phase::Stopped => unreachable!("looked at above"),
        };
        self.show();
        Ok(progress)
    }

    fn take_answers(&mut self) -> Result<(), DriverError> {
        self.acks.clear();
        self.context.writer.acks(&mut self.acks)?;
        for Ack { token, offset } in &self.acks {
            let (class, sequence) = (token >> SEQUENCE_BITS, token & ((1 << SEQUENCE_BITS) - 1));
            match (&mut self.phase, class) {
                (Phase::Claiming(claiming), token::CLAIM) if offset.is_none() => claiming.unanswered(),
                (Phase::Learning { learning, .. }, token::COPY) => learning.answer(sequence as usize, *offset),
                (Phase::Active(active), _) => active.answer(&mut self.context, class, sequence, *offset)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Stops if a newer valid claim for this machine was read.
    fn check_fence(&mut self) -> Result<(), DriverError> {
        let epoch = match &self.phase {
            Phase::Learning { epoch, .. } => *epoch,
            Phase::Active(active) => active.epoch(),
            Phase::Claiming(_) | Phase::Stopped => return Ok(()),
        };
        let position = self.context.process.owners_position();
        if position == self.owners_seen {
            return Ok(());
        }
        self.owners_seen = position;
        self.context.owned(epoch, |_| ())
    }

    fn claim(&mut self, now: Timestamp) -> Result<Progress, DriverError> {
        let Phase::Claiming(claiming) = &mut self.phase else { unreachable!("called while claiming") };
        let context = &mut self.context;
        let step = context.process.owners(|owners| claiming.step(owners));
        let wait = Progress { worked: false, wake_at: None };
        match step {
            ClaimStep::Wait => return Ok(wait),
            ClaimStep::GiveWay { by } => {
                return Err(DriverError::GaveWay { machine: context.machine, input: context.input, by });
            }
            ClaimStep::Append(claim) => {
                context.send_owners(Record::Claim(claim), now, token::CLAIM << SEQUENCE_BITS)?;
                context.writer.flush()?;
            }
            ClaimStep::Won(epoch) => self.begin_learning(epoch, now)?,
        }
        Ok(Progress { worked: true, ..wait })
    }

    fn begin_learning(&mut self, epoch: u64, now: Timestamp) -> Result<(), DriverError> {
        if self.context.writes_clocks() {
            // The owner's first record: what others write for it from here on finds its time running.
            send_clock(&mut self.context, now, token::CLOCK)?;
        }
        let Context { process, machine, .. } = &self.context;
        let routes = Routes::new(&*process.log, *machine);
        let mark = self.context.owned(epoch, |owned| owned.mark.as_ref().map(|standing| standing.mark.clone()))?;
        let owner = self.context.owner(epoch);
        let learning = Learning::new(&*process.log, owner, &process.config.process, routes.lanes(), mark.as_ref())?;
        self.phase = Phase::Learning { epoch, learning };
        Ok(())
    }

    fn learn(&mut self, now: Timestamp) -> Result<Progress, DriverError> {
        let Phase::Learning { epoch, learning } = &mut self.phase else { unreachable!("called while learning") };
        let (epoch, context) = (*epoch, &mut self.context);
        let mode = context.process.log.time_mode();
        let copy = |lane: usize| (token::COPY << SEQUENCE_BITS) | lane as u64;
        let worked = learning.step(&mut *context.writer, mode, copy)?;
        let Some(learned) = learning.learned() else { return Ok(Progress { worked, wake_at: None }) };
        let Context { process, machine, input, .. } = &*context;
        let marked = context.owned(epoch, Ownership::marked)?;
        let restored = restore(process, *machine, *input, marked)?;
        self.phase = Phase::Active(Box::new(Active::new(context, epoch, &learned, restored, now)?));
        Ok(Progress { worked: true, wake_at: None })
    }

    fn show(&mut self) {
        let mut status = self.status.lock().expect("no holder of this lock panics");
        match &self.phase {
            Phase::Claiming(_) | Phase::Stopped => {}
            Phase::Learning { epoch, .. } => status.epoch = Some(*epoch),
            Phase::Active(active) => {
                active.show(self.context.process.config.limits.parked_offsets, &mut status);
                if status.is_stopped() {
                    self.phase = Phase::Stopped;
                }
            }
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
        let mut status = self.status.lock().expect("no holder of this lock panics");
        status.phase = MachinePhase::Stopped { why, failed };
        self.phase = Phase::Stopped;
    }

    /// What it shows.
    pub fn status(&self) -> MachineStatus {
        self.status.lock().expect("no holder of this lock panics").clone()
    }
}
