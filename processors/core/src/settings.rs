//! Settings that machines are made with. They shape effects, so they are fixed when a log is made: another value
//! on the same log would replay to other effects.
//!
//! Left out on purpose: reading them from files or the environment; the binary does that and checks that a log
//! is opened with the settings it was made with.

use crate::instrument::MAX_UTC_OFFSET_MIN;
use serde::{Deserialize, Serialize};

/// The settings of all machines, with defaults that suit an exchange.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Open orders an account may have.
    pub max_open_orders: u32,
    /// Client ids an account may have remembered (open orders and ids within their valid-until).
    pub max_client_ids: u32,
    /// Unanswered amends, reductions and cancels an order may have.
    pub max_pending: u32,
    /// Depth updates of a symbol between two snapshots of its levels.
    pub depth_snapshot_every: u64,
    /// Candle intervals in milliseconds, each dividing a day or a whole number of days.
    pub candle_intervals_ms: Vec<i64>,
    /// How long after its close time a bar stays open for late trades.
    pub candle_lateness_ms: i64,
    /// For how many intervals a final bar stays in memory to take late trades as revisions.
    pub candle_kept_bars: u32,
    /// Zone whose days the bars of every symbol follow, minutes east of UTC.
    pub utc_offset_min: i32,
}

/// The shortest candle interval.
pub const MIN_INTERVAL_MS: i64 = 1_000;
/// The longest candle interval: 366 days.
pub const MAX_INTERVAL_MS: i64 = 366 * DAY_MS;
/// The most candle intervals.
pub const MAX_INTERVALS: usize = 32;
/// The most final bars kept of each interval.
pub const MAX_KEPT_BARS: u32 = 100_000;
const DAY_MS: i64 = 86_400_000;

impl Settings {
    /// Whether machines can be made with them; an error names the setting, its value and what it may be.
    pub fn check(&self) -> Result<(), String> {
        for (name, value) in [
            ("max_open_orders", u64::from(self.max_open_orders)),
            ("max_client_ids", u64::from(self.max_client_ids)),
            ("max_pending", u64::from(self.max_pending)),
            ("depth_snapshot_every", self.depth_snapshot_every),
        ] {
            if value == 0 {
                return Err(format!("{name} is 0: give at least 1"));
            }
        }
        if self.utc_offset_min.unsigned_abs() > MAX_UTC_OFFSET_MIN as u32 {
            return Err(format!(
                "utc_offset_min {} is out of range: give minutes east of UTC, {} to {MAX_UTC_OFFSET_MIN} (KST is 540)",
                self.utc_offset_min, -MAX_UTC_OFFSET_MIN
            ));
        }
        self.check_candles()
    }

    fn check_candles(&self) -> Result<(), String> {
        let intervals = &self.candle_intervals_ms;
        if intervals.len() > MAX_INTERVALS {
            return Err(format!("candle_intervals_ms names {} intervals: at most {MAX_INTERVALS}", intervals.len()));
        }
        for (at, ms) in intervals.iter().enumerate() {
            if !(MIN_INTERVAL_MS..=MAX_INTERVAL_MS).contains(ms) {
                return Err(format!(
                    "candle_intervals_ms: {ms} is out of range: give {MIN_INTERVAL_MS} to {MAX_INTERVAL_MS}"
                ));
            }
            if DAY_MS % ms != 0 && ms % DAY_MS != 0 {
                return Err(format!("candle_intervals_ms: {ms} neither divides a day nor is a whole number of days"));
            }
            if intervals[..at].contains(ms) {
                return Err(format!("candle_intervals_ms: {ms} stands there twice"));
            }
        }
        if !(0..=DAY_MS).contains(&self.candle_lateness_ms) {
            return Err(format!("candle_lateness_ms {} is out of range: give 0 to {DAY_MS}", self.candle_lateness_ms));
        }
        if self.candle_kept_bars > MAX_KEPT_BARS {
            return Err(format!("candle_kept_bars {}: at most {MAX_KEPT_BARS}", self.candle_kept_bars));
        }
        Ok(())
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_open_orders: 10_000,
            max_client_ids: 20_000,
            max_pending: 64,
            depth_snapshot_every: 1_000,
            candle_intervals_ms: vec![60_000, 900_000, 3_600_000, 86_400_000],
            candle_lateness_ms: 2_000,
            candle_kept_bars: 64,
            utc_offset_min: 540,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_has_its_message() {
        assert_eq!(Settings::default().check(), Ok(()));
        let weeks =
            Settings { candle_intervals_ms: vec![7 * DAY_MS, 1_000], candle_kept_bars: 0, ..Settings::default() };
        assert_eq!(weeks.check(), Ok(()));
        let most = Settings {
            candle_intervals_ms: (1..).filter(|s| 86_400 % s == 0).map(|s| s * 1_000).take(MAX_INTERVALS).collect(),
            candle_lateness_ms: DAY_MS,
            candle_kept_bars: MAX_KEPT_BARS,
            utc_offset_min: -MAX_UTC_OFFSET_MIN,
            ..Settings::default()
        };
        assert_eq!(most.check(), Ok(()), "what a message calls the most may be given");
        type Change = fn(&mut Settings);
        let cases: &[(Change, &str)] = &[
            (|s| s.max_open_orders = 0, "max_open_orders is 0"),
            (|s| s.max_client_ids = 0, "max_client_ids is 0"),
            (|s| s.max_pending = 0, "max_pending is 0"),
            (|s| s.depth_snapshot_every = 0, "depth_snapshot_every is 0"),
            (|s| s.utc_offset_min = -841, "utc_offset_min -841 is out of range"),
            (|s| s.candle_intervals_ms = vec![999], "candle_intervals_ms: 999 is out of range"),
            (|s| s.candle_intervals_ms = vec![367 * DAY_MS], "candle_intervals_ms: 31708800000 is out of range"),
            (|s| s.candle_intervals_ms = vec![7_000], "candle_intervals_ms: 7000 neither divides a day"),
            (|s| s.candle_intervals_ms = vec![60_000, 60_000], "candle_intervals_ms: 60000 stands there twice"),
            (|s| s.candle_intervals_ms = vec![60_000; 33], "candle_intervals_ms names 33 intervals"),
            (|s| s.candle_lateness_ms = -1, "candle_lateness_ms -1 is out of range"),
            (|s| s.candle_kept_bars = 100_001, "candle_kept_bars 100001: at most 100000"),
        ];
        for (change, expect) in cases {
            let mut settings = Settings::default();
            change(&mut settings);
            let outcome = settings.check();
            assert!(outcome.as_ref().is_err_and(|e| e.starts_with(expect)), "expected {expect:?}, got {outcome:?}");
        }
    }
}
