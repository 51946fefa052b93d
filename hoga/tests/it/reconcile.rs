//! `hoga reconcile` on logs that are as they should be, and on logs in which one thing is not: each is a copy of a good
//! one with right numbers, hashes and marks, so that only the content tells.

use crate::history::History;
use crate::hoga::{Place, Said};
use hoga_core::money::DECIMAL_ONE;
use hoga_core::records::{OrderEventKind, RecordKind};
use hoga_core::{Decimal, Record, Topic};
use std::fs;
use std::path::PathBuf;

/// A hundred messages of a venue over some minutes: orders that rest, are taken, reduced and canceled.
fn messages() -> String {
    let mut text = String::new();
    for number in 0..100u64 {
        let (second, order) = (34_200 + number * 7, 1_000 + number / 2);
        let (side, price) = if number % 4 < 2 { (1, 33_570_000) } else { (-1, 33_580_000) };
        let kind = match number % 2 {
            0 => 1,
            _ if number % 10 == 9 => 3,
            _ => 4,
        };
        // A taker takes 2 of 3 units, so that both kinds of fill are there.
        let size = if kind == 4 { 2 } else { 3 };
        text += &format!("{second}.000000001,{kind},{order},{size},{price},{side},null\n");
    }
    text
}

/// A recorded log, made by the command.
fn source(place: &Place) -> PathBuf {
    let file = "amzn_2021-04-12_lobster_messages.csv";
    fs::write(place.path().join(file), messages()).expect("written");
    place.run(&format!("feed {file} --data-dir good")).printed(&["trades       54, volume 80"]);
    place.path().join("good")
}

type Change = fn(&mut History) -> String;

/// A minor unit of the quote.
const CENT: Decimal = Decimal(DECIMAL_ONE / 100);

fn more(amount: &mut Decimal, by: Decimal) {
    amount.0 += by.0;
}

/// Ten things that are wrong and one that nobody can read past: how each is made, where it has to be found, and what is
/// said of it.
const PLANTS: &[(&str, Change, &str)] = &[
    (
        "an execution says another quantity",
        |h| {
            let (at, place) = h.last(Topic::Executions, RecordKind::Execution, |_| true);
            let Record::Execution(execution) = &mut h.of(at)[place].record else { unreachable!() };
            more(&mut execution.quantity, Decimal::from_int(1));
            format!("{at}@{place}: Execution in AMZN by matching/")
        },
        ": quantity is 2, due is 1",
    ),
    (
        "a journal entry is missing",
        |h| {
            let (at, place) = h.last(Topic::Journal, RecordKind::JournalEntry, |_| true);
            h.of(at).remove(place - 3);
            format!("{at}@{}: JournalEntry of amzn-", place - 3)
        },
        ": missing before this offset: {\"account\":",
    ),
    (
        "a settlement leg is invented",
        |h| {
            let (at, place) = h.last(Topic::Accounts, RecordKind::SettlementLeg, |_| true);
            let mut leg = h.of(at)[place].clone();
            let Record::SettlementLeg(invented) = &mut leg.record else { unreachable!() };
            more(&mut invented.quantity, Decimal::from_int(1));
            h.of(at).insert(place + 1, leg);
            format!("{at}@{}: SettlementLeg of amzn-", place + 1)
        },
        ": invented, nothing like it is due: {\"account\":",
    ),
    (
        "a candle's high is off by a tick",
        |h| {
            let (at, place) = h.last(Topic::Candles, RecordKind::Candle, |_| true);
            let Record::Candle(candle) = &mut h.of(at)[place].record else { unreachable!() };
            more(&mut candle.high, CENT);
            format!("{at}@{place}: Candle in AMZN by candles/")
        },
        ": high is 3358.01, due is 3358",
    ),
    (
        "an execution stands there twice",
        |h| {
            let (at, place) = h.last(Topic::Executions, RecordKind::Execution, |_| true);
            let again = h.of(at)[place].clone();
            h.of(at).insert(place + 1, again);
            format!("{at}@{}: Execution in AMZN by matching/", place + 1)
        },
        ": doubled: the record before it once more, under another number",
    ),
    (
        "a posting says another balance",
        |h| {
            let (at, place) = h.last(Topic::Journal, RecordKind::JournalEntry, |_| true);
            let Record::JournalEntry(entry) = &mut h.of(at)[place].record else { unreachable!() };
            more(&mut entry.postings[1].balance, CENT);
            format!("{at}@{place}: JournalEntry of amzn-")
        },
        ": postings[1].balance is ",
    ),
    (
        "a fee is off by a minor unit",
        |h| {
            let (at, place) = h.last(Topic::Accounts, RecordKind::SettlementLeg, |_| true);
            let Record::SettlementLeg(leg) = &mut h.of(at)[place].record else { unreachable!() };
            more(&mut leg.fee, CENT);
            format!("{at}@{place}: SettlementLeg of amzn-")
        },
        ": fee is ",
    ),
    (
        "an order event is lost",
        |h| {
            let is_trade =
                |record: &Record| matches!(record, Record::OrderEvent(it) if it.event == OrderEventKind::Trade);
            let (at, place) = h.last(Topic::OrderEvents, RecordKind::OrderEvent, is_trade);
            h.of(at).remove(place);
            format!("{at}@{place}: OrderEvent of amzn-")
        },
        ": missing before this offset: {\"account\":",
    ),
    (
        "an execution is at another price",
        |h| {
            let (at, place) = h.last(Topic::Executions, RecordKind::Execution, |_| true);
            let Record::Execution(execution) = &mut h.of(at)[place].record else { unreachable!() };
            more(&mut execution.price, CENT);
            format!("{at}@{place}: Execution in AMZN by matching/")
        },
        ": price is 3357.01, due is 3357",
    ),
    (
        "two journal entries have changed places",
        |h| {
            let (at, place) = h.last(Topic::Journal, RecordKind::JournalEntry, |_| true);
            h.of(at).swap(place - 1, place);
            format!("{at}@{place}: JournalEntry of amzn-")
        },
        ": out of order: it is due in another place",
    ),
    (
        "a held order never reached the book",
        |h| {
            let (at, place) = h.last(Topic::Books, RecordKind::HeldOrder, |_| true);
            h.of(at).remove(place);
            format!("{at}@{place}: HeldOrder of amzn-")
        },
        ": missing before this offset: {\"order_id\":",
    ),
    (
        "a channel's hash is wrong",
        |h| {
            let (at, place) = h.last(Topic::Depth, RecordKind::DepthUpdate, |_| true);
            h.of(at)[place].torn = true;
            format!("{at}@{place}")
        },
        ": no reader goes on: ",
    ),
];

/// The copy as it is after a change, reconciled.
fn reconciled(place: &Place, history: History, name: &str) -> Said {
    let folder = place.path().join(name);
    history.write(&folder);
    fs::copy(place.path().join("good/settings.json"), folder.join("settings.json")).expect("copied");
    place.run(&format!("reconcile --data-dir {name}"))
}

#[test]
fn every_planted_difference_is_found_where_it_is() {
    let place = Place::new();
    let folder = source(&place);
    place.run("reconcile --data-dir good").printed(&["all equal", "journal/", "executions/"]);
    let good = History::read(&folder);
    reconciled(&place, good.clone(), "copy").printed(&["all equal"]);
    for (number, (name, change, says)) in PLANTS.iter().enumerate() {
        let mut planted = good.clone();
        let wants = change(&mut planted);
        let said =
            reconciled(&place, planted, &format!("planted-{number}")).expect(1, &["differences between what was"]);
        let first = said.out.lines().skip_while(|line| !line.starts_with("first ")).nth(1).unwrap_or_default();
        assert!(first.contains(&wants) && first.contains(says), "{name}: wanted {wants} ... {says}: {said:?}");
    }
}

#[test]
fn a_range_is_compared_and_what_is_outside_is_not() {
    let place = Place::new();
    let folder = source(&place);
    let mut planted = History::read(&folder);
    let (at, number) = planted.last(Topic::Journal, RecordKind::JournalEntry, |_| true);
    let Record::JournalEntry(entry) = &mut planted.of(at)[number].record else { unreachable!() };
    more(&mut entry.postings[0].balance, CENT);
    let time = planted.of(at)[number].time;
    reconciled(&place, planted, "range").expect(1, &["1 differences"]);
    let run = |range: &str| place.run(&format!("reconcile --data-dir range {range}"));
    run(&format!("--to {at}@{number}")).printed(&["all equal"]);
    run(&format!("--from {at}@{}", number + 1)).printed(&["all equal"]);
    run(&format!("--from {at}@{number} --to {at}@{}", number + 1)).expect(1, &["1 differences"]);
    run(&format!("--to {}", time.iso())).printed(&["all equal"]);
    run(&format!("--from {}", time.plus_ms(1).iso())).printed(&["all equal"]);
    run(&format!("--from {}", time.iso())).expect(1, &["1 differences"]);
    run("--from yesterday").expect(2, &["\"yesterday\" is no time"]);
}
