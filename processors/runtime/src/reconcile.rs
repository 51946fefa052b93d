//! Recomputes what every machine had to write from what it had to read, and compares it with what stands in the log,
//! record by record.
//!
//! Reads every partition but `owners` once, from its start (or its cut) to its end as it was at first; writes nothing.
//! Each accepted record is compared with what is due in its channel (`matcher`) and given to the machine that reads
//! its partition (`player`), whose effects are due from then on.
//!
//! Invariants:
//! 1. A machine is judged by the input that stands there: a record that is wrong is told where it stands, once, and
//!    again only where what was made of it differs.
//! 2. A record is compared once its cause was applied. It waits for that, while the partition of its cause is read on;
//!    causes stand before effects, so nobody waits in a circle, and who claims to is told.
//! 3. Memory: the machines' states, one batch a partition, and what is due and not met. The partition to which most is
//!    due is read next, so that is about how far machines were behind their inputs at a time, not how long the log is:
//!    what owners had not delivered (`Limits::undelivered_records`), and what stood in `accounts` ahead of holds
//!    (`Limits::accounts_ahead_records`).
//! 4. A machine may be at work meanwhile. What the newest mark does not cover may not be there yet, and what is caused
//!    by records past the ends is left out: neither is a difference.
//! 5. What was not compared is named, with the reason. Where an input is cut its machine goes on from its oldest
//!    usable snapshot, which then stands for what was before.
//!
//! Left out on purpose: `owners` (who owned what is the channels' to judge), records that no machine writes (they are
//! taken as given), and repair.

mod covered;
mod difference;
mod matcher;
mod player;
mod range;
mod source;

pub use covered::{Covered, Left, Why};
pub use difference::{Difference, Differences, What};
pub use range::{Point, Range};

use crate::config::Factory;
use crate::cuts::{CutError, Cuts};
use crate::error::DriverError;
use crate::snapshot::usable::StoredSnapshots;
use hoga_core::records::MarkOutput;
use hoga_core::{MachineKind, Settings, Topic};
use hoga_schemas::{Frame, Origin};
use hoga_topics::owners::Owners;
use hoga_topics::{Accepted, AcceptedBody, ChannelKey, Log, LogError, TopicPartition};
use matcher::{Found, Rest};
use player::{Channels, Covers, Expected, Player};
use source::{Reading, Source, Step};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Records of one partition that are dealt with before another is chosen.
const BURST: usize = 256;

/// What came of a comparison.
#[derive(Debug)]
pub struct Reconciled {
    /// What differs.
    pub differences: Differences,
    /// What was compared, by partition.
    pub covered: Vec<Covered>,
    /// Whether who delivered what is known: without, what is missing at the very ends cannot be told.
    pub without_marks: Option<String>,
    /// The most that was due at a time: records and bytes.
    pub most_due: (usize, usize),
}

impl Reconciled {
    /// Whether everything that was asked for was compared.
    pub fn is_whole(&self) -> bool {
        self.without_marks.is_none() && self.covered.iter().all(Covered::is_whole)
    }
}

/// What to compare.
pub struct Comparison<'a> {
    /// What is known where the log is cut.
    pub cuts: &'a Cuts,
    /// The log, and its machines' snapshots.
    pub snapshots: &'a StoredSnapshots,
    /// Makes machines.
    pub factory: &'a Factory,
    /// What they are made with.
    pub settings: &'a Settings,
    /// Which records.
    pub range: Range,
    /// How many differences are told in words.
    pub told: usize,
}

/// A comparison at work.
pub struct Reconciler {
    log: Arc<dyn Log>,
    range: Range,
    sources: Vec<Source>,
    channels: Channels,
    players: Vec<Player>,
    by_channel: BTreeMap<ChannelKey, usize>,
    /// The machine that reads a source.
    readers: Vec<Option<usize>>,
    differences: Differences,
    without_marks: Option<String>,
    most_due: (usize, usize),
}

/// What a record needs before it can be compared.
enum Verdict {
    Compare,
    /// The source of its cause has to be read past it.
    Wait {
        source: usize,
        past: u64,
    },
    Leave(Why),
    /// Its cause is not there.
    NoCause,
}

impl Reconciler {
    /// Finds the ends of everything and the machines' beginnings.
    ///
    /// # Errors
    /// When the log or the stores of cuts and snapshots do not answer.
    pub fn begin(comparison: Comparison<'_>) -> Result<Self, CutError> {
        let Comparison { cuts, snapshots, factory, settings, range, told } = comparison;
        let log = Arc::clone(&snapshots.log);
        // Marks first: what they cover is there when the ends are asked for.
        let (owners, without_marks) = owners(&*log, cuts)?;
        let (mut sources, mut index) = (Vec::new(), BTreeMap::new());
        for topic in Topic::ALL.iter().copied().filter(|topic| *topic != Topic::Owners) {
            for at in (0..log.partitions(topic)).map(|partition| TopicPartition::new(topic, partition)) {
                index.insert(at, sources.len());
                sources.push(Source::open(&*log, cuts, at, &range)?);
            }
        }
        let mut this = Self {
            log,
            range,
            channels: sources.iter().map(|_| BTreeMap::new()).collect(),
            readers: vec![None; sources.len()],
            sources,
            players: Vec::new(),
            by_channel: BTreeMap::new(),
            differences: Differences::keeping(told),
            without_marks,
            most_due: (0, 0),
        };
        for kind in MachineKind::ALL.iter().copied() {
            for partition in 0..this.log.partitions(kind.input()) {
                let machine = factory(kind, partition, settings);
                this.add(Player::open(snapshots, &owners, machine, partition, &index)?);
            }
        }
        this.check_marks(&owners, &index);
        for source in 0..this.sources.len() {
            if this.sources[source].is_over() {
                this.over(source);
            }
        }
        Ok(this)
    }

    fn add(&mut self, player: Player) {
        let (place, channel) = (self.players.len(), player.channel);
        for source in player.outputs() {
            self.channels[source].entry(channel).or_default();
        }
        for source in player.outputs() {
            for (cut, number) in self.sources[source].cut_numbers().filter(|(cut, _)| *cut == channel) {
                self.channels[source].get_mut(&cut).expect("made above").cut_number = number;
            }
        }
        self.readers[player.input] = Some(place);
        self.by_channel.insert(channel, place);
        self.players.push(player);
    }

    /// What marks tell has to be there: they are written once it is.
    fn check_marks(&mut self, owners: &Owners, index: &BTreeMap<TopicPartition, usize>) {
        for (machine, partition, owned) in owners.machines() {
            let Some(standing) = &owned.mark else { continue };
            let channel = ChannelKey { machine, partition };
            let mut tell = |at: TopicPartition, end: u64, told: u64| {
                let what = format!("the mark of {channel} in owners at {} tells of offset {told}", standing.offset);
                self.differences.add(Difference::at(at, end, What::Lost(format!("{what}, it ends here"))).by(channel));
            };
            let end = |at: TopicPartition| index.get(&at).map(|source| self.sources[*source].end);
            let input = TopicPartition::new(machine.input(), partition);
            if let Some(end) = end(input).filter(|end| standing.mark.next_offset > *end) {
                tell(input, end, standing.mark.next_offset - 1);
            }
            for MarkOutput { topic, partition, number, offset, .. } in &standing.mark.outputs {
                let output = TopicPartition::new(*topic, *partition);
                let expected = index.get(&output).and_then(|source| self.channels[*source].get_mut(&channel));
                if let Some(expected) = expected {
                    expected.delivered_number = *number;
                }
                if let Some(end) = end(output).filter(|end| offset >= end) {
                    tell(output, end, *offset);
                }
            }
        }
    }

    /// How far it is: offsets that are dealt with, of all.
    pub fn progress(&self) -> (u64, u64) {
        let done = |source: &Source| source.done.saturating_sub(source.covered.bounds.start);
        let all = |source: &Source| source.end - source.covered.bounds.start;
        (self.sources.iter().map(done).sum(), self.sources.iter().map(all).sum())
    }

    /// Goes on for some hundred records; false: it is done.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn step(&mut self) -> Result<bool, LogError> {
        let Some(first) = self.choose() else { return Ok(false) };
        // Whoever waits, and until which offset of another source; the last is at work.
        let mut waiting = vec![(first, u64::MAX)];
        let mut left = BURST;
        while let Some(&(source, until)) = waiting.last() {
            let at_work = &self.sources[source];
            if at_work.is_over() || at_work.done >= until || (waiting.len() == 1 && left == 0) {
                waiting.pop();
                continue;
            }
            left = left.saturating_sub(1);
            if let Some(on) = self.one(source, &waiting)? {
                waiting.push(on);
            }
        }
        Ok(true)
    }

    /// The source to read next: the one to which most is due, so that little is due at a time.
    fn choose(&mut self) -> Option<usize> {
        let (mut chosen, mut most, mut all) = (None, 0, (0, 0));
        for (place, (source, channels)) in self.sources.iter().zip(&self.channels).enumerate() {
            let (records, bytes) = channels.values().fold((0, 0), |sum, expected| {
                let (records, bytes) = expected.matcher.owed();
                (sum.0 + records, sum.1 + bytes)
            });
            all = (all.0 + records, all.1 + bytes);
            if !source.is_over() && (chosen.is_none() || bytes > most) {
                (chosen, most) = (Some(place), bytes);
            }
        }
        self.most_due = self.most_due.max((all.0, all.1));
        chosen
    }

    /// Deals with the next record of a source; if that has to wait: for which source, and until where.
    fn one(&mut self, source: usize, waiting: &[(usize, u64)]) -> Result<Option<(usize, u64)>, LogError> {
        match self.sources[source].step(&*self.log, &self.range)? {
            Step::Record => {}
            Step::Over => {
                self.over(source);
                return Ok(None);
            }
            Step::Broke { offset, why } => {
                let difference = Difference::at(self.sources[source].at, offset, What::Broken(why));
                self.differences.add(difference);
                self.over(source);
                return Ok(None);
            }
        }
        if let AcceptedBody::Record(Frame { origin: Some(origin), .. }) = self.sources[source].current().body {
            match self.verdict(&origin)? {
                Verdict::Wait { source: on, past } if waiting.iter().all(|(waits, _)| *waits != on) => {
                    return Ok(Some((on, past)));
                }
                // It would wait for what waits for it: its cause comes after it.
                Verdict::Wait { .. } | Verdict::NoCause => self.no_cause(source, &origin),
                Verdict::Leave(why) => self.leave(source, why, &origin),
                Verdict::Compare => self.compare(source, &origin),
            }
        } else {
            let source = &mut self.sources[source];
            source.covered.given += u64::from(source.asked);
        }
        self.play(source);
        self.sources[source].pass();
        Ok(None)
    }

    fn verdict(&self, origin: &Origin) -> Result<Verdict, LogError> {
        let channel = channel(origin);
        let Some(player) = self.by_channel.get(&channel).map(|place| &self.players[*place]) else {
            return Ok(Verdict::Leave(Why::NoMachine));
        };
        match player.covers(origin.cause) {
            Covers::Yes => {}
            Covers::Before(from) => return Ok(Verdict::Leave(Why::BeforeSnapshot(from))),
            Covers::Never => return Ok(Verdict::Leave(Why::NoSnapshot)),
            Covers::Stopped(at) => return Ok(Verdict::Leave(Why::MachineStopped(at))),
        }
        let input = &self.sources[player.input];
        if input.done > origin.cause {
            return Ok(Verdict::Compare);
        }
        match input.reading {
            Reading::On if origin.cause < input.end => {
                Ok(Verdict::Wait { source: player.input, past: origin.cause + 1 })
            }
            Reading::Broken => Ok(Verdict::Leave(Why::InputUnread)),
            Reading::Range => Ok(Verdict::Leave(Why::Newer)),
            Reading::On | Reading::End => {
                let end = self.log.bounds(input.at)?.end;
                Ok(if origin.cause < end { Verdict::Leave(Why::Newer) } else { Verdict::NoCause })
            }
        }
    }

    fn leave(&mut self, source: usize, why: Why, origin: &Origin) {
        let source = &mut self.sources[source];
        if source.asked {
            let offset = source.current().offset;
            source.covered.leave(why, Some(channel(origin)), offset, offset + 1);
        }
    }

    fn no_cause(&mut self, source: usize, origin: &Origin) {
        let Source { at, asked, .. } = self.sources[source];
        if asked {
            let offset = self.sources[source].current().offset;
            let difference = Difference::at(at, offset, What::NoCause).by(channel(origin));
            self.differences.add(Difference { cause: Some(origin.cause), ..difference });
        }
    }

    fn compare(&mut self, place: usize, origin: &Origin) {
        let Self { sources, channels, differences, .. } = self;
        let source = &mut sources[place];
        let (at, channel, asked) = (source.at, channel(origin), source.asked);
        let Accepted { offset, key, body: AcceptedBody::Record(frame), .. } = source.current() else {
            unreachable!("only records have an origin")
        };
        let found = Found { offset, cause: origin.cause, kind: frame.kind, key, content: frame.content, asked };
        let mut tell = |told| differences.told(at, channel, told);
        match channels[place].get_mut(&channel) {
            Some(expected) => expected.matcher.found(found, &mut tell),
            None => unreachable!("a reader accepts of a machine only what goes to a topic that it writes"),
        }
        source.covered.compared += u64::from(asked);
    }

    /// Gives the current record to the machine that reads it.
    fn play(&mut self, place: usize) {
        let Self { sources, channels, players, readers, differences, .. } = self;
        let Some(player) = readers[place].map(|reader| &mut players[reader]) else { return };
        let (accepted, channel) = (sources[place].current(), player.channel);
        let mut tell = |to: usize, told| differences.told(sources[to].at, channel, told);
        let Err(error) = player.apply(&accepted, channels, &mut tell) else { return };
        // What is wrong with the record itself comes first: it may be why the machine stops.
        let (at, offset) = (sources[place].at, accepted.offset);
        for (channel, expected) in &mut channels[place] {
            expected.matcher.settle(&mut |told| differences.told(at, *channel, told));
        }
        differences.add(Difference::at(at, offset, What::Stopped(stopped(error))).by(channel));
    }

    /// Nothing more is read of a source: what is due there from now on is judged at once.
    fn over(&mut self, place: usize) {
        let Self { sources, channels, players, by_channel, differences, .. } = self;
        let source = &mut sources[place];
        for (channel, Expected { matcher, delivered_number, .. }) in &mut channels[place] {
            let delivered = players[by_channel[channel]].delivered;
            let rest = match (source.reading, source.gap(*channel)) {
                (Reading::End, Some((number, since))) if number <= *delivered_number => {
                    differences.add(Difference::at(source.at, since, What::Gap(number)).by(*channel));
                    source.covered.leave(Why::BehindGap, Some(*channel), since, source.end);
                    Rest::Gap { since, delivered }
                }
                (Reading::End, _) => Rest::Read { end: source.end, delivered },
                (Reading::On | Reading::Range | Reading::Broken, _) => Rest::Unread,
            };
            matcher.finish(rest, &mut |told| differences.told(source.at, *channel, told));
        }
    }

    /// What came of it, once it is done.
    pub fn finish(self) -> Reconciled {
        let Self { sources, channels, differences, without_marks, most_due, .. } = self;
        let mut covered = Vec::new();
        for (source, channels) in sources.into_iter().zip(channels) {
            let mut one = source.into_covered();
            one.under_way = channels.values().map(|expected| expected.matcher.under_way).sum();
            covered.push(one);
        }
        Reconciled { differences, covered, without_marks, most_due }
    }
}

fn channel(origin: &Origin) -> ChannelKey {
    ChannelKey { machine: origin.machine, partition: origin.partition }
}

/// Why a machine cannot go on, without the place: that is told with it.
fn stopped(error: DriverError) -> String {
    match error {
        DriverError::MachineStop { why, .. } => why,
        error => error.to_string(),
    }
}

/// Who delivered what; and if that is not known, why.
fn owners(log: &dyn Log, cuts: &Cuts) -> Result<(Owners, Option<String>), CutError> {
    match cuts.owners(log) {
        Ok(view) => Ok((view.owners().clone(), None)),
        Err(error @ (CutError::Missing { .. } | CutError::Unfit { .. })) => {
            Ok((Owners::default(), Some(error.to_string())))
        }
        Err(error) => Err(error),
    }
}
