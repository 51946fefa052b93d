//! Verdicts as scripts, and readers that stop and go on anywhere.

use super::*;
use crate::memory::Clock;
use crate::{Log, MemoryLog, MemoryOptions, TopicPartition, Visibility};
use hoga_core::Timestamp;

const TO: TopicPartition = TopicPartition::new(Topic::Books, 0);
const HOLDS: ChannelKey = ChannelKey { machine: MachineKind::Holds, partition: 1 };
const CONTROL: ChannelKey = ChannelKey { machine: MachineKind::Control, partition: 0 };

fn content(number: u64) -> Vec<u8> {
    format!("content {number}").into_bytes()
}

/// The running hash of a channel that holds `content(1)` to `content(number)`.
fn hash(number: u64) -> u64 {
    (1..=number).fold(0, |hash, n| running_hash(hash, 25, n * 10, b"key", &content(n)))
}

fn numbered(channel: ChannelKey, epoch: u64, number: u64) -> Vec<u8> {
    let ChannelKey { machine, partition } = channel;
    let origin = Origin { machine, partition, epoch, cause: number * 10, number, hash: hash(number) };
    let mut out = Vec::new();
    hoga_schemas::seal(RecordKind::Clock, Some(&origin), &content(number), &mut out);
    out
}

fn claim(channel: ChannelKey, epoch: Option<u64>) -> Vec<u8> {
    let ChannelKey { machine, partition } = channel;
    hoga_schemas::encode(&Record::Claim(Claim { machine, partition, replaces: None, epoch, process: "p".into() }))
}

/// One step of a script: `c5` is a claim of epoch 5, `5.2` record 2 of epoch 5.
fn record(step: &str) -> Vec<u8> {
    if let Some(epoch) = step.strip_prefix('c') {
        return claim(HOLDS, Some(epoch.parse().unwrap()));
    }
    let (epoch, number) = step.split_once('.').unwrap();
    numbered(HOLDS, epoch.parse().unwrap(), number.parse().unwrap())
}

fn letter(verdict: &Verdict) -> char {
    match verdict {
        Verdict::Accept => 'A',
        Verdict::Claim { raised: true, .. } => 'C',
        Verdict::Claim { raised: false, .. } => 'c',
        Verdict::Stale => 'S',
        Verdict::Repeat => 'R',
        Verdict::Ahead => 'P',
        Verdict::Forged(_) => 'F',
        Verdict::Diverged { .. } => 'D',
    }
}

/// Runs a script of records and compares the letters of the verdicts.
fn check(script: &str, expected: &str) -> ChannelTable {
    let mut table = ChannelTable::default();
    let verdicts = script.split(' ').enumerate().map(|(offset, step)| {
        let value = record(step);
        letter(&table.accept(Topic::Books, offset as u64, b"key", &hoga_schemas::open(&value).unwrap()))
    });
    assert_eq!(verdicts.collect::<String>(), expected, "{script}");
    table
}

#[test]
fn each_number_is_accepted_once_and_in_order() {
    check("c5 5.1 5.2 5.3", "CAAA");
    check("c5 5.1 5.1 5.2 5.1 5.2 5.3", "CARARRA");
    check("c5 5.1 5.3 5.2 5.3 5.4", "CAPAAA");
    check("c5 5.2 5.3", "CPP");
}

#[test]
fn below_the_newest_claim_nothing_is_accepted() {
    check("c5 5.1 c8 5.2 8.2 5.3 8.3", "CACSASA");
    check("c8 c5 5.1 8.1", "CcSA");
    check("c5 5.1 5.2 c8 8.2 8.3", "CAACRA");
}

#[test]
fn what_no_claim_announced_is_forged_and_makes_no_entry() {
    let table = check("5.1 5.2", "FF");
    assert_eq!(table, ChannelTable::default());
    check("c5 6.1 5.1", "CFA");
}

#[test]
fn a_channel_is_parked_until_the_missing_record_comes() {
    let table = check("c5 5.1 5.3 5.4", "CAPP");
    let parked: Vec<_> = table.parked(9, 6).collect();
    assert_eq!(parked, [Parked { channel: HOLDS, missing: 2, since: 2 }]);
    assert_eq!(table.parked(9, 7).count(), 0, "not past the bound");
    assert_eq!(check("c5 5.1 5.3 5.2", "CAPA").parked(1_000, 0).count(), 0);
}

#[test]
fn other_content_diverges_and_is_not_taken() {
    let mut table = check("c5 5.1", "CA");
    for (key, change) in [(&b"key"[..], 1), (&b"another"[..], 0)] {
        let mut origin = hoga_schemas::open(&record("5.2")).unwrap().origin.unwrap();
        origin.hash ^= change;
        let frame = Frame { kind: RecordKind::Clock, schema_id: 25, origin: Some(origin), content: &content(2) };
        let verdict = table.accept(Topic::Books, 9, key, &frame);
        assert!(matches!(verdict, Verdict::Diverged { .. }), "{verdict:?}");
    }
    assert_eq!(table.channel(HOLDS).map(|channel| channel.number), Some(1));
}

#[test]
fn channels_do_not_touch_each_other() {
    let mut table = check("c5 5.1 5.2", "CAA");
    let other = numbered(CONTROL, 5, 1);
    assert!(matches!(table.accept(Topic::Books, 3, b"key", &hoga_schemas::open(&other).unwrap()), Verdict::Forged(_)));
    let claimed = claim(CONTROL, Some(2));
    table.accept(Topic::Books, 4, b"", &hoga_schemas::open(&claimed).unwrap());
    let first = numbered(CONTROL, 2, 1);
    assert_eq!(table.accept(Topic::Books, 5, b"key", &hoga_schemas::open(&first).unwrap()), Verdict::Accept);
    assert_eq!(table.channels().map(|(key, _)| key).collect::<Vec<_>>(), [CONTROL, HOLDS]);
}

#[test]
fn claims_and_records_where_the_machine_does_not_write_are_forged() {
    let mut table = ChannelTable::default();
    for value in [claim(HOLDS, Some(3)), numbered(HOLDS, 3, 1)] {
        let verdict = table.accept(Topic::Candles, 0, b"key", &hoga_schemas::open(&value).unwrap());
        assert!(matches!(verdict, Verdict::Forged(_)), "{verdict:?}");
    }
    let without_epoch = claim(HOLDS, None);
    assert!(matches!(
        table.accept(Topic::Books, 0, b"", &hoga_schemas::open(&without_epoch).unwrap()),
        Verdict::Forged(_)
    ));
    assert_eq!(table.accept(Topic::Owners, 0, b"", &hoga_schemas::open(&without_epoch).unwrap()), Verdict::Accept);
}

#[test]
fn without_origin_only_what_the_catalogue_names_is_accepted() {
    for topic in Topic::ALL {
        for kind in RecordKind::ALL.iter().filter(|kind| **kind != RecordKind::Claim) {
            let mut value = Vec::new();
            hoga_schemas::seal(*kind, None, b"", &mut value);
            let verdict = ChannelTable::default().accept(*topic, 0, b"", &hoga_schemas::open(&value).unwrap());
            let may = catalogue::of(*topic).may_be_unsequenced(*kind);
            assert_eq!(verdict == Verdict::Accept, may, "{kind} in {topic}: {verdict:?}");
        }
    }
}

fn log(script: &str) -> MemoryLog {
    let log = MemoryLog::new(MemoryOptions { clock: Clock::Set(Timestamp(0)), ..MemoryOptions::default() });
    for step in script.split(' ') {
        log.append_foreign(TO, b"key", Some(&record(step)), Timestamp(0)).unwrap();
    }
    log
}

/// The numbers that a reader yields from a position on, at most `max`.
fn read(reader: &mut AcceptedReader, max: usize) -> Vec<u64> {
    let mut numbers = Vec::new();
    while numbers.len() < max
        && let Some(accepted) = reader.read().unwrap()
    {
        let AcceptedBody::Record(frame) = accepted.body else { panic!("malformed in a trusted topic") };
        let number = frame.origin.unwrap().number;
        assert_eq!(frame.content, content(number));
        numbers.push(number);
    }
    numbers
}

#[test]
fn a_reader_that_stops_anywhere_goes_on_with_the_next() {
    let log = log("c5 5.1 5.3 5.2 5.3 c8 5.4 8.3 8.4 8.5");
    for stop in 0..=5 {
        let mut first = AcceptedReader::open(&log, TO, ReaderPosition::default(), Visibility::Written).unwrap();
        let mut numbers = read(&mut first, stop);
        let saved = postcard::to_allocvec(&first.save()).unwrap();
        let position = postcard::from_bytes(&saved).unwrap();
        let mut second = AcceptedReader::open(&log, TO, position, Visibility::Written).unwrap();
        numbers.extend(read(&mut second, usize::MAX));
        assert_eq!(numbers, [1, 2, 3, 4, 5], "stopped after {stop}");
        let (one, two) = (first.dropped(), second.dropped());
        assert_eq!((one.claims + two.claims, one.stale + two.stale), (2, 1));
        assert_eq!((one.repeats + two.repeats, one.ahead + two.ahead), (1, 1));
    }
}

#[test]
fn undecodable_bytes_stop_a_trusted_reader_and_pass_in_orders() {
    let log = log("c5 5.1");
    log.append_foreign(TO, b"", Some(b"junk"), Timestamp(0)).unwrap();
    let mut reader = AcceptedReader::open(&log, TO, ReaderPosition::default(), Visibility::Written).unwrap();
    assert_eq!(read(&mut reader, 1), [1]);
    for _ in 0..2 {
        let error = reader.read().unwrap_err().to_string();
        assert!(error.starts_with("books/0: the value at offset 2 is no record"), "{error}");
        assert_eq!(reader.position(), 2, "it stays there");
    }

    let orders = TopicPartition::new(Topic::Orders, 0);
    let mut listing = Vec::new();
    hoga_schemas::seal(RecordKind::AssetListing, None, b"", &mut listing);
    for value in [Some(&b"junk"[..]), None, Some(&listing)] {
        log.append_foreign(orders, b"k", value, Timestamp(0)).unwrap();
    }
    let mut reader = AcceptedReader::open(&log, orders, ReaderPosition::default(), Visibility::Written).unwrap();
    let mut seen = Vec::new();
    while let Some(accepted) = reader.read().unwrap() {
        let AcceptedBody::Malformed(why) = accepted.body else { panic!("a record") };
        seen.push((accepted.offset, accepted.value.to_vec(), why.to_owned()));
    }
    assert_eq!(
        seen.iter().map(|(offset, value, _)| (*offset, value.len())).collect::<Vec<_>>(),
        [(0, 4), (1, 0), (2, listing.len())]
    );
    assert!(seen[1].2.contains("tombstone") && seen[2].2.contains("does not belong"), "{seen:?}");
    assert_eq!(log.bounds(orders).unwrap().end, reader.position());
}

#[test]
fn a_reader_goes_on_behind_a_cut_with_the_channels_that_stood_there() {
    let script = "c5 5.1 5.3 5.2 5.3 c8 5.4 8.3 8.4 8.5";
    let whole = log(script);
    let mut all = AcceptedReader::open(&whole, TO, ReaderPosition::default(), Visibility::Written).unwrap();
    let numbers = read(&mut all, usize::MAX);
    for cut in 0..=all.position() {
        let log = log(script);
        let mut before = AcceptedReader::open(&log, TO, ReaderPosition::default(), Visibility::Written).unwrap();
        before.fill(1_000).unwrap();
        while before.read_filled_before(cut).unwrap().is_some() {}
        let position = before.save();
        assert_eq!(position.offset, cut);
        log.cut(TO, cut).unwrap();
        let mut rest = AcceptedReader::open(&log, TO, position, Visibility::Written).unwrap();
        let behind = read(&mut rest, usize::MAX);
        assert!(numbers.ends_with(&behind), "cut at {cut}: {behind:?}");
        assert_eq!(rest.channels(), all.channels(), "cut at {cut}");
    }
}
