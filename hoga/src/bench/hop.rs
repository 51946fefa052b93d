//! A hop: posted to `orders`, through admission, seen in `accounts`.

use super::load::Load;
use super::ours::Ours;
use super::row::{Must, Row};
use super::watch::Sight;
use hoga_core::{MachineKind, Topic};

/// The rows.
pub fn rows(seconds: u64) -> Vec<Row> {
    let ours = Ours { machines: &[MachineKind::Admission], post_to: Topic::Orders, sight: Sight::Admitted };
    let must = Must { latency: Some(130), cpu: Some(130), ..Must::default() };
    let row = |rate| Row { stage: "hop", ours, load: Load::paced(rate, seconds), must };
    vec![row(2_000), row(10_000)]
}
