//! Channels: what a reader accepts of a partition that several owners write, some of them asleep or late.
//!
//! A channel is a pair (partition that a machine reads, partition that it writes). In the partition that is read here
//! it is named by its [`ChannelKey`]: the machine and its input partition. A [`ChannelTable`] holds one partition's
//! channels and judges each record; [`AcceptedReader`] puts a log's reader in front of it.
//!
//! Invariants:
//! 1. Of each channel the numbers 1, 2, 3 are accepted, each once, in this order, whatever the log repeats, loses,
//!    or holds of former owners.
//! 2. Below the newest claim read nothing is accepted; a claim never lowers an epoch.
//! 3. The running hash of what is accepted is the writer's: a record that breaks it stops the reader.
//! 4. What is ahead parks its channel, never skips a number: the missing record can only come later.
//! 5. Equal records in equal order give equal tables, byte for byte, so a table may be saved beside what was read.
//! 6. Without an origin only what the catalogue names ([`catalogue::TopicSpec::may_be_unsequenced`]) is accepted.
//!
//! Left out on purpose: what a record means, and claims in `owners` (see [`crate::owners`]).

mod hash;
mod reader;
#[cfg(test)]
mod tests;

pub use hash::running_hash;
pub use reader::{Accepted, AcceptedBody, AcceptedReader, DropCounts, ReadError, ReaderPosition};

use crate::catalogue;
use hoga_core::records::{Claim, RecordKind};
use hoga_core::{MachineKind, Record, Topic};
use hoga_schemas::{Frame, Origin};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Names a channel within the partition that it is written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ChannelKey {
    /// The machine that writes.
    pub machine: MachineKind,
    /// The partition that it reads.
    pub partition: u32,
}

impl fmt::Display for ChannelKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.machine, self.partition)
    }
}

/// How far one channel has been accepted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Channel {
    /// The newest claim's epoch; absent before any claim was read.
    pub epoch: Option<u64>,
    /// The last accepted number; 0 before the first.
    pub number: u64,
    /// The running hash at that number; 0 before the first.
    pub hash: u64,
    /// Where that record stands; absent before the first.
    pub offset: Option<u64>,
    /// The offset of the first record that was ahead and whose predecessor has not come.
    pub parked_at: Option<u64>,
}

/// What is to be done with a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Take it.
    Accept,
    /// A copied claim; whether it raised the channel's epoch. Not business content: drop it.
    Claim {
        /// Whose channel.
        channel: ChannelKey,
        /// Whether its epoch is above what was read before.
        raised: bool,
    },
    /// Of a former owner: drop it.
    Stale,
    /// Seen before: drop it.
    Repeat,
    /// Its predecessor is missing and will be sent again, and this after it: drop it.
    Ahead,
    /// Nobody may have written this here: drop it, name it, count it.
    Forged(String),
    /// The channel's content is not what its writer hashed: determinism was lost. Stop.
    Diverged {
        /// The hash of what was accepted and this record.
        expected: u64,
        /// The hash that it carries.
        found: u64,
    },
}

/// A channel that waits for a missing record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parked {
    /// Which channel.
    pub channel: ChannelKey,
    /// The number that is missing.
    pub missing: u64,
    /// Since this offset.
    pub since: u64,
}

/// The channels of one partition, ordered by key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelTable {
    channels: Vec<(ChannelKey, Channel)>,
}

impl ChannelTable {
    /// Judges the record at `offset` of a partition of `topic`, and remembers it if it is accepted.
    pub fn accept(&mut self, topic: Topic, offset: u64, key: &[u8], frame: &Frame<'_>) -> Verdict {
        match &frame.origin {
            Some(origin) => self.accept_numbered(topic, offset, key, frame, origin),
            None if frame.kind == RecordKind::Claim && topic != Topic::Owners => self.accept_claim(topic, frame),
            None if catalogue::of(topic).may_be_unsequenced(frame.kind) => Verdict::Accept,
            None => Verdict::Forged(format!("a {} without origin does not belong into {topic}", frame.kind)),
        }
    }

    fn accept_numbered(
        &mut self,
        topic: Topic,
        offset: u64,
        key: &[u8],
        frame: &Frame<'_>,
        origin: &Origin,
    ) -> Verdict {
        let name = ChannelKey { machine: origin.machine, partition: origin.partition };
        if !origin.machine.outputs().contains(&topic) {
            return Verdict::Forged(format!("{name} does not write {topic}"));
        }
        // A channel that no claim announced is not entered: forgeries must not make the table grow.
        let Some(channel) = self.find_mut(name).filter(|channel| channel.epoch >= Some(origin.epoch)) else {
            return Verdict::Forged(format!(
                "{name} writes with epoch {}, which no claim here announced",
                origin.epoch
            ));
        };
        if channel.epoch > Some(origin.epoch) {
            return Verdict::Stale;
        }
        if origin.number <= channel.number {
            return Verdict::Repeat;
        }
        if origin.number > channel.number + 1 {
            channel.parked_at.get_or_insert(offset);
            return Verdict::Ahead;
        }
        let expected = running_hash(channel.hash, frame.schema_id, origin.cause, key, frame.content);
        if expected != origin.hash {
            return Verdict::Diverged { expected, found: origin.hash };
        }
        channel.number = origin.number;
        channel.hash = origin.hash;
        channel.offset = Some(offset);
        channel.parked_at = None;
        Verdict::Accept
    }

    fn accept_claim(&mut self, topic: Topic, frame: &Frame<'_>) -> Verdict {
        let claim: Claim = match hoga_schemas::decode(frame) {
            Ok(Record::Claim(claim)) => claim,
            Ok(other) => return Verdict::Forged(format!("a claim that decodes as {}", other.kind())),
            Err(error) => return Verdict::Forged(format!("a claim that does not decode: {error}")),
        };
        let name = ChannelKey { machine: claim.machine, partition: claim.partition };
        let Some(epoch) = claim.epoch else {
            return Verdict::Forged(format!("a copied claim of {name} without its epoch"));
        };
        if !claim.machine.outputs().contains(&topic) {
            return Verdict::Forged(format!("a claim of {name}, which does not write {topic}"));
        }
        let channel = self.entry(name);
        let raised = channel.epoch < Some(epoch);
        if raised {
            channel.epoch = Some(epoch);
        }
        Verdict::Claim { channel: name, raised }
    }

    /// What has been accepted of a channel; `None` if neither claim nor record was.
    pub fn channel(&self, name: ChannelKey) -> Option<&Channel> {
        self.channels.binary_search_by_key(&name, |(key, _)| *key).ok().map(|at| &self.channels[at].1)
    }

    /// All channels, in the order of their keys.
    pub fn channels(&self) -> impl Iterator<Item = (ChannelKey, &Channel)> {
        self.channels.iter().map(|(key, channel)| (*key, channel))
    }

    /// Starts a channel where a mark says that it stands: what a reader from offset 0 would know there.
    pub fn seed(&mut self, name: ChannelKey, channel: Channel) {
        *self.entry(name) = channel;
    }

    /// Channels that wait for a missing record, and have for more than `bound` offsets at `position`: not an empty
    /// answer is an alarm. Nothing is ever skipped for it.
    pub fn parked(&self, position: u64, bound: u64) -> impl Iterator<Item = Parked> {
        self.channels.iter().filter_map(move |(name, channel)| {
            let since = channel.parked_at.filter(|since| position.saturating_sub(*since) > bound)?;
            Some(Parked { channel: *name, missing: channel.number + 1, since })
        })
    }

    fn find_mut(&mut self, name: ChannelKey) -> Option<&mut Channel> {
        let at = self.channels.binary_search_by_key(&name, |(key, _)| *key).ok()?;
        Some(&mut self.channels[at].1)
    }

    fn entry(&mut self, name: ChannelKey) -> &mut Channel {
        let at = match self.channels.binary_search_by_key(&name, |(key, _)| *key) {
            Ok(at) => at,
            Err(at) => {
                self.channels.insert(at, (name, Channel::default()));
                at
            }
        };
        &mut self.channels[at].1
    }
}
