//! What the log counts, and a snapshot of it that costs little: no exporter, no names but its own.
//!
//! Invariants:
//! 1. Counters only grow; they begin at 0 with the log.
//! 2. Counting never waits for anything but the lock that the counted thing takes anyway.

use crate::TopicPartition;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How much happened since the log was connected, and where it stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KafkaMetrics {
    /// Each partition that is being read, by a reader each.
    pub readers: Vec<ReaderMetrics>,
    /// Records handed to the consumers at a time, by all readers together.
    pub read_batch_records: Distribution,
    /// Records that were appended.
    pub written_records: u64,
    /// The bytes of their keys and values.
    pub written_bytes: u64,
    /// Records of which it is not known whether they were appended; their writers send them again.
    pub unknown_records: u64,
    /// Records sent and not answered.
    pub in_flight_records: u64,
    /// Records handed to the producer at a time.
    pub write_batch_records: Distribution,
    /// From handing a record to the producer to its answer, in microseconds.
    pub round_trip_us: Distribution,
    /// Connections that were lost or could not be made; each is tried again.
    pub lost_connections: u64,
    /// Partitions, consumers and producers that the watchdog began anew.
    pub restarts: u64,
}

/// One reader of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReaderMetrics {
    /// Which partition.
    pub partition: TopicPartition,
    /// The next offset that the reader takes.
    pub position: u64,
    /// Records between its position and the partition's end, which is at most a second old.
    pub lag: u64,
    /// Records that it took.
    pub records: u64,
    /// The bytes of their keys and values.
    pub bytes: u64,
}

/// How often which values occurred, in buckets that double: the n-th counts values up to `2^n`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Distribution {
    /// The count of each bucket; the last takes everything above.
    pub buckets: [u64; BUCKETS],
    /// Of all values.
    pub sum: u64,
}

/// Buckets of a [`Distribution`].
pub const BUCKETS: usize = 26;

impl Distribution {
    /// A bucket's highest value; `None` for the last, which has none.
    pub fn bound(bucket: usize) -> Option<u64> {
        (bucket + 1 < BUCKETS).then(|| 1 << bucket)
    }

    /// How many values.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// A value that at least `per_mille` thousandths of all values do not exceed; `None` without values.
    pub fn quantile(&self, per_mille: u64) -> Option<u64> {
        let rank = (self.count() * per_mille).div_ceil(1_000).max(1);
        let mut below = 0;
        let bucket = self.buckets.iter().position(|count| {
            below += count;
            below >= rank
        })?;
        Some(Self::bound(bucket).unwrap_or(u64::MAX))
    }
}

impl std::ops::AddAssign for Distribution {
    fn add_assign(&mut self, other: Self) {
        for (bucket, count) in self.buckets.iter_mut().zip(other.buckets) {
            *bucket += count;
        }
        self.sum += other.sum;
    }
}

/// A distribution that is being counted.
#[derive(Default)]
pub(super) struct Recorder {
    buckets: [AtomicU64; BUCKETS],
    sum: AtomicU64,
}

impl Recorder {
    pub fn record(&self, value: u64) {
        let bucket = value.max(1).next_power_of_two().trailing_zeros() as usize;
        self.buckets[bucket.min(BUCKETS - 1)].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    pub fn record_time(&self, time: Duration) {
        self.record(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    }

    pub fn read(&self) -> Distribution {
        let buckets = self.buckets.each_ref().map(|bucket| bucket.load(Ordering::Relaxed));
        Distribution { buckets, sum: self.sum.load(Ordering::Relaxed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_fall_into_buckets_that_double() {
        let recorder = Recorder::default();
        assert_eq!(recorder.read().quantile(500), None);
        for value in [0, 1, 2, 3, 4, 5, 1_000, 1 << 24] {
            recorder.record(value);
        }
        let read = recorder.read();
        assert_eq!(read.buckets[..4], [2, 1, 2, 1]);
        assert_eq!((read.buckets[10], read.buckets[24], read.count()), (1, 1, 8));
        for (per_mille, expect) in [(0, 1), (250, 1), (500, 4), (750, 8), (875, 1_024), (1_000, 1 << 24)] {
            assert_eq!(read.quantile(per_mille), Some(expect), "{per_mille}");
        }
        recorder.record(1 << 40);
        assert_eq!(recorder.read().quantile(1_000), Some(u64::MAX), "above every bound");
    }
}
