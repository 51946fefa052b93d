//! The price levels of one side: found by price, the best at once, the next best without a search.
//!
//! Prices become *ranks*, lower is better, so that both sides are one code. 16 neighbouring ranks are a *block*: a bit
//! for each rank where orders rest, and its level. Blocks are ordered by a tree that is touched only when a block gets
//! its first orders or loses its last; those near the best are found by a table, the others in the tree.
//!
//! Invariants:
//! 1. A block exists while orders rest there; its bits say at which ranks. A level is where it is while its block
//!    exists: prices that come and go cost nothing, and no branch that cannot be foreseen.
//! 2. `best_rank` is the lowest rank at which orders rest, `best` its block.
//! 3. The table has all blocks of its range.
//!
//! Left out on purpose: the links between a level's orders.

use super::END;
use crate::book::LevelTotal;
use crate::money::{Price, Quantity};
use crate::records::Side;
use crate::slab::{NONE, Slab};
use std::collections::BTreeMap;
use std::hint::select_unpredictable;

/// Ranks of a block.
const BLOCK: usize = 16;
const BITS: u32 = BLOCK.trailing_zeros();
/// The table reaches at most so many blocks behind the best: 65,536 ticks.
const NEAR: i64 = 65_536 >> BITS;
/// Room on both ends of the table for blocks to come.
const MARGIN: i64 = 16;

/// A price seen from its side: lower is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank(i64);

impl Rank {
    /// None is worse.
    const WORST: Self = Self(i64::MAX);

    fn of(side: Side, Price(price): Price) -> Self {
        Self(price ^ Self::turn(side))
    }

    fn price(self, side: Side) -> Price {
        Price(self.0 ^ Self::turn(side))
    }

    /// All bits for a buy: the complement turns the order around, and unlike the negative it exists for every price.
    fn turn(side: Side) -> i64 {
        -i64::from(side == Side::Buy)
    }

    /// The rank of a block's bit.
    fn at(block: i64, bit: usize) -> Self {
        Self(block << BITS | bit as i64)
    }

    fn block(self) -> i64 {
        self.0 >> BITS
    }

    fn bit(self) -> usize {
        self.0 as usize & (BLOCK - 1)
    }
}

/// Where a level lies: its block's place and its bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place(u32);

impl Place {
    /// Of an order that rests nowhere.
    pub(super) const NOWHERE: Self = Self(NONE);

    fn new(block: u32, bit: usize) -> Self {
        debug_assert!(block < 1 << (u32::BITS - BITS), "fewer blocks than orders");
        Self(block << BITS | bit as u32)
    }

    fn block(self) -> u32 {
        self.0 >> BITS
    }

    fn bit(self) -> usize {
        self.0 as usize & (BLOCK - 1)
    }
}

/// The orders of a price.
#[derive(Debug, Clone, Copy)]
struct Level {
    /// All that is open there, as in [`LevelTotal`]: the lower 64 bits, and 32 above them, which 2^32 orders cannot
    /// overflow.
    lots: u64,
    lots_above: u32,
    orders: u32,
    head: u32,
    tail: u32,
}

impl Level {
    const EMPTY: Self = Self { lots: 0, lots_above: 0, orders: 0, head: END, tail: END };

    fn lots(&self) -> i128 {
        i128::from(self.lots_above) << u64::BITS | i128::from(self.lots)
    }

    fn add(&mut self, Quantity(lots): Quantity) {
        let (sum, carry) = self.lots.overflowing_add(lots as u64);
        self.lots = sum;
        self.lots_above += u32::from(carry);
    }

    fn take(&mut self, Quantity(lots): Quantity) {
        let (rest, borrow) = self.lots.overflowing_sub(lots as u64);
        self.lots = rest;
        self.lots_above = self.lots_above.checked_sub(u32::from(borrow)).expect("a level has what its orders have");
    }

    fn total(&self, price: Price) -> LevelTotal {
        LevelTotal { price, lots: self.lots(), orders: self.orders }
    }
}

#[derive(Debug)]
struct Block {
    /// Which block of all ranks it is.
    number: i64,
    /// At which ranks orders rest.
    present: u32,
    levels: [Level; BLOCK],
}

// Some 30 bytes for each of a hundred orders within fifty ticks on both sides.
const _: () = assert!(size_of::<Level>() == 24 && size_of::<Block>() == 400);

impl Block {
    /// The best rank at which orders rest.
    fn best(&self) -> usize {
        self.present.trailing_zeros() as usize & (BLOCK - 1)
    }
}

/// The levels of one side.
#[derive(Debug)]
pub(super) struct Ladder {
    side: Side,
    blocks: Slab<Block>,
    /// All blocks by number.
    ordered: BTreeMap<i64, u32>,
    /// Where the blocks from number `near_from` on lie, NONE where none is.
    near: Vec<u32>,
    near_from: i64,
    /// The block of the best level, or NONE.
    best: u32,
    /// The rank of the best level, or [`Rank::WORST`].
    best_rank: Rank,
}

impl Ladder {
    pub(super) fn new(side: Side) -> Self {
        Self {
            side,
            blocks: Slab::new(),
            ordered: BTreeMap::new(),
            near: Vec::new(),
            near_from: 0,
            best: NONE,
            best_rank: Rank::WORST,
        }
    }

    fn best_block(&self) -> Option<&Block> {
        (self.best != NONE).then(|| self.blocks.get(self.best))
    }

    /// The first order of the best level.
    pub(super) fn best(&self) -> Option<u32> {
        self.best_block().map(|block| block.levels[self.best_rank.bit()].head)
    }

    /// The best price; no level is touched.
    pub(super) fn best_price(&self) -> Option<Price> {
        (self.best != NONE).then(|| self.best_rank.price(self.side))
    }

    /// Whether the best price is `limit` or better.
    pub(super) fn has_at(&self, limit: Price) -> bool {
        self.best_rank <= Rank::of(self.side, limit) && self.best != NONE
    }

    /// What rests at a price, if anything.
    pub(super) fn total(&self, price: Price) -> Option<LevelTotal> {
        let rank = Rank::of(self.side, price);
        let at = self.block(rank.block());
        let block = (at != NONE).then(|| self.blocks.get(at))?;
        (block.present & 1 << rank.bit() != 0).then(|| block.levels[rank.bit()].total(price))
    }

    fn block(&self, number: i64) -> u32 {
        // Numbers below the table's become huge.
        match self.near.get(number.wrapping_sub(self.near_from) as usize) {
            Some(at) => *at,
            None => self.ordered.get(&number).copied().unwrap_or(NONE),
        }
    }

    /// The order at `order` comes to rest at a price, with so many lots. Where the level lies, and who was last there.
    #[inline(always)]
    pub(super) fn join(&mut self, price: Price, order: u32, lots: Quantity) -> (Place, u32) {
        let rank = Rank::of(self.side, price);
        let mut at = self.block(rank.block());
        if at == NONE {
            at = self.add_block(rank.block());
        }
        self.best_rank = self.best_rank.min(rank);
        let block = self.blocks.get_mut(at);
        block.present |= 1 << rank.bit();
        let level = &mut block.levels[rank.bit()];
        let last = std::mem::replace(&mut level.tail, order);
        level.head = select_unpredictable(last == END, order, level.head);
        level.add(lots);
        level.orders += 1;
        (Place::new(at, rank.bit()), last)
    }

    /// An order between `previous` and `next` leaves its level with so many lots.
    #[inline(always)]
    pub(super) fn leave(&mut self, place: Place, lots: Quantity, previous: u32, next: u32) {
        let block = self.blocks.get_mut(place.block());
        let level = &mut block.levels[place.bit()];
        level.head = select_unpredictable(previous == END, next, level.head);
        level.tail = select_unpredictable(next == END, previous, level.tail);
        level.take(lots);
        level.orders -= 1;
        let orders = level.orders;
        block.present &= !(u32::from(orders == 0) << place.bit());
        // One branch (`&`): levels become empty too often to foresee it, the best one does not.
        let best_is_empty = (Rank::at(block.number, place.bit()) == self.best_rank) & (orders == 0);
        if block.present == 0 {
            self.remove_block(place.block());
        }
        if best_is_empty {
            self.find_best();
        }
    }

    /// The best level is empty: the next best.
    fn find_best(&mut self) {
        self.best_rank = self.best_block().map_or(Rank::WORST, |block| Rank::at(block.number, block.best()));
    }

    /// An order of the level has so many lots less.
    pub(super) fn reduce(&mut self, place: Place, lots: Quantity) {
        self.blocks.get_mut(place.block()).levels[place.bit()].take(lots);
    }

    #[cold]
    fn add_block(&mut self, number: i64) -> u32 {
        let at = self.blocks.insert(Block { number, present: 0, levels: [Level::EMPTY; BLOCK] });
        self.ordered.insert(number, at);
        let best = self.best_block().map_or(number, |best| best.number.min(number));
        self.best = self.ordered[&best];
        match self.near.get_mut(number.wrapping_sub(self.near_from) as usize) {
            Some(near) => *near = at,
            None if number - best < NEAR => self.lay_table(best),
            None => {}
        }
        at
    }

    /// Lays the table anew, around the blocks that are near the best.
    fn lay_table(&mut self, best: i64) {
        let reached = self.ordered.range(best..best.saturating_add(NEAR));
        let last = reached.clone().next_back().map_or(best, |(number, _)| *number);
        self.near_from = best.saturating_sub(MARGIN);
        self.near.clear();
        self.near.resize((last.saturating_add(MARGIN) - self.near_from) as usize + 1, NONE);
        for (number, at) in self.ordered.range(best..=last) {
            self.near[(number - self.near_from) as usize] = *at;
        }
    }

    #[cold]
    fn remove_block(&mut self, at: u32) {
        let Block { number, ref levels, .. } = *self.blocks.get(at);
        assert!(levels.iter().all(|level| level.lots() == 0), "a level has lots only while it has orders");
        self.ordered.remove(&number);
        if let Some(near) = self.near.get_mut(number.wrapping_sub(self.near_from) as usize) {
            *near = NONE;
        }
        if self.best == at {
            self.best = self.ordered.first_key_value().map_or(NONE, |(_, next)| *next);
        }
        self.blocks.free(at);
    }

    /// The levels at which orders rest, best first: their totals and their first orders.
    pub(super) fn iter(&self) -> impl Iterator<Item = (LevelTotal, u32)> {
        self.ordered.values().flat_map(move |at| {
            let block = self.blocks.get(*at);
            let mut left = block.present;
            std::iter::from_fn(move || {
                let bit = (left != 0).then(|| left.trailing_zeros() as usize)?;
                left &= left - 1;
                let level = &block.levels[bit];
                Some((level.total(Rank::at(block.number, bit).price(self.side)), level.head))
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_holds_more_than_64_bits() {
        let (mut ladder, most) = (Ladder::new(Side::Buy), Quantity(i64::MAX));
        let total = |ladder: &Ladder| ladder.total(Price(7)).map(|total| total.lots);
        let (place, before) = ladder.join(Price(7), 1, most);
        assert_eq!((before, ladder.join(Price(7), 2, most)), (END, (place, 1)));
        assert_eq!(ladder.join(Price(7), 3, most), (place, 2));
        assert_eq!(total(&ladder), Some(3 * i128::from(i64::MAX)), "above 2^64");
        ladder.leave(place, most, 1, 3);
        assert_eq!(total(&ladder), Some(2 * i128::from(i64::MAX)), "below it again");
        ladder.leave(place, most, END, 3);
        ladder.leave(place, most, END, END);
        assert_eq!((total(&ladder), ladder.best_price()), (None, None));
    }

    #[test]
    fn the_best_is_known_after_each_change() {
        for (side, prices) in [(Side::Buy, [500, 499, 7]), (Side::Sell, [-500, -499, 7])] {
            let mut ladder = Ladder::new(side);
            let mut places = Vec::new();
            // The worst comes first and leaves last.
            for (order, price) in (1..).zip(prices.iter().rev()) {
                places.push((ladder.join(Price(*price), order, Quantity(1)).0, *price));
                assert_eq!(ladder.best_price(), Some(Price(*price)));
            }
            while let Some((place, price)) = places.pop() {
                assert!(ladder.has_at(Price(price)));
                ladder.leave(place, Quantity(1), END, END);
                assert!(!ladder.has_at(Price(price)));
                assert_eq!(ladder.best_price().map(|best| best.0), places.last().map(|(_, next)| *next));
            }
            assert!(
                [i64::MIN, i64::MAX].iter().all(|end| !ladder.has_at(Price(*end))),
                "of nothing, nothing is better"
            );
        }
    }

    #[test]
    #[should_panic(expected = "a level has what its orders have")]
    fn no_more_leaves_a_level_than_it_has() {
        let mut ladder = Ladder::new(Side::Sell);
        let (place, _) = ladder.join(Price(7), 1, Quantity(5));
        ladder.reduce(place, Quantity(6));
    }
}
