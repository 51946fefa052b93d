//! An interval of bars: its length, its name, and where its bars begin.
//!
//! Invariants:
//! 1. Bars lie side by side: each millisecond is in one bar of each interval.
//! 2. Bars of up to a day begin at whole multiples of the interval after local midnight; a bar of n days begins at
//!    local midnight of every n-th day, counted from 1970-01-01.
//!
//! Left out on purpose: zones with daylight saving (a zone is a fixed distance from UTC), weeks and months.

use compact_str::{CompactString, format_compact};

const DAY_MS: i64 = 86_400_000;
/// Units of names, the greatest first.
const UNITS: [(i64, &str); 4] = [(DAY_MS, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];

/// An interval in a zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interval {
    /// Its length in milliseconds.
    pub ms: i64,
    /// The zone's distance from UTC in milliseconds, east positive.
    offset_ms: i64,
    /// Its name, for example `15m`.
    pub name: CompactString,
}

impl Interval {
    /// The interval of a length that [`crate::Settings::check`] let pass, in the zone that many minutes east of UTC.
    pub fn new(ms: i64, utc_offset_min: i32) -> Self {
        Self { ms, offset_ms: i64::from(utc_offset_min) * 60_000, name: name_of(ms) }
    }

    /// The first millisecond of the bar that a time is in.
    pub fn open_of(&self, time_ms: i64) -> i64 {
        (time_ms + self.offset_ms).div_euclid(self.ms) * self.ms - self.offset_ms
    }
}

/// The length in the greatest unit that divides it: 900,000 ms is `15m`.
fn name_of(ms: i64) -> CompactString {
    match UNITS.iter().find(|(unit, _)| ms % unit == 0) {
        Some((unit, name)) => format_compact!("{}{name}", ms / unit),
        None => format_compact!("{ms}ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short() {
        for (ms, name) in [
            (60_000, "1m"),
            (900_000, "15m"),
            (3_600_000, "1h"),
            (86_400_000, "1d"),
            (604_800_000, "7d"),
            (5_400_000, "90m"),
            (1_000, "1s"),
            (1_500, "1500ms"),
        ] {
            assert_eq!(Interval::new(ms, 0).name, name);
        }
    }

    #[test]
    fn days_begin_at_local_midnight() {
        // 2023-12-25 00:00 in Seoul is 15:00 UTC of the day before.
        let midnight = 1_703_430_000_000;
        let day = Interval::new(DAY_MS, 540);
        assert_eq!(day.open_of(midnight), midnight);
        assert_eq!(day.open_of(midnight - 1), midnight - DAY_MS);
        assert_eq!(day.open_of(midnight + DAY_MS - 1), midnight);
        // Eight hours do not divide the distance of nine: the local day counts.
        let eight = Interval::new(8 * 3_600_000, 540);
        assert_eq!(eight.open_of(midnight + 8 * 3_600_000), midnight + 8 * 3_600_000);
        assert_eq!(eight.open_of(midnight + 8 * 3_600_000 - 1), midnight);
        // Newfoundland, before 1970.
        assert_eq!(Interval::new(DAY_MS, -210).open_of(-1), -DAY_MS + 210 * 60_000);
    }
}
