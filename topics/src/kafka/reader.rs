//! Reads one partition out of the queue that a fetcher fills.

use super::Core;
use super::fetcher::{Fetcher, Lane};
use crate::{LogError, LogRecord, Reader, TopicPartition, log};
use std::sync::Arc;
use std::sync::atomic::Ordering;

pub(super) struct KafkaReader {
    core: Arc<Core>,
    fetcher: Arc<Fetcher>,
    lane: Arc<Lane>,
    position: u64,
    /// Of the fetcher's lost offsets, those that were looked into.
    seen_lost: u64,
}

impl KafkaReader {
    /// From an offset on that lies within the bounds.
    pub fn new(core: Arc<Core>, at: TopicPartition, from: u64) -> Result<Self, LogError> {
        let fetcher = core.fetcher_for(at)?;
        let seen_lost = fetcher.lost_offsets();
        let lane = fetcher.open(at, from);
        Ok(Self { core, fetcher, lane, position: from, seen_lost })
    }

    /// Nothing came: because there is nothing, or because nothing can come any more?
    fn look_into(&mut self) -> Result<(), LogError> {
        self.fetcher.check()?;
        let lost = self.fetcher.lost_offsets();
        if lost != self.seen_lost {
            log::check_position(self.lane.at, self.position, self.core.bounds(self.lane.at)?)?;
            self.seen_lost = lost;
            // It was another's, or it is there again.
            self.fetcher.restart(self.lane.at);
        }
        Ok(())
    }
}

impl Reader for KafkaReader {
    fn poll(&mut self, max: usize, out: &mut Vec<LogRecord>) -> Result<(), LogError> {
        let (at, offset) = (self.lane.at, self.position);
        let start = self.core.start_of(at)?.load(Ordering::Acquire);
        if offset < start {
            return Err(LogError::Cut { partition: at, offset, start });
        }
        let before = out.len();
        self.lane.take(max, out);
        match out[before..].last() {
            Some(last) => self.position = last.offset + 1,
            None => self.look_into()?,
        }
        Ok(())
    }

    fn position(&self) -> u64 {
        self.position
    }
}

impl Drop for KafkaReader {
    fn drop(&mut self) {
        self.fetcher.close(self.lane.at);
    }
}
