//! How fast the embedded log appends and reads: `cargo run --release -p hoga-topics --example log_throughput [FOLDER]`.
//!
//! One thread appends 100-byte records in batches of 100 over four partitions and then reads them; then one record at
//! a time, each flushed by itself. The log syncs in the background all the while, as it always does.

use hoga_core::Topic;
use hoga_topics::{EmbeddedLog, EmbeddedOptions, Log, LogError, TopicPartition, Visibility};
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

const RECORDS: u64 = 3_000_000;
const SINGLES: u64 = 300_000;
const BATCH: u64 = 100;
const PARTITIONS: u32 = 4;
const VALUE: [u8; 92] = [b'v'; 92];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).map_or_else(|| std::env::temp_dir().join("hoga-throughput"), PathBuf::from);
    std::fs::create_dir_all(&folder)?;
    let folder = folder.join("log");
    let log = EmbeddedLog::open(&folder, EmbeddedOptions::default())?;
    let taken = timed(|| append(&log, RECORDS, BATCH))?;
    say("append, batches of 100", RECORDS, taken)?;
    say("until all of it is durable", RECORDS, taken + timed(|| log.sync())?)?;
    say("read what is in memory and files", RECORDS, timed(|| read(&log, RECORDS))?)?;
    say("append, one at a time", SINGLES, timed(|| append(&log, SINGLES, 1))?)?;
    say("append and read, batches of 100", RECORDS, timed(|| append_and_read(&log))?)?;
    let one = TopicPartition::new(Topic::Books, 0);
    let syncs = timed(|| {
        (0..100).try_for_each(|_| {
            let mut writer = log.writer()?;
            writer.send(one, b"k", &VALUE, None, 0).and_then(|()| writer.flush()).and_then(|()| log.sync())
        })
    })?;
    say("append, each waiting for its sync", 100, syncs)?;
    drop(log);
    let opened = timed(|| EmbeddedLog::open(&folder, EmbeddedOptions::default()).map(drop))?;
    say("open again", 2 * RECORDS + SINGLES, opened)?;
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

fn place(n: u64) -> TopicPartition {
    TopicPartition::new(Topic::Orders, n as u32 % PARTITIONS)
}

fn append(log: &dyn Log, records: u64, batch: u64) -> Result<(), LogError> {
    let (mut writer, mut acks) = (log.writer()?, Vec::new());
    for n in 0..records {
        writer.send(place(n), &n.to_le_bytes(), &VALUE, None, n)?;
        if n % batch == batch - 1 {
            writer.flush()?;
            acks.clear();
            writer.acks(&mut acks)?;
        }
    }
    writer.flush()
}

fn read(log: &dyn Log, records: u64) -> Result<(), LogError> {
    let (mut out, mut count) = (Vec::new(), 0);
    for partition in 0..PARTITIONS {
        let mut reader = log.reader(place(u64::from(partition)), 0, Visibility::Written)?;
        loop {
            out.clear();
            reader.poll(1_000, &mut out)?;
            count += out.len() as u64;
            if out.is_empty() {
                break;
            }
        }
    }
    assert!(count == records, "{count} of {records} records came back");
    Ok(())
}

fn append_and_read(log: &dyn Log) -> Result<(), LogError> {
    let (mut writer, mut acks, mut out) = (log.writer()?, Vec::new(), Vec::new());
    let readers = (0..PARTITIONS).map(|partition| {
        let at = place(u64::from(partition));
        log.reader(at, log.bounds(at)?.end, Visibility::Written)
    });
    let mut readers = readers.collect::<Result<Vec<_>, _>>()?;
    let mut count = 0;
    for n in 0..RECORDS {
        writer.send(place(n), &n.to_le_bytes(), &VALUE, None, n)?;
        if n % BATCH == BATCH - 1 {
            writer.flush()?;
            acks.clear();
            writer.acks(&mut acks)?;
            for reader in &mut readers {
                out.clear();
                reader.poll(1_000, &mut out)?;
                count += out.len() as u64;
            }
        }
    }
    assert!(count == RECORDS, "{count} of {RECORDS} records came back");
    Ok(())
}

fn timed<E>(work: impl FnOnce() -> Result<(), E>) -> Result<Duration, E> {
    let begin = Instant::now();
    work().map(|()| begin.elapsed())
}

fn say(what: &str, records: u64, taken: Duration) -> std::io::Result<()> {
    let per_second = u128::from(records) * 1_000_000 / taken.as_micros().max(1);
    writeln!(std::io::stdout(), "{what:<36} {records:>9} records in {:>6} ms: {per_second:>10}/s", taken.as_millis())
}
