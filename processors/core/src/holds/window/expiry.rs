//! When ids are past their time.
//!
//! Almost every id comes with a later time than the one before it: those stand in a queue, and only the others in a
//! heap, which takes a step for each doubling of what it holds.
//!
//! Invariant: what is due comes out, each entry once; of several that are due those of the queue come first.

use crate::time::Timestamp;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// Entries, each with the time after which it is due.
#[derive(Debug, Clone, Default)]
pub struct Expiry {
    /// In the order of their times.
    queue: VecDeque<(Timestamp, u32)>,
    /// That came after one with a later time.
    others: BinaryHeap<Reverse<(Timestamp, u32)>>,
}

impl Expiry {
    /// Adds an entry.
    pub fn add(&mut self, until: Timestamp, slot: u32) {
        match self.queue.back() {
            Some((last, _)) if *last > until => self.others.push(Reverse((until, slot))),
            _ => self.queue.push_back((until, slot)),
        }
    }

    /// Takes out an entry whose time is before `now`.
    pub fn take_due(&mut self, now: Timestamp) -> Option<(Timestamp, u32)> {
        if self.queue.front().is_some_and(|(until, _)| *until < now) {
            return self.queue.pop_front();
        }
        let Reverse((until, _)) = self.others.peek()?;
        if *until < now { self.others.pop().map(|Reverse(entry)| entry) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_comes_out_once_whatever_the_order_in_which_it_came() {
        let mut expiry = Expiry::default();
        for (slot, until) in [10, 20, 20, 5, 40, 30, 41].into_iter().enumerate() {
            expiry.add(Timestamp(until), slot as u32);
        }
        let mut due = |now| {
            let mut slots: Vec<_> =
                std::iter::from_fn(|| expiry.take_due(Timestamp(now))).map(|(_, slot)| slot).collect();
            slots.sort_unstable();
            slots
        };
        assert_eq!(due(5), [0; 0], "not before its time is over");
        assert_eq!(due(20), [0, 3]);
        assert_eq!(due(31), [1, 2, 5]);
        assert_eq!((due(41), due(42), due(100)), (vec![4], vec![6], vec![]));
    }

    #[test]
    fn in_order_no_heap_grows() {
        let mut expiry = Expiry::default();
        (0..100).for_each(|time| expiry.add(Timestamp(time), 0));
        assert!(expiry.others.is_empty());
    }
}
