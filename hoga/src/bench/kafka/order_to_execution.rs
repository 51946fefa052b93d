//! Order to execution: posted to `orders`, through admission, holds and matching, seen in `executions`.

use super::row::{Against, Row};
use crate::bench::load::Load;
use crate::bench::ours::Ours;
use crate::bench::watch::Sight;
use hoga_core::{MachineKind, Topic};

/// The rows.
pub fn rows(seconds: u64) -> Vec<Row> {
    let ours = Ours { machines: MachineKind::ALL, post_to: Topic::Orders, sight: Sight::Traded };
    let row = |name, rate| Row { name, ours, load: Load::paced(rate, seconds), against: Against::Latency };
    vec![row("order to execution 2,000/s", 2_000), row("order to execution 10,000/s", 10_000)]
}
