//! Watches what machines write, on a thread: whose records come last, and when the first of a new owner came.
//!
//! Reads, as they stand there, the topics that tell each machine's work: accounts (admission), books (holds),
//! executions (matching), candles.
//!
//! Invariant: a time is when the record was read here, so it is never earlier than when it was written.

use crate::exit::Failure;
use crate::reading;
use hoga_core::{MachineKind, Topic};
use hoga_topics::{Log, LogRecord, Reader, Visibility};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// A machine and its input partition.
pub type Seat = (MachineKind, u32);

/// What tells a machine's work.
const TOLD_BY: [(Topic, MachineKind); 4] = [
    (Topic::Accounts, MachineKind::Admission),
    (Topic::Books, MachineKind::Holds),
    (Topic::Executions, MachineKind::Matching),
    (Topic::Candles, MachineKind::Candles),
];
/// A machine that wrote within this time has work: what replaces it will soon write too.
const BUSY: Duration = Duration::from_secs(3);
const READ_AT_ONCE: usize = 1_024;
const PAUSE: Duration = Duration::from_millis(100);

/// Which record is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum New {
    /// One of a newer owner.
    AfterEpoch(u64),
    /// One that was appended later, in milliseconds since 1970.
    AfterTime(i64),
}

#[derive(Default)]
struct Seen {
    last: BTreeMap<Seat, Instant>,
    expected: BTreeMap<Seat, New>,
    came: BTreeMap<Seat, Instant>,
}

/// A watching thread.
pub struct Watch {
    seen: Arc<Mutex<Seen>>,
    end: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Watches from now on.
    pub fn start(log: Arc<dyn Log>) -> Result<Self, Failure> {
        let mut readers = Vec::new();
        for (topic, machine) in TOLD_BY {
            for at in reading::partitions(&*log, topic) {
                readers.push((machine, log.reader(at, log.bounds(at)?.end, Visibility::Written)?));
            }
        }
        let (seen, end) = (Arc::<Mutex<Seen>>::default(), Arc::<AtomicBool>::default());
        let (into, ends) = (Arc::clone(&seen), Arc::clone(&end));
        let thread = thread::Builder::new().name("watch".into()).spawn(move || watch(&*log, readers, &into, &ends));
        let thread = thread.map_err(|error| Failure::Unavailable(format!("starting a thread: {error}")))?;
        Ok(Self { seen, end, thread: Some(thread) })
    }

    /// Whether a machine writes.
    pub fn is_busy(&self, seat: Seat) -> bool {
        lock(&self.seen).last.get(&seat).is_some_and(|last| last.elapsed() < BUSY)
    }

    /// All machines that write and are of this kind.
    pub fn busy(&self, machine: MachineKind) -> Vec<Seat> {
        let seen = lock(&self.seen);
        let of = seen.last.iter().filter(|((kind, _), last)| *kind == machine && last.elapsed() < BUSY);
        of.map(|(seat, _)| *seat).collect()
    }

    /// Begins to wait for a new record of each of these, and of nothing else.
    pub fn expect(&self, expected: BTreeMap<Seat, New>) {
        let mut seen = lock(&self.seen);
        seen.expected = expected;
        seen.came.clear();
    }

    /// When the last of what is expected came; `None`: something is still to come.
    pub fn all_came(&self) -> Option<Instant> {
        let seen = lock(&self.seen);
        if seen.expected.is_empty() { seen.came.values().max().copied() } else { None }
    }

    /// What is still to come.
    pub fn to_come(&self) -> Vec<Seat> {
        lock(&self.seen).expected.keys().copied().collect()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            // It panicked and said so.
            let _ = thread.join();
        }
    }
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().expect("no holder of this lock panics")
}

fn watch(log: &dyn Log, mut readers: Vec<(MachineKind, Box<dyn Reader>)>, seen: &Mutex<Seen>, end: &AtomicBool) {
    let mut batch = Vec::new();
    while !end.load(Ordering::Acquire) {
        let version = log.signal().version();
        let mut read = false;
        for (machine, reader) in &mut readers {
            batch.clear();
            // A broker that is away is waited for: what it has comes later, at the time at which it comes.
            if reader.poll(READ_AT_ONCE, &mut batch).is_err() {
                thread::sleep(PAUSE);
            }
            read |= !batch.is_empty();
            note(seen, *machine, &batch);
        }
        if !read {
            log.signal().wait(version, PAUSE);
        }
    }
}

fn note(seen: &Mutex<Seen>, machine: MachineKind, batch: &[LogRecord]) {
    if batch.is_empty() {
        return;
    }
    let (mut seen, now) = (lock(seen), Instant::now());
    for record in batch {
        let frame = hoga_schemas::open(record.value.as_deref().unwrap_or_default());
        let Some(origin) = frame.ok().and_then(|frame| frame.origin).filter(|origin| origin.machine == machine) else {
            continue;
        };
        let seat = (machine, origin.partition);
        seen.last.insert(seat, now);
        let is_new = seen.expected.get(&seat).is_some_and(|new| match *new {
            New::AfterEpoch(epoch) => origin.epoch > epoch,
            New::AfterTime(time) => record.time.0 > time,
        });
        if is_new {
            seen.expected.remove(&seat);
            seen.came.insert(seat, now);
        }
    }
}
