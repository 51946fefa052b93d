//! Where fuzzing begins: the records, states, snapshots, cuts and files of a small exchange that has run, and lines and
//! scripts by hand. The same each time, so that the corpora in the repository can be made anew:
//! `scripts/fuzz --seeds`.

pub mod market;
mod world;

use crate::{log, state};
use hoga_core::MachineKind;
use hoga_core::records::RecordKind;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use world::World;

/// The inputs of each target, by name.
pub type Seeds = BTreeMap<&'static str, BTreeMap<String, Vec<u8>>>;

/// Makes all of them; `scratch` is an empty folder.
pub fn all(scratch: &Path) -> Seeds {
    let mut seeds = Seeds::new();
    let mut world = World::new(scratch);
    world.trade();
    records(&mut seeds, &world);
    snapshots(&mut seeds, &mut world);
    for (name, bytes) in log::seeds(&log_folder(scratch)) {
        add(&mut seeds, "log", name, bytes);
    }
    by_hand(&mut seeds);
    seeds
}

fn add(seeds: &mut Seeds, target: &'static str, name: impl Into<String>, bytes: impl Into<Vec<u8>>) {
    seeds.entry(target).or_default().insert(name.into(), bytes.into());
}

/// One of each kind from each topic, as a value and as a body.
fn records(seeds: &mut Seeds, world: &World) {
    for (topic, value) in world.values() {
        let frame = hoga_schemas::open(&value).expect("a real record opens");
        let name = format!("{}-{topic}", frame.kind);
        let index = RecordKind::ALL.iter().position(|kind| *kind == frame.kind).expect("it is one of all") as u8;
        add(seeds, "record", frame.kind.name(), [&[index], frame.content].concat());
        add(seeds, "value", name, value);
    }
}

fn snapshots(seeds: &mut Seeds, world: &mut World) {
    let index = |kind: MachineKind| MachineKind::ALL.iter().position(|each| *each == kind).expect("one of all") as u8;
    for (name, bytes) in world.snapshots() {
        let found = hoga_runtime::fuzzing::snapshot(&bytes).expect("a real snapshot decodes");
        assert_eq!(found.partition, state::PARTITION);
        add(seeds, "state", found.machine.name(), [&[index(found.machine)], &found.state[..]].concat());
        add(seeds, "snapshot", name, [&[0], &bytes[..]].concat());
    }
    for (name, bytes) in world.cuts() {
        add(seeds, "snapshot", format!("cut-{name}"), [&[1], &bytes[..]].concat());
    }
}

fn log_folder(scratch: &Path) -> PathBuf {
    let folder = scratch.join("log");
    std::fs::create_dir(&folder).expect("the scratch folder is empty");
    folder
}

/// Requests as a client sends them, in postcard: the variant's number, then its fields.
const REQUESTS: [&[u8]; 7] = [
    &[0],
    &[1, 1, 0],
    &[2, 1, 0, 0, 10, 1],
    &[3, 1, 1, 0, 1, b'k', 1, b'v', 0],
    &[4],
    &[5, 1, 0, 2],
    &[2, 1, 0, 9, 10, 0],
];

const LINES: [&str; 12] = [
    r#"{"action":"place","account":"bob","symbol":"KRW-BTC","side":"SELL","type":"LIMIT","price":"95000000","quantity":"0.01"}"#,
    r#"{"action":"place","account":"alice","symbol":"KRW-BTC","side":"BUY","type":"MARKET","quoteOrderQty":1e3,"timeInForce":"FOK","selfMatchPrevention":"DECREMENT","validUntil":1700000001000}"#,
    r#"{"action":"place","account":"a","symbol":"B","side":"BUY","type":"LIMIT","price":0.25,"quantity":1,"postOnly":true,"clientOrderId":"x"}"#,
    r#"{"action":"amend","account":"bob","origClientOrderId":"x","price":"1","quantity":null}"#,
    r#"{"action":"reduce","account":"bob","origClientOrderId":"x","quantity":"1"}"#,
    r#"{"action":"cancel","account":"bob","origClientOrderId":"x","clientOrderId":"\u0079"}"#,
    r#"{"action":"deposit","account":"alice","asset":"KRW","amount":"1000000","clientId":"d1"}"#,
    r#"{"action":"withdrawal","account":"alice","asset":"KRW","amount":"1"}"#,
    r#"{"action":"listAsset","asset":"KRW","digits":0,"commandId":"c"}"#,
    r#"{"action":"feeSchedule","name":"standard","makerFeePpm":200,"takerFeePpm":500}"#,
    r#"{"action":"listInstrument","symbol":"KRW-BTC","base":"BTC","quote":"KRW","tick":"1000","lot":"0.001","feeSchedule":"standard","minNotional":"5000","minPrice":"1","maxPrice":"9","utcOffsetMin":-60}"#,
    r#"{"action":"phase","symbol":"KRW-BTC","phase":"PRE_OPEN"}"#,
];

fn by_hand(seeds: &mut Seeds) {
    for (number, line) in LINES.iter().enumerate() {
        add(seeds, "line", format!("{number:02}"), *line);
    }
    add(seeds, "line", "many-fields", many_fields());
    let mut all = vec![1];
    for (number, request) in REQUESTS.iter().enumerate() {
        let message = [&(request.len() as u32).to_le_bytes(), *request].concat();
        all.extend_from_slice(&message);
        add(seeds, "wire", format!("request-{number}"), [&[1], &message[..]].concat());
    }
    add(seeds, "wire", "requests", all);
    for number in 0_u8..8 {
        let message = [&4_u32.to_le_bytes()[..], &[number, 1, 0, 0]].concat();
        add(seeds, "wire", format!("answer-{number}"), [&[0], &message[..]].concat());
    }
    // A buyer, a seller who crosses, an amend, a cancel, the auction, a night.
    add(seeds, "exchange", "trade", [0, 0, 2, 0, 0, 1, 5, 3, 0, 0, 0, 1, 0, 1, 5, 2]);
    add(seeds, "exchange", "market", [0, 0, 0, 0, 0, 1, 5, 3, 0, 0, 19, 1, 0, 2, 9]);
    add(seeds, "exchange", "changes", [0, 0, 2, 0, 0, 1, 5, 3, 4, 0, 15, 1, 7, 9, 4, 0, 1, 1, 4, 4, 0, 0, 1]);
    add(seeds, "exchange", "auction", [5, 0, 1, 0, 0, 2, 0, 3, 1, 9, 3, 0, 0, 0, 1, 3, 1, 5, 2, 5, 0, 2, 6, 27]);
    add(seeds, "exchange", "own", [0, 1, 2, 0, 0, 4, 5, 3, 0, 1, 0, 0, 0, 4, 1, 1]);
    for (name, value) in market::commands() {
        add(seeds, "exchange", format!("raw-{name}"), [&[7, value.len() as u8], &value[..]].concat());
    }
}

/// More fields than any command has.
fn many_fields() -> String {
    let fields: Vec<String> = (0..200).map(|number| format!(r#""{number}":0"#)).collect();
    format!("{{{}}}", fields.join(","))
}
