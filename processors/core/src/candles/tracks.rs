//! The bars of one symbol (and venue) in all intervals.
//!
//! Invariants:
//! 1. What is saved, and what a sweep finds, has every trade in it: [`Fresh`] ones are brought in before.
//! 2. The state says the same however its trades came in, alone or together.

use super::Counts;
use super::bar::Trade;
use super::fresh::Fresh;
use super::interval::Interval;
use super::track::{Lifetime, Taken, Track};
use crate::money::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A track for each interval, in the order of the settings, and what is not in their bars yet.
#[derive(Debug)]
pub(super) struct Tracks {
    list: Vec<Track>,
    fresh: Fresh,
}

impl Tracks {
    /// No bars.
    pub(super) fn new(intervals: usize) -> Self {
        Self { list: (0..intervals).map(|_| Track::new()).collect(), fresh: Fresh::default() }
    }

    /// For how many intervals it is.
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// Takes a trade of the newest bars; `false` if it is none, or not as most are.
    #[inline]
    pub(super) fn take_fresh(&mut self, time_ms: i64, price: Decimal, quantity: Decimal, now_ms: i64) -> bool {
        self.fresh.take(time_ms, price, quantity, now_ms)
    }

    /// Takes any trade into its bars.
    pub(super) fn take(
        &mut self,
        trade: &Trade,
        intervals: &[Interval],
        lifetime: Lifetime,
        now_ms: i64,
        counts: &mut Counts,
    ) {
        self.settle();
        for (track, interval) in self.list.iter_mut().zip(intervals) {
            match track.take(trade, interval, lifetime, now_ms) {
                Taken::In => {}
                Taken::TooLate => counts.dropped_late += 1,
                Taken::TooLarge => counts.refused += 1,
            }
        }
        let newest = trade.time_ms.max(self.fresh.begin_ms());
        self.fresh = self.fresh_at(newest, intervals, lifetime).unwrap_or_default();
    }

    /// For trades in the bars that this time is in, if each interval has one.
    fn fresh_at(&self, time_ms: i64, intervals: &[Interval], lifetime: Lifetime) -> Option<Fresh> {
        let mut fresh = Fresh::anywhere();
        for (track, interval) in self.list.iter().zip(intervals) {
            let bar = track.bar_at(time_ms).filter(|bar| time_ms - bar.open_time_ms < interval.ms)?;
            fresh.narrow(bar, interval.ms, lifetime.final_at(interval, bar.open_time_ms));
        }
        Some(fresh)
    }

    /// Brings fresh trades into their bars.
    pub(super) fn settle(&mut self) {
        if self.fresh.trades > 0 {
            bring_in(&self.fresh, &mut self.list);
            self.fresh.clear();
        }
    }

    /// The tracks, with all trades in them.
    pub(super) fn settled(&mut self) -> &mut [Track] {
        self.settle();
        &mut self.list
    }
}

fn bring_in(fresh: &Fresh, list: &mut [Track]) {
    for track in list {
        track.bring_in(fresh);
    }
}

impl Serialize for Tracks {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.fresh.trades == 0 {
            return self.list.serialize(serializer);
        }
        let mut list = self.list.clone();
        bring_in(&self.fresh, &mut list);
        list.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Tracks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self { list: Vec::deserialize(deserializer)?, fresh: Fresh::default() })
    }
}
