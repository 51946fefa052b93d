//! Where each order lies, by its id: open addressing over one array, made for look-ups that nearly always hit at once.
//!
//! An entry is 32 bits of the id's hash and the order's place; the id itself is compared where the order lies, which
//! whoever looks it up touches next anyway.
//!
//! Invariants:
//! 1. An entry lies between its home (the upper bits of its hash) and the next free entry: removal moves entries back
//!    instead of leaving marks, so that a long life makes look-ups no longer.
//! 2. At most half are taken, so that most look-ups, of what is there or not, end at the first entry.
//!
//! Left out on purpose: iteration. The order of entries depends on history and is never visible outside.

use super::slab::NONE;
use crate::ids::OrderId;

/// Multiplicative hashing: 2^64 divided by the golden ratio (Knuth, The Art of Computer Programming, vol. 3, 6.4).
/// Ids that count up come to lie evenly apart.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
const SMALLEST_BITS: u32 = 4;

#[derive(Debug, Clone, Copy)]
struct Entry {
    hash: u32,
    place: u32,
}

const FREE: Entry = Entry { hash: 0, place: NONE };

/// Places by order id.
#[derive(Debug)]
pub(super) struct Index {
    entries: Vec<Entry>,
    /// There are 2^bits entries.
    bits: u32,
    taken: usize,
}

impl Index {
    pub(super) fn new() -> Self {
        Self { entries: vec![FREE; 1 << SMALLEST_BITS], bits: SMALLEST_BITS, taken: 0 }
    }

    fn hash(id: OrderId) -> u32 {
        (id.0.wrapping_mul(GOLDEN) >> 32) as u32
    }

    fn home(&self, hash: u32) -> usize {
        (hash >> (u32::BITS - self.bits)) as usize
    }

    fn next(&self, at: usize) -> usize {
        (at + 1) & (self.entries.len() - 1)
    }

    /// The entry of an id, and the place there; `is` tells whether the order at a place has it.
    #[inline(always)]
    fn entry(&self, id: OrderId, is: impl Fn(u32) -> bool) -> Option<(usize, u32)> {
        let hash = Self::hash(id);
        let mut at = self.home(hash);
        loop {
            let entry = self.entries[at];
            if entry.place == NONE {
                return None;
            }
            if entry.hash == hash && is(entry.place) {
                return Some((at, entry.place));
            }
            at = self.next(at);
        }
    }

    /// The place of an id; `is` tells whether the order at a place has it.
    pub(super) fn find(&self, id: OrderId, is: impl Fn(u32) -> bool) -> Option<u32> {
        self.entry(id, is).map(|(_, place)| place)
    }

    /// Adds an id that is not there.
    pub(super) fn insert(&mut self, id: OrderId, place: u32) {
        if (self.taken + 1) * 2 > self.entries.len() {
            self.grow();
        }
        self.taken += 1;
        self.put(Entry { hash: Self::hash(id), place });
    }

    fn put(&mut self, entry: Entry) {
        let mut at = self.home(entry.hash);
        while self.entries[at].place != NONE {
            at = self.next(at);
        }
        self.entries[at] = entry;
    }

    fn grow(&mut self) {
        self.bits += 1;
        assert!(self.bits < u32::BITS, "fewer than 2^31 orders");
        let old = std::mem::replace(&mut self.entries, vec![FREE; 1 << self.bits]);
        old.into_iter().filter(|entry| entry.place != NONE).for_each(|entry| self.put(entry));
    }

    /// Takes out an id that is there, at `place`.
    pub(super) fn remove(&mut self, id: OrderId, place: u32) {
        let (mut hole, _) = self.entry(id, |at| at == place).expect("an order that rests is indexed");
        let mut at = hole;
        loop {
            at = self.next(at);
            let entry = self.entries[at];
            if entry.place == NONE {
                break;
            }
            // It may move back into the hole if that is not before its home, counted around the end.
            let mask = self.entries.len() - 1;
            let from_home = at.wrapping_sub(self.home(entry.hash)) & mask;
            if from_home >= (at.wrapping_sub(hole) & mask) {
                self.entries[hole] = entry;
                hole = at;
            }
        }
        self.entries[hole] = FREE;
        self.taken -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[test]
    fn ids_with_the_same_hash_are_told_apart() {
        // Each step of Newton's method doubles the bits of the inverse; with it ids whose products are small are made.
        let inverse = (0..5).fold(GOLDEN, |x, _| x.wrapping_mul(2u64.wrapping_sub(GOLDEN.wrapping_mul(x))));
        let ids: Vec<OrderId> = (0..4).map(|product| OrderId(inverse.wrapping_mul(product))).collect();
        assert!(ids.iter().all(|id| Index::hash(*id) == 0));
        let mut index = Index::new();
        for (place, id) in (0..).zip(&ids) {
            index.insert(*id, place);
        }
        index.remove(ids[1], 1);
        let found: Vec<_> = ids.iter().map(|id| index.find(*id, |at| ids[at as usize] == *id)).collect();
        assert_eq!(found, [Some(0), None, Some(2), Some(3)]);
    }

    proptest! {
        /// Ids of a few partitions that count up, and such that collide: as a map says.
        #[test]
        fn finds_what_a_map_finds(steps in prop::collection::vec((0u64..3, 0u64..40, any::<bool>()), 1..400)) {
            let mut index = Index::new();
            let mut ids: Vec<OrderId> = Vec::new();
            let mut map = BTreeMap::new();
            for (partition, count, add) in steps {
                // Every eighth id of the first partition shares its upper hash bits with others of a small table.
                let id = OrderId((partition << 48) | (count * if partition == 0 { 8 } else { 1 } + 1));
                match map.get(&id).copied() {
                    None if add => {
                        map.insert(id, ids.len() as u32);
                        index.insert(id, ids.len() as u32);
                        ids.push(id);
                    }
                    Some(place) if !add => {
                        map.remove(&id);
                        index.remove(id, place);
                    }
                    _ => {}
                }
                for id in &ids {
                    prop_assert_eq!(index.find(*id, |at| ids[at as usize] == *id), map.get(id).copied());
                }
            }
        }
    }
}
