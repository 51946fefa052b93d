//! When ids are past their time: a ring with a list for each millisecond to come, so that neither adding nor taking
//! depends on how many there are or in which order their times came.
//!
//! A list is linked through its entries, by what [`Expiry::add`] gives: whoever keeps the entries keeps their links.
//!
//! Invariants:
//! 1. What lies in the ring is before [`Expiry::at`] plus [`SPAN_MS`], and not before `at`: each list is of one time.
//! 2. What is due comes out, each entry once. One whose time the ring does not reach comes out before it, with the time
//!    for which it was there, and is to be added again.
//!
//! Left out on purpose: taking out what is not due. The entry stays, and whoever gets it sees whether it still counts.

use crate::time::Timestamp;

/// How far the ring reaches: past the latest valid-until that is accepted.
pub const SPAN_MS: i64 = 1 << 20;

const _: () = assert!(SPAN_MS > super::VALID_AHEAD_MS && SPAN_MS.count_ones() == 1);

/// Ends a list.
const END: u32 = 0;
/// Lists that are made together.
const PIECE: usize = 1 << 10;
/// Lists of a word of bits.
const WORD: usize = u64::BITS as usize;

/// Entries, each with the time after which it is due.
#[derive(Debug)]
pub struct Expiry {
    /// First entries, each one higher than it is; a piece of them is made for its first entry.
    lists: Vec<Vec<u32>>,
    /// A bit for each list that is not empty: a jump of time looks at 64 lists at once.
    present: Vec<u64>,
    /// The time whose list is the next to come.
    at: Timestamp,
    count: usize,
}

impl Expiry {
    /// With no entries; none will be added for a time before `at`.
    pub fn new(at: Timestamp) -> Self {
        let lists = vec![Vec::new(); SPAN_MS as usize / PIECE];
        Self { lists, present: vec![0; SPAN_MS as usize / WORD], at, count: 0 }
    }

    /// Adds an entry; gives its link.
    pub fn add(&mut self, until: Timestamp, entry: u32) -> u32 {
        assert!(until >= self.at, "an entry for {until} comes at {}", self.at);
        self.count += 1;
        let last = self.at.plus_ms(SPAN_MS - 1);
        let list = list_of(until.min(last));
        self.present[list / WORD] |= 1 << (list % WORD);
        let piece = &mut self.lists[list / PIECE];
        if piece.is_empty() {
            piece.resize(PIECE, END);
        }
        std::mem::replace(&mut piece[list % PIECE], entry + 1)
    }

    /// Takes out an entry whose time is before `now`, with that time. `link` gives the link of an entry.
    pub fn take_due(&mut self, now: Timestamp, link: impl Fn(u32) -> u32) -> Option<(Timestamp, u32)> {
        if self.count == 0 {
            self.at = self.at.max(now);
            return None;
        }
        // Once round is enough: a list that is passed over here comes with a later time.
        self.at = self.at.max(now.plus_ms(-SPAN_MS));
        while self.at < now {
            let list = list_of(self.at);
            let present = self.present[list / WORD] >> (list % WORD);
            if present == 0 {
                self.at = self.at.plus_ms((WORD - list % WORD) as i64).min(now);
            } else if present & 1 == 0 {
                self.at = self.at.plus_ms(i64::from(present.trailing_zeros())).min(now);
            } else {
                return Some((self.at, self.take(list, link)));
            }
        }
        None
    }

    /// Takes the first entry of a list that has one.
    fn take(&mut self, list: usize, link: impl Fn(u32) -> u32) -> u32 {
        let first = &mut self.lists[list / PIECE][list % PIECE];
        let entry = *first - 1;
        *first = link(entry);
        self.count -= 1;
        if *first == END {
            self.present[list / WORD] &= !(1 << (list % WORD));
        }
        entry
    }
}

fn list_of(time: Timestamp) -> usize {
    (time.0 & (SPAN_MS - 1)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is due at `now`, by its number.
    fn due(expiry: &mut Expiry, links: &[u32], now: i64) -> Vec<u32> {
        let mut taken: Vec<u32> = std::iter::from_fn(|| expiry.take_due(Timestamp(now), |entry| links[entry as usize]))
            .map(|(_, entry)| entry)
            .collect();
        taken.sort_unstable();
        taken
    }

    #[test]
    fn what_is_due_comes_out_once_whatever_the_order_in_which_it_came() {
        let mut expiry = Expiry::new(Timestamp(0));
        let times = [10, 20, 20, 5, 40, 30, 41].into_iter().zip(0..);
        let links: Vec<u32> = times.map(|(until, entry)| expiry.add(Timestamp(until), entry)).collect();
        assert_eq!(due(&mut expiry, &links, 5), [0; 0], "not before its time is over");
        assert_eq!(due(&mut expiry, &links, 20), [0, 3]);
        assert_eq!(due(&mut expiry, &links, 31), [1, 2, 5]);
        assert_eq!([41, 42, 100].map(|now| due(&mut expiry, &links, now)), [vec![4], vec![6], vec![]]);
    }

    #[test]
    fn what_is_beyond_the_ring_comes_before_its_time() {
        let mut expiry = Expiry::new(Timestamp(100));
        let beyond = Timestamp(100 + SPAN_MS);
        let links = [expiry.add(beyond, 0)];
        let last = Timestamp(beyond.0 - 1);
        assert_eq!(due(&mut expiry, &links, last.0), [0; 0]);
        assert_eq!(expiry.take_due(beyond, |entry| links[entry as usize]), Some((last, 0)));
        assert_eq!(expiry.add(beyond, 0), END, "of another time, so alone in its list");
        assert_eq!(expiry.take_due(beyond, |entry| links[entry as usize]), None);
        assert_eq!(expiry.take_due(beyond.plus_ms(1), |_| END), Some((beyond, 0)));
    }

    #[test]
    fn a_jump_of_time_passes_every_list_once() {
        let mut expiry = Expiry::new(Timestamp(0));
        let times = [0, 1, SPAN_MS / 2, SPAN_MS - 1].into_iter().zip(0..);
        let links: Vec<u32> = times.map(|(until, entry)| expiry.add(Timestamp(until), entry)).collect();
        assert_eq!(due(&mut expiry, &links, 0), [0; 0]);
        assert_eq!(due(&mut expiry, &links, 7 * SPAN_MS / 3), [0, 1, 2, 3]);
        assert_eq!(due(&mut expiry, &links, i64::MAX), [0; 0]);
    }
}
