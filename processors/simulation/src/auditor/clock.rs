//! The time of a machine, from the records of its partition: docs/decisions/0003.

use hoga_core::Timestamp;

/// A clock record counts within so much of its append time.
const TOLERANCE_MS: i64 = 1_000;
/// Time is at most so far past the last clock record that counted.
const AHEAD_MS: i64 = 5_000;

/// The time of one partition.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Time {
    now: i64,
    clock: i64,
}

impl Time {
    /// The time at a record; `clock` is what it says if it is a clock record.
    pub fn at(&mut self, appended: Timestamp, clock: Option<Timestamp>) -> Timestamp {
        if let Some(clock) = clock
            && (clock.0 - appended.0).abs() <= TOLERANCE_MS
        {
            self.clock = self.clock.max(clock.0);
        }
        self.now = self.now.max(appended.0.min(self.clock + AHEAD_MS));
        Timestamp(self.now)
    }
}
