//! `owners` as the auditor reads it: which claim is the newest, and whether marks say only what is delivered.
//!
//! Invariants that it checks:
//! 1. A mark that counts names, for each output, a number that readers have accepted, under the hash and not before
//!    the offset at which they accepted it.
//! 2. Every effect that the input before the mark's offset demands is among them.
//! 3. Only claims that are valid are copied into topics.

use super::Finding;
use super::accept::{Acceptance, Channel};
use super::expected::{Expected, is_exact};
use hoga_core::Record;
use hoga_core::records::{Claim, Mark};
use hoga_topics::{LogRecord, TopicPartition};
use std::collections::{BTreeMap, BTreeSet};

/// The newest valid claim of each machine's partition.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    newest: BTreeMap<Channel, u64>,
    /// Every claim that was the newest once.
    valid: BTreeSet<(Channel, u64)>,
    /// Claims that replaced another.
    pub takeovers: u64,
}

impl Claims {
    /// Takes the next record of `owners`; a mark that counts is given back, to be checked.
    pub fn take(&mut self, stored: &LogRecord) -> Result<Option<Mark>, Finding> {
        let value = stored.value.as_deref().unwrap_or_default();
        let wrong = |why: String| Finding::new(format!("owners offset {}: {why}", stored.offset));
        let frame = hoga_schemas::open(value).map_err(|error| wrong(error.to_string()))?;
        match hoga_schemas::decode(&frame).map_err(|error| wrong(error.to_string()))? {
            Record::Claim(Claim { machine, partition, replaces, .. }) => {
                let channel = (machine, partition);
                if self.newest(channel) == replaces {
                    self.newest.insert(channel, stored.offset);
                    self.valid.insert((channel, stored.offset));
                    self.takeovers += u64::from(replaces.is_some());
                }
                Ok(None)
            }
            Record::Mark(mark) => {
                let counts = self.newest((mark.machine, mark.partition)) == Some(mark.epoch);
                Ok(counts.then_some(mark))
            }
            Record::SignOfLife(_) => Ok(None),
            other => Err(wrong(format!("a {} does not belong here", other.kind()))),
        }
    }

    /// Copies of claims, as they stand in `at`, are of valid ones.
    pub fn check_copies(
        &self,
        at: TopicPartition,
        mut copies: impl Iterator<Item = (Channel, u64)>,
    ) -> Result<(), Finding> {
        match copies.find(|copy| !self.valid.contains(copy)) {
            None => Ok(()),
            Some(((machine, partition), epoch)) => Err(Finding::new(format!(
                "{at} says that {machine}/{partition} is claimed with epoch {epoch}: owners has no such claim, or a void one"
            ))),
        }
    }

    /// The newest epoch of a machine's partition.
    pub fn newest(&self, channel: Channel) -> Option<u64> {
        self.newest.get(&channel).copied()
    }
}

/// Whether a mark is true of what stands in the topics.
pub(crate) fn check_mark(
    mark: &Mark,
    topics: &BTreeMap<TopicPartition, Acceptance>,
    spoilt: impl Fn(TopicPartition) -> bool,
    expected: &Expected,
) -> Result<(), Finding> {
    let channel = (mark.machine, mark.partition);
    let who = format!("the mark of {}/{} at {}", mark.machine, mark.partition, mark.next_offset);
    for output in &mark.outputs {
        let to = TopicPartition::new(output.topic, output.partition);
        if spoilt(to) {
            continue;
        }
        let accepted = topics[&to].progress(channel).map_or(&[][..], |progress| &progress.accepted);
        let found = (output.number > 0).then(|| accepted.get(output.number as usize - 1));
        match found {
            Some(None) => {
                let (says, is) = (output.number, accepted.len());
                return Err(Finding::new(format!("{who} says that {says} are delivered to {to}, readers have {is}")));
            }
            Some(Some((hash, offset))) if *hash != output.hash || *offset > output.offset => {
                let says = (output.hash, output.offset);
                return Err(Finding::new(format!(
                    "{who}: number {} of {to} is {:?}, it says {says:?}",
                    output.number,
                    (hash, offset)
                )));
            }
            _ => {}
        }
        let causes = expected.lane(channel, to).map_or(&[][..], |lane| &lane.causes);
        let due = causes.partition_point(|cause| *cause < mark.next_offset) as u64;
        if is_exact(output.topic) && output.number < due {
            let number = output.number;
            return Err(Finding::new(format!("{who} counts {number} effects to {to}, its input demands {due}")));
        }
    }
    Ok(())
}
