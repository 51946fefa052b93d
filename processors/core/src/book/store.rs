//! Where the fast book keeps its orders: price levels, each a queue of orders linked through a slab.
//!
//! An order is found by its id ([`Places`]), a level by its price, the best level at once ([`ladder`]); orders lie in a
//! slab, which gives places out again ([`Slab`]). What matching and moving ask of an order lies in one line of the
//! cache, its other terms beside ([`Resting`], [`Terms`]).
//!
//! Invariants:
//! 1. A level's lots are the sum of what is open there; orders rest at exactly the prices that its ladder has.
//! 2. Within a level priorities rise from head to tail: orders join at the tail.
//! 3. Both ends of a queue lead to [`END`], whose links are written and never read: neighbours are linked without
//!    asking whether there are any.
//! 4. Where something lies in a slab depends on history and is never visible outside.
//!
//! Left out on purpose: matching, and what the levels are for.

mod ladder;

use crate::book::LevelTotal;
use crate::book::order::{AccountIndex, Order};
use crate::fees::FeeMeter;
use crate::ids::OrderId;
use crate::money::{Price, Quantity};
use crate::places::{Places, hash_of};
use crate::records::{SelfMatchPrevention, Side};
use crate::slab::{Column, Slab};
use ladder::{Ladder, Place};

/// Where an order lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot(u32);

/// What a queue's ends lead to: the first place, which no order has.
const END: u32 = 0;

/// The part of an [`Order`] that is asked for all the time, and its neighbours in its level's queue.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(super) struct Resting {
    pub(super) id: OrderId,
    pub(super) price: Price,
    pub(super) open: Quantity,
    pub(super) filled: Quantity,
    pub(super) priority: u64,
    pub(super) account: AccountIndex,
    pub(super) maker_fee_ppm: u32,
    previous: u32,
    next: u32,
    level: Place,
    pub(super) side: Side,
    pub(super) self_match_prevention: SelfMatchPrevention,
    pub(super) post_only: bool,
    pub(super) day: bool,
}

/// The part of an [`Order`] that is asked for when it trades: its fees, and their rate.
#[derive(Debug, Clone, Copy)]
struct Terms {
    charged: i64,
    rounded_up_by: u32,
    taker_fee_ppm: u32,
}

impl Terms {
    fn new(fees: FeeMeter, taker_fee_ppm: u32) -> Self {
        let (charged, rounded_up_by) = fees.parts();
        Self { charged, rounded_up_by, taker_fee_ppm }
    }

    fn fees(&self) -> FeeMeter {
        FeeMeter::of_parts(self.charged, self.rounded_up_by)
    }
}

// A million resting orders take 80 MB here, some 17 of look-up, and 400 B for each block of prices.
const _: () = assert!(size_of::<Resting>() == 64 && size_of::<Terms>() == 16);

/// All resting orders of a book.
#[derive(Debug)]
pub(super) struct Store {
    orders: Slab<Resting>,
    terms: Column<Terms>,
    ladders: [Ladder; 2],
    by_id: Places,
}

impl Store {
    pub(super) fn new() -> Self {
        let mut store = Self {
            orders: Slab::new(),
            terms: Column::new(),
            ladders: [Ladder::new(Side::Buy), Ladder::new(Side::Sell)],
            by_id: Places::new(),
        };
        let end = store.put(&no_order(), 0);
        assert_eq!(end, END, "the first place of a slab");
        store
    }

    #[inline(always)]
    pub(super) fn find(&self, id: OrderId) -> Option<Slot> {
        self.by_id.find(hash_of(id.0), |at| self.orders.get(at).id == id).map(Slot)
    }

    /// What is asked of an order all the time.
    pub(super) fn get(&self, slot: Slot) -> &Resting {
        self.orders.get(slot.0)
    }

    /// All of an order.
    pub(super) fn order(&self, slot: Slot) -> Order {
        self.orders.get(slot.0).with(self.terms.get(slot.0))
    }

    /// The order of a side that trades first.
    pub(super) fn best(&self, side: Side) -> Option<Slot> {
        self.ladders[side.index()].best().map(Slot)
    }

    /// The best price of a side.
    pub(super) fn best_price(&self, side: Side) -> Option<Price> {
        self.ladders[side.index()].best_price()
    }

    /// Whether the best price of a side is `limit` or better.
    pub(super) fn has_at(&self, side: Side, limit: Price) -> bool {
        self.ladders[side.index()].has_at(limit)
    }

    /// Puts an order that is not here at the end of its level's queue, with a priority above all that were given.
    pub(super) fn push(&mut self, order: &Order, priority: u64) {
        assert!(order.open.0 > 0, "order {} has nothing open and cannot rest", order.id);
        let at = self.put(order, priority);
        self.by_id.insert(hash_of(order.id.0), at);
        link(self.orders.as_mut_slice(), &mut self.ladders[order.side.index()], at);
    }

    fn put(&mut self, order: &Order, priority: u64) -> u32 {
        let at = self.orders.insert(Resting::new(order, priority));
        self.terms.set(at, Terms::new(order.fees, order.taker_fee_ppm));
        at
    }

    /// Moves an order to the end of a level's queue, with what is open there and the priority of its new place.
    #[inline(always)]
    pub(super) fn requeue(&mut self, Slot(at): Slot, price: Price, open: Quantity, priority: u64) {
        let orders = self.orders.as_mut_slice();
        assert!(open.0 > 0, "order {} would rest with nothing open", orders[at as usize].id);
        let ladder = &mut self.ladders[orders[at as usize].side.index()];
        unlink(orders, ladder, at);
        let order = &mut orders[at as usize];
        (order.price, order.open, order.priority) = (price, open, priority);
        link(orders, ladder, at);
    }

    /// Takes an order out and returns it as it was.
    pub(super) fn remove(&mut self, slot: Slot) -> Order {
        let order = self.order(slot);
        unlink(self.orders.as_mut_slice(), &mut self.ladders[order.side.index()], slot.0);
        self.orders.free(slot.0);
        self.by_id.remove(hash_of(order.id.0), slot.0);
        order
    }

    /// Takes lots off an order, fewer than are open; it keeps its place.
    pub(super) fn reduce(&mut self, slot: Slot, lots: Quantity) {
        let order = self.orders.get_mut(slot.0);
        assert!(lots < order.open, "order {} would rest with nothing open", order.id);
        order.open = order.open.minus(lots);
        self.ladders[order.side.index()].reduce(order.level, lots);
    }

    /// Books a fill at the maker's or taker's rate; what is filled whole leaves. Returns the order after it and the fee.
    pub(super) fn fill(&mut self, slot: Slot, lots: Quantity, notional: i128, ppm: u32) -> (Order, i64) {
        let mut order = self.order(slot);
        let fee = order.fill(lots, notional, ppm);
        self.terms.set(slot.0, Terms::new(order.fees, order.taker_fee_ppm));
        let resting = self.orders.get_mut(slot.0);
        (resting.open, resting.filled) = (order.open, order.filled);
        self.ladders[resting.side.index()].reduce(resting.level, lots);
        if order.open.is_zero() {
            self.remove(slot);
        }
        (order, fee)
    }

    /// The level's total; zero where there is none.
    pub(super) fn total(&self, side: Side, price: Price) -> LevelTotal {
        let none = LevelTotal { price, lots: 0, orders: 0 };
        self.ladders[side.index()].total(price).unwrap_or(none)
    }

    /// The levels of a side, best first: their totals and their orders.
    pub(super) fn levels(&self, side: Side) -> impl Iterator<Item = (LevelTotal, impl Iterator<Item = Slot>)> {
        self.ladders[side.index()].iter().map(|(total, head)| (total, self.queue(head)))
    }

    /// All orders of a side, first to trade first.
    pub(super) fn orders(&self, side: Side) -> impl Iterator<Item = Slot> {
        self.levels(side).flat_map(|(_, queue)| queue)
    }

    fn queue(&self, head: u32) -> impl Iterator<Item = Slot> {
        let mut at = head;
        std::iter::from_fn(move || {
            let slot = (at != END).then_some(Slot(at))?;
            at = self.orders.get(at).next;
            Some(slot)
        })
    }
}

/// Joins the end of the queue of its level.
#[inline(always)]
fn link(orders: &mut [Resting], ladder: &mut Ladder, at: u32) {
    let Resting { price, open, .. } = orders[at as usize];
    let (level, last) = ladder.join(price, at, open);
    orders[last as usize].next = at;
    let order = &mut orders[at as usize];
    (order.previous, order.next, order.level) = (last, END, level);
}

/// Leaves the queue of its level.
#[inline(always)]
fn unlink(orders: &mut [Resting], ladder: &mut Ladder, at: u32) {
    let Resting { open, previous, next, level, .. } = orders[at as usize];
    orders[previous as usize].next = next;
    orders[next as usize].previous = previous;
    ladder.leave(level, open, previous, next);
}

impl Resting {
    fn new(order: &Order, priority: u64) -> Self {
        let Order { id, account, side, price, open, filled, maker_fee_ppm, .. } = *order;
        let Order { self_match_prevention, post_only, day, .. } = *order;
        Self {
            id,
            price,
            open,
            filled,
            priority,
            account,
            maker_fee_ppm,
            previous: END,
            next: END,
            level: Place::NOWHERE,
            side,
            self_match_prevention,
            post_only,
            day,
        }
    }

    fn with(&self, terms: &Terms) -> Order {
        Order {
            id: self.id,
            account: self.account,
            side: self.side,
            price: self.price,
            open: self.open,
            filled: self.filled,
            priority: self.priority,
            fees: terms.fees(),
            maker_fee_ppm: self.maker_fee_ppm,
            taker_fee_ppm: terms.taker_fee_ppm,
            self_match_prevention: self.self_match_prevention,
            post_only: self.post_only,
            day: self.day,
        }
    }
}

/// What lies at [`END`].
fn no_order() -> Order {
    Order {
        id: OrderId(0),
        account: AccountIndex(0),
        side: Side::Buy,
        price: Price(0),
        open: Quantity::ZERO,
        filled: Quantity::ZERO,
        priority: 0,
        fees: FeeMeter::default(),
        maker_fee_ppm: 0,
        taker_fee_ppm: 0,
        self_match_prevention: SelfMatchPrevention::None,
        post_only: false,
        day: false,
    }
}
