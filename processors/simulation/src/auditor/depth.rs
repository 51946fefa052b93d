//! Depth, judged by what it says: after the updates that a record of `books` caused, whoever follows them knows the
//! levels of the auditor's own book as of that record, and missed no change before it.
//!
//! Left out on purpose: when a snapshot of the levels is due; that is a setting, not a promise.

use super::Finding;
use hoga_core::records::{DepthUpdate, Side};
use std::collections::BTreeMap;

/// By side and price: what is open and how many orders.
pub(crate) type Levels = BTreeMap<(Side, i128), (i128, u32)>;

/// The depth of one symbol.
#[derive(Debug, Default)]
struct Followed {
    sequence: u64,
    /// What the updates say.
    known: Levels,
    /// The input offset of the newest update.
    cause: Option<u64>,
    /// What the book was: from this input offset on.
    was: Vec<(u64, Levels)>,
}

/// The depth of a partition's symbols.
#[derive(Debug, Default)]
pub(crate) struct Depths(BTreeMap<String, Followed>);

impl Depths {
    /// The levels after the record of `books` at `offset`.
    pub fn book_is(&mut self, offset: u64, levels: BTreeMap<String, Levels>) {
        for (symbol, levels) in levels {
            let followed = self.0.entry(symbol).or_default();
            if followed.was.last().is_none_or(|(_, before)| *before != levels) {
                followed.was.push((offset, levels));
            }
        }
    }

    /// Takes an update that the record at `cause` caused.
    pub fn take(&mut self, update: &DepthUpdate, cause: u64) -> Result<(), Finding> {
        let symbol = update.symbol.as_str();
        let Some(followed) = self.0.get_mut(symbol) else {
            return Err(Finding::new(format!("depth of {symbol}, which is not listed")));
        };
        followed.sequence += 1;
        if update.sequence != followed.sequence {
            let (found, due) = (update.sequence, followed.sequence);
            return Err(Finding::new(format!("depth of {symbol}: update {found} where {due} is due")));
        }
        if followed.cause != Some(cause) {
            followed.check(symbol, cause)?;
        }
        followed.cause = Some(cause);
        if update.snapshot {
            followed.known.clear();
        }
        for (side, levels) in [(Side::Buy, &update.bids), (Side::Sell, &update.asks)] {
            for level in levels {
                if level.quantity.0 == 0 {
                    followed.known.remove(&(side, level.price.0));
                } else {
                    followed.known.insert((side, level.price.0), (level.quantity.0, level.orders));
                }
            }
        }
        Ok(())
    }

    /// At the end: every book is as its updates say.
    pub fn check_end(&mut self) -> Result<(), Finding> {
        self.0.iter_mut().try_for_each(|(symbol, followed)| followed.check(symbol, u64::MAX))
    }
}

impl Followed {
    /// What was followed is what the book was just before the record at `offset`; older books are forgotten.
    fn check(&mut self, symbol: &str, offset: u64) -> Result<(), Finding> {
        let at = self.was.partition_point(|(from, _)| *from < offset);
        let was = at.checked_sub(1).map(|at| self.was[at].1.clone()).unwrap_or_default();
        if was != self.known {
            let known = &self.known;
            return Err(Finding::new(format!(
                "depth of {symbol} before offset {offset} of books: the updates say {known:?}, the book was {was:?}"
            )));
        }
        self.was.drain(..at.saturating_sub(1));
        Ok(())
    }
}
