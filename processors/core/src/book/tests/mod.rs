//! Tests of the book: scripts that name each rule, random operations against the oracle, a recorded workload with
//! known results, and the machine around it.

// Tests read scripts and recorded data; the ban on IO is for the core itself.
#![allow(clippy::disallowed_methods)]

mod auditor;
mod data;
mod machine;
mod random;
mod scripts;
mod workload;

/// A small generator for tests (SplitMix64): the same numbers from the same seed, everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from `low` to `high`, both included.
    fn between(&mut self, low: i64, high: i64) -> i64 {
        low + (self.next() % (high - low + 1) as u64) as i64
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.between(0, of.len() as i64 - 1) as usize]
    }

    /// True once in `n`.
    fn once_in(&mut self, n: i64) -> bool {
        self.between(1, n) == 1
    }
}
