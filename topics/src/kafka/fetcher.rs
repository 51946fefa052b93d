//! Consumers that read for many readers, each of another partition. A consumer tells by the log's signal that something
//! came; the first reader that finds its queue empty then takes it all over, for itself and the others. So a record
//! changes threads once, from librdkafka's to whoever wants it. A thread of each consumer's own does what may take long.
//!
//! Invariants:
//! 1. Only its thread tells a consumer what to read, in the order of the commands it is given: nothing that was read for
//!    one reader reaches another that came later to the same partition.
//! 2. A reader never waits for a consumer: it takes over what is there, unless somebody is at it.
//! 3. A reader's queue is bounded; its partition pauses when it is full and goes on when it is half empty.
//! 4. A thread that ended, or that hangs, is replaced ([`Fetcher::renew`]): the new one goes on behind what is queued,
//!    and what the old one may still bring is what the new one brings: an offset's record never changes.
//!
//! Left out on purpose: finding out what is wrong, which asks Kafka and may take long: that is the watchdog's.

mod work;

use super::client::Client;
use super::lane::Lane;
use super::metrics::Recorder;
use crate::{LogError, Signal, TopicPartition};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::JoinHandle;
use work::Work;

/// All threads of a log.
pub(super) struct Fetchers {
    client: Arc<Client>,
    signal: Arc<Signal>,
    /// Wakes the watchdog.
    alarm: Arc<Signal>,
    all: Mutex<Vec<Arc<Fetcher>>>,
}

impl Fetchers {
    /// With no thread.
    pub fn new(client: Arc<Client>, signal: Arc<Signal>, alarm: Arc<Signal>) -> Self {
        Self { client, signal, alarm, all: Mutex::default() }
    }

    /// Reads a partition from an offset on, by a thread that does not read it yet; by a new one when all do.
    pub fn open(&self, at: TopicPartition, from: u64) -> Result<(Arc<Fetcher>, Arc<Lane>), LogError> {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let lane = Arc::new(Lane::new(at, from, self.client.options.read_ahead_records.max(2)));
        if let Some(free) = all.iter().find(|fetcher| fetcher.open(&lane)) {
            return Ok((free.clone(), lane));
        }
        let shared = Shared::new(self.signal.clone(), self.alarm.clone());
        let client = self.client.clone();
        let fetcher = Arc::new(Fetcher { client, shared, work: Mutex::default(), thread: Mutex::default() });
        assert!(fetcher.open(&lane), "a new fetcher reads nothing");
        fetcher.start()?;
        all.push(fetcher.clone());
        Ok((fetcher, lane))
    }

    /// Each of them.
    pub fn all(&self) -> Vec<Arc<Fetcher>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

enum Command {
    Open(Arc<Lane>),
    /// Begin again behind what is queued.
    Restart(Arc<Lane>),
    /// No record is from one offset to the other.
    Skip(Arc<Lane>, u64, u64),
    Close(Arc<Lane>),
}

#[derive(Default)]
struct Inbox {
    lanes: BTreeMap<TopicPartition, Arc<Lane>>,
    commands: Vec<Command>,
}

/// What the handle and its thread share.
struct Shared {
    inbox: Mutex<Inbox>,
    signal: Arc<Signal>,
    alarm: Arc<Signal>,
    /// Something came since a consumer was last emptied.
    came: AtomicBool,
    closing: AtomicBool,
    generation: AtomicU64,
    /// Rounds of the thread, and records that it queued.
    rounds: AtomicU64,
    queued: AtomicU64,
    batches: Recorder,
    /// Errors that are some partition's, which librdkafka does not tell.
    complaints: AtomicU64,
    ended: Mutex<Option<String>>,
}

impl Shared {
    fn new(signal: Arc<Signal>, alarm: Arc<Signal>) -> Arc<Self> {
        Arc::new(Self {
            inbox: Mutex::default(),
            signal,
            alarm,
            came: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            generation: AtomicU64::new(0),
            rounds: AtomicU64::new(0),
            queued: AtomicU64::new(0),
            batches: Recorder::default(),
            complaints: AtomicU64::new(0),
            ended: Mutex::default(),
        })
    }

    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A consumer that was empty has something.
    fn comes(&self) {
        self.came.store(true, Ordering::Release);
        self.signal.notify();
    }

    fn end(&self, why: String) {
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
        self.alarm.notify();
    }
}

/// What can be seen of a thread from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pulse {
    pub rounds: u64,
    pub queued: u64,
    pub complaints: u64,
}

/// A consumer and its thread; dropping it ends both.
pub(super) struct Fetcher {
    client: Arc<Client>,
    shared: Arc<Shared>,
    /// Its thread's, which closes the consumer when it ends: that may take long.
    work: Mutex<Weak<Mutex<Work>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Fetcher {
    /// Takes a reader, unless another has its partition.
    fn open(&self, lane: &Arc<Lane>) -> bool {
        let mut inbox = self.shared.inbox();
        let free = !inbox.lanes.contains_key(&lane.at);
        if free {
            inbox.lanes.insert(lane.at, lane.clone());
            inbox.commands.push(Command::Open(lane.clone()));
            drop(inbox);
            self.wake();
        }
        free
    }

    fn start(&self) -> Result<(), LogError> {
        let made = self.client.consumer(|_| {});
        let consumer = made.map_err(|error| self.client.failed("setting up a consumer", &error))?;
        let work = Work::new(&self.client, consumer, self.shared.clone());
        let (work, shared) = (Arc::new(Mutex::new(work)), self.shared.clone());
        let to_take_over = Arc::downgrade(&work);
        let run = move || work::run(&work, &shared);
        let thread = std::thread::Builder::new().name("hoga-kafka-fetch".into()).spawn(run);
        let thread =
            thread.map_err(|source| LogError::Io { what: "starting a thread that reads Kafka".into(), source })?;
        // A thread that hangs is left alone: it may never be joined.
        *self.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        *self.work.lock().unwrap_or_else(PoisonError::into_inner) = to_take_over;
        Ok(())
    }

    /// Takes over what came for all its readers, if anything did and nobody else is at it. `own` is the caller's: if
    /// only that one got something, nobody is told.
    pub fn take_over(&self, own: TopicPartition) {
        if !self.shared.came.load(Ordering::Acquire) {
            return;
        }
        let Some(work) = self.work.try_lock().ok().and_then(|work| work.upgrade()) else { return };
        let more = work.try_lock().is_ok_and(|mut work| work.take_over(own));
        if more {
            self.wake();
        }
    }

    /// Has its thread look at commands.
    fn wake(&self) {
        if let Some(thread) = &*self.thread.lock().unwrap_or_else(PoisonError::into_inner) {
            thread.thread().unpark();
        }
    }

    /// Begins anew with another thread and consumer, behind what is queued for each reader.
    pub fn renew(&self) -> Result<(), LogError> {
        {
            let mut inbox = self.shared.inbox();
            self.shared.generation.fetch_add(1, Ordering::AcqRel);
            inbox.commands = inbox.lanes.values().cloned().map(Command::Open).collect();
            *self.shared.ended.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        self.start()
    }

    /// Asks Kafka again for what follows a reader's queue.
    pub fn restart(&self, lane: &Arc<Lane>) {
        self.shared.inbox().commands.push(Command::Restart(lane.clone()));
    }

    /// Lets a reader go on at `to`: there is no record from `from` to there.
    pub fn skip(&self, lane: &Arc<Lane>, from: u64, to: u64) {
        self.shared.inbox().commands.push(Command::Skip(lane.clone(), from, to));
    }

    /// Gives a partition back.
    pub fn close(&self, lane: &Arc<Lane>) {
        let mut inbox = self.shared.inbox();
        inbox.lanes.remove(&lane.at);
        inbox.commands.push(Command::Close(lane.clone()));
    }

    /// The readers.
    pub fn lanes(&self) -> Vec<Arc<Lane>> {
        self.shared.inbox().lanes.values().cloned().collect()
    }

    /// What it has done so far.
    pub fn pulse(&self) -> Pulse {
        let load = |counter: &AtomicU64| counter.load(Ordering::Acquire);
        let Shared { rounds, queued, complaints, .. } = &*self.shared;
        Pulse { rounds: load(rounds), queued: load(queued), complaints: load(complaints) }
    }

    /// How many records came at a time.
    pub fn batches(&self) -> super::metrics::Distribution {
        self.shared.batches.read()
    }

    /// Why its thread ended, if it did.
    pub fn ended(&self) -> Option<String> {
        self.shared.ended.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Fetcher {
    fn drop(&mut self) {
        self.shared.closing.store(true, Ordering::Release);
        self.wake();
        if let Some(thread) = self.thread.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = thread.join();
        }
    }
}
