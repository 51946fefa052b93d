//! Gathers records into frames, one a partition, and appends them at `flush`, or before when they grow large.

use super::frame::push_record;
use super::shared::{Outgoing, Shared};
use crate::{Ack, LogError, TopicPartition, Writer};
use bytes::Bytes;
use hoga_core::Timestamp;
use std::collections::VecDeque;
use std::sync::Arc;

/// Bodies go out when they are this long.
const FRAME_BYTES: usize = 256 << 10;

/// Records of one partition that are not appended yet.
#[derive(Default)]
struct Pending {
    body: Vec<u8>,
    tokens: Vec<u64>,
    time: Timestamp,
    /// How long the last body was: the next one's room.
    last_len: usize,
}

pub(super) struct EmbeddedWriter {
    shared: Arc<Shared>,
    pending: Vec<Pending>,
    /// Slots with something pending, in the order of their first record.
    order: Vec<u32>,
    acks: VecDeque<Ack>,
    in_flight: usize,
}

impl EmbeddedWriter {
    pub fn new(shared: Arc<Shared>) -> Self {
        let pending = shared.slots.iter().map(|_| Pending::default()).collect();
        Self { shared, pending, order: Vec::new(), acks: VecDeque::new(), in_flight: 0 }
    }

    fn append(&mut self, slots: Vec<u32>) -> Result<(), LogError> {
        let mut tokens = Vec::with_capacity(slots.len());
        let mut frames = Vec::with_capacity(slots.len());
        for slot in slots {
            let pending = &mut self.pending[slot as usize];
            pending.last_len = pending.body.len();
            let count = pending.tokens.len() as u32;
            let body = Bytes::from(std::mem::take(&mut pending.body));
            frames.push(Outgoing { slot, count, time: pending.time, body });
            tokens.push(std::mem::take(&mut pending.tokens));
        }
        let mut placed = Vec::with_capacity(frames.len());
        let result = self.shared.append(frames, &mut placed);
        for (first, tokens) in placed.into_iter().zip(tokens) {
            self.acks.extend(tokens.into_iter().zip(first..).map(|(token, at)| Ack { token, offset: Some(at) }));
        }
        result
    }
}

impl Writer for EmbeddedWriter {
    fn send(
        &mut self,
        to: TopicPartition,
        key: &[u8],
        value: &[u8],
        time: Option<Timestamp>,
        token: u64,
    ) -> Result<(), LogError> {
        let slot = self.shared.slot(to)?;
        let (limit, mode) = (self.shared.max_record_bytes, self.shared.layout.time_mode);
        crate::log::check_record(to, key.len() + value.len(), limit, time, mode)?;
        let pending = &mut self.pending[slot as usize];
        let time = time.unwrap_or_default();
        if pending.tokens.is_empty() {
            pending.time = time;
            pending.body.reserve(pending.last_len);
            self.order.push(slot);
        }
        push_record(&mut pending.body, time.0.wrapping_sub(pending.time.0), key, Some(value));
        pending.tokens.push(token);
        self.in_flight += 1;
        if pending.body.len() >= FRAME_BYTES {
            self.order.retain(|other| *other != slot);
            self.append(vec![slot])?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), LogError> {
        self.shared.check()?;
        if self.order.is_empty() {
            return Ok(());
        }
        let slots = std::mem::take(&mut self.order);
        self.append(slots)
    }

    fn acks(&mut self, out: &mut Vec<Ack>) -> Result<(), LogError> {
        self.shared.check()?;
        self.in_flight -= self.acks.len();
        out.extend(self.acks.drain(..));
        Ok(())
    }

    fn in_flight(&self) -> usize {
        self.in_flight
    }
}
