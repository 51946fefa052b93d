//! Every figure that is asked for: what it must be, and what it should be. This is the only place that says so.
//!
//! Invariant: a stage and a figure stand here once; stages name their rows and figures as they stand here.

/// How a figure is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// So many a second.
    PerSecond,
    /// Nanoseconds.
    Time,
    /// Hundredths of what the bare loop takes or brings.
    OfBare,
    /// Bytes.
    Bytes,
}

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// At least what is asked.
    More,
    /// At most what is asked.
    Less,
}

/// One figure of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// The row.
    pub row: &'static str,
    /// The figure.
    pub figure: &'static str,
    /// How it is counted.
    pub unit: Unit,
    /// Which way is better.
    pub better: Better,
    /// What it has to be, beyond the noise of its measurement.
    pub must: Option<u64>,
    /// What it is meant to become.
    pub goal: Option<u64>,
}

const fn at_least(row: &'static str, figure: &'static str, must: u64, goal: u64) -> Asked {
    let (must, goal) = (Some(must), Some(goal));
    Asked { row, figure, unit: Unit::PerSecond, better: Better::More, must, goal }
}

const fn at_most(row: &'static str, figure: &'static str, unit: Unit, must: Option<u64>, goal: Option<u64>) -> Asked {
    Asked { row, figure, unit, better: Better::Less, must, goal }
}

const fn time(row: &'static str, figure: &'static str, must: Option<u64>, goal: Option<u64>) -> Asked {
    at_most(row, figure, Unit::Time, must, goal)
}

const fn times_bare(row: &'static str, figure: &'static str, goal: Option<u64>) -> Asked {
    at_most(row, figure, Unit::OfBare, Some(130), goal)
}

const MS: u64 = 1_000_000;

/// The table.
#[rustfmt::skip] // a row a line
pub const ASKED: &[Asked] = &[
    at_least("book", "commands/s", 20_000_000, 35_000_000),
    time("book", "P99", None, Some(150)),
    at_least("core", "commands/s", 10_000_000, 20_000_000),
    at_least("100 symbols", "commands/s", 6_000_000, 12_000_000),
    at_least("10,000 symbols", "commands/s", 2_000_000, 5_000_000),
    at_most("10,000 symbols", "bytes a resting order", Unit::Bytes, Some(160), Some(96)),
    time("codec PlaceOrder", "encode", Some(60), Some(30)),
    time("codec PlaceOrder", "decode", Some(70), Some(35)),
    at_least("log", "appended/s", 2_000_000, 5_000_000),
    at_least("log", "read/s", 2_000_000, 5_000_000),
    time("log", "longest stall", Some(20 * MS), None),
    at_least("embedded flat out", "orders/s", 100_000, 300_000),
    time("embedded 20,000/s", "P99", Some(5 * MS), None),
    time("embedded 50,000/s", "P99", None, Some(2 * MS)),
    times_bare("hop 2,000/s", "P50 of bare", Some(110)),
    times_bare("hop 2,000/s", "P95 of bare", Some(110)),
    times_bare("hop 2,000/s", "CPU of bare", Some(110)),
    times_bare("hop 10,000/s", "P50 of bare", Some(110)),
    times_bare("hop 10,000/s", "P95 of bare", Some(110)),
    times_bare("hop 10,000/s", "CPU of bare", Some(110)),
    times_bare("order to execution 2,000/s", "P50 of bare", None),
    times_bare("order to execution 2,000/s", "P95 of bare", None),
    time("order to execution 2,000/s", "P95", Some(10 * MS), Some(5 * MS)),
    times_bare("order to execution 10,000/s", "P50 of bare", None),
    times_bare("order to execution 10,000/s", "P95 of bare", None),
    time("order to execution 10,000/s", "P95", None, Some(10 * MS)),
    time("order to answer 2,000/s", "P95", Some(6 * MS), Some(3 * MS)),
    time("order to answer 10,000/s", "P95", None, Some(8 * MS)),
    Asked { row: "pipeline", figure: "records/s of bare", unit: Unit::OfBare, better: Better::More, must: Some(70), goal: None },
    Asked { row: "pipeline", figure: "records/s", unit: Unit::PerSecond, better: Better::More, must: None, goal: Some(100_000) },
    at_least("candles", "ticks/s", 5_000_000, 10_000_000),
    at_least("candles from Kafka", "ticks/s", 300_000, 1_000_000),
    time("restart", "back and matching", Some(5_000 * MS), Some(2_000 * MS)),
    time("restart", "delay by a snapshot", Some(20 * MS), Some(5 * MS)),
];

/// What is asked of a figure of a row.
pub fn asked(row: &str, figure: &str) -> Option<&'static Asked> {
    ASKED.iter().find(|asked| (asked.row, asked.figure) == (row, figure))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_asked_once_and_a_goal_is_beyond_its_must() {
        for (at, one) in ASKED.iter().enumerate() {
            let again = ASKED[at + 1..].iter().any(|other| (other.row, other.figure) == (one.row, one.figure));
            assert!(!again, "{} {} stands there twice", one.row, one.figure);
            let beyond = |(must, goal)| if one.better == Better::More { must <= goal } else { must >= goal };
            assert!(one.must.zip(one.goal).is_none_or(beyond), "{} {}", one.row, one.figure);
            assert!(one.must.is_some() || one.goal.is_some(), "{} {} asks nothing", one.row, one.figure);
        }
    }
}
