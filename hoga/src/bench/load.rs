//! How records are posted: open-loop at a rate, or as fast as they are taken.
//!
//! Invariant: at a rate, a record's time is when it was due, not when the poster came to it: a side that falls behind
//! makes what follows wait, and that waiting is measured.

use crate::exit::Failure;
use crate::stop::Stop;
use std::time::{Duration, Instant};

/// Flat out, so many records go out together.
const BATCH: u64 = 256;

/// What is posted in one round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// Records a second; `None`: flat out.
    pub rate: Option<u64>,
    /// Records at the beginning that are not measured.
    pub warm: u64,
    /// Records after these.
    pub measured: u64,
}

impl Load {
    /// Records at a rate for so many seconds, after one second that is not measured.
    pub fn paced(rate: u64, seconds: u64) -> Self {
        Self { rate: Some(rate), warm: rate, measured: rate * seconds }
    }

    /// So many records, as fast as they are taken.
    pub fn flat_out(records: u64) -> Self {
        Self { rate: None, warm: 0, measured: records }
    }

    /// All records.
    pub fn records(self) -> u64 {
        self.warm + self.measured
    }

    /// Has all records posted: `send` takes the number of each, `flush` sends out what was taken. Returns when the
    /// first was due.
    pub fn post<T>(
        self,
        stop: &Stop,
        to: &mut T,
        mut send: impl FnMut(&mut T, u64) -> Result<(), Failure>,
        mut flush: impl FnMut(&mut T) -> Result<(), Failure>,
    ) -> Result<Instant, Failure> {
        let started = Instant::now();
        for number in 0..self.records() {
            let early = self.due(started, number).saturating_duration_since(Instant::now());
            if !early.is_zero() {
                flush(to)?;
                stop.check("no figures")?;
                std::thread::sleep(early);
            }
            send(to, number)?;
            if self.rate.is_none() && number % BATCH == BATCH - 1 {
                flush(to)?;
                stop.check("no figures")?;
            }
        }
        flush(to)?;
        Ok(started)
    }

    /// When a record is due; flat out all are at once.
    pub fn due(self, started: Instant, number: u64) -> Instant {
        self.rate.map_or(started, |rate| started + Duration::from_nanos(number * 1_000_000_000 / rate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_due_at_the_rate_and_sent_in_order() {
        let load = Load { rate: Some(4_000), warm: 1, measured: 3 };
        let started = Instant::now();
        assert_eq!(load.due(started, 2), started + Duration::from_micros(500));
        let mut sent = Vec::new();
        let first = load.post(
            &Stop::default(),
            &mut sent,
            |sent, n| {
                sent.push((n, Instant::now()));
                Ok(())
            },
            |_| Ok(()),
        );
        let first = first.expect("nothing refuses");
        assert_eq!(sent.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [0, 1, 2, 3]);
        assert!(sent.iter().all(|(number, at)| *at >= load.due(first, *number)), "none goes before it is due");
    }
}
