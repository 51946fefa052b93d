//! Waiting for records that are there and have not come: those of a log on other computers are under way for a while.
//!
//! Invariant: whoever waits goes on with any record, and gives up only when none has come for [`PATIENCE`].

use crate::{Log, LogError, TopicPartition};
use std::time::{Duration, Instant};

/// How long nothing may come. A broker that dies is replaced sooner.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long to wait for a wake-up at most.
const LOOK: Duration = Duration::from_millis(50);

/// Someone who reads a partition to an end that is known.
pub struct Arrival<'a> {
    log: &'a dyn Log,
    partition: TopicPartition,
    last: Instant,
}

impl<'a> Arrival<'a> {
    /// Begins to wait for records of a partition.
    pub fn new(log: &'a dyn Log, partition: TopicPartition) -> Self {
        Self { log, partition, last: Instant::now() }
    }

    /// Something came.
    pub fn came(&mut self) {
        self.last = Instant::now();
    }

    /// Nothing came at `offset`: waits a moment for it.
    ///
    /// # Errors
    /// [`LogError::Stalled`] when nothing has come for long.
    pub fn wait(&self, offset: u64) -> Result<(), LogError> {
        let waited = self.last.elapsed();
        if waited >= PATIENCE {
            return Err(LogError::Stalled { partition: self.partition, offset, waited_s: waited.as_secs() });
        }
        self.log.signal().wait(self.log.signal().version(), LOOK.min(PATIENCE - waited));
        Ok(())
    }
}
