//! The signs of life that a process gives in `owners`.
//!
//! Invariants:
//! 1. One each interval, beginning with the first step; it tells every driver's progress.
//! 2. The interval begins when the one before is answered: so many signs in `owners` are so much time that passed
//!    with the log there, and a log that comes back after a while is not met with a burst of them.
//! 3. A process that is to end and shares the log gives one at once that lists nothing: others take its machines.

use crate::fail_point::FailPoint;
use crate::status::MachineStatus;
use hoga_core::records::{Progress, SignOfLife};
use hoga_core::{Record, Timestamp};
use hoga_topics::owners::OWNERS;
use hoga_topics::{Ack, Log, LogError, Writer, catalogue};

/// Gives the signs of one process.
pub(crate) struct Signs {
    process: String,
    interval_ms: i64,
    writer: Box<dyn Writer>,
    acks: Vec<Ack>,
    /// When the last one was answered, as far as was looked.
    last: Option<Timestamp>,
    /// Whether the last one said that the process gives everything away.
    giving_away: bool,
}

impl Signs {
    /// None given yet.
    pub fn new(log: &dyn Log, process: &str, interval_ms: i64) -> Result<Self, LogError> {
        let (process, writer) = (process.to_owned(), log.writer()?);
        Ok(Self { process, interval_ms, writer, acks: Vec::new(), last: None, giving_away: false })
    }

    /// Gives a sign if one is due; `stamp` is the time that it carries.
    pub fn step(
        &mut self,
        now: Timestamp,
        stamp: Option<Timestamp>,
        giving_away: bool,
        statuses: impl FnOnce() -> Vec<MachineStatus>,
    ) -> Result<(), LogError> {
        self.acks.clear();
        self.writer.acks(&mut self.acks)?;
        if !self.acks.is_empty() {
            self.last = Some(now);
        }
        let is_news = giving_away != self.giving_away;
        if self.writer.in_flight() > 0 || !(is_news || self.is_due(now)) {
            return Ok(());
        }
        if giving_away {
            FailPoint::BeforeGivingAway.meet();
        }
        (self.last, self.giving_away) = (Some(now), giving_away);
        let listed = if giving_away { Vec::new() } else { progress(&statuses()) };
        let sign = Record::SignOfLife(SignOfLife { process: self.process.as_str().into(), progress: listed });
        let key = catalogue::key_of(OWNERS.topic, &sign);
        self.writer.send(OWNERS, key.as_bytes(), &hoga_schemas::encode(&sign), stamp, 0)?;
        self.writer.flush()?;
        if giving_away {
            FailPoint::GivenAway.meet();
        }
        Ok(())
    }

    fn is_due(&self, now: Timestamp) -> bool {
        // A clock that was set back starts anew rather than be silent.
        self.last.is_none_or(|last| now < last || now >= last.plus_ms(self.interval_ms))
    }

    /// When to look whether one is due.
    pub fn wake_at(&self, now: Timestamp) -> Timestamp {
        let due = self.last.map_or(now, |last| last.plus_ms(self.interval_ms));
        // One that is unanswered is not waited for: its answer wakes.
        if due <= now && self.writer.in_flight() > 0 { now.plus_ms(self.interval_ms) } else { due }
    }
}

/// What is listed: what has not stopped. What failed is thereby given away.
fn progress(statuses: &[MachineStatus]) -> Vec<Progress> {
    let working = statuses.iter().filter(|status| !status.is_stopped());
    let progress = working.map(|status| Progress {
        machine: status.kind,
        partition: status.partition,
        epoch: status.epoch,
        next_offset: status.next_offset,
    });
    progress.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hoga_topics::memory::{Clock, Fault, MemoryOptions};
    use hoga_topics::{MemoryLog, OwnersView};

    /// Steps at each of these times, giving away from 10 s on; when the signs were appended.
    fn given(at_ms: &[i64], fault: Fault) -> Vec<i64> {
        let faults = Some(Box::new(move |_: &hoga_topics::memory::Sent<'_>| fault) as _);
        let clock = Clock::Set(Timestamp(0));
        let log = MemoryLog::new(MemoryOptions { faults, clock, ..MemoryOptions::default() });
        let mut signs = Signs::new(&log, "me", 250).unwrap();
        let mut given = Vec::new();
        for ms in at_ms {
            log.set_time(Timestamp(*ms).max(log.now()));
            let end = |log: &MemoryLog| log.bounds(OWNERS).unwrap().end;
            let before = end(&log);
            signs.step(Timestamp(*ms), None, *ms >= 10_000, Vec::new).unwrap();
            if end(&log) > before {
                given.push(*ms);
            }
        }
        assert_eq!(OwnersView::open(&log).unwrap().owners().process("me").unwrap().signs, given.len() as u64);
        given
    }

    #[test]
    fn one_each_interval_and_one_at_once_to_give_away() {
        assert_eq!(given(&[0, 1, 250, 251, 252, 600, 601, 10_000, 10_001], Fault::None), [0, 251, 600, 10_000]);
        assert_eq!(given(&[9_998, 9_999, 10_000, 10_001, 10_250, 10_251], Fault::None), [9_998, 10_000, 10_251]);
        assert_eq!(
            given(&[5_000, 5_001, 100, 101, 350, 351], Fault::None),
            [5_000, 100, 351],
            "the clock was set back"
        );
    }

    #[test]
    fn it_is_looked_at_again_when_one_is_due_or_answered() {
        let faults = Some(Box::new(|_: &hoga_topics::memory::Sent<'_>| Fault::DelayAck { ms: 600 }) as _);
        let log = MemoryLog::new(MemoryOptions { faults, clock: Clock::Set(Timestamp(0)), ..MemoryOptions::default() });
        let mut signs = Signs::new(&log, "me", 250).unwrap();
        let mut wakes = Vec::new();
        for ms in [0, 100, 249, 250, 300, 600, 700] {
            log.set_time(Timestamp(ms));
            let before = signs.wake_at(Timestamp(ms));
            signs.step(Timestamp(ms), None, false, Vec::new).unwrap();
            wakes.push((before.0, signs.wake_at(Timestamp(ms)).0));
        }
        // At once; an interval after the first; while that is unanswered an interval on; an interval after its answer.
        let expected = [(0, 250), (250, 250), (250, 250), (500, 500), (550, 550), (850, 850), (850, 850)];
        assert_eq!(wakes, expected);
    }

    #[test]
    fn none_until_an_interval_after_the_answer_to_the_one_before() {
        let slow = Fault::DelayAck { ms: 1_000 };
        assert_eq!(given(&[0, 250, 500, 999, 1_000, 1_249, 1_250, 2_249, 2_250, 2_500], slow), [0, 1_250, 2_500]);
        assert_eq!(given(&[0, 10, 250, 260], Fault::LoseAck), [0, 260], "an answer without offset is one");
    }
}
