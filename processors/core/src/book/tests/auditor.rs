//! An independent account of what accounts are told: it knows nothing of books, only what each order was and what
//! legs and answers say of it.
//!
//! It checks: each trade is one buy and one sell of equal price and quantity, with the fees of its execution; trade
//! ids count; what a leg or answer leaves is what was there less what traded; fees are the rounded sum; an order is
//! told nothing after it closed; depth counts without gaps and its levels are those of the book.

use crate::book::Book;
use crate::ids::OrderId;
use crate::machine::Effect;
use crate::money::Decimal;
use crate::records::*;
use std::collections::BTreeMap;

struct Known {
    side: Side,
    /// Open lots, or the amount left of a market buy.
    open: i128,
    by_amount: bool,
    rates: (u32, u32),
    /// Sum of notional × rate, and fees charged.
    exact: i128,
    charged: i128,
}

#[derive(Default)]
pub(super) struct Auditor {
    open: BTreeMap<OrderId, Known>,
    pub(super) trades: u64,
    depth: u64,
    levels: BTreeMap<(Side, Decimal), (Decimal, u32)>,
}

fn whole(value: Decimal) -> i128 {
    let lots = value.0 / crate::money::DECIMAL_ONE;
    assert_eq!(Decimal(lots * crate::money::DECIMAL_ONE), value);
    lots
}

impl Auditor {
    /// An order goes to the book.
    pub(super) fn placed(&mut self, held: &HeldOrder) {
        let known = Known {
            side: held.side,
            open: whole(held.quantity.or(held.amount).unwrap()),
            by_amount: held.quantity.is_none(),
            rates: (held.maker_fee_ppm, held.taker_fee_ppm),
            exact: 0,
            charged: 0,
        };
        assert!(self.open.insert(held.order_id, known).is_none());
    }

    /// The effects of one record.
    pub(super) fn see(&mut self, effects: &[Effect]) {
        let mut rest = effects.iter().map(|effect| &effect.record);
        while let Some(record) = rest.next() {
            match record {
                Record::Execution(trade) => {
                    let mut leg = || match rest.next() {
                        Some(Record::SettlementLeg(leg)) => leg,
                        other => panic!("a leg follows an execution, not {other:?}"),
                    };
                    let (maker, taker) = (leg(), leg());
                    self.trade(trade, maker, taker);
                }
                Record::BookAnswer(answer) => self.answer(answer),
                Record::DepthUpdate(update) => self.depth(update),
                other => panic!("{other:?} stands alone"),
            }
        }
    }

    fn trade(&mut self, trade: &Execution, maker: &SettlementLeg, taker: &SettlementLeg) {
        self.trades += 1;
        assert_eq!(trade.trade_id.count(), self.trades);
        assert_eq!((taker.side, maker.side), (trade.taker_side, trade.taker_side.opposite()));
        for (leg, order, account, fee, liquidity) in [
            (maker, trade.maker_order_id, &trade.maker_account, trade.maker_fee, Liquidity::Maker),
            (taker, trade.taker_order_id, &trade.taker_account, trade.taker_fee, Liquidity::Taker),
        ] {
            assert_eq!((leg.trade_id, leg.price, leg.quantity), (trade.trade_id, trade.price, trade.quantity));
            assert_eq!((leg.order_id, &leg.account, leg.fee, leg.liquidity), (order, account, fee, liquidity));
            self.leg(leg);
        }
    }

    fn leg(&mut self, leg: &SettlementLeg) {
        let known = self.open.get_mut(&leg.order_id).expect("only open orders trade");
        assert_eq!(known.side, leg.side);
        let notional = whole(leg.price) * whole(leg.quantity);
        let rate = if leg.liquidity == Liquidity::Maker { known.rates.0 } else { known.rates.1 };
        known.exact += notional * i128::from(rate);
        known.charged += whole(leg.fee);
        assert_eq!(known.charged, (known.exact + 999_999) / 1_000_000, "fees of {}", leg.order_id);
        known.open -= if known.by_amount { notional + whole(leg.fee) } else { whole(leg.quantity) };
        assert!(known.open >= 0);
        let leaves = whole(leg.leaves);
        assert!(leaves == known.open || (known.by_amount && leaves == 0), "leaves of {}", leg.order_id);
        if leaves == 0 {
            self.open.remove(&leg.order_id);
        }
    }

    fn answer(&mut self, answer: &BookAnswer) {
        let leaves = whole(answer.leaves);
        let Some(known) = self.open.get_mut(&answer.order_id) else {
            assert_eq!((answer.outcome, answer.reason), (BookOutcome::Refused, Some(Reason::NotOpen)));
            return;
        };
        match answer.outcome {
            BookOutcome::Accepted => assert_eq!(leaves, known.open),
            BookOutcome::Refused => assert!(leaves == known.open && answer.reason != Some(Reason::NotOpen)),
            BookOutcome::Amended | BookOutcome::Decremented => known.open = leaves,
            BookOutcome::Canceled | BookOutcome::Expired | BookOutcome::Rejected => {
                assert_eq!(leaves, known.open, "what {} had open when it closed", answer.order_id);
                self.open.remove(&answer.order_id);
            }
        }
    }

    fn depth(&mut self, update: &DepthUpdate) {
        self.depth += 1;
        if self.depth == 1 {
            self.depth = update.sequence;
        }
        assert_eq!(update.sequence, self.depth, "depth counts without gaps");
        if update.snapshot {
            let before = std::mem::take(&mut self.levels);
            self.set(update);
            assert!(before == self.levels, "a snapshot is what the updates made");
        } else {
            self.set(update);
        }
    }

    fn set(&mut self, update: &DepthUpdate) {
        for (side, levels) in [(Side::Buy, &update.bids), (Side::Sell, &update.asks)] {
            for level in levels {
                match level.quantity {
                    Decimal::ZERO => self.levels.remove(&(side, level.price)),
                    quantity => self.levels.insert((side, level.price), (quantity, level.orders)),
                };
            }
        }
    }

    /// The book's open orders and levels are those that accounts and readers of depth know of.
    pub(super) fn compare(&self, book: &impl Book) {
        let mut resting = BTreeMap::new();
        let mut levels: BTreeMap<_, (Decimal, u32)> = BTreeMap::new();
        for side in [Side::Buy, Side::Sell] {
            book.visit(side, &mut |order| {
                resting.insert(order.id, i128::from(order.open.0));
                let level = levels.entry((side, Decimal::from_int(order.price.0))).or_default();
                level.0 = level.0.plus(Decimal::from_int(order.open.0)).unwrap();
                level.1 += 1;
            });
        }
        let known: BTreeMap<OrderId, i128> = self.open.iter().map(|(id, known)| (*id, known.open)).collect();
        assert_eq!(resting, known);
        assert_eq!(levels, self.levels);
    }
}
