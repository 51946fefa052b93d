//! What the demo prints, and where a check fails.

use crate::audit::{self, Compared};
use crate::commands::{Stretch, trial_balance};
use crate::exit::Failure;
use crate::ledger::Ledger;
use crate::site::Site;
use hdrhistogram::Histogram;
use std::io::{self, Write};
use std::time::Duration;

/// Orders, trades, orders a second.
pub fn throughput(stretch: &Stretch, out: &mut dyn Write) -> io::Result<()> {
    let (orders, cancels, trades) = (stretch.posted.orders, stretch.posted.cancels, stretch.seen.trades);
    let millis = (stretch.elapsed.as_millis() as u64).max(1);
    writeln!(out, "\norders            {orders} (and {cancels} cancels) through all topics in {millis} ms")?;
    writeln!(out, "fills             {trades}")?;
    writeln!(out, "orders/s          {}", orders * 1_000 / millis)
}

/// Percentiles, from just before an order is posted to when its first execution is read.
pub fn latency(what: &str, histogram: &Histogram<u64>, out: &mut dyn Write) -> io::Result<()> {
    let at = |percentile| milliseconds(histogram.value_at_percentile(percentile));
    let (p50, p95, p99, p999) = (at(50.0), at(95.0), at(99.0), at(99.9));
    let (max, count) = (milliseconds(histogram.max()), histogram.len());
    writeln!(
        out,
        "order → execution {what}: p50 {p50}  p95 {p95}  p99 {p99}  p99.9 {p999}  max {max} ms ({count} orders)"
    )
}

/// Microseconds as milliseconds with three places.
fn milliseconds(us: u64) -> String {
    format!("{}.{:03}", us / 1_000, us % 1_000)
}

/// The process's memory, now and at its highest.
pub fn memory(out: &mut dyn Write) -> io::Result<()> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = |name: &str| -> Option<u64> {
        status.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok())
    };
    match (kib("VmRSS:"), kib("VmHWM:")) {
        (Some(now), Some(highest)) => {
            writeln!(out, "memory            {} MiB, at most {} MiB", now / 1_024, highest / 1_024)
        }
        // Only Linux tells it here.
        _ => Ok(()),
    }
}

/// The trial balance: an error unless each asset sums to zero, and what is owed between partitions too.
pub fn ledger(ledger: &Ledger, out: &mut dyn Write) -> Result<(), Failure> {
    writeln!(out, "\ntrial balance of {} journal entries:", ledger.entries)?;
    trial_balance(ledger, out)?;
    match ledger.trial_balance().iter().find(|(_, row)| row.clearing.0 != 0) {
        Some((asset, row)) => {
            let owed = row.clearing;
            Err(Failure::Refused(format!(
                "{owed} {asset} are still owed between partitions, though all is worked through"
            )))
        }
        None => Ok(()),
    }
}

/// State hashes, live and replayed: an error unless all agree.
pub fn replay(compared: &[Compared], out: &mut dyn Write) -> Result<(), Failure> {
    let (live, replayed) = audit::total(compared);
    writeln!(out, "\nlive hash         {live:016x} ({} machines)", compared.len())?;
    let from = match compared.iter().filter(|one| one.from > 0).count() {
        0 => "from offset 0".to_owned(),
        cut => format!("{cut} machines from a snapshot, because what was before is cut"),
    };
    writeln!(out, "replay hash       {replayed:016x} ({from})")?;
    match compared.iter().find(|one| !one.agrees()) {
        Some(one) => {
            Err(Failure::Refused(format!("{}/{} is not what its input says: {one:?}", one.kind, one.partition)))
        }
        None => Ok(()),
    }
}

/// What to try now.
pub fn next_commands(site: &Site, elapsed: Duration, out: &mut dyn Write) -> Result<(), Failure> {
    let log = site.flags();
    let demo = if site.is_own() { "hoga demo".to_owned() } else { format!("hoga demo {log}") };
    writeln!(out, "\nall checks passed after {} ms. Next:", elapsed.as_millis())?;
    for (command, what) in [
        (demo, "goes on from the stored state"),
        (format!("hoga tail executions --limit 3 {log}"), "trades, decoded"),
        (format!("hoga tail order-events --key demo-0007 --limit 3 {log}"), "an account's orders"),
        (format!("hoga balances demo-0007 {log}"), "its balances"),
        (format!("hoga up {log}"), "keep it running; then produce, deposit, tail --follow"),
    ] {
        writeln!(out, "  {command:<76}  {what}")?;
    }
    Ok(())
}
