//! One row of figures: hoga and the bare loop, round by round in turn, and what must hold between them.
//!
//! Invariants:
//! 1. Each pair has topics of its own; hoga goes first, because the bare loop writes as many records as it did.
//! 2. A must is missed only by more than the noise: how far the bare loop's own rounds are apart.

use super::bare::{self, Bare};
use super::chain::{self, Hop};
use super::flow::Flow;
use super::load::Load;
use super::measured::{Measured, median};
use super::ours::{self, Ours};
use super::place::Place;
use crate::cli::Context;
use crate::exit::Failure;
use crate::progress::Progress;
use hoga_core::Topic;
use hoga_topics::kafka::KafkaOptions;

/// What a row asks of hoga; what it leaves out it does not ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Must {
    /// P50 and P95 at most so many hundredths of the bare loop's.
    pub latency: Option<u64>,
    /// Time on a core for a record at most so many hundredths of the bare loop's.
    pub cpu: Option<u64>,
    /// P95 at most so many microseconds.
    pub p95_us: Option<u64>,
    /// Records a second at least so many hundredths of the bare loop's.
    pub rate: Option<u64>,
}

/// A row before it is measured.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Its stage.
    pub stage: &'static str,
    /// hoga's side.
    pub ours: Ours,
    /// What is posted in a round.
    pub load: Load,
    /// What must hold.
    pub must: Must,
}

/// Both sides, all rounds.
pub struct Compared {
    /// The row.
    pub row: Row,
    /// hoga.
    pub ours: Measured,
    /// The bare loop.
    pub bare: Measured,
    /// What hoga wrote in the last round.
    pub flow: Flow,
}

impl Row {
    /// Measures it in so many pairs.
    pub fn run(self, context: &Context, options: &KafkaOptions, pairs: u64) -> Result<Compared, Failure> {
        let mut progress = Progress::new(self.stage, Some(2 * pairs));
        let mut all: Option<Compared> = None;
        for pair in 0..pairs {
            let place = Place::make(options)?;
            let (ours, flow) = ours::round(self.ours, context, &place, self.load)?;
            progress.set(2 * pair + 1);
            let bare = self.bare(&flow);
            let bare = bare::round(bare, &context.stop, &place, self.load)?;
            progress.set(2 * pair + 2);
            all = Some(match all {
                None => Compared { row: self, ours, bare, flow },
                Some(mut sum) => {
                    sum.ours.add(&ours);
                    sum.bare.add(&bare);
                    Compared { flow, ..sum }
                }
            });
        }
        Ok(all.expect("at least one pair is asked for"))
    }

    fn bare(self, flow: &Flow) -> Bare<'_> {
        let watch = self.ours.sight.topic();
        Bare { hops: self.hops(flow), post_to: self.ours.post_to, watch, flow }
    }

    fn hops(self, flow: &Flow) -> Vec<Hop> {
        match self.ours.machines {
            [_] => chain::admission(flow),
            _ => chain::all(flow, self.ours.post_to == Topic::Orders),
        }
    }
}

impl Compared {
    /// hoga's percentile in hundredths of the bare loop's.
    pub fn latency_hundredths(&self, quantile: f64) -> u64 {
        let at = |side: &Measured| side.latency_us.value_at_quantile(quantile);
        hundredths(at(&self.ours), at(&self.bare))
    }

    /// hoga's time on a core for a record in hundredths of the bare loop's.
    pub fn cpu_hundredths(&self) -> u64 {
        hundredths(self.ours.cpu_ns_per_record(), self.bare.cpu_ns_per_record())
    }

    /// hoga's records a second in hundredths of the bare loop's.
    pub fn rate_hundredths(&self) -> u64 {
        hundredths(self.ours.rate(), self.bare.rate())
    }

    /// How far the bare loop's rounds are apart, in hundredths of their middle.
    pub fn noise_hundredths(&self) -> u64 {
        let rounds = match self.row.load.rate {
            Some(_) => &self.bare.medians_us,
            None => &self.bare.per_second,
        };
        let (least, most) = (rounds.iter().min().copied().unwrap_or(0), rounds.iter().max().copied().unwrap_or(0));
        hundredths(most - least, median(rounds.clone()))
    }

    /// What of the must is missed, in words.
    pub fn missed(&self) -> Vec<String> {
        let (must, noise) = (self.row.must, self.noise_hundredths());
        let mut missed = Vec::new();
        let at_most = [
            ("p50", must.latency, self.latency_hundredths(0.5)),
            ("p95", must.latency, self.latency_hundredths(0.95)),
            ("time on a core", must.cpu, self.cpu_hundredths()),
        ];
        for (what, bound, is) in at_most {
            if let Some(bound) = bound.filter(|bound| is > bound + bound * noise / 100) {
                missed.push(format!("{what}: {} times the bare loop's, at most {} is asked", times(is), times(bound)));
            }
        }
        let (p95, rate) = (self.ours.latency_us.value_at_quantile(0.95), self.rate_hundredths());
        if let Some(bound) = must.p95_us.filter(|bound| p95 > *bound) {
            missed.push(format!("p95: {p95} us, at most {bound} us is asked"));
        }
        if let Some(least) = must.rate.filter(|least| rate + least * noise / 100 < *least) {
            missed.push(format!("records/s: {} of the bare loop's, at least {} is asked", times(rate), times(least)));
        }
        missed
    }
}

fn hundredths(of: u64, among: u64) -> u64 {
    of * 100 / among.max(1)
}

/// Hundredths as a number with two places.
pub fn times(hundredths: u64) -> String {
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::measured::histogram;
    use crate::bench::watch::Sight;
    use std::time::Duration;

    fn side(latency_us: u64, cpu_ms: u64) -> Measured {
        let mut histogram = histogram();
        histogram.record(latency_us).unwrap();
        Measured::new(histogram, 1_000, Duration::from_secs(1), Duration::from_millis(cpu_ms))
    }

    fn compared(ours: (u64, u64), bare: &[(u64, u64)], must: Must) -> Compared {
        let sides = Ours { machines: &[], post_to: Topic::Orders, sight: Sight::Traded };
        let row = Row { stage: "a row", ours: sides, load: Load::paced(1_000, 1), must };
        let mut rounds = bare.iter().map(|(latency, cpu)| side(*latency, *cpu));
        let mut sum = rounds.next().unwrap();
        rounds.for_each(|round| sum.add(&round));
        Compared { row, ours: side(ours.0, ours.1), bare: sum, flow: Flow::default() }
    }

    #[test]
    fn a_must_is_missed_only_by_more_than_the_noise() {
        let ratio = || Must { latency: Some(130), cpu: Some(130), ..Must::default() };
        let within = compared((130, 13), &[(100, 10), (100, 10)], ratio());
        assert_eq!(within.missed(), Vec::<String>::new());
        let slow = compared((140, 14), &[(100, 10), (100, 10)], ratio());
        assert_eq!(slow.missed().len(), 3, "{:?}", slow.missed());
        let noisy = compared((140, 11), &[(95, 10), (100, 10), (110, 10)], ratio());
        assert_eq!((noisy.noise_hundredths(), noisy.missed()), (15, Vec::new()));
    }

    #[test]
    fn a_bound_in_time_is_one_whatever_the_bare_loop_does() {
        let must = Must { p95_us: Some(120), ..Must::default() };
        let late = compared((121, 10), &[(100, 10), (200, 10)], must);
        assert_eq!(late.missed(), ["p95: 121 us, at most 120 us is asked"]);
    }
}
