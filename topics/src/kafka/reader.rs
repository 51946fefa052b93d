//! Reads one partition out of the queue that a fetcher fills.

use super::Core;
use super::fetcher::Fetcher;
use super::lane::Lane;
use crate::{LogError, LogRecord, Reader, TopicPartition};
use std::sync::Arc;
use std::sync::atomic::Ordering;

pub(super) struct KafkaReader {
    core: Arc<Core>,
    fetcher: Arc<Fetcher>,
    lane: Arc<Lane>,
    position: u64,
}

impl KafkaReader {
    /// From an offset on that lies within the bounds.
    pub fn new(core: Arc<Core>, at: TopicPartition, from: u64) -> Result<Self, LogError> {
        let (fetcher, lane) = core.fetchers.open(at, from)?;
        Ok(Self { core, fetcher, lane, position: from })
    }
}

impl Reader for KafkaReader {
    fn poll(&mut self, max: usize, out: &mut Vec<LogRecord>) -> Result<(), LogError> {
        let (at, offset) = (self.lane.at, self.position);
        let start = self.core.start_of(at)?.load(Ordering::Acquire);
        if offset < start {
            return Err(LogError::Cut { partition: at, offset, start });
        }
        if self.lane.is_empty() {
            self.fetcher.take_over(at);
        }
        self.position = self.lane.take(max, out)?;
        Ok(())
    }

    fn position(&self) -> u64 {
        self.position
    }
}

impl Drop for KafkaReader {
    fn drop(&mut self) {
        self.fetcher.close(&self.lane);
    }
}
