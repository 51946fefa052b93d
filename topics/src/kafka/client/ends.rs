//! Where partitions end, by one question to each of their leaders.
//!
//! Invariant: a partition without a leader, or a topic that is gone, is told as that and spoils no other's answer.
//! librdkafka asks for the leaders first, and gives up all if one has none.

use super::Client;
use crate::{LogError, TopicPartition};
use hoga_core::Topic;
use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Each partition's end; one that did not answer is not there.
pub(in crate::kafka) type Ends = BTreeMap<TopicPartition, KafkaResult<u64>>;

impl Client {
    /// Takes at most three times `timeout`.
    pub fn ends(&self, partitions: BTreeSet<TopicPartition>, timeout: Duration) -> Result<Ends, LogError> {
        let answer = self.ask_for_ends(&partitions, timeout).or_else(|_| {
            let found = self.find(timeout)?;
            let (led, others) = partitions.into_iter().partition(|at| found.get(at) == Some(&true));
            let mut ends = self.ask_for_ends(&led, timeout)?;
            let others: BTreeSet<TopicPartition> = others;
            ends.extend(others.into_iter().map(|at| (at, Err(why_not(found.contains_key(&at))))));
            Ok(ends)
        });
        answer.map_err(|error| self.failed("asking where the partitions end", &error))
    }

    fn ask_for_ends(&self, partitions: &BTreeSet<TopicPartition>, timeout: Duration) -> KafkaResult<Ends> {
        if partitions.is_empty() {
            return Ok(Ends::new());
        }
        let mut list = TopicPartitionList::new();
        for at in partitions {
            // Where a time is asked for, this stands for the newest.
            list.add_partition_offset(self.name(at.topic), at.partition as i32, Offset::End)?;
        }
        let topics: BTreeMap<&str, Topic> = self.names().collect();
        let answer = self.queries.offsets_for_times(list, timeout)?;
        let mut ends = Ends::new();
        for element in answer.elements() {
            let at = TopicPartition::new(topics[element.topic()], element.partition() as u32);
            let end = match (element.error(), element.offset()) {
                (Ok(()), Offset::Offset(end)) if end >= 0 => Ok(end as u64),
                (Ok(()), _) => continue,
                (Err(error), _) => Err(error),
            };
            ends.insert(at, end);
        }
        Ok(ends)
    }

    /// The partitions that there are, and whether each has a leader.
    fn find(&self, timeout: Duration) -> KafkaResult<BTreeMap<TopicPartition, bool>> {
        let topics: BTreeMap<&str, Topic> = self.names().collect();
        let metadata = self.queries.fetch_metadata(None, timeout)?;
        let ours = metadata.topics().iter().filter_map(|found| Some((*topics.get(found.name())?, found)));
        let partitions = ours.flat_map(|(topic, found)| {
            let one = move |p: &rdkafka::metadata::MetadataPartition| {
                (TopicPartition::new(topic, p.id() as u32), p.leader() >= 0)
            };
            found.partitions().iter().map(one)
        });
        Ok(partitions.collect())
    }
}

fn why_not(is_there: bool) -> KafkaError {
    use RDKafkaErrorCode::{LeaderNotAvailable, UnknownTopicOrPartition};
    KafkaError::OffsetFetch(if is_there { LeaderNotAvailable } else { UnknownTopicOrPartition })
}
