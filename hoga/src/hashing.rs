//! Hashes of what topics say: equal for two runs that came to the same, whoever wrote it and how often.
//!
//! Invariants:
//! 1. Hashed are accepted records: schema, key and content; not origin, offset or append time.
//! 2. Clocks are left out: they differ from run to run.
//! 3. Of a partition that was cut what is left is hashed, and from where is told: it compares with the same part only.

use crate::exit::Failure;
use crate::reading;
use crate::stop::Stop;
use hoga_core::Topic;
use hoga_runtime::Cuts;
use hoga_topics::{Log, TopicPartition, Visibility};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

/// The hash of some records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentHash {
    /// The first offset that was read: 0, or where the log was cut.
    pub from: u64,
    /// How many records.
    pub records: u64,
    /// Their hash.
    pub hash: u64,
}

/// The business content of a partition, in its order.
pub fn partition(log: &dyn Log, cuts: &Cuts, at: TopicPartition, stop: &Stop) -> Result<ContentHash, Failure> {
    let (mut hasher, mut records) = (Xxh3::new(), 0);
    let reader = reading::open_kept(log, cuts, at, Visibility::Written)?;
    let from = reader.position();
    reading::rest(log, reader, stop, |accepted, frame| {
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
    Ok(ContentHash { from, records, hash: hasher.digest() })
}

/// The business content of a topic: its partitions', each in its order, then all of them.
pub fn topic(
    log: &dyn Log,
    cuts: &Cuts,
    topic: Topic,
    stop: &Stop,
) -> Result<(Vec<ContentHash>, ContentHash), Failure> {
    let each: Result<Vec<_>, _> = reading::partitions(log, topic).map(|at| partition(log, cuts, at, stop)).collect();
    let each = each?;
    let bytes: Vec<u8> = each.iter().flat_map(|partition| partition.hash.to_le_bytes()).collect();
    let total = ContentHash {
        from: each.iter().map(|partition| partition.from).max().unwrap_or(0),
        records: each.iter().map(|partition| partition.records).sum(),
        hash: xxh3_64(&bytes),
    };
    Ok((each, total))
}
