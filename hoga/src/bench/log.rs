//! The embedded log alone: one thread appends records of 100 bytes in batches over four partitions and reads them again,
//! while the log syncs in the background, as it always does.
//!
//! What is appended counts once all of it is durable. A stall is the longest that handing over one batch took.

use super::Size;
use super::measured::median;
use super::outcome::{Figure, Outcome, Side};
use super::scratch::Scratch;
use super::timing::{Each, Spread, on_core, per_second};
use crate::cli::Context;
use crate::exit::Failure;
use crate::progress::Progress;
use hdrhistogram::Histogram;
use hoga_core::Topic;
use hoga_topics::{Log, TopicPartition, Visibility};
use std::time::Instant;

const EXCLUDED: &str = "encoding, channels, machines";
const RECORDS: u64 = 2_000_000;
const BATCH: u64 = 100;
const PARTITIONS: u32 = 4;
/// With a key of 8 bytes 100.
const VALUE: [u8; 92] = [b'v'; 92];
/// Records read at a time.
const READ: usize = 1_000;

/// The row.
pub fn run(context: &Context, size: &Size) -> Result<Outcome, Failure> {
    let work = format!("{RECORDS} records of 100 bytes in batches of {BATCH}, four partitions, group sync");
    let mut outcome = Outcome::new("log", work, EXCLUDED);
    let mut progress = Progress::new("rounds of the log", Some(size.rounds));
    let (mut appended, mut read, mut stalls) = (Spread::default(), Spread::default(), Vec::new());
    let (mut writing, mut reading) = (Sums::default(), Sums::default());
    for round in 0..size.rounds {
        context.stop.check("no figures")?;
        let scratch = Scratch::make(context, "log")?;
        let log = scratch.log()?;
        let started = Instant::now();
        let (each, cpu) = on_core(|| append(&log));
        log.sync()?;
        appended.add(per_second(RECORDS, started.elapsed()));
        let each = each?;
        stalls.push(each.max());
        writing.add(&each, cpu);
        let started = Instant::now();
        let (each, cpu) = on_core(|| read_all(&log));
        read.add(per_second(RECORDS, started.elapsed()));
        reading.add(&each?, cpu);
        progress.set(round + 1);
    }
    let stall = Figure::new("longest stall", median(stalls), 0);
    outcome.figures = vec![Figure::of("appended/s", &appended), Figure::of("read/s", &read), stall];
    outcome.sides = vec![writing.side("append a batch", &appended), reading.side("read a batch", &read)];
    Ok(outcome)
}

/// Latencies of batches and time on a core, over all rounds.
#[derive(Default)]
struct Sums {
    latency: Option<Histogram<u64>>,
    cpu_ns: u64,
    rounds: u64,
}

impl Sums {
    fn add(&mut self, each: &Histogram<u64>, cpu: std::time::Duration) {
        match &mut self.latency {
            None => self.latency = Some(each.clone()),
            Some(all) => all.add(each).expect("histograms grow as needed"),
        }
        self.cpu_ns += cpu.as_nanos() as u64;
        self.rounds += 1;
    }

    fn side(self, name: &'static str, rates: &Spread) -> Side {
        let count = self.rounds * RECORDS;
        Side { name, latency_ns: self.latency, per_second: rates.middle(), cpu_ns: self.cpu_ns / count.max(1), count }
    }
}

fn place(number: u64) -> TopicPartition {
    TopicPartition::new(Topic::Orders, number as u32 % PARTITIONS)
}

fn append(log: &dyn Log) -> Result<Histogram<u64>, Failure> {
    let (mut writer, mut acks, mut each) = (log.writer()?, Vec::new(), Each::new());
    for number in 0..RECORDS {
        writer.send(place(number), &number.to_le_bytes(), &VALUE, None, number)?;
        if number % BATCH == BATCH - 1 {
            writer.flush()?;
            acks.clear();
            writer.acks(&mut acks)?;
            each.done();
        }
    }
    Ok(each.histogram())
}

fn read_all(log: &dyn Log) -> Result<Histogram<u64>, Failure> {
    let (mut out, mut count, mut each) = (Vec::with_capacity(READ), 0, Each::new());
    for partition in 0..u64::from(PARTITIONS) {
        let mut reader = log.reader(place(partition), 0, Visibility::Durable)?;
        each.start();
        loop {
            out.clear();
            reader.poll(READ, &mut out)?;
            if out.is_empty() {
                break;
            }
            count += out.len() as u64;
            each.done();
        }
    }
    match count {
        RECORDS => Ok(each.histogram()),
        _ => Err(Failure::Refused(format!("{count} of {RECORDS} records came back"))),
    }
}
