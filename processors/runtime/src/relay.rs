//! Passing clocks on in a recorded log: admission to accounts, holds to books, matching to executions.
//!
//! Invariants:
//! 1. What is passed on depends on the input alone: it is numbered and hashed like any effect, and is in snapshots.
//! 2. Only forward, and at most once per second of machine time.

use hoga_core::Timestamp;
use hoga_core::time::CLOCK_INTERVAL_MS;
use serde::{Deserialize, Serialize};

/// What was passed on last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ClockRelay {
    last: Option<Timestamp>,
}

impl ClockRelay {
    /// Whether a clock record at this machine time is passed on; if so it is remembered.
    pub fn passes(&mut self, time: Timestamp) -> bool {
        let due = self.last.is_none_or(|last| time >= last.plus_ms(CLOCK_INTERVAL_MS));
        if due {
            self.last = Some(time);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_forward_and_once_a_second() {
        let mut relay = ClockRelay::default();
        let passed: Vec<i64> = [5_000, 5_999, 5_000, 6_000, 4_000, 6_500, 9_000]
            .into_iter()
            .filter(|t| relay.passes(Timestamp(*t)))
            .collect();
        assert_eq!(passed, [5_000, 6_000, 9_000]);
    }
}
