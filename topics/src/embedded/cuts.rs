//! The file `cuts`: where each partition begins. Replaced whole, before anything is dropped.

use super::files;
use super::frame::MAX_OFFSET;
use crate::{LogError, TopicPartition};
use hoga_core::Topic;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

const FIRST_LINE: &str = "hoga-cuts 1";
const FILE: &str = "cuts";

/// Reads the first offset of each slot; 0 where nothing was cut.
pub(super) fn read(folder: &Path, slots: &BTreeMap<TopicPartition, u32>) -> Result<Vec<u64>, LogError> {
    let path = folder.join(FILE);
    let mut starts = vec![0; slots.len()];
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(starts),
        Err(error) => return Err(files::io("reading", &path)(error)),
    };
    let wrong = |line: &str| LogError::Corrupt {
        file: path.display().to_string(),
        position: 0,
        what: format!("the line {line:?} is no cut; restore the file from a copy"),
    };
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    if first != FIRST_LINE {
        return Err(wrong(first));
    }
    for line in lines {
        let (slot, start) = parse(line, slots).ok_or_else(|| wrong(line))?;
        starts[slot as usize] = start;
    }
    Ok(starts)
}

fn parse(line: &str, slots: &BTreeMap<TopicPartition, u32>) -> Option<(u32, u64)> {
    let mut words = line.split(' ');
    let (topic, partition) = words.next()?.split_once('/')?;
    let at = TopicPartition::new(Topic::from_name(topic)?, partition.parse().ok()?);
    let start = words.next()?.parse().ok().filter(|start| *start <= MAX_OFFSET)?;
    Some((*slots.get(&at)?, start)).filter(|_| words.next().is_none())
}

/// Writes them, durably.
pub(super) fn write(folder: &Path, slots: &[TopicPartition], starts: &[u64]) -> Result<(), LogError> {
    let mut text = format!("{FIRST_LINE}\n");
    for (at, start) in slots.iter().zip(starts).filter(|(_, start)| **start > 0) {
        writeln!(text, "{at} {start}").expect("writing to a string");
    }
    files::replace(&folder.join(FILE), text.as_bytes())
}
