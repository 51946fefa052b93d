//! Cuts topics: finds the facts, plans ([`hoga_topics::retention`]), reads what is to go, stores what is known behind it,
//! and only then has the log drop it.
//!
//! Invariants:
//! 1. Every fact that a cut relies on (marks, snapshots, channels) is durable: the log is synced after `owners` was read.
//! 2. The time is the log's own, the newest in `owners`: a computer whose clock is wrong cuts nothing by it.
//! 3. Planning changes nothing. Machines may run meanwhile: marks, snapshots and ends only move forward.

use super::format::{CutFile, Known};
use super::{CutError, Cuts, first_record};
use crate::snapshot::usable::StoredSnapshots;
use hoga_schemas::Frame;
use hoga_topics::owners::{OWNERS, Owners};
use hoga_topics::retention::{Facts, Limit, Plan, marked, plan};
use hoga_topics::{
    Accepted, AcceptedBody, Arrival, Bounds, ChannelKey, Log, LogError, OwnersView, TimeMode, TopicPartition,
    Visibility, catalogue,
};

/// Records read at a time.
const BATCH: usize = 4_096;

/// What whoever cuts decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CutOptions {
    /// Usable snapshots of a machine that must stay, at least 1.
    pub snapshots_kept: usize,
    /// Inputs of machines go although no archive has them.
    pub without_archive: bool,
}

/// A partition's cut, planned.
#[derive(Debug)]
pub struct PlannedCut {
    /// Its offsets now.
    pub bounds: Bounds,
    /// How far, and what keeps the rest.
    pub plan: Plan,
    /// What is known there; none where nothing has to be stored.
    known: Option<Known>,
}

impl PlannedCut {
    /// How many offsets would go.
    pub fn offsets(&self) -> u64 {
        self.plan.before - self.bounds.start
    }
}

/// Cuts the topics of one log.
pub struct Cutter<'a> {
    log: &'a dyn Log,
    cuts: &'a Cuts,
    snapshots: &'a StoredSnapshots,
    options: CutOptions,
    owners: Owners,
}

impl<'a> Cutter<'a> {
    /// Reads `owners`.
    ///
    /// # Errors
    /// [`CutError::Recorded`] for a recorded log; else when `owners` cannot be read.
    pub fn new(cuts: &'a Cuts, snapshots: &'a StoredSnapshots, options: CutOptions) -> Result<Self, CutError> {
        let log = &*snapshots.log;
        if log.time_mode() == TimeMode::Recorded {
            return Err(CutError::Recorded);
        }
        let owners = cuts.owners(log)?.owners().clone();
        log.sync()?;
        Ok(Self { log, cuts, snapshots, options, owners })
    }

    /// How far a partition may be cut now.
    ///
    /// # Errors
    /// When the facts cannot be found, or what is to be cut cannot be read.
    pub fn plan(&self, at: TopicPartition) -> Result<PlannedCut, CutError> {
        let facts = self.facts(at)?;
        let mut planned = plan(&facts, self.options.without_archive);
        let known = loop {
            match self.read(at, planned.before)? {
                Found::All(known) => break known,
                // It stands before what was planned: this ends.
                Found::Unmarked { offset, channel } => {
                    planned = Plan { at, before: offset, limit: Limit::Unmarked(channel) };
                }
            }
        };
        Ok(PlannedCut { bounds: facts.bounds, plan: planned, known })
    }

    /// Stores what is known, and has the log drop what is before; the partition's start then.
    ///
    /// # Errors
    /// When the store or the log refuses; what was stored then harms nobody.
    pub fn cut(&self, planned: &PlannedCut) -> Result<u64, CutError> {
        let Plan { at, before, .. } = planned.plan;
        if planned.offsets() == 0 {
            return Ok(planned.bounds.start);
        }
        self.store(planned)?;
        let start = self.log.cut(at, before)?;
        self.cuts.stored(at, before)?.delete_before(at, start)?;
        Ok(start)
    }

    /// Stores what is known where the cut is planned.
    pub(crate) fn store(&self, planned: &PlannedCut) -> Result<(), CutError> {
        let (Plan { at, before: offset, .. }, Some(known)) = (planned.plan, &planned.known) else { return Ok(()) };
        let first = first_record(self.log, at, offset)?;
        Ok(self.cuts.stored(at, offset)?.put(&CutFile { at, offset, first, known: known.clone() })?)
    }

    fn facts(&self, at: TopicPartition) -> Result<Facts, CutError> {
        let bounds = self.log.bounds(at)?;
        let spec = catalogue::of(at.topic);
        let young = match spec.kept.ms() {
            Some(ms) => self.log.offset_at(at, self.owners.newest().plus_ms(-ms))?,
            None => bounds.start,
        };
        let snapshots = match spec.reading_machine() {
            Some(machine) => {
                self.snapshots.usable(&self.owners, machine, at.partition)?.map(|(offset, _)| offset).collect()
            }
            None => Vec::new(),
        };
        let unread = if at == OWNERS { self.unread()? } else { Vec::new() };
        Ok(Facts { at, bounds, young, snapshots, snapshots_kept: self.options.snapshots_kept, unread })
    }

    /// Who has input behind its newest mark, and where that mark (or the claim) stands.
    fn unread(&self) -> Result<Vec<(ChannelKey, u64)>, LogError> {
        let mut unread = Vec::new();
        for (machine, partition, owned) in self.owners.machines() {
            let end = self.log.bounds(TopicPartition::new(machine.input(), partition))?.end;
            if owned.marked() < end {
                let stands = owned.mark.as_ref().map_or(owned.epoch, |standing| standing.offset);
                unread.push((ChannelKey { machine, partition }, stands));
            }
        }
        Ok(unread)
    }

    /// Reads from the start to `until`.
    fn read(&self, at: TopicPartition, until: u64) -> Result<Found, CutError> {
        if at == OWNERS {
            let mut view = OwnersView::resume(self.log, self.cuts.saved_owners(self.log)?)?;
            view.read_to(self.log, until)?;
            return Ok(Found::All(Some(Known::Owners(view.save().owners))));
        }
        if !catalogue::of(at.topic).takes_claims() {
            return Ok(Found::All(None));
        }
        let marked = marked(at, &self.owners);
        let mut reader = self.cuts.reader(self.log, at, Visibility::Durable)?;
        let mut arrival = Arrival::new(self.log, at);
        while reader.position() < until {
            if reader.fill(BATCH)? == 0 {
                arrival.wait(reader.position())?;
                continue;
            }
            arrival.came();
            while let Some(Accepted { offset, body, .. }) = reader.read_filled_before(until)? {
                let AcceptedBody::Record(Frame { origin: Some(origin), .. }) = body else { continue };
                let channel = ChannelKey { machine: origin.machine, partition: origin.partition };
                if marked.get(&channel).is_none_or(|covered| origin.number > *covered) {
                    return Ok(Found::Unmarked { offset, channel });
                }
            }
        }
        Ok(Found::All(Some(Known::Channels(reader.save().channels))))
    }
}

/// What reading up to a cut came to.
enum Found {
    /// Everything is covered by marks; what is known there, where there is something to know.
    All(Option<Known>),
    /// The first record that no mark covers.
    Unmarked { offset: u64, channel: ChannelKey },
}
