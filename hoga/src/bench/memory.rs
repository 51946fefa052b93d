//! Bytes that something takes, counted where they are allocated; only in builds with the feature `bench-peers`, whose
//! allocator counts.

/// What `make` gives, and how many bytes of what it allocated are still in use; none in builds that do not count.
#[cfg(feature = "bench-peers")]
pub fn kept_bytes<T>(make: impl FnOnce() -> T) -> (T, Option<u64>) {
    let mut made = None;
    let counted = allocation_counter::measure(|| made = Some(make()));
    (made.expect("it was made just now"), u64::try_from(counted.bytes_current).ok())
}

/// What `make` gives, and how many bytes of what it allocated are still in use; none in builds that do not count.
#[cfg(not(feature = "bench-peers"))]
pub fn kept_bytes<T>(make: impl FnOnce() -> T) -> (T, Option<u64>) {
    (make(), None)
}
