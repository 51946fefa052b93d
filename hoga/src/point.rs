//! A place in the log, as an argument: a time, or an offset in some partitions.

use hoga_core::{Timestamp, Topic};
use hoga_runtime::reconcile::Point;
use hoga_topics::TopicPartition;
use std::collections::BTreeMap;

/// How it is written, for help.
pub const FORM: &str = "TIME|TOPIC/PARTITION@OFFSET,...";

/// Reads `2026-11-21T09:30:00Z`, or `accounts/0@100,accounts/1@90`.
pub fn parse(text: &str) -> Result<Point, String> {
    if !text.contains('@') {
        return text.parse::<Timestamp>().map(Point::Time).map_err(|error| format!("{error}; or accounts/0@100,..."));
    }
    let mut offsets = BTreeMap::new();
    for part in text.split(',') {
        let (at, offset) = place(part.trim()).ok_or_else(|| format!("{part:?} is not TOPIC/PARTITION@OFFSET"))?;
        if offsets.insert(at, offset).is_some() {
            return Err(format!("{at} is named twice"));
        }
    }
    Ok(Point::Offsets(offsets))
}

fn place(text: &str) -> Option<(TopicPartition, u64)> {
    let (at, offset) = text.split_once('@')?;
    let (topic, partition) = at.split_once('/')?;
    let at = TopicPartition::new(Topic::from_name(topic)?, partition.parse().ok()?);
    Some((at, offset.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_a_time_or_offsets() {
        assert_eq!(parse("1970-01-01T00:00:01Z"), Ok(Point::Time(Timestamp(1_000))));
        let at = |partition| TopicPartition::new(Topic::OrderEvents, partition);
        let offsets = Point::Offsets(BTreeMap::from([(at(0), 7), (at(2), 9)]));
        assert_eq!(parse("order-events/0@7, order-events/2@9"), Ok(offsets));
        for text in ["", "yesterday", "accounts@7", "accounts/0@", "accounts/x@1", "money/0@1", "orders/0@1,orders/0@2"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
