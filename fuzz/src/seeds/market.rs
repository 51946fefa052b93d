//! What is listed and who takes part, in seeds and in the target `exchange`.

use hoga_core::records::*;
use hoga_core::{AccountId, AssetCode, ClientId, Decimal, Record, Symbol, Timestamp};

/// When it begins.
pub const START: Timestamp = Timestamp(1_700_000_000_000);
/// The members.
pub const ACCOUNTS: [&str; 3] = ["alice", "bob", "carol"];

/// An instrument.
#[derive(Debug, Clone, Copy)]
pub struct Listed {
    /// Its symbol.
    pub symbol: &'static str,
    /// What is traded.
    pub base: &'static str,
    /// What is paid with.
    pub quote: &'static str,
    /// The step of prices.
    pub tick: &'static str,
    /// The step of quantities.
    pub lot: &'static str,
}

/// A usual one, and one whose amounts come near the end of 64 bits.
pub const SYMBOLS: [Listed; 2] = [
    Listed { symbol: "KRW-BTC", base: "BTC", quote: "KRW", tick: "1000", lot: "0.001" },
    Listed { symbol: "BIG-BTC", base: "BTC", quote: "BIG", tick: "1000003", lot: "1" },
];

const ASSETS: [(&str, u8); 3] = [("KRW", 0), ("BTC", 8), ("BIG", 0)];

fn id(text: &str) -> ClientId {
    ClientId::unchecked(text)
}

/// What the operator lists, in order; the symbols are open.
pub fn listings() -> Vec<Record> {
    let mut records: Vec<Record> = Vec::new();
    for (asset, digits) in ASSETS {
        records.push(AssetListing { command_id: id(asset), asset: AssetCode::unchecked(asset), digits }.into());
    }
    let (maker_fee_ppm, taker_fee_ppm) = (333, 77_777);
    records.push(FeeSchedule { command_id: id("fees"), name: id("fees"), maker_fee_ppm, taker_fee_ppm }.into());
    for listed in SYMBOLS {
        let symbol = Symbol::unchecked(listed.symbol);
        records.push(
            InstrumentListing {
                command_id: id(listed.symbol),
                symbol: symbol.clone(),
                base: AssetCode::unchecked(listed.base),
                quote: AssetCode::unchecked(listed.quote),
                tick: listed.tick.parse().expect("a decimal"),
                lot: listed.lot.parse().expect("a decimal"),
                min_notional: Decimal::ZERO,
                min_price: None,
                max_price: None,
                fee_schedule: id("fees"),
                utc_offset_min: 540,
            }
            .into(),
        );
        let command_id = id(&format!("open-{symbol}"));
        records.push(PhaseChange { command_id, symbol, phase: Phase::Open }.into());
    }
    records
}

/// What the members bring in: as much as fits, of what is traded little.
pub fn deposits(now: Timestamp) -> impl Iterator<Item = Deposit> {
    let each = |account: &'static str| ASSETS.map(|(asset, digits)| (account, asset, digits));
    ACCOUNTS.into_iter().flat_map(each).map(move |(account, asset, digits)| Deposit {
        account: AccountId::unchecked(account),
        client_id: id(&format!("deposit-{asset}")),
        valid_until: now.plus_ms(60_000),
        asset: AssetCode::unchecked(asset),
        amount: Decimal::from_units(i64::MAX / 4, digits),
    })
}

/// Orders that trade, rest, wait and go.
pub fn orders(now: Timestamp) -> Vec<Record> {
    let place = |number: u32, account: &str, side, price: i64, lots: i64| -> Record {
        PlaceOrder {
            account: AccountId::unchecked(account),
            client_order_id: id(&format!("o{number}")),
            valid_until: now.plus_ms(60_000),
            symbol: Symbol::unchecked("KRW-BTC"),
            side,
            order_type: OrderType::Limit,
            time_in_force: TimeInForce::Gtc,
            post_only: false,
            self_match_prevention: SelfMatchPrevention::CancelNewest,
            price: Some(Decimal::from_int(price * 1_000)),
            quantity: Some(Decimal::from_units(lots, 3)),
            amount: None,
        }
        .into()
    };
    let mut records = vec![
        place(1, "alice", Side::Buy, 100, 5),
        place(2, "bob", Side::Buy, 99, 5),
        place(3, "carol", Side::Sell, 100, 3),
        place(4, "carol", Side::Sell, 104, 7),
        place(5, "bob", Side::Sell, 105, 7),
        // Off its tick.
        place(6, "bob", Side::Sell, 0, 7),
    ];
    let (valid_until, account) = (now.plus_ms(60_000), AccountId::unchecked("carol"));
    let quantity = Some(Decimal(60_000_000));
    let (client_order_id, orig_client_order_id) = (id("a1"), id("o4"));
    let price = None;
    records.push(
        AmendOrder {
            account: account.clone(),
            client_order_id,
            valid_until,
            orig_client_order_id: orig_client_order_id.clone(),
            price,
            quantity,
        }
        .into(),
    );
    let (client_order_id, quantity) = (id("r1"), Decimal(10_000_000));
    let reduce = ReduceOrder {
        account: account.clone(),
        client_order_id,
        valid_until,
        orig_client_order_id: orig_client_order_id.clone(),
        quantity,
    };
    records.push(reduce.into());
    records.push(CancelOrder { account, client_order_id: id("c1"), valid_until, orig_client_order_id }.into());
    records
}

/// A command of each kind as a value in `orders`, by its kind.
pub fn commands() -> impl Iterator<Item = (String, Vec<u8>)> {
    orders(START).into_iter().map(|record| (record.kind().to_string(), hoga_schemas::encode(&record)))
}

/// Gives a member's command a valid-until.
pub fn valid_until(record: &mut Record, time: Timestamp) {
    match record {
        Record::PlaceOrder(command) => command.valid_until = time,
        Record::AmendOrder(command) => command.valid_until = time,
        Record::ReduceOrder(command) => command.valid_until = time,
        Record::CancelOrder(command) => command.valid_until = time,
        _ => {}
    }
}
