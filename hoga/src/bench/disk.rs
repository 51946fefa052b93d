//! The disk alone, beside the embedded log: at the same rate as many bytes an order as hoga's records have, synced one
//! sync behind the other by one thread that does nothing else.
//!
//! It gets the easiest work: the file is full of zeros before, so that a sync changes no length; nothing is encoded, hashed
//! or read.

use super::load::Load;
use super::machine::cpu_time;
use super::measured::{Measured, histogram};
use super::scratch::Scratch;
use crate::exit::Failure;
use crate::stop::Stop;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::time::Instant;

/// Bytes that are written at a time beforehand.
const PIECE: usize = 1 << 20;

/// A round: `rate` records a second of so many bytes each.
pub fn round(scratch: &Scratch, stop: &Stop, load: Load, rate: u64, bytes: u64) -> Result<Measured, Failure> {
    let path = scratch.file("disk");
    let failed = |error: io::Error| Failure::Unavailable(format!("writing {}: {error}", path.display()));
    let file = full_of_zeros(&path, load.records() * bytes).map_err(failed)?;
    let (mut latency, mut content) = (histogram(), Vec::new());
    let (mut next, cpu, started) = (0, cpu_time(), Instant::now());
    while next < load.records() {
        let early = load.due(started, next).saturating_duration_since(Instant::now());
        if !early.is_zero() {
            stop.check("no figures")?;
            std::thread::sleep(early);
        }
        // All that are due by now go out together.
        let due = (started.elapsed().as_nanos() * u128::from(rate) / 1_000_000_000) as u64 + 1;
        let end = due.clamp(next + 1, load.records());
        content.resize(((end - next) * bytes) as usize, 1);
        file.write_all_at(&content, next * bytes).and_then(|()| file.sync_data()).map_err(failed)?;
        let durable = Instant::now();
        for number in next.max(load.warm)..end {
            let waited = durable.saturating_duration_since(load.due(started, number));
            latency.record(waited.as_micros() as u64).expect("the histogram grows as needed");
        }
        next = end;
    }
    Ok(Measured::new(latency, load.records(), started.elapsed(), cpu_time().saturating_sub(cpu)))
}

fn full_of_zeros(path: &std::path::Path, bytes: u64) -> io::Result<File> {
    let (mut file, zeros) = (File::create(path)?, vec![0; PIECE]);
    for _ in 0..bytes.div_ceil(PIECE as u64) {
        file.write_all(&zeros)?;
    }
    file.sync_all()?;
    Ok(file)
}
