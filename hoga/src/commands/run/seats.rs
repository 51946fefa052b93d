//! Which machines and partitions a process wants, and for which it stands by: from the words of `hoga run`.

use crate::board::ranges;
use crate::exit::Failure;
use hoga_core::MachineKind;
use hoga_runtime::{Role, Seat};
use std::collections::{BTreeMap, BTreeSet};

/// More partitions than any topic has.
const MAX_PARTITION: u32 = 32_767;

/// A word for machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kinds {
    /// Every machine.
    All,
    /// This one.
    One(MachineKind),
}

impl Kinds {
    /// The machines that these words name, each once.
    pub fn machines(words: &[Self]) -> Vec<MachineKind> {
        let named =
            |kind: &MachineKind| words.iter().any(|word| matches!(word, Self::All) || *word == Self::One(*kind));
        MachineKind::ALL.iter().copied().filter(named).collect()
    }
}

/// Partitions as they were given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionList(BTreeSet<u32>);

/// `holds`, or `all`.
pub fn parse_kind(text: &str) -> Result<Kinds, String> {
    if text == "all" {
        return Ok(Kinds::All);
    }
    let found = MachineKind::ALL.iter().find(|kind| kind.name() == text);
    let names: Vec<_> = MachineKind::ALL.iter().map(|kind| kind.name()).collect();
    found.map(|kind| Kinds::One(*kind)).ok_or_else(|| format!("the machines are {}, or all", names.join(", ")))
}

/// `0,2-3`, or `none`.
pub fn parse_list(text: &str) -> Result<PartitionList, String> {
    let needed = || "partitions are written 0,2-3, or none".to_owned();
    let number = |text: &str| text.parse::<u32>().ok().filter(|number| *number <= MAX_PARTITION).ok_or_else(needed);
    let mut partitions = BTreeSet::new();
    for part in text.split(',').filter(|_| text != "none") {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (number(first)?, number(last)?);
        if first > last {
            return Err(format!("{part} goes backwards; {}", needed()));
        }
        partitions.extend(first..=last);
    }
    Ok(PartitionList(partitions))
}

/// What a process is to run.
#[derive(Debug)]
pub struct Plan {
    /// Its seats.
    pub seats: Vec<Seat>,
    /// The same in words.
    pub wanted: String,
}

/// The seats: wanted are `wanted` or all, stood by for are `standby` or all others. A group decides itself what is
/// wanted, so that everything is stood by for at first.
pub fn plan(
    kinds: &[MachineKind],
    partitions_of: impl Fn(MachineKind) -> u32,
    wanted: Option<&PartitionList>,
    standby: Option<&PartitionList>,
    by_group: bool,
) -> Result<Plan, Failure> {
    let most = kinds.iter().map(|kind| partitions_of(*kind)).max().unwrap_or(0);
    for (flag, list) in [("--partitions", wanted), ("--standby", standby)] {
        if let Some(beyond) = list.and_then(|list| list.0.range(most..).next()) {
            let names: Vec<_> = kinds.iter().map(|kind| kind.name()).collect();
            return Err(Failure::Usage(format!(
                "{flag} {beyond}: on this log the partitions of {} are 0 to {}",
                names.join(" and "),
                most.saturating_sub(1)
            )));
        }
    }
    let role = |partition: u32| {
        let listed = |list: Option<&PartitionList>| list.is_none_or(|list| list.0.contains(&partition));
        match (!by_group && listed(wanted), listed(standby) || by_group) {
            (true, _) => Some(Role::Wanted),
            (false, true) => Some(Role::Standby),
            (false, false) => None,
        }
    };
    let of = |machine: MachineKind| {
        let seats = (0..partitions_of(machine)).map(move |partition| (machine, partition));
        seats.filter_map(|(machine, partition)| role(partition).map(|role| Seat { machine, partition, role }))
    };
    let seats: Vec<Seat> = kinds.iter().copied().flat_map(of).collect();
    if seats.is_empty() {
        return Err(Failure::Usage(
            "nothing is left to run or to stand by for: name other --partitions or --standby".into(),
        ));
    }
    let wanted = match by_group {
        true => format!("stands by for {} until the group says more", describe(&seats, Role::Standby)),
        false => format!("wants {}, stands by for {}", describe(&seats, Role::Wanted), describe(&seats, Role::Standby)),
    };
    Ok(Plan { seats, wanted })
}

/// The seats of one role in words.
pub fn describe(seats: &[Seat], role: Role) -> String {
    let mut machines = BTreeMap::<MachineKind, Vec<u32>>::new();
    for seat in seats.iter().filter(|seat| seat.role == role) {
        machines.entry(seat.machine).or_default().push(seat.partition);
    }
    let names: Vec<_> = machines.iter().map(|(kind, list)| format!("{kind}/{}", ranges(list))).collect();
    if names.is_empty() { "nothing".into() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> PartitionList {
        parse_list(text).expect("well formed")
    }

    #[test]
    fn what_is_not_wanted_is_stood_by_for_unless_it_is_said() {
        let kinds = [MachineKind::Control, MachineKind::Holds];
        let partitions = |kind| if kind == MachineKind::Control { 1 } else { 4 };
        for (wanted, standby, by_group, says) in [
            (None, None, false, "wants control/0, holds/0-3, stands by for nothing"),
            (Some("0,2-3"), None, false, "wants control/0, holds/0,2-3, stands by for holds/1"),
            (Some("2"), Some("3"), false, "wants holds/2, stands by for holds/3"),
            (Some("2"), Some("none"), false, "wants holds/2, stands by for nothing"),
            (Some("none"), None, false, "wants nothing, stands by for control/0, holds/0-3"),
            (None, None, true, "stands by for control/0, holds/0-3 until the group says more"),
        ] {
            let (wanted, standby) = (wanted.map(list), standby.map(list));
            let plan = plan(&kinds, partitions, wanted.as_ref(), standby.as_ref(), by_group).expect("possible");
            assert_eq!(plan.wanted, says);
        }
        for (wanted, standby, says) in [
            ("4", "0", "--partitions 4: on this log the partitions of control and holds are 0 to 3"),
            ("0", "2-9", "--standby 4: on this log the partitions of control and holds are 0 to 3"),
            ("none", "none", "nothing is left to run"),
        ] {
            let refused = plan(&kinds, partitions, Some(&list(wanted)), Some(&list(standby)), false).expect_err(says);
            assert!(refused.to_string().starts_with(says), "{refused}");
        }
    }

    #[test]
    fn lists_and_kinds_that_are_none_are_refused() {
        for text in ["", "a", "1,", "-1", "1-", "1..2", "40000", "0 1"] {
            assert!(parse_list(text).is_err(), "{text:?}");
        }
        assert_eq!(parse_list("3-1").unwrap_err(), "3-1 goes backwards; partitions are written 0,2-3, or none");
        assert_eq!(Kinds::machines(&[parse_kind("all").unwrap(), parse_kind("holds").unwrap()]), MachineKind::ALL);
        assert!(parse_kind("books").unwrap_err().contains("matching"));
    }
}
