//! Records through one machine's driver: read from `orders`, judged by admission, numbered, hashed, sealed and written
//! to `accounts`, with the marks that are due. The log is in memory, and its clock stands still.

use crate::codec::CodecWork;
use hoga_core::{MachineKind, Record, Settings, Timestamp, Topic, machines};
use hoga_runtime::{Driver, Limits, Placement, Process, RuntimeConfig, SnapshotWriter};
use hoga_topics::memory::Clock;
use hoga_topics::{Log, MemoryLog, MemoryOptions, Partitions, TopicPartition};
use object_store::memory::InMemory;
use std::sync::Arc;

/// Records of one run.
pub const RECORDS: u64 = 1_000;
const NOW: Timestamp = Timestamp(1_704_067_200_000);
const ORDERS: TopicPartition = TopicPartition::new(Topic::Orders, 0);
const ACCOUNTS: TopicPartition = TopicPartition::new(Topic::Accounts, 0);

/// A driver that owns its machine, and orders before it.
pub struct HopWork {
    log: MemoryLog,
    process: Arc<Process>,
    driver: Driver,
    end: u64,
}

impl HopWork {
    /// It has claimed, and worked through as many records as a run has.
    ///
    /// # Panics
    /// When the log in memory or the driver fails, which is a bug.
    #[must_use]
    pub fn new() -> Self {
        let (partitions, clock) = (Partitions::keyed(1), Clock::Set(NOW));
        let log = MemoryLog::new(MemoryOptions { partitions, clock, ..MemoryOptions::default() });
        let mut config = RuntimeConfig::new("guards", Settings::default(), Arc::new(machines::new));
        config.placement = Placement::Alone { machines: vec![MachineKind::Admission] };
        config.snapshot_writer = SnapshotWriter::Inline;
        config.limits = Limits { snapshot_every_records: u64::MAX, ..Limits::default() };
        let process = Process::open(Arc::new(log.clone()), Arc::new(InMemory::new()), config);
        let process = process.expect("nothing is there before it");
        let driver = Driver::new(&process, MachineKind::Admission, 0).expect("nothing is there before it");
        let mut work = Self { log, process, driver, end: 0 };
        work.post();
        work.run();
        work.post();
        work
    }

    fn post(&mut self) {
        let mut writer = self.log.writer().expect("the log in memory has a writer");
        let orders = CodecWork::new();
        let orders = orders.records().iter().filter(|record| matches!(record, Record::PlaceOrder(_)));
        for (number, order) in (0..RECORDS).zip(orders) {
            let (key, value) = (order.account().map_or("", |account| account.as_str()), hoga_schemas::encode(order));
            writer.send(ORDERS, key.as_bytes(), &value, None, number).expect("it is small");
        }
        writer.flush().expect("the log in memory takes it");
        self.end += RECORDS;
    }

    /// Works through what was posted; how many steps it took.
    ///
    /// # Panics
    /// When the driver stops, or does not get on.
    pub fn run(&mut self) -> usize {
        for steps in 1..100_000 {
            self.process.step(NOW).expect("its owners are read");
            self.driver.step(NOW).expect("the driver goes on");
            if self.log.bounds(ACCOUNTS).expect("the partition is there").end >= self.end {
                return steps;
            }
        }
        panic!("{} records were posted, and accounts does not come to have them", self.end);
    }
}

impl Default for HopWork {
    fn default() -> Self {
        Self::new()
    }
}
