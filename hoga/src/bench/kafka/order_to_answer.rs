//! Order to answer: posted to `accounts`, as the gateway does, through holds, seen in `order-events`.

use super::row::{Against, Row};
use crate::bench::load::Load;
use crate::bench::ours::Ours;
use crate::bench::watch::Sight;
use hoga_core::{MachineKind, Topic};

/// The rows.
pub fn rows(seconds: u64) -> Vec<Row> {
    let ours = Ours { machines: MachineKind::ALL, post_to: Topic::Accounts, sight: Sight::Answered };
    let row = |name, rate| Row { name, ours, load: Load::paced(rate, seconds), against: Against::Latency };
    vec![row("order to answer 2,000/s", 2_000), row("order to answer 10,000/s", 10_000)]
}
