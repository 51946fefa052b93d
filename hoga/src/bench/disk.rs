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

/// A round of records of so many bytes each: all that are due go out together.
pub fn round(scratch: &Scratch, stop: &Stop, load: Load, bytes: u64) -> Result<Measured, Failure> {
    let path = scratch.file("disk");
    let failed = |error: io::Error| Failure::Unavailable(format!("writing {}: {error}", path.display()));
    let file = full_of_zeros(&path, load.records() * bytes).map_err(failed)?;
    let mut synced = Vec::new();
    let (mut content, mut position, cpu) = (Vec::new(), 0, cpu_time());
    let send = |count: &mut u64, number: u64| {
        *count = number + 1;
        Ok(())
    };
    let started = load.post(stop, &mut 0, send, |count| {
        content.resize((*count * bytes - position) as usize, 1);
        file.write_all_at(&content, position).and_then(|()| file.sync_data()).map_err(failed)?;
        position = *count * bytes;
        synced.push((*count, Instant::now()));
        Ok(())
    })?;
    let (elapsed, cpu) = (started.elapsed(), cpu_time().saturating_sub(cpu));
    let (mut latency, mut next) = (histogram(), 0);
    for (end, durable) in synced {
        for number in load.warm.max(next)..end {
            let waited = durable.saturating_duration_since(load.due(started, number));
            latency.record(waited.as_micros() as u64).expect("the histogram grows as needed");
        }
        next = end;
    }
    Ok(Measured::new(latency, load.records(), elapsed, cpu))
}

fn full_of_zeros(path: &std::path::Path, bytes: u64) -> io::Result<File> {
    let (mut file, zeros) = (File::create(path)?, vec![0; PIECE]);
    for _ in 0..bytes.div_ceil(PIECE as u64) {
        file.write_all(&zeros)?;
    }
    file.sync_all()?;
    Ok(file)
}
