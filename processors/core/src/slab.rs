//! Items at fixed places, which are given out again once free.
//!
//! Invariant: a place that was given out means its item until it is freed; nobody asks for what lies in a free one.
//!
//! Left out on purpose: giving memory back, since what was needed once is needed again; and knowing which places are
//! free, where the items say it themselves.

/// Stands for no place.
pub(crate) const NONE: u32 = u32::MAX;

/// Items by place. Room grows by one part in 2^`GROWTH` of what there is.
#[derive(Debug)]
pub(crate) struct Slab<T, const GROWTH: u32 = FRUGAL> {
    items: Column<T, GROWTH>,
    free: Vec<u32>,
}

/// Growth by an eighth: no more than a ninth of the memory lies idle, and items are moved some eight times.
pub(crate) const FRUGAL: u32 = 3;
/// Growth to twice as much: items are moved once or twice.
pub(crate) const TWOFOLD: u32 = 0;

impl<T, const GROWTH: u32> Slab<T, GROWTH> {
    pub(crate) fn new() -> Self {
        Self { items: Column::new(), free: Vec::new() }
    }

    pub(crate) fn insert(&mut self, item: T) -> u32 {
        let at = self.free.pop().unwrap_or_else(|| self.items.end());
        self.items.set(at, item);
        at
    }

    /// The place may be given out again.
    pub(crate) fn free(&mut self, at: u32) {
        self.free.push(at);
    }

    /// What lies at each place, free ones too.
    pub(crate) fn all(&self) -> &[T] {
        &self.items.0
    }

    pub(crate) fn get(&self, at: u32) -> &T {
        self.items.get(at)
    }

    /// All items by place, those of free places too.
    pub(crate) fn as_mut_slice(&mut self) -> &mut [T] {
        &mut self.items.0
    }

    pub(crate) fn get_mut(&mut self, at: u32) -> &mut T {
        self.items.get_mut(at)
    }
}

/// What else is known of a slab's items, at the same places.
#[derive(Debug)]
pub(crate) struct Column<T, const GROWTH: u32 = FRUGAL>(Vec<T>);

impl<T, const GROWTH: u32> Column<T, GROWTH> {
    pub(crate) fn new() -> Self {
        Self(Vec::new())
    }

    /// The first place that never had an item.
    fn end(&self) -> u32 {
        u32::try_from(self.0.len()).ok().filter(|at| *at != NONE).expect("fewer than 2^32 items")
    }

    /// Puts an item at a place that had one, or at the first that had none.
    pub(crate) fn set(&mut self, at: u32, item: T) {
        match self.0.get_mut(at as usize) {
            Some(old) => *old = item,
            None => self.append(item),
        }
    }

    #[cold]
    fn append(&mut self, item: T) {
        if self.0.len() == self.0.capacity() {
            self.0.reserve_exact((self.0.len() >> GROWTH) + 1);
        }
        self.0.push(item);
    }

    pub(crate) fn get(&self, at: u32) -> &T {
        &self.0[at as usize]
    }

    pub(crate) fn get_mut(&mut self, at: u32) -> &mut T {
        &mut self.0[at as usize]
    }
}
