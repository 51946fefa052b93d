//! Orders for the real machines: three accounts, one instrument, prices that cross often.

use super::world::{Node, World};
use hoga_core::records::{
    AssetListing, CancelOrder, Clock, Deposit, FeeSchedule, InstrumentListing, OrderType, Phase, PhaseChange,
    PlaceOrder, SelfMatchPrevention, Side, TimeInForce,
};
use hoga_core::{AccountId, AssetCode, ClientId, Decimal, Record, Symbol, Topic};
use hoga_topics::{Log, TopicPartition, catalogue, partitioner};

const ACCOUNTS: [&str; 3] = ["alice", "bob", "carol"];

pub struct Market {
    placed: u64,
}

fn id(text: impl Into<String>) -> ClientId {
    ClientId::unchecked(&text.into())
}

fn symbol() -> Symbol {
    Symbol::unchecked("KRW-BTC")
}

/// Appends a record to the partition of its key.
fn append(world: &World, topic: Topic, record: impl Into<Record>) {
    let record = record.into();
    let key = catalogue::key_of(topic, &record).into_owned();
    let partition = partitioner::partition(key.as_bytes(), world.log.partitions(topic));
    world.append(TopicPartition::new(topic, partition), &key, &record);
}

/// The feed's clocks.
pub fn clocks(world: &World) {
    for partition in 0..world.log.partitions(Topic::Orders) {
        let clock = Record::Clock(Clock { time: world.now });
        world.append(TopicPartition::new(Topic::Orders, partition), "", &clock);
    }
}

impl Market {
    /// Starts time, lists the instrument, opens it, funds the accounts: each once the one before has come through.
    pub fn open(world: &mut World, node: &mut Node) -> Self {
        // In a recorded log time begins with the feed's clock; in a wall log admission lets it pass.
        clocks(world);
        world.settle(node);
        for (asset, digits) in [("KRW", 0), ("BTC", 8)] {
            let listing = AssetListing { command_id: id(asset), asset: AssetCode::unchecked(asset), digits };
            append(world, Topic::Control, listing);
        }
        let (maker_fee_ppm, taker_fee_ppm) = (100, 250);
        append(
            world,
            Topic::Control,
            FeeSchedule { command_id: id("fees"), name: id("spot"), maker_fee_ppm, taker_fee_ppm },
        );
        append(world, Topic::Control, listing());
        append(world, Topic::Control, PhaseChange { command_id: id("open"), symbol: symbol(), phase: Phase::Open });
        world.settle(node);
        for account in ACCOUNTS {
            for (asset, amount) in [("KRW", 100_000_000), ("BTC", 1_000)] {
                let deposit = Deposit {
                    account: AccountId::unchecked(account),
                    client_id: id(asset),
                    valid_until: world.now.plus_ms(60_000),
                    asset: AssetCode::unchecked(asset),
                    amount: Decimal::from_int(amount),
                };
                append(world, Topic::Accounts, deposit);
            }
        }
        world.settle(node);
        world.log.sync().unwrap();
        Self { placed: 0 }
    }

    /// Places an order, or cancels an earlier one, as `roll` says.
    pub fn order(&mut self, world: &mut World, roll: u64) {
        let account = AccountId::unchecked(ACCOUNTS[(roll % 3) as usize]);
        let valid_until = world.now.plus_ms(60_000);
        let pick = roll >> 8;
        if pick.is_multiple_of(8) && self.placed > 0 {
            let orig_client_order_id = id(format!("o{}", 1 + (pick >> 3) % self.placed));
            let client_order_id = id(format!("c{roll}"));
            append(world, Topic::Orders, CancelOrder { account, client_order_id, valid_until, orig_client_order_id });
            return;
        }
        self.placed += 1;
        append(
            world,
            Topic::Orders,
            PlaceOrder {
                account,
                client_order_id: id(format!("o{}", self.placed)),
                valid_until,
                symbol: symbol(),
                side: if pick.is_multiple_of(2) { Side::Buy } else { Side::Sell },
                order_type: OrderType::Limit,
                time_in_force: if pick.is_multiple_of(5) { TimeInForce::Ioc } else { TimeInForce::Gtc },
                post_only: false,
                self_match_prevention: SelfMatchPrevention::None,
                price: Some(Decimal::from_int(1_000 + ((pick >> 4) % 7) as i64)),
                quantity: Some(Decimal::from_int(1 + ((pick >> 8) % 4) as i64)),
                amount: None,
            },
        );
    }
}

fn listing() -> InstrumentListing {
    InstrumentListing {
        command_id: id("list"),
        symbol: symbol(),
        base: AssetCode::unchecked("BTC"),
        quote: AssetCode::unchecked("KRW"),
        tick: Decimal::from_int(1),
        lot: Decimal::from_int(1),
        min_notional: Decimal::ZERO,
        min_price: None,
        max_price: None,
        fee_schedule: id("spot"),
        utc_offset_min: 540,
    }
}
