//! Whether the fast book can fill a fill-or-kill order whole: asked before anything changes.
//!
//! Invariants:
//! 1. The answer is yes if and only if matching would fill the whole quantity, and the amount covers what it costs,
//!    fees included (a buy), or is reached by what it brings before fees (a sell).
//! 2. Own orders are no liquidity. With CANCEL_OLDEST they are passed over; with any other mode that prevents
//!    self-matches, one that comes before the order is filled would break it up, and so kills it.

use crate::book::LevelTotal;
use crate::book::fast::notional;
use crate::book::order::{NewOrder, Taker};
use crate::book::store::{Resting, Store};
use crate::money::{Amount, Quantity};
use crate::records::{SelfMatchPrevention as Smp, Side};

/// Whether the order would be filled whole and for its amount.
pub(super) fn fillable(store: &Store, tick_value: i64, new: &NewOrder, taker: &Taker) -> bool {
    let mut missing = taker.order.open;
    let mut sum = 0;
    for (level, queue) in store.levels(new.side.opposite()) {
        if missing.is_zero() || !taker.order.reaches(level.price) {
            break;
        }
        let orders = queue.map(|slot| store.get(slot));
        let Some(there) = available(new, level, orders, missing) else { return false };
        sum += notional(tick_value, level.price, there);
        missing = missing.minus(there);
    }
    missing.is_zero() && new.amount.is_none_or(|Amount(amount)| pays(taker, sum, i128::from(amount)))
}

/// Up to `missing` lots of a level; `None` when self-match prevention would break the order up.
fn available<'a>(
    new: &NewOrder,
    level: LevelTotal,
    queue: impl Iterator<Item = &'a Resting>,
    missing: Quantity,
) -> Option<Quantity> {
    if new.self_match_prevention == Smp::None {
        return Some(i64::try_from(level.lots).map_or(missing, |lots| missing.min(Quantity(lots))));
    }
    let mut there = Quantity::ZERO;
    for order in queue {
        if there == missing {
            break;
        }
        if order.account != new.account {
            there = there.plus(order.open.min(missing.minus(there)));
        } else if new.self_match_prevention != Smp::CancelOldest {
            return None;
        }
    }
    Some(there)
}

fn pays(taker: &Taker, sum: i128, amount: i128) -> bool {
    match taker.order.side {
        Side::Buy => {
            let fee = taker.order.fees.checked_most(sum, taker.order.taker_fee_ppm);
            fee.is_some_and(|fee| sum + i128::from(fee) <= amount)
        }
        Side::Sell => sum >= amount,
    }
}
