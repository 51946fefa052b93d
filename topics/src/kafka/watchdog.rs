//! Looks after what reads and writes: a partition whose end advances while its reader gets nothing, a thread that ended
//! or hangs, records that get no answer. What it finds it logs by name, and begins anew what it safely can.
//!
//! Invariants:
//! 1. It never decides what was read: an assignment, a consumer, a producer that begins anew goes on where the old one
//!    stood, and a reader skips only what a probe of that one partition found to be without records.
//! 2. A partition that is behind and gets nothing is probed before it is judged: a reader fails only with a cause.
//! 3. It asks Kafka, so nobody else has to wait: readers and writers never do.

use super::client::{self, Client};
use super::fetcher::{Fetcher, Fetchers, Pulse};
use super::lane::{Failure, Lane};
use super::probe::{Found, probe};
use super::producer::Producer;
use crate::{LogError, Signal, TopicPartition};
use rdkafka::error::{KafkaResult, RDKafkaErrorCode};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Between two looks, unless a fetcher complains.
const TICK: Duration = Duration::from_millis(500);
/// A question may take so long; then it is asked again at the next look.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);
/// A reader that got nothing for so long while there is more is probed, if its thread got nothing for others either.
const QUIET: Duration = Duration::from_millis(400);
/// Begun anew is what made no progress for so long although Kafka answers.
const STALLED: Duration = Duration::from_secs(5);
/// What brokers tell while leaders change may be wrong: one has not heard of a topic yet, a new one knows less of a
/// partition than the last. But not for so long.
const SETTLED: Duration = Duration::from_secs(15);

/// The thread; dropping it ends it.
pub(super) struct Watchdog {
    alarm: Arc<Signal>,
    closing: Arc<AtomicBool>,
    restarts: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Watchdog {
    /// Begins to look.
    pub fn start(
        client: Arc<Client>,
        fetchers: Arc<Fetchers>,
        producer: Arc<Producer>,
        signal: Arc<Signal>,
        alarm: Arc<Signal>,
    ) -> Result<Self, LogError> {
        let (closing, restarts) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let mut rounds = Rounds {
            client,
            fetchers,
            producer,
            signal,
            restarts: restarts.clone(),
            seen: BTreeMap::new(),
            pulses: Vec::new(),
        };
        let (woken, closed) = (alarm.clone(), closing.clone());
        let run = move || {
            while !closed.load(Ordering::Acquire) {
                let version = woken.version();
                rounds.look();
                if !closed.load(Ordering::Acquire) {
                    woken.wait(version, TICK);
                }
            }
        };
        let thread = std::thread::Builder::new().name("hoga-kafka-watchdog".into()).spawn(run);
        let thread = thread.map_err(|source| LogError::Io { what: "starting a watchdog thread".into(), source })?;
        Ok(Self { alarm, closing, restarts, thread: Some(thread) })
    }

    /// How often something was begun anew.
    pub fn restarts(&self) -> u64 {
        self.restarts.load(Ordering::Relaxed)
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::Release);
        self.alarm.notify();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Where a reader was at the last look.
struct Seen {
    next: u64,
    /// Since when it got nothing while there was more.
    since: Instant,
    /// Since when the partition is gone, or ends before the reader.
    odd_since: Option<Instant>,
}

impl Seen {
    fn at(next: u64) -> Self {
        Self { next, since: Instant::now(), odd_since: None }
    }
}

/// What a thread had done at the last look, and since when no more.
struct SeenThread {
    pulse: Pulse,
    since: Instant,
}

struct Rounds {
    client: Arc<Client>,
    fetchers: Arc<Fetchers>,
    producer: Arc<Producer>,
    signal: Arc<Signal>,
    restarts: Arc<AtomicU64>,
    /// By the reader's id.
    seen: BTreeMap<u64, Seen>,
    pulses: Vec<SeenThread>,
}

impl Rounds {
    fn look(&mut self) {
        if self.producer.look(STALLED) {
            self.restarts.fetch_add(1, Ordering::Relaxed);
        }
        let fetchers = self.fetchers.all();
        let mut quiet = Vec::new();
        for (index, fetcher) in fetchers.iter().enumerate() {
            quiet.push(self.look_at_thread(index, fetcher));
        }
        let lanes: Vec<Vec<Arc<Lane>>> = fetchers.iter().map(|fetcher| fetcher.lanes()).collect();
        let open: BTreeMap<u64, TopicPartition> = lanes.iter().flatten().map(|lane| (lane.id, lane.at)).collect();
        self.seen.retain(|id, _| open.contains_key(id));
        // Who is away is asked again at the next look.
        let Ok(ends) = self.client.ends(open.into_values().collect(), ANSWER_TIMEOUT) else { return };
        for ((fetcher, lanes), quiet) in fetchers.iter().zip(lanes).zip(quiet) {
            for lane in lanes.iter().filter(|lane| !lane.failed()) {
                if let Some(end) = ends.get(&lane.at) {
                    self.look_at_reader(fetcher, lane, end, quiet);
                }
            }
        }
    }

    /// What the thread did since the last look.
    fn look_at_thread(&mut self, index: usize, fetcher: &Fetcher) -> Quiet {
        let pulse = fetcher.pulse();
        let Some(seen) = self.pulses.get_mut(index) else {
            self.pulses.push(SeenThread { pulse, since: Instant::now() });
            return Quiet { queued_nothing: true, complained: pulse.complaints > 0 };
        };
        let before = std::mem::replace(&mut seen.pulse, pulse);
        if before.rounds != pulse.rounds {
            seen.since = Instant::now();
        }
        let why = fetcher.ended().or_else(|| {
            (seen.since.elapsed() >= STALLED).then(|| format!("it made no progress for {} s", STALLED.as_secs()))
        });
        if let Some(why) = why {
            seen.since = Instant::now();
            let partitions: Vec<String> = fetcher.lanes().iter().map(|lane| lane.at.to_string()).collect();
            let partitions = partitions.join(", ");
            match fetcher.renew() {
                Ok(()) => tracing::warn!(%partitions, "a thread that reads Kafka is begun anew: {why}"),
                Err(error) => tracing::warn!(%partitions, %error, "a thread that reads Kafka ended: {why}"),
            }
            self.restarts.fetch_add(1, Ordering::Relaxed);
        }
        Quiet { queued_nothing: before.queued == pulse.queued, complained: before.complaints != pulse.complaints }
    }

    fn look_at_reader(&mut self, fetcher: &Fetcher, lane: &Arc<Lane>, end: &KafkaResult<u64>, quiet: Quiet) {
        if let Ok(end) = end {
            lane.learn_end(*end);
        }
        let next = lane.next();
        let seen = self.seen.entry(lane.id).or_insert_with(|| Seen::at(next));
        if seen.next != next {
            *seen = Seen::at(next);
            return;
        }
        let odd = match end {
            Ok(end) if next <= *end => {
                seen.odd_since = None;
                return self.look_at_progress(fetcher, lane, (next, *end), quiet);
            }
            Ok(end) => Failure::PastEnd { end: *end },
            Err(error) if is_gone(error.rdkafka_error_code()) => {
                let name = self.client.name(lane.at.topic);
                Failure::Refused(format!("the topic {name} is not on this Kafka any more, or may not be seen"))
            }
            Err(_) => return,
        };
        if seen.odd_since.get_or_insert_with(Instant::now).elapsed() > SETTLED {
            self.fail(lane, odd);
        }
    }

    /// The reader got nothing since the last look; the partition goes from `next` to `end`.
    fn look_at_progress(&mut self, fetcher: &Fetcher, lane: &Arc<Lane>, (next, end): (u64, u64), quiet: Quiet) {
        let seen = self.seen.get_mut(&lane.id).expect("it was looked at");
        if (next == end && !quiet.complained) || !lane.has_room() {
            seen.since = Instant::now();
            return;
        }
        let silence = seen.since.elapsed();
        let stalled = silence >= STALLED;
        if quiet.complained || stalled || (quiet.queued_nothing && silence >= QUIET) {
            self.look_into(fetcher, lane, (next, end), stalled);
        }
    }

    /// There is more up to `end`, and nothing comes; or the reader's thread heard of an error that may be this one's.
    fn look_into(&mut self, fetcher: &Fetcher, lane: &Arc<Lane>, (next, end): (u64, u64), stalled: bool) {
        match probe(&self.client, lane.at, next, ANSWER_TIMEOUT) {
            Ok(Found::End) if next < end => fetcher.skip(lane, next, end),
            Ok(Found::Record) if stalled => {
                tracing::warn!(partition = %lane.at, offset = next, end, "nothing came although there is more: its reading is begun anew");
                fetcher.restart(lane);
                self.restarts.fetch_add(1, Ordering::Relaxed);
                self.seen.insert(lane.id, Seen::at(next));
            }
            Ok(Found::OutOfRange) => self.out_of_range(fetcher, lane, next),
            Ok(Found::Denied) => {
                let needs = client::needs("Read", "topic", self.client.name(lane.at.topic));
                let why = format!("Kafka does not let it be read{needs}");
                self.fail(lane, Failure::Refused(why));
            }
            Ok(Found::End | Found::Record | Found::Nothing) => {}
            Err(error) => tracing::warn!(partition = %lane.at, %error, "looking for what follows offset {next}"),
        }
    }

    fn out_of_range(&mut self, fetcher: &Fetcher, lane: &Arc<Lane>, next: u64) {
        match self.client.watermarks(lane.at) {
            Ok((start, _)) if next < start => self.fail(lane, Failure::Cut { start }),
            // What is past the end shows at the next look; what is within may be read again.
            Ok((_, end)) if next <= end => fetcher.restart(lane),
            Ok(_) | Err(_) => {}
        }
    }

    fn fail(&self, lane: &Lane, failure: Failure) {
        lane.fail(failure);
        self.signal.notify();
    }
}

/// What a thread did since the last look.
#[derive(Debug, Clone, Copy)]
struct Quiet {
    queued_nothing: bool,
    /// It heard of an error that is some partition's.
    complained: bool,
}

fn is_gone(code: Option<RDKafkaErrorCode>) -> bool {
    use RDKafkaErrorCode::{UnknownPartition, UnknownTopic, UnknownTopicOrPartition};
    matches!(code, Some(UnknownPartition | UnknownTopic | UnknownTopicOrPartition))
}
