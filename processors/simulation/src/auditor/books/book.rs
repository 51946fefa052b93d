//! One symbol's book: a plain list that is looked through from end to end for every question.

use super::taking::Taker;
use super::{Fees, Happening, Party, Said, Terms};
use crate::auditor::depth::Levels;
use hoga_core::records::{
    BookOutcome, HeldAmend, HeldOrder, Phase, Reason, SelfMatchPrevention as Smp, Side, TimeInForce,
};
use hoga_core::{AccountId, Decimal, OrderId};

/// An order that rests. Prices and quantities are counts of 10⁻¹⁰.
#[derive(Debug, Clone)]
pub(super) struct Resting {
    pub id: OrderId,
    pub account: AccountId,
    pub side: Side,
    pub price: i128,
    pub open: i128,
    pub filled: i128,
    /// When it took its place: lower was earlier.
    pub place: u64,
    pub fees: Fees,
    pub maker_ppm: u32,
    pub taker_ppm: u32,
    pub self_match: Smp,
    pub post_only: bool,
    pub day: bool,
}

impl Resting {
    pub fn said(&self, outcome: BookOutcome, reason: Option<Reason>) -> Happening {
        Happening::Answered(Said {
            id: self.id,
            account: self.account.clone(),
            outcome,
            reason,
            price: Some(self.price),
            total: Some(self.filled + self.open),
            leaves: Decimal(self.open),
        })
    }

    /// Whether it goes before another of its side.
    fn before(&self, other: &Self) -> bool {
        let better = match self.side {
            Side::Buy => self.price > other.price,
            Side::Sell => self.price < other.price,
        };
        better || (self.price == other.price && self.place < other.place)
    }
}

#[derive(Debug, Clone)]
pub(super) struct Book {
    pub terms: Terms,
    pub day: i64,
    pub phase: Phase,
    pub orders: Vec<Resting>,
    places: u64,
}

impl Book {
    pub fn new(terms: Terms, day: i64) -> Self {
        Self { terms, day, phase: Phase::Closed, orders: Vec::new(), places: 0 }
    }

    /// The order of a side that trades first.
    pub fn best(&self, side: Side) -> Option<&Resting> {
        let mut best: Option<&Resting> = None;
        for order in self.orders.iter().filter(|order| order.side == side) {
            if best.is_none_or(|best| order.before(best)) {
                best = Some(order);
            }
        }
        best
    }

    /// What is wrong with the book between records, if anything.
    pub fn wrong(&self) -> Option<String> {
        if self.orders.iter().any(|order| order.open <= 0) {
            return Some("an order rests with nothing open".into());
        }
        let (bid, ask) = (self.best(Side::Buy)?, self.best(Side::Sell)?);
        (self.phase == Phase::Open && bid.price >= ask.price).then(|| format!("{bid:?} crosses {ask:?}"))
    }

    pub fn levels(&self) -> Levels {
        let mut levels = Levels::default();
        for order in &self.orders {
            let level = levels.entry((order.side, order.price)).or_default();
            level.0 += order.open;
            level.1 += 1;
        }
        levels
    }

    /// Gives an order its place at the end of its level.
    pub fn rest(&mut self, mut order: Resting) {
        self.places += 1;
        order.place = self.places;
        self.orders.push(order);
    }

    /// Takes an order out.
    pub fn take_out(&mut self, id: OrderId) -> Resting {
        let at = self.orders.iter().position(|order| order.id == id).expect("it rests");
        self.orders.remove(at)
    }

    /// Makes an order as much less; it keeps its place, and goes when nothing is left.
    pub fn lessen(&mut self, id: OrderId, by: i128) {
        let order = self.orders.iter_mut().find(|order| order.id == id).expect("it rests");
        order.open -= by;
        if order.open == 0 {
            self.take_out(id);
        }
    }

    fn find(&self, id: OrderId, account: &AccountId) -> Option<&Resting> {
        self.orders.iter().find(|order| order.id == id && order.account == *account)
    }

    pub fn crosses(&self, side: Side, price: i128) -> bool {
        self.best(side.opposite()).is_some_and(|best| match side {
            Side::Buy => best.price <= price,
            Side::Sell => best.price >= price,
        })
    }

    pub fn place(&mut self, held: &HeldOrder) -> Vec<Happening> {
        let rests = held.price.is_some() && matches!(held.time_in_force, TimeInForce::Gtc | TimeInForce::Day);
        let enters = match self.phase {
            Phase::Open => true,
            Phase::PreOpen => rests,
            Phase::Closed | Phase::Halted => false,
        };
        let taker = Taker::of(held, &self.terms);
        let would_trade = held.post_only && held.price.is_some_and(|price| self.crosses(held.side, price.0));
        if !enters {
            return vec![taker.said(BookOutcome::Rejected, Some(Reason::Phase), &self.terms)];
        }
        if would_trade {
            return vec![taker.said(BookOutcome::Rejected, Some(Reason::WouldTrade), &self.terms)];
        }
        if self.phase == Phase::PreOpen {
            let said = taker.order.said(BookOutcome::Accepted, None);
            self.rest(taker.order);
            return vec![said];
        }
        if held.time_in_force == TimeInForce::Fok && !self.fills_whole(held) {
            return vec![taker.said(BookOutcome::Expired, Some(Reason::NotFillable), &self.terms)];
        }
        self.run(taker)
    }

    /// Whether a fill-or-kill order would be filled whole within its amount: tried on a copy.
    fn fills_whole(&self, held: &HeldOrder) -> bool {
        let (mut quantity, mut money, mut fees) = (0, 0, 0);
        for happening in self.clone().run(Taker::of(held, &self.terms)) {
            if let Happening::Traded { price, quantity: lots, taker, .. } = happening {
                quantity += lots;
                money += self.terms.notional(price, lots);
                fees += taker.fee;
            }
        }
        let amount = held.amount.map(|amount| amount.0 / crate::auditor::terms::minor(self.terms.quote_digits));
        let within = amount.is_none_or(|amount| match held.side {
            Side::Buy => money + fees <= amount,
            Side::Sell => money >= amount,
        });
        held.quantity.is_some_and(|wanted| wanted.0 == quantity) && within
    }

    pub fn amend(&mut self, held: &HeldAmend) -> Vec<Happening> {
        let refused =
            |reason, open| vec![Happening::Answered(Said::refused(held.order_id, &held.account, reason, open))];
        let Some(order) = self.find(held.order_id, &held.account).cloned() else { return refused(Reason::NotOpen, 0) };
        if !matches!(self.phase, Phase::Open | Phase::PreOpen) {
            return refused(Reason::Phase, order.open);
        }
        if let Some(by) = held.reduce_by {
            return self.reduce(&order, by.0);
        }
        let mut changed = order.clone();
        changed.price = held.price.map_or(order.price, |price| price.0);
        changed.open = held.quantity.map_or(order.open, |total| total.0 - order.filled);
        if changed.open <= 0 {
            self.take_out(order.id);
            return vec![order.said(BookOutcome::Canceled, Some(Reason::AmendedToFilled))];
        }
        let keeps_place = changed.price == order.price && changed.open <= order.open;
        if keeps_place {
            self.lessen(order.id, order.open - changed.open);
            return vec![changed.said(BookOutcome::Amended, None)];
        }
        if order.post_only && self.crosses(order.side, changed.price) {
            return refused(Reason::WouldTrade, order.open);
        }
        self.take_out(order.id);
        let mut happened = vec![changed.said(BookOutcome::Amended, None)];
        if self.phase == Phase::Open {
            happened.extend(self.run(Taker::again(changed)));
        } else {
            self.rest(changed);
        }
        happened
    }

    fn reduce(&mut self, order: &Resting, by: i128) -> Vec<Happening> {
        if by >= order.open {
            self.take_out(order.id);
            return vec![order.said(BookOutcome::Canceled, Some(Reason::Requested))];
        }
        self.lessen(order.id, by);
        let less = Resting { open: order.open - by, ..order.clone() };
        vec![less.said(BookOutcome::Amended, None)]
    }

    pub fn cancel(&mut self, id: OrderId, account: &AccountId) -> Vec<Happening> {
        match self.find(id, account).cloned() {
            Some(order) => {
                self.take_out(id);
                vec![order.said(BookOutcome::Canceled, Some(Reason::Requested))]
            }
            None => vec![Happening::Answered(Said::refused(id, account, Reason::NotOpen, 0))],
        }
    }

    pub fn enter(&mut self, phase: Phase) -> Vec<Happening> {
        let was = std::mem::replace(&mut self.phase, phase);
        match phase {
            Phase::Open if was != Phase::Open => self.uncross(),
            Phase::Closed => self.expire(),
            _ => Vec::new(),
        }
    }

    /// Day orders go: buys first, in the order in which they would have traded.
    pub fn expire(&mut self) -> Vec<Happening> {
        let mut gone: Vec<Resting> = self.orders.iter().filter(|order| order.day).cloned().collect();
        gone.sort_by(|a, b| {
            let sides = (a.side == Side::Sell).cmp(&(b.side == Side::Sell));
            sides.then(if a.before(b) { std::cmp::Ordering::Less } else { std::cmp::Ordering::Greater })
        });
        self.orders.retain(|order| !order.day);
        gone.iter().map(|order| order.said(BookOutcome::Expired, Some(Reason::DayEnd))).collect()
    }

    /// What crosses trades: best bid against best ask, the newer as taker at the older one's price.
    fn uncross(&mut self) -> Vec<Happening> {
        let mut happened = Vec::new();
        while let (Some(bid), Some(ask)) = (self.best(Side::Buy).cloned(), self.best(Side::Sell).cloned()) {
            if bid.price < ask.price {
                break;
            }
            let (older, newer) = if bid.place < ask.place { (bid, ask) } else { (ask, bid) };
            let same = older.account == newer.account;
            match if same { newer.self_match } else { Smp::None } {
                Smp::None => happened.push(self.trade(&older, &newer)),
                Smp::Decrement => {
                    let lots = older.open.min(newer.open);
                    happened.push(self.decrement(&older, lots));
                    happened.push(self.decrement(&newer, lots));
                }
                mode => {
                    if mode != Smp::CancelNewest {
                        self.take_out(older.id);
                        happened.push(older.said(BookOutcome::Canceled, Some(Reason::SelfMatch)));
                    }
                    if mode != Smp::CancelOldest {
                        self.take_out(newer.id);
                        happened.push(newer.said(BookOutcome::Canceled, Some(Reason::SelfMatch)));
                    }
                }
            }
        }
        happened
    }

    /// Two resting orders trade.
    fn trade(&mut self, older: &Resting, newer: &Resting) -> Happening {
        let lots = older.open.min(newer.open);
        let notional = self.terms.notional(older.price, lots);
        let maker = self.fill(older.id, lots, notional, older.maker_ppm);
        let taker = self.fill(newer.id, lots, notional, newer.taker_ppm);
        Happening::Traded { price: older.price, quantity: lots, taker_side: newer.side, maker, taker }
    }

    /// A resting order is filled.
    pub fn fill(&mut self, id: OrderId, lots: i128, notional: i128, ppm: u32) -> Party {
        let order = self.orders.iter_mut().find(|order| order.id == id).expect("it rests");
        order.filled += lots;
        let fee = order.fees.charge(notional, ppm);
        let (account, leaves) = (order.account.clone(), Decimal(order.open - lots));
        self.lessen(id, lots);
        Party { id, account, fee, leaves }
    }

    /// A resting order loses lots to self-match prevention.
    pub fn decrement(&mut self, order: &Resting, lots: i128) -> Happening {
        self.lessen(order.id, lots);
        if lots == order.open {
            return order.said(BookOutcome::Canceled, Some(Reason::SelfMatch));
        }
        Resting { open: order.open - lots, ..order.clone() }.said(BookOutcome::Decremented, Some(Reason::SelfMatch))
    }
}
