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
        let newest = trade.time_ms.max(self.fresh.from_ms);
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
    fn settle(&mut self) {
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
    let trades = fresh.sum();
    for track in list {
        track.bring_in(&trades);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::candles::quote::QuoteSum;

    const MINUTE: i64 = 60_000;
    /// A minute and a quarter begin.
    const BEGIN: i64 = 1_703_430_000_000;
    const LIFETIME: Lifetime = Lifetime { lateness_ms: 2_000, kept: 3 };

    fn intervals() -> [Interval; 2] {
        [Interval::new(MINUTE, 0), Interval::new(15 * MINUTE, 0)]
    }

    fn take(tracks: &mut Tracks, time_ms: i64, now_ms: i64, quantity: i128) {
        let (price, quantity) = (Decimal(1), Decimal(quantity));
        let trade = Trade { time_ms, price, quantity, quote: QuoteSum::product(price, quantity).unwrap() };
        tracks.take(&trade, &intervals(), LIFETIME, now_ms, &mut Counts::default());
    }

    /// Whether a next trade is added up, at that time and machine time.
    fn adds_up(tracks: &Tracks, time_ms: i64, now_ms: i64) -> bool {
        tracks.fresh.clone().take(time_ms, Decimal(1), Decimal(1), now_ms)
    }

    #[test]
    fn trades_of_the_newest_bars_are_added_up_until_one_is_final() {
        let mut tracks = Tracks::new(2);
        assert!(!adds_up(&tracks, BEGIN, BEGIN), "no bar is there");
        take(&mut tracks, BEGIN + MINUTE + 7, BEGIN + MINUTE + 7, 1);
        let (first, last) = (BEGIN + MINUTE, BEGIN + 2 * MINUTE - 1);
        let at = |time| adds_up(&tracks, time, BEGIN + MINUTE + 7);
        assert_eq!([first - 1, first, last, last + 1].map(at), [false, true, true, false]);
        let end = BEGIN + 2 * MINUTE + 2_000;
        assert_eq!([end - 1, end].map(|now| adds_up(&tracks, last, now)), [true, false]);
    }

    #[test]
    fn a_late_trade_leaves_the_newest_bars_as_they_are() {
        let (mut tracks, now) = (Tracks::new(2), BEGIN + MINUTE + 7);
        take(&mut tracks, BEGIN + MINUTE, now, 1);
        take(&mut tracks, BEGIN, now, 1);
        assert_eq!([BEGIN, BEGIN + MINUTE].map(|time| adds_up(&tracks, time, now)), [false, true]);
        take(&mut tracks, BEGIN + 2 * MINUTE, now, 1);
        assert_eq!([1, 2].map(|minute| adds_up(&tracks, BEGIN + minute * MINUTE, now)), [false, true]);
    }

    #[test]
    fn bars_with_little_room_take_each_trade_alone() {
        for (quantity, roomy) in [((1 << 120) - 1, true), (1 << 120, false)] {
            let mut tracks = Tracks::new(2);
            take(&mut tracks, BEGIN, BEGIN, quantity);
            assert_eq!(adds_up(&tracks, BEGIN, BEGIN), roomy, "{quantity}");
        }
    }
}
