//! Whether other processes live, judged by `owners` alone: by append times, and by what came since in its order.
//!
//! Invariants:
//! 1. A process is silent only if the newest append time is more than the bound after its last sign, and this
//!    process's own signs were read back often enough since: whatever keeps its signs away (a broker that is paused or
//!    gone, this process asleep or cut off) keeps these away too.
//! 2. What is told late makes it judge later, never sooner.
//!
//! Left out on purpose: the computer's clock.

use hoga_core::Timestamp;
use hoga_topics::owners::Owners;
use std::collections::BTreeMap;
use std::time::Duration;

/// Between two signs of life, unless the bound on silence asks for more of them.
const SIGN_INTERVAL_MS: i64 = 250;
/// A bound on silence has room for so many signs of life.
const SIGNS_IN_BOUND: i64 = 4;

/// How silence is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bound {
    pub silent_ms: i64,
    pub sign_interval_ms: i64,
}

impl Bound {
    /// A bound on silence, and signs of life often enough for it.
    pub fn new(takeover_after: Duration) -> Self {
        let silent_ms = i64::try_from(takeover_after.as_millis()).unwrap_or(i64::MAX / 2).max(SIGNS_IN_BOUND);
        Self { silent_ms, sign_interval_ms: SIGN_INTERVAL_MS.min(silent_ms / SIGNS_IN_BOUND) }
    }

    /// How often this process's own signs have to be read back before another is silent: the first may have been under
    /// way with the other's last, from there on they span the bound.
    fn own_signs(self) -> u64 {
        let Self { silent_ms, sign_interval_ms } = self;
        1 + (silent_ms + sign_interval_ms - 1).div_euclid(sign_interval_ms).unsigned_abs()
    }
}

/// Where a process was heard last, and how many signs this process had given when that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Heard {
    offset: u64,
    own_signs: u64,
}

/// What a process knows of the others' lives.
#[derive(Debug)]
pub(crate) struct Liveness {
    me: String,
    bound: Bound,
    heard: BTreeMap<String, Heard>,
    /// When this process's first sign was appended.
    since: Option<Timestamp>,
}

impl Liveness {
    /// Of the process `me`, which has given no sign yet.
    pub fn new(me: &str, bound: Bound) -> Self {
        Self { me: me.to_owned(), bound, heard: BTreeMap::new(), since: None }
    }

    /// Takes note of what was read of `owners`.
    pub fn update(&mut self, owners: &Owners) {
        let own_signs = self.own_signs(owners);
        if self.since.is_none() {
            self.since = owners.process(&self.me).filter(|_| own_signs > 0).map(|signs| signs.newest);
        }
        for (process, signs) in owners.processes() {
            let heard = Heard { offset: signs.offset, own_signs };
            match self.heard.get_mut(process) {
                None => drop(self.heard.insert(process.to_owned(), heard)),
                Some(before) if before.offset != signs.offset => *before = heard,
                Some(_) => {}
            }
        }
    }

    fn own_signs(&self, owners: &Owners) -> u64 {
        owners.process(&self.me).map_or(0, |signs| signs.signs)
    }

    fn is_past(&self, owners: &Owners, since: Timestamp, own_signs_then: u64) -> bool {
        let own_signs = self.own_signs(owners) - own_signs_then;
        owners.newest() > since.plus_ms(self.bound.silent_ms) && own_signs >= self.bound.own_signs()
    }

    /// Whether a process has fallen silent: it is dead, or as good as.
    pub fn is_silent(&self, owners: &Owners, process: &str) -> bool {
        let (Some(signs), Some(heard)) = (owners.process(process), self.heard.get(process)) else { return false };
        self.is_past(owners, signs.newest, heard.own_signs)
    }

    /// Whether this process has been there for as long as a silent owner is waited for.
    pub fn has_waited(&self, owners: &Owners) -> bool {
        self.since.is_some_and(|since| self.is_past(owners, since, 0))
    }

    /// Whether a process gave a sign within the bound.
    pub fn is_live(&self, owners: &Owners, process: &str) -> bool {
        owners.process(process).is_some_and(|signs| owners.newest() <= signs.newest.plus_ms(self.bound.silent_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hoga_core::Record;
    use hoga_core::records::SignOfLife;

    /// Applies signs of life, `name@ms` each, all of a group between brackets read at once, and tells what "me"
    /// thinks of "a" at last.
    fn check(script: &str, expected: &str) {
        let bound = Bound::new(Duration::from_millis(1_000));
        let (mut owners, mut liveness, mut offset) = (Owners::default(), Liveness::new("me", bound), 0);
        for group in script.split(']') {
            for sign in group.trim_start_matches([' ', '[']).split_whitespace() {
                let (process, ms) = sign.split_once('@').unwrap();
                let record = Record::SignOfLife(SignOfLife { process: process.into(), progress: Vec::new() });
                owners.apply(offset, Timestamp(ms.parse().unwrap()), &record);
                offset += 1;
            }
            liveness.update(&owners);
        }
        let (silent, live) = (liveness.is_silent(&owners, "a"), liveness.is_live(&owners, "a"));
        let shown = format!("{} {}", if silent { "silent" } else { "heard" }, if live { "live" } else { "late" });
        assert_eq!(shown, expected, "{script}");
    }

    #[test]
    fn signs_come_four_times_in_a_bound_and_at_least_four_times_a_second() {
        let interval = |ms| Bound::new(Duration::from_millis(ms));
        assert_eq!(interval(1_000), Bound { silent_ms: 1_000, sign_interval_ms: 250 });
        assert_eq!((interval(200).sign_interval_ms, interval(200).own_signs()), (50, 5));
        assert_eq!((interval(3_000).sign_interval_ms, interval(3_000).own_signs()), (250, 13));
        assert_eq!((interval(1_001).sign_interval_ms, interval(1_001).own_signs()), (250, 6));
        assert_eq!(interval(0).sign_interval_ms, 1);
    }

    #[test]
    fn a_process_is_silent_when_the_bound_and_enough_own_signs_have_passed() {
        check("[a@0] [me@1] [me@251] [me@501] [me@751]", "heard live");
        check("[a@0] [me@1] [me@251] [me@501] [me@751] [me@1001]", "silent late");
        check("[a@0] [me@1] [me@251] [me@501] [me@751] [me@1000]", "heard live");
        check("[a@0] [me@1] [me@251] [me@501] [me@1001]", "heard late");
        check("[a@0] [me@1] [me@251] [me@501] [a@750] [me@751] [me@1001]", "heard live");
    }

    #[test]
    fn time_alone_does_not_make_a_process_silent() {
        // The log was away, or this process slept: its own signs stayed out as the other's did.
        check("[a@0] [me@1] [me@9000] [me@9250] [me@9500]", "heard late");
        check("[a@0] [me@1] [b@9000] [b@9250] [b@9500] [b@9750] [b@9999]", "heard late");
        check("[a@0] [me@1] [me@9000] [a@9001] [me@9250] [me@9500] [me@9750] [me@9999]", "heard live");
    }

    #[test]
    fn what_is_read_in_one_go_counts_from_its_end() {
        check("[a@0 me@1 me@251 me@501 me@751 me@1001]", "heard late");
        check("[a@0 me@1 me@1001] [me@1251] [me@1501] [me@1751] [me@2001]", "heard late");
        check("[a@0 me@1 me@1001] [me@1251] [me@1501] [me@1751] [me@2001] [me@2251]", "silent late");
    }

    #[test]
    fn who_was_never_heard_is_neither() {
        check("[me@1] [me@251] [me@501] [me@1001] [me@5000]", "heard late");
    }

    #[test]
    fn a_process_has_waited_once_it_was_there_for_the_bound() {
        let bound = Bound::new(Duration::from_millis(1_000));
        let (mut owners, mut liveness) = (Owners::default(), Liveness::new("me", bound));
        let record = Record::SignOfLife(SignOfLife { process: "me".into(), progress: Vec::new() });
        let mut waited = Vec::new();
        for (offset, ms) in [9_000, 9_250, 9_500, 9_750, 10_000, 10_250].into_iter().enumerate() {
            owners.apply(offset as u64, Timestamp(ms), &record);
            liveness.update(&owners);
            waited.push(liveness.has_waited(&owners));
        }
        assert_eq!(waited, [false, false, false, false, false, true]);
    }
}
