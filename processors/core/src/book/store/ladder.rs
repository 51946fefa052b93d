//! The price levels of one side: found by price, the best at once, the next best without a search.
//!
//! Prices become *ranks*, lower is better, so that both sides are one code. 64 neighbouring ranks are a *block*: a bit
//! for each rank that has a level, and where the level lies. Blocks are ordered by a tree that is touched only when a
//! block gets its first level or loses its last; those near the best are found by a table, the others in the tree.
//!
//! Invariants:
//! 1. A block exists while it has a level; its bits say which.
//! 2. `best` is the block of the lowest rank that has a level.
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
        // The complement turns the order around, and unlike the negative it exists for every price.
        Self(if side == Side::Buy { !price } else { price })
    }

    /// The rank of a block's bit.
    fn at(block: i64, bit: u32) -> Self {
        Self(block << BLOCK.trailing_zeros() | i64::from(bit))
    }

    fn price(self, side: Side) -> Price {
        Price(if side == Side::Buy { !self.0 } else { self.0 })
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
    /// Which ranks have a level.
    present: u64,
    /// Which block of all ranks it is.
    number: i64,
    /// Where the levels of the ranks lie; old places where none is.
    levels: [u32; BLOCK],
}

impl Block {
    fn has(&self, bit: usize) -> bool {
        self.present & (1 << bit) != 0
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

    /// Where the best level lies, or NONE.
    pub(super) fn best(&self) -> u32 {
        if self.best == NONE {
            return NONE;
        }
        let block = self.blocks.get(self.best);
        block.levels[block.present.trailing_zeros() as usize % BLOCK]
    }

    /// The best price; no level is touched.
    pub(super) fn best_price(&self) -> Option<Price> {
        if self.best == NONE {
            return None;
        }
        let block = self.blocks.get(self.best);
        Some(Rank::at(block.number, block.present.trailing_zeros()).price(self.side))
    }

    /// Where the level of a price lies, or NONE.
    pub(super) fn find(&self, price: Price) -> u32 {
        let rank = Rank::of(self.side, price);
        let at = self.block(rank.block());
        if at == NONE {
            return NONE;
        }
        let block = self.blocks.get(at);
        if block.has(rank.bit()) { block.levels[rank.bit()] } else { NONE }
    }

    fn block(&self, number: i64) -> u32 {
        // Numbers below the table's become huge.
        match self.near.get(number.wrapping_sub(self.near_from) as usize) {
            Some(at) => *at,
            None => self.ordered.get(&number).copied().unwrap_or(NONE),
        }
    }

    /// Where the level of a price lies; one that is not there yet is put where `make` says, which is told its block.
    #[inline]
    pub(super) fn find_or_add(&mut self, price: Price, make: impl FnOnce(u32) -> u32) -> u32 {
        let rank = Rank::of(self.side, price);
        let mut at = self.block(rank.block());
        if at == NONE {
            at = self.add_block(rank.block());
        }
        let block = self.blocks.get_mut(at);
        if !block.has(rank.bit()) {
            block.present |= 1 << rank.bit();
            block.levels[rank.bit()] = make(at);
        }
        block.levels[rank.bit()]
    }

    #[cold]
    fn add_block(&mut self, number: i64) -> u32 {
        let at = self.blocks.insert(Block { present: 0, number, levels: [NONE; BLOCK] });
        self.ordered.insert(number, at);
        let best = self.best_number().map_or(number, |best| best.min(number));
        self.best = self.ordered[&best];
        match self.near.get_mut(number.wrapping_sub(self.near_from) as usize) {
            Some(near) => *near = at,
            None if number - best < NEAR => self.lay_table(best),
            None => {}
        }
        at
    }

    fn best_number(&self) -> Option<i64> {
        (self.best != NONE).then(|| self.blocks.get(self.best).number)
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

    /// Takes the level of a price out, which is in the block `at`.
    #[inline]
    pub(super) fn remove(&mut self, at: u32, price: Price) {
        let rank = Rank::of(self.side, price);
        let block = self.blocks.get_mut(at);
        debug_assert_eq!(block.number, rank.block(), "a level knows its block");
        block.present &= !(1 << rank.bit());
        if block.present == 0 {
            self.remove_block(at);
        }
    }

    #[cold]
    fn remove_block(&mut self, at: u32) {
        let number = self.blocks.get(at).number;
        self.blocks.free(at);
        self.ordered.remove(&number);
        if let Some(near) = self.near.get_mut(number.wrapping_sub(self.near_from) as usize) {
            *near = NONE;
        }
        if self.best == at {
            self.best = self.ordered.first_key_value().map_or(NONE, |(_, next)| *next);
        }
    }

    /// Where the levels lie, best first.
    pub(super) fn iter(&self) -> impl Iterator<Item = u32> {
        self.ordered.values().flat_map(|at| {
            let block = self.blocks.get(*at);
            let mut left = block.present;
            std::iter::from_fn(move || {
                let bit = (left != 0).then(|| left.trailing_zeros())?;
                left &= left - 1;
                Some(block.levels[bit as usize])
            })
        })
    }
}
