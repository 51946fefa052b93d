//! A day at the exchange through the real binary: up, list, fund, trade, look, stop, start again, compare.

use crate::hoga::Place;
use hoga_core::records::{Claim, OrderType, PlaceOrder, SelfMatchPrevention, Side, TimeInForce};
use hoga_core::{AccountId, ClientId, Decimal, MachineKind, Symbol, Timestamp, Topic};
use hoga_topics::embedded::{EmbeddedLog, EmbeddedOptions};
use hoga_topics::{Log, TopicPartition};

/// Lists KRW, BTC and their instrument, opens it, and funds two accounts, at a running `hoga up`.
pub fn open_market(place: &Place) {
    place.run("list-asset KRW --digits 0").printed(&["AssetListing KRW: done"]);
    place.run("list-asset BTC --digits 8").printed(&["AssetListing BTC: done"]);
    place.run("set-fees standard --maker-ppm 200 --taker-ppm 500").printed(&["FeeSchedule standard: done"]);
    place
        .run("list-instrument KRW-BTC --base BTC --quote KRW --tick 1000 --lot 0.001 --fees standard")
        .printed(&["InstrumentListing KRW-BTC: done"]);
    place.run("set-phase KRW-BTC open").printed(&["PhaseChange KRW-BTC: done"]);
    place.run("deposit alice KRW 1000000").printed(&["DEPOSIT: alice 1000000 KRW, balance 1000000 KRW"]);
    place.run("deposit bob BTC 2").printed(&["DEPOSIT: bob 2 BTC, balance 2 BTC"]);
}

pub fn order(account: &str, id: &str, side: &str, price: &str, quantity: &str) -> String {
    let names = format!(r#""action":"place","account":"{account}","clientOrderId":"{id}","symbol":"KRW-BTC""#);
    format!(r#"{{{names},"side":"{side}","type":"LIMIT","price":"{price}","quantity":"{quantity}"}}"#) + "\n"
}

#[test]
fn an_order_is_traded_and_settled_and_everything_is_there_after_a_restart() {
    let place = Place::new();
    let up = place.up();
    open_market(&place);
    // Order across accounts is the order of arrival: bob's order has to rest before alice's is sent.
    place.produce(&order("bob", "b1", "SELL", "95000000", "0.01")).printed(&["1 lines read, posted: orders 1"]);
    let rests = place.run("tail order-events --key bob --follow --limit 2").lines().remove(1);
    assert_eq!(rests["record"]["status"], "NEW");
    place.produce(&order("alice", "a1", "BUY", "95000000", "0.004")).printed(&["posted: orders 1"]);
    let trade = place.run("tail executions --follow --limit 1").lines().remove(0);
    assert_eq!(trade["record"]["price"], "95000000");
    assert_eq!(trade["record"]["quantity"], "0.004");
    // As it stands in the log: the copy of a claim, which has schema id 26 and no origin.
    let raw = place.run("tail executions --raw --bytes --key matching/0 --limit 1").lines().remove(0);
    assert_eq!(raw["key_hex"], "6d61746368696e672f30", "matching/0");
    assert!(raw["value_hex"].as_str().expect("hex").starts_with("000000001a00"), "{raw}");
    let settled = place.run("tail journal --key alice --follow --limit 2").lines().remove(1);
    assert_eq!(settled["record"]["kind"], "TRADE");
    // 380,000 won and a taker's fee of 190; the maker's is 76.
    place.run("withdraw alice KRW 619810").printed(&["balance 0 KRW"]);
    place.run("withdraw alice KRW 1").expect(1, &["refused: INSUFFICIENT_BALANCE"]);
    // Of bob's order 0.006 still rests, and is held.
    let balances = place.run("balances bob").printed(&["TOTAL", "HELD", "AVAILABLE"]).out;
    let rows: Vec<Vec<&str>> = balances.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[1..], [vec!["BTC", "1.996", "0.006", "1.99"], vec!["KRW", "379924", "0", "379924"]]);
    place.run("hash --state").expect(3, &["`hoga up` (or `hoga run`) has the machines"]);
    explain_and_verify(&place);
    assert_eq!(up.stop(), 0, "SIGTERM ends it cleanly");
    let before = place.run("hash executions journal order-events").printed(&["executions", "journal"]).out;
    place.run("hash --state").printed(&["holds/0", "equal"]);
    let up = place.up();
    assert_eq!(place.run("hash executions journal order-events").out, before, "a restart changes nothing");
    place.run("balances").printed(&["KRW", "BTC"]);
    assert_eq!(up.stop(), 0);
}

/// While it is up: what was written is what its input gives, the ledger stands at any point, and the maker's order is
/// explained from the command to the posting.
fn explain_and_verify(place: &Place) {
    place.run("reconcile").printed(&["accounts/", "executions/", "all equal"]);
    let said = place.run("verify ledger").printed(&["KRW", "BTC", "in flight: 0 legs", "every asset sums to zero"]);
    let points = said.out.lines().next().and_then(|line| line.split_whitespace().nth(2)).expect("ledger at POINTS:");
    let points = points.trim_end_matches(':');
    place.run(&format!("verify ledger --at {points}")).printed(&["in flight: 0 legs"]);
    place.run("verify ledger --at accounts/0@1").expect(2, &["each partition of accounts needs one"]);
    place.run("verify ledger --at 2999-01-01T00:00:00Z").expect(2, &["asked for is "]);
    place.run("verify ledger --at 2000-01-01T00:00:00Z").printed(&["@0", ": 0 entries"]);
    one_side_settled(place, points);

    let said = place.run("explain bob b1");
    let places: Vec<&str> = said.out.lines().filter_map(|line| line.split_whitespace().nth(3)).collect();
    let found = |topic: &str| places.iter().filter(|at| at.starts_with(&format!("{topic}/"))).count();
    for (topic, records) in [("books", 2), ("accounts", 3), ("executions", 1), ("journal", 1), ("order-events", 3)] {
        assert_eq!(found(topic), records, "{topic}: {said:?}");
    }
    let json = place.run("explain bob b1 --json").lines().remove(0);
    assert_eq!((&json["status"], &json["resolution_us"]), (&"PARTIALLY_FILLED".into(), &1_000.into()));
    let steps = json["steps"].as_array().expect("a list");
    assert_eq!((&steps[0]["kind"], &steps[0]["cause"]), (&"PlaceOrder".into(), &serde_json::Value::Null));
    // Each record stands behind its cause.
    for (number, step) in steps.iter().enumerate() {
        let before = steps[number..].iter().all(|later| later["at"] != step["cause"]);
        assert!(before, "{step} stands before its cause: {steps:?}");
    }
    let number = json["order"].as_str().expect("a number");
    assert_eq!(place.run(&format!("explain {number}")).out, said.out, "by its number it is the same");
    place.run("explain bob never").expect(1, &["account bob has no order never"]);
    place.run("explain 0-99").expect(1, &["there is no order 0-99"]);
    place.run("explain bob").expect(2, &["\"bob\" is no order's number"]);
}

/// Where only one side of the trade is settled, the leg is named, and CLEARING is what it left there.
fn one_side_settled(place: &Place, points: &str) {
    let legs = place.run("tail accounts").lines();
    let leg = legs.iter().find(|line| line["kind"] == "SettlementLeg").expect("a leg");
    let at = format!("accounts/{}@", leg["partition"]);
    let before = |point: &str| match point.strip_prefix(&at) {
        Some(_) => format!("{at}{}", leg["offset"]),
        None => point.to_owned(),
    };
    let points: Vec<String> = points.split(',').map(before).collect();
    let said = place.run(&format!("verify ledger --at {}", points.join(",")));
    said.printed(&["in flight: 1 legs", "is settled (accounts/", "KRW, ", "every asset sums to zero, and CLEARING"]);
}

#[test]
fn refusals_of_the_exchange_have_names() {
    let place = Place::new();
    let up = place.up();
    open_market(&place);
    place.run("set-phase KRW-ETH open").expect(1, &["KRW-ETH"]);
    place
        .run("list-instrument KRW-ETH --base BTC --quote KRW --tick 1 --lot 0.001 --fees standard")
        .expect(1, &["0.001"]);
    place.run("withdraw nobody KRW 1").expect(1, &["refused: UNKNOWN_ACCOUNT"]);
    place.run("deposit alice USD 1").expect(1, &["refused: UNKNOWN_ASSET"]);
    let (unknown, huge) = ("9999999999999999999999999000", "9999999999999999999999999");
    let orders = [
        ("nobody", "95000000", "0.01", "UNKNOWN_ACCOUNT"),
        ("alice", "95000500", "0.01", "OFF_TICK"),
        ("alice", "95000000", "0.0005", "OFF_LOT"),
        ("alice", "95000000", "1", "INSUFFICIENT_BALANCE"),
        ("alice", unknown, huge, "TOO_LARGE"),
    ];
    for (number, (account, price, quantity, reason)) in orders.into_iter().enumerate() {
        place.produce(&order(account, &format!("r{number}"), "BUY", price, quantity)).printed(&["posted: orders 1"]);
        let event = place.run(&format!("tail order-events --follow --from 0 --limit {}", number + 3)).lines();
        let found = event.iter().find(|line| line["record"]["client_order_id"] == format!("r{number}"));
        let found = found.unwrap_or_else(|| panic!("{reason}: no event in {event:?}"));
        assert_eq!((&found["record"]["event"], &found["record"]["reason"]), (&"REJECTED".into(), &reason.into()));
    }
    let cancel = r#"{"action":"cancel","account":"alice","origClientOrderId":"never-placed"}"#;
    place.produce(cancel).printed(&["posted: orders 1"]);
    assert_eq!(up.stop(), 0);
    let said = place.run("tail order-events --key alice").out;
    assert!(said.contains("UNKNOWN_ORDER"), "{said}");
}

/// Writes what no producer should into a partition; what the dead letter of each must say.
fn write_hostile(log: &EmbeddedLog, to: TopicPartition) -> Vec<&'static str> {
    let good = PlaceOrder {
        account: AccountId::unchecked("alice"),
        client_order_id: ClientId::unchecked("hostile"),
        valid_until: Timestamp(1_700_000_000_000),
        symbol: Symbol::unchecked("KRW-BTC"),
        side: Side::Buy,
        order_type: OrderType::Limit,
        time_in_force: TimeInForce::Gtc,
        post_only: false,
        self_match_prevention: SelfMatchPrevention::None,
        price: Some(Decimal::from_int(95_000_000)),
        quantity: Some(Decimal::from_int(1)),
        amount: None,
    };
    let with = |change: fn(&mut PlaceOrder)| {
        let mut order = good.clone();
        change(&mut order);
        hoga_schemas::encode(&order.into())
    };
    let whole = with(|_| ());
    // A place order whose account claims to be gigabytes long.
    let greedy = vec![0, 0, 0, 0, 1, 0, 0xfe, 0xff, 0xff, 0xff, 0x7f];
    let claim =
        Claim { machine: MachineKind::Holds, partition: 0, replaces: None, epoch: Some(9), process: "x".into() };
    let values = [
        (None, "tombstone"),
        (Some(b"\x01hello".to_vec()), "not 0x00"),
        (Some(b"\0\0\x0f\x42\x40x".to_vec()), "schema id 1000000 is unknown"),
        (Some(whole[..whole.len() - 1].to_vec()), "PlaceOrder.amount: "),
        (Some([whole.as_slice(), &[7]].concat()), "1 byte"),
        (Some(greedy), "PlaceOrder.account: 17179869183 bytes, at most 256 are allowed"),
        (Some(with(|order| order.price = Some(Decimal(-1)))), "price -0.0000000001 is out of range"),
        (Some(with(|order| order.quantity = Some(Decimal::ZERO))), "quantity 0 is out of range"),
        (Some(with(|order| order.account = AccountId::unchecked("bob"))), "the record's key is \"alice\""),
        (Some(hoga_schemas::encode(&claim.into())), "a claim of holds/0, which does not write orders"),
    ];
    let append = |(value, says): (Option<Vec<u8>>, _)| {
        log.append_foreign(to, b"alice", value.as_deref(), Timestamp(0)).expect("appended");
        says
    };
    values.into_iter().map(append).collect()
}

#[test]
fn bytes_that_are_no_record_become_dead_letters_and_what_follows_them_goes_on() {
    let place = Place::new();
    let up = place.up();
    open_market(&place);
    assert_eq!(up.stop(), 0);
    let log = EmbeddedLog::open(&place.path().join("hoga-data/main/log"), EmbeddedOptions::default()).expect("opens");
    let to = TopicPartition::new(Topic::Orders, 0);
    let says = write_hostile(&log, to);
    drop(log);
    let up = place.up();
    place.produce(&order("alice", "after", "BUY", "95000000", "0.001")).printed(&["posted: orders 1"]);
    let letters = place.run(&format!("tail dead-letters --follow --limit {}", says.len())).lines();
    for (letter, says) in letters.iter().zip(says) {
        let record = &letter["record"];
        assert_eq!((&record["topic"], &record["partition"]), (&"orders".into(), &0.into()));
        assert!(record["reason"].as_str().expect("a text").contains(says), "{record}");
    }
    let offsets: Vec<_> = letters.iter().map(|letter| letter["record"]["offset"].as_u64().expect("a number")).collect();
    assert!(offsets.windows(2).all(|pair| pair[0] + 1 == pair[1]), "each bad record is named: {offsets:?}");
    let after = place.run("tail order-events --key alice --follow --limit 1").lines().remove(0);
    assert_eq!(after["record"]["client_order_id"], "after");
    assert_eq!(up.stop(), 0);
}

#[test]
fn a_port_or_folder_in_use_and_missing_input_are_told() {
    let place = Place::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("bound").to_string();
    place.run(&format!("up --listen {address}")).expect(3, &[&address, "in use", "--listen"]);
    let up = place.up();
    place.run("up --listen 127.0.0.1:0").expect(3, &["hoga-data/main/log", "in use by pid", "--data-dir"]);
    open_market(&place);
    assert_eq!(up.stop(), 0);

    // The deposits' partition loses its beginning, and all snapshots are gone: its machine cannot be rebuilt.
    let folder = place.path().join("hoga-data/main");
    std::fs::remove_dir_all(folder.join("snapshots")).expect("removed");
    let options = EmbeddedOptions { segment_bytes: 1, ..EmbeddedOptions::default() };
    let log = EmbeddedLog::open(&folder.join("log"), options).expect("opens");
    let accounts = (0..4).map(|partition| TopicPartition::new(Topic::Accounts, partition));
    for at in accounts.clone() {
        log.append_foreign(at, b"", Some(b"x"), Timestamp(i64::MAX / 2)).expect("a new segment begins");
    }
    log.sync().expect("synced");
    for at in accounts {
        let end = log.bounds(at).expect("known").end;
        assert!(log.cut(at, end - 1).expect("cut") > 0, "{at}: something was cut");
    }
    drop(log);
    place.run("up --listen 127.0.0.1:0").expect(4, &["holds: offsets 0 to", "of accounts/", "are cut", "restore them"]);
}
