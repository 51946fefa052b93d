//! Machines for the runtime, and machines replayed from their input.

use crate::exit::Failure;
use hoga_core::holds::Holds;
use hoga_core::{MachineKind, Settings, machines};
use hoga_runtime::{Factory, replay};
use hoga_topics::Log;
use std::sync::Arc;

/// Makes machines for the runtime.
pub fn factory() -> Factory {
    Arc::new(machines::new)
}

/// The hash of a machine's state as its input from offset 0 up to `until` makes it. Of holds the state is audited
/// too: held equals the holds of open orders for every account and asset, and every asset sums to zero.
pub fn replayed_hash(
    log: &dyn Log,
    kind: MachineKind,
    partition: u32,
    settings: &Settings,
    until: u64,
) -> Result<u64, Failure> {
    if kind != MachineKind::Holds {
        return Ok(replay(log, machines::new(kind, partition, settings), partition, Some(until))?.state_hash);
    }
    let replayed = replay(log, Holds::new(partition, settings), partition, Some(until))?;
    match replayed.machine.verify() {
        Ok(()) => Ok(replayed.state_hash),
        Err(what) => Err(Failure::Refused(format!("holds of accounts/{partition} at offset {until}: {what}"))),
    }
}
