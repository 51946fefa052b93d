//! One row of figures: hoga and the bare loop, round by round in turn.
//!
//! Invariants:
//! 1. Each pair has topics of its own; hoga goes first, because the bare loop writes as many records as it did.
//! 2. The noise of a ratio is how far the bare loop's own rounds are apart; a bound in time has none.

use super::bare::{self, Bare};
use super::chain::{self, Hop};
use super::place::Place;
use crate::bench::flow::Flow;
use crate::bench::load::Load;
use crate::bench::measured::{Measured, median};
use crate::bench::ours::{self, Ours};
use crate::bench::outcome::{Figure, Outcome};
use crate::cli::Context;
use crate::exit::Failure;
use crate::progress::Progress;
use hoga_core::Topic;
use hoga_topics::kafka::{KafkaLog, KafkaOptions};
use hoga_topics::{Log, Visibility};
use std::sync::Arc;

/// What the figures of both sides do not contain.
const EXCLUDED: &str = "networks between computers, TLS, replication, sinks and streams, snapshots (none is due in a round), starting and stopping";

/// What of the two sides is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Against {
    /// Latency and time on a core.
    Latency,
    /// Records a second.
    Rate,
}

/// A row before it is measured.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Its name in the table.
    pub name: &'static str,
    /// hoga's side.
    pub ours: Ours,
    /// What is posted in a round.
    pub load: Load,
    /// What is compared.
    pub against: Against,
}

/// Both sides, all rounds.
struct Compared {
    row: Row,
    ours: Measured,
    bare: Measured,
    /// What hoga wrote in the last round.
    flow: Flow,
}

impl Row {
    /// Measures it in so many pairs.
    pub fn run(self, context: &Context, options: &KafkaOptions, pairs: u64) -> Result<Outcome, Failure> {
        let mut progress = Progress::new(self.name, Some(2 * pairs));
        let mut all: Option<Compared> = None;
        for pair in 0..pairs {
            let place = Place::make(options)?;
            let (ours, flow) = self.ours(context, &place)?;
            progress.set(2 * pair + 1);
            let bare = bare::round(self.bare(&flow), &context.stop, &place, self.load)?;
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
        Ok(all.expect("at least one pair is asked for").outcome())
    }

    /// A round of hoga, its machines and whoever posts and watches with a connection of their own.
    fn ours(self, context: &Context, place: &Place) -> Result<(Measured, Flow), Failure> {
        let log: Arc<dyn Log> = Arc::new(KafkaLog::connect(place.ours.clone())?);
        let client: Arc<dyn Log> = Arc::new(KafkaLog::connect(place.ours.clone())?);
        ours::round(self.ours, context, &log, &client, Visibility::Written, self.load)
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
    /// How far the bare loop's rounds are apart, in hundredths of their middle.
    fn noise_percent(&self) -> u64 {
        let rounds = match self.row.load.rate {
            Some(_) => &self.bare.medians_us,
            None => &self.bare.per_second,
        };
        let (least, most) = (rounds.iter().min().copied().unwrap_or(0), rounds.iter().max().copied().unwrap_or(0));
        hundredths(most - least, median(rounds.clone()))
    }

    fn outcome(self) -> Outcome {
        let (noise, load) = (self.noise_percent(), self.row.load);
        let at = |quantile: f64| {
            let of = |side: &Measured| side.latency_us.value_at_quantile(quantile);
            (of(&self.ours), of(&self.bare))
        };
        let of_bare = |name, (ours, bare): (u64, u64)| Figure::new(name, hundredths(ours, bare), noise);
        let how = load.rate.map_or("flat out".to_owned(), |rate| format!("at {rate}/s, open-loop"));
        let work =
            format!("{} records in a round {how}; bare: plain rdkafka, as many hops, records, bytes", load.measured);
        let mut outcome = Outcome::new(self.row.name, work, EXCLUDED);
        outcome.figures = match self.row.against {
            Against::Latency => vec![
                of_bare("P50 of bare", at(0.5)),
                of_bare("P95 of bare", at(0.95)),
                of_bare("CPU of bare", (self.ours.cpu_ns_per_record(), self.bare.cpu_ns_per_record())),
                Figure::new("P95", at(0.95).0 * 1_000, 0),
            ],
            Against::Rate => vec![
                of_bare("records/s of bare", (self.ours.rate(), self.bare.rate())),
                Figure::new("records/s", self.ours.rate(), 0),
            ],
        };
        outcome.sides = vec![self.ours.side("hoga"), self.bare.side("bare")];
        outcome.facts = self.flow.topics.iter().map(|(topic, of)| (topic.name(), of.to_string())).collect();
        outcome
    }
}

fn hundredths(of: u64, among: u64) -> u64 {
    of * 100 / among.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::measured::histogram;
    use crate::bench::outcome::Verdict;
    use crate::bench::watch::Sight;
    use std::time::Duration;

    fn side(latency_us: u64, cpu_ms: u64) -> Measured {
        let mut histogram = histogram();
        histogram.record(latency_us).unwrap();
        Measured::new(histogram, 1_000, Duration::from_secs(1), Duration::from_millis(cpu_ms))
    }

    fn verdicts(ours: (u64, u64), bare: &[(u64, u64)]) -> Vec<Verdict> {
        let sides = Ours { machines: &[], post_to: Topic::Orders, sight: Sight::Traded };
        let row = Row { name: "hop 2,000/s", ours: sides, load: Load::paced(1_000, 1), against: Against::Latency };
        let mut rounds = bare.iter().map(|(latency, cpu)| side(*latency, *cpu));
        let mut sum = rounds.next().unwrap();
        rounds.for_each(|round| sum.add(&round));
        let outcome = Compared { row, ours: side(ours.0, ours.1), bare: sum, flow: Flow::default() }.outcome();
        outcome.figures.iter().filter_map(|figure| figure.verdict(outcome.row)).map(|(_, verdict)| verdict).collect()
    }

    #[test]
    fn the_noise_is_that_of_the_bare_loops_rounds() {
        assert_eq!(verdicts((130, 13), &[(100, 10), (100, 10)]), [Verdict::Must; 3]);
        assert_eq!(verdicts((140, 14), &[(100, 10), (100, 10)]), [Verdict::Missed; 3]);
        let noisy = verdicts((140, 11), &[(95, 10), (100, 10), (110, 10)]);
        assert_eq!(noisy[..2], [Verdict::WithinNoise, Verdict::Must], "P95 is beside the bare loop's slowest round");
    }
}
