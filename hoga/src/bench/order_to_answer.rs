//! Order to answer: posted to `accounts`, as the gateway does, through holds, seen in `order-events`.

use super::load::Load;
use super::ours::Ours;
use super::row::{Must, Row};
use super::watch::Sight;
use hoga_core::{MachineKind, Topic};

/// The rows.
pub fn rows(seconds: u64) -> Vec<Row> {
    let ours = Ours { machines: MachineKind::ALL, post_to: Topic::Accounts, sight: Sight::Answered };
    let row = |rate, p95_us| Row {
        stage: "order to answer",
        ours,
        load: Load::paced(rate, seconds),
        must: Must { p95_us, ..Must::default() },
    };
    vec![row(2_000, Some(6_000)), row(10_000, None)]
}
