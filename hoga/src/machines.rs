//! Machines for the runtime, and machines replayed from their input.

use crate::exit::Failure;
use crate::site::Site;
use hoga_core::holds::Holds;
use hoga_core::{MachineKind, Settings, machines};
use hoga_runtime::{Factory, StoredSnapshots, replay_kept};
use hoga_topics::owners::Owners;
use std::sync::Arc;

/// Makes machines for the runtime.
pub fn factory() -> Factory {
    Arc::new(machines::new)
}

/// The machines' inputs as they are kept, for replays.
pub struct Inputs {
    snapshots: StoredSnapshots,
    owners: Owners,
    settings: Settings,
}

impl Inputs {
    /// Those of a log.
    pub fn of(site: &Site) -> Result<Self, Failure> {
        let owners = site.cuts()?.owners(&*site.log)?.owners().clone();
        Ok(Self { snapshots: site.stored_snapshots()?, owners, settings: site.settings.clone() })
    }

    /// The hash of a machine's state as its input from offset 0 up to `until` makes it, or, where the beginning is cut,
    /// the oldest usable snapshot and the input behind it; and from where. Of holds the state is audited too: held
    /// equals the holds of open orders for every account and asset, and every asset sums to zero.
    pub fn replayed_hash(&self, kind: MachineKind, partition: u32, until: u64) -> Result<(u64, u64), Failure> {
        let Self { snapshots, owners, settings } = self;
        if kind != MachineKind::Holds {
            let machine = machines::new(kind, partition, settings);
            let replayed = replay_kept(snapshots, owners, machine, partition, Some(until))?;
            return Ok((replayed.from, replayed.state_hash));
        }
        let replayed = replay_kept(snapshots, owners, Holds::new(partition, settings), partition, Some(until))?;
        match replayed.machine.verify() {
            Ok(()) => Ok((replayed.from, replayed.state_hash)),
            Err(what) => Err(Failure::Refused(format!("holds of accounts/{partition} at offset {until}: {what}"))),
        }
    }
}
