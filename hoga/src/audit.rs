//! Whether live machines are what their input says: state hashes against a replay from offset 0.
//!
//! Invariant: the live state came from the newest usable snapshot and the rest of the input, the other from the input
//! alone; equal hashes say that neither snapshots nor restarts nor the hours in between have left a mark. Where the
//! input's beginning is cut the oldest snapshot stands for it: then they say so of the time since.

use crate::exit::Failure;
use crate::machines::Inputs;
use crate::progress::Progress;
use crate::site::Site;
use crate::stop::Stop;
use hoga_core::MachineKind;
use hoga_runtime::{StopReport, StoppedMachine};
use std::sync::Mutex;
use std::thread;
use xxhash_rust::xxh3::xxh3_64;

/// One machine, live and replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compared {
    /// The machine.
    pub kind: MachineKind,
    /// Its input partition.
    pub partition: u32,
    /// From which input offset the replay went: 0, or a snapshot's.
    pub from: u64,
    /// Up to which input offset.
    pub next_offset: u64,
    /// The live machine's hash, if it was shut down cleanly.
    pub live: Option<u64>,
    /// The replayed one's.
    pub replayed: u64,
}

impl Compared {
    /// Whether they are equal.
    pub fn agrees(&self) -> bool {
        self.live == Some(self.replayed)
    }
}

/// Replays every machine of a report, on all cores, and compares.
pub fn compare(site: &Site, report: &StopReport, stop: &Stop) -> Result<Vec<Compared>, Failure> {
    let inputs = Inputs::of(site)?;
    let progress = Mutex::new((Progress::new("machines replayed", Some(report.machines.len() as u64)), 0));
    let queue = Mutex::new(report.machines.iter());
    let next = || queue.lock().expect("no holder of this lock panics").next();
    let work = || {
        let mut compared = Vec::new();
        while let Some(machine) = next() {
            stop.check("the comparison can be started again")?;
            compared.push(replay(&inputs, machine)?);
            let (progress, done) = &mut *progress.lock().expect("no holder of this lock panics");
            *done += 1;
            progress.set(*done);
        }
        Ok::<_, Failure>(compared)
    };
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let mut compared = Vec::new();
    thread::scope(|scope| {
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        for thread in threads {
            compared.extend(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        }
        Ok::<_, Failure>(())
    })?;
    compared.sort_by_key(|one: &Compared| (one.kind, one.partition));
    Ok(compared)
}

fn replay(inputs: &Inputs, machine: &StoppedMachine) -> Result<Compared, Failure> {
    let (kind, partition, next_offset) = (machine.kind, machine.partition, machine.next_offset);
    let (from, replayed) = inputs.replayed_hash(kind, partition, next_offset)?;
    Ok(Compared { kind, partition, from, next_offset, live: machine.state_hash, replayed })
}

/// One hash of many: of all live states, and of all replayed ones.
pub fn total(compared: &[Compared]) -> (u64, u64) {
    let hash = |of: fn(&Compared) -> u64| {
        let bytes: Vec<u8> = compared.iter().flat_map(|one| of(one).to_le_bytes()).collect();
        xxh3_64(&bytes)
    };
    (hash(|one| one.live.unwrap_or_default()), hash(|one| one.replayed))
}
