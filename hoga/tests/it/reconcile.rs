//! `hoga reconcile` on a log that is as it should be, and on copies in which one thing is not. What else can be wrong, and
//! how it is told, is tested in the runtime (`planted`).

use crate::history::History;
use crate::hoga::{Place, Said};
use hoga_core::money::DECIMAL_ONE;
use hoga_core::records::RecordKind;
use hoga_core::{Record, Topic};
use hoga_topics::embedded::{EmbeddedLog, EmbeddedOptions};
use hoga_topics::{Log, TimeMode};
use std::fs;
use std::path::{Path, PathBuf};

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

/// A minor unit of the quote.
const CENT: i128 = DECIMAL_ONE / 100;

/// The log of a data folder.
fn log(folder: &Path) -> EmbeddedLog {
    let options = EmbeddedOptions { time_mode: TimeMode::Recorded, ..EmbeddedOptions::default() };
    EmbeddedLog::open(&folder.join("log"), options).expect("the log opens")
}

fn read(folder: &Path) -> History {
    History::read(&log(folder))
}

/// The copy as it is after a change, reconciled.
fn reconciled(place: &Place, history: History, name: &str) -> Said {
    let folder = place.path().join(name);
    fs::create_dir_all(&folder).expect("a folder");
    let log = log(&folder);
    history.write(&log);
    log.sync().expect("synced");
    drop(log);
    fs::copy(place.path().join("good/settings.json"), folder.join("settings.json")).expect("copied");
    place.run(&format!("reconcile --data-dir {name}"))
}

#[test]
fn what_differs_is_told_and_what_is_equal_too() {
    let place = Place::new();
    let folder = source(&place);
    place.run("reconcile --data-dir good").printed(&["all equal", "journal/", "executions/"]);
    let mut planted = read(&folder);
    reconciled(&place, planted.clone(), "copy").printed(&["all equal"]);
    let (at, number) = planted.last(Topic::Executions, RecordKind::Execution, |_| true);
    let Record::Execution(execution) = &mut planted.of(at)[number].record else { unreachable!() };
    execution.price.0 += CENT;
    let said = reconciled(&place, planted, "planted").expect(1, &["differences between what was"]);
    let told = format!("{at}@{number}: Execution in AMZN by matching/1, caused by books/1@");
    let first = said.out.lines().skip_while(|line| !line.starts_with("first ")).nth(1).unwrap_or_default();
    assert!(first.contains(&told) && first.ends_with(": price is 3357.01, due is 3357"), "{said:?}");
}

#[test]
fn a_range_is_compared_and_what_is_outside_is_not() {
    let place = Place::new();
    let folder = source(&place);
    let mut planted = read(&folder);
    let (at, number) = planted.last(Topic::Journal, RecordKind::JournalEntry, |_| true);
    let Record::JournalEntry(entry) = &mut planted.of(at)[number].record else { unreachable!() };
    entry.postings[0].balance.0 += CENT;
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
