//! What one round of one side measured, and rounds added up.

use super::outcome::Side;
use super::timing::nanoseconds;
use hdrhistogram::Histogram;
use std::time::Duration;

/// Figures of one side.
#[derive(Debug, Clone)]
pub struct Measured {
    /// Of each measured record that was seen: from when it was due to when it was seen, in microseconds.
    pub latency_us: Histogram<u64>,
    /// Records posted.
    pub posted: u64,
    /// From the first record to when the last was worked through (flat out) or sent (at a rate).
    pub elapsed: Duration,
    /// This process's time on a core in `elapsed`, the posting and the watching included.
    pub cpu: Duration,
    /// Each round's median latency in microseconds, to tell how much rounds differ.
    pub medians_us: Vec<u64>,
    /// Each round's records a second.
    pub per_second: Vec<u64>,
}

impl Measured {
    /// Of one round.
    pub fn new(latency_us: Histogram<u64>, posted: u64, elapsed: Duration, cpu: Duration) -> Self {
        let medians_us = vec![latency_us.value_at_quantile(0.5)];
        let per_second = vec![per_second(posted, elapsed)];
        Self { latency_us, posted, elapsed, cpu, medians_us, per_second }
    }

    /// With another round of the same side.
    pub fn add(&mut self, round: &Self) {
        self.latency_us.add(&round.latency_us).expect("histograms grow as needed");
        self.posted += round.posted;
        self.elapsed += round.elapsed;
        self.cpu += round.cpu;
        self.medians_us.extend(&round.medians_us);
        self.per_second.extend(&round.per_second);
    }

    /// As a side of a row.
    pub fn side(&self, name: &'static str) -> Side {
        let mut latency_ns = nanoseconds();
        for value in self.latency_us.iter_recorded() {
            let (us, count) = (value.value_iterated_to(), value.count_at_value());
            latency_ns.record_n(us * 1_000, count).expect("the histogram grows as needed");
        }
        let (per_second, cpu_ns) = (self.rate(), self.cpu_ns_per_record());
        Side { name, latency_ns: Some(latency_ns), per_second, cpu_ns, count: self.posted }
    }

    /// Records a second over all rounds.
    pub fn rate(&self) -> u64 {
        per_second(self.posted, self.elapsed)
    }

    /// Time on a core for each posted record, in nanoseconds.
    pub fn cpu_ns_per_record(&self) -> u64 {
        (self.cpu.as_nanos() / u128::from(self.posted.max(1))) as u64
    }
}

fn per_second(records: u64, elapsed: Duration) -> u64 {
    (u128::from(records) * 1_000_000_000 / elapsed.as_nanos().max(1)) as u64
}

/// A histogram of microseconds with three digits.
pub fn histogram() -> Histogram<u64> {
    Histogram::new(3).expect("three digits are possible")
}

/// The middle of some numbers, the lower of two; 0 of none.
pub fn median(mut values: Vec<u64>) -> u64 {
    values.sort_unstable();
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or_default()
}
