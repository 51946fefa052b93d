//! The price levels of one side: found by price, the best at once, the next best without a search.
//!
//! Prices become *ranks*, lower is better, so that both sides are one code. 64 neighbouring ranks are a *block*: a bit
//! for each rank where orders rest, and where its level lies. Blocks are ordered by a tree that is touched only when a
//! block gets its first orders or loses its last; those near the best are found by a table, the others in the tree.
//!
//! Invariants:
//! 1. A block exists while orders rest there; its bits say at which ranks. A level, once made, stays where it lies
//!    while its block exists: prices that come and go cost nothing, and no branch that cannot be foreseen.
//! 2. `best` is the block of the lowest rank at which orders rest.
//! 3. The table has all blocks of its range.
//!
//! Left out on purpose: what a level holds.

use super::slab::{NONE, Slab};
use crate::money::Price;
use crate::records::Side;
use std::collections::BTreeMap;

/// Ranks of a block.
const BLOCK: usize = u64::BITS as usize;
/// The table reaches at most so many blocks behind the best: 65,536 ticks.
const NEAR: i64 = 1_024;
/// Room on both ends of the table for blocks to come.
const MARGIN: i64 = 16;

/// A price seen from its side: lower is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank(i64);

impl Rank {
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
    fn at(block: i64, bit: u32) -> Self {
        Self(block << BLOCK.trailing_zeros() | i64::from(bit))
    }

    fn block(self) -> i64 {
        self.0 >> BLOCK.trailing_zeros()
    }

    fn bit(self) -> usize {
        self.0 as usize & (BLOCK - 1)
    }
}

#[derive(Debug)]
struct Block {
    /// At which ranks orders rest.
    present: u64,
    /// Which block of all ranks it is.
    number: i64,
    /// Where the levels of the ranks lie, NONE where none was made.
    levels: [u32; BLOCK],
}

impl Block {
    /// The best rank at which orders rest.
    fn best(&self) -> u32 {
        self.present.trailing_zeros() % u64::BITS
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
}

impl Ladder {
    pub(super) fn new(side: Side) -> Self {
        Self { side, blocks: Slab::new(), ordered: BTreeMap::new(), near: Vec::new(), near_from: 0, best: NONE }
    }

    fn best_block(&self) -> Option<&Block> {
        (self.best != NONE).then(|| self.blocks.get(self.best))
    }

    /// Where the best level lies.
    pub(super) fn best(&self) -> Option<u32> {
        self.best_block().map(|block| block.levels[block.best() as usize])
    }

    fn best_rank(&self) -> Option<Rank> {
        self.best_block().map(|block| Rank::at(block.number, block.best()))
    }

    /// The best price; no level is touched.
    pub(super) fn best_price(&self) -> Option<Price> {
        self.best_rank().map(|rank| rank.price(self.side))
    }

    /// Whether the best price is `limit` or better.
    pub(super) fn has_at(&self, limit: Price) -> bool {
        self.best_rank().is_some_and(|best| best <= Rank::of(self.side, limit))
    }

    /// Where the level of a price lies, if orders rest there.
    pub(super) fn find(&self, price: Price) -> Option<u32> {
        let rank = Rank::of(self.side, price);
        let at = self.block(rank.block());
        let block = (at != NONE).then(|| self.blocks.get(at))?;
        (block.present & 1 << rank.bit() != 0).then(|| block.levels[rank.bit()])
    }

    fn block(&self, number: i64) -> u32 {
        // Numbers below the table's become huge.
        match self.near.get(number.wrapping_sub(self.near_from) as usize) {
            Some(at) => *at,
            None => self.ordered.get(&number).copied().unwrap_or(NONE),
        }
    }

    /// Where the level of a price lies, at which an order comes to rest; a new one is put where `make` says, which is
    /// told its block.
    #[inline]
    pub(super) fn enter(&mut self, price: Price, make: impl FnOnce(u32) -> u32) -> u32 {
        let rank = Rank::of(self.side, price);
        let mut at = self.block(rank.block());
        if at == NONE {
            at = self.add_block(rank.block());
        }
        let block = self.blocks.get_mut(at);
        block.present |= 1 << rank.bit();
        let level = &mut block.levels[rank.bit()];
        if *level == NONE {
            *level = make(at);
        }
        *level
    }

    #[cold]
    fn add_block(&mut self, number: i64) -> u32 {
        let at = self.blocks.insert(Block { present: 0, number, levels: [NONE; BLOCK] });
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

    /// An order left the level of a price, in the block `at`, where now orders `rest` or not. Of a block in which none
    /// rest any more, all levels are given to `free`.
    #[inline]
    pub(super) fn leave(&mut self, at: u32, price: Price, rest: bool, free: impl FnMut(u32)) {
        let rank = Rank::of(self.side, price);
        let block = self.blocks.get_mut(at);
        debug_assert_eq!(block.number, rank.block(), "a level knows its block");
        block.present &= !(u64::from(!rest) << rank.bit());
        if block.present == 0 {
            self.remove_block(at, free);
        }
    }

    #[cold]
    fn remove_block(&mut self, at: u32, free: impl FnMut(u32)) {
        let Block { number, levels, .. } = self.blocks.get(at);
        levels.iter().copied().filter(|level| *level != NONE).for_each(free);
        self.ordered.remove(number);
        if let Some(near) = self.near.get_mut(number.wrapping_sub(self.near_from) as usize) {
            *near = NONE;
        }
        if self.best == at {
            self.best = self.ordered.first_key_value().map_or(NONE, |(_, next)| *next);
        }
        self.blocks.free(at);
    }

    /// The prices at which orders rest and where their levels lie, best first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Price, u32)> {
        self.ordered.values().flat_map(move |at| {
            let block = self.blocks.get(*at);
            let mut left = block.present;
            std::iter::from_fn(move || {
                let bit = (left != 0).then(|| left.trailing_zeros())?;
                left &= left - 1;
                Some((Rank::at(block.number, bit).price(self.side), block.levels[bit as usize]))
            })
        })
    }
}
