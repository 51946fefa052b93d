//! The pipeline flat out: posted to `orders`, through all machines; an order is done when holds has its book's answer.

use super::load::Load;
use super::ours::Ours;
use super::row::{Must, Row};
use super::watch::Sight;
use hoga_core::{MachineKind, Topic};

/// The rows.
pub fn rows(records: u64) -> Vec<Row> {
    let ours = Ours { machines: MachineKind::ALL, post_to: Topic::Orders, sight: Sight::Settled };
    let must = Must { rate: Some(70), ..Must::default() };
    vec![Row { stage: "pipeline", ours, load: Load::flat_out(records), must }]
}
