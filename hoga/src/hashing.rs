//! Hashes of what topics say: equal for two runs that came to the same, whoever wrote it and how often.
//!
//! Invariants:
//! 1. Hashed are accepted records: schema, key and content; not origin, offset or append time.
//! 2. Clocks are left out: they differ from run to run.

use crate::exit::Failure;
use crate::reading;
use crate::stop::Stop;
use hoga_core::Topic;
use hoga_topics::{Log, TopicPartition};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

/// The hash of some records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentHash {
    /// How many records.
    pub records: u64,
    /// Their hash.
    pub hash: u64,
}

/// The business content of a partition, in its order.
pub fn partition(log: &dyn Log, at: TopicPartition, stop: &Stop) -> Result<ContentHash, Failure> {
    let (mut hasher, mut records) = (Xxh3::new(), 0);
    reading::each(log, at, stop, |accepted, frame| {
        if reading::is_content(at.topic, frame.kind) {
            records += 1;
            hasher.update(&frame.schema_id.to_le_bytes());
            hasher.update(&(accepted.key.len() as u64).to_le_bytes());
            hasher.update(accepted.key);
            hasher.update(&(frame.content.len() as u64).to_le_bytes());
            hasher.update(frame.content);
        }
        Ok(())
    })?;
    Ok(ContentHash { records, hash: hasher.digest() })
}

/// The business content of a topic: its partitions', each in its order, then all of them.
pub fn topic(log: &dyn Log, topic: Topic, stop: &Stop) -> Result<(Vec<ContentHash>, ContentHash), Failure> {
    let each: Result<Vec<_>, _> = reading::partitions(log, topic).map(|at| partition(log, at, stop)).collect();
    let each = each?;
    let bytes: Vec<u8> = each.iter().flat_map(|partition| partition.hash.to_le_bytes()).collect();
    let total = ContentHash { records: each.iter().map(|partition| partition.records).sum(), hash: xxh3_64(&bytes) };
    Ok((each, total))
}
