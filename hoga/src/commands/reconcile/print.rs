//! What a comparison came to, as tables.

use hoga_runtime::reconcile::{Covered, Differences, Reconciled};
use indicatif::HumanCount;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::{self, Write};

/// Rows of each table of counts; the others are added up.
const ROWS: usize = 20;

/// Everything but the last line.
pub fn all(reconciled: &Reconciled, out: &mut dyn Write) -> io::Result<()> {
    let covered: Vec<_> = reconciled.covered.iter().filter(|one| one.range.is_some() || !one.left.is_empty()).collect();
    writeln!(out, "{:<18} {:<24} {:>10} {:>10} {:>9}", "PARTITION", "OFFSETS", "COMPARED", "GIVEN", "DROPPED")?;
    for one in &covered {
        let range = one.range.map_or_else(|| "none".into(), |(first, next)| format!("{first} to {}", next - 1));
        let (at, compared, given, dropped) = (one.at.to_string(), one.compared, one.given, dropped(one));
        writeln!(out, "{at:<18} {range:<24} {compared:>10} {given:>10} {dropped:>9}")?;
    }
    under_way(&covered, out)?;
    not_covered(reconciled, out)?;
    differences(&reconciled.differences, out)
}

/// What readers do not accept: of former owners, repeats, ahead of a missing record, forged.
fn dropped(covered: &Covered) -> u64 {
    let counts = covered.dropped;
    counts.stale + counts.repeats + counts.ahead + counts.forged
}

fn under_way(covered: &[&Covered], out: &mut dyn Write) -> io::Result<()> {
    let sum: u64 = covered.iter().map(|one| one.under_way).sum();
    if sum > 0 {
        writeln!(out, "\n{sum} effects were on their way: no mark tells yet that they are delivered")?;
    }
    Ok(())
}

fn not_covered(reconciled: &Reconciled, out: &mut dyn Write) -> io::Result<()> {
    let mut lines = Vec::new();
    lines.extend(reconciled.without_marks.as_ref().map(|why| format!("  the very ends: {why}")));
    for one in &reconciled.covered {
        for ((why, channel), left) in &one.left {
            let (first, last) = (left.first, left.next.saturating_sub(1));
            let by = channel.map_or_else(String::new, |channel| format!(" by {channel}"));
            let at = one.at.to_string();
            lines.push(format!("  {at:<18} {} records{by}, offsets {first} to {last}: {why}", left.records));
        }
    }
    if lines.is_empty() { Ok(()) } else { writeln!(out, "\nnot compared:\n{}", lines.join("\n")) }
}

fn differences(differences: &Differences, out: &mut dyn Write) -> io::Result<()> {
    if differences.total == 0 {
        return Ok(());
    }
    writeln!(out, "\nfirst {} of {} differences:", differences.first.len(), differences.total)?;
    for difference in &differences.first {
        writeln!(out, "  {difference}")?;
    }
    counts("TOPIC", &differences.topics, out)?;
    counts("ACCOUNT", &differences.accounts, out)?;
    counts("SYMBOL", &differences.symbols, out)
}

fn counts<T: Display>(what: &str, counts: &BTreeMap<T, u64>, out: &mut dyn Write) -> io::Result<()> {
    if counts.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{what:<24} {:>12}", "DIFFERENCES")?;
    let mut sorted: Vec<_> = counts.iter().collect();
    // The most first; of equal ones in the order of their names.
    sorted.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    for (name, count) in sorted.iter().take(ROWS) {
        let name = name.to_string();
        writeln!(out, "{name:<24} {count:>12}")?;
    }
    if sorted.len() > ROWS {
        let rest: u64 = sorted[ROWS..].iter().map(|(_, count)| **count).sum();
        writeln!(out, "{:<24} {rest:>12}", format!("{} others", sorted.len() - ROWS))?;
    }
    Ok(())
}

/// How much was compared.
pub fn figures(reconciled: &Reconciled) -> String {
    let sum = |count: fn(&Covered) -> u64| HumanCount(reconciled.covered.iter().map(count).sum());
    let (compared, given) = (sum(|one| one.compared), sum(|one| one.given));
    let (due, bytes) = reconciled.most_due;
    format!("{compared} records compared, {given} given; at most {due} due at a time ({} KiB)", bytes >> 10)
}
