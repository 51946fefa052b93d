//! Fail points: places at which a process can be told to kill itself, as `kill -9` would, to show that nothing is lost.
//!
//! Always compiled in, so that what is tested is what is shipped; armed by [`FailPoint::arm`] alone, which `hoga` calls
//! when the environment says `HOGA_FAIL_POINT=after-append:17`: pass 17 times, kill at the next.
//!
//! Invariants:
//! 1. A point is met once a batch, a claim, a mark, a part of a snapshot; never once a record.
//! 2. One that is not armed costs the look at one number.
//! 3. The process ends by SIGKILL: nothing of it runs any more, no destructor, no flush, no other thread.
//!
//! Left out on purpose: points that return errors. What a crash does is to be shown; errors have tests of their own.

use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// `Name = "name", "where a process stands there"`: the one list of all points.
macro_rules! fail_points {
    ($($point:ident = $name:literal, $what:literal;)*) => {
        /// A place at which a process can be told to kill itself.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum FailPoint {
            $(#[doc = $what] $point,)*
        }

        impl FailPoint {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$point),*];

            /// Its name: `after-append`.
            pub fn name(self) -> &'static str {
                match self { $(Self::$point => $name),* }
            }

            /// Where a process stands there, in words.
            pub fn what(self) -> &'static str {
                match self { $(Self::$point => $what),* }
            }
        }
    };
}

fail_points! {
    BeforeClaim = "before-claim", "it was decided to claim, the claim is not sent";
    ClaimSent = "claim-sent", "a claim is sent and not read back";
    ClaimWon = "claim-won", "a claim is read back and valid, nothing is written under it";
    CopiesSent = "copies-sent", "the claim's copies are sent into the outputs and not all read back";
    OutputsLearned = "outputs-learned", "it is known how far readers have accepted each output, nothing is restored";
    Restored = "restored", "the machine is restored, the rest of its input is not replayed";
    Replaying = "replaying", "a batch of the rest is replayed and checked";
    Following = "following", "a standby has applied a batch";
    AfterRead = "after-read", "a batch is read, nothing of it is applied";
    BeforeAppend = "before-append", "a batch is applied, its last effects are not sent";
    InAppend = "in-append", "a batch's effects are sent and not acknowledged";
    AfterAppend = "after-append", "effects are acknowledged, no mark says so";
    BeforeMark = "before-mark", "a mark is due and not sent";
    AfterMark = "after-mark", "a mark is acknowledged";
    AfterClock = "after-clock", "a clock is sent into the own input";
    SnapshotBegun = "snapshot-begun", "a snapshot is due, its state is not taken";
    SnapshotDurable = "snapshot-durable", "the input behind a snapshot is durable, its witness is not read";
    SnapshotWitnessed = "snapshot-witnessed", "a snapshot is whole and not written";
    SnapshotWritten = "snapshot-written", "a snapshot is written, none before it is deleted";
    SnapshotDeleting = "snapshot-deleting", "older snapshots may go, none is deleted";
    SnapshotDeleted = "snapshot-deleted", "an older snapshot is deleted";
    BeforeGivingAway = "before-giving-away", "it is to end, the others are not told";
    GivenAway = "given-away", "the others are told to take its machines";
    HandingOver = "handing-over", "it works on until it is taken over from";
    TakenOver = "taken-over", "it was taken over from and is to end";
    Fenced = "fenced", "it was replaced and did not know, as after a long sleep";
    BeforeDraining = "before-draining", "it is to end and nobody stands by: it stops reading";
    Drained = "drained", "all is delivered, the last mark is not sent";
    LastMark = "last-mark", "the last mark is acknowledged, the last snapshot is not taken";
    Ended = "ended", "the last snapshot is written";
}

impl fmt::Display for FailPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What was asked for is no fail point.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no fail point; write NAME, or NAME:COUNT to pass it so often first, where NAME is one of:\n{list}", list = list())]
pub struct NoFailPoint(String);

fn list() -> String {
    let lines: Vec<_> = FailPoint::ALL.iter().map(|point| format!("  {:<20} {}", point.name(), point.what())).collect();
    lines.join("\n")
}

/// The armed point's place in [`FailPoint::ALL`] and one; 0: none is armed.
static ARMED: AtomicUsize = AtomicUsize::new(0);
/// How often it is still passed.
static TO_PASS: AtomicU64 = AtomicU64::new(0);

impl FailPoint {
    /// Arms the point that `text` names: `after-append`, or `after-append:17` to pass it 17 times first.
    ///
    /// # Errors
    /// When there is no such point; the message lists all.
    pub fn arm(text: &str) -> Result<Self, NoFailPoint> {
        let (point, times) = parse(text)?;
        TO_PASS.store(times, Ordering::Relaxed);
        ARMED.store(point as usize + 1, Ordering::Release);
        Ok(point)
    }

    /// Called where a process comes to this point.
    #[inline]
    pub(crate) fn meet(self) {
        #[cfg(test)]
        tests::note(self);
        if ARMED.load(Ordering::Relaxed) == self as usize + 1 {
            self.pass_or_kill();
        }
    }

    #[cold]
    fn pass_or_kill(self) {
        let passed = TO_PASS.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if passed.is_err() {
            // No word on stderr: that could wait for whoever reads it, while other threads work on.
            let _never_returns =
                rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
            std::process::abort();
        }
    }
}

/// The point and how often to pass it.
fn parse(text: &str) -> Result<(FailPoint, u64), NoFailPoint> {
    let none = || NoFailPoint(text.to_owned());
    let (name, times) = match text.split_once(':') {
        Some((name, times)) => (name, times.parse().map_err(|_| none())?),
        None => (text, 0),
    };
    let point = FailPoint::ALL.iter().copied().find(|point| point.name() == name).ok_or_else(none)?;
    Ok((point, times))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::collections::{BTreeMap, BTreeSet};

    thread_local! {
        static MET: RefCell<BTreeMap<FailPoint, u64>> = const { RefCell::new(BTreeMap::new()) };
    }

    pub fn note(point: FailPoint) {
        MET.with_borrow_mut(|met| *met.entry(point).or_default() += 1);
    }

    /// How often each point was met on this thread since the last call.
    pub fn take_met() -> BTreeMap<FailPoint, u64> {
        MET.take()
    }

    #[test]
    fn a_point_is_named_with_or_without_a_count() {
        assert_eq!(parse("after-append"), Ok((FailPoint::AfterAppend, 0)));
        assert_eq!(parse("after-append:17"), Ok((FailPoint::AfterAppend, 17)));
        for wrong in ["", "after", "after-append:", "after-append:x", "after-append:-1", "AfterAppend"] {
            let error = parse(wrong).expect_err(wrong).to_string();
            assert!(error.starts_with(&format!("{wrong:?} is no fail point")), "{error}");
            for point in FailPoint::ALL {
                assert!(error.contains(&format!("\n  {:<20} {}", point.name(), point.what())), "{point} is listed");
            }
        }
    }

    #[test]
    fn an_armed_point_is_passed_so_often() {
        // More often than all tests of this process meet it: nothing is killed.
        let times = 1 << 60;
        assert_eq!(FailPoint::arm(&format!("replaying:{times}")), Ok(FailPoint::Replaying));
        assert_eq!(ARMED.load(Ordering::Acquire), FailPoint::Replaying as usize + 1);
        FailPoint::Replaying.meet();
        let left = TO_PASS.load(Ordering::Relaxed);
        assert!(left < times && left > times / 2, "{left} of {times}");
        ARMED.store(0, Ordering::Release);
        assert_eq!(FailPoint::Replaying.to_string(), "replaying");
    }

    #[test]
    fn no_name_is_given_twice() {
        let names: BTreeSet<_> = FailPoint::ALL.iter().map(|point| point.name()).collect();
        assert_eq!(names.len(), FailPoint::ALL.len());
    }
}
