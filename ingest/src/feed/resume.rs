//! How much of a feed already stands in a log: so a feed that was killed goes on where it was.
//!
//! The feed makes its sequence again and compares it, topic by topic, with what stands there. A crash of the embedded
//! log keeps a prefix of everything written, so what stands is a prefix of the sequence; elsewhere a record that is
//! missing between others is sent again, and its identity makes a repeat harmless.
//!
//! Invariants:
//! 1. Only records without origin count: a feed is an unsequenced writer.
//! 2. A record that stands twice counts once; what others wrote is passed over and told.

use super::error::FeedError;
use super::plan::FeedPlan;
use super::script::Step;
use hoga_core::records::RecordKind;
use hoga_core::{Timestamp, Topic};
use hoga_topics::{Arrival, Log, Visibility};

/// The topics that a feed writes.
pub const WRITTEN: [Topic; 3] = [Topic::Control, Topic::Accounts, Topic::Orders];

/// How much of a feed stands in one topic.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// The feed's first this many records for the topic stand there.
    pub records: u64,
    /// Records without origin that the feed did not expect there: repeats, or others'.
    pub other: u64,
    /// The newest time in the partition.
    pub newest: Option<Timestamp>,
}

/// How much of a feed stands in a log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    topics: [Progress; WRITTEN.len()],
}

impl Standing {
    /// How much stands in a topic of [`WRITTEN`].
    pub fn of(&self, topic: Topic) -> &Progress {
        &self.topics[index(topic)]
    }

    /// All records that stand.
    pub fn total(&self) -> u64 {
        self.topics.iter().map(|progress| progress.records).sum()
    }
}

pub(crate) fn index(topic: Topic) -> usize {
    WRITTEN.iter().position(|written| *written == topic).expect("a feed writes to control, accounts and orders only")
}

/// Whether somebody wrote it who is no machine; copies of claims are the owners', and a log's settings are its own.
fn is_unsequenced(value: &[u8]) -> bool {
    let of_the_log = |kind| matches!(kind, RecordKind::Claim | RecordKind::LogSettings);
    hoga_schemas::open(value).is_ok_and(|frame| frame.origin.is_none() && !of_the_log(frame.kind))
}

/// Reads how much of a plan stands in the log.
pub fn standing(log: &dyn Log, plan: &FeedPlan) -> Result<Standing, FeedError> {
    let mut standing = Standing::default();
    for topic in WRITTEN {
        standing.topics[index(topic)] = progress(log, plan, topic)?;
    }
    Ok(standing)
}

fn progress(log: &dyn Log, plan: &FeedPlan, topic: Topic) -> Result<Progress, FeedError> {
    let partition = plan.target(topic);
    let bounds = log.bounds(partition)?;
    if bounds.start > 0 {
        return Err(FeedError::Cut { partition, start: bounds.start });
    }
    let mut expected = plan.steps().filter_map(|step| match step {
        Step::Send { topic: to, record, .. } if to == topic => Some(hoga_schemas::encode(&record)),
        Step::Send { .. } | Step::Sync => None,
    });
    let mut next = expected.next();
    let mut reader = log.reader(partition, 0, Visibility::Written)?;
    let (mut batch, mut progress) = (Vec::new(), Progress::default());
    let mut arrival = Arrival::new(log, partition);
    while reader.position() < bounds.end {
        batch.clear();
        reader.poll(1_024, &mut batch)?;
        if batch.is_empty() {
            arrival.wait(reader.position())?;
            continue;
        }
        arrival.came();
        for stored in &batch {
            progress.newest = progress.newest.max(Some(stored.time));
            let value = stored.value.as_deref().unwrap_or_default();
            if next.as_deref() == Some(value) {
                progress.records += 1;
                next = expected.next();
            } else if is_unsequenced(value) {
                progress.other += 1;
            }
        }
    }
    Ok(progress)
}
