//! What runs of faults did, added up in a file over runs.

use crate::exit::Failure;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

/// Sums over runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Totals {
    /// Runs, also those that were interrupted.
    pub runs: u64,
    /// Of these, those in which the checker or a process found something wrong.
    pub different: u64,
    /// Their seeds.
    pub seeds: Vec<u64>,
    /// Rounds, each followed by the checker.
    pub rounds: u64,
    /// Commands of members sent under faults.
    pub orders: u64,
    /// Those whose answer was lost at first.
    pub orders_unknown: u64,
    /// Those of them that were sent again.
    pub orders_resent: u64,
    /// kill -9 of a process at a random moment.
    pub kills: u64,
    /// Processes that killed themselves, by fail point.
    pub kills_by_point: BTreeMap<String, u64>,
    /// Fail points that were armed and not met in time.
    pub points_not_met: BTreeMap<String, u64>,
    /// Owners that woke after they had been replaced.
    pub late_wakers: u64,
    /// kill -9 of a broker.
    pub broker_kills: u64,
    /// SIGSTOP and SIGCONT of a broker.
    pub broker_pauses: u64,
    /// Brokers that ended in order and started again.
    pub broker_restarts: u64,
    /// Schedules of Kafka frames.
    pub schedules: u64,
    /// What was done to frames in them.
    pub frames: BTreeMap<String, u64>,
    /// From a fault until what it hit is at work again, in milliseconds, by what was hit.
    pub recovery_ms: BTreeMap<String, Vec<u64>>,
}

impl Totals {
    /// Those of a file; zero if it is not there.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let wrong = |why: String| Failure::Usage(format!("the totals in {}: {why}", path.display()));
        match std::fs::read_to_string(path) {
            Ok(text) => serde_json::from_str(&text).map_err(|error| wrong(error.to_string())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(wrong(error.to_string())),
        }
    }

    /// Puts them into a file.
    pub fn write(&self, path: &Path) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(self).expect("totals are plain values");
        let new = path.with_extension("new");
        std::fs::write(&new, text + "\n")
            .and_then(|()| std::fs::rename(&new, path))
            .map_err(|error| Failure::Unavailable(format!("writing the totals into {}: {error}", path.display())))
    }

    /// Adds another's.
    pub fn add(&mut self, other: &Self) {
        let add_counts = |into: &mut BTreeMap<String, u64>, from: &BTreeMap<String, u64>| {
            from.iter().for_each(|(name, count)| *into.entry(name.clone()).or_default() += count);
        };
        self.runs += other.runs;
        self.different += other.different;
        self.seeds.extend(&other.seeds);
        self.rounds += other.rounds;
        self.orders += other.orders;
        self.orders_unknown += other.orders_unknown;
        self.orders_resent += other.orders_resent;
        self.kills += other.kills;
        add_counts(&mut self.kills_by_point, &other.kills_by_point);
        add_counts(&mut self.points_not_met, &other.points_not_met);
        self.late_wakers += other.late_wakers;
        self.broker_kills += other.broker_kills;
        self.broker_pauses += other.broker_pauses;
        self.broker_restarts += other.broker_restarts;
        self.schedules += other.schedules;
        add_counts(&mut self.frames, &other.frames);
        for (what, took) in &other.recovery_ms {
            self.recovery_ms.entry(what.clone()).or_default().extend(took);
        }
    }

    /// Prints them, a line each.
    pub fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        let points: u64 = self.kills_by_point.values().sum();
        writeln!(out, "runs              {}, different {}", self.runs, self.different)?;
        writeln!(out, "rounds            {}, the checker after each", self.rounds)?;
        let (orders, unknown, resent) = (self.orders, self.orders_unknown, self.orders_resent);
        writeln!(out, "orders            {orders}; answers lost: {unknown}, {resent} of them sent again")?;
        let (random, named) = (self.kills, self.kills_by_point.len());
        writeln!(out, "kill -9           {}: {random} at random, {points} at {named} fail points", random + points)?;
        if !self.points_not_met.is_empty() {
            let names: Vec<_> = self.points_not_met.iter().map(|(name, times)| format!("{name} {times}")).collect();
            writeln!(out, "points not met    {}", names.join(", "))?;
        }
        writeln!(out, "late wakers       {}", self.late_wakers)?;
        let (kills, pauses, restarts) = (self.broker_kills, self.broker_pauses, self.broker_restarts);
        writeln!(out, "brokers           killed {kills}, paused {pauses}, restarted {restarts}")?;
        if self.schedules > 0 {
            let frames: Vec<_> = self.frames.iter().map(|(what, count)| format!("{what} {count}")).collect();
            writeln!(out, "frame schedules   {}: {}", self.schedules, frames.join(", "))?;
        }
        for (what, took) in &self.recovery_ms {
            let (p50, p99, max) = percentiles(took);
            writeln!(out, "recovery, s       {what:<13} of {}: p50 {p50}  p99 {p99}  max {max}", took.len())?;
        }
        Ok(())
    }
}

/// P50, P99 and the most, in seconds.
fn percentiles(took: &[u64]) -> (String, String, String) {
    let mut sorted = took.to_vec();
    sorted.sort_unstable();
    let at = |hundredths: usize| {
        let index = (sorted.len() * hundredths).div_ceil(100).clamp(1, sorted.len().max(1)) - 1;
        sorted.get(index).map_or("-".into(), |ms| format!("{}.{:03}", ms / 1_000, ms % 1_000))
    };
    (at(50), at(99), at(100))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_add_up_through_a_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("totals.json");
        assert_eq!(Totals::read(&path).expect("none yet"), Totals::default());
        let points = BTreeMap::from([("after-read".to_owned(), 2)]);
        let recovery_ms = BTreeMap::from([("holds".to_owned(), vec![1_500, 900])]);
        let one =
            Totals { runs: 1, seeds: vec![7], kills: 3, kills_by_point: points, recovery_ms, ..Totals::default() };
        let mut sum = Totals::read(&path).expect("none yet");
        sum.add(&one);
        sum.write(&path).expect("written");
        sum = Totals::read(&path).expect("read back");
        sum.add(&one);
        assert_eq!(
            (sum.runs, sum.kills, sum.kills_by_point["after-read"], sum.recovery_ms["holds"].len()),
            (2, 6, 4, 4)
        );
        let mut text = Vec::new();
        sum.print(&mut text).expect("printed");
        let text = String::from_utf8(text).expect("words");
        assert!(text.contains("kill -9           10: 6 at random, 4 at 1 fail points"), "{text}");
        assert!(text.contains("of 4: p50 0.900  p99 1.500  max 1.500"), "{text}");
    }

    #[test]
    fn percentiles_are_nearest_ranks() {
        let took: Vec<u64> = (1..=100).map(|n| n * 10).collect();
        assert_eq!(percentiles(&took), ("0.500".into(), "0.990".into(), "1.000".into()));
        assert_eq!(percentiles(&[]), ("-".into(), "-".into(), "-".into()));
    }
}
