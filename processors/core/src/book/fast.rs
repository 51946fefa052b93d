//! The fast book: matching over a store that finds orders, levels and the best price without searching.
//!
//! Invariants: those of [`crate::book::Book`]; [`crate::book::NaiveBook`] is its oracle.
//! An incoming order is not in the store while it takes; it goes there with what is left, if it may rest.
//!
//! Left out on purpose: how orders are stored (`store.rs`).

use crate::book::events::{Answer, Events, Leaves, Party, Trade};
use crate::book::fill_or_kill::fillable;
use crate::book::order::{AccountIndex, Amend, BookState, NewOrder, Order, Taker, Work, may_amend};
use crate::book::store::{Resting, Slot, Store};
use crate::book::{Book, LevelTotal};
use crate::ids::OrderId;
use crate::money::{Amount, Price, Quantity};
use crate::records::{BookOutcome, Phase, Reason, SelfMatchPrevention as Smp, Side, TimeInForce};

/// Levels of linked queues; see `store.rs`.
#[derive(Debug)]
pub struct FastBook {
    store: Store,
    tick_value: i64,
    phase: Phase,
    work: Work,
    next_priority: u64,
}

/// What became of an incoming order in one step.
enum Step {
    /// It may take more.
    More,
    /// It takes no more.
    End(End),
}

/// Why an incoming order takes no more.
enum End {
    /// Nothing of it is left, or its account was told why it closed.
    Closed,
    /// Nothing on the other side that it reaches.
    NoLiquidity,
    /// What it may still spend does not pay for a lot.
    AmountSpent,
}

impl FastBook {
    fn rest(&mut self, order: &Order, out: &mut Events) {
        out.touch(order.side, order.price);
        self.store.push(order, self.next_priority);
        self.next_priority += 1;
    }

    fn take_out(&mut self, slot: Slot, out: &mut Events) -> Order {
        let order = self.store.remove(slot);
        out.touch(order.side, order.price);
        order
    }

    /// Where the order of that id lies; a command of another account on it is a broken invariant.
    #[inline(always)]
    fn find(&self, id: OrderId, account: AccountIndex) -> Option<Slot> {
        let slot = self.store.find(id)?;
        assert_eq!(self.store.get(slot).account, account, "order {id} belongs to another account than its command");
        Some(slot)
    }

    /// As [`Self::find`] in a phase where orders change; otherwise the refusal is answered.
    #[inline(always)]
    fn find_to_change(&self, id: OrderId, account: AccountIndex, out: &mut Events) -> Option<Slot> {
        let (reason, open) = match self.find(id, account) {
            None => (Reason::NotOpen, Quantity::ZERO),
            Some(slot) if !may_amend(self.phase) => (Reason::Phase, self.store.get(slot).open),
            found => return found,
        };
        refuse(id, account, reason, open, out);
        None
    }

    /// Whether an order of that side and limit would take.
    fn would_trade(&self, side: Side, limit: Price) -> bool {
        self.store.has_at(side.opposite(), limit)
    }

    /// A resting order that was amended takes.
    #[inline(never)]
    fn take_again(&mut self, slot: Slot, price: Price, open: Quantity, out: &mut Events) {
        let order = self.store.remove(slot);
        self.run(Taker::amended(Order { price, open, ..order }), out);
    }

    fn notional(&self, price: Price, lots: Quantity) -> i128 {
        notional(self.tick_value, price, lots)
    }

    /// The lots that an incoming order wants at `price`.
    fn wants(&self, taker: &Taker, price: Price) -> Quantity {
        match taker.budget {
            None => taker.order.open,
            Some(Amount(left)) => {
                let unit = self.notional(price, Quantity(1));
                Quantity(taker.order.fees.affordable(unit, taker.order.taker_fee_ppm, left))
            }
        }
    }

    fn run(&mut self, mut taker: Taker, out: &mut Events) {
        loop {
            if out.is_full() {
                self.work = Work::Take(taker);
                return;
            }
            if let Step::End(end) = self.step(&mut taker, out) {
                return self.settle(&taker, &end, out);
            }
        }
    }

    /// What is left of an incoming order rests or expires.
    fn settle(&mut self, taker: &Taker, end: &End, out: &mut Events) {
        let reason = match end {
            End::Closed => return,
            End::NoLiquidity if taker.rests => {
                self.rest(&taker.order, out);
                if !taker.answered {
                    out.answer(Answer::of(&taker.order, BookOutcome::Accepted, None));
                }
                return;
            }
            End::NoLiquidity => Reason::NoLiquidity,
            End::AmountSpent => Reason::AmountSpent,
        };
        out.answer(Answer::of_taker(taker, BookOutcome::Expired, Some(reason)));
    }

    /// One trade, or one act of self-match prevention, with the best order of the other side.
    fn step(&mut self, taker: &mut Taker, out: &mut Events) -> Step {
        let Some(slot) = self.store.best(taker.order.side.opposite()) else {
            return Step::End(End::NoLiquidity);
        };
        let maker = self.store.get(slot);
        if !taker.order.reaches(maker.price) {
            return Step::End(End::NoLiquidity);
        }
        let wants = self.wants(taker, maker.price);
        if wants.is_zero() {
            return Step::End(End::AmountSpent);
        }
        if maker.account == taker.order.account && taker.order.self_match_prevention != Smp::None {
            return self.prevent_self_match(taker, slot, out);
        }
        self.trade(taker, slot, wants.min(maker.open), out)
    }

    fn trade(&mut self, taker: &mut Taker, slot: Slot, lots: Quantity, out: &mut Events) -> Step {
        let Resting { price, maker_fee_ppm: rate, .. } = *self.store.get(slot);
        let notional = self.notional(price, lots);
        let (maker, maker_fee) = self.store.fill(slot, lots, notional, rate);
        out.touch(maker.side, price);
        let taker_fee = self.fill_taker(taker, lots, notional);
        let leaves = self.taker_leaves(taker);
        out.trade(Trade {
            price,
            quantity: lots,
            taker_side: taker.order.side,
            maker: party(&maker, maker_fee),
            taker: Party { order: taker.order.id, account: taker.order.account, fee: taker_fee, leaves },
        });
        match leaves {
            Leaves::Lots(Quantity(0)) | Leaves::Quote(Amount(0)) => Step::End(End::Closed),
            _ => Step::More,
        }
    }

    fn fill_taker(&self, taker: &mut Taker, lots: Quantity, notional: i128) -> i64 {
        taker.answered = true;
        let rate = taker.order.taker_fee_ppm;
        let Some(Amount(left)) = taker.budget else {
            return taker.order.fill(lots, notional, rate);
        };
        taker.order.filled = taker.order.filled.plus(lots);
        let fee = taker.order.fees.charge(notional, rate);
        let left = i128::from(left) - notional - i128::from(fee);
        assert!(left >= 0, "order {} spends more than it may", taker.order.id);
        taker.budget = Some(Amount(i64::try_from(left).expect("less than before")));
        fee
    }

    /// What a leg says of the taker: of an amount, nothing is left when it does not pay for one more lot.
    fn taker_leaves(&self, taker: &Taker) -> Leaves {
        let Some(left) = taker.budget else { return Leaves::Lots(taker.order.open) };
        let next = self.store.best_price(taker.order.side.opposite());
        match next {
            Some(price) if self.wants(taker, price).is_zero() => Leaves::Quote(Amount::ZERO),
            _ => Leaves::Quote(left),
        }
    }

    fn prevent_self_match(&mut self, taker: &mut Taker, slot: Slot, out: &mut Events) -> Step {
        match taker.order.self_match_prevention {
            Smp::None => unreachable!("they trade"),
            Smp::CancelOldest => {
                self.cancel_self_match(slot, out);
                Step::More
            }
            Smp::CancelBoth => {
                self.cancel_self_match(slot, out);
                close_self_match(taker, out)
            }
            Smp::CancelNewest => close_self_match(taker, out),
            // An order that names an amount has no quantity to lose.
            Smp::Decrement if taker.budget.is_some() => close_self_match(taker, out),
            Smp::Decrement => {
                let lots = taker.order.open.min(self.store.get(slot).open);
                self.decrement(slot, lots, out);
                if lots == taker.order.open {
                    return close_self_match(taker, out);
                }
                taker.order.open = taker.order.open.minus(lots);
                out.answer(Answer::of_taker(taker, BookOutcome::Decremented, Some(Reason::SelfMatch)));
                Step::More
            }
        }
    }

    fn cancel_self_match(&mut self, slot: Slot, out: &mut Events) {
        self.cancel_for(slot, Reason::SelfMatch, out);
    }

    fn cancel_for(&mut self, slot: Slot, reason: Reason, out: &mut Events) {
        let order = self.take_out(slot, out);
        out.answer(Answer::of(&order, BookOutcome::Canceled, Some(reason)));
    }

    fn decrement(&mut self, slot: Slot, lots: Quantity, out: &mut Events) {
        if self.store.get(slot).open == lots {
            return self.cancel_self_match(slot, out);
        }
        self.store.reduce(slot, lots);
        let order = self.store.order(slot);
        out.touch(order.side, order.price);
        out.answer(Answer::of(&order, BookOutcome::Decremented, Some(Reason::SelfMatch)));
    }

    /// Trades what crosses, best against best: the newer order takes, at the older one's price. Then the book opens.
    fn uncross(&mut self, out: &mut Events) {
        loop {
            if out.is_full() {
                self.work = Work::Uncross;
                return;
            }
            let (Some(bid), Some(ask)) = (self.store.best(Side::Buy), self.store.best(Side::Sell)) else { break };
            let (first, second) = (self.store.get(bid), self.store.get(ask));
            if first.price < second.price {
                break;
            }
            if first.priority < second.priority {
                self.uncross_once(bid, ask, out);
            } else {
                self.uncross_once(ask, bid, out);
            }
        }
        self.phase = Phase::Open;
    }

    fn uncross_once(&mut self, older: Slot, newer: Slot, out: &mut Events) {
        let (maker, taker) = (self.store.order(older), self.store.order(newer));
        let lots = maker.open.min(taker.open);
        if maker.account != taker.account || taker.self_match_prevention == Smp::None {
            let notional = self.notional(maker.price, lots);
            let (maker, maker_fee) = self.store.fill(older, lots, notional, maker.maker_fee_ppm);
            let (taker, taker_fee) = self.store.fill(newer, lots, notional, taker.taker_fee_ppm);
            out.touch(maker.side, maker.price);
            out.touch(taker.side, taker.price);
            return out.trade(Trade {
                price: maker.price,
                quantity: lots,
                taker_side: taker.side,
                maker: party(&maker, maker_fee),
                taker: party(&taker, taker_fee),
            });
        }
        match taker.self_match_prevention {
            Smp::None => unreachable!("they trade"),
            Smp::CancelNewest => self.cancel_self_match(newer, out),
            Smp::CancelOldest => self.cancel_self_match(older, out),
            Smp::CancelBoth => {
                self.cancel_self_match(older, out);
                self.cancel_self_match(newer, out);
            }
            Smp::Decrement => {
                self.decrement(older, lots, out);
                self.decrement(newer, lots, out);
            }
        }
    }

    /// Day orders expire, bids before asks, in the order in which they would trade.
    fn expire(&mut self, out: &mut Events) {
        let sides = [Side::Buy, Side::Sell];
        // The bound keeps this list short; where it cuts, the rest is found again on a later record.
        let due: Vec<OrderId> = sides
            .iter()
            .flat_map(|side| self.store.orders(*side))
            .map(|slot| self.store.get(slot))
            .filter(|order| order.day)
            .map(|order| order.id)
            .take(out.room())
            .collect();
        for id in due {
            let slot = self.store.find(id).expect("it was seen just now");
            let order = self.take_out(slot, out);
            out.answer(Answer::of(&order, BookOutcome::Expired, Some(Reason::DayEnd)));
        }
        if out.is_full() {
            self.work = Work::Expire;
        }
    }
}

/// Price × quantity in minor units of the quote.
pub(super) fn notional(tick_value: i64, price: Price, lots: Quantity) -> i128 {
    let ticks = i128::from(price.0) * i128::from(lots.0);
    ticks.checked_mul(i128::from(tick_value)).expect("holds bounded the notional")
}

/// A resting order's side of a trade.
fn party(order: &Order, fee: i64) -> Party {
    Party { order: order.id, account: order.account, fee, leaves: Leaves::Lots(order.open) }
}

fn close_self_match(taker: &Taker, out: &mut Events) -> Step {
    out.answer(Answer::of_taker(taker, BookOutcome::Canceled, Some(Reason::SelfMatch)));
    Step::End(End::Closed)
}

/// A command on an order is refused, of which `open` stays.
#[cold]
fn refuse(id: OrderId, account: AccountIndex, reason: Reason, open: Quantity, out: &mut Events) {
    out.answer(Answer::refused(id, account, reason, open));
}

impl Book for FastBook {
    fn new(tick_value: i64) -> Self {
        Self { store: Store::new(), tick_value, phase: Phase::Closed, work: Work::Idle, next_priority: 1 }
    }

    fn from_state(tick_value: i64, state: &BookState) -> Self {
        let mut store = Store::new();
        state.bids.iter().chain(&state.asks).for_each(|order| store.push(order, order.priority));
        Self { store, tick_value, phase: state.phase, work: state.work.clone(), next_priority: state.next_priority }
    }

    fn place(&mut self, new: &NewOrder, out: &mut Events) {
        assert!(self.store.find(new.id).is_none(), "order {} came twice", new.id);
        let taker = Taker::new(new);
        let would_trade = self.would_trade(new.side, taker.order.price);
        let refused_here = (new.post_only && would_trade).then_some(Reason::WouldTrade);
        if let Some(reason) = new.refusal_in(self.phase).or(refused_here) {
            return out.answer(Answer::of_taker(&taker, BookOutcome::Rejected, Some(reason)));
        }
        if new.time_in_force == TimeInForce::Fok && !fillable(&self.store, self.tick_value, new, &taker) {
            return out.answer(Answer::of_taker(&taker, BookOutcome::Expired, Some(Reason::NotFillable)));
        }
        // As in an amend.
        if self.phase == Phase::Open && (would_trade || out.is_full()) {
            return self.run(taker, out);
        }
        self.settle(&taker, &End::NoLiquidity, out);
    }

    fn amend(&mut self, amend: &Amend, out: &mut Events) {
        let Amend { id, account, price, total } = *amend;
        let Some(slot) = self.find_to_change(id, account, out) else { return };
        let order = *self.store.get(slot);
        let Resting { side, filled, .. } = order;
        let open = total.map_or(order.open, |total| total.minus(filled));
        if open <= Quantity::ZERO {
            return self.cancel_for(slot, Reason::AmendedToFilled, out);
        }
        let price = price.unwrap_or(order.price);
        let keeps_place = price == order.price && open <= order.open;
        let would_trade = !keeps_place && self.would_trade(side, price);
        if would_trade && order.post_only {
            return refuse(id, account, Reason::WouldTrade, order.open, out);
        }
        out.answer(Answer::amended(id, account, price, filled.plus(open), open));
        if keeps_place {
            out.touch(side, price);
            return self.store.reduce(slot, order.open.minus(open));
        }
        // A full buffer puts even an order that takes nothing off to the next record.
        if self.phase == Phase::Open && (would_trade || out.is_full()) {
            out.touch(side, order.price);
            return self.take_again(slot, price, open, out);
        }
        out.touch_both(side, order.price, price);
        self.store.requeue(slot, price, open, self.next_priority);
        self.next_priority += 1;
    }

    fn reduce(&mut self, id: OrderId, account: AccountIndex, by: Quantity, out: &mut Events) {
        let Some(slot) = self.find_to_change(id, account, out) else { return };
        if by >= self.store.get(slot).open {
            return self.cancel_for(slot, Reason::Requested, out);
        }
        self.store.reduce(slot, by);
        let order = self.store.order(slot);
        out.touch(order.side, order.price);
        out.answer(Answer::of(&order, BookOutcome::Amended, None));
    }

    fn cancel(&mut self, id: OrderId, account: AccountIndex, out: &mut Events) {
        let Some(slot) = self.find(id, account) else {
            return refuse(id, account, Reason::NotOpen, Quantity::ZERO, out);
        };
        self.cancel_for(slot, Reason::Requested, out);
    }

    fn enter(&mut self, phase: Phase, out: &mut Events) {
        match phase {
            Phase::Open if self.phase != Phase::Open => self.uncross(out),
            Phase::Closed => {
                self.phase = Phase::Closed;
                self.expire(out);
            }
            _ => self.phase = phase,
        }
    }

    fn end_day(&mut self, out: &mut Events) {
        self.expire(out);
    }

    fn advance(&mut self, out: &mut Events) {
        match std::mem::replace(&mut self.work, Work::Idle) {
            Work::Idle => {}
            Work::Take(taker) => self.run(taker, out),
            Work::Uncross => self.uncross(out),
            Work::Expire => self.expire(out),
        }
    }

    fn work(&self) -> &Work {
        &self.work
    }

    fn phase(&self) -> Phase {
        self.phase
    }

    fn next_priority(&self) -> u64 {
        self.next_priority
    }

    fn visit(&self, side: Side, visit: &mut dyn FnMut(&Order)) {
        self.store.orders(side).for_each(|slot| visit(&self.store.order(slot)));
    }

    fn level(&self, side: Side, price: Price) -> LevelTotal {
        self.store.total(side, price)
    }

    fn levels(&self, side: Side, most: usize) -> Vec<LevelTotal> {
        self.store.levels(side).take(most).map(|(total, _)| total).collect()
    }
}
