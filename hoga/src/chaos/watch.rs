//! Watches what machines write, on a thread: whose records come last, and when the first of a new owner came.
//!
//! Reads, as they stand there, the topics that tell each machine's work: accounts (admission), books (holds),
//! executions (matching), candles; and owners.
//!
//! Invariants:
//! 1. A time is when the record was read here, so it is never earlier than when it was written.
//! 2. A new owner is at work with its first record; where there is nothing to write (orders that do not trade), with its
//!    first mark behind all that stood in its input when it was needed.

use crate::exit::Failure;
use crate::reading;
use hoga_core::records::RecordKind;
use hoga_core::{MachineKind, Record, Topic};
use hoga_topics::{Log, LogRecord, Reader, Visibility};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// A machine and its input partition.
pub type Seat = (MachineKind, u32);

/// What tells a machine's work.
const TOLD_BY: [(Topic, Told); 5] = [
    (Topic::Accounts, Told::By(MachineKind::Admission)),
    (Topic::Books, Told::By(MachineKind::Holds)),
    (Topic::Executions, Told::By(MachineKind::Matching)),
    (Topic::Candles, Told::By(MachineKind::Candles)),
    (Topic::Owners, Told::ByMarks),
];
/// A machine that wrote within this time has work: what replaces it will soon write too.
const BUSY: Duration = Duration::from_secs(3);
const READ_AT_ONCE: usize = 1_024;
const PAUSE: Duration = Duration::from_millis(100);

/// What a topic's records tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// The work of these machines.
    By(MachineKind),
    /// How far all machines are.
    ByMarks,
}

/// Which record is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum New {
    /// One of a newer owner, or its mark at that end of its input.
    AfterEpoch { epoch: u64, input_end: u64 },
    /// One that was appended later, in milliseconds since 1970.
    AfterTime(i64),
}

/// What a record tells of a machine.
struct News {
    seat: Seat,
    epoch: u64,
    time: i64,
    /// Of a mark: how far its input is worked off.
    marked: Option<u64>,
}

impl News {
    fn of(told: Told, record: &LogRecord) -> Option<Self> {
        let frame = hoga_schemas::open(record.value.as_deref()?).ok()?;
        let time = record.time.0;
        match (told, frame.origin) {
            (Told::By(machine), Some(origin)) if origin.machine == machine => {
                Some(Self { seat: (machine, origin.partition), epoch: origin.epoch, time, marked: None })
            }
            (Told::ByMarks, _) if frame.kind == RecordKind::Mark => {
                let Ok(Record::Mark(mark)) = hoga_schemas::decode(&frame) else { return None };
                let (seat, marked) = ((mark.machine, mark.partition), Some(mark.next_offset));
                Some(Self { seat, epoch: mark.epoch, time, marked })
            }
            _ => None,
        }
    }

    fn is(&self, new: New) -> bool {
        match new {
            New::AfterEpoch { epoch, input_end } => {
                self.epoch > epoch && self.marked.is_none_or(|next| next >= input_end)
            }
            New::AfterTime(time) => self.marked.is_none() && self.time > time,
        }
    }
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
        for (topic, told) in TOLD_BY {
            for at in reading::partitions(&*log, topic) {
                readers.push((told, log.reader(at, log.bounds(at)?.end, Visibility::Written)?));
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

fn watch(log: &dyn Log, mut readers: Vec<(Told, Box<dyn Reader>)>, seen: &Mutex<Seen>, end: &AtomicBool) {
    let mut batch = Vec::new();
    while !end.load(Ordering::Acquire) {
        let version = log.signal().version();
        let mut read = false;
        for (told, reader) in &mut readers {
            batch.clear();
            // A broker that is away is waited for: what it has comes later, at the time at which it comes.
            if reader.poll(READ_AT_ONCE, &mut batch).is_err() {
                thread::sleep(PAUSE);
            }
            read |= !batch.is_empty();
            note(seen, *told, &batch);
        }
        if !read {
            log.signal().wait(version, PAUSE);
        }
    }
}

fn note(seen: &Mutex<Seen>, told: Told, batch: &[LogRecord]) {
    if batch.is_empty() {
        return;
    }
    let (mut seen, now) = (lock(seen), Instant::now());
    for news in batch.iter().filter_map(|record| News::of(told, record)) {
        if news.marked.is_none() {
            seen.last.insert(news.seat, now);
        }
        if seen.expected.get(&news.seat).is_some_and(|new| news.is(*new)) {
            seen.expected.remove(&news.seat);
            seen.came.insert(news.seat, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn news(epoch: u64, marked: Option<u64>) -> News {
        News { seat: (MachineKind::Matching, 3), epoch, time: 70, marked }
    }

    #[test]
    fn a_new_owner_is_at_work_with_a_record_or_with_a_mark_behind_all_that_waited() {
        let new = New::AfterEpoch { epoch: 5, input_end: 100 };
        assert!(news(6, None).is(new) && news(6, Some(100)).is(new) && news(7, Some(101)).is(new));
        assert!(!news(5, None).is(new) && !news(5, Some(100)).is(new), "the owner that was hit");
        assert!(!news(6, Some(99)).is(new), "one record of the input waits");
    }

    #[test]
    fn a_trade_after_a_time_is_no_mark() {
        assert!(news(5, None).is(New::AfterTime(69)));
        assert!(!news(5, None).is(New::AfterTime(70)) && !news(5, Some(100)).is(New::AfterTime(69)));
    }
}
