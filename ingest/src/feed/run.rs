//! Plays a plan into a log: from where it stands, at its pace, draining where a step asks for it.
//!
//! Invariants:
//! 1. Records are sent in the order of the steps; what already stands is not sent again.
//! 2. A sync is passed over only if something after it already stands: then it was held when that was sent.
//! 3. On return without an error everything sent is durable.
//! 4. After a record of which the log does not know whether it was appended, the feed goes on from what stands then, as
//!    if it were started again; it ends only if nothing came to stand since the last time.

use super::error::FeedError;
use super::plan::FeedPlan;
use super::resume::{self, Standing, WRITTEN};
use super::script::Step;
use crate::producer::{ProduceError, Producer, ProducerOptions};
use hoga_core::{MachineKind, Timestamp, Topic};
use hoga_topics::owners::{OwnersView, wait_drained_by};
use hoga_topics::{Log, TimeMode};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How fast a feed is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// As fast as possible.
    Flat,
    /// This many times the recorded pace, in thousandths: 1,000 is as recorded. The book before the first event
    /// goes in at once.
    Times(u32),
}

/// Waits until the pipeline has applied everything that was sent.
pub trait Drain {
    /// Returns when it has, or says who is behind.
    fn drain(&mut self) -> Result<(), FeedError>;
}

/// Waits on the marks in `owners`.
pub struct LogDrain<'a> {
    log: &'a dyn Log,
    partition: u32,
    timeout: Duration,
    /// Read on from wait to wait.
    view: OwnersView,
}

impl<'a> LogDrain<'a> {
    /// For the machines of a plan; `timeout` bounds each wait.
    pub fn new(log: &'a dyn Log, plan: &FeedPlan, timeout: Duration) -> Result<Self, FeedError> {
        Ok(Self { log, partition: plan.partition(), timeout, view: OwnersView::open(log)? })
    }

    /// Machines that were never claimed would count as drained: there is nobody who could be behind.
    fn wait_claimed(&mut self, deadline: Instant) -> Result<(), FeedError> {
        let (partition, view) = (self.partition, &mut self.view);
        let needed = [
            (MachineKind::Admission, partition),
            (MachineKind::Control, 0),
            (MachineKind::Holds, partition),
            (MachineKind::Matching, partition),
        ];
        loop {
            let seen = self.log.signal().version();
            view.poll()?;
            let missing = needed.iter().find(|(machine, partition)| view.owners().of(*machine, *partition).is_none());
            let Some((machine, partition)) = missing else { return Ok(()) };
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(FeedError::NotRunning(format!("{machine}/{partition}")));
            }
            self.log.signal().wait(seen, left.min(Duration::from_millis(50)));
        }
    }
}

impl Drain for LogDrain<'_> {
    fn drain(&mut self) -> Result<(), FeedError> {
        let deadline = Instant::now() + self.timeout;
        self.wait_claimed(deadline)?;
        Ok(wait_drained_by(self.log, &mut self.view, deadline)?)
    }
}

/// How far a run is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RunProgress {
    /// Records sent by this run.
    pub sent: u64,
    /// Records that stood before it.
    pub standing: u64,
    /// The event being sent.
    pub event: u64,
    /// The last event of the file.
    pub events: u64,
    /// The recorded time.
    pub time: Timestamp,
}

/// How to run.
pub struct RunOptions<'a> {
    /// How fast.
    pub pace: Pace,
    /// Set by whoever wants it to end early.
    pub stop: &'a AtomicBool,
    /// Waits for the pipeline.
    pub drain: &'a mut dyn Drain,
    /// Called now and then.
    pub on_progress: &'a mut dyn FnMut(&RunProgress),
}

/// What a run did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunReport {
    /// How far it came.
    pub progress: RunProgress,
    /// Syncs held.
    pub syncs: u64,
    /// Whether it was told to stop before the end.
    pub stopped: bool,
    /// Records without origin in the feed's partitions that are not the feed's.
    pub other: u64,
}

/// How many records go out between two calls of the progress callback.
const PROGRESS_EVERY: u64 = 1_000;

/// Plays a plan to its end, or until told to stop.
pub fn run(log: &dyn Log, plan: &FeedPlan, mut options: RunOptions<'_>) -> Result<RunReport, FeedError> {
    if log.time_mode() != TimeMode::Recorded {
        return Err(FeedError::WallLog);
    }
    let mut standing = resume::standing(log, plan)?;
    let mut report = report(plan, &standing);
    loop {
        match Run::new(log, plan, &mut options, standing, &mut report)?.play() {
            Err(FeedError::Produce(ProduceError::Unknown { to })) => {
                // What is still on its way is answered first, or it could come to stand after it was looked for.
                log.sync()?;
                let stood = standing.total();
                standing = resume::standing(log, plan)?;
                if standing.total() == stood {
                    return Err(ProduceError::Unknown { to }.into());
                }
                tracing::warn!(partition = %to, "the log does not know whether a record was appended: going on from what stands");
            }
            ended => return ended.map(|()| report),
        }
    }
}

fn report(plan: &FeedPlan, standing: &Standing) -> RunReport {
    let (events, time, standing_before) = (plan.events(), plan.start(), standing.total());
    let progress = RunProgress { events, time, standing: standing_before, ..RunProgress::default() };
    let other = WRITTEN.iter().map(|topic| standing.of(*topic).other).sum();
    RunReport { progress, syncs: 0, stopped: false, other }
}

/// From what stands to the end, to a stop, or to an error.
struct Run<'a, 'o> {
    log: &'a dyn Log,
    plan: &'a FeedPlan,
    options: &'a mut RunOptions<'o>,
    standing: Standing,
    producer: Producer<'a>,
    /// Records of each topic that the steps have come by.
    passed: [u64; WRITTEN.len()],
    report: &'a mut RunReport,
    /// Where the pace counts from.
    from: Option<(Instant, Timestamp)>,
}

impl<'a, 'o> Run<'a, 'o> {
    fn new(
        log: &'a dyn Log,
        plan: &'a FeedPlan,
        options: &'a mut RunOptions<'o>,
        standing: Standing,
        report: &'a mut RunReport,
    ) -> Result<Self, FeedError> {
        let producer = Producer::new(log, ProducerOptions { resend: false, ..ProducerOptions::default() })?;
        Ok(Self { log, plan, options, standing, producer, passed: [0; WRITTEN.len()], report, from: None })
    }

    fn play(mut self) -> Result<(), FeedError> {
        for step in self.plan.steps() {
            if self.options.stop.load(Ordering::Relaxed) {
                return self.end(true);
            }
            self.step(step)?;
        }
        self.end(false)
    }

    fn step(&mut self, step: Step) -> Result<(), FeedError> {
        let Step::Send { topic, time, event, record } = step else { return self.sync() };
        let passed = &mut self.passed[resume::index(topic)];
        *passed += 1;
        if *passed <= self.standing.of(topic).records {
            return Ok(());
        }
        self.check_time(topic, time)?;
        self.pace(event, time)?;
        self.producer.send_to(self.plan.target(topic), &record, Some(time))?;
        let progress = &mut self.report.progress;
        (progress.event, progress.time) = (event, time);
        progress.sent += 1;
        if progress.sent.is_multiple_of(PROGRESS_EVERY) {
            (self.options.on_progress)(&self.report.progress);
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<(), FeedError> {
        let all_passed =
            WRITTEN.iter().all(|topic| self.passed[resume::index(*topic)] >= self.standing.of(*topic).records);
        if !all_passed {
            return Ok(());
        }
        self.producer.settle()?;
        self.report.syncs += 1;
        self.options.drain.drain()
    }

    /// A log's time never goes back: what others wrote later than the feed's next record shuts the feed out.
    fn check_time(&self, topic: Topic, next: Timestamp) -> Result<(), FeedError> {
        match self.standing.of(topic).newest {
            Some(newest) if newest > next => {
                let partition = self.plan.target(topic);
                Err(FeedError::TimePassed { partition, newest: newest.0, next: next.0 })
            }
            _ => Ok(()),
        }
    }

    fn pace(&mut self, event: u64, time: Timestamp) -> Result<(), FeedError> {
        let Pace::Times(thousandths) = self.options.pace else { return Ok(()) };
        if event == 0 || thousandths == 0 {
            return Ok(());
        }
        let (began, first) = *self.from.get_or_insert((Instant::now(), time));
        let recorded_ms = u64::try_from(time.0 - first.0).unwrap_or(0);
        let due = began + Duration::from_micros(recorded_ms.saturating_mul(1_000_000) / u64::from(thousandths));
        if Instant::now() < due {
            self.producer.flush()?;
        }
        while !self.options.stop.load(Ordering::Relaxed) {
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            std::thread::sleep(left.min(Duration::from_millis(50)));
        }
        Ok(())
    }

    fn end(mut self, stopped: bool) -> Result<(), FeedError> {
        self.producer.settle()?;
        if !stopped {
            self.options.drain.drain()?;
        }
        self.log.sync()?;
        self.report.stopped = stopped;
        (self.options.on_progress)(&self.report.progress);
        Ok(())
    }
}
