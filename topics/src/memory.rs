//! The memory log: for tests and for simulation on virtual time. It keeps everything behind one lock, decides nothing
//! by chance, and does on demand what networks and computers do: late, lost and repeated records, late and lost
//! acknowledgements, questions without answer, crashes.
//!
//! Invariants:
//! 1. The same calls in the same order (with a set clock) give the same log, byte for byte.
//! 2. Nothing goes out before [`Writer::flush`]: whoever forgets it finds out here.
//! 3. A crash keeps a prefix of all appends, as the embedded log does; readers and writers of before are void.
//! 4. A writer that is dropped is a process that died: what it flushed and is late still lands.
//!
//! Left out on purpose: files. Durability is a number here.

mod faults;
mod state;

pub use faults::{Fault, FaultRates, Faults, SeededFaults, Sent};

use crate::catalogue::Partitions;
use crate::{Ack, Bounds, Log, LogError, LogRecord, Reader, Signal, TimeMode, TopicPartition, Visibility, Writer};
use bytes::Bytes;
use hoga_core::{Timestamp, Topic};
use state::{Outgoing, State};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

/// Where the append times of a wall log and the delays of faults come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// The computer's clock.
    Computer,
    /// Virtual time, from this on; [`MemoryLog::set_time`] moves it.
    Set(Timestamp),
}

/// When an append becomes durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// At once.
    Immediate,
    /// At [`Log::sync`].
    AtSync,
}

/// What a memory log is made with.
pub struct MemoryOptions {
    /// Wall or recorded.
    pub time_mode: TimeMode,
    /// Partitions of each topic.
    pub partitions: Partitions,
    /// The clock.
    pub clock: Clock,
    /// When appends are durable.
    pub durability: Durability,
    /// The most bytes of a record's key and value together.
    pub max_record_bytes: usize,
    /// What goes wrong; none: nothing.
    pub faults: Option<Box<dyn Faults>>,
}

impl Default for MemoryOptions {
    /// A wall log on the computer's clock, durable at once, without faults.
    fn default() -> Self {
        Self {
            time_mode: TimeMode::Wall,
            partitions: Partitions::default(),
            clock: Clock::Computer,
            durability: Durability::Immediate,
            max_record_bytes: crate::log::MAX_RECORD_BYTES,
            faults: None,
        }
    }
}

/// A log in memory. Clones are the same log.
#[derive(Clone)]
pub struct MemoryLog {
    shared: Arc<Shared>,
}

struct Shared {
    time_mode: TimeMode,
    max_record_bytes: usize,
    state: Mutex<State>,
    signal: Signal,
    /// Whether questions get no answer.
    silent: AtomicBool,
}

impl Shared {
    fn bounds(&self, at: TopicPartition) -> Result<Bounds, LogError> {
        if self.silent.load(Ordering::Acquire) {
            let source = std::io::Error::from(std::io::ErrorKind::TimedOut);
            return Err(LogError::Unanswered { what: format!("{at}: asking for its offsets"), source });
        }
        self.lock().bounds(at)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of this lock panics")
    }
}

impl MemoryLog {
    /// A new, empty log.
    pub fn new(options: MemoryOptions) -> Self {
        let (time_mode, max_record_bytes) = (options.time_mode, options.max_record_bytes);
        let state = Mutex::new(State::new(options));
        Self {
            shared: Arc::new(Shared {
                time_mode,
                max_record_bytes,
                state,
                signal: Signal::default(),
                silent: AtomicBool::default(),
            }),
        }
    }

    /// The log's time.
    pub fn now(&self) -> Timestamp {
        self.shared.lock().now()
    }

    /// Moves virtual time; what was late and is now due lands.
    pub fn set_time(&self, time: Timestamp) {
        self.shared.lock().set_time(time);
        self.shared.signal.notify();
    }

    /// Questions (bounds, new readers) get no answer until it is called with `false`, as of a Kafka whose broker is
    /// away. What is at work already goes on.
    pub fn set_silent(&self, silent: bool) {
        self.shared.silent.store(silent, Ordering::Release);
    }

    /// The computer loses its power: what is durable and the next `also` appends survive. Readers and writers of
    /// before fail from here on.
    pub fn crash(&self, also: u64) {
        self.shared.lock().crash(also);
        self.shared.signal.notify();
    }

    /// Appends a record as a foreign writer would, a tombstone (`None`) too; its offset.
    pub fn append_foreign(
        &self,
        to: TopicPartition,
        key: &[u8],
        value: Option<&[u8]>,
        time: Timestamp,
    ) -> Result<u64, LogError> {
        let mut state = self.shared.lock();
        state.bounds(to)?;
        let value = value.map(Bytes::copy_from_slice);
        let offset = state.append_foreign(to, Bytes::copy_from_slice(key), value, time);
        drop(state);
        self.shared.signal.notify();
        Ok(offset)
    }
}

impl Log for MemoryLog {
    fn time_mode(&self) -> TimeMode {
        self.shared.time_mode
    }

    fn partitions(&self, topic: Topic) -> u32 {
        self.shared.lock().counts.of(topic)
    }

    fn max_record_bytes(&self) -> usize {
        self.shared.max_record_bytes
    }

    fn bounds(&self, partition: TopicPartition) -> Result<Bounds, LogError> {
        self.shared.bounds(partition)
    }

    fn reader(&self, at: TopicPartition, from: u64, visibility: Visibility) -> Result<Box<dyn Reader>, LogError> {
        crate::log::check_position(at, from, self.shared.bounds(at)?)?;
        let crashes = self.shared.lock().crashes();
        Ok(Box::new(MemoryReader { shared: self.shared.clone(), at, position: from, visibility, crashes }))
    }

    fn writer(&self) -> Result<Box<dyn Writer>, LogError> {
        let mut state = self.shared.lock();
        let (id, crashes) = (state.new_writer(), state.crashes());
        drop(state);
        Ok(Box::new(MemoryWriter { shared: self.shared.clone(), id, crashes, unsent: VecDeque::new(), in_flight: 0 }))
    }

    fn cut(&self, partition: TopicPartition, before: u64) -> Result<u64, LogError> {
        self.shared.lock().cut(partition, before)
    }

    fn sync(&self) -> Result<(), LogError> {
        self.shared.lock().sync();
        self.shared.signal.notify();
        Ok(())
    }

    fn signal(&self) -> &Signal {
        &self.shared.signal
    }
}

fn void(crashes: u64, state: &State) -> Result<(), LogError> {
    if crashes == state.crashes() {
        return Ok(());
    }
    Err(LogError::Failed("the simulated computer crashed; make new readers and writers".into()))
}

struct MemoryReader {
    shared: Arc<Shared>,
    at: TopicPartition,
    position: u64,
    visibility: Visibility,
    crashes: u64,
}

impl Reader for MemoryReader {
    fn poll(&mut self, max: usize, out: &mut Vec<LogRecord>) -> Result<(), LogError> {
        let mut state = self.shared.lock();
        void(self.crashes, &state)?;
        state.land();
        self.position = state.read(self.at, self.position, self.visibility, max, out)?;
        Ok(())
    }

    fn position(&self) -> u64 {
        self.position
    }
}

struct MemoryWriter {
    shared: Arc<Shared>,
    id: u64,
    crashes: u64,
    unsent: VecDeque<Outgoing>,
    in_flight: usize,
}

impl Writer for MemoryWriter {
    fn send(
        &mut self,
        to: TopicPartition,
        key: &[u8],
        value: &[u8],
        time: Option<Timestamp>,
        token: u64,
    ) -> Result<(), LogError> {
        let state = self.shared.lock();
        void(self.crashes, &state)?;
        state.check(to, key.len() + value.len(), time)?;
        drop(state);
        let (key, value) = (Bytes::copy_from_slice(key), Bytes::copy_from_slice(value));
        self.unsent.push_back(Outgoing { to, key, value, time, token });
        self.in_flight += 1;
        Ok(())
    }

    fn flush(&mut self) -> Result<(), LogError> {
        let mut state = self.shared.lock();
        void(self.crashes, &state)?;
        if self.unsent.is_empty() {
            return Ok(());
        }
        for record in self.unsent.drain(..) {
            state.take(self.id, record);
        }
        drop(state);
        self.shared.signal.notify();
        Ok(())
    }

    fn acks(&mut self, out: &mut Vec<Ack>) -> Result<(), LogError> {
        let mut state = self.shared.lock();
        void(self.crashes, &state)?;
        let before = out.len();
        state.acks(self.id, out);
        self.in_flight -= out.len() - before;
        Ok(())
    }

    fn in_flight(&self) -> usize {
        self.in_flight
    }
}

impl Drop for MemoryWriter {
    fn drop(&mut self) {
        self.shared.lock().forget_writer(self.id);
    }
}

#[cfg(test)]
mod tests;
