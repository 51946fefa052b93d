//! Depth of one symbol: the levels that a record changed, and every so often a snapshot.
//!
//! Invariants:
//! 1. Updates and snapshots share one sequence that counts 1, 2, 3.
//! 2. An applied record changes a level once, to its total at the end.
//! 3. After [`crate::settings::Settings::depth_snapshot_every`] updates, and when the book opens, a snapshot follows.
//!    It holds at most [`SNAPSHOT_LEVELS`] a side: a reader learns of a worse level when that changes or comes up.

use crate::book::{Book, LevelTotal};
use crate::instrument::Instrument;
use crate::machine::{Effects, Topic};
use crate::money::{DECIMAL_MAX, Decimal, Price};
use crate::records::{DepthLevel, DepthUpdate, Side};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The most levels of each side in a snapshot.
pub(super) const SNAPSHOT_LEVELS: usize = 1_000;

/// How far the symbol's depth was told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Depth {
    sequence: u64,
    updates_since_snapshot: u64,
}

/// What a depth record says besides levels, and where they come from.
pub(super) struct View<'a, B> {
    pub(super) instrument: &'a Instrument,
    pub(super) book: &'a B,
    pub(super) time: Timestamp,
}

impl Depth {
    /// Emits the changed levels (sides apart, best first), and the snapshot if one is due or the book `opened`.
    pub(super) fn tell<B: Book>(
        &mut self,
        view: &View<'_, B>,
        changed: &[(Side, Price)],
        opened: bool,
        every: u64,
        effects: &mut Effects,
    ) {
        if !changed.is_empty() {
            let levels = |of: Side| {
                let changed = changed.iter().filter(|(side, _)| *side == of);
                changed.map(|(_, price)| view.level(&view.book.level(of, *price))).collect()
            };
            self.updates_since_snapshot += 1;
            self.emit(view, false, [levels(Side::Buy), levels(Side::Sell)], effects);
        }
        if opened || self.updates_since_snapshot >= every.max(1) {
            let levels = |of: Side| {
                let all = view.book.levels(of, SNAPSHOT_LEVELS);
                all.iter().map(|level| view.level(level)).collect()
            };
            self.updates_since_snapshot = 0;
            self.emit(view, true, [levels(Side::Buy), levels(Side::Sell)], effects);
        }
    }

    fn emit<B>(&mut self, view: &View<'_, B>, snapshot: bool, sides: [Vec<DepthLevel>; 2], effects: &mut Effects) {
        self.sequence += 1;
        let [bids, asks] = sides;
        let symbol = view.instrument.symbol.clone();
        effects
            .emit(Topic::Depth, DepthUpdate { symbol, sequence: self.sequence, time: view.time, snapshot, bids, asks });
    }
}

impl<B> View<'_, B> {
    fn level(&self, level: &LevelTotal) -> DepthLevel {
        // Each order's quantity has a decimal; only a sum of several at the end of the range has none, and is cut.
        let quantity = level.lots.saturating_mul(self.instrument.lot.0).min(DECIMAL_MAX);
        DepthLevel {
            price: self.instrument.price_decimal(level.price),
            quantity: Decimal(quantity),
            orders: level.orders,
        }
    }
}
