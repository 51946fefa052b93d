//! What readers, writers, the flusher and retention share: offsets, recent frames, the queue to the disk.
//!
//! Invariants:
//! 1. One short lock orders all appends; the queue is in that order, and so are the files.
//! 2. A frame is in memory until it is durable and indexed; then it may be evicted, oldest first over all partitions.
//! 3. `start`, `written` and `durable` of a partition only grow, and change only under the lock; they are read
//!    without it.
//! 4. Once failed, nothing is appended, read, or said to be durable.

use super::files::DataFile;
use super::frame::MAX_OFFSET;
use super::index::{Index, Window};
use super::layout::Layout;
use crate::{Bounds, LogError, Signal, TimeMode, TopicPartition};
use bytes::Bytes;
use hoga_core::Timestamp;
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{SystemTime, UNIX_EPOCH};

/// A frame in memory.
#[derive(Debug, Clone)]
pub(super) struct MemFrame {
    pub first: u64,
    pub count: u32,
    pub time: Timestamp,
    pub body: Bytes,
}

impl MemFrame {
    pub fn end(&self) -> u64 {
        self.first + u64::from(self.count)
    }

    /// What it counts for against the bounds: a small frame costs its bookkeeping too.
    pub fn cost(&self) -> usize {
        self.body.len() + 128
    }
}

/// A partition's offsets.
#[derive(Debug, Default)]
pub(super) struct Ends {
    pub start: AtomicU64,
    pub written: AtomicU64,
    pub durable: AtomicU64,
}

impl Ends {
    pub fn bounds(&self) -> Bounds {
        // In this order: a cut or append in between leaves start <= durable_end <= end.
        let start = self.start.load(Ordering::Acquire);
        let durable_end = self.durable.load(Ordering::Acquire);
        Bounds { start, end: self.written.load(Ordering::Acquire), durable_end }
    }
}

/// A partition behind the lock.
#[derive(Debug, Default)]
pub(super) struct Slot {
    pub recent: VecDeque<MemFrame>,
    pub index: Index,
}

/// A segment that takes no more frames.
#[derive(Debug, Clone)]
pub(super) struct Closed {
    pub file: Arc<DataFile>,
    pub len: u64,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub slots: Vec<Slot>,
    /// Frames that the flusher has not taken.
    pub queue: Vec<(u32, MemFrame)>,
    /// It waits for some, and nobody has woken it.
    pub flusher_waits: bool,
    /// The slot of each frame in memory, in the order of appending.
    pub order: VecDeque<u32>,
    /// Cost of all frames in memory.
    pub cached: usize,
    /// Cost of those that are not durable.
    pub unwritten: usize,
    /// Frames appended and frames durable since the log was opened.
    pub appended: u64,
    pub flushed: u64,
    pub last_time: Timestamp,
    pub closed: Vec<Closed>,
    pub closing: bool,
    pub failed: Option<String>,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub layout: Layout,
    pub slots: Vec<TopicPartition>,
    /// For look-up only.
    pub numbers: BTreeMap<TopicPartition, u32>,
    pub ends: Vec<Ends>,
    pub max_record_bytes: usize,
    pub max_unwritten_bytes: usize,
    pub cache_bytes: usize,
    pub state: Mutex<State>,
    /// The flusher waits here for frames.
    pub work: Condvar,
    /// Writers wait here for room, and `sync` for durability.
    pub progress: Condvar,
    pub signal: Signal,
    failed: AtomicBool,
}

/// Where the frames of an offset are.
pub(super) enum Found {
    Memory(Vec<MemFrame>),
    File(Window),
}

impl Shared {
    pub fn new(layout: Layout, limits: (usize, usize, usize), ends: Vec<Ends>, state: State) -> Self {
        let slots = layout.slots();
        let numbers = slots.iter().zip(0..).map(|(at, slot)| (*at, slot)).collect();
        let (max_record_bytes, max_unwritten_bytes, cache_bytes) = limits;
        Self {
            layout,
            slots,
            numbers,
            ends,
            max_record_bytes,
            max_unwritten_bytes,
            cache_bytes,
            state: Mutex::new(state),
            work: Condvar::new(),
            progress: Condvar::new(),
            signal: Signal::default(),
            failed: AtomicBool::new(false),
        }
    }

    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of this lock panics")
    }

    pub fn slot(&self, at: TopicPartition) -> Result<u32, LogError> {
        self.numbers.get(&at).copied().ok_or(LogError::NoPartition(at))
    }

    /// An error once the log has failed or is closed.
    pub fn check(&self) -> Result<(), LogError> {
        if !self.failed.load(Ordering::Acquire) {
            return Ok(());
        }
        Err(LogError::Failed(self.lock().failed.clone().expect("set before the flag")))
    }

    /// From here on the log takes and gives nothing.
    pub fn fail(&self, why: String) {
        let mut state = self.lock();
        state.failed.get_or_insert(why);
        self.failed.store(true, Ordering::Release);
        drop(state);
        self.work.notify_all();
        self.progress.notify_all();
        self.signal.notify();
    }

    /// Appends frames and tells the first offset of each in `placed`; blocks while too much is unwritten. After an
    /// error those that are told of are appended.
    pub fn append(&self, frames: Vec<Outgoing>, placed: &mut Vec<u64>) -> Result<(), LogError> {
        let now = Timestamp(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as i64);
        let mut state = self.lock();
        for Outgoing { slot, count, time, body } in frames {
            while state.unwritten >= self.max_unwritten_bytes && state.failed.is_none() {
                self.wake_flusher(&mut state);
                self.signal.notify_written();
                state = self.progress.wait(state).expect("no holder of this lock panics");
            }
            if let Some(why) = &state.failed {
                return Err(LogError::Failed(why.clone()));
            }
            if state.closing {
                return Err(LogError::Failed("it is being closed".into()));
            }
            let ends = &self.ends[slot as usize];
            let first = ends.written.load(Ordering::Acquire);
            if first > MAX_OFFSET - u64::from(count) {
                return Err(LogError::Failed(format!("{} is full at offset {first}", self.slots[slot as usize])));
            }
            let time = match self.layout.time_mode {
                TimeMode::Wall => now.max(state.last_time),
                TimeMode::Recorded => time,
            };
            state.last_time = state.last_time.max(time);
            let frame = MemFrame { first, count, time, body };
            state.push(slot, frame.clone());
            state.queue.push((slot, frame));
            ends.written.store(first + u64::from(count), Ordering::Release);
            placed.push(first);
        }
        self.wake_flusher(&mut state);
        drop(state);
        self.signal.notify_written();
        Ok(())
    }

    /// Once for each time that it waits: a call to the kernel that wakes nobody costs as much as an append.
    fn wake_flusher(&self, state: &mut State) {
        if std::mem::take(&mut state.flusher_waits) {
            self.work.notify_one();
        }
    }

    /// Where the record at `position` is; from memory as many frames as hold about `max` records.
    pub fn find(&self, slot: u32, position: u64, max: usize) -> Option<Found> {
        let state = self.lock();
        let Slot { recent, index } = &state.slots[slot as usize];
        let after = recent.partition_point(|frame| frame.first <= position);
        let Some(first) = after.checked_sub(1) else {
            return index.find(position).cloned().map(Found::File);
        };
        let until = position.saturating_add(max as u64);
        Some(Found::Memory(recent.iter().skip(first).take_while(|frame| frame.first < until).cloned().collect()))
    }

    /// Waits until all that was appended before is durable.
    pub fn sync(&self) -> Result<(), LogError> {
        let mut state = self.lock();
        let target = state.appended;
        loop {
            if let Some(why) = &state.failed {
                return Err(LogError::Failed(why.clone()));
            }
            if state.flushed >= target {
                return Ok(());
            }
            state = self.progress.wait(state).expect("no holder of this lock panics");
        }
    }
}

/// A frame on its way into the log.
pub(super) struct Outgoing {
    pub slot: u32,
    pub count: u32,
    /// Of the first record; counts in recorded logs.
    pub time: Timestamp,
    pub body: Bytes,
}

impl State {
    fn push(&mut self, slot: u32, frame: MemFrame) {
        self.cached += frame.cost();
        self.unwritten += frame.cost();
        self.appended += 1;
        self.order.push_back(slot);
        self.slots[slot as usize].recent.push_back(frame);
    }

    /// Lets go of the oldest durable frames until the rest costs at most `bound`.
    pub fn evict(&mut self, bound: usize) {
        while self.cached > bound && (self.order.len() as u64) > self.appended - self.flushed {
            let slot = self.order.pop_front().expect("there is a durable frame");
            let frame = self.slots[slot as usize].recent.pop_front().expect("in memory as long as in the order");
            self.cached -= frame.cost();
        }
    }
}
