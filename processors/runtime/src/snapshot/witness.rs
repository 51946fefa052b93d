//! Which past a snapshot is of: a hash of the input's last records before it.
//!
//! Someone may put an older copy of the log back and leave the snapshots, or have those of another log. Once the log
//! has grown past them, offsets and marks fit again, the past does not. The records themselves tell. (A crash cannot
//! do this: a snapshot is written only behind durable input.)

use hoga_topics::{Arrival, Log, LogError, LogRecord, TopicPartition, Visibility};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

/// How many records are looked at: more than two pasts could have in common behind a place where they differ.
const WINDOW: u64 = 256;

/// A hash over the records from an offset on, up to the snapshot's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Witness {
    from: u64,
    hash: u64,
}

impl Witness {
    /// The witness of an input up to before `to`.
    pub fn of(log: &dyn Log, input: TopicPartition, to: u64) -> Result<Self, LogError> {
        let from = to.saturating_sub(WINDOW).max(log.bounds(input)?.start).min(to);
        Ok(Self { from, hash: hash(log, input, from, to)? })
    }

    /// Whether this log's input up to before `to` is the one that was seen. What retention has cut cannot speak.
    pub fn agrees(self, log: &dyn Log, input: TopicPartition, to: u64) -> Result<bool, LogError> {
        if self.from < log.bounds(input)?.start {
            return Ok(true);
        }
        Ok(hash(log, input, self.from, to)? == self.hash)
    }
}

/// A hash over the records from an offset on, up to before `to`.
pub(crate) fn hash(log: &dyn Log, input: TopicPartition, from: u64, to: u64) -> Result<u64, LogError> {
    let mut reader = log.reader(input, from, Visibility::Written)?;
    let (mut hash, mut batch) = (Xxh3::new(), Vec::new());
    let arrival = Arrival::new(log, input);
    while reader.position() < to {
        reader.poll((to - reader.position()) as usize, &mut batch)?;
        if batch.is_empty() {
            arrival.wait(reader.position())?;
        }
        for record in batch.drain(..).filter(|record| record.offset < to) {
            update(&mut hash, &record);
        }
    }
    Ok(hash.digest())
}

fn update(hash: &mut Xxh3, record: &LogRecord) {
    let value = record.value.as_deref().unwrap_or_default();
    hash.update(&record.offset.to_le_bytes());
    hash.update(&record.time.0.to_le_bytes());
    hash.update(&(record.key.len() as u64).to_le_bytes());
    hash.update(&record.key);
    hash.update(&(value.len() as u64).to_le_bytes());
    hash.update(value);
}
