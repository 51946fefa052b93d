//! Delivery into one output partition: what was sent and not yet surely delivered.
//!
//! Invariants:
//! 1. A number is delivered only when its offset is known and above its predecessor's; so wherever a reader has read
//!    past that offset, it has accepted the number.
//! 2. What cannot be delivered so is sent again from the first undelivered on, in order, with the same bytes.
//! 3. An answer to an earlier sending of what was sent again since is ignored.
//! 4. What readers accepted before this owner's claim is never sent again, and its hash must be the replay's.
//!
//! Left out on purpose: waiting. The log answers every sending in the end, with an offset or without.

use crate::engine::{Counter, Emitted};
use hoga_core::Timestamp;
use hoga_schemas::Origin;
use hoga_topics::{LogError, TopicPartition, Writer};
use std::collections::VecDeque;

/// Bits of a token that count the sendings of a lane; the lane's index stands above them.
pub(crate) const SEQUENCE_BITS: u32 = 48;

/// How far a channel is delivered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Delivered {
    pub counter: Counter,
    /// Where that record stands; before the first: where the claim's copy does.
    pub offset: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    None,
    At(u64),
    /// It may be in the log or not.
    Unknown,
}

/// One undelivered effect; its key and value lie in the lane's buffer.
#[derive(Debug)]
struct Undelivered {
    cause: u64,
    counter: Counter,
    time: Timestamp,
    key_len: u32,
    value_len: u32,
    answer: Answer,
}

impl Undelivered {
    fn len(&self) -> usize {
        (self.key_len + self.value_len) as usize
    }
}

/// What a lane owes its readers.
pub(crate) struct Lane {
    to: TopicPartition,
    index: u64,
    recorded: bool,
    /// What readers had accepted at this owner's claim.
    accepted: Counter,
    delivered: Delivered,
    queue: VecDeque<Undelivered>,
    /// Keys and values of the queue, one after the other, from `head` on.
    buffer: Vec<u8>,
    head: usize,
    /// The sequence of the front's newest sending; the queue's others follow it.
    front_sequence: u64,
    next_sequence: u64,
    /// How many records were sent more than once.
    pub resent: u64,
}

impl Lane {
    /// The lane `index` to `to`, where readers have accepted as much as `delivered`.
    pub fn new(to: TopicPartition, index: usize, recorded: bool, delivered: Delivered) -> Self {
        Self {
            to,
            index: index as u64,
            recorded,
            accepted: delivered.counter,
            delivered,
            queue: VecDeque::new(),
            buffer: Vec::new(),
            head: 0,
            front_sequence: 0,
            next_sequence: 0,
            resent: 0,
        }
    }

    /// Checks an effect against what readers accepted, or sends it if it is new; whether it was sent.
    pub fn emit(&mut self, origin: Origin, effect: &Emitted<'_>, writer: &mut dyn Writer) -> Result<bool, Mismatch> {
        if effect.counter.number <= self.accepted.number {
            let differs = effect.counter.number == self.accepted.number && effect.counter.hash != self.accepted.hash;
            return if differs { Err(Mismatch::Diverged { accepted: self.accepted.hash }) } else { Ok(false) };
        }
        let start = self.buffer.len();
        self.buffer.extend_from_slice(effect.key);
        hoga_schemas::seal(effect.kind, Some(&origin), effect.content, &mut self.buffer);
        let key_len = effect.key.len();
        let undelivered = Undelivered {
            cause: effect.cause,
            counter: effect.counter,
            time: effect.time,
            key_len: key_len as u32,
            value_len: (self.buffer.len() - start - key_len) as u32,
            answer: Answer::None,
        };
        let (key, value) = self.buffer[start..].split_at(key_len);
        let time = self.recorded.then_some(effect.time);
        writer.send(self.to, key, value, time, (self.index << SEQUENCE_BITS) | self.next_sequence)?;
        self.next_sequence += 1;
        self.queue.push_back(undelivered);
        Ok(true)
    }

    /// Takes the answer to the sending `sequence`.
    pub fn answer(&mut self, sequence: u64, offset: Option<u64>, writer: &mut dyn Writer) -> Result<(), LogError> {
        let Some(at) = sequence.checked_sub(self.front_sequence) else { return Ok(()) };
        let Some(undelivered) = self.queue.get_mut(at as usize) else { return Ok(()) };
        undelivered.answer = offset.map_or(Answer::Unknown, Answer::At);
        while let Some(front) = self.queue.front() {
            match front.answer {
                Answer::None => break,
                Answer::At(offset) if offset > self.delivered.offset => self.deliver(offset),
                // Behind its predecessor no reader accepts it.
                Answer::At(_) | Answer::Unknown => return self.send_again(writer),
            }
        }
        Ok(())
    }

    fn deliver(&mut self, offset: u64) {
        let front = self.queue.pop_front().expect("its answer was looked at");
        self.delivered = Delivered { counter: front.counter, offset };
        self.front_sequence += 1;
        self.head += front.len();
        if self.queue.is_empty() {
            self.buffer.clear();
            self.head = 0;
        } else if self.head > self.buffer.len() / 2 && self.head > 1 << 16 {
            // Moving the lesser half now and then costs less than a ring that may cut a value in two.
            self.buffer.drain(..self.head);
            self.head = 0;
        }
    }

    fn send_again(&mut self, writer: &mut dyn Writer) -> Result<(), LogError> {
        self.front_sequence = self.next_sequence;
        let mut start = self.head;
        for undelivered in &mut self.queue {
            undelivered.answer = Answer::None;
            let bytes = &self.buffer[start..start + undelivered.len()];
            let (key, value) = bytes.split_at(undelivered.key_len as usize);
            let time = self.recorded.then_some(undelivered.time);
            writer.send(self.to, key, value, time, (self.index << SEQUENCE_BITS) | self.next_sequence)?;
            self.next_sequence += 1;
            self.resent += 1;
            start += undelivered.len();
        }
        Ok(())
    }

    /// The cause of the first undelivered effect.
    pub fn first_cause(&self) -> Option<u64> {
        self.queue.front().map(|undelivered| undelivered.cause)
    }

    /// How much is undelivered: records and bytes.
    pub fn owed(&self) -> (usize, usize) {
        (self.queue.len(), self.buffer.len() - self.head)
    }

    /// How far the channel is delivered.
    pub fn delivered(&self) -> Delivered {
        self.delivered
    }

    /// What readers had accepted at the claim.
    pub fn accepted(&self) -> Counter {
        self.accepted
    }

    /// Where it goes.
    pub fn to(&self) -> TopicPartition {
        self.to
    }
}

/// Why an effect was not taken.
#[derive(Debug)]
pub(crate) enum Mismatch {
    /// Readers accepted something else under this number.
    Diverged { accepted: u64 },
    /// The log refused.
    Log(LogError),
}

impl From<LogError> for Mismatch {
    fn from(error: LogError) -> Self {
        Self::Log(error)
    }
}

#[cfg(test)]
mod tests;
