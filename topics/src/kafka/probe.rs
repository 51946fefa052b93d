//! Finds out what follows an offset, with a consumer that reads nothing else: only then is it certain whose an error
//! is, and whose the end.

use super::client::{self, Client};
use crate::TopicPartition;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use std::time::{Duration, Instant};

/// What a probe found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// A record, there or further on.
    Record,
    /// No record up to the end that the partition had when the probe began.
    End,
    /// The offset is not within the partition.
    OutOfRange,
    /// This client may not read it.
    Denied,
    /// No answer in time.
    Nothing,
}

/// Reads `at` from an offset on, until something is found.
pub(super) fn probe(client: &Client, at: TopicPartition, from: u64, timeout: Duration) -> KafkaResult<Found> {
    let consumer = client.consumer(|config| {
        config.set("enable.partition.eof", "true");
    })?;
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(client.name(at.topic), at.partition as i32, client::offset(from))?;
    consumer.assign(&list)?;
    let deadline = Instant::now() + timeout;
    while let Some(left) = deadline.checked_duration_since(Instant::now()) {
        let found = match consumer.poll(left) {
            None => continue,
            Some(Ok(_)) => Found::Record,
            Some(Err(KafkaError::PartitionEOF(_))) => Found::End,
            Some(Err(error)) => match error.rdkafka_error_code() {
                Some(RDKafkaErrorCode::PartitionEOF) => Found::End,
                Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange) => Found::OutOfRange,
                Some(RDKafkaErrorCode::TopicAuthorizationFailed) => Found::Denied,
                _ => continue,
            },
        };
        return Ok(found);
    }
    Ok(Found::Nothing)
}
