//! An order that comes in takes from the other side, best price first, the oldest of a price first.

use super::book::{Book, Resting};
use super::{Fees, Happening, Party, Said, Terms};
use crate::auditor::terms::minor;
use hoga_core::Decimal;
use hoga_core::records::{BookOutcome, HeldOrder, Reason, SelfMatchPrevention as Smp, Side, TimeInForce};

/// An incoming order.
#[derive(Debug)]
pub(super) struct Taker {
    pub order: Resting,
    limited: bool,
    rests: bool,
    /// What a market buy without a quantity may still spend, in minor units.
    budget: Option<i128>,
    /// Its account knows that it is in.
    told: bool,
}

impl Taker {
    pub fn of(held: &HeldOrder, terms: &Terms) -> Self {
        let budget = held.quantity.is_none().then(|| held.amount.unwrap_or_default().0 / minor(terms.quote_digits));
        let worst = if held.side == Side::Buy { i128::MAX } else { 0 };
        let order = Resting {
            id: held.order_id,
            account: held.account.clone(),
            side: held.side,
            price: held.price.map_or(worst, |price| price.0),
            open: held.quantity.unwrap_or_default().0,
            filled: 0,
            place: 0,
            fees: Fees::default(),
            maker_ppm: held.maker_fee_ppm,
            taker_ppm: held.taker_fee_ppm,
            self_match: held.self_match_prevention,
            post_only: held.post_only,
            day: held.time_in_force == TimeInForce::Day,
        };
        let limited = held.price.is_some();
        let rests = limited && matches!(held.time_in_force, TimeInForce::Gtc | TimeInForce::Day);
        Self { order, limited, rests, budget, told: false }
    }

    /// An amended order that lost its place.
    pub fn again(order: Resting) -> Self {
        Self { order, limited: true, rests: true, budget: None, told: true }
    }

    pub fn said(&self, outcome: BookOutcome, reason: Option<Reason>, terms: &Terms) -> Happening {
        let order = &self.order;
        Happening::Answered(Said {
            id: order.id,
            account: order.account.clone(),
            outcome,
            reason,
            price: self.limited.then_some(order.price),
            total: self.budget.is_none().then_some(order.filled + order.open),
            leaves: self.budget.map_or(Decimal(order.open), |left| terms.quote_decimal(left)),
        })
    }

    /// How much it takes at most at a price.
    fn wants(&self, price: i128, terms: &Terms) -> i128 {
        let Some(left) = self.budget else { return self.order.open };
        // Lot by lot would be plainest; doubling first keeps it short.
        let lot = terms.listing.lot.0;
        let pays = |lots: i128| {
            let notional = terms.notional(price, lots * lot);
            notional + self.order.fees.due(notional, self.order.taker_ppm) <= left
        };
        let mut step = 1;
        while pays(step) {
            step *= 2;
        }
        let mut lots = 0;
        while step > 0 {
            if pays(lots + step) {
                lots += step;
            }
            step /= 2;
        }
        lots * lot
    }
}

impl Book {
    /// Lets an incoming order take what it can, then rest or expire.
    pub fn run(&mut self, mut taker: Taker) -> Vec<Happening> {
        let mut happened = Vec::new();
        let why = loop {
            let best = self.best(taker.order.side.opposite()).cloned();
            let Some(maker) = best.filter(|maker| match taker.order.side {
                Side::Buy => maker.price <= taker.order.price,
                Side::Sell => maker.price >= taker.order.price,
            }) else {
                break Reason::NoLiquidity;
            };
            let wants = taker.wants(maker.price, &self.terms);
            if wants == 0 {
                break Reason::AmountSpent;
            }
            let done = if maker.account == taker.order.account && taker.order.self_match != Smp::None {
                self.prevent(&mut taker, &maker, &mut happened)
            } else {
                self.meet(&mut taker, &maker, wants.min(maker.open), &mut happened)
            };
            if done {
                return happened;
            }
        };
        if why == Reason::NoLiquidity && taker.rests {
            if !taker.told {
                happened.push(taker.order.said(BookOutcome::Accepted, None));
            }
            self.rest(taker.order);
        } else {
            happened.push(taker.said(BookOutcome::Expired, Some(why), &self.terms));
        }
        happened
    }

    /// They trade, at the maker's price; whether the taker is done.
    fn meet(&mut self, taker: &mut Taker, maker: &Resting, lots: i128, happened: &mut Vec<Happening>) -> bool {
        let notional = self.terms.notional(maker.price, lots);
        let made = self.fill(maker.id, lots, notional, maker.maker_ppm);
        let fee = taker.order.fees.charge(notional, taker.order.taker_ppm);
        taker.order.filled += lots;
        taker.told = true;
        let (leaves, done) = match &mut taker.budget {
            None => {
                taker.order.open -= lots;
                (Decimal(taker.order.open), taker.order.open == 0)
            }
            Some(left) => {
                *left -= notional + fee;
                let left = *left;
                let next = self.best(Side::Sell).map(|next| next.price);
                let done = left == 0 || next.is_some_and(|price| taker.wants(price, &self.terms) == 0);
                (if done { Decimal::ZERO } else { self.terms.quote_decimal(left) }, done)
            }
        };
        let (id, account) = (taker.order.id, taker.order.account.clone());
        let took = Party { id, account, fee, leaves };
        let taker_side = taker.order.side;
        happened.push(Happening::Traded { price: maker.price, quantity: lots, taker_side, maker: made, taker: took });
        done
    }

    /// It meets an order of its own account; whether the taker is done.
    fn prevent(&mut self, taker: &mut Taker, maker: &Resting, happened: &mut Vec<Happening>) -> bool {
        let why = Some(Reason::SelfMatch);
        let mode = match taker.order.self_match {
            Smp::Decrement if taker.budget.is_some() => Smp::CancelNewest,
            mode => mode,
        };
        match mode {
            Smp::None => unreachable!("they trade"),
            Smp::Decrement => {
                let lots = maker.open.min(taker.order.open);
                happened.push(self.decrement(maker, lots));
                if lots == taker.order.open {
                    happened.push(taker.said(BookOutcome::Canceled, why, &self.terms));
                    return true;
                }
                taker.order.open -= lots;
                happened.push(taker.said(BookOutcome::Decremented, why, &self.terms));
                false
            }
            Smp::CancelNewest | Smp::CancelOldest | Smp::CancelBoth => {
                if mode != Smp::CancelNewest {
                    self.take_out(maker.id);
                    happened.push(maker.said(BookOutcome::Canceled, why));
                }
                if mode != Smp::CancelOldest {
                    happened.push(taker.said(BookOutcome::Canceled, why, &self.terms));
                }
                mode != Smp::CancelOldest
            }
        }
    }
}
