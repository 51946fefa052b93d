//! Bytes that are no record: each gets its own error, nothing panics, and memory stays within what the bytes can hold.

use super::golden;
use crate::{DecodeError, Fault, decode, encode_content, open};
use hoga_core::money::DECIMAL_MAX;
use hoga_core::records::{DeadLetter, DepthLevel, DepthUpdate, RecordKind};
use hoga_core::{Decimal, Record, Symbol, Timestamp};
use proptest::prelude::*;

fn read(value: &[u8]) -> Result<Record, DecodeError> {
    open(value).and_then(|frame| decode(&frame))
}

/// A value of a kind, without origin, out of the bytes of its fields.
fn value(kind: RecordKind, fields: &[&[u8]]) -> Vec<u8> {
    [&[0, 0, 0, 0, kind.index() as u8 + 1, 0], fields.concat().as_slice()].concat()
}

#[test]
fn the_frame_is_judged_first() {
    let last = RecordKind::ALL.len() as u32;
    let field = |record, field, left, fault| DecodeError::Field { kind: RecordKind::Clock, record, field, left, fault };
    let clock = |body: &[u8]| [&[0, 0, 0, 0, 25], body].concat();
    for (value, error) in [
        (vec![], DecodeError::Empty),
        (b"{\"account\":\"alice\"}".to_vec(), DecodeError::Magic { found: b'{' }),
        (vec![0], DecodeError::Framing { len: 1 }),
        (vec![0, 0, 0, 1], DecodeError::Framing { len: 4 }),
        (vec![0, 0, 0, 0, 0, 0], DecodeError::UnknownSchema { id: 0, last }),
        (vec![0, 0xff, 0xff, 0xff, 0xff, 0], DecodeError::UnknownSchema { id: u32::MAX, last }),
        (clock(&[]), field("Clock", "origin", 0, Fault::Cut { needed: 1, left: 0 })),
        (clock(&[4, 0]), field("Clock", "origin", 1, Fault::UnionIndex { index: 2 })),
        (clock(&[2, 12, 9]), field("Origin", "machine", 1, Fault::EnumIndex { index: 6, last: 5 })),
        (clock(&[2, 0, 1]), field("Origin", "partition", 0, Fault::Range { value: -1, min: 0, max: 0x7fff_ffff })),
        (clock(&[2, 0, 0, 0, 0, 2, 1, 2, 3]), field("Origin", "hash", 3, Fault::Cut { needed: 8, left: 3 })),
        (clock(&[0, 0, 7, 7]), DecodeError::Trailing { kind: RecordKind::Clock, len: 2 }),
    ] {
        assert_eq!(read(&value), Err(error), "{value:x?}");
    }
}

/// Reads a value made of the fields' bytes and expects the fault in that field.
fn check(kind: RecordKind, fields: &[&[u8]], record: &'static str, field: &'static str, expected: Fault) {
    match read(&value(kind, fields)) {
        Err(DecodeError::Field { kind: k, record: r, field: f, fault, .. }) => {
            assert_eq!((k, r, f, fault), (kind, record, field, expected));
        }
        other => panic!("{kind}: expected {record}.{field}: {expected}, got {other:?}"),
    }
}

#[test]
fn each_fault_of_a_field_has_its_name() {
    use RecordKind::*;
    let gigabytes: &[u8] = &[0x80, 0x80, 0x80, 0x80, 0x20];
    let most: &[u8] = &[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    check(Clock, &[], "Clock", "time", Fault::Cut { needed: 1, left: 0 });
    check(Clock, &[&[0x80; 9], &[2]], "Clock", "time", Fault::Varint);
    check(Clock, &[&[0x80; 10]], "Clock", "time", Fault::Varint);
    check(AssetListing, &[&[1]], "AssetListing", "command_id", Fault::NegativeLength { len: -1 });
    check(AssetListing, &[&[20, b'x']], "AssetListing", "command_id", Fault::Cut { needed: 10, left: 1 });
    check(AssetListing, &[gigabytes], "AssetListing", "command_id", Fault::TooLong { len: 1 << 32, max: 256 });
    check(AssetListing, &[most], "AssetListing", "command_id", Fault::TooLong { len: i64::MAX as u64, max: 256 });
    check(AssetListing, &[&[4, b'x', 0xff]], "AssetListing", "command_id", Fault::Utf8 { valid: 1 });
    let digits = Fault::Range { value: 256, min: 0, max: 255 };
    check(AssetListing, &[&[0], &[0], &[0x80, 4]], "AssetListing", "digits", digits);
    let phase = Fault::EnumIndex { index: 4, last: 3 };
    check(PhaseChange, &[&[0], &[0], &[8]], "PhaseChange", "phase", phase);
    check(PhaseChange, &[&[0], &[0], &[1]], "PhaseChange", "phase", Fault::EnumIndex { index: -1, last: 3 });
    let deposit: &[u8] = &[0, 0, 0, 0];
    check(Deposit, &[deposit, &[0]], "Deposit", "amount", Fault::EmptyDecimal);
    check(Deposit, &[deposit, &[32, 0x7f], &[0; 15]], "Deposit", "amount", Fault::Digits);
    check(Deposit, &[deposit, &[32, 0x80], &[0; 15]], "Deposit", "amount", Fault::Digits);
    check(Deposit, &[deposit, &[34], &[0; 17]], "Deposit", "amount", Fault::TooLong { len: 17, max: 16 });
    let depth: &[u8] = &[0, 2, 0];
    check(DepthUpdate, &[depth, &[2]], "DepthUpdate", "snapshot", Fault::Boolean { byte: 2 });
    let items = |count, left| Fault::Items { count, min_len: 5, left };
    check(DepthUpdate, &[depth, &[0], most], "DepthUpdate", "bids", items(i64::MAX as u64, 0));
    check(DepthUpdate, &[depth, &[0], &[4], &[0; 9]], "DepthUpdate", "bids", items(2, 9));
    let least: &[u8] = &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    check(DepthUpdate, &[depth, &[0], least, &[0]], "DepthUpdate", "bids", items(1 << 63, 0));
    let inner = Fault::EmptyDecimal;
    check(DepthUpdate, &[depth, &[0], &[2, 2, 1, 0, 0, 0]], "DepthLevel", "quantity", inner);
    check(Claim, &[&[0, 0], &[3]], "Claim", "replaces", Fault::UnionIndex { index: -2 });
}

#[test]
fn messages_say_where_and_what_to_do() {
    let error = read(&value(RecordKind::Deposit, &[&[0, 0, 0, 0, 34], &[0; 17]])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Deposit.amount: 17 bytes, at most 16 are allowed (17 bytes before the end); \
         encode with schemas/avro/Deposit.avsc"
    );
    assert!(DecodeError::Empty.to_string().contains("tombstone"));
}

/// Whether a record can be written; then it also reads the same.
fn writable(record: impl Into<Record>) -> bool {
    let record = record.into();
    let written = std::panic::catch_unwind(|| crate::encode(&record));
    written.is_ok_and(|value| read(&value).as_ref() == Ok(&record))
}

#[test]
fn what_no_reader_would_take_is_not_written() {
    let letter = |topic: usize, reason: usize, value: usize, partition: u32, offset: u64| {
        let text = |len| "x".repeat(len);
        let (topic, reason, key, value) = (text(topic).into(), text(reason), vec![], vec![0; value]);
        writable(DeadLetter { topic, partition, offset, reason, key, value })
    };
    let (most_int, most_long) = (i32::MAX as u32, i64::MAX as u64);
    assert!(letter(256, 4_096, 8_192, most_int, most_long), "all at their bounds");
    assert!(!letter(257, 0, 0, 0, 0), "a text");
    assert!(!letter(0, 4_097, 0, 0, 0), "an explanation");
    assert!(!letter(0, 0, 8_193, 0, 0), "bytes");
    assert!(!letter(0, 0, 0, most_int + 1, 0), "an int");
    assert!(!letter(0, 0, 0, 0, most_long + 1), "a long");

    let level = |count| DepthLevel { price: Decimal(count), quantity: Decimal(-count), orders: 1 };
    let depth = |count| DepthUpdate {
        symbol: Symbol::default(),
        sequence: 1,
        time: Timestamp(i64::MIN),
        snapshot: true,
        bids: vec![level(count)],
        asks: vec![level(1); 1_000],
    };
    assert!(writable(depth(DECIMAL_MAX)));
    assert!(!writable(depth(DECIMAL_MAX + 1)), "39 digits");
}

#[test]
fn arrays_may_come_in_blocks_and_with_their_length_in_bytes() {
    let level: &[u8] = &[2, 5, 2, 6, 8];
    let one_block = [depth_head(), &[4], level, level, &[0, 0]].concat();
    let two_blocks = [depth_head(), &[1, 10], level, &[2], level, &[0, 0]].concat();
    let ours = read(&value(RecordKind::DepthUpdate, &[&one_block])).unwrap();
    assert_eq!(read(&value(RecordKind::DepthUpdate, &[&two_blocks])).unwrap(), ours);
    let mut content = Vec::new();
    encode_content(&ours, &mut content);
    assert_eq!(content, one_block, "written as one block");
}

fn depth_head() -> &'static [u8] {
    &[0, 2, 0, 0]
}

#[test]
fn decimals_longer_than_need_be_are_read_and_written_short() {
    let padded = read(&value(RecordKind::Deposit, &[&[0, 0, 0, 0, 32], &[0xff; 16]])).unwrap();
    let short = read(&value(RecordKind::Deposit, &[&[0, 0, 0, 0, 2, 0xff]])).unwrap();
    assert_eq!(padded, short);
}

#[test]
fn every_cut_of_the_golden_bytes_is_refused() {
    for value in golden::values() {
        assert!(read(&value).is_ok());
        for len in 0..value.len() {
            assert!(read(&value[..len]).is_err(), "{len} of {value:x?}");
        }
    }
}

/// The most memory that reading a value may take: names are kept in place, and the item of an array with the most
/// memory for its bytes (a posting: 6 bytes, 64 in memory) doubles at worst while it grows.
fn most_memory(value: &[u8]) -> u64 {
    24 * value.len() as u64 + 1_024
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn changed_golden_bytes_never_panic_nor_ask_for_memory(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3u8), 1..6),
    ) {
        let mut value = golden_value(which);
        for (place, byte, change) in changes {
            let at = 5 + place.index(value.len() - 5);
            match change {
                0 => value[at] = byte,
                1 => value.insert(at, byte),
                _ => value.truncate(at + 1),
            }
        }
        let mut read_back = Err(DecodeError::Empty);
        let memory = allocation_counter::measure(|| read_back = read(&value));
        prop_assert!(memory.bytes_total <= most_memory(&value), "{} bytes for {:x?}", memory.bytes_total, value);
        if let Ok(record) = read_back {
            let again = crate::encode(&record);
            prop_assert_eq!(read(&again).unwrap(), record, "what decodes can be written, and reads the same");
        }
    }
}

fn golden_value(which: prop::sample::Index) -> Vec<u8> {
    use std::sync::LazyLock;
    static VALUES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(golden::values);
    which.get(&VALUES).clone()
}
