//! What one row of a stage measured, and what the table says to it.
//!
//! Invariants:
//! 1. A must is missed only by more than the noise that was measured with the figure.
//! 2. A known result that differs is never noise.

use super::table::{ASKED, Asked, Better, asked};
use super::timing::Spread;
use hdrhistogram::Histogram;

/// One figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figure {
    /// Its name, as in the table.
    pub name: &'static str,
    /// Its value, in the table's unit.
    pub value: u64,
    /// How far measurements of it were apart, in hundredths of their middle.
    pub noise_percent: u64,
}

/// One of the things that were measured beside each other: hoga, the bare loop, another codec.
#[derive(Debug, Clone)]
pub struct Side {
    /// Who.
    pub name: &'static str,
    /// How long each took, in nanoseconds.
    pub latency_ns: Option<Histogram<u64>>,
    /// How many a second.
    pub per_second: u64,
    /// Time on a core for each.
    pub cpu_ns: u64,
    /// How many were done over all rounds.
    pub count: u64,
}

/// A row.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Its name, as in the table.
    pub row: &'static str,
    /// What was done, with numbers.
    pub work: String,
    /// What the figures do not contain.
    pub excluded: &'static str,
    /// Sides, hoga first.
    pub sides: Vec<Side>,
    /// What is asked for or worth telling.
    pub figures: Vec<Figure>,
    /// Known results that differ, in words.
    pub wrong: Vec<String>,
    /// What else was seen: names and numbers.
    pub facts: Vec<(&'static str, String)>,
}

/// How a figure stands to what is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Beyond the goal.
    Goal,
    /// The must is kept, the goal is not reached.
    Must,
    /// Only a goal is asked for, and it is not reached.
    NoGoal,
    /// The must is missed by less than the noise.
    WithinNoise,
    /// The must is missed.
    Missed,
}

impl Figure {
    /// One value, with the noise of what it was measured beside.
    pub fn new(name: &'static str, value: u64, noise_percent: u64) -> Self {
        Self { name, value, noise_percent }
    }

    /// The middle of some rounds.
    pub fn of(name: &'static str, spread: &Spread) -> Self {
        Self::new(name, spread.middle(), spread.noise_percent())
    }

    /// What the table says to it, if it asks for it.
    pub fn verdict(&self, row: &str) -> Option<(&'static Asked, Verdict)> {
        let asked = asked(row, self.name)?;
        let slack = |bound: u64| bound.saturating_mul(self.noise_percent) / 100;
        let reaches = |bound: u64| match asked.better {
            Better::More => self.value >= bound,
            Better::Less => self.value <= bound,
        };
        let nearly = |bound: u64| match asked.better {
            Better::More => self.value.saturating_add(slack(bound)) >= bound,
            Better::Less => self.value <= bound.saturating_add(slack(bound)),
        };
        let verdict = match (asked.must, asked.goal) {
            (_, Some(goal)) if reaches(goal) => Verdict::Goal,
            (Some(must), _) if reaches(must) => Verdict::Must,
            (Some(must), _) if nearly(must) => Verdict::WithinNoise,
            (Some(_), _) => Verdict::Missed,
            (None, _) => Verdict::NoGoal,
        };
        Some((asked, verdict))
    }
}

impl Outcome {
    /// A row without figures yet.
    pub fn new(row: &'static str, work: String, excluded: &'static str) -> Self {
        debug_assert!(ASKED.iter().any(|asked| asked.row == row) || row.starts_with("codec "), "{row} is in no table");
        let (sides, figures, wrong, facts) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { row, work, excluded, sides, figures, wrong, facts }
    }

    /// A known result: what came out has to be what is known.
    pub fn known<T: PartialEq + std::fmt::Display>(&mut self, what: &'static str, is: T, expected: Option<T>) {
        if let Some(expected) = expected.filter(|expected| *expected != is) {
            self.wrong.push(format!("{what}: {is}, known is {expected}"));
        }
        self.facts.push((what, is.to_string()));
    }

    /// What keeps the whole from being good: known results that differ, musts that are missed.
    pub fn complaints(&self) -> usize {
        let verdicts = self.figures.iter().filter_map(|figure| figure.verdict(self.row));
        self.wrong.len() + verdicts.filter(|(_, verdict)| *verdict == Verdict::Missed).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_must_is_missed_only_by_more_than_the_noise() {
        for (row, figure, value, noise, expected) in [
            ("book", "commands/s", 35_000_000, 0, Verdict::Goal),
            ("book", "commands/s", 20_000_000, 0, Verdict::Must),
            ("book", "commands/s", 19_000_000, 5, Verdict::WithinNoise),
            ("book", "commands/s", 18_999_999, 5, Verdict::Missed),
            ("book", "P99", 151, 0, Verdict::NoGoal),
            ("hop 2,000/s", "P50 of bare", 110, 0, Verdict::Goal),
            ("hop 2,000/s", "P50 of bare", 130, 0, Verdict::Must),
            ("hop 2,000/s", "P50 of bare", 143, 10, Verdict::WithinNoise),
            ("hop 2,000/s", "P50 of bare", 144, 10, Verdict::Missed),
        ] {
            let (_, verdict) = Figure::new(figure, value, noise).verdict(row).expect("it is in the table");
            assert_eq!(verdict, expected, "{row} {figure} {value}");
        }
        assert!(Figure::new("commands/s", 1, 0).verdict("no row").is_none());
    }

    #[test]
    fn a_known_result_that_differs_is_a_complaint() {
        let mut outcome = Outcome::new("book", String::new(), "");
        outcome.known("trades", 5, Some(5));
        outcome.known("volume", 7, None);
        assert_eq!(outcome.complaints(), 0);
        outcome.known("trades", 6, Some(5));
        assert_eq!((outcome.complaints(), outcome.wrong[0].as_str()), (1, "trades: 6, known is 5"));
    }
}
