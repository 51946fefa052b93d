//! Time of work on one core, and rounds of it.
//!
//! Invariant: what is said of one core is counted by the thread's own time there, so that other programs on the same
//! computer cost accuracy (caches, the clock rate), but not the time in which they run.

use super::measured::median;
use hdrhistogram::Histogram;
use rustix::time::{ClockId, clock_gettime};
use std::time::{Duration, Instant};

/// This thread's time on a core so far.
pub fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// What work gave, and the thread's time on a core for it.
pub fn on_core<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let before = thread_time();
    let done = work();
    (done, thread_time() - before)
}

/// The same figure of some rounds.
#[derive(Debug, Clone, Default)]
pub struct Spread(Vec<u64>);

impl Spread {
    /// With another round.
    pub fn add(&mut self, value: u64) {
        self.0.push(value);
    }

    /// The middle one.
    pub fn middle(&self) -> u64 {
        median(self.0.clone())
    }

    /// How far they are apart, in hundredths of the middle.
    pub fn noise_percent(&self) -> u64 {
        let (least, most) = (self.0.iter().min().copied(), self.0.iter().max().copied());
        (most.unwrap_or(0) - least.unwrap_or(0)) * 100 / self.middle().max(1)
    }
}

/// How many a second that is.
pub fn per_second(count: u64, time: Duration) -> u64 {
    (u128::from(count) * 1_000_000_000 / time.as_nanos().max(1)) as u64
}

/// Times each piece of work by itself into a histogram of nanoseconds; one reading of the clock is part of each.
pub struct Each {
    last: Instant,
    histogram: Histogram<u64>,
}

impl Each {
    /// From here on.
    pub fn new() -> Self {
        Self { last: Instant::now(), histogram: nanoseconds() }
    }

    /// A piece begins now.
    pub fn start(&mut self) {
        self.last = Instant::now();
    }

    /// One more piece is done.
    pub fn done(&mut self) {
        let now = Instant::now();
        let ns = (now - self.last).as_nanos() as u64;
        self.histogram.record(ns).expect("the histogram grows as needed");
        // What recording took is no part of the next piece.
        self.start();
    }

    /// All of them.
    pub fn histogram(self) -> Histogram<u64> {
        self.histogram
    }
}

/// A histogram of nanoseconds with three digits.
pub fn nanoseconds() -> Histogram<u64> {
    Histogram::new(3).expect("three digits are possible")
}

/// What one reading of the clock takes, in nanoseconds: the least that a piece of work can seem to take.
pub fn clock_ns() -> u64 {
    let mut each = Each::new();
    (0..10_000).for_each(|_| each.done());
    each.histogram().value_at_quantile(0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_have_a_middle_and_a_noise() {
        let mut spread = Spread::default();
        assert_eq!((spread.middle(), spread.noise_percent()), (0, 0));
        [110, 100, 95].into_iter().for_each(|value| spread.add(value));
        assert_eq!((spread.middle(), spread.noise_percent()), (100, 15));
    }

    #[test]
    fn time_on_a_core_is_of_work_and_not_of_waiting() {
        let ((), waiting) = on_core(|| std::thread::sleep(Duration::from_millis(30)));
        let (_, work) = on_core(|| (0..20_000_000_u64).fold(0, |sum, n| std::hint::black_box(sum ^ n)));
        assert!(waiting < Duration::from_millis(30), "{waiting:?}");
        assert!(work > Duration::ZERO, "{work:?}");
    }
}
