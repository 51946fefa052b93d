//! Rows for people, as they come, and as JSON for programs.

use super::machine::{Machine, highest_memory_mib};
use super::outcome::{Figure, Outcome, Side, Verdict};
use super::table::{ASKED, Unit};
use crate::exit::Failure;
use hdrhistogram::Histogram;
use serde_json::{Map, Value, json};
use std::io::{self, Write};
use std::path::Path;

const PERCENTILES: [(&str, &str, f64); 4] =
    [("P50", "p50", 0.5), ("P95", "p95", 0.95), ("P99", "p99", 0.99), ("P99.9", "p99_9", 0.999)];

/// What the figures are of, before the first.
pub fn head(machine: &Machine, rounds: u64, out: &mut dyn Write) -> io::Result<()> {
    let Machine { processor, cores, memory_mib, system, huge_pages } = machine;
    let pages = if *huge_pages { "pages of 2 MB" } else { "small pages" };
    writeln!(out, "machine   {processor}, {cores} cores, {memory_mib} MiB in {pages}, {system}")?;
    writeln!(
        out,
        "rounds    {rounds} of each row; its figures are the middle ones, the noise is how far they are apart"
    )?;
    writeln!(
        out,
        "rates     of one core by the thread's own time there; at a rate posted in an open loop: waiting counts"
    )
}

/// One row.
pub fn row(outcome: &Outcome, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\n{}: {}", outcome.row, outcome.work)?;
    writeln!(out, "  excluded: {}", outcome.excluded)?;
    write!(out, "  {:<18}", "")?;
    PERCENTILES.iter().try_for_each(|(name, ..)| write!(out, " {name:>9}"))?;
    writeln!(out, " {:>9} {:>12} {:>9}", "max", "a second", "CPU each")?;
    outcome.sides.iter().try_for_each(|side| self::side(side, out))?;
    for figure in &outcome.figures {
        self::figure(outcome.row, figure, out)?;
    }
    let facts: Vec<String> = outcome.facts.iter().map(|(name, value)| format!("{name} {value}")).collect();
    if !facts.is_empty() {
        writeln!(out, "  {}", facts.join(", "))?;
    }
    outcome.wrong.iter().try_for_each(|wrong| writeln!(out, "  WRONG {wrong}"))
}

/// A row that could not be measured.
pub fn failed(row: &str, why: &Failure, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\n{row}: FAILED {why}")
}

fn side(side: &Side, out: &mut dyn Write) -> io::Result<()> {
    write!(out, "  {:<18}", side.name)?;
    for (_, _, quantile) in PERCENTILES {
        write!(out, " {:>9}", latency(side, |histogram| histogram.value_at_quantile(quantile)))?;
    }
    let max = latency(side, Histogram::max);
    writeln!(out, " {max:>9} {:>12} {:>9}", thousands(side.per_second), time(side.cpu_ns))
}

fn latency(side: &Side, of: impl Fn(&Histogram<u64>) -> u64) -> String {
    side.latency_ns.as_ref().map_or("-".to_owned(), |histogram| time(of(histogram)))
}

fn figure(row: &str, figure: &Figure, out: &mut dyn Write) -> io::Result<()> {
    let Some((asked, verdict)) = figure.verdict(row) else { return Ok(()) };
    let bound = |bound: Option<u64>| bound.map_or("-".to_owned(), |bound| show(asked.unit, bound));
    let (value, must, goal) = (show(asked.unit, figure.value), bound(asked.must), bound(asked.goal));
    let noise = figure.noise_percent;
    let (name, said) = (figure.name, said(verdict));
    writeln!(out, "  {name:<22} {value:>12}   must {must:>10}   goal {goal:>10}   noise {noise:>2} %   {said}")
}

fn said(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Goal => "goal",
        Verdict::Must => "kept",
        Verdict::NoGoal => "short of the goal",
        Verdict::WithinNoise => "below the must, within the noise",
        Verdict::Missed => "MISSED",
    }
}

/// The table, after the last row: every figure that is asked for.
pub fn foot(outcomes: &[Outcome], out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\n{:<28} {:<22} {:>12} {:>10} {:>10}", "row", "figure", "measured", "must", "goal")?;
    let measured_rows = |row: &str| outcomes.iter().find(|outcome| outcome.row == row);
    for asked in ASKED.iter().filter(|asked| measured_rows(asked.row).is_some()) {
        let outcome = measured_rows(asked.row).expect("filtered above");
        let figure = outcome.figures.iter().find(|figure| figure.name == asked.figure);
        let bound = |bound: Option<u64>| bound.map_or("-".to_owned(), |bound| show(asked.unit, bound));
        let value = figure.map_or("not measured".to_owned(), |figure| show(asked.unit, figure.value));
        let verdict = figure.and_then(|figure| figure.verdict(asked.row)).map_or("", |(_, verdict)| said(verdict));
        let (must, goal) = (bound(asked.must), bound(asked.goal));
        writeln!(out, "{:<28} {:<22} {value:>12} {must:>10} {goal:>10}  {verdict}", asked.row, asked.figure)?;
    }
    writeln!(out, "\nmemory    at most {} MiB in this process", highest_memory_mib())
}

/// Writes everything into a file.
pub fn json(file: &Path, machine: &Machine, outcomes: &[Outcome]) -> Result<(), Failure> {
    let rows: Vec<Value> = outcomes.iter().map(row_json).collect();
    let all = json!({ "machine": machine, "highest_memory_mib": highest_memory_mib(), "rows": rows });
    let text = serde_json::to_string_pretty(&all).expect("figures are plain values");
    std::fs::write(file, text + "\n")
        .map_err(|error| Failure::Unavailable(format!("writing {}: {error}", file.display())))
}

fn row_json(outcome: &Outcome) -> Value {
    let facts: Map<String, Value> =
        outcome.facts.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    json!({
        "row": outcome.row,
        "work": outcome.work,
        "excluded": outcome.excluded,
        "sides": outcome.sides.iter().map(side_json).collect::<Vec<_>>(),
        "figures": outcome.figures.iter().map(|figure| figure_json(outcome.row, figure)).collect::<Vec<_>>(),
        "wrong": outcome.wrong,
        "facts": facts,
    })
}

fn side_json(side: &Side) -> Value {
    let mut all = Map::new();
    all.insert("name".into(), json!(side.name));
    all.insert("count".into(), json!(side.count));
    all.insert("per_second".into(), json!(side.per_second));
    all.insert("cpu_ns".into(), json!(side.cpu_ns));
    if let Some(histogram) = &side.latency_ns {
        for (_, name, quantile) in PERCENTILES {
            all.insert(format!("latency_ns_{name}"), json!(histogram.value_at_quantile(quantile)));
        }
        all.insert("latency_ns_max".into(), json!(histogram.max()));
    }
    Value::Object(all)
}

fn figure_json(row: &str, figure: &Figure) -> Value {
    let verdict = figure.verdict(row);
    json!({
        "name": figure.name,
        "value": figure.value,
        "noise_percent": figure.noise_percent,
        "must": verdict.and_then(|(asked, _)| asked.must),
        "goal": verdict.and_then(|(asked, _)| asked.goal),
        "verdict": verdict.map(|(_, verdict)| format!("{verdict:?}")),
    })
}

fn show(unit: Unit, value: u64) -> String {
    match unit {
        Unit::PerSecond => thousands(value),
        Unit::Time => time(value),
        Unit::OfBare => format!("{}.{:02}", value / 100, value % 100),
        Unit::Bytes => format!("{value} B"),
    }
}

/// Nanoseconds in the unit in which they are easy to read.
fn time(ns: u64) -> String {
    match ns {
        0..10_000 => format!("{ns} ns"),
        10_000..10_000_000 => format!("{}.{} us", ns / 1_000, ns % 1_000 / 100),
        _ => format!("{}.{} ms", ns / 1_000_000, ns % 1_000_000 / 100_000),
    }
}

/// With a comma at every third digit.
fn thousands(value: u64) -> String {
    indicatif::HumanCount(value).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_so_that_they_are_read() {
        let cases = [(150, "150 ns"), (12_345, "12.3 us"), (4_560_000, "4560.0 us"), (20_100_000, "20.1 ms")];
        cases.iter().for_each(|(ns, text)| assert_eq!(time(*ns), *text));
        assert_eq!((thousands(20_000_000).as_str(), show(Unit::OfBare, 130).as_str()), ("20,000,000", "1.30"));
    }
}
