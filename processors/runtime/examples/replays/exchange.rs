//! The live run: listings, deposits, orders and ticks from a seed, through all machines, in a recorded log.

use crate::Result;
use hoga_core::machines;
use hoga_core::records::*;
use hoga_core::{AccountId, AssetCode, ClientId, Decimal, MachineKind, Record, Settings, Symbol, Timestamp, Topic};
use hoga_runtime::{Limits, Runtime, RuntimeConfig};
use hoga_topics::owners::wait_drained;
use hoga_topics::{Log, MemoryLog, MemoryOptions, TimeMode, TopicPartition, catalogue, partitioner};
use object_store::memory::InMemory;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

const START: Timestamp = Timestamp(1_700_000_000_000);
const DEADLINE: Duration = Duration::from_secs(1_200);
const MEMBERS: u64 = 500;
const SYMBOLS: [(&str, &str); 3] = [("KRW-BTC", "BTC"), ("KRW-ETH", "ETH"), ("KRW-XRP", "XRP")];
/// Between two orders.
const PACE_MS: i64 = 2;
/// Between two clocks of a feed.
const CLOCK_MS: i64 = 1_000;

/// A log in which everything has come to its end.
pub struct Live {
    pub log: MemoryLog,
    /// The hash of each machine's state.
    pub states: BTreeMap<(MachineKind, u32), u64>,
}

/// Runs an exchange whose machines read at least `records` records together.
pub fn run(records: u64) -> Result<Live> {
    let log = MemoryLog::new(MemoryOptions { time_mode: TimeMode::Recorded, ..MemoryOptions::default() });
    let mut config = RuntimeConfig::new("live", Settings::default(), Arc::new(machines::new));
    config.limits = Limits { accounts_ahead_records: u64::MAX, ..Limits::default() };
    let shared: Arc<dyn Log> = Arc::new(log.clone());
    let runtime = Runtime::start(shared, Arc::new(InMemory::new()), config)?;
    runtime.wait_running(Instant::now() + DEADLINE)?;
    let mut feed = Feed { log: &log, random: 1, now: START, placed: 0 };
    feed.clocks()?;
    feed.list()?;
    feed.settle()?;
    feed.fund()?;
    feed.settle()?;
    // An order brings about five records: itself in three topics, and what it trades.
    feed.trade(records / 4)?;
    feed.settle()?;
    let report = runtime.stop(Instant::now() + DEADLINE);
    let hash = |machine: hoga_runtime::StoppedMachine| {
        let hash = machine.state_hash.ok_or_else(|| format!("{}/{} did not end", machine.kind, machine.partition))?;
        Ok(((machine.kind, machine.partition), hash))
    };
    Ok(Live { log, states: report.machines.into_iter().map(hash).collect::<Result<_>>()? })
}

struct Feed<'a> {
    log: &'a MemoryLog,
    random: u64,
    now: Timestamp,
    placed: u64,
}

impl Feed<'_> {
    /// SplitMix64 (Steele et al. 2014), below `n`.
    fn below(&mut self, n: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }

    fn append(&self, topic: Topic, record: impl Into<Record>) -> Result<()> {
        let record = record.into();
        let key = catalogue::key_of(topic, &record);
        let partition = partitioner::partition(key.as_bytes(), self.log.partitions(topic));
        self.put(TopicPartition::new(topic, partition), key.as_bytes(), &record)
    }

    fn put(&self, at: TopicPartition, key: &[u8], record: &Record) -> Result<()> {
        self.log.append_foreign(at, key, Some(&hoga_schemas::encode(record)), self.now)?;
        Ok(())
    }

    fn clocks(&self) -> Result<()> {
        for topic in [Topic::Orders, Topic::Ticks] {
            for partition in 0..self.log.partitions(topic) {
                self.put(TopicPartition::new(topic, partition), b"", &Clock { time: self.now }.into())?;
            }
        }
        Ok(())
    }

    fn settle(&self) -> Result<()> {
        Ok(wait_drained(self.log, Instant::now() + DEADLINE)?)
    }

    fn list(&self) -> Result<()> {
        let command = |text: &str| ClientId::unchecked(text);
        for (asset, digits) in [("KRW", 0), ("BTC", 8), ("ETH", 8), ("XRP", 6)] {
            let listing = AssetListing { command_id: command(asset), asset: AssetCode::unchecked(asset), digits };
            self.append(Topic::Control, listing)?;
        }
        let (maker_fee_ppm, taker_fee_ppm) = (200, 500);
        let (command_id, name) = (command("fees"), command("standard"));
        self.append(Topic::Control, FeeSchedule { command_id, name, maker_fee_ppm, taker_fee_ppm })?;
        for (symbol, base) in SYMBOLS {
            let listing = InstrumentListing {
                command_id: command(symbol),
                symbol: Symbol::unchecked(symbol),
                base: AssetCode::unchecked(base),
                quote: AssetCode::unchecked("KRW"),
                tick: Decimal::from_int(1_000),
                lot: Decimal::from_units(1, 3),
                min_notional: Decimal::ZERO,
                min_price: None,
                max_price: None,
                fee_schedule: command("standard"),
                utc_offset_min: 540,
            };
            self.append(Topic::Control, listing)?;
            let open = PhaseChange {
                command_id: command(&format!("open-{symbol}")),
                symbol: Symbol::unchecked(symbol),
                phase: Phase::Open,
            };
            self.append(Topic::Control, open)?;
        }
        Ok(())
    }

    fn fund(&self) -> Result<()> {
        for member in 0..MEMBERS {
            for (asset, amount) in [("KRW", 100_000_000_000), ("BTC", 10_000), ("ETH", 10_000), ("XRP", 10_000)] {
                let deposit = Deposit {
                    account: account(member),
                    client_id: ClientId::unchecked(asset),
                    valid_until: self.now.plus_ms(60_000),
                    asset: AssetCode::unchecked(asset),
                    amount: Decimal::from_int(amount),
                };
                self.append(Topic::Accounts, deposit)?;
            }
        }
        Ok(())
    }

    fn trade(&mut self, orders: u64) -> Result<()> {
        let begun = self.now;
        for number in 0..orders {
            if number > 0 && number % (orders / 4).max(1) == 0 {
                crate::say(&format!("live: {number} of {orders} orders posted"))?;
            }
            self.now = begun.plus_ms(number as i64 * PACE_MS);
            if (self.now.0 - begun.0) % CLOCK_MS == 0 {
                self.clocks()?;
            }
            self.order()?;
            if number % 10 == 0 {
                self.tick(number)?;
            }
        }
        self.now = self.now.plus_ms(CLOCK_MS);
        self.clocks()
    }

    /// An order, or now and then the cancel of an earlier one, of which many are still open.
    fn order(&mut self) -> Result<()> {
        let valid_until = self.now.plus_ms(60_000);
        if self.placed > 0 && self.below(8) == 0 {
            let number = 1 + self.placed.saturating_sub(1 + self.below(2_000).min(self.placed - 1));
            let (client_order_id, orig_client_order_id) = (client_id("c", self.random), client_id("o", number));
            let account = account(number % MEMBERS);
            let cancel = CancelOrder { account, client_order_id, valid_until, orig_client_order_id };
            return self.append(Topic::Orders, cancel);
        }
        self.placed += 1;
        let (symbol, _) = SYMBOLS[self.below(3) as usize];
        let order = PlaceOrder {
            account: account(self.placed % MEMBERS),
            client_order_id: client_id("o", self.placed),
            valid_until,
            symbol: Symbol::unchecked(symbol),
            side: if self.below(2) == 0 { Side::Buy } else { Side::Sell },
            order_type: OrderType::Limit,
            time_in_force: if self.below(10) == 0 { TimeInForce::Ioc } else { TimeInForce::Gtc },
            post_only: false,
            self_match_prevention: SelfMatchPrevention::CancelNewest,
            price: Some(Decimal::from_int((95_000 + self.below(20) as i64) * 1_000)),
            quantity: Some(Decimal::from_units(1 + self.below(50) as i64, 3)),
            amount: None,
        };
        self.append(Topic::Orders, order)
    }

    fn tick(&mut self, number: u64) -> Result<()> {
        let tick = Tick {
            symbol: Symbol::unchecked(SYMBOLS[self.below(3) as usize].0),
            venue: "UPBIT".into(),
            venue_time: self.now.plus_ms(-(self.below(500) as i64)),
            receive_time: self.now,
            venue_sequence: number as i64,
            price: Decimal::from_int(95_000_000 + self.below(1_000) as i64),
            quantity: Decimal::from_units(1 + self.below(9) as i64, 4),
            taker_side: None,
        };
        self.append(Topic::Ticks, tick)
    }
}

fn account(member: u64) -> AccountId {
    AccountId::unchecked(&format!("member-{member:04}"))
}

fn client_id(kind: &str, number: u64) -> ClientId {
    ClientId::unchecked(&format!("{kind}{number}"))
}
