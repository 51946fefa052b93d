//! Members of a consumer group.

use super::*;
use std::collections::BTreeSet;

const SESSION: Duration = Duration::from_secs(6);

/// Lets all members take part until each has as many partitions as said; theirs.
fn shared_out(members: &mut [Group], counts: &[usize]) -> Vec<BTreeSet<TopicPartition>> {
    for _ in 0..600 {
        let mut poll = |group: &mut Group| group.poll(Duration::from_millis(100 / counts.len() as u64)).unwrap();
        let assigned: Vec<_> = members.iter_mut().map(&mut poll).collect();
        if assigned.iter().map(BTreeSet::len).eq(counts.iter().copied()) {
            return assigned;
        }
    }
    panic!("the group never came to {counts:?} partitions");
}

#[test]
fn members_share_the_partitions_and_take_over_what_one_leaves() {
    let Some(options) = options() else { return };
    let log = create(&options);
    conformance::append(&log, AT, &["never fetched by the group"]);
    let join = || Group::join(&options, "g", &[MachineKind::Admission, MachineKind::Matching], SESSION).unwrap();
    let all: BTreeSet<TopicPartition> = [Topic::Orders, Topic::Books]
        .into_iter()
        .flat_map(|t| (0..3).map(move |p| TopicPartition::new(t, p)))
        .collect();
    let mut members = vec![join()];
    assert_eq!(shared_out(&mut members, &[6])[0], all);
    members.push(join());
    let halves = shared_out(&mut members, &[3, 3]);
    assert_eq!(&halves[0] | &halves[1], all);
    members.remove(0);
    assert_eq!(shared_out(&mut members, &[6])[0], all);
    conformance::append(&log, AT, &["nor later"]);
    for _ in 0..20 {
        assert!(!members[0].fetches(Duration::from_millis(20)), "a member read a record");
    }
}

#[test]
fn topics_that_are_not_there_are_named() {
    let Some(options) = options() else { return };
    let mut group = Group::join(&options, "g", &[MachineKind::Admission], SESSION).unwrap();
    let error = (0..600).find_map(|_| group.poll(Duration::from_millis(100)).err()).expect("it is told");
    assert!(error.to_string().contains("taking part in the group g, of Kafka at"), "{error}");
}
