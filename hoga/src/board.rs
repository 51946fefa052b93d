//! Who has which machine, told as it changes: for people who watch a process that shares its log with others.
//!
//! Reads the machines' statuses and `owners`; says what is new in lines of their own, partitions of one machine together.
//!
//! Invariant: a change is told once, with the process that was the other side of it, as far as `owners` names it; also a
//! takeover that was over before anybody looked.

use crate::exit::Failure;
use crate::site::Site;
use hoga_core::MachineKind;
use hoga_runtime::{Alarms, Cuts, MachinePhase, MachineStatus};
use hoga_topics::Log;
use hoga_topics::owners::OwnersView;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What was told of a machine's partition.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Told {
    /// It is worked on here.
    Owned,
    /// This process stands by; whom it follows, if anybody.
    Follows(Option<String>),
}

/// What was told so far.
pub struct Board {
    log: Arc<dyn Log>,
    cuts: Cuts,
    owners: OwnersView,
    /// This process's name in `owners`.
    process: String,
    told: BTreeMap<(MachineKind, u32), Told>,
    /// Who else had a machine's partition last.
    others: BTreeMap<(MachineKind, u32), String>,
    alarms: Vec<String>,
}

impl Board {
    /// Nothing was told yet. Made before the process's machines begin, it knows whom they replace.
    pub fn new(site: &Site) -> Result<Self, Failure> {
        let (log, cuts) = (Arc::clone(&site.log), site.cuts()?);
        let owners = cuts.owners(&*log)?;
        let (process, told, others) = (String::new(), BTreeMap::new(), BTreeMap::new());
        Ok(Self { log, cuts, owners, process, told, others, alarms: Vec::new() })
    }

    /// Tells of this process, by its name in `owners`.
    pub fn of(self, process: &str) -> Self {
        Self { process: process.to_owned(), ..self }
    }

    /// Who else has a machine's partition.
    fn other(&self, (machine, partition): (MachineKind, u32)) -> Option<String> {
        let owner = self.owners.owners().of(machine, partition).map(|owned| &owned.process);
        owner.filter(|owner| **owner != self.process).cloned()
    }

    fn note_others(&mut self, statuses: &[MachineStatus]) {
        let keys = statuses.iter().map(|status| (status.kind, status.partition));
        let noted: Vec<_> = keys.filter_map(|key| Some((key, self.other(key)?))).collect();
        self.others.extend(noted);
    }

    /// What has changed since the last call.
    pub fn news(&mut self, statuses: &[MachineStatus]) -> Result<Vec<String>, Failure> {
        self.note_others(statuses);
        self.cuts.follow(&*self.log, &mut self.owners)?;
        self.note_others(statuses);
        let mut lines = Lines::default();
        for status in statuses {
            let key = (status.kind, status.partition);
            let Some(now) = told(&status.phase, self.other(key)) else { continue };
            let before = self.told.get(&key);
            if before != Some(&now) {
                lines.add(&change(before, &now, self.others.get(&key)), key);
                self.told.insert(key, now);
            }
        }
        Ok(lines.finish())
    }

    /// What calls for a person and was not told yet: parked channels, refused clocks, forged records.
    pub fn alarms(&mut self, statuses: &[MachineStatus]) -> Vec<String> {
        let alarmed = statuses.iter().filter(|status| status.alarms.any());
        let now: Vec<_> = alarmed.map(|s| format!("{}/{}: {}", s.kind, s.partition, words(&s.alarms))).collect();
        let new = now.iter().filter(|alarm| !self.alarms.contains(alarm)).cloned().collect();
        self.alarms = now;
        new
    }

    /// What became of the machines that were this process's when it stopped.
    pub fn parting(&mut self) -> Result<Vec<String>, Failure> {
        self.cuts.follow(&*self.log, &mut self.owners)?;
        let mut lines = Lines::default();
        for ((machine, partition), told) in &self.told {
            let owner = self.owners.owners().of(*machine, *partition).map(|owned| owned.process.as_str());
            match owner.filter(|owner| *owner != self.process) {
                Some(other) => match told {
                    Told::Owned => lines.add(&format!("handed over to {other}"), (*machine, *partition)),
                    Told::Follows(_) => {}
                },
                None if *told == Told::Owned => {
                    lines.add(
                        "left to whoever starts next; all is delivered, a snapshot is stored",
                        (*machine, *partition),
                    );
                }
                None => {}
            }
        }
        Ok(lines.finish())
    }
}

fn words(alarms: &Alarms) -> String {
    let parked = alarms.parked.iter().map(|parked| {
        let (channel, missing, since) = (parked.channel, parked.missing, parked.since);
        format!(
            "number {missing} of the channel of {}/{} is missing since offset {since}",
            channel.machine, channel.partition
        )
    });
    let counted = [
        (alarms.refused_clocks, "clock records were appended too late and not counted"),
        (alarms.forged, "records in its input were forged and dropped"),
    ];
    let counted = counted.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
    parked.chain(counted).collect::<Vec<_>>().join("; ")
}

/// What there is to tell of a phase; nothing while it is on its way.
fn told(phase: &MachinePhase, other: Option<String>) -> Option<Told> {
    match phase {
        MachinePhase::Running => Some(Told::Owned),
        MachinePhase::Following { .. } => Some(Told::Follows(other)),
        _ => None,
    }
}

/// `other`: who else had it last.
fn change(before: Option<&Told>, now: &Told, other: Option<&String>) -> String {
    match (before, now) {
        (_, Told::Owned) => match other {
            Some(from) => format!("owned here now, taken over from {from}"),
            None => "owned here now".into(),
        },
        (Some(Told::Owned), Told::Follows(Some(by))) => {
            format!("lost to {by}, which has claimed it; standing by")
        }
        (_, Told::Follows(Some(whom))) => format!("standing by, owned by {whom}"),
        (_, Told::Follows(None)) => "standing by, owned by nobody yet".into(),
    }
}

/// Machines' partitions by what is said of them.
#[derive(Default)]
struct Lines(BTreeMap<String, BTreeMap<MachineKind, Vec<u32>>>);

impl Lines {
    fn add(&mut self, said: &str, (machine, partition): (MachineKind, u32)) {
        self.0.entry(said.to_owned()).or_default().entry(machine).or_default().push(partition);
    }

    fn finish(self) -> Vec<String> {
        let line = |(said, machines): (String, BTreeMap<MachineKind, Vec<u32>>)| {
            let names: Vec<_> = machines.iter().map(|(kind, list)| format!("{kind}/{}", ranges(list))).collect();
            format!("{}: {said}", names.join(", "))
        };
        self.0.into_iter().map(line).collect()
    }
}

/// `0,2-3` of 0, 2 and 3, which are sorted.
pub fn ranges(numbers: &[u32]) -> String {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for number in numbers {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == *number => *last = *number,
            _ => runs.push((*number, *number)),
        }
    }
    let one = |(first, last): &(u32, u32)| if first == last { first.to_string() } else { format!("{first}-{last}") };
    runs.iter().map(one).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_a_row_are_one_range() {
        for (numbers, text) in [(&[][..], ""), (&[4], "4"), (&[0, 2, 3], "0,2-3"), (&[0, 1, 2, 5, 6], "0-2,5-6")] {
            assert_eq!(ranges(numbers), text);
        }
    }

    #[test]
    fn each_change_names_the_other_side() {
        let follows = |whom: &str| Told::Follows(Some(whom.into()));
        for (before, now, other, says) in [
            (None, Told::Owned, None, "owned here now"),
            (None, Told::Owned, Some("p1"), "owned here now, taken over from p1"),
            (Some(follows("p1")), Told::Owned, Some("p1"), "owned here now, taken over from p1"),
            (Some(Told::Follows(None)), Told::Owned, None, "owned here now"),
            (Some(Told::Owned), follows("p2"), Some("p2"), "lost to p2, which has claimed it; standing by"),
            (None, follows("p1"), Some("p1"), "standing by, owned by p1"),
            (None, Told::Follows(None), None, "standing by, owned by nobody yet"),
        ] {
            let other = other.map(str::to_owned);
            assert_eq!(change(before.as_ref(), &now, other.as_ref()), says);
        }
    }

    #[test]
    fn partitions_of_which_the_same_is_said_share_a_line() {
        let mut lines = Lines::default();
        for (machine, partition) in [(MachineKind::Holds, 0), (MachineKind::Holds, 1), (MachineKind::Matching, 3)] {
            lines.add("owned here now", (machine, partition));
        }
        lines.add("standing by, owned by nobody", (MachineKind::Holds, 2));
        let expected = ["holds/0-1, matching/3: owned here now", "holds/2: standing by, owned by nobody"];
        assert_eq!(lines.finish(), expected);
    }
}
