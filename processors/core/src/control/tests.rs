//! Scripts in the operator's words, one command a line:
//!
//! ```text
//! asset ID ASSET DIGITS
//! fees ID NAME MAKER TAKER
//! list ID SYMBOL BASE QUOTE TICK LOT SCHEDULE
//! phase ID SYMBOL PHASE
//! rules ID VERSION
//! settings
//! ```
//!
//! and after each the outcome: `-> accounts:* books:SYMBOL instruments` (`*` is all partitions), `-> nothing`, or
//! `-> dead: ` and the reason's beginning.

use super::*;
use crate::machine::Effect;
use crate::money::Decimal;
use crate::records::{
    AssetListing, Deposit, FeeSchedule, InstrumentListing, LogSettings, Phase, PhaseChange, RulesVersion,
};
use crate::{AccountId, AssetCode, Settings, Symbol, Timestamp};

const BASICS: &str = "\
asset 1 KRW 0             -> accounts:* books:* instruments
asset 2 BTC 8             -> accounts:* books:* instruments
fees 3 std 500 1000       -> accounts:* books:* instruments
list 4 KRW-BTC BTC KRW 1000 0.001 std -> accounts:* books:KRW-BTC instruments
";

fn command(line: &str) -> Record {
    let words: Vec<&str> = line.split_whitespace().collect();
    if words == ["settings"] {
        return LogSettings { log: "log-1".into(), settings: Settings::default() }.into();
    }
    let command_id = ClientId::unchecked(words[1]);
    let decimal = |text: &str| text.parse::<Decimal>().expect("a decimal in the script");
    match words[0] {
        "asset" => {
            let (asset, digits) = (AssetCode::unchecked(words[2]), words[3].parse().expect("digits"));
            AssetListing { command_id, asset, digits }.into()
        }
        "fees" => FeeSchedule {
            command_id,
            name: ClientId::unchecked(words[2]),
            maker_fee_ppm: words[3].parse().expect("a rate"),
            taker_fee_ppm: words[4].parse().expect("a rate"),
        }
        .into(),
        "list" => InstrumentListing {
            command_id,
            symbol: Symbol::unchecked(words[2]),
            base: AssetCode::unchecked(words[3]),
            quote: AssetCode::unchecked(words[4]),
            tick: decimal(words[5]),
            lot: decimal(words[6]),
            min_notional: Decimal::ZERO,
            min_price: None,
            max_price: None,
            fee_schedule: ClientId::unchecked(words[7]),
            utc_offset_min: 540,
        }
        .into(),
        "phase" => {
            let (symbol, phase) = (Symbol::unchecked(words[2]), Phase::from_name(words[3]).expect("a phase"));
            PhaseChange { command_id, symbol, phase }.into()
        }
        "rules" => RulesVersion { command_id, version: words[2].parse().expect("a version") }.into(),
        other => panic!("no such command: {other}"),
    }
}

fn apply(machine: &mut Control, record: &Record, value: &[u8]) -> Result<Vec<Effect>, Stop> {
    let mut effects = Effects::default();
    let time = Timestamp(0);
    machine.apply(
        &Input { offset: 9, time, append_time: time, key: b"", value, body: Body::Record(record) },
        &mut effects,
    )?;
    Ok(effects.drain().collect())
}

fn told(effects: &[Effect], record: &Record) -> String {
    let one = |effect: &Effect| match (&effect.record, effect.route) {
        (Record::DeadLetter(letter), Route::Key) => {
            assert_eq!((effect.topic, letter.topic.as_str(), letter.offset), (Topic::DeadLetters, "control", 9));
            format!("dead: {}", letter.reason)
        }
        (passed, route) => {
            assert_eq!(passed, record, "passed on unchanged");
            match (effect.topic, route) {
                (Topic::Instruments, Route::Key) => "instruments".into(),
                (topic, Route::All) => format!("{topic}:*"),
                (topic, Route::Key) => format!("{topic}:{}", passed.symbol().expect("keyed by symbol")),
            }
        }
    };
    if effects.is_empty() { "nothing".into() } else { effects.iter().map(one).collect::<Vec<_>>().join(" ") }
}

/// Runs a script over the basics; the state must survive save and load after each line, and a refusal change nothing.
fn check(script: &str) -> Control {
    let mut machine = Control::new(0);
    for line in BASICS.lines().chain(script.lines()).filter(|line| !line.trim().is_empty()) {
        let (text, expect) = line.split_once("->").expect("an outcome");
        let (record, expect) = (command(text), expect.trim());
        let before = machine.catalogue().clone();
        let outcome = told(&apply(&mut machine, &record, text.trim().as_bytes()).expect("control goes on"), &record);
        if expect.starts_with("dead: ") {
            assert!(outcome.starts_with(expect), "{text}\n expected {expect}\n      got {outcome}");
            assert_eq!(*machine.catalogue(), before, "a refusal changes nothing: {text}");
        } else {
            assert_eq!(outcome, expect, "{text}");
        }
        let mut copy = Control::new(0);
        copy.load(&machine.save()).expect("what was saved loads");
        assert_eq!(copy.save(), machine.save());
        machine = copy;
    }
    machine
}

#[test]
fn commands_go_where_they_are_needed_and_instruments_begin_closed() {
    let machine = check(
        "phase 5 KRW-BTC OPEN    -> books:KRW-BTC instruments
         fees 6 std 0 100000     -> accounts:* books:* instruments
         rules 7 1               -> accounts:* books:* instruments
         settings                -> nothing
         asset 8 BTC 8           -> accounts:* books:* instruments
         list 9 KRW-BTC BTC KRW 1000 0.001 std -> accounts:* books:KRW-BTC instruments
         list 10 BTC/KRW BTC KRW 1 1 std -> accounts:* books:BTC/KRW instruments",
    );
    let phases: Vec<_> =
        machine.catalogue().instruments().map(|l| (l.instrument.symbol.to_string(), l.phase.name())).collect();
    assert_eq!(phases, [("BTC/KRW".into(), "CLOSED"), ("KRW-BTC".into(), "OPEN")], "a relisting keeps the phase");
    let assets: Vec<_> = machine.catalogue().assets().map(|(asset, digits)| (asset.as_str(), digits)).collect();
    assert_eq!(assets, [("BTC", 8), ("KRW", 0)]);
    let rates = Rates { maker_fee_ppm: 0, taker_fee_ppm: 100_000 };
    assert_eq!(machine.catalogue().schedules().map(|(_, rates)| rates).collect::<Vec<_>>(), [rates]);
    assert_eq!(machine.counts(), Counts { accepted: 10, repeated: 0, refused: 0 });
}

#[test]
fn every_refusal_says_what_is_wrong_and_the_way_out() {
    check(
        "asset 5 btc 8 -> dead: AssetListing 5 is refused: asset \"btc\" is not valid: 1 to 12 of the characters A-Z 0-9 .
         asset 6 ETH 11 -> dead: AssetListing 6 is refused: asset ETH has 11 digits: at most 10 can be stored
         asset 6 ETH 10 -> accounts:* books:* instruments
         asset 7 BTC 6 -> dead: AssetListing 7 is refused: asset BTC has 8 digits and cannot have 6
         fees 호 std 1 1 -> dead: FeeSchedule 호 is refused: client id \"호\" is not valid
         fees 8 수수료 1 1 -> dead: FeeSchedule 8 is refused: client id \"수수료\" is not valid
         fees 8 std 100001 1 -> dead: FeeSchedule 8 is refused: maker rate 100001 is out of range: give millionths
         fees 8 std 1 100001 -> dead: FeeSchedule 8 is refused: taker rate 100001 is out of range: give millionths
         list 9 krw BTC KRW 1 1 std -> dead: InstrumentListing 9 is refused: symbol \"krw\" is not valid
         list 9 A XRP KRW 1 1 std -> dead: InstrumentListing 9 is refused: asset XRP is not listed: list it first
         list 9 A BTC USD 1 1 std -> dead: InstrumentListing 9 is refused: asset USD is not listed: list it first
         list 9 A BTC KRW 1 1 vip -> dead: InstrumentListing 9 is refused: fee schedule vip is not listed: give its rates
         list 9 A BTC KRW 0.5 1 std -> dead: InstrumentListing 9 is refused: tick 0.5 x lot 1 is not a whole number
         list 9 KRW-BTC BTC KRW 2000 0.001 std -> dead: InstrumentListing 9 is refused: tick of KRW-BTC is 1000 and cannot
         list 9 KRW-BTC BTC KRW 1000 0.002 std -> dead: InstrumentListing 9 is refused: lot of KRW-BTC is 0.001 and cannot
         list 9 KRW-BTC ETH KRW 1000 0.001 std -> dead: InstrumentListing 9 is refused: base of KRW-BTC is BTC and cannot
         phase 10 KRW-ETH OPEN -> dead: PhaseChange 10 is refused: symbol KRW-ETH is not listed: list the instrument first
         rules 11 2 -> dead: RulesVersion 11 is refused: rules version 2 is not known: this release knows 1",
    );
}

#[test]
fn a_repeat_changes_nothing_and_an_id_stands_for_one_command() {
    let machine = check(
        "phase 5 KRW-BTC OPEN -> books:KRW-BTC instruments
         phase 6 KRW-BTC HALTED -> books:KRW-BTC instruments
         phase 5 KRW-BTC OPEN -> nothing
         phase 6 KRW-BTC OPEN -> dead: PhaseChange 6 is refused: command id 6 was used for another command: give this one
         phase 7 KRW-ETH OPEN -> dead: PhaseChange 7 is refused: symbol KRW-ETH is not listed
         list 8 KRW-ETH BTC KRW 1 1 std -> accounts:* books:KRW-ETH instruments
         phase 7 KRW-ETH OPEN -> books:KRW-ETH instruments",
    );
    assert_eq!(machine.catalogue().instrument(&Symbol::unchecked("KRW-BTC")).unwrap().phase, Phase::Halted);
    assert_eq!(machine.counts(), Counts { accepted: 8, repeated: 1, refused: 2 });
}

#[test]
fn the_window_of_ids_forgets_the_oldest_only() {
    let mut machine = Control::new(0);
    let rules = |id: usize| command(&format!("rules {id} 1"));
    for id in 0..=MAX_REMEMBERED {
        assert_eq!(apply(&mut machine, &rules(id), b"v").unwrap().len(), 3);
    }
    assert_eq!(apply(&mut machine, &rules(1), b"v").unwrap(), [], "the oldest that is remembered");
    assert_eq!(apply(&mut machine, &rules(0), b"v").unwrap().len(), 3, "forgotten, so new again");
    let mut copy = Control::new(0);
    copy.load(&machine.save()).unwrap();
    for id in [0, 2, MAX_REMEMBERED, 1] {
        let expect = usize::from(id == 1) * 3;
        assert_eq!(apply(&mut copy, &rules(id), b"v").unwrap().len(), expect, "id {id} after loading");
    }
}

#[test]
fn tables_are_bounded() {
    let mut machine = check("");
    let last = |machine: &mut Control, line: &str| {
        let record = command(line);
        told(&apply(machine, &record, line.as_bytes()).unwrap(), &record)
    };
    for n in 3..=MAX_ASSETS {
        last(&mut machine, &format!("asset a{n} A{n} 0"));
    }
    for n in 2..=MAX_SCHEDULES {
        last(&mut machine, &format!("fees f{n} f{n} 0 0"));
    }
    for n in 2..=MAX_INSTRUMENTS {
        last(&mut machine, &format!("list l{n} L{n} BTC KRW 1 1 std"));
    }
    assert_eq!(machine.counts().refused, 0);
    for (line, expect) in [
        ("asset x X 0", "10000 assets are listed"),
        ("fees x x 0 0", "1000 fee schedules are listed"),
        ("list x X BTC KRW 1 1 std", "10000 instruments are listed"),
    ] {
        let outcome = last(&mut machine, line);
        assert!(outcome.contains(expect), "{outcome}");
    }
    assert!(last(&mut machine, "asset w BTC 8").starts_with("accounts:*"), "what is listed can be listed again");
    assert!(last(&mut machine, "fees y std 1 1").starts_with("accounts:*"));
    assert!(last(&mut machine, "list z KRW-BTC BTC KRW 1000 0.001 std").starts_with("accounts:*"));
}

#[test]
fn what_is_not_the_operators_stops_the_machine() {
    let deposit = Deposit {
        account: AccountId::unchecked("a"),
        client_id: ClientId::unchecked("d"),
        valid_until: Timestamp(1),
        asset: AssetCode::unchecked("KRW"),
        amount: Decimal(1),
    };
    let stop = apply(&mut Control::new(0), &deposit.into(), b"").unwrap_err();
    assert!(stop.0.starts_with("control/0 at offset 9: a Deposit is no command of the operator"), "{stop}");
    let body = Body::Malformed { reason: "cut off" };
    let input = Input { offset: 9, time: Timestamp(0), append_time: Timestamp(0), key: b"", value: b"", body };
    let stop = Control::new(0).apply(&input, &mut Effects::default()).unwrap_err();
    assert!(stop.0.starts_with("control/0 at offset 9: cut off; only the operator"), "{stop}");
    assert!(Control::new(0).load(&[0xff; 3]).unwrap_err().starts_with("state of control: "));
}
