//! A machine that another process owns: restored from the newest usable snapshot, it applies its input up to the
//! owner's newest mark. Whoever takes over from here replays what came after that, about a second of input.
//!
//! Invariants:
//! 1. It never runs ahead of what readers have accepted: all that it has counted is delivered.
//! 2. It writes nothing.
//! 3. An input that was cut past it while it stood still is restored again, from a newer snapshot.

use crate::error::DriverError;
use crate::fail_point::FailPoint;
use crate::process::Process;
use crate::restore::{Restored, restore};
use hoga_core::MachineKind;
use hoga_topics::TopicPartition;

/// A standby's machine.
#[derive(Default)]
pub(crate) struct Follower {
    restored: Option<Restored>,
    applied: u64,
}

impl Follower {
    /// Restores, or applies a batch; whether there was anything to do. `marked` is the newest mark's next offset.
    pub fn step(
        &mut self,
        process: &Process,
        machine: MachineKind,
        input: TopicPartition,
        marked: u64,
    ) -> Result<bool, DriverError> {
        let Some(restored) = &mut self.restored else {
            self.restored = Some(restore(process.sources(), machine, input, marked)?);
            return Ok(true);
        };
        match apply(restored, process.config.limits.batch_records, marked, &mut self.applied) {
            Err(error) if error.is_cut() => {
                tracing::warn!(%machine, %input, "{error}; it followed up to there: restoring again");
                self.restored = None;
                Ok(true)
            }
            applied => applied,
        }
    }

    /// The next input offset that it will apply.
    pub fn at(&self) -> u64 {
        self.restored.as_ref().map_or(0, |restored| restored.reader.position())
    }

    /// How many records it has applied.
    pub fn applied(&self) -> u64 {
        self.applied
    }

    /// What it has restored and followed so far.
    pub fn into_restored(self) -> Option<Restored> {
        self.restored
    }
}

/// Applies a batch of what stands before `marked`; whether it came any further.
fn apply(restored: &mut Restored, max: usize, marked: u64, applied: &mut u64) -> Result<bool, DriverError> {
    let Restored { engine, reader } = restored;
    let before = reader.position();
    if before >= marked {
        return Ok(false);
    }
    reader.fill(max)?;
    while let Some(accepted) = reader.read_filled_before(marked)? {
        engine.apply(&accepted, &mut |_| Ok(()))?;
        *applied += 1;
    }
    FailPoint::Following.meet();
    Ok(reader.position() > before)
}
