//! Settings that machines are made with. They shape effects, so they are fixed when a log is made: another value
//! on the same log would replay to other effects.
//!
//! Left out on purpose: reading them from files or the environment; the binary does that and checks that a log
//! is opened with the settings it was made with.

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
    /// How many final bars of each interval stay in memory to take late trades as revisions.
    pub candle_kept_bars: u32,
    /// Zone of symbols without a listing (outside venues), minutes east of UTC.
    pub utc_offset_min: i32,
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
