//! Where the fast book keeps its orders: price levels, each a queue of orders linked through a slab.
//!
//! An order is found by its id ([`index`]), a level by its price, the best level at once ([`ladder`]); orders and levels
//! lie in slabs, which give places out again ([`slab`]).
//!
//! Invariants:
//! 1. A level exists while orders rest there; its total is the sum of their open lots.
//! 2. Within a level priorities rise from head to tail: orders join at the tail.
//! 3. Where something lies in a slab depends on history and is never visible outside.
//!
//! Left out on purpose: matching, and what the levels are for.

mod index;
mod ladder;
mod slab;

use crate::book::LevelTotal;
use crate::book::order::Order;
use crate::ids::OrderId;
use crate::money::{Price, Quantity};
use crate::records::Side;
use index::Index;
use ladder::Ladder;
use slab::{NONE, Slab};

/// Where an order lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot(u32);

/// An order and its neighbours in its level's queue.
#[derive(Debug, Clone, Copy)]
struct Node {
    order: Order,
    previous: u32,
    next: u32,
    level: u32,
}

// A million resting orders take 88 MB here and some 30 MB of look-up.
const _: () = assert!(size_of::<Node>() <= 88);

#[derive(Debug, Clone, Copy)]
struct Level {
    total: LevelTotal,
    head: u32,
    tail: u32,
    /// Where its ladder's block lies.
    block: u32,
}

/// All resting orders of a book.
#[derive(Debug)]
pub(super) struct Store {
    nodes: Slab<Node>,
    levels: Slab<Level>,
    ladders: [Ladder; 2],
    by_id: Index,
}

impl Store {
    pub(super) fn new() -> Self {
        Self {
            nodes: Slab::new(),
            levels: Slab::new(),
            ladders: [Ladder::new(Side::Buy), Ladder::new(Side::Sell)],
            by_id: Index::new(),
        }
    }

    pub(super) fn find(&self, id: OrderId) -> Option<Slot> {
        self.by_id.find(id, |at| self.nodes.get(at).order.id == id).map(Slot)
    }

    pub(super) fn order(&self, slot: Slot) -> &Order {
        &self.nodes.get(slot.0).order
    }

    /// The order of a side that trades first.
    pub(super) fn best(&self, side: Side) -> Option<Slot> {
        let level = self.ladders[side.index()].best();
        (level != NONE).then(|| Slot(self.levels.get(level).head))
    }

    /// The best price of a side.
    pub(super) fn best_price(&self, side: Side) -> Option<Price> {
        self.ladders[side.index()].best_price()
    }

    /// Puts an order that is not here at the end of its level's queue; its priority is above all that were given.
    pub(super) fn push(&mut self, order: Order) {
        assert!(order.open.0 > 0, "order {} has nothing open and cannot rest", order.id);
        let at = self.nodes.insert(Node { order, previous: NONE, next: NONE, level: NONE });
        self.by_id.insert(order.id, at);
        self.link(at);
    }

    /// Moves an order to the end of a level's queue, with what is open there and the priority of its new place.
    pub(super) fn requeue(&mut self, Slot(at): Slot, price: Price, open: Quantity, priority: u64) {
        assert!(open.0 > 0, "order {} would rest with nothing open", self.nodes.get(at).order.id);
        self.unlink(at);
        let order = &mut self.nodes.get_mut(at).order;
        (order.price, order.open, order.priority) = (price, open, priority);
        self.link(at);
    }

    /// Joins the end of the queue of its level.
    fn link(&mut self, at: u32) {
        let Order { side, price, open, .. } = self.nodes.get(at).order;
        let place = self.level_for(side, price);
        let level = self.levels.get_mut(place);
        let tail = std::mem::replace(&mut level.tail, at);
        level.total.lots += i128::from(open.0);
        level.total.orders += 1;
        if tail == NONE {
            level.head = at;
        } else {
            self.nodes.get_mut(tail).next = at;
        }
        let node = self.nodes.get_mut(at);
        (node.previous, node.next, node.level) = (tail, NONE, place);
    }

    /// Leaves the queue of its level, and the level goes if it was the last.
    fn unlink(&mut self, at: u32) {
        let Node { order: Order { side, price, open, .. }, previous, next, level: place } = *self.nodes.get(at);
        if previous != NONE {
            self.nodes.get_mut(previous).next = next;
        }
        if next != NONE {
            self.nodes.get_mut(next).previous = previous;
        }
        let level = self.levels.get_mut(place);
        if previous == NONE {
            level.head = next;
        }
        if next == NONE {
            level.tail = previous;
        }
        level.total.lots -= i128::from(open.0);
        level.total.orders -= 1;
        if level.total.orders == 0 {
            assert_eq!(level.total.lots, 0, "an empty level has nothing open");
            let block = level.block;
            self.levels.free(place);
            self.ladders[side.index()].remove(block, price);
        }
    }

    /// Takes an order out and returns it as it was.
    pub(super) fn remove(&mut self, Slot(at): Slot) -> Order {
        self.unlink(at);
        self.nodes.free(at);
        let order = self.nodes.get(at).order;
        self.by_id.remove(order.id, at);
        order
    }

    /// Takes lots off an order, fewer than are open; it keeps its place.
    pub(super) fn reduce(&mut self, slot: Slot, lots: Quantity) {
        let node = self.nodes.get_mut(slot.0);
        assert!(lots < node.order.open, "order {} would rest with nothing open", node.order.id);
        node.order.open = node.order.open.minus(lots);
        self.levels.get_mut(node.level).total.lots -= i128::from(lots.0);
    }

    /// Books a fill at the maker's or taker's rate; what is filled whole leaves. Returns the order after it and the fee.
    pub(super) fn fill(&mut self, slot: Slot, lots: Quantity, notional: i128, ppm: u32) -> (Order, i64) {
        let node = self.nodes.get_mut(slot.0);
        let fee = node.order.fill(lots, notional, ppm);
        let order = node.order;
        self.levels.get_mut(node.level).total.lots -= i128::from(lots.0);
        if order.open.is_zero() {
            self.remove(slot);
        }
        (order, fee)
    }

    /// The level's total; zero where there is none.
    pub(super) fn total(&self, side: Side, price: Price) -> LevelTotal {
        match self.ladders[side.index()].find(price) {
            NONE => LevelTotal { price, lots: 0, orders: 0 },
            level => self.levels.get(level).total,
        }
    }

    /// The levels of a side, best first: their totals and their orders.
    pub(super) fn levels(&self, side: Side) -> impl Iterator<Item = (LevelTotal, impl Iterator<Item = &Order>)> {
        self.ladders[side.index()].iter().map(|level| {
            let level = self.levels.get(level);
            (level.total, self.queue(level.head))
        })
    }

    /// All orders of a side, first to trade first.
    pub(super) fn orders(&self, side: Side) -> impl Iterator<Item = &Order> {
        self.levels(side).flat_map(|(_, queue)| queue)
    }

    fn queue(&self, head: u32) -> impl Iterator<Item = &Order> {
        let mut at = head;
        std::iter::from_fn(move || {
            let node = (at != NONE).then(|| self.nodes.get(at))?;
            at = node.next;
            Some(&node.order)
        })
    }

    fn level_for(&mut self, side: Side, price: Price) -> u32 {
        let levels = &mut self.levels;
        let total = LevelTotal { price, lots: 0, orders: 0 };
        let make = |block| levels.insert(Level { total, head: NONE, tail: NONE, block });
        self.ladders[side.index()].find_or_add(price, make)
    }
}
