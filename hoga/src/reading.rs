//! Accepted records of a topic, from its first to the last that is there now.
//!
//! Invariant: what comes out is what every reader of hoga accepts: each number of each channel once, of the newest owner.

use crate::exit::Failure;
use crate::stop::Stop;
use hoga_core::records::RecordKind;
use hoga_core::{Record, Topic};
use hoga_runtime::{CutError, Cuts};
use hoga_schemas::Frame;
use hoga_topics::channel::{Accepted, AcceptedBody, AcceptedReader, ReaderPosition};
use hoga_topics::{Arrival, Log, TopicPartition, Visibility};

/// All partitions of a topic.
pub fn partitions(log: &dyn Log, topic: Topic) -> impl Iterator<Item = TopicPartition> {
    (0..log.partitions(topic)).map(move |partition| TopicPartition::new(topic, partition))
}

/// A reader of a partition's accepted records from offset 0 on: for whoever needs them all.
pub fn open(log: &dyn Log, partition: TopicPartition, visibility: Visibility) -> Result<AcceptedReader, Failure> {
    let start = log.bounds(partition)?.start;
    if start > 0 {
        return Err(Failure::Stopped(format!(
            "{partition}: offsets 0 to {} are cut, and here they are all needed; restore them from the archive",
            start - 1
        )));
    }
    Ok(AcceptedReader::open(log, partition, ReaderPosition::default(), visibility)?)
}

/// A reader of the accepted records that a partition still has.
pub fn open_kept(
    log: &dyn Log,
    cuts: &Cuts,
    partition: TopicPartition,
    visibility: Visibility,
) -> Result<AcceptedReader, Failure> {
    cuts.reader(log, partition, visibility).map_err(|error| match error {
        CutError::Missing { .. } | CutError::Unfit { .. } => {
            Failure::Stopped(format!("{error}; `hoga tail --raw` shows all the same what is there"))
        }
        error => error.into(),
    })
}

/// Gives every accepted record that is in the partition now, from offset 0 on, to `each`; malformed ones of `orders`
/// are left out.
pub fn each(
    log: &dyn Log,
    partition: TopicPartition,
    stop: &Stop,
    each: impl FnMut(&Accepted<'_>, &Frame<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    rest(log, open(log, partition, Visibility::Written)?, stop, each)
}

/// As [`each`], of what a reader that is open still has before it.
pub fn rest(
    log: &dyn Log,
    mut reader: AcceptedReader,
    stop: &Stop,
    mut each: impl FnMut(&Accepted<'_>, &Frame<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let partition = reader.partition();
    let end = log.bounds(partition)?.end;
    let mut arrival = Arrival::new(log, partition);
    while reader.position() < end {
        stop.check("reading can be started again")?;
        if reader.fill(4_096)? == 0 {
            arrival.wait(reader.position())?;
        } else {
            arrival.came();
        }
        while let Some(accepted) = reader.read_filled()? {
            if accepted.offset >= end {
                return Ok(());
            }
            if let AcceptedBody::Record(frame) = &accepted.body {
                each(&accepted, frame)?;
            }
        }
    }
    Ok(())
}

/// Decodes an accepted record.
pub fn decode(partition: TopicPartition, offset: u64, frame: &Frame<'_>) -> Result<Record, Failure> {
    hoga_schemas::decode(frame).map_err(|error| {
        Failure::Stopped(format!(
            "{partition}: the {} at offset {offset} does not decode: {error}; was it written by a newer hoga?",
            frame.kind
        ))
    })
}

/// Whether a record is what a topic is for: clocks and the names of logs differ from run to run, and claims, marks and signs of life are
/// content in `owners` alone.
pub fn is_content(topic: Topic, kind: RecordKind) -> bool {
    match kind {
        RecordKind::Clock | RecordKind::LogSettings => false,
        RecordKind::Claim | RecordKind::Mark | RecordKind::SignOfLife => topic == Topic::Owners,
        _ => true,
    }
}
