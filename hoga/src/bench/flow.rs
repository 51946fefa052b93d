//! How many records of which size a round wrote to each topic: what the bare loop then writes too.

use super::load::Load;
use crate::exit::Failure;
use crate::reading;
use hoga_core::Topic;
use hoga_topics::{Log, Visibility};
use std::collections::BTreeMap;

/// Records of a partition that are looked at for their size, the last ones.
const SAMPLE: u64 = 1_000;
/// Read at a time.
const BATCH: usize = 512;

/// Records and their mean size in a topic.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    /// How many records.
    pub records: u64,
    /// Bytes of key and value of one, on average.
    pub bytes: u64,
}

impl std::fmt::Display for Written {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {} B", self.records, self.bytes)
    }
}

/// What a round wrote.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flow {
    /// Records posted from outside.
    pub posted: u64,
    /// By topic.
    pub topics: BTreeMap<Topic, Written>,
}

/// The ends of all partitions before a round.
pub struct Before(BTreeMap<Topic, u64>);

impl Before {
    /// Now.
    pub fn of(log: &dyn Log) -> Result<Self, Failure> {
        Ok(Self(ends(log)?))
    }

    /// What was written since.
    pub fn flow(&self, log: &dyn Log, load: Load) -> Result<Flow, Failure> {
        let mut topics = BTreeMap::new();
        for (topic, end) in ends(log)? {
            let records = end - self.0[&topic];
            if records > 0 {
                topics.insert(topic, Written { records, bytes: mean_bytes(log, topic)? });
            }
        }
        Ok(Flow { posted: load.records(), topics })
    }
}

impl Flow {
    /// What a topic got.
    #[cfg(feature = "kafka")]
    pub fn of(&self, topic: Topic) -> Written {
        self.topics.get(&topic).copied().unwrap_or_default()
    }
}

fn ends(log: &dyn Log) -> Result<BTreeMap<Topic, u64>, Failure> {
    let mut ends = BTreeMap::new();
    for topic in Topic::ALL.iter().copied() {
        let mut end = 0;
        for partition in reading::partitions(log, topic) {
            end += log.bounds(partition)?.end;
        }
        ends.insert(topic, end);
    }
    Ok(ends)
}

fn mean_bytes(log: &dyn Log, topic: Topic) -> Result<u64, Failure> {
    let (mut records, mut bytes, mut batch) = (0_u64, 0_u64, Vec::new());
    for partition in reading::partitions(log, topic) {
        let bounds = log.bounds(partition)?;
        let from = bounds.end.saturating_sub(SAMPLE).max(bounds.start);
        let mut reader = log.reader(partition, from, Visibility::Written)?;
        while reader.position() < bounds.end {
            let seen = log.signal().version();
            batch.clear();
            reader.poll(BATCH, &mut batch)?;
            if batch.is_empty() {
                log.signal().wait(seen, std::time::Duration::from_millis(50));
            }
            records += batch.len() as u64;
            bytes += batch
                .iter()
                .map(|record| record.key.len() + record.value.as_ref().map_or(0, |v| v.len()))
                .sum::<usize>() as u64;
        }
    }
    Ok(bytes / records.max(1))
}
