//! A log whose questions are asked again while nobody answers: for whoever reads what is there, and would rather wait
//! for a broker that is away than fail.
//!
//! Invariants:
//! 1. An answer, a refusal and what a question finds wrong go through at once; only silence is asked again, until
//!    [`PATIENCE`] is over or the asker is told to stop. Then the last error is the answer.
//! 2. Records and acknowledgements are the log's own: readers and writers wait as they always do.
//!
//! Left out on purpose: machines. A machine whose log is silent lets go and begins anew, so that another may own it.

use crate::{Bounds, Log, LogError, Reader, Signal, TimeMode, TopicPartition, Visibility, Writer};
use hoga_core::{Timestamp, Topic};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long questions are asked again: a broker that is started anew is back sooner.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// How long to pause between a silence and the next try; a try takes time itself.
const PAUSE: Duration = Duration::from_millis(100);

/// See the module.
pub struct PatientLog {
    log: Arc<dyn Log>,
    stop: Arc<AtomicBool>,
}

impl PatientLog {
    /// That log, asked again until `stop` is set.
    pub fn new(log: Arc<dyn Log>, stop: Arc<AtomicBool>) -> Self {
        Self { log, stop }
    }

    fn ask<T>(&self, question: impl Fn() -> Result<T, LogError>) -> Result<T, LogError> {
        let started = Instant::now();
        loop {
            match question() {
                Err(error)
                    if error.is_unanswered() && started.elapsed() < PATIENCE && !self.stop.load(Ordering::Relaxed) =>
                {
                    std::thread::sleep(PAUSE);
                }
                answered => return answered,
            }
        }
    }
}

impl Log for PatientLog {
    fn time_mode(&self) -> TimeMode {
        self.log.time_mode()
    }

    fn partitions(&self, topic: Topic) -> u32 {
        self.log.partitions(topic)
    }

    fn max_record_bytes(&self) -> usize {
        self.log.max_record_bytes()
    }

    fn bounds(&self, partition: TopicPartition) -> Result<Bounds, LogError> {
        self.ask(|| self.log.bounds(partition))
    }

    fn offset_at(&self, partition: TopicPartition, time: Timestamp) -> Result<u64, LogError> {
        self.ask(|| self.log.offset_at(partition, time))
    }

    fn reader(
        &self,
        partition: TopicPartition,
        from: u64,
        visibility: Visibility,
    ) -> Result<Box<dyn Reader>, LogError> {
        self.ask(|| self.log.reader(partition, from, visibility))
    }

    fn writer(&self) -> Result<Box<dyn Writer>, LogError> {
        self.ask(|| self.log.writer())
    }

    fn cut(&self, partition: TopicPartition, before: u64) -> Result<u64, LogError> {
        self.ask(|| self.log.cut(partition, before))
    }

    fn sync(&self) -> Result<(), LogError> {
        self.log.sync()
    }

    fn signal(&self) -> &Signal {
        self.log.signal()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MemoryLog, MemoryOptions};
    use std::sync::atomic::AtomicU32;

    const AT: TopicPartition = TopicPartition::new(Topic::Executions, 0);

    /// A log that leaves its next questions without an answer.
    struct Silent {
        log: MemoryLog,
        questions: AtomicU32,
        refuses: bool,
    }

    impl Silent {
        fn for_questions(questions: u32) -> Self {
            Self { log: MemoryLog::new(MemoryOptions::default()), questions: questions.into(), refuses: false }
        }

        fn left(&self) -> u32 {
            self.questions.load(Ordering::Relaxed)
        }

        fn question(&self) -> Result<(), LogError> {
            let before = self.questions.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
            let source = std::io::Error::from(std::io::ErrorKind::TimedOut);
            match before {
                Err(_) => Ok(()),
                Ok(_) if self.refuses => Err(LogError::Io { what: "asking".into(), source }),
                Ok(_) => Err(LogError::Unanswered { what: "asking".into(), source }),
            }
        }
    }

    impl Log for Silent {
        fn time_mode(&self) -> TimeMode {
            self.log.time_mode()
        }

        fn partitions(&self, topic: Topic) -> u32 {
            self.log.partitions(topic)
        }

        fn bounds(&self, partition: TopicPartition) -> Result<Bounds, LogError> {
            self.question()?;
            self.log.bounds(partition)
        }

        fn reader(&self, at: TopicPartition, from: u64, visibility: Visibility) -> Result<Box<dyn Reader>, LogError> {
            self.question()?;
            self.log.reader(at, from, visibility)
        }

        fn writer(&self) -> Result<Box<dyn Writer>, LogError> {
            self.log.writer()
        }

        fn cut(&self, partition: TopicPartition, before: u64) -> Result<u64, LogError> {
            self.log.cut(partition, before)
        }

        fn sync(&self) -> Result<(), LogError> {
            self.log.sync()
        }

        fn signal(&self) -> &Signal {
            self.log.signal()
        }
    }

    #[test]
    fn silence_is_asked_again_and_a_refusal_is_not() {
        let patient = |log: &Arc<Silent>, stop: bool| PatientLog::new(Arc::clone(log) as _, Arc::new(stop.into()));
        let log = Arc::new(Silent::for_questions(3));
        assert_eq!(patient(&log, false).bounds(AT).unwrap().end, 0);
        assert_eq!(log.left(), 0);

        let log = Arc::new(Silent::for_questions(2));
        assert_eq!(patient(&log, false).reader(AT, 0, Visibility::Written).unwrap().position(), 0);

        let log = Arc::new(Silent { refuses: true, ..Silent::for_questions(3) });
        assert!(!patient(&log, false).bounds(AT).unwrap_err().is_unanswered());
        assert_eq!(log.left(), 2, "asked once");

        let log = Arc::new(Silent::for_questions(3));
        assert!(patient(&log, true).bounds(AT).unwrap_err().is_unanswered());
        assert_eq!(log.left(), 2, "asked once");
    }
}
