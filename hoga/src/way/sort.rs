//! Records in causal order: each behind its cause, else by time, then topic by topic, in the order of offsets.
//!
//! Times alone do not do: they are whole milliseconds, and each broker stamps with its own clock.

use super::{Place, Step};
use hoga_core::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// All steps, each behind its cause if that is among them.
pub fn by_cause(mut steps: BTreeMap<Place, Step>) -> Vec<Step> {
    let mut effects = BTreeMap::<Place, Vec<Place>>::new();
    let mut ready = BTreeSet::<(Timestamp, Place)>::new();
    for step in steps.values() {
        match step.cause.filter(|cause| steps.contains_key(cause)) {
            Some(cause) => effects.entry(cause).or_default().push(step.at),
            None => drop(ready.insert((step.time, step.at))),
        }
    }
    let mut sorted = Vec::with_capacity(steps.len());
    while let Some((_, place)) = ready.pop_first() {
        ready.extend(effects.remove(&place).into_iter().flatten().map(|effect| (steps[&effect].time, effect)));
        sorted.extend(steps.remove(&place));
    }
    // Records that name each other as their causes, which nobody writes, stand at the end.
    sorted.extend(steps.into_values());
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;
    use Topic::{Accounts, Books, Executions, Journal, Orders};
    use hoga_core::records::Clock;
    use hoga_core::{Record, Topic};
    use hoga_topics::TopicPartition;

    fn step(topic: Topic, offset: u64, time: i64, cause: Option<(Topic, u64)>) -> (Place, Step) {
        let place = |topic, offset| (TopicPartition::new(topic, 0), offset);
        let (at, time) = (place(topic, offset), Timestamp(time));
        let cause = cause.map(|(topic, offset)| place(topic, offset));
        (at, Step { at, time, cause, record: Record::Clock(Clock { time }) })
    }

    #[test]
    fn causes_go_before_times_and_times_before_topics() {
        let steps = [
            step(Orders, 5, 10, None),
            step(Accounts, 7, 10, Some((Orders, 5))),
            step(Books, 3, 9, Some((Accounts, 7))),
            step(Journal, 4, 12, Some((Accounts, 8))),
            step(Accounts, 8, 11, Some((Books, 3))),
            step(Executions, 1, 11, Some((Books, 3))),
        ];
        let sorted: Vec<_> = by_cause(steps.into()).into_iter().map(|step| step.at.0.topic).collect();
        assert_eq!(sorted, [Orders, Accounts, Books, Accounts, Executions, Journal]);
    }
}
