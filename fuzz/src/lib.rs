//! What bytes from outside may do to hoga, tried out: one module a target, each with a function `run` that takes any
//! bytes and panics where something is wrong. `fuzz_targets/` hands them to libFuzzer, `scripts/fuzz` drives it.
//!
//! Of every input, besides what its target promises:
//! 1. It does not panic.
//! 2. It never has more than [`MAX_MEMORY`] bytes more allocated than at its start.
//! 3. It takes no longer than [`MAX_TIME`] of its thread's CPU time: a busy machine makes nothing slower by that
//!    measure, and what is slow once for another reason (a cold cache) is tried again.
//!
//! Left out on purpose: what other threads allocate (libFuzzer's own bound on the process holds there), and the
//! decoder of the independent checker, which is Python's.

pub mod exchange;
pub mod line;
pub mod log;
pub mod record;
pub mod seeds;
pub mod snapshot;
pub mod state;
pub mod value;
pub mod wire;

use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// The most that an input may have allocated over what there was at its start.
pub const MAX_MEMORY: u64 = 64 << 20;
/// The longest that an input may take.
pub const MAX_TIME: Duration = Duration::from_millis(10);
/// How often an input that took too long is tried again: the shortest counts.
const TRIES: u32 = 5;

/// Runs a target on an input; panics where it breaks a limit.
pub fn within_limits(data: &[u8], run: fn(&[u8])) {
    let mut time = timed(data, run);
    for _ in 1..TRIES {
        if time <= MAX_TIME {
            return;
        }
        time = time.min(timed(data, run));
    }
    assert!(time <= MAX_TIME, "too slow: {time:?} for {} bytes, at most {MAX_TIME:?} of CPU are allowed", data.len());
}

/// One run; its CPU time.
fn timed(data: &[u8], run: fn(&[u8])) -> Duration {
    let before = cpu_time();
    let memory = allocation_counter::measure(|| run(data)).bytes_max;
    let time = cpu_time() - before;
    assert!(
        memory <= MAX_MEMORY,
        "too much memory: {memory} bytes for an input of {}, at most {MAX_MEMORY} are allowed",
        data.len()
    );
    time
}

fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    // Built as the targets are it needs what their instrumentation calls.
    use libfuzzer_sys as _;

    /// What nobody looks at the compiler leaves out.
    fn allocate(bytes: u64) {
        drop(std::hint::black_box(Vec::<u8>::with_capacity(bytes as usize)));
    }

    #[test]
    fn an_input_has_room_within_the_limits() {
        within_limits(b"", |_| allocate(MAX_MEMORY));
    }

    #[test]
    #[should_panic(expected = "too much memory: 67108865 bytes for an input of 3")]
    fn memory_that_is_asked_for_and_never_touched_counts() {
        within_limits(b"abc", |_| allocate(MAX_MEMORY + 1));
    }

    #[test]
    #[should_panic(expected = "too slow")]
    fn what_takes_too_long_each_time_is_too_slow() {
        within_limits(b"", |_| {
            let begun = cpu_time();
            while cpu_time() - begun <= MAX_TIME {}
        });
    }

    #[test]
    fn what_is_slow_once_is_not() {
        static SLOW: std::sync::Once = std::sync::Once::new();
        within_limits(b"", |_| {
            SLOW.call_once(|| {
                let begun = cpu_time();
                while cpu_time() - begun <= 2 * MAX_TIME {}
            });
        });
    }
}
