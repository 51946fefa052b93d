//! A small exchange that runs in memory, on virtual time: what it leaves in its log and its stores are seeds.

use super::market;
use hoga_core::records::{Tick, *};
use hoga_core::{MachineKind, Record, Settings, Symbol, Timestamp, Topic, machines};
use hoga_runtime::{CutOptions, Cuts, Cutter, Driver, Limits, Process, RuntimeConfig, SnapshotWriter, StoredSnapshots};
use hoga_topics::{Log, MemoryLog, MemoryOptions, Partitions, TopicPartition, Visibility, catalogue, memory};
use object_store::local::LocalFileSystem;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Steps that suffice for everything to come through.
const ROUNDS: usize = 400;
/// Longer than what is kept the shortest.
const DAYS_MS: i64 = 40 * 86_400_000;

pub(super) struct World {
    log: MemoryLog,
    /// Where its snapshots lie, and what is known at cuts.
    folders: (PathBuf, PathBuf),
    store: Arc<LocalFileSystem>,
    process: Arc<Process>,
    drivers: Vec<Driver>,
    now: Timestamp,
}

impl World {
    pub(super) fn new(scratch: &Path) -> Self {
        let options = MemoryOptions {
            partitions: Partitions::keyed(1),
            clock: memory::Clock::Set(market::START),
            ..MemoryOptions::default()
        };
        let log = MemoryLog::new(options);
        let folders = (scratch.join("snapshots"), scratch.join("cuts"));
        let store = Arc::new(store_in(&folders.0));
        let factory = |kind, partition, settings: &_| machines::new(kind, partition, settings);
        let mut config = RuntimeConfig::new("seeds", Settings::default(), Arc::new(factory));
        config.limits = Limits { snapshot_every_records: 8, snapshots_kept: 2, ..Limits::default() };
        config.snapshot_writer = SnapshotWriter::Inline;
        let process = Process::open(Arc::new(log.clone()), store.clone(), config).expect("a new log opens");
        let driver = |seat: hoga_runtime::Seat| Driver::new(&process, seat.machine, seat.partition).expect("a new log");
        let drivers = process.seats().into_iter().map(driver).collect();
        Self { log, folders, store, process, drivers, now: market::START }
    }

    /// Lists, funds, trades.
    pub(super) fn trade(&mut self) {
        self.work(ROUNDS);
        market::listings().into_iter().for_each(|record| self.append(Topic::Control, record));
        let version = RulesVersion { command_id: hoga_core::ClientId::unchecked("rules"), version: 1 };
        self.append(Topic::Control, version.into());
        self.work(ROUNDS);
        market::deposits(self.now).for_each(|deposit| self.append(Topic::Accounts, deposit.into()));
        self.work(ROUNDS);
        market::orders(self.now).into_iter().for_each(|order| self.append(Topic::Orders, order));
        self.put(Topic::Orders, b"nobody", b"no record");
        self.append(Topic::Ticks, tick(self.now));
        self.work(ROUNDS);
    }

    fn append(&mut self, topic: Topic, record: Record) {
        let key = catalogue::key_of(topic, &record).into_owned();
        self.put(topic, key.as_bytes(), &hoga_schemas::encode(&record));
    }

    fn put(&mut self, topic: Topic, key: &[u8], value: &[u8]) {
        let at = TopicPartition::new(topic, 0);
        self.log.append_foreign(at, key, Some(value), self.now).expect("there is such a partition");
    }

    fn work(&mut self, rounds: usize) {
        for _ in 0..rounds {
            self.now = self.now.plus_ms(10);
            self.log.set_time(self.now);
            self.process.step(self.now).expect("nothing goes wrong here");
            for driver in &mut self.drivers {
                driver.step(self.now).expect("nothing goes wrong here");
            }
        }
    }

    /// Of each topic the last record of each kind; what is no record is left out.
    pub(super) fn values(&self) -> Vec<(Topic, Vec<u8>)> {
        let mut found = BTreeMap::new();
        for topic in Topic::ALL.iter().copied() {
            let mut reader =
                self.log.reader(TopicPartition::new(topic, 0), 0, Visibility::Written).expect("it was never cut");
            let mut records = Vec::new();
            reader.poll(usize::MAX, &mut records).expect("a log in memory");
            for value in records.into_iter().filter_map(|record| record.value) {
                if let Ok(frame) = hoga_schemas::open(&value) {
                    found.insert((topic, frame.kind), value.to_vec());
                }
            }
        }
        found.into_iter().map(|((topic, _), value)| (topic, value)).collect()
    }

    /// The newest snapshot of each machine, by the machine's name; their machines end.
    pub(super) fn snapshots(&mut self) -> BTreeMap<String, Vec<u8>> {
        self.process.stop();
        self.work(ROUNDS);
        let mut newest = BTreeMap::new();
        for (place, bytes) in stored(&self.folders.0) {
            let machine = place.split('/').next().unwrap_or_default().to_owned();
            newest.insert(machine, bytes);
        }
        assert_eq!(newest.len(), MachineKind::ALL.len(), "each machine has one: {:?}", newest.keys());
        newest
    }

    /// What is stored where the log is cut, by partition.
    pub(super) fn cuts(&mut self) -> BTreeMap<String, Vec<u8>> {
        let cuts = Cuts::new(Arc::new(store_in(&self.folders.1)), "scratch").expect("a folder");
        let snapshots = StoredSnapshots::new(Arc::new(self.log.clone()), self.store.clone(), &Settings::default());
        let snapshots = snapshots.expect("a folder");
        let later = self.now.plus_ms(DAYS_MS);
        self.log.set_time(later);
        let sign = SignOfLife { process: "seeds".into(), progress: Vec::new() };
        let value = hoga_schemas::encode(&sign.into());
        let owners = TopicPartition::new(Topic::Owners, 0);
        self.log.append_foreign(owners, b"seeds", Some(&value), later).expect("there is such a partition");
        let options = CutOptions { snapshots_kept: 1, without_archive: true };
        let cutter = Cutter::new(&cuts, &snapshots, options).expect("a wall log");
        for topic in Topic::ALL {
            let planned = cutter.plan(TopicPartition::new(*topic, 0)).expect("everything can be read");
            cutter.cut(&planned).expect("everything can be cut");
        }
        stored(&self.folders.1).into_iter().map(|(place, bytes)| (place.replace('/', "-"), bytes)).collect()
    }
}

fn store_in(folder: &Path) -> LocalFileSystem {
    fs::create_dir_all(folder).expect("the scratch folder is there");
    LocalFileSystem::new_with_prefix(folder).expect("it was made just now")
}

fn tick(now: Timestamp) -> Record {
    Tick {
        venue: "UPBIT".into(),
        symbol: Symbol::unchecked("KRW-BTC"),
        venue_time: now,
        receive_time: now,
        venue_sequence: 7,
        price: hoga_core::Decimal::from_int(100_000),
        quantity: hoga_core::Decimal::from_int(2),
        taker_side: None,
    }
    .into()
}

/// Every file in a folder and the folders in it, by its place there.
fn stored(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("it was made") {
        let path = entry.expect("it was listed").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("names are plain").to_owned();
        if path.is_dir() {
            files.extend(stored(&path).into_iter().map(|(place, bytes)| (format!("{name}/{place}"), bytes)));
        } else {
            files.insert(name, fs::read(&path).expect("it was listed"));
        }
    }
    files
}
