//! The Log: partitions of records that are appended and read. Embedded, memory and Kafka implement it, and one
//! conformance test holds all of them.
//!
//! Nothing here waits on its own: readers and writers are polled, and whoever has nothing to do waits on the
//! [`Signal`]. So the same driver code runs in a thread, in a simulation on virtual time, and over Kafka.
//!
//! Invariants:
//! 1. Within a partition records are read in offset order, each reader sees the same bytes at the same offset.
//! 2. A writer's records of one partition stand in the order in which it sent them, unless one is lost: then what
//!    was sent after it may stand before what is sent again. The acknowledgements tell (that is what channels are for).
//! 3. An acknowledgement with an offset means: appended there. Without one: not known; it may be there.
//! 4. [`Visibility::Durable`] readers see only what survives a power loss, [`Visibility::Written`] readers may see
//!    more; what survives a crash of an embedded log is a prefix of what was written over all partitions.
//! 5. Append times of a partition never go back in a wall log; in a recorded log they are the writer's.

use bytes::Bytes;
use hoga_core::{Timestamp, Topic};
use std::fmt;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::Duration;

/// One partition of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct TopicPartition {
    /// The topic.
    pub topic: Topic,
    /// The partition, from 0.
    pub partition: u32,
}

impl TopicPartition {
    /// That partition of that topic.
    pub const fn new(topic: Topic, partition: u32) -> Self {
        Self { topic, partition }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.topic, self.partition)
    }
}

/// Where a log's append times come from; fixed when the log is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum TimeMode {
    /// The log stamps each record with the time of its append.
    Wall,
    /// Each record brings its time: a replay of the past.
    Recorded,
}

/// What a reader may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visibility {
    /// All that is written: for machines, whose effects stand behind their causes in the same log.
    Written,
    /// Only what is durable: for sinks, streams, acknowledgements to the outside.
    Durable,
}

/// The offsets of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The first offset that can be read.
    pub start: u64,
    /// The offset after the last written record.
    pub end: u64,
    /// The offset after the last durable record.
    pub durable_end: u64,
}

/// A record as it stands in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRecord {
    /// Its offset.
    pub offset: u64,
    /// Its append time.
    pub time: Timestamp,
    /// Its key; empty for none.
    pub key: Bytes,
    /// Its value; none is a tombstone (foreign writers only).
    pub value: Option<Bytes>,
}

/// The answer to one sent record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ack {
    /// What the sender gave with it.
    pub token: u64,
    /// Where it stands; `None`: not known, it may have been appended or not.
    pub offset: Option<u64>,
}

/// What can go wrong with a log. Every message says which topic and partition and what to do.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// An offset before the partition's start: what it held is cut.
    #[error("{partition}: offset {offset} is cut, the log begins at {start}; restore offsets {offset} to {} from the archive or start from a newer snapshot", start.saturating_sub(1))]
    Cut {
        /// Which partition.
        partition: TopicPartition,
        /// Asked for.
        offset: u64,
        /// The first that is there.
        start: u64,
    },
    /// An offset past the partition's end: the log is older than what asks for it.
    #[error(
        "{partition}: offset {offset} is past the log's end {end}: this log is older than the state that reads it, or lost records"
    )]
    PastEnd {
        /// Which partition.
        partition: TopicPartition,
        /// Asked for.
        offset: u64,
        /// The end.
        end: u64,
    },
    /// No such topic or partition here.
    #[error("{0}: there is no such partition in this log")]
    NoPartition(TopicPartition),
    /// Key and value together are over the limit.
    #[error("{partition}: a record of {size} bytes is over the limit of {limit}")]
    TooLarge {
        /// Which partition.
        partition: TopicPartition,
        /// The record's size.
        size: usize,
        /// The limit.
        limit: usize,
    },
    /// In a recorded log a record came without its time, or in a wall log with one.
    #[error("{0}: a recorded log needs the time of each record, a wall log sets it itself")]
    TimeMode(TopicPartition),
    /// A record's time that this log cannot hold.
    #[error("{partition}: a record's time is {} ms, this log holds times from 1 ms after 1970 on", time.0)]
    Time {
        /// Which partition.
        partition: TopicPartition,
        /// The record's time.
        time: Timestamp,
    },
    /// Another process has the folder.
    #[error("{folder}: the log is in use by {holder}; stop that process, or give another --data-dir")]
    InUse {
        /// The folder.
        folder: String,
        /// Who, as far as its lock file tells.
        holder: String,
    },
    /// The folder holds another layout, mode or partition count than asked for.
    #[error("{folder}: {what}")]
    Layout {
        /// The folder.
        folder: String,
        /// What is different, and the way out.
        what: String,
    },
    /// The files contradict themselves where a crash cannot explain it.
    #[error("{file} at byte {position}: {what}")]
    Corrupt {
        /// The file.
        file: String,
        /// Where in it.
        position: u64,
        /// What is wrong, and what to do.
        what: String,
    },
    /// A question to a log on other computers got no answer in time. It may be asked again: brokers come back.
    #[error("{what}: {source}")]
    Unanswered {
        /// What was asked, of whom.
        what: String,
        /// What the client said.
        source: std::io::Error,
    },
    /// Reading or writing failed. After a failed write or sync the log takes nothing more: restart the process.
    #[error("{what}: {source}")]
    Io {
        /// What was being done, to which file.
        what: String,
        /// The system's error.
        source: std::io::Error,
    },
    /// Records that are there do not come.
    #[error(
        "{partition}: nothing came at offset {offset} for {waited_s} s, though the log goes on there; does the broker that leads it answer?"
    )]
    Stalled {
        /// Which partition.
        partition: TopicPartition,
        /// Asked for.
        offset: u64,
        /// How long nothing came.
        waited_s: u64,
    },
    /// The log has failed before; nothing more is taken.
    #[error("the log stopped taking records: {0}")]
    Failed(String),
}

impl LogError {
    /// Whether asking again may help: who leads the partition is away, or is just being chosen.
    pub fn is_unanswered(&self) -> bool {
        matches!(self, Self::Unanswered { .. } | Self::Stalled { .. })
    }
}

/// Wakes whoever waits for something new: records, acknowledgements, durability. Of workers who do the same work, and
/// who look for all of it, a change wakes one; who reads only what is durable is not woken for what is just written.
#[derive(Debug, Default)]
pub struct Signal {
    state: Mutex<SignalState>,
    woken: [Condvar; WAITERS],
}

/// Who waits for a change.
#[derive(Debug, Clone, Copy)]
enum Waiter {
    /// Whoever sees what is written.
    Written,
    /// Whoever sees only what is durable.
    Durable,
    /// One of several workers, any of whom does what is to be done.
    Worker,
}

const WAITERS: usize = 3;

#[derive(Debug, Default)]
struct SignalState {
    version: u64,
    /// The version of the last change that may have made something durable.
    durable: u64,
    /// How many wait, of each [`Waiter`]. Waking nobody costs a system call too, and most changes come while everybody
    /// is at work.
    waiting: [usize; WAITERS],
}

impl SignalState {
    fn seen_by(&self, waiter: Waiter) -> u64 {
        match waiter {
            Waiter::Written | Waiter::Worker => self.version,
            Waiter::Durable => self.durable,
        }
    }
}

impl From<Visibility> for Waiter {
    fn from(visibility: Visibility) -> Self {
        match visibility {
            Visibility::Written => Self::Written,
            Visibility::Durable => Self::Durable,
        }
    }
}

impl Signal {
    /// The number of changes so far. Take it, look for work, and only then [`Self::wait`] with it: no wake-up is lost.
    pub fn version(&self) -> u64 {
        self.version_for(Visibility::Written)
    }

    /// As [`Self::version`], of the last change that whoever reads so can see; for [`Self::wait_for`].
    pub fn version_for(&self, visibility: Visibility) -> u64 {
        self.state().seen_by(visibility.into())
    }

    fn state(&self) -> MutexGuard<'_, SignalState> {
        self.state.lock().expect("no holder of this lock panics")
    }

    /// Something changed.
    pub fn notify(&self) {
        self.change(true);
    }

    /// Something was written that is not durable yet.
    pub fn notify_written(&self) {
        self.change(false);
    }

    fn change(&self, durable: bool) {
        let mut state = self.state();
        state.version += 1;
        if durable {
            state.durable = state.version;
        }
        let waiting = state.waiting;
        drop(state);
        let waits = |waiter: Waiter| (waiting[waiter as usize] > 0).then(|| &self.woken[waiter as usize]);
        if let Some(workers) = waits(Waiter::Worker) {
            workers.notify_one();
        }
        if let Some(readers) = waits(Waiter::Written) {
            readers.notify_all();
        }
        if let Some(readers) = waits(Waiter::Durable).filter(|_| durable) {
            readers.notify_all();
        }
    }

    /// Waits until something changed since `seen`, at most `timeout`; the version then.
    pub fn wait(&self, seen: u64, timeout: Duration) -> u64 {
        self.wait_for(Visibility::Written, seen, timeout)
    }

    /// As [`Self::wait`], for a change that whoever reads so can see since [`Self::version_for`] gave `seen`.
    pub fn wait_for(&self, visibility: Visibility, seen: u64, timeout: Duration) -> u64 {
        self.wait_as(visibility.into(), seen, timeout)
    }

    /// As [`Self::wait`], for one of several workers any of whom does what is to be done: a change wakes one of them
    /// only. Whoever was at work meanwhile sees by the version that there was one.
    pub fn wait_as_worker(&self, seen: u64, timeout: Duration) -> u64 {
        self.wait_as(Waiter::Worker, seen, timeout)
    }

    fn wait_as(&self, waiter: Waiter, seen: u64, timeout: Duration) -> u64 {
        let mut state = self.state();
        state.waiting[waiter as usize] += 1;
        let (mut state, _) = self.woken[waiter as usize]
            .wait_timeout_while(state, timeout, |state| state.seen_by(waiter) == seen)
            .expect("no holder of this lock panics");
        state.waiting[waiter as usize] -= 1;
        state.seen_by(waiter)
    }
}

/// The most bytes of a record's key and value together, unless a log is made with another limit.
pub const MAX_RECORD_BYTES: usize = 1 << 20;
/// The most that such a limit may be.
pub(crate) const MAX_RECORD_LIMIT: usize = 1 << 30;

/// Whether a reader may stand at `offset`: the end is within the bounds.
pub(crate) fn check_position(partition: TopicPartition, offset: u64, bounds: Bounds) -> Result<(), LogError> {
    if offset < bounds.start {
        return Err(LogError::Cut { partition, offset, start: bounds.start });
    }
    if offset > bounds.end {
        return Err(LogError::PastEnd { partition, offset, end: bounds.end });
    }
    Ok(())
}

/// Whether a writer may take a record: its size, and its time by the log's mode.
pub(crate) fn check_record(
    partition: TopicPartition,
    size: usize,
    limit: usize,
    time: Option<Timestamp>,
    mode: TimeMode,
) -> Result<(), LogError> {
    if size > limit {
        return Err(LogError::TooLarge { partition, size, limit });
    }
    if time.is_some() != (mode == TimeMode::Recorded) {
        return Err(LogError::TimeMode(partition));
    }
    Ok(())
}

/// By bisection, a record a step: for logs whose readers have what is durable at once.
fn first_not_before<L: Log + ?Sized>(log: &L, at: TopicPartition, time: Timestamp) -> Result<u64, LogError> {
    let Bounds { start: mut low, durable_end: mut high, .. } = log.bounds(at)?;
    let mut records = Vec::new();
    while low < high {
        let middle = low + (high - low) / 2;
        records.clear();
        log.reader(at, middle, Visibility::Durable)?.poll(1, &mut records)?;
        let record = records.first().ok_or_else(|| {
            LogError::Failed(format!("{at}: offset {middle} is durable, and a reader there finds nothing: a bug"))
        })?;
        if record.time < time {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}

/// Reads one partition.
pub trait Reader: Send {
    /// Appends at most `max` records that are there, in order, to `out`; none is not the end, only nothing yet.
    fn poll(&mut self, max: usize, out: &mut Vec<LogRecord>) -> Result<(), LogError>;

    /// The offset of the next record.
    fn position(&self) -> u64;
}

/// Appends records to any partition.
pub trait Writer: Send {
    /// Takes one record; it goes out with the batch at [`Self::flush`] at the latest. `time` is for recorded logs only.
    /// May block while a bound on what is in flight is reached.
    fn send(
        &mut self,
        to: TopicPartition,
        key: &[u8],
        value: &[u8],
        time: Option<Timestamp>,
        token: u64,
    ) -> Result<(), LogError>;

    /// Sends out what was taken, without waiting for answers.
    fn flush(&mut self) -> Result<(), LogError>;

    /// Moves the answers that came to `out`: of each partition those with an offset in the order of sending. That
    /// something is not known may be told before or after what was sent earlier.
    fn acks(&mut self, out: &mut Vec<Ack>) -> Result<(), LogError>;

    /// Records sent whose answer has not been taken.
    fn in_flight(&self) -> usize;
}

/// A log of partitioned topics.
pub trait Log: Send + Sync {
    /// Where append times come from.
    fn time_mode(&self) -> TimeMode;

    /// How many partitions a topic has.
    fn partitions(&self, topic: Topic) -> u32;

    /// The most bytes of a record's key and value together.
    fn max_record_bytes(&self) -> usize {
        MAX_RECORD_BYTES
    }

    /// A partition's offsets.
    fn bounds(&self, partition: TopicPartition) -> Result<Bounds, LogError>;

    /// The offset of the first durable record that was appended at or after `time`; the durable end if there is none.
    /// Of a wall log, whose append times never go back.
    fn offset_at(&self, partition: TopicPartition, time: Timestamp) -> Result<u64, LogError> {
        first_not_before(self, partition, time)
    }

    /// A reader from an offset on, which lies within the bounds (the end is within).
    fn reader(&self, partition: TopicPartition, from: u64, visibility: Visibility)
    -> Result<Box<dyn Reader>, LogError>;

    /// A writer of its own.
    fn writer(&self) -> Result<Box<dyn Writer>, LogError>;

    /// Drops what stands before `before` as far as the layout allows; returns the new start.
    fn cut(&self, partition: TopicPartition, before: u64) -> Result<u64, LogError>;

    /// Waits until everything appended before this call is durable.
    fn sync(&self) -> Result<(), LogError>;

    /// What to wait on when there is nothing to do.
    fn signal(&self) -> &Signal;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    const LONG: Duration = Duration::from_secs(60);

    /// A change wakes one worker only, and yet none is missed: whoever is awake sees that there was one.
    #[test]
    fn workers_leave_nothing_undone() {
        const JOBS: u64 = 20_000;
        let (signal, given, done) = (Signal::default(), AtomicU64::new(0), AtomicU64::new(0));
        let work = || {
            while done.load(Ordering::Acquire) < JOBS {
                let seen = signal.version();
                let took = done.fetch_update(Ordering::AcqRel, Ordering::Acquire, |done| {
                    (done < given.load(Ordering::Acquire)).then_some(done + 1)
                });
                if took.is_err() && done.load(Ordering::Acquire) < JOBS {
                    assert_ne!(signal.wait_as_worker(seen, LONG), seen, "nothing woke it in time");
                }
            }
            signal.notify();
        };
        std::thread::scope(|scope| {
            (0..3).for_each(|_| drop(scope.spawn(work)));
            for _ in 0..JOBS {
                given.fetch_add(1, Ordering::AcqRel);
                signal.notify();
            }
        });
        assert_eq!(done.into_inner(), JOBS);
    }

    #[test]
    fn who_reads_what_is_durable_is_woken_for_that_alone() {
        let signal = Signal::default();
        let seen = [Visibility::Written, Visibility::Durable].map(|visibility| signal.version_for(visibility));
        signal.notify_written();
        assert_ne!(signal.wait(seen[0], LONG), seen[0]);
        let short = Duration::from_millis(1);
        assert_eq!(signal.wait_for(Visibility::Durable, seen[1], short), seen[1], "nothing became durable");
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| signal.wait_for(Visibility::Durable, seen[1], LONG));
            signal.notify_written();
            signal.notify();
            assert_eq!(waits.join().expect("it does not panic"), signal.version_for(Visibility::Durable));
        });
        assert_eq!(signal.version_for(Visibility::Durable), signal.version());
    }

    #[test]
    fn who_waits_for_something_of_his_own_is_woken_beside_workers() {
        let signal = Signal::default();
        let seen = signal.version();
        std::thread::scope(|scope| {
            let waits = [(); 2].map(|()| scope.spawn(|| signal.wait(seen, LONG)));
            let works = scope.spawn(|| signal.wait_as_worker(seen, LONG));
            signal.notify();
            for woken in waits.into_iter().chain([works]) {
                assert_ne!(woken.join().expect("it does not panic"), seen);
            }
        });
    }
}
