//! Rows for people, as they come, and as JSON for programs.

use super::machine::{Machine, highest_memory_mib};
use super::measured::Measured;
use super::ours::EXCLUDED;
use super::row::{Compared, times};
use crate::exit::Failure;
use serde_json::{Value, json};
use std::io::{self, Write};
use std::path::Path;

const PERCENTILES: [(&str, f64); 4] = [("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("p99.9", 0.999)];

/// What the figures are of, before the first.
pub fn head(machine: &Machine, pairs: u64, out: &mut dyn Write) -> io::Result<()> {
    let Machine { processor, cores, memory_mib, system } = machine;
    writeln!(
        out,
        "machine   {processor}, {cores} cores, {memory_mib} MiB, {system}; broker and clients share it or not as set up"
    )?;
    writeln!(
        out,
        "bare      plain rdkafka in as many hops, with as many records of the same size; {pairs} pairs in turn"
    )?;
    writeln!(out, "excluded  {EXCLUDED}")?;
    writeln!(out, "latency   in milliseconds, from when a record was due, in an open loop")?;
    writeln!(
        out,
        "\n{:<20} {:>8}  {:<5} {:>8} {:>8} {:>8} {:>8} {:>8} {:>9} {:>9}",
        "stage", "rate/s", "", "p50", "p95", "p99", "p99.9", "max", "records/s", "cpu us/rec"
    )
}

/// One row: three lines.
pub fn row(compared: &Compared, out: &mut dyn Write) -> io::Result<()> {
    let rate = compared.row.load.rate.map_or("flat out".to_owned(), |rate| rate.to_string());
    side(compared.row.stage, &rate, "hoga", &compared.ours, out)?;
    side("", "", "bare", &compared.bare, out)?;
    write!(out, "{:<20} {:>8}  {:<5}", "", "", "ratio")?;
    for (_, quantile) in PERCENTILES {
        write!(out, " {:>8}", times(compared.latency_hundredths(quantile)))?;
    }
    let (rate, cpu) = (times(compared.rate_hundredths()), times(compared.cpu_hundredths()));
    let noise = compared.noise_hundredths();
    writeln!(out, " {:>8} {rate:>9} {cpu:>9}   (bare rounds are {noise} % apart)", "")?;
    for missed in compared.missed() {
        writeln!(out, "{:<20} MISSED {missed}", "")?;
    }
    Ok(())
}

fn side(stage: &str, rate: &str, name: &str, side: &Measured, out: &mut dyn Write) -> io::Result<()> {
    write!(out, "{stage:<20} {rate:>8}  {name:<5}")?;
    for (_, quantile) in PERCENTILES {
        write!(out, " {:>8}", milliseconds(side.latency_us.value_at_quantile(quantile)))?;
    }
    let max = milliseconds(side.latency_us.max());
    let (cpu, tenth) = (side.cpu_ns_per_record() / 1_000, side.cpu_ns_per_record() / 100 % 10);
    writeln!(out, " {max:>8} {:>9} {:>9}", side.rate(), format!("{cpu}.{tenth}"))
}

/// After the last row.
pub fn foot(out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\nmemory    at most {} MiB in this process, both sides", highest_memory_mib())
}

/// Writes everything into a file.
pub fn json(file: &Path, machine: &Machine, rows: &[Compared]) -> Result<(), Failure> {
    let rows: Vec<Value> = rows.iter().map(row_json).collect();
    let all = json!({
        "machine": machine,
        "excluded": EXCLUDED,
        "highest_memory_mib": highest_memory_mib(),
        "rows": rows,
    });
    let text = serde_json::to_string_pretty(&all).expect("figures are plain values");
    std::fs::write(file, text + "\n")
        .map_err(|error| Failure::Unavailable(format!("writing {}: {error}", file.display())))
}

fn row_json(compared: &Compared) -> Value {
    let written = compared.flow.topics.iter();
    let written: serde_json::Map<String, Value> = written
        .map(|(topic, written)| (topic.to_string(), json!({ "records": written.records, "bytes": written.bytes })))
        .collect();
    json!({
        "stage": compared.row.stage,
        "rate_per_s": compared.row.load.rate,
        "records_per_round": compared.row.load.measured,
        "hoga": side_json(&compared.ours),
        "bare": side_json(&compared.bare),
        "noise_percent": compared.noise_hundredths(),
        "missed": compared.missed(),
        "written_in_a_round": written,
    })
}

fn side_json(side: &Measured) -> Value {
    let latency = |quantile| side.latency_us.value_at_quantile(quantile);
    json!({
        "seen": side.latency_us.len(),
        "latency_us_p50": latency(0.5),
        "latency_us_p95": latency(0.95),
        "latency_us_p99": latency(0.99),
        "latency_us_p99_9": latency(0.999),
        "latency_us_max": side.latency_us.max(),
        "records_per_s": side.rate(),
        "cpu_ns_per_record": side.cpu_ns_per_record(),
        "rounds_latency_us_p50": side.medians_us,
        "rounds_records_per_s": side.per_second,
    })
}

/// Microseconds as milliseconds with two places.
fn milliseconds(us: u64) -> String {
    format!("{}.{:02}", us / 1_000, us % 1_000 / 10)
}
