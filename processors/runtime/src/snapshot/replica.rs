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
use crate::replay::read_up_to;
use crate::restore::{Restored, Sources, restore};
use hoga_core::Machine;
use hoga_topics::TopicPartition;

/// The snapshot that `header` is of; `marked` is the newest standing mark's next offset at the time. None where the
/// process ends before.
pub(crate) fn snapshot(sources: Sources<'_>, header: Header, marked: u64) -> Result<Option<Snapshot>, DriverError> {
    let (machine, until) = (header.machine, header.input.offset);
    let input = TopicPartition::new(machine.input(), header.partition);
    let Restored { mut engine, mut reader } = restore(sources, machine, input, marked.min(until))?;
    let given_up = || sources.snapshots.is_hurrying();
    if !read_up_to(sources.log, input, &mut engine, &mut reader, until, given_up)? {
        return Ok(None);
    }
    if *engine.state() != header.engine || reader.save() != header.input {
        return Err(DriverError::OtherReplica { machine, input, offset: until });
    }
    Ok(Some(Snapshot { header, state: engine.machine().save() }))
}
