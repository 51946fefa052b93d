//! A recorded log, taken out of its topics, changed, and written into another as machines would have written it: numbers,
//! running hashes, causes and marks are right again, so that only what was changed is wrong. The tests of the command
//! `hoga` include this file.

use hoga_core::records::{Mark, MarkOutput, RecordKind};
use hoga_core::{MachineKind, Record, Timestamp, Topic};
use hoga_schemas::Origin;
use hoga_topics::channel::running_hash;
use hoga_topics::owners::OWNERS;
use hoga_topics::{Log, TopicPartition, Visibility};
use std::collections::BTreeMap;

/// One record.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Where it stood; what is new stands where what it was copied from does.
    pub stood: u64,
    pub time: Timestamp,
    pub key: Vec<u8>,
    pub origin: Option<Origin>,
    pub record: Record,
    pub damage: Damage,
}

/// What of an entry is not made right again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    None,
    /// Its hash is not what readers compute.
    Torn,
    /// The number before its own is missing.
    Gap,
    /// It is a mark that tells what it told, or what it was made to tell.
    Untrue,
}

/// All records of a log.
#[derive(Debug, Clone)]
pub struct History {
    pub partitions: BTreeMap<TopicPartition, Vec<Entry>>,
}

/// Number, offset and hash of each channel's newest record in a partition, by where it stood.
type Written = BTreeMap<(TopicPartition, MachineKind, u32), Vec<(u64, MarkOutput)>>;

impl History {
    /// All of a log in which nobody was replaced, so that every record counts.
    pub fn read(log: &dyn Log) -> Self {
        let mut partitions = BTreeMap::new();
        for topic in Topic::ALL.iter().copied() {
            for partition in 0..log.partitions(topic) {
                let at = TopicPartition::new(topic, partition);
                let mut records = Vec::new();
                let mut reader = log.reader(at, 0, Visibility::Written).expect("a reader");
                reader.poll(usize::MAX, &mut records).expect("records");
                let entries = records.into_iter().map(|stored| {
                    let frame = hoga_schemas::open(stored.value.as_deref().expect("a value")).expect("a record");
                    let record = hoga_schemas::decode(&frame).expect("it decodes");
                    let (stood, time, key, origin) = (stored.offset, stored.time, stored.key.to_vec(), frame.origin);
                    Entry { stood, time, key, origin, record, damage: Damage::None }
                });
                partitions.insert(at, entries.collect());
            }
        }
        Self { partitions }
    }

    /// The last entry of a kind for which `wanted` holds: its partition and place there.
    pub fn last(&self, topic: Topic, kind: RecordKind, wanted: impl Fn(&Record) -> bool) -> (TopicPartition, usize) {
        let fits = |entry: &Entry| entry.record.kind() == kind && wanted(&entry.record);
        let found = self.partitions.iter().filter(|(at, _)| at.topic == topic);
        let mut found = found.filter_map(|(at, entries)| Some((*at, entries.iter().rposition(fits)?)));
        found.next().unwrap_or_else(|| panic!("no {kind} like that in {topic}"))
    }

    pub fn of(&mut self, at: TopicPartition) -> &mut Vec<Entry> {
        self.partitions.get_mut(&at).expect("a partition")
    }

    /// Writes it into a new log.
    pub fn write(mut self, log: &dyn Log) {
        let moved: BTreeMap<TopicPartition, Vec<u64>> =
            self.partitions.iter().map(|(at, list)| (*at, list.iter().map(|entry| entry.stood).collect())).collect();
        // Where what stood at an offset stands now; what is gone: what followed it.
        let now = |at: TopicPartition, stood: u64| moved[&at].iter().filter(|other| **other < stood).count() as u64;
        let mut written = Written::new();
        for (at, entries) in &mut self.partitions {
            chain(*at, entries, &now, &mut written);
        }
        for entry in self.of(OWNERS) {
            if let Record::Mark(mark) = &mut entry.record
                && entry.damage != Damage::Untrue
            {
                remark(mark, &now, &written);
            }
        }
        let mut writer = log.writer().expect("a writer");
        for (at, entries) in &self.partitions {
            for entry in entries {
                let mut value = Vec::new();
                hoga_schemas::seal(entry.record.kind(), entry.origin.as_ref(), &content(&entry.record), &mut value);
                writer.send(*at, &entry.key, &value, Some(entry.time), 0).expect("sent");
            }
        }
        writer.flush().expect("flushed");
    }
}

fn content(record: &Record) -> Vec<u8> {
    let mut content = Vec::new();
    hoga_schemas::encode_content(record, &mut content);
    content
}

/// Numbers and hashes a partition's channels anew, with the causes where they stand now.
fn chain(at: TopicPartition, entries: &mut [Entry], now: &impl Fn(TopicPartition, u64) -> u64, written: &mut Written) {
    for (offset, entry) in (0..).zip(entries) {
        let Some(origin) = &mut entry.origin else { continue };
        let channel = written.entry((at, origin.machine, origin.partition)).or_default();
        let (number, hash) = channel.last().map_or((0, 0), |(_, last)| (last.number, last.hash));
        origin.cause = now(TopicPartition::new(origin.machine.input(), origin.partition), origin.cause);
        origin.number = number + if entry.damage == Damage::Gap { 2 } else { 1 };
        let schema_id = hoga_schemas::schema_id(entry.record.kind());
        let computed = running_hash(hash, schema_id, origin.cause, &entry.key, &content(&entry.record));
        origin.hash = if entry.damage == Damage::Torn { computed ^ 1 } else { computed };
        let (number, hash) = (origin.number, origin.hash);
        let output = MarkOutput { topic: at.topic, partition: at.partition, number, offset, hash };
        channel.push((entry.stood, output));
    }
}

/// A mark that tells the same as before of what stands there now.
fn remark(mark: &mut Mark, now: &impl Fn(TopicPartition, u64) -> u64, written: &Written) {
    mark.next_offset = now(TopicPartition::new(mark.machine.input(), mark.partition), mark.next_offset);
    for output in &mut mark.outputs {
        let at = TopicPartition::new(output.topic, output.partition);
        let channel = written.get(&(at, mark.machine, mark.partition));
        let told = channel.and_then(|list| list.iter().rfind(|(stood, _)| *stood <= output.offset));
        match told {
            Some((_, told)) if output.number > 0 => *output = told.clone(),
            _ => output.offset = now(at, output.offset),
        }
    }
}
