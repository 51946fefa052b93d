//! A log in memory on virtual time, snapshots in memory, and processes whose steps a test (or a seed) orders.

use super::cutting::Archive;
use super::machine::{Toy, toys};
use crate::snapshot::Snapshots;
use crate::{
    Cuts, Driver, Factory, Limits, MachinePhase, MachineStatus, Placement, Process, Role, RuntimeConfig, Seat,
    SnapshotWriter, replay,
};
use hoga_core::records::{Clock, Deposit, RecordKind};
use hoga_core::{AccountId, AssetCode, ClientId, Decimal, MachineKind, Record, Settings, Timestamp, Topic};
use hoga_topics::memory::{self, Durability, Faults};
use hoga_topics::owners::drained;
use hoga_topics::{
    AcceptedReader, ChannelKey, Log, MemoryLog, MemoryOptions, Partitions, ReaderPosition, TimeMode, TopicPartition,
    Visibility, partitioner,
};
use object_store::ObjectStoreExt;
use object_store::memory::InMemory;
use std::sync::Arc;

pub const START: Timestamp = Timestamp(1_700_000_000_000);
pub const KINDS: [MachineKind; 2] = [MachineKind::Holds, MachineKind::Matching];
pub const PARTITIONS: u32 = 2;

/// Small bounds, so that tests reach them.
pub const LIMITS: Limits = Limits {
    batch_records: 5,
    undelivered_records: 20,
    undelivered_bytes: 1 << 20,
    accounts_ahead_records: 1_000,
    parked_offsets: 50,
    snapshot_every_records: 7,
    snapshot_in_place_bytes: 0,
    snapshots_kept: 3,
};

pub struct World {
    pub log: MemoryLog,
    pub store: Arc<InMemory>,
    /// What was known where the log was cut.
    pub cuts: Arc<Cuts>,
    /// What was cut off, partition by partition: the archive that is not there yet.
    pub archive: Archive,
    pub now: Timestamp,
    pub limits: Limits,
    /// The machines that its processes run, and what makes them.
    pub kinds: &'static [MachineKind],
    pub factory: Factory,
    named: u32,
    deposited: u64,
}

/// One process: what the operating system would stop as one.
pub struct Node {
    pub process: Arc<Process>,
    pub drivers: Vec<Driver>,
}

impl World {
    pub fn new(time_mode: TimeMode, durability: Durability, faults: Option<Box<dyn Faults>>) -> Self {
        let options = MemoryOptions {
            time_mode,
            partitions: Partitions::keyed(PARTITIONS),
            clock: memory::Clock::Set(START),
            durability,
            faults,
            ..MemoryOptions::default()
        };
        let (log, store) = (MemoryLog::new(options), Arc::new(InMemory::new()));
        let cuts = Arc::new(Cuts::new(Arc::new(InMemory::new()), "cuts").unwrap());
        let (archive, factory) = (Archive::new(), toys());
        Self { log, store, cuts, archive, now: START, limits: LIMITS, kinds: &KINDS, factory, named: 0, deposited: 0 }
    }

    pub fn plain() -> Self {
        Self::new(TimeMode::Wall, Durability::Immediate, None)
    }

    pub fn advance(&mut self, ms: i64) {
        self.now = self.now.plus_ms(ms);
        self.log.set_time(self.now);
    }

    pub fn start(&mut self) -> Node {
        self.start_with(self.factory.clone())
    }

    pub fn start_with(&mut self, factory: Factory) -> Node {
        self.try_start(factory, |_| {}).expect("a process starts")
    }

    pub fn try_start(
        &mut self,
        factory: Factory,
        change: impl FnOnce(&mut RuntimeConfig),
    ) -> Result<Node, crate::RuntimeError> {
        self.named += 1;
        let mut config = RuntimeConfig::new(format!("process-{}", self.named), Settings::default(), factory);
        config.placement = Placement::Alone { machines: self.kinds.to_vec() };
        config.limits = self.limits;
        config.snapshot_writer = SnapshotWriter::Inline;
        config.cuts = self.cuts.clone();
        change(&mut config);
        let process = Process::open(Arc::new(self.log.clone()), self.store.clone(), config)?;
        let drivers =
            process.seats().into_iter().map(|seat| Driver::new(&process, seat.machine, seat.partition).unwrap());
        let drivers = drivers.collect();
        Ok(Node { process, drivers })
    }

    /// Appends a deposit as the operator would; its number is its amount.
    pub fn deposit(&mut self) {
        self.deposited += 1;
        let amount = self.deposited;
        let account = AccountId::unchecked(&format!("account-{}", amount % 7));
        let deposit = Record::Deposit(Deposit {
            account: account.clone(),
            client_id: ClientId::unchecked(&format!("deposit-{amount}")),
            valid_until: self.now,
            asset: AssetCode::unchecked("KRW"),
            amount: Decimal::from_int(amount as i64),
        });
        let partition = partitioner::partition(account.as_str().as_bytes(), PARTITIONS);
        self.append(TopicPartition::new(Topic::Accounts, partition), account.as_str(), &deposit);
    }

    /// Appends clocks to all inputs, as a feed does in a recorded log.
    pub fn clocks(&mut self) {
        for partition in 0..PARTITIONS {
            let clock = Record::Clock(Clock { time: self.now });
            self.append(TopicPartition::new(Topic::Accounts, partition), "", &clock);
        }
    }

    pub fn append(&self, to: TopicPartition, key: &str, record: &Record) -> u64 {
        self.log.append_foreign(to, key.as_bytes(), Some(&hoga_schemas::encode(record)), self.now).unwrap()
    }

    /// Steps a node until all its machines have worked through everything; panics if one stops.
    pub fn settle(&mut self, node: &mut Node) {
        for _ in 0..20_000 {
            self.round(node);
            if let Some(status) = node.statuses().iter().find(|status| status.is_stopped()) {
                panic!("{}/{}: {}", status.kind, status.partition, status.phase);
            }
            let running = node.statuses().iter().all(|status| status.phase == MachinePhase::Running);
            if running && self.drained() {
                return;
            }
        }
        panic!("not drained: {:#?}", node.statuses());
    }

    /// Steps a node until one of its machines has stopped; why.
    pub fn until_stopped(&mut self, node: &mut Node) -> String {
        for _ in 0..20_000 {
            self.round(node);
            for status in node.statuses() {
                if let MachinePhase::Stopped { why, .. } = status.phase {
                    return why;
                }
            }
        }
        panic!("nothing stopped: {:#?}", node.statuses());
    }

    pub fn round(&mut self, node: &mut Node) {
        self.rounds(std::slice::from_mut(node), 1);
    }

    /// Steps nodes, all at the same time, so often.
    pub fn rounds(&mut self, nodes: &mut [Node], count: usize) {
        for _ in 0..count {
            self.advance(7);
            for node in &mut *nodes {
                node.process.step(self.now).unwrap();
                for driver in &mut node.drivers {
                    let _stopped = driver.step(self.now);
                }
            }
        }
    }

    /// A process that shares the log, with a seat for every machine in one role.
    pub fn share(&mut self, role: Role) -> Node {
        let seats = self.seats(|_, _| Some(role));
        self.share_seats(seats, |_| {})
    }

    /// Seats for the machines' partitions that `role` gives one.
    pub fn seats(&self, mut role: impl FnMut(MachineKind, u32) -> Option<Role>) -> Vec<Seat> {
        let inputs =
            self.kinds.iter().flat_map(|kind| (0..self.log.partitions(kind.input())).map(|part| (*kind, part)));
        inputs
            .filter_map(|(machine, partition)| Some(Seat { machine, partition, role: role(machine, partition)? }))
            .collect()
    }

    pub fn share_seats(&mut self, seats: Vec<Seat>, change: impl FnOnce(&mut RuntimeConfig)) -> Node {
        let shared = |config: &mut RuntimeConfig| {
            config.placement = Placement::Shared { seats, takeover_after: Placement::TAKEOVER_AFTER };
            change(config);
        };
        self.try_start(self.factory.clone(), shared).expect("a process starts")
    }

    pub fn drained(&self) -> bool {
        let view = self.cuts.owners(&self.log).unwrap();
        drained(&self.log, view.owners()).unwrap()
    }

    /// Shuts a node down cleanly; what its machines show at last.
    pub fn stop(&mut self, mut node: Node) -> Vec<MachineStatus> {
        node.process.stop();
        for _ in 0..20_000 {
            self.round(&mut node);
            if node.statuses().iter().all(MachineStatus::is_stopped) {
                return node.statuses();
            }
        }
        panic!("not stopped: {:#?}", node.statuses());
    }

    /// Shuts a node down and compares each live state with a replay of the input up to the same offset.
    pub fn stop_and_compare(&mut self, node: Node) -> Vec<MachineStatus> {
        let stopped = self.stop(node);
        self.on_whole_log(|world| {
            for status in &stopped {
                let machine = (world.factory)(status.kind, status.partition, &Settings::default());
                let replayed = replay(&world.log, machine, status.partition, Some(status.next_offset)).unwrap();
                assert_eq!(status.state_hash, Some(replayed.state_hash), "{}/{}", status.kind, status.partition);
            }
        });
        stopped
    }

    /// Judges a drained log: of every channel readers accept what a replay of its input gives, no more and no less.
    /// Each machine's input end and state hash by replay.
    pub fn audit(&self) -> Vec<(MachineKind, u32, u64, u64)> {
        let mut hashes = Vec::new();
        for &kind in self.kinds {
            for partition in 0..self.log.partitions(kind.input()) {
                let machine = (self.factory)(kind, partition, &Settings::default());
                let replayed = replay(&self.log, machine, partition, None).unwrap();
                for (to, counter) in &replayed.outputs {
                    let (number, hash) = self.accepted(*to, ChannelKey { machine: kind, partition });
                    assert_eq!((number, hash), (counter.number, counter.hash), "{kind}/{partition} to {to}");
                }
                hashes.push((kind, partition, replayed.next_offset, replayed.state_hash));
            }
        }
        hashes
    }

    /// Judges the toys by themselves: every order of every deposit was answered (once: they assert it).
    pub fn audit_toys(&self) {
        for partition in 0..PARTITIONS {
            let toy = replay(&self.log, Toy::new(MachineKind::Holds, partition), partition, None).unwrap().machine;
            assert!(toy.open.is_empty(), "{partition}: unanswered {:?}", toy.open);
        }
        let deposits = |partition| {
            let at = TopicPartition::new(Topic::Accounts, partition);
            let mut records = Vec::new();
            self.log.reader(at, 0, Visibility::Written).unwrap().poll(usize::MAX, &mut records).unwrap();
            let kinds = records.iter().map(|record| hoga_schemas::open(record.value.as_deref().unwrap()).unwrap().kind);
            kinds.filter(|kind| *kind == RecordKind::Deposit).count() as u64
        };
        for partition in 0..PARTITIONS {
            let toy = replay(&self.log, Toy::new(MachineKind::Holds, partition), partition, None).unwrap().machine;
            assert_eq!(toy.deposits, deposits(partition), "each deposit counts once");
        }
    }

    /// What a reader from offset 0 has accepted of a channel at last: number and hash.
    pub fn accepted(&self, to: TopicPartition, channel: ChannelKey) -> (u64, u64) {
        let reader = self.read_all(to);
        reader.channels().channel(channel).map_or((0, 0), |channel| (channel.number, channel.hash))
    }

    /// A reader that has read everything.
    pub fn read_all(&self, to: TopicPartition) -> AcceptedReader {
        let mut reader = AcceptedReader::open(&self.log, to, ReaderPosition::default(), Visibility::Written).unwrap();
        while reader.read().unwrap().is_some() {}
        reader
    }

    /// All snapshots in the store: path and bytes.
    pub fn snapshots(&self) -> Vec<(object_store::path::Path, Vec<u8>)> {
        let mut found = Vec::new();
        for kind in KINDS {
            for partition in 0..PARTITIONS {
                let names = self.snapshot_store().list(kind, partition).unwrap();
                found.extend(names.into_iter().map(|name| name.path(kind, partition)));
            }
        }
        found.into_iter().map(|path| (path.clone(), block_on(read(&self.store, &path)))).collect()
    }

    pub fn snapshot_store(&self) -> Snapshots {
        Snapshots::new(Arc::new(self.log.clone()), self.store.clone(), usize::MAX, SnapshotWriter::Inline).unwrap()
    }

    pub fn overwrite(&self, path: &object_store::path::Path, bytes: &[u8]) {
        block_on(self.store.put(path, bytes.to_vec().into())).unwrap();
    }
}

impl Node {
    pub fn statuses(&self) -> Vec<MachineStatus> {
        self.process.statuses()
    }
}

async fn read(store: &InMemory, path: &object_store::path::Path) -> Vec<u8> {
    store.get(path).await.unwrap().bytes().await.unwrap().to_vec()
}

pub fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}
