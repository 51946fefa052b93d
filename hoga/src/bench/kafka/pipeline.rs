//! The pipeline flat out: posted to `orders`, through all machines; an order is done when holds has its book's answer.

use super::row::{Against, Row};
use crate::bench::load::Load;
use crate::bench::ours::Ours;
use crate::bench::watch::Sight;
use hoga_core::{MachineKind, Topic};

/// The rows.
pub fn rows(records: u64) -> Vec<Row> {
    let ours = Ours { machines: MachineKind::ALL, post_to: Topic::Orders, sight: Sight::Settled };
    vec![Row { name: "pipeline", ours, load: Load::flat_out(records), against: Against::Rate }]
}
