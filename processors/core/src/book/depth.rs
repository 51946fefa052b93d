//! Depth of one symbol: the levels that a record changed, and every so often a snapshot.
//!
//! Invariants:
//! 1. Updates and snapshots share one sequence that counts 1, 2, 3.
//! 2. An applied record changes a level once, to its total at the end.
//! 3. After [`crate::settings::Settings::depth_snapshot_every`] updates, and when the book opens, a snapshot follows.
//!    It holds at most [`SNAPSHOT_LEVELS`] a side: a reader learns of a worse level when that changes or comes up.

use crate::book::emit::{Levels, MatchingOut, Names};
use crate::book::{Book, LevelTotal};
use crate::money::Price;
use crate::records::Side;
use serde::{Deserialize, Serialize};

/// The most levels of each side in a snapshot.
pub(super) const SNAPSHOT_LEVELS: usize = 1_000;

/// How far the symbol's depth was told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Depth {
    sequence: u64,
    updates_since_snapshot: u64,
}

/// The levels that changed, bids before asks, each side best first; and room for their totals.
pub(super) struct Changed<'a> {
    pub(super) levels: &'a [(Side, Price)],
    pub(super) totals: &'a mut Vec<LevelTotal>,
}

impl Depth {
    /// Tells the changed levels (sides apart, best first), and the snapshot if one is due or the book `opened`.
    pub(super) fn tell<B: Book>(
        &mut self,
        book: &B,
        changed: Changed<'_>,
        opened: bool,
        every: u64,
        names: &Names<'_>,
        out: &mut impl MatchingOut,
    ) {
        let Changed { levels: changed, totals } = changed;
        if !changed.is_empty() {
            totals.clear();
            let mut bids = 0;
            for &(side, price) in changed {
                bids += usize::from(side == Side::Buy);
                totals.push(book.level(side, price));
            }
            let (bids, asks) = totals.split_at(bids);
            self.updates_since_snapshot += 1;
            self.say(false, bids, asks, names, out);
        }
        if opened || self.updates_since_snapshot >= every.max(1) {
            let [bids, asks] = [Side::Buy, Side::Sell].map(|side| book.levels(side, SNAPSHOT_LEVELS));
            self.updates_since_snapshot = 0;
            self.say(true, &bids, &asks, names, out);
        }
    }

    #[inline]
    fn say(
        &mut self,
        snapshot: bool,
        bids: &[LevelTotal],
        asks: &[LevelTotal],
        names: &Names<'_>,
        out: &mut impl MatchingOut,
    ) {
        self.sequence += 1;
        out.depth(names, &Levels { sequence: self.sequence, snapshot, bids, asks });
    }
}
