//! What stands in channels: all bytes of all accepted records but their epochs, hashed; and the first that differs.

use crate::Result;
use crate::replay::Outcome;
use hoga_core::{MachineKind, Timestamp};
use hoga_schemas::Origin;
use hoga_topics::{
    AcceptedBody, AcceptedReader, ChannelKey, Log, MemoryLog, ReaderPosition, TopicPartition, Visibility,
};
use std::collections::BTreeMap;
use xxhash_rust::xxh3::Xxh3;

/// One channel's content.
#[derive(Clone, Default)]
pub struct Channels {
    records: u64,
    hash: Xxh3,
}

/// A record of a channel: its time, its key, and its value with epoch 0.
#[derive(PartialEq, Eq)]
struct Entry {
    time: Timestamp,
    key: Vec<u8>,
    value: Vec<u8>,
}

impl Channels {
    /// How many records it has.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// The content of every channel that a machine writes in a log.
    pub fn of(log: &MemoryLog, kind: MachineKind) -> Result<BTreeMap<(TopicPartition, ChannelKey), Self>> {
        let mut channels = BTreeMap::<_, Self>::new();
        for at in outputs(log, kind) {
            each(log, at, kind, |channel, entry| {
                let content = channels.entry((at, channel)).or_default();
                content.records += 1;
                content.hash.update(&entry.time.0.to_le_bytes());
                for bytes in [&entry.key, &entry.value] {
                    content.hash.update(&(bytes.len() as u64).to_le_bytes());
                    content.hash.update(bytes);
                }
            })?;
        }
        Ok(channels)
    }
}

fn outputs(log: &MemoryLog, kind: MachineKind) -> impl Iterator<Item = TopicPartition> {
    let partitions = move |topic| (0..log.partitions(topic)).map(move |number| TopicPartition::new(topic, number));
    kind.outputs().iter().copied().flat_map(partitions)
}

/// Hands on every accepted record of a machine's channels in a partition.
fn each(log: &MemoryLog, at: TopicPartition, kind: MachineKind, mut look: impl FnMut(ChannelKey, Entry)) -> Result<()> {
    let end = log.bounds(at)?.end;
    let mut reader = AcceptedReader::open(log, at, ReaderPosition::default(), Visibility::Written)?;
    while reader.position() < end {
        reader.fill(4_096)?;
        while let Some(accepted) = reader.read_filled()? {
            let AcceptedBody::Record(frame) = accepted.body else { continue };
            let Some(origin) = frame.origin.filter(|origin| origin.machine == kind) else { continue };
            let mut value = Vec::new();
            hoga_schemas::seal(frame.kind, Some(&Origin { epoch: 0, ..origin }), frame.content, &mut value);
            let channel = ChannelKey { machine: kind, partition: origin.partition };
            look(channel, Entry { time: accepted.time, key: accepted.key.to_vec(), value });
        }
    }
    Ok(())
}

/// What differs between two outcomes of one machine, in words.
pub fn differences(expected: &Outcome, found: &Outcome) -> Result<Vec<String>> {
    let mut differences = Vec::new();
    for (partition, hash) in &expected.states {
        if found.states.get(partition) != Some(hash) {
            differences.push(format!("the state of {}/{partition}", expected.kind));
        }
    }
    let all = expected.channels.keys().chain(found.channels.keys().filter(|key| !expected.channels.contains_key(key)));
    for key @ (at, channel) in all {
        let none = Channels::default();
        let (ours, theirs) = (expected.channels.get(key).unwrap_or(&none), found.channels.get(key).unwrap_or(&none));
        if (ours.records, ours.hash.digest()) != (theirs.records, theirs.hash.digest()) {
            let number = first_difference(&expected.log, &found.log, *at, *channel)?;
            let (ours, theirs) = (ours.records, theirs.records);
            differences
                .push(format!("channel {channel} in {at}, {ours} and {theirs} records, from number {number} on"));
        }
    }
    Ok(differences)
}

/// The number of the first record in which a channel differs.
fn first_difference(ours: &MemoryLog, theirs: &MemoryLog, at: TopicPartition, channel: ChannelKey) -> Result<usize> {
    let entries = |log| -> Result<Vec<Entry>> {
        let mut entries = Vec::new();
        each(log, at, channel.machine, |of, entry| {
            if of == channel {
                entries.push(entry);
            }
        })?;
        Ok(entries)
    };
    let (ours, theirs) = (entries(ours)?, entries(theirs)?);
    let equal = ours.iter().zip(&theirs).take_while(|(one, other)| one == other).count();
    Ok(equal + 1)
}
