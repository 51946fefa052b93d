//! An engine at an input offset: from the newest usable snapshot, or at the input's beginning.
//!
//! Invariants:
//! 1. Only a snapshot that a standing mark covers is loaded; one that is unfit is passed over for the one before.
//! 2. The rest of the input must be there: a start behind the snapshot refuses, and names what is missing.
//! 3. An input that ends before what a mark says was read has lost records.

use crate::config::Factory;
use crate::engine::Engine;
use crate::error::DriverError;
use crate::snapshot::store::Name;
use crate::snapshot::usable;
use crate::snapshot::{Snapshot, Snapshots};
use hoga_core::{Machine, MachineKind, Settings};
use hoga_topics::{AcceptedReader, Bounds, Log, ReaderPosition, TopicPartition, Visibility};

/// An engine that stands at its reader's position.
pub(crate) struct Restored {
    pub engine: Engine<Box<dyn Machine>>,
    pub reader: AcceptedReader,
}

/// What machines are restored from, and made by.
#[derive(Clone, Copy)]
pub(crate) struct Sources<'a> {
    pub log: &'a dyn Log,
    pub snapshots: &'a Snapshots,
    pub recipe: &'a Recipe,
}

/// What makes a machine in its first state.
#[derive(Clone)]
pub(crate) struct Recipe {
    pub factory: Factory,
    pub settings: Settings,
    /// Of the rules and settings: a snapshot of others is not loaded.
    pub fingerprint: u64,
}

/// Restores a machine; `marked` is the newest standing mark's next offset.
pub(crate) fn restore(
    sources: Sources<'_>,
    machine: MachineKind,
    input: TopicPartition,
    marked: u64,
) -> Result<Restored, DriverError> {
    let log = sources.log;
    let Bounds { start, end, .. } = log.bounds(input)?;
    if marked > end {
        let what = format!("a mark says that it was read up to {marked}");
        return Err(DriverError::LostInput { machine, input, end, what });
    }
    let (engine, position) = newest_usable(sources, machine, input, marked)?;
    if position.offset < start {
        return Err(DriverError::MissingInput { machine, input, from: position.offset, start });
    }
    let reader = AcceptedReader::open(log, input, position, Visibility::Written)?;
    Ok(Restored { engine, reader })
}

fn newest_usable(
    sources: Sources<'_>,
    machine: MachineKind,
    input: TopicPartition,
    marked: u64,
) -> Result<(Engine<Box<dyn Machine>>, ReaderPosition), DriverError> {
    let names = sources.snapshots.list(machine, input.partition)?;
    for name in names.into_iter().rev() {
        let loaded = if name.offset > marked {
            Err(format!("no standing mark covers it, the newest is at {marked}"))
        } else {
            load(sources, machine, input, name)
        };
        match loaded {
            Ok(found) => return Ok(found),
            Err(why) => {
                let (offset, epoch) = (name.offset, name.epoch);
                tracing::warn!(%machine, %input, offset, epoch, "passing over a snapshot for the one before: {why}");
            }
        }
    }
    Ok((fresh(sources, machine, input), ReaderPosition::default()))
}

fn fresh(sources: Sources<'_>, machine: MachineKind, input: TopicPartition) -> Engine<Box<dyn Machine>> {
    let made = (sources.recipe.factory)(machine, input.partition, &sources.recipe.settings);
    assert_eq!(made.kind(), machine, "the factory made another machine");
    Engine::new(sources.log, made, input.partition)
}

fn load(
    sources: Sources<'_>,
    machine: MachineKind,
    input: TopicPartition,
    name: Name,
) -> Result<(Engine<Box<dyn Machine>>, ReaderPosition), String> {
    let Snapshot { header, state } =
        usable::fit(sources.log, sources.snapshots, sources.recipe.fingerprint, machine, input.partition, name)?;
    let mut engine = fresh(sources, machine, input);
    engine.load(header.engine, &state)?;
    Ok((engine, header.input))
}
