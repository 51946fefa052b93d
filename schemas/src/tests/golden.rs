//! Golden bytes: one record of each kind, as `golden/v<version>/records.jsonl` has it.
//!
//! Each line is an object of `kind`, `value_hex` (the whole value), `origin` and `fields` (as `json` shows them).
//! What is there decodes for ever; what the newest version's file says is what we write today.
//! `HOGA_UPDATE_GOLDEN=1` writes the newest version's file: read the difference before you keep it.

use super::sealed;
use crate::json::{origin_to_json, to_json};
use crate::{Origin, decode, open};
use hoga_core::records::*;
use hoga_core::{
    AccountId, AssetCode, ClientId, Decimal, MachineKind, OrderId, Record, Settings, Symbol, Timestamp, Topic, TradeId,
};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

const NEWEST: &str = "golden/v1/records.jsonl";
const NOON: Timestamp = Timestamp(1_766_977_200_000);

fn dec(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn id(text: &str) -> ClientId {
    ClientId::parse(text).unwrap()
}

fn account(text: &str) -> AccountId {
    AccountId::parse(text).unwrap()
}

fn symbol(text: &str) -> Symbol {
    Symbol::parse(text).unwrap()
}

fn asset(text: &str) -> AssetCode {
    AssetCode::parse(text).unwrap()
}

/// One record of each kind, in the order of the kinds; together they use every type, and options both ways.
fn records() -> Vec<Record> {
    [commands(), operator(), book(), market(), accounts(), ownership(), log()].concat()
}

fn commands() -> Vec<Record> {
    vec![
        PlaceOrder {
            account: account("alice"),
            client_order_id: id("a-1"),
            valid_until: NOON,
            symbol: symbol("KRW-BTC"),
            side: Side::Buy,
            order_type: OrderType::Limit,
            time_in_force: TimeInForce::Gtc,
            post_only: true,
            self_match_prevention: SelfMatchPrevention::CancelOldest,
            price: Some(dec("75000")),
            quantity: Some(dec("0.25")),
            amount: None,
        }
        .into(),
        AmendOrder {
            account: account("alice"),
            client_order_id: id("a-2"),
            valid_until: NOON,
            orig_client_order_id: id("a-1"),
            price: Some(dec("75001")),
            quantity: None,
        }
        .into(),
        ReduceOrder {
            account: account("alice"),
            client_order_id: id("a-3"),
            valid_until: NOON,
            orig_client_order_id: id("a-1"),
            quantity: dec("0.0000000001"),
        }
        .into(),
        CancelOrder {
            account: account("alice"),
            client_order_id: id("a-4"),
            valid_until: Timestamp(-1),
            orig_client_order_id: id("a-1"),
        }
        .into(),
        Deposit {
            account: account("alice"),
            client_id: id("d-1"),
            valid_until: NOON,
            asset: asset("KRW"),
            amount: dec("9999999999999999999999999999.9999999999"),
        }
        .into(),
        Withdrawal {
            account: account("alice"),
            client_id: id("w-1"),
            valid_until: NOON,
            asset: asset("BTC"),
            amount: dec("1"),
        }
        .into(),
    ]
}

fn operator() -> Vec<Record> {
    vec![
        AssetListing { command_id: id("op-1"), asset: asset("KRW"), digits: 0 }.into(),
        InstrumentListing {
            command_id: id("op-2"),
            symbol: symbol("KRW-BTC"),
            base: asset("BTC"),
            quote: asset("KRW"),
            tick: dec("1000"),
            lot: dec("0.00000001"),
            min_notional: dec("5000"),
            min_price: None,
            max_price: Some(dec("1000000000")),
            fee_schedule: id("default"),
            utc_offset_min: -540,
        }
        .into(),
        FeeSchedule { command_id: id("op-3"), name: id("default"), maker_fee_ppm: 0, taker_fee_ppm: 100_000 }.into(),
        PhaseChange { command_id: id("op-4"), symbol: symbol("KRW-BTC"), phase: Phase::PreOpen }.into(),
        RulesVersion { command_id: id("op-5"), version: 1 }.into(),
    ]
}

fn book() -> Vec<Record> {
    vec![
        HeldOrder {
            order_id: OrderId::new(3, 17),
            account: account("alice"),
            symbol: symbol("KRW-BTC"),
            side: Side::Buy,
            order_type: OrderType::Market,
            time_in_force: TimeInForce::Ioc,
            post_only: false,
            self_match_prevention: SelfMatchPrevention::None,
            price: None,
            quantity: None,
            amount: Some(dec("1000000")),
            maker_fee_ppm: 400,
            taker_fee_ppm: 500,
        }
        .into(),
        HeldAmend {
            order_id: OrderId::new(3, 17),
            account: account("alice"),
            client_order_id: id("a-3"),
            symbol: symbol("KRW-BTC"),
            price: None,
            quantity: None,
            reduce_by: Some(dec("0.1")),
        }
        .into(),
        HeldCancel {
            order_id: OrderId::new(3, 17),
            account: account("alice"),
            client_order_id: id("a-4"),
            symbol: symbol("KRW-BTC"),
        }
        .into(),
        SettlementLeg {
            account: account("alice"),
            order_id: OrderId::new(3, 17),
            symbol: symbol("KRW-BTC"),
            trade_id: TradeId::new(1, 9),
            side: Side::Sell,
            liquidity: Liquidity::Taker,
            price: dec("75000"),
            quantity: dec("0.25"),
            fee: dec("9.375"),
            leaves: dec("0"),
        }
        .into(),
        BookAnswer {
            account: account("alice"),
            order_id: OrderId::new(3, 17),
            client_order_id: None,
            symbol: symbol("KRW-BTC"),
            outcome: BookOutcome::Canceled,
            reason: Some(Reason::AmendedToFilled),
            price: Some(dec("75000")),
            quantity: Some(dec("0.25")),
            leaves: dec("0.1"),
        }
        .into(),
    ]
}

fn market() -> Vec<Record> {
    let level = |price, quantity, orders| DepthLevel { price: dec(price), quantity: dec(quantity), orders };
    vec![
        Execution {
            symbol: symbol("KRW-BTC"),
            trade_id: TradeId::new(1, 9),
            time: NOON,
            price: dec("75000"),
            quantity: dec("0.25"),
            taker_side: Side::Sell,
            maker_order_id: OrderId::new(0, 1),
            taker_order_id: OrderId::new(32_767, (1 << 48) - 1),
            maker_account: account("bob"),
            taker_account: account("alice"),
            maker_fee: dec("-0.5"),
            taker_fee: dec("9.375"),
        }
        .into(),
        Tick {
            symbol: symbol("ESH4"),
            venue: "CME".into(),
            venue_time: NOON,
            receive_time: NOON.plus_ms(3),
            venue_sequence: i64::MIN,
            price: dec("4800.25"),
            quantity: dec("12"),
            taker_side: None,
        }
        .into(),
        DepthUpdate {
            symbol: symbol("KRW-BTC"),
            sequence: 7,
            time: NOON,
            snapshot: false,
            bids: vec![level("75000", "0.5", 2), level("74000", "0", 0)],
            asks: vec![],
        }
        .into(),
        Candle {
            symbol: symbol("KRW-BTC"),
            source: CandleSource::Executions,
            venue: "".into(),
            interval: "15m".into(),
            open_time: NOON,
            close_time: NOON.plus_ms(900_000),
            open: dec("75000"),
            high: dec("76000"),
            low: dec("74000.5"),
            close: dec("75500"),
            volume: dec("12.5"),
            quote_volume: dec("937500.1234567891"),
            trades: 42,
            revision: 2,
            is_final: true,
            late_trades: 1,
        }
        .into(),
    ]
}

fn accounts() -> Vec<Record> {
    vec![
        OrderEvent {
            account: account("alice"),
            order_id: Some(OrderId::new(3, 17)),
            client_order_id: id("a-1"),
            symbol: symbol("KRW-BTC"),
            time: NOON,
            event: OrderEventKind::Trade,
            status: OrderStatus::PartiallyFilled,
            reason: None,
            detail: None,
            command_id: Some(id("a-2")),
            side: Side::Buy,
            order_type: OrderType::Limit,
            time_in_force: TimeInForce::Day,
            price: Some(dec("75000")),
            quantity: Some(dec("0.25")),
            amount: None,
            filled: dec("0.1"),
            filled_amount: dec("7500"),
            fee: dec("3.75"),
            held: dec("11255.625"),
            fill: Some(OrderFill {
                trade_id: TradeId::new(1, 9),
                liquidity: Liquidity::Maker,
                price: dec("75000"),
                quantity: dec("0.1"),
                fee: dec("3.75"),
            }),
        }
        .into(),
        CommandRefused {
            account: account("alice"),
            client_id: id("w-2"),
            command: CommandKind::Withdrawal,
            orig_client_order_id: None,
            time: NOON,
            reason: Reason::InsufficientBalance,
            detail: Some("잔고 부족: available 1, asked 2".into()),
        }
        .into(),
        JournalEntry {
            account: account("alice"),
            entry: 5,
            time: NOON,
            kind: JournalKind::Deposit,
            client_id: Some(id("d-1")),
            order_id: None,
            trade_id: None,
            postings: vec![
                Posting {
                    ledger: LedgerAccount::Member,
                    asset: asset("KRW"),
                    amount: dec("1000"),
                    balance: dec("1000"),
                },
                Posting {
                    ledger: LedgerAccount::External,
                    asset: asset("KRW"),
                    amount: dec("-1000"),
                    balance: dec("-9000"),
                },
            ],
        }
        .into(),
        DeadLetter {
            topic: "orders".into(),
            partition: 2,
            offset: 1 << 40,
            reason: "the first byte is 0x7b, not 0x00".into(),
            key: b"alice".to_vec(),
            value: vec![0xff, 0x00, 0x7b],
        }
        .into(),
    ]
}

fn ownership() -> Vec<Record> {
    vec![
        Clock { time: NOON }.into(),
        Claim {
            machine: MachineKind::Holds,
            partition: 3,
            replaces: Some(11),
            epoch: None,
            process: "host-123-5f".into(),
        }
        .into(),
        Mark {
            machine: MachineKind::Matching,
            partition: 1,
            epoch: 12,
            next_offset: 300,
            outputs: vec![MarkOutput {
                topic: Topic::OrderEvents,
                partition: 0,
                number: 64,
                offset: 8_192,
                hash: 0xfedc_ba98_7654_3210,
            }],
        }
        .into(),
        SignOfLife {
            process: "host-123-5f".into(),
            progress: vec![
                Progress { machine: MachineKind::TickCandles, partition: 0, epoch: Some(12), next_offset: 63 },
                Progress { machine: MachineKind::Admission, partition: 0, epoch: None, next_offset: 0 },
            ],
        }
        .into(),
    ]
}

fn log() -> Vec<Record> {
    vec![LogSettings { log: "host-123-5f".into(), settings: Settings::default() }.into()]
}

/// Every second record has an origin.
fn origin_of(index: usize) -> Option<Origin> {
    (index % 2 == 1).then_some(Origin {
        machine: MachineKind::Holds,
        partition: 3,
        epoch: 70_000,
        cause: index as u64,
        number: 1 << 33,
        hash: 0x8000_0000_0000_0001,
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}

fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("reading {}: {e}", path.display()));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The values of the newest golden file.
pub fn values() -> Vec<Vec<u8>> {
    lines(&file(NEWEST)).iter().map(|line| unhex(line["value_hex"].as_str().unwrap())).collect()
}

#[test]
fn what_we_write_is_the_newest_golden_file() {
    let records = records();
    assert!(records.iter().map(Record::kind).eq(RecordKind::ALL.iter().copied()), "one record of each kind");
    let mut text = String::new();
    for (index, record) in records.iter().enumerate() {
        let origin = origin_of(index);
        let line = json!({
            "kind": record.kind().name(),
            "value_hex": hex(&sealed(record, origin.as_ref())),
            "origin": origin.as_ref().map(origin_to_json),
            "fields": to_json(record),
        });
        text += &format!("{line}\n");
    }
    if std::env::var_os("HOGA_UPDATE_GOLDEN").is_some() {
        return std::fs::write(file(NEWEST), text).unwrap();
    }
    let kept = std::fs::read_to_string(file(NEWEST)).unwrap();
    for (ours, kept) in text.lines().zip(kept.lines()) {
        assert_eq!(ours, kept);
    }
    assert_eq!(text, kept);
}

#[test]
fn every_golden_file_decodes_for_ever() {
    let mut files = 0;
    for version in std::fs::read_dir(file("golden")).unwrap() {
        for line in lines(&version.unwrap().path().join("records.jsonl")) {
            let value = unhex(line["value_hex"].as_str().unwrap());
            let frame = open(&value).unwrap();
            let record = decode(&frame).unwrap();
            assert_eq!(record.kind().name(), line["kind"]);
            assert_eq!(json!(frame.origin.as_ref().map(origin_to_json)), line["origin"], "{}", line["kind"]);
            assert_eq!(to_json(&record), line["fields"], "{}", line["kind"]);
        }
        files += 1;
    }
    assert!(files > 0, "no golden file found");
}
