//! Where each item of a slab lies, by the hash of its key: open addressing over one array, made for look-ups that
//! nearly always end at once.
//!
//! An entry is 32 bits of hash and the item's place; the key itself is compared where the item lies, which whoever
//! looks it up touches next anyway. So nothing but the array is touched for a key that is not there, or when it grows.
//!
//! Invariants:
//! 1. An entry lies between its home (the upper bits of its hash) and the next free entry: removal moves entries back
//!    instead of leaving marks, so that a long life makes look-ups no longer.
//! 2. At most half are taken, so that most look-ups, of what is there or not, end at the first entry.
//!
//! Left out on purpose: the keys; iteration. The order of entries depends on history and is never visible outside.

use crate::slab::NONE;

/// 2^64 divided by the golden ratio.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
const SMALLEST_BITS: u32 = 4;

#[derive(Debug, Clone, Copy)]
struct Entry {
    hash: u32,
    place: u32,
}

const FREE: Entry = Entry { hash: 0, place: NONE };

/// Multiplicative hashing (Knuth, The Art of Computer Programming, vol. 3, 6.4): numbers that count up come to lie
/// evenly apart.
pub(crate) fn hash_of(number: u64) -> u32 {
    (number.wrapping_mul(GOLDEN) >> 32) as u32
}

/// Places by hash.
#[derive(Debug)]
pub(crate) struct Places {
    entries: Vec<Entry>,
    /// There are 2^bits entries.
    bits: u32,
    taken: usize,
}

impl Places {
    pub(crate) fn new() -> Self {
        Self { entries: vec![FREE; 1 << SMALLEST_BITS], bits: SMALLEST_BITS, taken: 0 }
    }

    fn home(&self, hash: u32) -> usize {
        (hash >> (u32::BITS - self.bits)) as usize
    }

    fn next(&self, at: usize) -> usize {
        (at + 1) & (self.entries.len() - 1)
    }

    /// The entry of a key, and the place there; `is` tells whether the item at a place has it.
    #[inline(always)]
    fn entry(&self, hash: u32, is: impl Fn(u32) -> bool) -> Option<(usize, u32)> {
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

    /// The place of a key; `is` tells whether the item at a place has it.
    pub(crate) fn find(&self, hash: u32, is: impl Fn(u32) -> bool) -> Option<u32> {
        self.entry(hash, is).map(|(_, place)| place)
    }

    /// Adds a key that is not there.
    pub(crate) fn insert(&mut self, hash: u32, place: u32) {
        if (self.taken + 1) * 2 > self.entries.len() {
            self.grow();
        }
        self.taken += 1;
        self.put(Entry { hash, place });
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
        assert!(self.bits < u32::BITS, "fewer than 2^31 items");
        let old = std::mem::replace(&mut self.entries, vec![FREE; 1 << self.bits]);
        old.into_iter().filter(|entry| entry.place != NONE).for_each(|entry| self.put(entry));
    }

    /// Takes out a key that is there, with its item at `place`.
    pub(crate) fn remove(&mut self, hash: u32, place: u32) {
        let (mut hole, _) = self.entry(hash, |at| at == place).expect("an item that is there is indexed");
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
    fn items_with_the_same_hash_are_told_apart() {
        let mut places = Places::new();
        (0..4).for_each(|place| places.insert(7, place));
        places.remove(7, 1);
        let found: Vec<_> = (0..4).map(|wanted| places.find(7, |place| place == wanted)).collect();
        assert_eq!(found, [Some(0), None, Some(2), Some(3)]);
    }

    proptest! {
        /// Numbers of a few ranges that count up, and such that collide: as a map says.
        #[test]
        fn finds_what_a_map_finds(steps in prop::collection::vec((0u64..3, 0u64..40, any::<bool>()), 1..400)) {
            let mut places = Places::new();
            let mut ids: Vec<u64> = Vec::new();
            let mut map = BTreeMap::new();
            for (partition, count, add) in steps {
                // Every eighth number of the first range shares its upper hash bits with others of a small table.
                let id = (partition << 48) | (count * if partition == 0 { 8 } else { 1 } + 1);
                match map.get(&id).copied() {
                    None if add => {
                        map.insert(id, ids.len() as u32);
                        places.insert(hash_of(id), ids.len() as u32);
                        ids.push(id);
                    }
                    Some(place) if !add => {
                        map.remove(&id);
                        places.remove(hash_of(id), place);
                    }
                    _ => {}
                }
                for id in &ids {
                    prop_assert_eq!(places.find(hash_of(*id), |at| ids[at as usize] == *id), map.get(id).copied());
                }
            }
        }
    }
}
