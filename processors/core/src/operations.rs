//! For tests of random operations: how many, and how far they are. `HOGA_OPERATIONS` says how many; a long run
//! (`scripts/properties`) then tells every tenth of it.

/// A run of random operations.
pub(crate) struct Operations {
    what: &'static str,
    /// How many there will be.
    pub total: u64,
    told: u64,
}

impl Operations {
    /// As many as the environment says, else as usual.
    #[allow(clippy::disallowed_methods)] // a test may ask how long it runs
    pub fn new(what: &'static str, usual: u64) -> Self {
        let asked = std::env::var("HOGA_OPERATIONS").ok();
        let total = asked.map_or(usual, |text| text.parse().expect("HOGA_OPERATIONS is a number"));
        Self { what, total, told: 0 }
    }

    /// So many are done.
    pub fn reached(&mut self, done: u64) {
        let tenths = done * 10 / self.total.max(1);
        if tenths > self.told {
            self.told = tenths;
            eprintln!("{}: {done} of {} operations", self.what, self.total);
        }
    }
}
