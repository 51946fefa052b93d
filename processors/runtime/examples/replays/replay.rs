//! One machine's input partitions again, in a log of their own, by processes as a configuration has them.

use crate::Result;
use crate::compare::Channels;
use crate::exchange::Live;
use hoga_core::{MachineKind, Settings, machines};
use hoga_runtime::{Limits, MachinePhase, MachineStatus, Placement, Role, Runtime, RuntimeConfig, Seat};
use hoga_topics::{
    Bounds, ChannelKey, Log, LogRecord, MemoryLog, MemoryOptions, OwnersView, Ownership, TimeMode, TopicPartition,
    Visibility,
};
use object_store::memory::InMemory;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

const LOOK: Duration = Duration::from_millis(2);
const DEADLINE: Duration = Duration::from_secs(1_200);
/// No two living processes have a seat in common, so nobody is replaced however long it is silent. But one that was
/// killed soon after its start is listed as standing by, and who ends waits for it until it is silent.
const TAKEOVER_AFTER: Duration = Duration::from_millis(100);

/// How machines are run.
pub struct Configuration {
    pub name: &'static str,
    batch_records: usize,
    snapshot_every_records: u64,
    /// Partitions of a process.
    partitions_each: u32,
    /// Every process dies while it works on the third quarter of its input, and another goes on.
    pub killed: bool,
}

pub const CONFIGURATIONS: [Configuration; 3] = [
    Configuration {
        name: "batches of 512, one process, snapshots every 500,000",
        batch_records: 512,
        snapshot_every_records: 500_000,
        partitions_each: u32::MAX,
        killed: false,
    },
    Configuration {
        name: "batches of 7, a process a partition, snapshots every 20,000",
        batch_records: 7,
        snapshot_every_records: 20_000,
        partitions_each: 1,
        killed: false,
    },
    Configuration {
        name: "batches of 4,096, two partitions a process, snapshots every 1,000, each process killed",
        batch_records: 4_096,
        snapshot_every_records: 1_000,
        partitions_each: 2,
        killed: true,
    },
];

/// What a machine's partitions have written, and their states at the end.
pub struct Outcome {
    pub kind: MachineKind,
    pub log: MemoryLog,
    pub channels: BTreeMap<(TopicPartition, ChannelKey), Channels>,
    pub states: BTreeMap<u32, u64>,
    /// How many partitions went on from a snapshot after their process was killed.
    pub from_snapshots: usize,
}

impl Outcome {
    /// What the live run wrote.
    pub fn of(live: &Live, kind: MachineKind) -> Result<Self> {
        let states = live.states.iter().filter(|((machine, _), _)| *machine == kind);
        let states = states.map(|((_, partition), hash)| (*partition, *hash)).collect();
        let channels = Channels::of(&live.log, kind)?;
        Ok(Self { kind, channels, log: live.log.clone(), states, from_snapshots: 0 })
    }

    /// How many records it wrote.
    pub fn written(&self) -> u64 {
        self.channels.values().map(Channels::records).sum()
    }
}

fn inputs(log: &MemoryLog, kind: MachineKind) -> impl Iterator<Item = TopicPartition> {
    (0..log.partitions(kind.input())).map(move |partition| TopicPartition::new(kind.input(), partition))
}

/// How many records a machine's partitions have.
pub fn input_len(log: &MemoryLog, kind: MachineKind) -> u64 {
    inputs(log, kind).map(|at| log.bounds(at).map_or(0, |Bounds { end, .. }| end)).sum()
}

/// Replays a machine's partitions of `live`.
pub fn run(live: &MemoryLog, kind: MachineKind, configuration: &Configuration) -> Result<Outcome> {
    let log = MemoryLog::new(MemoryOptions { time_mode: TimeMode::Recorded, ..MemoryOptions::default() });
    let all: Vec<u32> = (0..log.partitions(kind.input())).collect();
    let each = configuration.partitions_each.min(all.len() as u32) as usize;
    let replay = Replay { live, log, store: Arc::new(InMemory::new()), kind, configuration };
    let (mut processes, mut from_snapshots) = (Vec::new(), 0);
    for (number, partitions) in all.chunks(each).enumerate() {
        let start = |life: u32| replay.start(partitions, &format!("{kind}-{number}-{life}"));
        if configuration.killed {
            from_snapshots += replay.kill(start(1)?, partitions)?;
        }
        replay.copy(partitions, 4)?;
        processes.push(start(2)?);
    }
    let mut states = BTreeMap::new();
    for process in processes {
        replay.wait(&process, |status, end| status.phase == MachinePhase::Running && status.next_offset == end)?;
        for machine in process.stop(Instant::now() + DEADLINE).machines {
            let hash = machine.state_hash.ok_or_else(|| format!("{kind}/{} did not end", machine.partition))?;
            states.insert(machine.partition, hash);
        }
    }
    let Replay { log, .. } = replay;
    Ok(Outcome { kind, channels: Channels::of(&log, kind)?, log, states, from_snapshots })
}

struct Replay<'a> {
    live: &'a MemoryLog,
    log: MemoryLog,
    store: Arc<InMemory>,
    kind: MachineKind,
    configuration: &'a Configuration,
}

impl Replay<'_> {
    /// Gives a process half of its input, and when that is marked the third quarter, on which it dies; how many of its
    /// partitions have a snapshot that the mark makes usable.
    fn kill(&self, process: Runtime, partitions: &[u32]) -> Result<usize> {
        self.copy(partitions, 2)?;
        self.wait(&process, |status, end| self.marked(status.partition) == Some(end))?;
        let from_snapshots = process.status().iter().filter(|status| status.counts.snapshots > 0).count();
        let half: u64 = process.status().iter().map(|status| status.next_offset).sum();
        self.copy(partitions, 3)?;
        let is_at_it = |process: &Runtime| process.status().iter().map(|status| status.next_offset).sum::<u64>() > half;
        let deadline = Instant::now() + LOOK;
        while !is_at_it(&process) && Instant::now() < deadline {
            std::thread::yield_now();
        }
        // Dropped without a stop it leaves everything as it stands.
        drop(process);
        Ok(from_snapshots)
    }

    /// Copies the partitions' input up to so many quarters of it.
    fn copy(&self, partitions: &[u32], quarters: u64) -> Result<()> {
        for number in partitions {
            let at = TopicPartition::new(self.kind.input(), *number);
            let until = self.live.bounds(at)?.end * quarters / 4;
            let mut next = self.log.bounds(at)?.end;
            let mut reader = self.live.reader(at, next, Visibility::Written)?;
            let mut batch: Vec<LogRecord> = Vec::new();
            while next < until {
                reader.poll((until - next).min(4_096) as usize, &mut batch)?;
                for LogRecord { offset, time, key, value } in batch.drain(..) {
                    assert_eq!(
                        self.log.append_foreign(at, &key, value.as_deref(), time)?,
                        offset,
                        "{at}: a whole copy"
                    );
                    next = offset + 1;
                }
            }
        }
        Ok(())
    }

    fn start(&self, partitions: &[u32], name: &str) -> Result<Runtime> {
        let Self { kind, configuration, .. } = *self;
        let mut config = RuntimeConfig::new(name, Settings::default(), Arc::new(machines::new));
        let seat = |partition: &u32| Seat { machine: kind, partition: *partition, role: Role::Wanted };
        let seats = partitions.iter().map(seat).collect();
        config.placement = Placement::Shared { seats, takeover_after: TAKEOVER_AFTER };
        config.workers = 2;
        config.limits = Limits {
            batch_records: configuration.batch_records,
            snapshot_every_records: configuration.snapshot_every_records,
            // Nobody reads what admission writes here.
            accounts_ahead_records: u64::MAX,
            ..Limits::default()
        };
        Ok(Runtime::start(Arc::new(self.log.clone()), self.store.clone(), config)?)
    }

    /// Up to where the newest mark says that a partition's input is worked off.
    fn marked(&self, partition: u32) -> Option<u64> {
        let view = OwnersView::open(&self.log).ok()?;
        view.owners().of(self.kind, partition).map(Ownership::marked)
    }

    /// Waits until `is_there` holds for each of a process's machines and the end of its input.
    fn wait(&self, process: &Runtime, is_there: impl Fn(&MachineStatus, u64) -> bool) -> Result<()> {
        let deadline = Instant::now() + DEADLINE;
        let late = |status: &MachineStatus| {
            let at = TopicPartition::new(status.kind.input(), status.partition);
            self.log.bounds(at).map_or(true, |bounds| !is_there(status, bounds.end))
        };
        loop {
            if let Some(why) = process.failed() {
                return Err(why.into());
            }
            let Some(late) = process.status().into_iter().find(late) else { return Ok(()) };
            if let MachinePhase::Stopped { why, .. } = late.phase {
                return Err(why.into());
            }
            if Instant::now() > deadline {
                return Err(format!("{}/{} is {} after {DEADLINE:?}", late.kind, late.partition, late.phase).into());
            }
            std::thread::sleep(LOOK);
        }
    }
}
