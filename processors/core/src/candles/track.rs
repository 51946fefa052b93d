//! The bars of one symbol (and venue) in one interval that can still change, oldest first.
//!
//! Invariants:
//! 1. Bars stand in order of their open time, and only bars that traded are there.
//! 2. A bar is final from its close time plus the lateness on, by machine time alone: no trade, however far ahead its
//!    own time is, ends a bar.
//! 3. A bar is kept for `kept` intervals after that, so at most about `kept` final bars are, and until its last change
//!    is published.

use super::bar::{Bar, Trade, Trades};
use super::interval::Interval;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// How long bars stay open and are kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lifetime {
    /// From close time to final.
    pub(super) lateness_ms: i64,
    /// Intervals from final to forgotten.
    pub(super) kept: i64,
}

impl Lifetime {
    /// When a bar becomes final.
    pub(super) fn final_at(self, interval: &Interval, open_time_ms: i64) -> i64 {
        open_time_ms + interval.ms + self.lateness_ms
    }

    /// When it is forgotten.
    fn forgotten_at(self, interval: &Interval, open_time_ms: i64) -> i64 {
        self.final_at(interval, open_time_ms) + self.kept * interval.ms
    }
}

/// What became of a trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// It is in its bar.
    In,
    /// Its bar is forgotten.
    TooLate,
    /// A sum of its bar would not fit.
    TooLarge,
}

/// The bars.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Track {
    bars: VecDeque<Bar>,
    /// Before this machine time there is nothing to publish or forget.
    wake_ms: i64,
}

impl Track {
    /// No bars.
    pub(super) fn new() -> Self {
        Self { bars: VecDeque::new(), wake_ms: i64::MAX }
    }

    /// Takes a trade into its bar.
    pub(super) fn take(&mut self, trade: &Trade, interval: &Interval, lifetime: Lifetime, now_ms: i64) -> Taken {
        let time = trade.time_ms;
        // Almost every trade is in the newest bar: no division, no search.
        if let Some(bar) =
            self.bars.back_mut().filter(|b| b.open_time_ms <= time && time - b.open_time_ms < interval.ms)
            && lifetime.final_at(interval, bar.open_time_ms) > now_ms
        {
            let fits = bar.add(&trade.into(), false);
            self.wake_ms = i64::MIN;
            return if fits { Taken::In } else { Taken::TooLarge };
        }
        let open = interval.open_of(time);
        if lifetime.forgotten_at(interval, open) <= now_ms {
            return Taken::TooLate;
        }
        let late = lifetime.final_at(interval, open) <= now_ms;
        let at = self.bars.partition_point(|bar| bar.open_time_ms < open);
        match self.bars.get_mut(at) {
            Some(bar) if bar.open_time_ms == open => {
                if !bar.add(&trade.into(), late) {
                    return Taken::TooLarge;
                }
            }
            _ => self.bars.insert(at, Bar::new(open, trade, late)),
        }
        self.wake_ms = i64::MIN;
        Taken::In
    }

    /// The newest bar that begins at or before that time.
    pub(super) fn bar_at(&self, time_ms: i64) -> Option<&Bar> {
        self.bars.get(self.place_of(time_ms)?)
    }

    fn place_of(&self, time_ms: i64) -> Option<usize> {
        self.bars.partition_point(|bar| bar.open_time_ms <= time_ms).checked_sub(1)
    }

    /// Takes fresh trades into their bar, which is there and has room for them.
    pub(super) fn bring_in(&mut self, fresh: &Trades) {
        let at = self.place_of(fresh.first_time_ms).expect("fresh trades are of a bar that is there");
        assert!(self.bars[at].add(fresh, false), "the sums of a roomy bar fit");
        self.wake_ms = i64::MIN;
    }

    /// Publishes what changed or became final, oldest first, and forgets what is old. `publish` is given a bar and
    /// whether it is final, and says `false` if it has no room: then the rest waits, and so does this.
    pub(super) fn sweep(
        &mut self,
        interval: &Interval,
        lifetime: Lifetime,
        now_ms: i64,
        mut publish: impl FnMut(&Bar, bool) -> bool,
    ) -> bool {
        if now_ms < self.wake_ms {
            return true;
        }
        for bar in &mut self.bars {
            let is_final = lifetime.final_at(interval, bar.open_time_ms) <= now_ms;
            if bar.changed || (is_final && !bar.final_published) {
                bar.revision += 1;
                if !publish(bar, is_final) {
                    bar.revision -= 1;
                    return false;
                }
                (bar.changed, bar.final_published) = (false, is_final);
            }
        }
        while self.bars.front().is_some_and(|bar| lifetime.forgotten_at(interval, bar.open_time_ms) <= now_ms) {
            self.bars.pop_front();
        }
        self.wake_ms = self.next_wake(interval, lifetime);
        true
    }

    fn next_wake(&self, interval: &Interval, lifetime: Lifetime) -> i64 {
        let forget = self.bars.front().map(|bar| lifetime.forgotten_at(interval, bar.open_time_ms));
        let unpublished = self.bars.iter().find(|bar| !bar.final_published);
        let end = unpublished.map(|bar| lifetime.final_at(interval, bar.open_time_ms));
        forget.into_iter().chain(end).min().unwrap_or(i64::MAX)
    }
}
