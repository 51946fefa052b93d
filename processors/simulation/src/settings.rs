//! What the machines of a run are made with.

use crate::script::Setup;
use hoga_core::Settings;

/// Small bounds, so that scripts reach them.
pub(crate) fn of(setup: &Setup) -> Settings {
    Settings {
        max_open_orders: setup.max_open_orders,
        max_client_ids: setup.max_client_ids,
        max_pending: setup.max_pending,
        depth_snapshot_every: setup.depth_snapshot_every,
        ..candles()
    }
}

/// Short bars that are soon forgotten, so that late trades meet all of a bar's life.
pub(crate) fn candles() -> Settings {
    Settings {
        candle_intervals_ms: vec![1_000, 60_000],
        candle_lateness_ms: 500,
        candle_kept_bars: 3,
        ..Settings::default()
    }
}
