//! What is known of one machine, as a script, and what a follower makes of it.

use super::*;
use crate::liveness::Bound;
use hoga_core::records::{Claim, Mark, Progress, SignOfLife};
use hoga_core::{Record, Timestamp};
use std::time::Duration;

const M: MachineKind = MachineKind::Holds;

/// One record: `a>3` a claim of `a` that replaces 3 (`a>` the first), `m3=10` a mark of epoch 3 at 10, `a:own`,
/// `a:by` and `a:` signs of life of `a` that list the machine as owned, stood by for, and not at all.
fn record(step: &str, owners: &Owners) -> Record {
    if let Some((process, replaces)) = step.split_once('>') {
        let (replaces, process) = (replaces.parse().ok(), process.into());
        return Record::Claim(Claim { machine: M, partition: 0, replaces, epoch: None, process });
    }
    if let Some((process, how)) = step.split_once(':') {
        let epoch = (how == "own").then(|| owners.of(M, 0).unwrap().epoch);
        let listed = Progress { machine: M, partition: 0, epoch, next_offset: 0 };
        let progress = if how.is_empty() { Vec::new() } else { vec![listed] };
        return Record::SignOfLife(SignOfLife { process: process.into(), progress });
    }
    let (epoch, next_offset) = step[1..].split_once('=').unwrap();
    let (epoch, next_offset) = (epoch.parse().unwrap(), next_offset.parse().unwrap());
    Record::Mark(Mark { machine: M, partition: 0, epoch, next_offset, outputs: Vec::new() })
}

/// Reads a script, a record each 300 ms; `me` is the process that judges.
fn read(script: &str) -> (Owners, Liveness) {
    let bound = Bound::new(Duration::from_millis(1_000));
    let (mut owners, mut liveness) = (Owners::default(), Liveness::new("me", bound));
    for (offset, step) in script.split_whitespace().enumerate() {
        let record = record(step, &owners);
        assert!(owners.apply(offset as u64, Timestamp(300 * offset as i64), &record));
        liveness.update(&owners);
    }
    (owners, liveness)
}

/// What a follower at offset 10 decides, in each of three holds: wanted and may be taken, wanted and was, standby.
fn check(script: &str, expected: [&str; 3]) {
    let (owners, liveness) = read(script);
    let holds = [(Role::Wanted, true), (Role::Wanted, false), (Role::Standby, false)];
    let decided = holds.map(|(role, may_take)| {
        let hold = Hold { role, may_take };
        let view = View { owners: &owners, liveness: &liveness, me: "me", machine: M, partition: 0, hold, at: 10 };
        let Decision::Claim { replaces, why } = decide(&view) else { return "follow" };
        assert_eq!(replaces, owners.of(M, 0).map(|owned| owned.epoch));
        let (name, owner, words) = match &why {
            Why::Unclaimed => ("unclaimed", "", "nobody has claimed it".to_owned()),
            Why::Silent { owner } => ("silent", owner.as_str(), format!("process {owner} is silent")),
            Why::GivenAway { owner } => ("given away", owner.as_str(), format!("process {owner} gives it away")),
            Why::Wanted { owner } => ("wanted", owner.as_str(), format!("it is wanted here, process {owner} has it")),
        };
        assert_eq!((why.to_string(), owner), (words, owners.of(M, 0).map_or("", |owned| owned.process.as_str())));
        name
    });
    assert_eq!(decided, expected, "{script}");
}

#[test]
fn what_nobody_claimed_is_claimed_at_once_if_wanted_and_after_the_bound_if_not() {
    check("", ["unclaimed", "unclaimed", "follow"]);
    check("me:by me:by me:by me:by", ["unclaimed", "unclaimed", "follow"]);
    check("me:by me:by me:by me:by me:by", ["unclaimed"; 3]);
    check("a:by a:by a:by a:by a:by a:by", ["unclaimed", "unclaimed", "follow"]);
}

#[test]
fn a_living_owner_keeps_what_it_lists_unless_it_is_wanted_here() {
    check("a> a:own me:by", ["wanted", "follow", "follow"]);
    check("a> a:own me:by me:by me:by a:own me:by me:by", ["wanted", "follow", "follow"]);
    // Its claim is as good as a sign.
    check("me:by me:by me:by me:by a> me:by", ["wanted", "follow", "follow"]);
}

#[test]
fn a_silent_owner_is_replaced_by_whoever_stands_by() {
    check("a> a:own me:by me:by me:by me:by", ["wanted", "follow", "follow"]);
    check("a> a:own me:by me:by me:by me:by me:by", ["silent"; 3]);
    // Others' signs say nothing about this process's own hearing.
    check("a> a:own b:by b:by b:by b:by b:by b:by", ["wanted", "follow", "follow"]);
}

#[test]
fn what_an_owner_does_not_list_any_more_is_taken_at_once() {
    check("a> a:own a:", ["given away"; 3]);
    check("a> a:by", ["wanted", "follow", "follow"]);
    // What it said before its claim does not count.
    check("a: a> me:by", ["wanted", "follow", "follow"]);
    check("me> me:own", ["given away"; 3]);
}

#[test]
fn who_is_behind_the_newest_mark_does_not_claim() {
    check("a> m0=11 a:own a:", ["follow"; 3]);
    check("a> m0=11 a:own me:by me:by me:by me:by me:by", ["follow"; 3]);
    check("a> m0=10 a:own a:", ["given away"; 3]);
    check("a> m0=11 a:own me:by", ["follow"; 3]);
}

#[test]
fn a_standby_is_another_process_that_lives_and_lists_the_machine_unowned() {
    let check = |script: &str, expected: bool| {
        let (owners, liveness) = read(script);
        assert_eq!(has_standby(&owners, &liveness, "me", M, 0), expected, "{script}");
    };
    check("me> me:own", false);
    check("me> me:own a:by", true);
    check("me> me:own me:by", false);
    check("me> me:own a:by a:", false);
    check("me> a:by me:own me:own me:own me:own", false);
    check("me> a:by me:own me:own me:own", true);
    check("me> a> me:own", false);
}

#[test]
fn each_reason_has_its_words() {
    let owner = || "b".to_owned();
    for (why, words) in [
        (Why::Unclaimed, "nobody has claimed it"),
        (Why::Silent { owner: owner() }, "process b is silent"),
        (Why::GivenAway { owner: owner() }, "process b gives it away"),
        (Why::Wanted { owner: owner() }, "it is wanted here, process b has it"),
    ] {
        assert_eq!(why.to_string(), words);
    }
}
