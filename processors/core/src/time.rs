//! Time, as machines know it: from records only.
//!
//! Invariants:
//! 1. A machine's time never goes back.
//! 2. It is at most [`MAX_AHEAD_MS`] past the last clock record, so that one record with a wrong time
//!    cannot expire what is not due.
//! 3. A clock record of a wall log counts only within [`CLOCK_TOLERANCE_MS`] of its append time.
//!
//! Left out on purpose: reading the computer's clock; only the runtime's owner does that, when it writes a clock record.

mod text;

pub use text::{Iso, TimeError, days_from_civil};

use serde::{Deserialize, Serialize};
use std::fmt;

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// This time and `ms` milliseconds.
    pub fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The last millisecond of the year 9999: what is later is no time but a mistake of unit.
pub const MAX_TIME: Timestamp = Timestamp(253_402_300_799_999);
/// How far a machine's time may be past its last clock record.
pub const MAX_AHEAD_MS: i64 = 5_000;
/// How far a clock record's own time may be from its append time in a wall log.
pub const CLOCK_TOLERANCE_MS: i64 = 1_000;
/// How often an owner writes a clock record, and how often a recorded log's clocks are passed on.
pub const CLOCK_INTERVAL_MS: i64 = 1_000;

/// A machine's time, part of its snapshot.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineClock {
    now: Timestamp,
    last_clock: Timestamp,
    refused_clocks: u64,
}

impl MachineClock {
    /// The machine's time on a record appended at `append_time`; `clock` is the owner's time if it is a clock record.
    pub fn on_record(&mut self, append_time: Timestamp, clock: Option<Timestamp>) -> Timestamp {
        if let Some(time) = clock {
            if (time.0.saturating_sub(append_time.0)).unsigned_abs() <= CLOCK_TOLERANCE_MS as u64 {
                self.last_clock = self.last_clock.max(time);
            } else {
                self.refused_clocks += 1;
            }
        }
        let bound = self.last_clock.plus_ms(MAX_AHEAD_MS);
        self.now = self.now.max(append_time.min(bound));
        self.now
    }

    /// The machine's time.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Whether any clock record has counted: before that a wall log's machine lives in 1970 and refuses commands.
    pub fn has_clock(&self) -> bool {
        self.last_clock > Timestamp::default()
    }

    /// Clock records that were too far from their append time: not zero is an alarm.
    pub fn refused_clocks(&self) -> u64 {
        self.refused_clocks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(clock: &mut MachineClock, append: i64, own: Option<i64>) -> i64 {
        clock.on_record(Timestamp(append), own.map(Timestamp)).0
    }

    #[test]
    fn time_never_goes_back_and_is_bounded_by_the_last_clock() {
        let mut clock = MachineClock::default();
        assert_eq!(at(&mut clock, 900_000, None), 5_000);
        assert_eq!((clock.has_clock(), clock.refused_clocks()), (false, 0));
        assert_eq!(at(&mut clock, 1_000_000, Some(1_000_000)), 1_000_000);
        assert!(clock.has_clock());
        assert_eq!(at(&mut clock, 1_003_000, None), 1_003_000);
        assert_eq!(at(&mut clock, 1_002_000, None), 1_003_000, "invariant 1");
        assert_eq!(at(&mut clock, 9_000_000, None), 1_005_000, "invariant 2");
        assert_eq!(at(&mut clock, 1_006_000, Some(1_007_001)), 1_005_000, "invariant 3");
        assert_eq!(clock.refused_clocks(), 1);
        assert_eq!(at(&mut clock, 1_006_000, Some(1_007_001)), 1_005_000);
        assert_eq!(clock.refused_clocks(), 2);
        assert_eq!(at(&mut clock, 1_006_000, Some(1_006_500)), 1_006_000);
        assert_eq!(clock.now(), Timestamp(1_006_000));
    }
}
