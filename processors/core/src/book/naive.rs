//! The naive book: one list of orders, scanned from end to end for every question. Obviously right, and slow:
//! the oracle of [`crate::book::FastBook`]. It shares no matching code with it.
//!
//! Invariants: those of [`crate::book::Book`]. The list is in no order; best and next are found by comparing
//! price and priority each time.

use crate::book::events::{Answer, Events, Leaves, Party, Trade};
use crate::book::order::{AccountIndex, Amend, BookState, NewOrder, Order, Taker, Work, may_amend};
use crate::book::{Book, LevelTotal};
use crate::ids::OrderId;
use crate::money::{Amount, Price, Quantity};
use crate::records::{BookOutcome, Phase, Reason, SelfMatchPrevention as Smp, Side, TimeInForce};

/// One list of orders.
#[derive(Debug, Clone)]
pub struct NaiveBook {
    orders: Vec<Order>,
    tick_value: i64,
    phase: Phase,
    work: Work,
    next_priority: u64,
}

/// What became of an incoming order in one step.
enum Step {
    /// It may take more.
    More,
    /// Nothing is left of it, or its account was told why it closed.
    Closed,
    /// The other side has nothing for it.
    NoLiquidity,
    /// What is left does not pay for a lot.
    AmountSpent,
}

impl NaiveBook {
    /// Orders of a side, first to trade first.
    fn queue(&self, side: Side) -> Vec<Order> {
        let mut queue: Vec<Order> = self.orders.iter().filter(|o| o.side == side).copied().collect();
        queue.sort_by_key(|o| match side {
            Side::Buy => (-i128::from(o.price.0), o.priority),
            Side::Sell => (i128::from(o.price.0), o.priority),
        });
        queue
    }

    fn best(&self, side: Side) -> Option<Order> {
        let better = |a: &Order, b: &Order| match side {
            Side::Buy => (-i128::from(a.price.0), a.priority) < (-i128::from(b.price.0), b.priority),
            Side::Sell => (i128::from(a.price.0), a.priority) < (i128::from(b.price.0), b.priority),
        };
        self.orders.iter().filter(|o| o.side == side).copied().reduce(|a, b| if better(&b, &a) { b } else { a })
    }

    fn find(&self, id: OrderId, account: AccountIndex) -> Option<Order> {
        let order = self.orders.iter().find(|o| o.id == id).copied()?;
        assert_eq!(order.account, account, "order {id} belongs to another account than its command");
        Some(order)
    }

    /// Replaces a resting order by a changed one, or takes it out if nothing of it is open.
    fn put(&mut self, order: Order, out: &mut Events) {
        let at = self.orders.iter().position(|o| o.id == order.id).expect("it rests");
        out.touch(order.side, self.orders[at].price);
        if order.open.is_zero() {
            self.orders.remove(at);
        } else {
            self.orders[at] = order;
        }
    }

    fn take_out(&mut self, order: Order, out: &mut Events) {
        self.put(Order { open: Quantity::ZERO, ..order }, out);
    }

    fn rest(&mut self, order: Order, out: &mut Events) {
        assert!(self.orders.iter().all(|o| o.id != order.id) && order.open.0 > 0, "order {} cannot rest", order.id);
        self.orders.push(Order { priority: self.next_priority, ..order });
        self.next_priority += 1;
        out.touch(order.side, order.price);
    }

    fn notional(&self, price: Price, lots: i64) -> i128 {
        i128::from(price.0) * i128::from(lots) * i128::from(self.tick_value)
    }

    fn would_trade(&self, side: Side, price: Price) -> bool {
        self.best(side.opposite()).is_some_and(|best| match side {
            Side::Buy => best.price <= price,
            Side::Sell => best.price >= price,
        })
    }

    /// Lots that an incoming order wants at this price.
    fn wants(&self, taker: &Taker, price: Price) -> i64 {
        let Some(Amount(left)) = taker.budget else { return taker.order.open.0 };
        let pays = |lots: i64| {
            let notional = self.notional(price, lots);
            notional + i128::from(taker.order.fees.most(notional, taker.order.taker_fee_ppm)) <= i128::from(left)
        };
        // The cost grows with the lots: halve the range until its first unaffordable count is found.
        let (mut can, mut cannot) = (0, left / price.0.max(1) + 1);
        while cannot - can > 1 {
            let middle = can + (cannot - can) / 2;
            if pays(middle) { can = middle } else { cannot = middle }
        }
        can
    }

    /// Whether a fill-or-kill order can be filled whole, by trying it on a copy without a bound.
    fn fillable(&self, new: &NewOrder) -> bool {
        let mut copy = self.clone();
        let mut out = Events::new(usize::MAX);
        let mut taker = Taker::new(new);
        while matches!(copy.step(&mut taker, &mut out), Step::More) {}
        let mut lots = 0;
        let mut notional = 0;
        for event in out.list() {
            if let crate::book::Event::Trade(trade) = event {
                lots += trade.quantity.0;
                notional += self.notional(trade.price, trade.quantity.0);
            }
        }
        let fee = i128::from(taker.order.fees.charged());
        let pays = new.amount.is_none_or(|Amount(amount)| match new.side {
            Side::Buy => notional + fee <= i128::from(amount),
            Side::Sell => notional >= i128::from(amount),
        });
        Some(Quantity(lots)) == new.quantity && pays
    }

    fn run(&mut self, mut taker: Taker, out: &mut Events) {
        self.work = Work::Idle;
        loop {
            if out.is_full() {
                self.work = Work::Take(taker);
                return;
            }
            let expired = match self.step(&mut taker, out) {
                Step::More => continue,
                Step::Closed => return,
                Step::NoLiquidity if taker.rests => {
                    self.rest(taker.order, out);
                    if !taker.answered {
                        out.answer(Answer::of(&taker.order, BookOutcome::Accepted, None));
                    }
                    return;
                }
                Step::NoLiquidity => Reason::NoLiquidity,
                Step::AmountSpent => Reason::AmountSpent,
            };
            return out.answer(Answer::of_taker(&taker, BookOutcome::Expired, Some(expired)));
        }
    }

    fn step(&mut self, taker: &mut Taker, out: &mut Events) -> Step {
        let Some(mut maker) = self.best(taker.order.side.opposite()) else { return Step::NoLiquidity };
        if !taker.order.reaches(maker.price) {
            return Step::NoLiquidity;
        }
        let wants = self.wants(taker, maker.price);
        if wants == 0 {
            return Step::AmountSpent;
        }
        if maker.account == taker.order.account && taker.order.self_match_prevention != Smp::None {
            return self.prevent(taker, maker, out);
        }
        let lots = wants.min(maker.open.0);
        let notional = self.notional(maker.price, lots);
        let maker_fee = maker.fill(Quantity(lots), notional, maker.maker_fee_ppm);
        let order = &mut taker.order;
        let taker_fee = order.fees.charge(notional, order.taker_fee_ppm);
        order.filled = order.filled.plus(Quantity(lots));
        taker.answered = true;
        self.put(maker, out);
        let leaves = match &mut taker.budget {
            None => {
                taker.order.open = taker.order.open.minus(Quantity(lots));
                Leaves::Lots(taker.order.open)
            }
            Some(left) => {
                *left = Amount(left.0 - i64::try_from(notional).unwrap() - taker_fee);
                let next = self.best(Side::Sell);
                let spent = left.0 == 0 || next.is_some_and(|next| self.wants(taker, next.price) == 0);
                Leaves::Quote(if spent { Amount::ZERO } else { taker.budget.unwrap() })
            }
        };
        out.trade(Trade {
            price: maker.price,
            quantity: Quantity(lots),
            taker_side: taker.order.side,
            maker: Party { order: maker.id, account: maker.account, fee: maker_fee, leaves: Leaves::Lots(maker.open) },
            taker: Party { order: taker.order.id, account: taker.order.account, fee: taker_fee, leaves },
        });
        match leaves {
            Leaves::Lots(Quantity(0)) | Leaves::Quote(Amount(0)) => Step::Closed,
            _ => Step::More,
        }
    }

    /// The incoming order meets its own account's `maker`.
    fn prevent(&mut self, taker: &mut Taker, maker: Order, out: &mut Events) -> Step {
        let canceled = |order: &Order| Answer::of(order, BookOutcome::Canceled, Some(Reason::SelfMatch));
        let mode = match taker.order.self_match_prevention {
            // An order that names an amount has no quantity to lose.
            Smp::Decrement if taker.budget.is_some() => Smp::CancelNewest,
            mode => mode,
        };
        if matches!(mode, Smp::CancelOldest | Smp::CancelBoth) {
            self.take_out(maker, out);
            out.answer(canceled(&maker));
        }
        if matches!(mode, Smp::CancelNewest | Smp::CancelBoth) {
            out.answer(Answer::of_taker(taker, BookOutcome::Canceled, Some(Reason::SelfMatch)));
            return Step::Closed;
        }
        if mode == Smp::Decrement {
            let lots = maker.open.min(taker.order.open);
            self.decrement(maker, lots, out);
            if lots == taker.order.open {
                out.answer(Answer::of_taker(taker, BookOutcome::Canceled, Some(Reason::SelfMatch)));
                return Step::Closed;
            }
            taker.order.open = taker.order.open.minus(lots);
            out.answer(Answer::of_taker(taker, BookOutcome::Decremented, Some(Reason::SelfMatch)));
        }
        Step::More
    }

    fn decrement(&mut self, order: Order, lots: Quantity, out: &mut Events) {
        let less = Order { open: order.open.minus(lots), ..order };
        self.put(less, out);
        out.answer(if less.open.is_zero() {
            Answer::of(&order, BookOutcome::Canceled, Some(Reason::SelfMatch))
        } else {
            Answer::of(&less, BookOutcome::Decremented, Some(Reason::SelfMatch))
        });
    }

    /// One trade of a crossed book; `false` when it is not crossed.
    fn uncross_once(&mut self, out: &mut Events) -> bool {
        let (Some(bid), Some(ask)) = (self.best(Side::Buy), self.best(Side::Sell)) else { return false };
        if bid.price < ask.price {
            return false;
        }
        let (mut older, mut newer) = if bid.priority < ask.priority { (bid, ask) } else { (ask, bid) };
        let lots = older.open.min(newer.open);
        let canceled = |order: &Order| Answer::of(order, BookOutcome::Canceled, Some(Reason::SelfMatch));
        let mode = if older.account == newer.account { newer.self_match_prevention } else { Smp::None };
        match mode {
            Smp::None => {
                let notional = self.notional(older.price, lots.0);
                let maker_fee = older.fill(lots, notional, older.maker_fee_ppm);
                let taker_fee = newer.fill(lots, notional, newer.taker_fee_ppm);
                self.put(older, out);
                self.put(newer, out);
                let party = |order: &Order, fee| Party {
                    order: order.id,
                    account: order.account,
                    fee,
                    leaves: Leaves::Lots(order.open),
                };
                out.trade(Trade {
                    price: older.price,
                    quantity: lots,
                    taker_side: newer.side,
                    maker: party(&older, maker_fee),
                    taker: party(&newer, taker_fee),
                });
            }
            Smp::Decrement => {
                self.decrement(older, lots, out);
                self.decrement(newer, lots, out);
            }
            Smp::CancelOldest | Smp::CancelNewest | Smp::CancelBoth => {
                if mode != Smp::CancelNewest {
                    self.take_out(older, out);
                    out.answer(canceled(&older));
                }
                if mode != Smp::CancelOldest {
                    self.take_out(newer, out);
                    out.answer(canceled(&newer));
                }
            }
        }
        true
    }

    fn uncross(&mut self, out: &mut Events) {
        self.work = Work::Uncross;
        while !out.is_full() {
            if !self.uncross_once(out) {
                self.phase = Phase::Open;
                self.work = Work::Idle;
                return;
            }
        }
    }

    fn expire(&mut self, out: &mut Events) {
        self.work = Work::Expire;
        while !out.is_full() {
            let all = self.queue(Side::Buy).into_iter().chain(self.queue(Side::Sell));
            let Some(order) = all.into_iter().find(|o| o.day) else {
                self.work = Work::Idle;
                return;
            };
            self.take_out(order, out);
            out.answer(Answer::of(&order, BookOutcome::Expired, Some(Reason::DayEnd)));
        }
    }
}

impl Book for NaiveBook {
    fn new(tick_value: i64) -> Self {
        Self { orders: Vec::new(), tick_value, phase: Phase::Closed, work: Work::Idle, next_priority: 1 }
    }

    fn from_state(tick_value: i64, state: &BookState) -> Self {
        Self {
            orders: state.bids.iter().chain(&state.asks).copied().collect(),
            tick_value,
            phase: state.phase,
            work: state.work.clone(),
            next_priority: state.next_priority,
        }
    }

    fn place(&mut self, new: &NewOrder, out: &mut Events) {
        assert!(self.orders.iter().all(|o| o.id != new.id), "order {} came twice", new.id);
        let taker = Taker::new(new);
        let refusal = new
            .refusal_in(self.phase)
            .or((new.post_only && self.would_trade(new.side, taker.order.price)).then_some(Reason::WouldTrade));
        if refusal.is_some() {
            return out.answer(Answer::of_taker(&taker, BookOutcome::Rejected, refusal));
        }
        if self.phase == Phase::PreOpen {
            self.rest(taker.order, out);
            return out.answer(Answer::of(&taker.order, BookOutcome::Accepted, None));
        }
        if new.time_in_force == TimeInForce::Fok && !self.fillable(new) {
            return out.answer(Answer::of_taker(&taker, BookOutcome::Expired, Some(Reason::NotFillable)));
        }
        self.run(taker, out);
    }

    fn amend(&mut self, amend: &Amend, out: &mut Events) {
        let Amend { id, account, price, total } = *amend;
        let Some(order) = self.find(id, account) else {
            return out.answer(Answer::refused(id, account, Reason::NotOpen, Quantity::ZERO));
        };
        if !may_amend(self.phase) {
            return out.answer(Answer::refused(id, account, Reason::Phase, order.open));
        }
        let mut changed = order;
        changed.price = price.unwrap_or(order.price);
        changed.open = total.map_or(order.open, |total| total.minus(order.filled));
        if changed.open.0 <= 0 {
            self.take_out(order, out);
            return out.answer(Answer::of(&order, BookOutcome::Canceled, Some(Reason::AmendedToFilled)));
        }
        let keeps_place = changed.price == order.price && changed.open <= order.open;
        if !keeps_place && order.post_only && self.would_trade(order.side, changed.price) {
            return out.answer(Answer::refused(id, account, Reason::WouldTrade, order.open));
        }
        out.answer(Answer::of(&changed, BookOutcome::Amended, None));
        if keeps_place {
            return self.put(changed, out);
        }
        self.take_out(order, out);
        if self.phase == Phase::Open {
            self.run(Taker::amended(changed), out);
        } else {
            self.rest(changed, out);
        }
    }

    fn reduce(&mut self, id: OrderId, account: AccountIndex, by: Quantity, out: &mut Events) {
        let Some(order) = self.find(id, account) else {
            return out.answer(Answer::refused(id, account, Reason::NotOpen, Quantity::ZERO));
        };
        if !may_amend(self.phase) {
            return out.answer(Answer::refused(id, account, Reason::Phase, order.open));
        }
        if by >= order.open {
            self.take_out(order, out);
            return out.answer(Answer::of(&order, BookOutcome::Canceled, Some(Reason::Requested)));
        }
        let less = Order { open: order.open.minus(by), ..order };
        self.put(less, out);
        out.answer(Answer::of(&less, BookOutcome::Amended, None));
    }

    fn cancel(&mut self, id: OrderId, account: AccountIndex, out: &mut Events) {
        let Some(order) = self.find(id, account) else {
            return out.answer(Answer::refused(id, account, Reason::NotOpen, Quantity::ZERO));
        };
        self.take_out(order, out);
        out.answer(Answer::of(&order, BookOutcome::Canceled, Some(Reason::Requested)));
    }

    fn enter(&mut self, phase: Phase, out: &mut Events) {
        match phase {
            Phase::Open if self.phase != Phase::Open => self.uncross(out),
            Phase::Closed => {
                self.phase = phase;
                self.expire(out);
            }
            _ => self.phase = phase,
        }
    }

    fn end_day(&mut self, out: &mut Events) {
        self.expire(out);
    }

    fn advance(&mut self, out: &mut Events) {
        match self.work.clone() {
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
        self.queue(side).iter().for_each(visit);
    }

    fn level(&self, side: Side, price: Price) -> LevelTotal {
        let mut level = LevelTotal { price, lots: 0, orders: 0 };
        for order in self.orders.iter().filter(|o| o.side == side && o.price == price) {
            level.lots += i128::from(order.open.0);
            level.orders += 1;
        }
        level
    }

    fn levels(&self, side: Side, most: usize) -> Vec<LevelTotal> {
        let mut prices: Vec<Price> = self.queue(side).iter().map(|o| o.price).collect();
        prices.dedup();
        prices.truncate(most);
        prices.into_iter().map(|price| self.level(side, price)).collect()
    }
}
