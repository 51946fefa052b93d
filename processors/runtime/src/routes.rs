//! The output partitions of a machine, in one order: topic by topic as `MachineKind::outputs` names them, partition
//! by partition. Each has a dense index, its lane. A partition is computed from its key each time: murmur2 of a
//! name is cheaper than looking the name up in a cache.

use hoga_core::{MachineKind, Topic};
use hoga_topics::{Log, TopicPartition, partitioner};
use std::ops::Range;

/// Where a machine's effects go.
#[derive(Debug, Clone)]
pub(crate) struct Routes {
    lanes: Vec<TopicPartition>,
    topics: Vec<(Topic, Range<usize>)>,
}

impl Routes {
    /// The outputs of a machine in this log.
    pub fn new(log: &dyn Log, machine: MachineKind) -> Self {
        let (mut lanes, mut topics) = (Vec::new(), Vec::new());
        for &topic in machine.outputs() {
            let first = lanes.len();
            lanes.extend((0..log.partitions(topic)).map(|partition| TopicPartition::new(topic, partition)));
            topics.push((topic, first..lanes.len()));
        }
        Self { lanes, topics }
    }

    /// All output partitions, by lane.
    pub fn lanes(&self) -> &[TopicPartition] {
        &self.lanes
    }

    /// All lanes of a topic; `None` if the machine does not write it.
    pub fn all(&self, topic: Topic) -> Option<Range<usize>> {
        self.topics.iter().find(|(name, _)| *name == topic).map(|(_, lanes)| lanes.clone())
    }

    /// The lane of one partition; `None` if there is none.
    pub fn lane(&self, topic: Topic, partition: u32) -> Option<usize> {
        let lanes = self.all(topic)?;
        let lane = lanes.start + partition as usize;
        lanes.contains(&lane).then_some(lane)
    }

    /// The lane of a key, as a range of one.
    pub fn by_key(&self, topic: Topic, key: &[u8]) -> Option<Range<usize>> {
        let lanes = self.all(topic)?;
        let lane = lanes.start + partitioner::partition(key, lanes.len() as u32) as usize;
        Some(lane..lane + 1)
    }
}
