//! A hop: posted to `orders`, through admission, seen in `accounts`.

use super::row::{Against, Row};
use crate::bench::load::Load;
use crate::bench::ours::Ours;
use crate::bench::watch::Sight;
use hoga_core::{MachineKind, Topic};

/// The rows.
pub fn rows(seconds: u64) -> Vec<Row> {
    let ours = Ours { machines: &[MachineKind::Admission], post_to: Topic::Orders, sight: Sight::Admitted };
    let row = |name, rate| Row { name, ours, load: Load::paced(rate, seconds), against: Against::Latency };
    vec![row("hop 2,000/s", 2_000), row("hop 10,000/s", 10_000)]
}
