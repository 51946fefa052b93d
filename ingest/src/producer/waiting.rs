//! Records without an answer, found by their tokens: these count up, so a record's place is its token's distance from
//! the oldest one's.
//!
//! Invariants:
//! 1. The first place has a record: what was answered before the oldest one keeps no room.
//! 2. `count` is how many places have one.
//!
//! Left out on purpose: what an answer means.

use hoga_core::Timestamp;
use hoga_topics::TopicPartition;
use std::collections::VecDeque;

/// A record as it was sent, so that it can be sent again.
pub struct InFlight {
    pub to: TopicPartition,
    pub key: Vec<u8>,
    pub value: Vec<u8>,
    pub time: Option<Timestamp>,
}

/// Records by token.
#[derive(Default)]
pub struct Waiting {
    /// The token of the first place.
    first: u64,
    records: VecDeque<Option<InFlight>>,
    count: usize,
}

impl Waiting {
    /// How many are without an answer.
    pub fn len(&self) -> usize {
        self.count
    }

    /// The token of the next record that comes.
    pub fn next_token(&self) -> u64 {
        self.first + self.records.len() as u64
    }

    /// A record was sent with the token that was next.
    pub fn push(&mut self, record: InFlight) {
        self.records.push_back(Some(record));
        self.count += 1;
    }

    /// The record of a token that has no answer yet.
    pub fn get(&self, token: u64) -> Option<&InFlight> {
        self.records.get(self.place(token)?)?.as_ref()
    }

    fn place(&self, token: u64) -> Option<usize> {
        usize::try_from(token.checked_sub(self.first)?).ok()
    }

    /// The record of a token was answered; not one that was before.
    pub fn answered(&mut self, token: u64) {
        let record = self.place(token).and_then(|place| self.records.get_mut(place)?.take());
        self.count -= usize::from(record.is_some());
        while let Some(None) = self.records.front() {
            self.records.pop_front();
            self.first += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hoga_core::Topic;

    #[test]
    fn answers_come_in_any_order_and_twice() {
        let mut waiting = Waiting::default();
        for number in 0..5u8 {
            assert_eq!(waiting.next_token(), u64::from(number));
            let to = TopicPartition::new(Topic::Orders, 0);
            waiting.push(InFlight { to, key: vec![number], value: Vec::new(), time: None });
        }
        let key = |waiting: &Waiting, token| waiting.get(token).map(|record| record.key[0]);
        for (token, left, room) in [(2, 4, 5), (2, 4, 5), (0, 3, 4), (4, 2, 4), (1, 1, 2), (0, 1, 2), (9, 1, 2)] {
            waiting.answered(token);
            assert_eq!(
                (waiting.len(), waiting.records.len(), key(&waiting, token)),
                (left, room, None),
                "after {token}"
            );
            assert_eq!((waiting.next_token(), key(&waiting, 3)), (5, Some(3)));
        }
        waiting.answered(3);
        assert_eq!((waiting.len(), waiting.records.len(), waiting.next_token()), (0, 0, 5));
    }
}
