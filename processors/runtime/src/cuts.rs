//! What has to be known where a partition was cut: its channels there, and of `owners` who owns what. New readers begin
//! with it. And cutting itself: [`Cutter`].
//!
//! - `format`: one file. `store`: where they lie. `cutter`: how far to cut, and doing it.
//!
//! Invariants:
//! 1. What stands in the store for a partition's start is what a reader from offset 0 would know there.
//! 2. It is stored durably before the log drops anything; what stands for an older start goes only after. A crash in
//!    between leaves something that nobody asks for, and the next cut deletes it.
//! 3. A file belongs to this log: the first record behind the cut is the one that it has seen.
//! 4. A reader never begins silently with less than it has to know.
//!
//! Left out on purpose: positions of readers that keep their own; and repair: what a lost file says cannot be computed
//! from what is left.

mod cutter;
pub(crate) mod format;
mod store;

pub use cutter::{CutOptions, Cutter, PlannedCut};
pub(crate) use store::Stored;

use crate::blocking::BlockingStore;
use crate::error::{DriverError, StoreError};
use crate::snapshot::witness;
use format::{CutFile, Known};
use hoga_topics::owners::OWNERS;
use hoga_topics::{
    AcceptedReader, Log, LogError, OwnersError, OwnersView, ReadError, ReaderPosition, SavedOwners, TopicPartition,
    Visibility, catalogue,
};
use object_store::ObjectStore;
use std::fmt;
use std::sync::Arc;

/// Why a reader cannot begin, or a partition cannot be cut.
#[derive(Debug, thiserror::Error)]
pub enum CutError {
    /// The log refused.
    #[error(transparent)]
    Log(#[from] LogError),
    /// What is to be cut cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The topic `owners` cannot be followed.
    #[error(transparent)]
    Owners(#[from] OwnersError),
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The snapshots cannot be listed.
    #[error(transparent)]
    Snapshots(#[from] DriverError),
    /// The store does not have what was known at the cut.
    #[error(
        "{partition} is cut and begins at {start}; what was known there is not in {place}: name the folder that `hoga topics cut` was given (--data-dir), or restore {place} from a copy"
    )]
    Missing {
        /// Which partition.
        partition: TopicPartition,
        /// Where it begins.
        start: u64,
        /// Where it was looked for.
        place: String,
    },
    /// What the store has does not fit.
    #[error(
        "{partition} is cut and begins at {start}; what is stored for it in {place} does not fit: {why}; restore it from a copy"
    )]
    Unfit {
        /// Which partition.
        partition: TopicPartition,
        /// Where it begins.
        start: u64,
        /// Where it is.
        place: String,
        /// What is wrong with it.
        why: String,
    },
    /// A recorded log is not cut.
    #[error(
        "this is a recorded log: a feed that goes on reads it from its first record; remove its folder instead when it is no longer needed"
    )]
    Recorded,
}

/// What was known at the cuts of a log.
pub struct Cuts {
    pub(crate) store: Option<Stored>,
    /// Its name for people.
    place: String,
}

impl fmt::Debug for Cuts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cuts").field("place", &self.place).finish()
    }
}

impl Cuts {
    /// Cuts in a store; `place` is its name for people.
    ///
    /// # Errors
    /// When the system gives no means to drive the store.
    pub fn new(store: Arc<dyn ObjectStore>, place: impl Into<String>) -> std::io::Result<Self> {
        Ok(Self { store: Some(Stored(BlockingStore::new(store)?)), place: place.into() })
    }

    /// No cuts, because there is nothing at a place where they would be: enough for a log that was never cut.
    pub fn none(place: impl Into<String>) -> Self {
        Self { store: None, place: place.into() }
    }

    /// Where a new reader of a partition begins: its start, and its channels there.
    ///
    /// # Errors
    /// [`CutError::Missing`] or [`CutError::Unfit`] when it was cut and the channels are not known.
    pub fn position(&self, log: &dyn Log, at: TopicPartition) -> Result<ReaderPosition, CutError> {
        let offset = log.bounds(at)?.start;
        // Where no machine writes there are no channels.
        if offset == 0 || !catalogue::of(at.topic).takes_claims() {
            return Ok(ReaderPosition { offset, ..ReaderPosition::default() });
        }
        match self.known(log, at, offset)? {
            Known::Channels(channels) => Ok(ReaderPosition { offset, channels }),
            Known::Owners(_) => Err(self.unfit(at, offset, "it is a view of owners".into())),
        }
    }

    /// A reader of a partition's accepted records from its start on.
    ///
    /// # Errors
    /// As [`Self::position`].
    pub fn reader(
        &self,
        log: &dyn Log,
        at: TopicPartition,
        visibility: Visibility,
    ) -> Result<AcceptedReader, CutError> {
        until_it_stands(log, at, || Ok(AcceptedReader::open(log, at, self.position(log, at)?, visibility)?))
    }

    /// A view of all that `owners` says now.
    ///
    /// # Errors
    /// [`CutError::Missing`] or [`CutError::Unfit`] when it was cut and what it said before is not known.
    pub fn owners(&self, log: &dyn Log) -> Result<OwnersView, CutError> {
        until_it_stands(log, OWNERS, || {
            let mut view = OwnersView::resume(log, self.saved_owners(log)?)?;
            view.read_all(log)?;
            Ok(view)
        })
    }

    /// Reads a view on to the end; whether there was anything new. One that was behind a cut (its process was asleep)
    /// goes on from what is stored for it.
    ///
    /// # Errors
    /// As [`Self::owners`].
    pub fn follow(&self, log: &dyn Log, view: &mut OwnersView) -> Result<bool, CutError> {
        let polled = view.poll();
        self.or_begin_again(log, view, polled)
    }

    /// As [`Self::follow`], but to the end of all that is there now, also where a log brings it later.
    ///
    /// # Errors
    /// As [`Self::owners`].
    pub fn follow_to_end(&self, log: &dyn Log, view: &mut OwnersView) -> Result<bool, CutError> {
        let before = view.position();
        let read = view.read_all(log).map(|()| view.position() > before);
        self.or_begin_again(log, view, read)
    }

    fn or_begin_again(
        &self,
        log: &dyn Log,
        view: &mut OwnersView,
        read: Result<bool, OwnersError>,
    ) -> Result<bool, CutError> {
        match read {
            Err(OwnersError::Cut { .. }) => {
                *view = self.owners(log)?;
                Ok(true)
            }
            other => Ok(other?),
        }
    }

    /// What was known of `owners` at its start.
    fn saved_owners(&self, log: &dyn Log) -> Result<SavedOwners, CutError> {
        let offset = log.bounds(OWNERS)?.start;
        if offset == 0 {
            return Ok(SavedOwners::default());
        }
        match self.known(log, OWNERS, offset)? {
            Known::Owners(owners) => Ok(SavedOwners { offset, owners }),
            Known::Channels(_) => Err(self.unfit(OWNERS, offset, "it is a table of channels".into())),
        }
    }

    fn known(&self, log: &dyn Log, at: TopicPartition, start: u64) -> Result<Known, CutError> {
        let bytes = self.stored(at, start)?.get(at, start)?.ok_or_else(|| self.missing(at, start))?;
        let CutFile { at: of, offset, first, known } =
            format::decode(&bytes).map_err(|why| self.unfit(at, start, why))?;
        if (of, offset) != (at, start) {
            return Err(self.unfit(at, start, format!("it is of {of} at {offset}")));
        }
        if first.is_some() && first != first_record(log, at, start)? {
            return Err(self.unfit(at, start, "the record behind it is another: it is of another log".into()));
        }
        Ok(known)
    }

    fn stored(&self, at: TopicPartition, start: u64) -> Result<&Stored, CutError> {
        self.store.as_ref().ok_or_else(|| self.missing(at, start))
    }

    fn missing(&self, partition: TopicPartition, start: u64) -> CutError {
        CutError::Missing { partition, start, place: self.place.clone() }
    }

    fn unfit(&self, partition: TopicPartition, start: u64, why: String) -> CutError {
        CutError::Unfit { partition, start, place: self.place.clone(), why }
    }
}

/// Opens again what met a cut between finding the start and reading from it.
fn until_it_stands<T>(
    log: &dyn Log,
    at: TopicPartition,
    open: impl Fn() -> Result<T, CutError>,
) -> Result<T, CutError> {
    loop {
        let start = log.bounds(at)?.start;
        match open() {
            Err(_) if log.bounds(at)?.start > start => {}
            opened => return opened,
        }
    }
}

/// A hash of the record at an offset; `None`: there is none yet.
fn first_record(log: &dyn Log, at: TopicPartition, offset: u64) -> Result<Option<u64>, LogError> {
    let is_there = log.bounds(at)?.durable_end > offset;
    is_there.then(|| witness::hash(log, at, offset, offset + 1)).transpose()
}
