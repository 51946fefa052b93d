//! Orders at an even rate, on a thread, and what became of each, in the form that the checker reads.
//!
//! Invariants:
//! 1. A line says "unknown" before the order is sent; "ok" follows when it is known where it stands.
//! 2. Of orders whose answer was lost every second one is sent again, the same bytes, as a member would; the others
//!    stay unknown. Either may take effect once at most.

use crate::demo::generator::Generator;
use crate::exit::Failure;
use crate::posting::now;
use hoga_core::{Record, Topic};
use hoga_topics::{Ack, Log, TopicPartition, Writer, catalogue, partitioner};
use serde_json::json;
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Commands are valid this long: a broker may be away for a while.
const VALID_FOR_MS: i64 = 300_000;
const TICK: Duration = Duration::from_millis(10);
/// Past it no more is sent until answers come.
const MAX_IN_FLIGHT: usize = 8_192;
/// Answers that do not come within this at the end are left unknown.
const LAST_ANSWERS: Duration = Duration::from_secs(150);

/// How far it is.
#[derive(Debug, Default)]
pub struct Counts {
    /// Orders and cancels that were sent.
    pub sent: AtomicU64,
    /// Those that stand in the log for certain.
    pub ok: AtomicU64,
    /// Those whose answer was lost, at the first try.
    pub unknown: AtomicU64,
    /// Those of them that were sent again.
    pub resent: AtomicU64,
}

/// A producing thread.
pub struct Flow {
    /// How far it is.
    pub counts: Arc<Counts>,
    end: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<(), Failure>>>,
}

impl Flow {
    /// Sends `rate` commands a second of this generator, and writes about them into `sent`.
    pub fn start(log: Arc<dyn Log>, generator: Generator, rate: u64, sent: &Path) -> Result<Self, Failure> {
        let (counts, end) = (Arc::<Counts>::default(), Arc::<AtomicBool>::default());
        let file = File::create(sent).map_err(|error| cannot_write(sent, error))?;
        let writer = log.writer()?;
        let work = Work {
            log,
            writer,
            generator,
            path: sent.to_owned(),
            file: BufWriter::new(file),
            counts: Arc::clone(&counts),
            in_flight: HashMap::new(),
            acks: Vec::new(),
            token: 0,
        };
        let ends = Arc::clone(&end);
        let thread = thread::Builder::new().name("flow".into()).spawn(move || work.run(rate, &ends));
        let thread = thread.map_err(|error| Failure::Unavailable(format!("starting a thread: {error}")))?;
        Ok(Self { counts, end, thread: Some(thread) })
    }

    /// An error if it has ended.
    pub fn check(&mut self) -> Result<(), Failure> {
        if self.thread.as_ref().is_some_and(JoinHandle::is_finished) { self.finish() } else { Ok(()) }
    }

    /// Sends nothing more, and waits for the answers.
    pub fn finish(&mut self) -> Result<(), Failure> {
        self.end.store(true, Ordering::Release);
        let Some(thread) = self.thread.take() else { return Ok(()) };
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

impl Drop for Flow {
    fn drop(&mut self) {
        // Whoever wants to know how it ended has asked.
        self.end.store(true, Ordering::Release);
    }
}

fn cannot_write(path: &Path, error: std::io::Error) -> Failure {
    Failure::Unavailable(format!("writing what was sent into {}: {error}", path.display()))
}

struct Work {
    log: Arc<dyn Log>,
    writer: Box<dyn Writer>,
    generator: Generator,
    path: PathBuf,
    file: BufWriter<File>,
    counts: Arc<Counts>,
    /// By token; looked up only.
    in_flight: HashMap<u64, Sent>,
    acks: Vec<Ack>,
    token: u64,
}

struct Sent {
    record: Record,
    again: bool,
}

impl Work {
    fn run(mut self, rate: u64, end: &AtomicBool) -> Result<(), Failure> {
        let (started, mut due) = (Instant::now(), 0);
        while !end.load(Ordering::Acquire) {
            let until = (started.elapsed().as_micros() * u128::from(rate) / 1_000_000) as u64;
            let room = MAX_IN_FLIGHT.saturating_sub(self.in_flight.len()) as u64;
            // What there was no room for is not made up for: a burst of it would say nothing about a rate.
            self.post((until - due).min(room))?;
            due = until;
            self.take_answers()?;
            thread::sleep(TICK);
        }
        let deadline = Instant::now() + LAST_ANSWERS;
        while !self.in_flight.is_empty() && Instant::now() < deadline {
            self.take_answers()?;
            thread::sleep(TICK);
        }
        self.file.flush().map_err(|error| cannot_write(&self.path, error))
    }

    fn post(&mut self, count: u64) -> Result<(), Failure> {
        let valid_until = now().plus_ms(VALID_FOR_MS);
        let records: Vec<_> = (0..count).map(|_| self.generator.next(valid_until)).collect();
        for record in &records {
            self.line(record, "unknown")?;
        }
        self.file.flush().map_err(|error| cannot_write(&self.path, error))?;
        for record in records {
            self.counts.sent.fetch_add(1, Ordering::Relaxed);
            self.send(Sent { record, again: false })?;
        }
        Ok(self.writer.flush()?)
    }

    fn send(&mut self, sent: Sent) -> Result<(), Failure> {
        let key = catalogue::key_of(Topic::Orders, &sent.record);
        let partition = partitioner::partition(key.as_bytes(), self.log.partitions(Topic::Orders));
        let to = TopicPartition::new(Topic::Orders, partition);
        self.token += 1;
        self.writer.send(to, key.as_bytes(), &hoga_schemas::encode(&sent.record), None, self.token)?;
        self.in_flight.insert(self.token, sent);
        Ok(())
    }

    fn take_answers(&mut self) -> Result<(), Failure> {
        self.acks.clear();
        self.writer.acks(&mut self.acks)?;
        for Ack { token, offset } in std::mem::take(&mut self.acks) {
            let Some(sent) = self.in_flight.remove(&token) else { continue };
            match offset {
                Some(_) => {
                    self.counts.ok.fetch_add(1, Ordering::Relaxed);
                    self.line(&sent.record, "ok")?;
                }
                None => self.unknown(sent)?,
            }
        }
        Ok(self.writer.flush()?)
    }

    fn unknown(&mut self, sent: Sent) -> Result<(), Failure> {
        let first = !sent.again;
        let number = if first { self.counts.unknown.fetch_add(1, Ordering::Relaxed) } else { 0 };
        if first && number.is_multiple_of(2) {
            self.counts.resent.fetch_add(1, Ordering::Relaxed);
            self.send(Sent { again: true, ..sent })?;
        }
        Ok(())
    }

    fn line(&mut self, record: &Record, outcome: &str) -> Result<(), Failure> {
        let (account, id, valid_until) = match record {
            Record::PlaceOrder(order) => (&order.account, &order.client_order_id, order.valid_until),
            Record::CancelOrder(cancel) => (&cancel.account, &cancel.client_order_id, cancel.valid_until),
            other => unreachable!("the generator makes orders and cancels, not a {}", other.kind()),
        };
        let (account, id) = (account.as_str(), id.as_str());
        let line = json!({"account": account, "client_order_id": id, "valid_until": valid_until.0, "outcome": outcome});
        writeln!(self.file, "{line}").map_err(|error| cannot_write(&self.path, error))
    }
}
