//! Where the fast book keeps its orders: price levels, each a queue of orders linked through a slab.
//!
//! An order is found by its id, a level by its price, the best level at once. Levels are found by hash and ordered
//! by a tree that is touched only when a level appears or vanishes: most commands meet levels that are there.
//!
//! Invariants:
//! 1. A level exists while orders rest there; its total is the sum of their open lots.
//! 2. Within a level priorities rise from head to tail: orders join at the tail.
//! 3. `best` is the end of the tree of its side.
//! 4. Where something lies in a slab depends on history and is never visible outside.
//!
//! Left out on purpose: matching, and what the levels are for.

use crate::book::LevelTotal;
use crate::book::order::Order;
use crate::ids::OrderId;
use crate::money::{Price, Quantity};
use crate::records::Side;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;

/// Where an order lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot(u32);

const NONE: u32 = u32::MAX;

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
}

/// Items at fixed places, which are given out again once free.
#[derive(Debug)]
struct Slab<T> {
    items: Vec<T>,
    free: Vec<u32>,
}

impl<T> Slab<T> {
    fn new() -> Self {
        Self { items: Vec::new(), free: Vec::new() }
    }

    fn insert(&mut self, item: T) -> u32 {
        if let Some(at) = self.free.pop() {
            self.items[at as usize] = item;
            return at;
        }
        let at = u32::try_from(self.items.len()).ok().filter(|at| *at != NONE).expect("fewer than 2^32 items");
        self.items.push(item);
        at
    }

    fn get(&self, at: u32) -> &T {
        &self.items[at as usize]
    }

    fn get_mut(&mut self, at: u32) -> &mut T {
        &mut self.items[at as usize]
    }
}

/// The levels of one side.
#[derive(Debug)]
struct Ladder {
    /// Ordered, for the next best and for walks.
    by_price: BTreeMap<Price, u32>,
    /// Look-up only, never iterated.
    at_price: FxHashMap<Price, u32>,
    /// The best level, or NONE.
    best: u32,
}

impl Ladder {
    fn new() -> Self {
        Self { by_price: BTreeMap::new(), at_price: FxHashMap::default(), best: NONE }
    }
}

/// All resting orders of a book.
#[derive(Debug)]
pub(super) struct Store {
    nodes: Slab<Node>,
    levels: Slab<Level>,
    ladders: [Ladder; 2],
    /// Look-up only, never iterated.
    by_id: FxHashMap<OrderId, u32>,
}

impl Store {
    pub(super) fn new() -> Self {
        Self {
            nodes: Slab::new(),
            levels: Slab::new(),
            ladders: [Ladder::new(), Ladder::new()],
            by_id: FxHashMap::default(),
        }
    }

    pub(super) fn find(&self, id: OrderId) -> Option<Slot> {
        self.by_id.get(&id).map(|at| Slot(*at))
    }

    pub(super) fn order(&self, slot: Slot) -> &Order {
        &self.nodes.get(slot.0).order
    }

    /// The order of a side that trades first.
    pub(super) fn best(&self, side: Side) -> Option<Slot> {
        let level = self.ladders[side.index()].best;
        (level != NONE).then(|| Slot(self.levels.get(level).head))
    }

    /// The best price of a side.
    pub(super) fn best_price(&self, side: Side) -> Option<Price> {
        let level = self.ladders[side.index()].best;
        (level != NONE).then(|| self.levels.get(level).total.price)
    }

    /// Puts an order at the end of its level's queue; its priority is above all that were given.
    pub(super) fn push(&mut self, order: Order) {
        assert!(order.open.0 > 0, "order {} has nothing open and cannot rest", order.id);
        let level = self.level_for(order.side, order.price);
        let tail = self.levels.get(level).tail;
        let at = self.nodes.insert(Node { order, previous: tail, next: NONE, level });
        let twice = self.by_id.insert(order.id, at);
        assert!(twice.is_none(), "order {} rests twice", order.id);
        if tail != NONE {
            self.nodes.get_mut(tail).next = at;
        }
        let level = self.levels.get_mut(level);
        if tail == NONE {
            level.head = at;
        }
        level.tail = at;
        level.total.lots += i128::from(order.open.0);
        level.total.orders += 1;
    }

    /// Takes an order out and returns it as it was.
    pub(super) fn remove(&mut self, slot: Slot) -> Order {
        let Node { order, previous, next, level } = *self.nodes.get(slot.0);
        self.by_id.remove(&order.id);
        self.nodes.free.push(slot.0);
        if previous != NONE {
            self.nodes.get_mut(previous).next = next;
        }
        if next != NONE {
            self.nodes.get_mut(next).previous = previous;
        }
        let entry = self.levels.get_mut(level);
        if previous == NONE {
            entry.head = next;
        }
        if next == NONE {
            entry.tail = previous;
        }
        entry.total.lots -= i128::from(order.open.0);
        entry.total.orders -= 1;
        if entry.total.orders == 0 {
            assert_eq!(entry.total.lots, 0, "an empty level has nothing open");
            self.drop_level(order.side, order.price, level);
        }
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
        match self.ladders[side.index()].at_price.get(&price) {
            Some(level) => self.levels.get(*level).total,
            None => LevelTotal { price, lots: 0, orders: 0 },
        }
    }

    /// The levels of a side, best first: their totals and their orders.
    pub(super) fn levels(&self, side: Side) -> impl Iterator<Item = (LevelTotal, impl Iterator<Item = &Order>)> {
        let tree = &self.ladders[side.index()].by_price;
        let mut ascending = tree.values();
        let best_first = std::iter::from_fn(move || match side {
            Side::Buy => ascending.next_back(),
            Side::Sell => ascending.next(),
        });
        best_first.map(|level| {
            let level = self.levels.get(*level);
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
        let ladder = &mut self.ladders[side.index()];
        if let Some(level) = ladder.at_price.get(&price) {
            return *level;
        }
        let empty = LevelTotal { price, lots: 0, orders: 0 };
        let level = self.levels.insert(Level { total: empty, head: NONE, tail: NONE });
        ladder.at_price.insert(price, level);
        ladder.by_price.insert(price, level);
        let better = ladder.best == NONE || is_better(side, price, self.levels.get(ladder.best).total.price);
        if better {
            ladder.best = level;
        }
        level
    }

    fn drop_level(&mut self, side: Side, price: Price, level: u32) {
        let ladder = &mut self.ladders[side.index()];
        self.levels.free.push(level);
        ladder.at_price.remove(&price);
        ladder.by_price.remove(&price);
        if ladder.best == level {
            let best = match side {
                Side::Buy => ladder.by_price.last_key_value(),
                Side::Sell => ladder.by_price.first_key_value(),
            };
            ladder.best = best.map_or(NONE, |(_, level)| *level);
        }
    }
}

fn is_better(side: Side, price: Price, than: Price) -> bool {
    match side {
        Side::Buy => price > than,
        Side::Sell => price < than,
    }
}
