//! The file `layout`: what was fixed when the log was made. Plain text, for people too.
//!
//! Invariants:
//! 1. It is written once, before anything else in the folder, and never changed.
//! 2. It numbers the partitions: a *slot* is a partition's place in the list of topics, and frames name slots.
//!
//! Left out on purpose: upgrades. Another version is refused with its way out.

use super::files;
use crate::catalogue::Partitions;
use crate::{LogError, TimeMode, TopicPartition};
use hoga_core::Topic;
use std::fmt::Write;
use std::path::Path;

/// The layout that this release reads and writes.
const VERSION: &str = "hoga-log 1";
const FILE: &str = "layout";

/// A log's layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// Where append times come from.
    pub time_mode: TimeMode,
    /// Partitions of each topic.
    pub partitions: Partitions,
    /// A random number that tells this log's files from another's.
    pub(super) id: u64,
}

impl Layout {
    /// The layout of the log in a folder; none when there is no log.
    pub fn read(folder: &Path) -> Result<Option<Self>, LogError> {
        let path = folder.join(FILE);
        match std::fs::read_to_string(&path) {
            Ok(text) => parse(&text).map(Some).map_err(|what| wrong(folder, what)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(files::io("reading", &path)(error)),
        }
    }

    /// The folder's layout, made now if there is none; an error when it is another than asked for.
    pub(super) fn open(folder: &Path, time_mode: TimeMode, partitions: &Partitions) -> Result<Self, LogError> {
        let Some(found) = Self::read(folder)? else {
            // It is written before any segment: segments without it have lost it, and a new one would disown them.
            if holds_files(&folder.join("segments"))? {
                return Err(wrong(folder, format!("the file {FILE} is gone, the segments are there; {RESTORE}")));
            }
            let layout = Self { time_mode, partitions: partitions.clone(), id: random() };
            files::replace(&folder.join(FILE), layout.text().as_bytes())?;
            return Ok(layout);
        };
        if found.time_mode != time_mode {
            let (made, asked) = (mode_name(found.time_mode), mode_name(time_mode));
            let what = format!("this is a {made} log, asked for is a {asked} one; {OTHER_FOLDER}");
            return Err(wrong(folder, what));
        }
        for (topic, asked) in partitions.iter() {
            let made = found.partitions.of(topic);
            if made != asked {
                let what = format!(
                    "{topic} was made with {made} partitions, asked for are {asked}; ask for {made}, or {OTHER_FOLDER}"
                );
                return Err(wrong(folder, what));
            }
        }
        Ok(found)
    }

    /// Every partition, in the order of slots.
    pub(super) fn slots(&self) -> Vec<TopicPartition> {
        let each = |(topic, count)| (0..count).map(move |partition| TopicPartition::new(topic, partition));
        self.partitions.iter().flat_map(each).collect()
    }

    fn text(&self) -> String {
        let mut text = format!("{VERSION}\nid {:016x}\ntime {}\n", self.id, mode_name(self.time_mode));
        for (topic, count) in self.partitions.iter() {
            writeln!(text, "partitions {topic} {count}").expect("writing to a string");
        }
        text
    }
}

const OTHER_FOLDER: &str = "give another --data-dir";
const RESTORE: &str = "restore the file from a copy";

fn holds_files(folder: &Path) -> Result<bool, LogError> {
    match std::fs::read_dir(folder) {
        Ok(mut entries) => Ok(entries.next().is_some()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(files::io("reading", folder)(error)),
    }
}

fn wrong(folder: &Path, what: String) -> LogError {
    LogError::Layout { folder: folder.display().to_string(), what }
}

fn mode_name(mode: TimeMode) -> &'static str {
    match mode {
        TimeMode::Wall => "wall",
        TimeMode::Recorded => "recorded",
    }
}

fn parse_mode(name: &str) -> Option<TimeMode> {
    [TimeMode::Wall, TimeMode::Recorded].into_iter().find(|mode| mode_name(*mode) == name)
}

fn parse(text: &str) -> Result<Layout, String> {
    let mut lines = text.lines();
    let version = lines.next().unwrap_or_default();
    if version != VERSION {
        return Err(format!(
            "the layout is {version:?}, this release knows {VERSION:?}; use the release that made it, or {OTHER_FOLDER}"
        ));
    }
    let (mut id, mut mode, mut partitions, mut topics) = (None, None, Partitions::default(), 0);
    for line in lines {
        let known = match line.split(' ').collect::<Vec<_>>()[..] {
            ["id", hex] => u64::from_str_radix(hex, 16).ok().map(|number| id = Some(number)),
            ["time", name] => parse_mode(name).map(|named| mode = Some(named)),
            ["partitions", topic, count] => parse_count(topic, count).map(|(topic, count)| {
                partitions = std::mem::take(&mut partitions).with(topic, count);
                topics += 1;
            }),
            _ => None,
        };
        known.ok_or_else(|| format!("the layout has the unknown line {line:?}; {RESTORE}"))?;
    }
    match (id, mode) {
        (Some(id), Some(time_mode)) if topics == Topic::ALL.len() => Ok(Layout { time_mode, partitions, id }),
        _ => Err(format!("the layout is incomplete; {RESTORE}")),
    }
}

fn parse_count(topic: &str, count: &str) -> Option<(Topic, u32)> {
    let count = count.parse().ok().filter(|count| (1..=Partitions::MAX).contains(count))?;
    Some((Topic::from_name(topic)?, count))
}

/// From the keys that the standard library seeds its hash maps with.
fn random() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::collections::hash_map::RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layout_reads_as_it_was_written_and_wrong_ones_say_why() {
        let layout = Layout { time_mode: TimeMode::Recorded, partitions: Partitions::keyed(3), id: 0xfe };
        let text = layout.text();
        assert_eq!(parse(&text), Ok(layout));
        for (from, to, expect) in [
            ("hoga-log 1", "hoga-log 2", "the layout is \"hoga-log 2\", this release knows \"hoga-log 1\""),
            ("time recorded", "time", "unknown line \"time\""),
            ("time recorded\n", "", "incomplete"),
            ("partitions books 3\n", "", "incomplete"),
            ("books 3", "books 0", "unknown line \"partitions books 0\""),
            ("books 3", "cooks 3", "unknown line \"partitions cooks 3\""),
        ] {
            let error = parse(&text.replace(from, to)).unwrap_err();
            assert!(error.contains(expect), "{to}: {error}");
        }
    }
}
