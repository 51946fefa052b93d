//! Random numbers from a seed (SplitMix64, Steele et al. 2014), and the seed from the environment.

/// A stream of random numbers.
pub struct Rng(u64);

impl Rng {
    /// From `HOGA_SEED`, else from `default`; prints which.
    pub fn from_env(test: &str, default: u64) -> Self {
        let seed = std::env::var("HOGA_SEED").ok().map_or(default, |text| text.parse().expect("HOGA_SEED is a number"));
        eprintln!("{test}: seed {seed}; HOGA_SEED={seed} runs it again");
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to below `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    /// From `low` to `high`, both included.
    pub fn between(&mut self, low: i128, high: i128) -> i128 {
        assert!(low <= high, "{low} to {high}");
        low + (i128::from(self.next()) % (high - low + 1))
    }

    /// In so many of a hundred cases.
    pub fn percent(&mut self, n: u64) -> bool {
        self.below(100) < n
    }

    /// One of them.
    pub fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len() as u64) as usize]
    }
}
