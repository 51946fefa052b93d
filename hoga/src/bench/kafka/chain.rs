//! The bare loop's hops: which topic each reads, and how many records of which size it writes where, so that over a
//! round it reads and writes as many as hoga did.
//!
//! Invariant: a record in front of the chain is forwarded from hop to hop with its number; what hoga writes besides
//! (events, journal, legs back to accounts, depth) the hops write besides, as often as it came to in hoga's round.

use crate::bench::flow::Flow;
use hoga_core::Topic;

/// How many of something for each of another, spread evenly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    of: u64,
    among: u64,
    owed: u64,
}

impl Share {
    /// `of` for every `among`; none among none.
    pub fn new(of: u64, among: u64) -> Self {
        Self { of: if among == 0 { 0 } else { of }, among: among.max(1), owed: 0 }
    }

    /// How many are due with the next one.
    pub fn next(&mut self) -> u64 {
        self.owed += self.of;
        let due = self.owed / self.among;
        self.owed %= self.among;
        due
    }
}

/// Where a record that is written goes on the topic's partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum To {
    /// The partition of the same number.
    Same,
    /// By the record's number: accounts meet symbols and back.
    Spread,
}

/// What a record that is written tells of the one that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tells {
    /// It is the front's record, one hop on; nothing is written for records that are not of the front.
    Forward,
    /// It carries on the number of the record that was read, whatever that is.
    Number,
    /// Nothing.
    Nothing,
}

/// What a hop writes to one topic.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    /// Where to.
    pub topic: Topic,
    /// Which partition of it.
    pub to: To,
    /// Bytes of a record, key and value.
    pub bytes: usize,
    /// How many for each record read.
    pub share: Share,
    /// What it tells.
    pub tells: Tells,
}

/// One hop.
#[derive(Debug, Clone)]
pub struct Hop {
    /// What it reads.
    pub reads: Topic,
    /// What it writes, in this order.
    pub writes: Vec<Output>,
}

/// The hops of admission alone.
pub fn admission(flow: &Flow) -> Vec<Hop> {
    vec![hop(Topic::Orders, vec![output(flow, Topic::Accounts, To::Same, flow.posted, flow.posted, Tells::Forward)])]
}

/// The hops of all machines; without admission where records are posted to accounts.
pub fn all(flow: &Flow, with_admission: bool) -> Vec<Hop> {
    let count = |topic| flow.of(topic).records;
    let (accounts, books, trades) = (count(Topic::Accounts), count(Topic::Books), count(Topic::Executions));
    let back = accounts.saturating_sub(flow.posted);
    let written = |topic, to, among, tells| output(flow, topic, to, count(topic), among, tells);
    let mut hops = if with_admission { admission(flow) } else { Vec::new() };
    hops.push(hop(
        Topic::Accounts,
        vec![
            written(Topic::Books, To::Spread, flow.posted, Tells::Forward),
            written(Topic::OrderEvents, To::Same, accounts, Tells::Number),
            written(Topic::Journal, To::Same, accounts, Tells::Nothing),
        ],
    ));
    hops.push(hop(
        Topic::Books,
        vec![
            written(Topic::Executions, To::Same, books, Tells::Forward),
            output(flow, Topic::Accounts, To::Spread, back, books, Tells::Nothing),
            written(Topic::Depth, To::Same, books, Tells::Nothing),
        ],
    ));
    hops.push(hop(Topic::Executions, vec![written(Topic::Candles, To::Same, trades, Tells::Nothing)]));
    hops
}

fn hop(reads: Topic, writes: Vec<Output>) -> Hop {
    Hop { reads, writes }
}

fn output(flow: &Flow, topic: Topic, to: To, of: u64, among: u64, tells: Tells) -> Output {
    Output { topic, to, bytes: flow.of(topic).bytes as usize, share: Share::new(of, among), tells }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::flow::Written;

    #[test]
    fn a_share_comes_to_as_many_in_the_end_and_is_spread() {
        for (of, among) in [(0, 7), (3, 7), (7, 7), (17, 7), (1, 1), (5, 0)] {
            let mut share = Share::new(of, among);
            let due: Vec<u64> = (0..among).map(|_| share.next()).collect();
            assert_eq!(due.iter().sum::<u64>(), if among == 0 { 0 } else { of });
            assert!(due.iter().max().unwrap_or(&0) - due.iter().min().unwrap_or(&0) <= 1, "{due:?}");
        }
    }

    #[test]
    fn the_hops_write_what_hoga_wrote() {
        let written = |records| Written { records, bytes: 100 };
        let topics = [
            (Topic::Orders, written(1_000)),
            (Topic::Accounts, written(2_700)),
            (Topic::Books, written(990)),
            (Topic::Executions, written(350)),
            (Topic::OrderEvents, written(2_800)),
            (Topic::Journal, written(700)),
            (Topic::Depth, written(1_100)),
            (Topic::Candles, written(40)),
        ];
        let flow = Flow { posted: 1_000, topics: topics.into_iter().collect() };
        let mut counts = std::collections::BTreeMap::from([(Topic::Orders, (1_000_u64, 1_000_u64))]);
        // Each hop over all that comes to it; the legs back to accounts are known from the books.
        for mut hop in all(&flow, true) {
            let (read, front) = match hop.reads {
                Topic::Accounts => (2_700, 1_000),
                other => counts[&other],
            };
            for write in &mut hop.writes {
                let inputs = if write.tells == Tells::Forward { front } else { read };
                let due: u64 = (0..inputs).map(|_| write.share.next()).sum();
                let entry = counts.entry(write.topic).or_default();
                *entry = (entry.0 + due, entry.1 + if write.tells == Tells::Forward { due } else { 0 });
            }
        }
        for (topic, written) in &flow.topics {
            assert_eq!(counts[topic].0, written.records, "{topic}");
        }
    }
}
