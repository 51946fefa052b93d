//! hoga-runtime: drives one machine per input partition over a Log: claim, restore, apply, emit, snapshot, hand over.
//!
//! Decisions are state machines without IO (`claim`, `lane`, `beats`, `relay`); a [`Driver`] polls the log
//! around them and never waits; a [`Runtime`] steps drivers on a few threads.
//!
//! Invariants, the rules of the design's six ideas. Each has a test of the number's name in `tests`, which fails when
//! the rule is taken out:
//! 1. The log is the truth: without any snapshot a restart gives the same outputs and state.
//! 2. One machine, one input: the same input gives the same effects, byte for byte, whoever owns it and whenever.
//! 3. A hop is a channel: of each channel readers accept 1, 2, 3, each once, whatever the log loses, repeats, delays.
//! 4. The writer counts a number as delivered only when its offset is known and above its predecessor's, and sends
//!    again from the first undelivered.
//! 5. Owners claim in the log: who meets a higher epoch stops, and of a sleeping owner no record is accepted.
//! 6. A new owner knows how far readers have accepted each channel before it writes, and writes what follows.
//! 7. A mark says only what is delivered; a snapshot is used only below a mark that counts; one that is unfit falls
//!    back to the one before.
//! 8. Replayed effects are checked against what readers accepted; a difference stops the machine.
//! 9. A channel ahead of what its whole input replays to means lost input: the machine stops. So it does when the
//!    input begins behind the snapshot.
//! 10. Clocks of a recorded log are passed on from records alone, only forward; in a wall log the owner writes them.
//! 11. What is undecodable in a trusted topic stops the machine; what is forged is dropped and counted.
//! 12. Everything that waits has a bound: undelivered effects, accounts ahead of holds, parked channels, snapshots.
//!
//! [`FailPoint`] names where a process can be told to kill itself, to test all this.
//!
//! [`reconcile`] recomputes what was written and compares it. [`Cutter`] cuts topics by the rules of retention; [`Cuts`]
//! is where readers of what was cut begin.
//!
//! Left out on purpose: who should own what (placement), and standbys that take snapshots at leisure.

mod active;
mod beats;
mod blocking;
mod claim;
mod config;
mod cuts;
mod decide;
mod driver;
mod engine;
mod error;
mod fail_point;
mod follower;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod lane;
mod learn;
mod liveness;
mod outputs;
mod placement;
mod pool;
mod process;
pub mod reconcile;
mod relay;
mod replay;
mod restore;
mod routes;
mod runtime;
mod sealed;
mod signs;
mod snapshot;
mod status;
#[cfg(test)]
mod tests;

pub use config::{BeforeApply, Factory, Limits, RuntimeConfig, SnapshotWriter};
pub use cuts::{CutError, CutOptions, Cuts, Cutter, PlannedCut};
pub use driver::{Driver, Progress};
pub use engine::Counter;
pub use error::{DriverError, RuntimeError, StoreError};
pub use fail_point::{FailPoint, NoFailPoint};
pub use placement::{Placement, Role, Seat};
pub use process::Process;
pub use replay::{Replayed, replay, replay_kept};
pub use runtime::{Runtime, StopReport, StoppedMachine, process_name};
pub use snapshot::usable::StoredSnapshots;
pub use status::{Alarms, Counts, MachinePhase, MachineStatus};
