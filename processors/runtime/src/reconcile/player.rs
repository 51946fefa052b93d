//! One machine, replayed over its accepted input; what it gives is due in the partitions that it writes.

use super::matcher::{Matcher, Told};
use crate::engine::Engine;
use crate::error::DriverError;
use crate::snapshot::Snapshot;
use crate::snapshot::usable::StoredSnapshots;
use hoga_core::Machine;
use hoga_topics::owners::Owners;
use hoga_topics::{Accepted, ChannelKey, TopicPartition};
use std::collections::BTreeMap;

/// What is due in each source, by channel; in the order of the sources.
pub(super) type Channels = Vec<BTreeMap<ChannelKey, Expected>>;

/// What is due of one channel in one partition.
#[derive(Default)]
pub(super) struct Expected {
    pub matcher: Matcher,
    /// What has a number up to this one is cut.
    pub cut_number: u64,
    /// The newest mark tells that what has a number up to this one is delivered.
    pub delivered_number: u64,
}

/// Whether a machine's replay covers a cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Covers {
    Yes,
    /// The replay began behind it, with a snapshot at this offset.
    Before(u64),
    /// There is no replay.
    Never,
    /// The replay stopped at this offset.
    Stopped(u64),
}

pub(super) struct Player {
    pub channel: ChannelKey,
    /// Its input, as an index of sources.
    pub input: usize,
    engine: Engine<Box<dyn Machine>>,
    /// The first input offset that it applies; `None`: it cannot be replayed.
    from: Option<u64>,
    stopped: Option<u64>,
    /// What was caused before this offset is delivered, as its newest mark tells.
    pub delivered: u64,
    /// Where each of its lanes leads, as an index of sources.
    lanes: Vec<usize>,
}

impl Player {
    /// A new machine at its input's beginning, or at its oldest usable snapshot where that is cut.
    pub fn open(
        snapshots: &StoredSnapshots,
        owners: &Owners,
        machine: Box<dyn Machine>,
        partition: u32,
        sources: &BTreeMap<TopicPartition, usize>,
    ) -> Result<Self, DriverError> {
        let (log, kind) = (&*snapshots.log, machine.kind());
        let channel = ChannelKey { machine: kind, partition };
        let input = TopicPartition::new(kind.input(), partition);
        let start = log.bounds(input)?.start;
        let mut engine = Engine::new(log, machine, partition);
        let mut from = (start == 0).then_some(0);
        if from.is_none() {
            let oldest = snapshots.usable(owners, kind, partition)?.find(|(offset, _)| *offset >= start);
            if let Some((offset, Snapshot { header, state })) = oldest {
                match engine.load(header.engine, &state) {
                    Ok(()) => from = Some(offset),
                    Err(why) => tracing::warn!(machine = %kind, %input, offset, "the snapshot does not load: {why}"),
                }
            }
        }
        let delivered = owners.of(kind, partition).map_or(0, |owned| owned.marked());
        let lanes = engine.routes().lanes().iter().map(|to| sources[to]).collect();
        Ok(Self { channel, input: sources[&input], engine, from, stopped: None, delivered, lanes })
    }

    /// The partitions that it writes, as indices of sources, each once.
    pub fn outputs(&self) -> impl Iterator<Item = usize> + '_ {
        self.lanes.iter().copied()
    }

    /// Whether it answers for what a cause gave, once its input is read past it.
    pub fn covers(&self, cause: u64) -> Covers {
        match (self.from, self.stopped) {
            (None, _) => Covers::Never,
            (Some(from), _) if cause < from => Covers::Before(from),
            (_, Some(stopped)) if cause >= stopped => Covers::Stopped(stopped),
            _ => Covers::Yes,
        }
    }

    /// Applies a record of its input, if it is one that it has to; an error when it cannot go on.
    pub fn apply(
        &mut self,
        accepted: &Accepted<'_>,
        channels: &mut Channels,
        tell: &mut dyn FnMut(usize, Told),
    ) -> Result<(), DriverError> {
        let offset = accepted.offset;
        if self.covers(offset) != Covers::Yes {
            return Ok(());
        }
        let Self { engine, lanes, channel, .. } = self;
        let applied = engine.apply(accepted, &mut |effect| {
            let to = lanes[effect.lane];
            let expected = channels[to].get_mut(channel).expect("made with the machine");
            if effect.counter.number > expected.cut_number {
                expected.matcher.due(effect, &mut |told| tell(to, told));
            }
            Ok(())
        });
        if applied.is_err() {
            self.stopped = Some(offset);
        }
        applied
    }
}
