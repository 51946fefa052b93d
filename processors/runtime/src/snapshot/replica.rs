//! A snapshot of a machine that is not asked for its state: a second one is restored from the snapshot before, reads on
//! to the same offset, and gives its own. So no order waits while a large state is written out.
//!
//! Invariants:
//! 1. Its bytes are those that the machine at work would have given: states are canonical and come of the input alone.
//! 2. That this is so is looked at each time: the second machine must have come to the same effects, with the same
//!    running hashes, and its reader to the same channels. If not, there is no snapshot.
//! 3. It writes nothing into the log.
//!
//! Its price is the time and memory of a second machine, one at a time, and the input is read once more.

use super::format::{Header, Snapshot};
use crate::error::DriverError;
use crate::restore::{Restored, Sources, restore};
use hoga_core::Machine;
use hoga_topics::{Arrival, TopicPartition};

/// Records read at a time.
const BATCH: usize = 1_024;

/// The snapshot that `header` is of; `marked` is the newest standing mark's next offset at the time. None where the
/// process ends before.
pub(crate) fn snapshot(sources: Sources<'_>, header: Header, marked: u64) -> Result<Option<Snapshot>, DriverError> {
    let (machine, until) = (header.machine, header.input.offset);
    let input = TopicPartition::new(machine.input(), header.partition);
    let mut restored = restore(sources, machine, input, marked.min(until))?;
    if !read_up_to(sources, &mut restored, input, until)? {
        return Ok(None);
    }
    let Restored { engine, reader } = restored;
    if *engine.state() != header.engine || reader.save() != header.input {
        return Err(DriverError::OtherReplica { machine, input, offset: until });
    }
    Ok(Some(Snapshot { header, state: engine.machine().save() }))
}

/// Whether it came there.
fn read_up_to(
    sources: Sources<'_>,
    restored: &mut Restored,
    input: TopicPartition,
    until: u64,
) -> Result<bool, DriverError> {
    let Restored { engine, reader } = restored;
    let mut arrival = Arrival::new(sources.log, input);
    while reader.position() < until {
        if sources.snapshots.is_hurrying() {
            return Ok(false);
        }
        let left = usize::try_from(until - reader.position()).unwrap_or(BATCH);
        if reader.fill(left.min(BATCH))? == 0 {
            arrival.wait(reader.position())?;
            continue;
        }
        arrival.came();
        while let Some(accepted) = reader.read_filled_before(until)? {
            engine.apply(&accepted, &mut |_| Ok(()))?;
        }
    }
    Ok(true)
}
