//! Records that a foreign producer puts where only hoga writes: an owner's readers get the owner's records and no other.

use super::*;
use crate::channel::{DropCounts, running_hash};
use crate::{AcceptedBody, AcceptedReader, ReaderPosition};
use hoga_core::Record;
use hoga_core::records::{Claim, RecordKind};
use hoga_schemas::Origin;

const BOOKS: TopicPartition = TopicPartition::new(Topic::Books, 0);
const EPOCH: u64 = 7;

fn claim(epoch: u64) -> Vec<u8> {
    let (machine, process) = (MachineKind::Holds, "p".into());
    hoga_schemas::encode(&Record::Claim(Claim { machine, partition: 0, replaces: None, epoch: Some(epoch), process }))
}

/// A record of holds, well formed and with the hash that the owner would give it.
fn numbered(change: impl FnOnce(&mut Origin)) -> Vec<u8> {
    let mut origin = Origin { machine: MachineKind::Holds, partition: 0, epoch: EPOCH, cause: 1, number: 1, hash: 0 };
    change(&mut origin);
    let schema_id = hoga_schemas::schema_id(RecordKind::HeldOrder);
    origin.hash = (1..=origin.number).fold(0, |hash, _| running_hash(hash, schema_id, 1, b"k", b"content"));
    let mut value = Vec::new();
    hoga_schemas::seal(RecordKind::HeldOrder, Some(&origin), b"content", &mut value);
    value
}

fn without_origin() -> Vec<u8> {
    let mut value = Vec::new();
    hoga_schemas::seal(RecordKind::HeldOrder, None, b"content", &mut value);
    value
}

/// What the reader yields up to the end: the numbers.
fn accepted(log: &KafkaLog, reader: &mut AcceptedReader) -> Vec<u64> {
    let end = log.bounds(BOOKS).unwrap().end;
    let mut numbers = Vec::new();
    while reader.position() < end {
        let seen = log.signal().version();
        match reader.read().unwrap() {
            Some(record) => {
                let AcceptedBody::Record(frame) = record.body else { panic!("no record") };
                numbers.push(frame.origin.expect("only the owner's are accepted").number);
            }
            None => _ = log.signal().wait(seen, Duration::from_secs(1)),
        }
    }
    numbers
}

#[test]
fn what_a_stranger_writes_is_not_accepted() {
    let Some(options) = options() else { return };
    let log = create(&options);
    let mut reader = AcceptedReader::open(&log, BOOKS, ReaderPosition::default(), Visibility::Written).unwrap();
    let put = |value: &[u8]| append_foreign(&options, BOOKS, b"k", Some(value));
    let mut next = 1;
    // The owner's record before and after each: it goes on undisturbed.
    let mut check = |what: &str, forged: Vec<u8>, count: fn(&DropCounts) -> u64| {
        let before = count(&reader.dropped());
        put(&numbered(|origin| origin.number = next));
        put(&forged);
        put(&numbered(|origin| origin.number = next + 1));
        assert_eq!(accepted(&log, &mut reader), [next, next + 1], "{what}");
        assert_eq!(count(&reader.dropped()) - before, 1, "{what}: {:?}", reader.dropped());
        assert_eq!(reader.parked(0).len(), 0, "{what}");
        next += 2;
    };
    put(&claim(EPOCH));
    check("no origin", without_origin(), |dropped| dropped.forged);
    check("an epoch that nobody claimed", numbered(|origin| origin.epoch += 1), |dropped| dropped.forged);
    check("a machine that does not write there", numbered(|o| o.machine = MachineKind::Candles), |d| d.forged);
    check("an old epoch", numbered(|origin| origin.epoch -= 1), |dropped| dropped.stale);
    check("an old claim", claim(EPOCH - 1), |dropped| dropped.claims);
    check("a number from the future", numbered(|origin| origin.number = 1_000), |dropped| dropped.ahead);
    check("a number that was there", numbered(|_| {}), |dropped| dropped.repeats);

    // Bytes that are no record stop the reader, where they stand.
    put(b"junk");
    let at = log.bounds(BOOKS).unwrap().end - 1;
    let error = loop {
        match reader.read() {
            Ok(_) => _ = log.signal().wait(log.signal().version(), Duration::from_millis(10)),
            Err(error) => break error.to_string(),
        }
    };
    assert!(error.starts_with(&format!("books/0: the value at offset {at} is no record")), "{error}");
}
