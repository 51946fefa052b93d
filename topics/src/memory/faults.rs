//! What a memory log can do wrong, and who decides it: a seeded generator or a closure.
//!
//! Invariant: the same seed and the same sequence of sends give the same faults.

use crate::TopicPartition;

/// What happens to one sent record. Delays are in milliseconds of the log's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: appended at once, acknowledged at once.
    None,
    /// Appended at once, acknowledged later; what its writer sent to the same partition after it waits behind it.
    DelayAck {
        /// How much later.
        ms: i64,
    },
    /// Appended, but its acknowledgement has no offset.
    LoseAck,
    /// Not appended; its acknowledgement has no offset.
    Lose,
    /// Appended twice; the acknowledgement names the first.
    Repeat,
    /// Appended later, so that what was sent after it may stand before it; acknowledged then.
    Late {
        /// How much later.
        ms: i64,
    },
}

/// What is known of a record when its fault is decided.
#[derive(Debug, Clone, Copy)]
pub struct Sent<'a> {
    /// Counts every record sent to this log, from 0.
    pub count: u64,
    /// Where it is to go.
    pub to: TopicPartition,
    /// Its key.
    pub key: &'a [u8],
    /// Its value.
    pub value: &'a [u8],
}

/// Decides what happens to each record.
pub trait Faults: Send {
    /// What happens to this one.
    fn decide(&mut self, sent: &Sent<'_>) -> Fault;
}

impl<F: FnMut(&Sent<'_>) -> Fault + Send> Faults for F {
    fn decide(&mut self, sent: &Sent<'_>) -> Fault {
        self(sent)
    }
}

/// How often a seeded log does each fault, of 1,000 records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FaultRates {
    /// [`Fault::DelayAck`].
    pub delay_ack: u32,
    /// [`Fault::LoseAck`].
    pub lose_ack: u32,
    /// [`Fault::Lose`].
    pub lose: u32,
    /// [`Fault::Repeat`].
    pub repeat: u32,
    /// [`Fault::Late`].
    pub late: u32,
    /// The longest delay in milliseconds; at least 1 counts.
    pub max_delay_ms: u32,
}

/// Faults from a seed.
#[derive(Debug, Clone)]
pub struct SeededFaults {
    state: u64,
    rates: FaultRates,
}

impl SeededFaults {
    /// Faults at these rates; the sum of the rates is at most 1,000.
    pub fn new(seed: u64, rates: FaultRates) -> Self {
        let sum = rates.delay_ack + rates.lose_ack + rates.lose + rates.repeat + rates.late;
        assert!(sum <= 1_000, "fault rates of {sum} in 1,000 records");
        Self { state: seed, rates }
    }

    /// SplitMix64 (Steele, Lea, Flood 2014): small, and good enough to choose faults.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

impl Faults for SeededFaults {
    fn decide(&mut self, _: &Sent<'_>) -> Fault {
        let rates = self.rates;
        let ms = 1 + (self.next() % u64::from(rates.max_delay_ms.max(1))) as i64;
        let mut die = (self.next() % 1_000) as u32;
        for (rate, fault) in [
            (rates.delay_ack, Fault::DelayAck { ms }),
            (rates.lose_ack, Fault::LoseAck),
            (rates.lose, Fault::Lose),
            (rates.repeat, Fault::Repeat),
            (rates.late, Fault::Late { ms }),
        ] {
            if die < rate {
                return fault;
            }
            die -= rate;
        }
        Fault::None
    }
}
