//! What the producer was given and has not answered, and how long answers took.
//!
//! Invariants:
//! 1. Whatever is [`Ledger::sent`] is answered once, or taken back by [`Ledger::unsent`].
//! 2. An answer that nobody waits for calls nobody: a call to the kernel for each record costs as much as the rest of it.

use super::metrics::{KafkaMetrics, Recorder};
use crate::{Ack, LogError, TopicPartition};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often a full queue is looked at again, should no answer wake before.
const FULL_QUEUE_PAUSE: Duration = Duration::from_millis(20);

/// Where a writer's answers go.
pub(super) type Mailbox = Arc<Mutex<Vec<Ack>>>;

/// Travels with a record until it is answered.
pub(super) struct Pending {
    mailbox: Mailbox,
    to: TopicPartition,
    token: u64,
    bytes: usize,
    generation: u64,
    sent_at: Instant,
}

#[derive(Default)]
pub(super) struct Ledger {
    state: Mutex<State>,
    answered: Condvar,
    /// Whether [`State::failure`] is told: every step of a writer asks.
    failed: AtomicBool,
    pub batches: Recorder,
    round_trip: Recorder,
    written_records: AtomicU64,
    written_bytes: AtomicU64,
    unknown_records: AtomicU64,
}

#[derive(Default)]
struct State {
    /// Counts syncs.
    generation: u64,
    /// What is in flight, by the sync before which it was sent.
    outstanding: BTreeMap<u64, u64>,
    partitions: BTreeMap<TopicPartition, InFlight>,
    failure: Option<String>,
    /// Threads that wait for answers.
    waiting: usize,
}

struct InFlight {
    records: u64,
    /// The last answer, or the first sending after all was answered.
    since: Instant,
    told: bool,
}

impl State {
    fn settle(&mut self, pending: &Pending, now: Instant) {
        let left = self.outstanding.get_mut(&pending.generation).expect("it was sent");
        *left -= 1;
        if *left == 0 {
            self.outstanding.remove(&pending.generation);
        }
        let in_flight = self.partitions.get_mut(&pending.to).expect("it was sent");
        *in_flight = InFlight { records: in_flight.records - 1, since: now, told: false };
    }
}

impl Ledger {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters a record that is handed over now.
    pub fn sent(&self, mailbox: &Mailbox, to: TopicPartition, token: u64, bytes: usize) -> Pending {
        let sent_at = Instant::now();
        let mut state = self.state();
        let generation = state.generation;
        *state.outstanding.entry(generation).or_default() += 1;
        let in_flight = state.partitions.entry(to).or_insert(InFlight { records: 0, since: sent_at, told: false });
        if in_flight.records == 0 {
            in_flight.since = sent_at;
        }
        in_flight.records += 1;
        Pending { mailbox: mailbox.clone(), to, token, bytes, generation, sent_at }
    }

    /// It could not be handed over.
    pub fn unsent(&self, pending: Pending) {
        self.settle(&pending, Instant::now());
    }

    fn settle(&self, pending: &Pending, now: Instant) {
        let mut state = self.state();
        state.settle(pending, now);
        let somebody_waits = state.waiting > 0;
        drop(state);
        if somebody_waits {
            self.answered.notify_all();
        }
    }

    /// Puts a record's answer into its writer's mailbox; whether that was empty. Who waits has seen it empty: one
    /// signal is enough until it is emptied again.
    pub fn answer(&self, pending: Pending, offset: Option<u64>) -> bool {
        let now = Instant::now();
        match offset {
            Some(_) => {
                self.written_records.fetch_add(1, Ordering::Relaxed);
                self.written_bytes.fetch_add(pending.bytes as u64, Ordering::Relaxed);
                self.round_trip.record_time(now.saturating_duration_since(pending.sent_at));
            }
            None => {
                self.unknown_records.fetch_add(1, Ordering::Relaxed);
            }
        }
        let mut mailbox = pending.mailbox.lock().unwrap_or_else(PoisonError::into_inner);
        let was_empty = mailbox.is_empty();
        mailbox.push(Ack { token: pending.token, offset });
        drop(mailbox);
        self.settle(&pending, now);
        was_empty
    }

    /// Nothing more is taken.
    pub fn fail(&self, what: String) {
        self.state().failure.get_or_insert(what);
        self.failed.store(true, Ordering::Release);
    }

    /// Whether something failed before.
    pub fn check(&self) -> Result<(), LogError> {
        if !self.failed.load(Ordering::Acquire) {
            return Ok(());
        }
        match &self.state().failure {
            None => Ok(()),
            Some(what) => Err(LogError::Failed(what.clone())),
        }
    }

    /// Waits for the next answer, but not for long.
    pub fn pause(&self) {
        let mut state = self.state();
        state.waiting += 1;
        let (mut state, _) =
            self.answered.wait_timeout(state, FULL_QUEUE_PAUSE).unwrap_or_else(PoisonError::into_inner);
        state.waiting -= 1;
    }

    /// Waits until everything sent before is answered; each record is, within the producer's timeout.
    pub fn drain(&self) {
        let mut state = self.state();
        let before = state.generation;
        state.generation += 1;
        state.waiting += 1;
        while state.outstanding.first_key_value().is_some_and(|(generation, _)| *generation <= before) {
            state = self.answered.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.waiting -= 1;
    }

    /// Partitions that got no answer for so long, and how many records wait there; each is told once.
    pub fn unanswered(&self, silence: Duration) -> Vec<(TopicPartition, u64)> {
        let mut state = self.state();
        let waiting = state.partitions.iter_mut().filter(|(_, it)| it.records > 0 && it.since.elapsed() >= silence);
        let untold =
            waiting.filter_map(|(at, it)| (!std::mem::replace(&mut it.told, true)).then_some((*at, it.records)));
        untold.collect()
    }

    /// Whether some partition got no answer for so long.
    pub fn silent_for(&self, silence: Duration) -> bool {
        self.state().partitions.values().any(|it| it.records > 0 && it.since.elapsed() >= silence)
    }

    /// Adds what is counted here.
    pub fn add_to(&self, metrics: &mut KafkaMetrics) {
        metrics.in_flight_records = self.state().outstanding.values().sum();
        metrics.written_records = self.written_records.load(Ordering::Relaxed);
        metrics.written_bytes = self.written_bytes.load(Ordering::Relaxed);
        metrics.unknown_records = self.unknown_records.load(Ordering::Relaxed);
        metrics.write_batch_records = self.batches.read();
        metrics.round_trip_us = self.round_trip.read();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hoga_core::Topic;

    const AT: TopicPartition = TopicPartition::new(Topic::Orders, 0);

    #[test]
    fn who_drains_waits_for_all_that_was_sent_before_and_for_nothing_more() {
        let (ledger, mailbox) = (Ledger::default(), Mailbox::default());
        let before: Vec<_> = (0..3).map(|token| ledger.sent(&mailbox, AT, token, 1)).collect();
        std::thread::scope(|scope| {
            let drained = scope.spawn(|| ledger.drain());
            while ledger.state().waiting == 0 {
                std::thread::yield_now();
            }
            let after = ledger.sent(&mailbox, AT, 3, 1);
            let mut left = before.into_iter();
            ledger.unsent(left.next().unwrap());
            left.for_each(|pending| {
                ledger.answer(pending, Some(7));
            });
            drained.join().unwrap();
            assert_eq!(ledger.state().waiting, 0);
            ledger.answer(after, None);
        });
        let tokens: Vec<_> = mailbox.lock().unwrap().iter().map(|ack| (ack.token, ack.offset)).collect();
        assert_eq!(tokens, [(1, Some(7)), (2, Some(7)), (3, None)]);
    }

    #[test]
    fn a_failure_is_told_from_then_on_and_the_first_one_stays() {
        let ledger = Ledger::default();
        ledger.check().unwrap();
        for what in ["no permission", "another"] {
            ledger.fail(what.into());
            assert!(ledger.check().unwrap_err().to_string().contains("no permission"));
        }
    }
}
