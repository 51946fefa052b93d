//! Order to execution: posted to `orders`, through admission, holds and matching, seen in `executions`.

use super::load::Load;
use super::ours::Ours;
use super::row::{Must, Row};
use super::watch::Sight;
use hoga_core::{MachineKind, Topic};

/// The rows.
pub fn rows(seconds: u64) -> Vec<Row> {
    let ours = Ours { machines: MachineKind::ALL, post_to: Topic::Orders, sight: Sight::Traded };
    let row = |rate, p95_us| Row {
        stage: "order to execution",
        ours,
        load: Load::paced(rate, seconds),
        must: Must { latency: Some(130), p95_us, ..Must::default() },
    };
    vec![row(2_000, Some(10_000)), row(10_000, None)]
}
