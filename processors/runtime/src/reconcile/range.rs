//! Which records are to be compared: from a point on, up to a point. Machines are replayed from their beginning all the same.

use hoga_core::Timestamp;
use hoga_topics::TopicPartition;
use std::collections::BTreeMap;

/// A place in every partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Point {
    /// The first record of each partition that was appended at or after a time.
    Time(Timestamp),
    /// An offset in some partitions.
    Offsets(BTreeMap<TopicPartition, u64>),
}

impl Point {
    /// Whether a record stands at or behind it; `unnamed` is said of partitions that it does not name.
    fn reached(&self, at: TopicPartition, offset: u64, time: Timestamp, unnamed: bool) -> bool {
        match self {
            Self::Time(point) => time >= *point,
            Self::Offsets(points) => points.get(&at).map_or(unnamed, |point| offset >= *point),
        }
    }
}

/// From a point to a point; a partition that one of them does not name is compared from its start, or to its end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Range {
    /// The first record.
    pub from: Option<Point>,
    /// The first record that is not compared any more.
    pub to: Option<Point>,
}

impl Range {
    /// Whether it has begun at a record.
    pub(super) fn begun(&self, at: TopicPartition, offset: u64, time: Timestamp) -> bool {
        self.from.as_ref().is_none_or(|from| from.reached(at, offset, time, true))
    }

    /// Whether it is over at a record.
    pub(super) fn over(&self, at: TopicPartition, offset: u64, time: Timestamp) -> bool {
        self.to.as_ref().is_some_and(|to| to.reached(at, offset, time, false))
    }

    /// Whether it may want what stands before an offset at which the partition begins, as far as offsets tell.
    pub(super) fn wants_before(&self, at: TopicPartition, start: u64) -> bool {
        match &self.from {
            Some(Point::Offsets(points)) => points.get(&at).is_none_or(|from| *from < start),
            Some(Point::Time(_)) | None => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hoga_core::Topic;

    #[test]
    fn a_range_is_from_its_first_record_up_to_the_one_after_its_last() {
        let at = |partition| TopicPartition::new(Topic::Books, partition);
        let named =
            Range { from: Some(Point::Offsets([(at(0), 10)].into())), to: Some(Point::Offsets([(at(0), 20)].into())) };
        let timed = Range { from: Some(Point::Time(Timestamp(10))), to: Some(Point::Time(Timestamp(20))) };
        for (number, inside) in [(9, (false, false)), (10, (true, false)), (19, (true, false)), (20, (true, true))] {
            let (offset, time) = (number, Timestamp(number as i64));
            assert_eq!((named.begun(at(0), offset, Timestamp(0)), named.over(at(0), offset, Timestamp(0))), inside);
            assert_eq!((timed.begun(at(0), 0, time), timed.over(at(0), 0, time)), inside);
        }
        // A partition that is not named is compared whole.
        assert_eq!((named.begun(at(1), 0, Timestamp(0)), named.over(at(1), 99, Timestamp(0))), (true, false));
        let before = |range: &Range, partition, start| range.wants_before(at(partition), start);
        assert_eq!([9, 10, 11].map(|start| before(&named, 0, start)), [false, false, true]);
        assert!(before(&named, 1, 0) && before(&timed, 0, 0) && before(&Range::default(), 0, 0));
    }
}
