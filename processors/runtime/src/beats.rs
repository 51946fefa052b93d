//! When an owner writes marks and clocks. Pure: told the time and what happened, it says what is due.
//!
//! Invariants:
//! 1. A mark is due once a second while anything moves, and soon after all is delivered and read.
//! 2. A clock is due at once, then whenever a second of wall time begins: machines of one process beat together.
//! 3. A machine that kept work back gets one extra clock at a time, each once the one before was read.

use hoga_core::Timestamp;
use hoga_core::time::CLOCK_INTERVAL_MS;

/// Between two marks of a busy owner.
const MARK_INTERVAL_MS: i64 = 1_000;
/// From becoming idle to its mark: so much that a trickle of records does not cause a mark each.
const IDLE_MS: i64 = 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ExtraClock {
    None,
    Sent,
    At(u64),
}

/// The timers of one owner.
#[derive(Debug)]
pub(crate) struct Beats {
    last_mark: Timestamp,
    /// What the newest mark said, unless its answer was lost.
    marked: Option<u64>,
    idle_since: Option<Timestamp>,
    clock_second: Option<i64>,
    extra: ExtraClock,
}

impl Beats {
    /// The timers of an owner that begins now.
    pub fn new(now: Timestamp) -> Self {
        Self { last_mark: now, marked: None, idle_since: None, clock_second: None, extra: ExtraClock::None }
    }

    /// Whether a mark with this offset is due; `idle`: all is read and delivered.
    pub fn mark_due(&mut self, now: Timestamp, offset: u64, idle: bool) -> bool {
        self.idle_since = if idle { Some(self.idle_since.unwrap_or(now)) } else { None };
        let rested = self.idle_since.is_some_and(|since| passed(since, now, IDLE_MS));
        let due = self.marked != Some(offset) && (rested || passed(self.last_mark, now, MARK_INTERVAL_MS));
        if due {
            self.marked_now(now, offset);
        }
        due
    }

    /// A mark was written.
    pub fn marked_now(&mut self, now: Timestamp, offset: u64) {
        self.last_mark = now;
        self.marked = Some(offset);
    }

    /// The answer to a mark was lost: write it again.
    pub fn mark_lost(&mut self) {
        self.marked = None;
    }

    /// Whether the regular clock is due.
    pub fn clock_due(&mut self, now: Timestamp) -> bool {
        let second = now.0.div_euclid(CLOCK_INTERVAL_MS);
        let due = self.clock_second != Some(second);
        self.clock_second = Some(second);
        due
    }

    /// Whether an extra clock is due for a machine with a backlog that has read its input up to `position`.
    pub fn extra_clock_due(&mut self, position: u64) -> bool {
        let due = match self.extra {
            ExtraClock::None => true,
            ExtraClock::Sent => false,
            ExtraClock::At(offset) => position > offset,
        };
        if due {
            self.extra = ExtraClock::Sent;
        }
        due
    }

    /// The answer to an extra clock.
    pub fn extra_clock_answer(&mut self, offset: Option<u64>) {
        self.extra = offset.map_or(ExtraClock::None, ExtraClock::At);
    }

    /// When to look again if nothing else happens; `clocks`: whether this owner writes them.
    pub fn wake_at(&self, now: Timestamp, offset: u64, clocks: bool) -> Timestamp {
        let clock = Timestamp((now.0.div_euclid(CLOCK_INTERVAL_MS) + 1) * CLOCK_INTERVAL_MS);
        let mark = match self.idle_since {
            _ if self.marked == Some(offset) => return clock,
            Some(since) => since.plus_ms(IDLE_MS),
            None => self.last_mark.plus_ms(MARK_INTERVAL_MS),
        };
        if clocks { mark.min(clock) } else { mark }
    }
}

/// Whether so much has passed; a clock that was set back starts anew rather than wait.
fn passed(since: Timestamp, now: Timestamp, ms: i64) -> bool {
    now >= since.plus_ms(ms) || now < since
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn t(ms: i64) -> Timestamp {
        Timestamp(ms)
    }

    #[test]
    fn marks_come_once_a_second_and_soon_after_idle() {
        let mut beats = Beats::new(t(0));
        assert!(!beats.mark_due(t(999), 10, false));
        assert!(beats.mark_due(t(1_000), 10, false));
        assert!(!beats.mark_due(t(1_500), 20, true), "idle, not yet for long");
        assert_eq!(beats.wake_at(t(1_500), 20, false), t(1_520));
        assert!(beats.mark_due(t(1_520), 20, true));
        assert!(!beats.mark_due(t(9_000), 20, true), "nothing moved");
        assert_eq!(beats.wake_at(t(9_100), 20, false), t(10_000), "nothing moved: when the next clock is");
        beats.mark_lost();
        assert!(beats.mark_due(t(9_000), 20, true), "written again");
    }

    #[test]
    fn clocks_come_at_once_and_with_each_second() {
        let mut beats = Beats::new(t(1_700));
        let due: Vec<i64> =
            [1_700, 1_999, 2_000, 2_001, 3_500].into_iter().filter(|ms| beats.clock_due(t(*ms))).collect();
        assert_eq!(due, [1_700, 2_000, 3_500]);
        assert_eq!(beats.wake_at(t(3_500), 0, true), t(2_700), "the mark is due before the clock");
    }

    #[test]
    fn extra_clocks_come_one_at_a_time() {
        let mut beats = Beats::new(t(0));
        assert!(beats.extra_clock_due(5));
        assert!(!beats.extra_clock_due(5));
        beats.extra_clock_answer(Some(5));
        assert!(!beats.extra_clock_due(5), "not read yet");
        assert!(beats.extra_clock_due(6));
        beats.extra_clock_answer(None);
        assert!(beats.extra_clock_due(6), "lost");
    }
}
