//! What of a partition was compared, and what could not be and why.

use hoga_topics::channel::DropCounts;
use hoga_topics::{Bounds, ChannelKey, TopicPartition};
use std::collections::BTreeMap;
use std::fmt;

/// Why records were not compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// They are cut.
    Cut,
    /// They were cut while they were to be read.
    CutMeanwhile,
    /// What was known where the partition was cut is not there, or does not fit.
    Unreadable(String),
    /// The machine's input is cut; its replay began with its oldest snapshot, at this offset, and they stand for what
    /// was before.
    BeforeSnapshot(u64),
    /// The machine's input is cut, and no snapshot stands for what was before.
    NoSnapshot,
    /// The machine cannot go on behind this offset of its input.
    MachineStopped(u64),
    /// The machine's input could not be read so far.
    InputUnread,
    /// No reader accepts them: a number before them is missing.
    BehindGap,
    /// No machine of this log writes that channel.
    NoMachine,
    /// Their cause was appended after the comparison began.
    Newer,
}

impl Why {
    /// Whether it leaves something open that was asked for.
    fn is_gap(&self) -> bool {
        !matches!(self, Self::Newer)
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cut => f.write_str("cut"),
            Self::CutMeanwhile => f.write_str("cut meanwhile"),
            Self::Unreadable(why) => f.write_str(why),
            Self::BeforeSnapshot(from) => write!(f, "its input is cut; replayed from its snapshot at offset {from}"),
            Self::NoSnapshot => f.write_str("its input is cut, and no usable snapshot stands for what was before"),
            Self::MachineStopped(at) => write!(f, "its replay cannot go on at offset {at} of its input"),
            Self::InputUnread => f.write_str("its input was not read so far"),
            Self::BehindGap => f.write_str("no reader accepts it, a number before it is missing"),
            Self::NoMachine => f.write_str("this log has no such machine"),
            Self::Newer => f.write_str("caused by what came after the comparison began"),
        }
    }
}

/// Records that were not compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    /// How many; of what cannot be counted (it is cut) so many offsets.
    pub records: u64,
    /// The first offset.
    pub first: u64,
    /// The offset after the last.
    pub next: u64,
}

/// What was compared of one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Covered {
    /// Which.
    pub at: TopicPartition,
    /// Where it began and ended when the comparison began.
    pub bounds: Bounds,
    /// The first offset that was read and asked for, and the offset after the last one.
    pub range: Option<(u64, u64)>,
    /// Records that were compared with what is due.
    pub compared: u64,
    /// Records that no machine wrote: they are taken as they are.
    pub given: u64,
    /// Effects that are not there yet: the machine has not told that they are delivered.
    pub under_way: u64,
    /// What readers do not accept.
    pub dropped: DropCounts,
    /// What was not compared, by reason and channel.
    pub left: BTreeMap<(Why, Option<ChannelKey>), Left>,
    is_new: bool,
}

impl Covered {
    pub(super) fn new(at: TopicPartition, bounds: Bounds) -> Self {
        Self {
            at,
            bounds,
            range: None,
            compared: 0,
            given: 0,
            under_way: 0,
            dropped: DropCounts::default(),
            left: BTreeMap::new(),
            is_new: true,
        }
    }

    /// Whether no record was read of it.
    pub(super) fn is_new(&self) -> bool {
        self.is_new
    }

    pub(super) fn seen(&mut self, offset: u64, asked: bool) {
        self.is_new = false;
        if asked {
            let first = self.range.map_or(offset, |(first, _)| first);
            self.range = Some((first, offset + 1));
        }
    }

    pub(super) fn leave(&mut self, why: Why, channel: Option<ChannelKey>, first: u64, next: u64) {
        let left = self.left.entry((why, channel)).or_insert(Left { records: 0, first, next });
        left.records += next.saturating_sub(first);
        left.first = left.first.min(first);
        left.next = left.next.max(next);
    }

    /// Whether everything that was asked for was compared.
    pub fn is_whole(&self) -> bool {
        self.left.keys().all(|(why, _)| !why.is_gap())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_is_told_and_only_what_is_newer_leaves_nothing_open() {
        let reasons = [
            (Why::Cut, "cut"),
            (Why::CutMeanwhile, "cut meanwhile"),
            (Why::Unreadable("it is of another log".into()), "it is of another log"),
            (Why::BeforeSnapshot(7), "its input is cut; replayed from its snapshot at offset 7"),
            (Why::NoSnapshot, "its input is cut, and no usable snapshot stands for what was before"),
            (Why::MachineStopped(7), "its replay cannot go on at offset 7 of its input"),
            (Why::InputUnread, "its input was not read so far"),
            (Why::BehindGap, "no reader accepts it, a number before it is missing"),
            (Why::NoMachine, "this log has no such machine"),
            (Why::Newer, "caused by what came after the comparison began"),
        ];
        for (why, words) in reasons {
            assert_eq!(why.to_string(), words);
            assert_eq!(why.is_gap(), why != Why::Newer, "{words}");
        }
    }
}
