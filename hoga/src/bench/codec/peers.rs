//! Two other Avro libraries on the same bytes: serde_avro_fast with structs by serde, apache-avro with its generic value.
//!
//! Invariants:
//! 1. Both begin from our bytes, and what they write must be those bytes again.
//! 2. Both get the easiest work: decimals are plain bytes to serde_avro_fast, enums are numbers, names are short strings
//!    without allocation; apache-avro's value is made before the clock runs. Neither puts the framing in front.

use super::{Direction, Sample, Size};
use crate::bench::outcome::Outcome;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use compact_str::CompactString as Text;
use hoga_core::records::RecordKind;
use hoga_schemas::schema;
use serde::de::{DeserializeOwned, Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use std::fmt;
use std::hint::black_box;

/// Bytes of framing before the Avro body.
const FRAMING: usize = 5;

/// Adds both libraries' sides.
pub fn measure(samples: &[Sample], size: &Size, outcome: &mut Outcome) {
    apache(samples, size, outcome);
    let kind = samples[0].record.kind();
    match kind {
        RecordKind::PlaceOrder => fast::<PlaceOrder>(kind, samples, size, outcome),
        RecordKind::AmendOrder => fast::<AmendOrder>(kind, samples, size, outcome),
        RecordKind::HeldOrder => fast::<HeldOrder>(kind, samples, size, outcome),
        RecordKind::HeldAmend => fast::<HeldAmend>(kind, samples, size, outcome),
        RecordKind::BookAnswer => fast::<BookAnswer>(kind, samples, size, outcome),
        RecordKind::SettlementLeg => fast::<SettlementLeg>(kind, samples, size, outcome),
        RecordKind::Execution => fast::<Execution>(kind, samples, size, outcome),
        RecordKind::OrderEvent => fast::<OrderEvent>(kind, samples, size, outcome),
        RecordKind::JournalEntry => fast::<JournalEntry>(kind, samples, size, outcome),
        other => unreachable!("{other} is no hot record"),
    }
}

fn apache(samples: &[Sample], size: &Size, outcome: &mut Outcome) {
    let kind = samples[0].record.kind();
    let schema = apache_avro::Schema::parse_str(schema::text(kind)).expect("our schemas are Avro");
    let reader = GenericDatumReader::builder(&schema).build().expect("a schema of its own");
    let writer = GenericDatumWriter::builder(&schema).build().expect("a schema of its own");
    let read = |sample: &Sample| reader.read_value(&mut &sample.bytes[FRAMING..]).expect("our bytes are Avro");
    let values: Vec<Value> = samples.iter().map(read).collect();
    let (mut encode, mut decode, mut out) = (Direction::default(), Direction::default(), Vec::new());
    for _ in 0..size.rounds {
        let mut next = values.iter().cycle();
        encode.round(samples, |_| {
            out.clear();
            let value = next.next().expect("it begins again");
            black_box(writer.write_value_ref(&mut out, value).expect("it was read with this schema"));
        });
        decode.round(samples, |sample| drop(black_box(read(sample))));
    }
    for (sample, value) in samples.iter().zip(&values) {
        out.clear();
        writer.write_value_ref(&mut out, value).expect("it was read with this schema");
        if out != sample.bytes[FRAMING..] {
            outcome.wrong.push(format!("apache-avro writes {kind} otherwise"));
        }
    }
    outcome.sides.extend([encode.side("apache encode"), decode.side("apache decode")]);
}

fn fast<T: Serialize + DeserializeOwned>(kind: RecordKind, samples: &[Sample], size: &Size, outcome: &mut Outcome) {
    let text = schema::text(kind).replace("\"logicalType\": \"decimal\"", "\"doc\": \"a decimal\"");
    let schema: serde_avro_fast::Schema = text.parse().expect("our schemas are Avro");
    let read = |sample: &Sample| -> T {
        serde_avro_fast::from_datum_slice(&sample.bytes[FRAMING..], &schema).expect("our bytes are Avro")
    };
    let values: Vec<T> = samples.iter().map(read).collect();
    let mut config = serde_avro_fast::ser::SerializerConfig::new(&schema);
    let (mut encode, mut decode, mut out) = (Direction::default(), Direction::default(), Vec::new());
    for _ in 0..size.rounds {
        let mut next = values.iter().cycle();
        encode.round(samples, |_| {
            out.clear();
            let value = next.next().expect("it begins again");
            serde_avro_fast::to_datum(value, &mut out, &mut config).expect("it was read with this schema");
            black_box(&out);
        });
        decode.round(samples, |sample| drop(black_box(read(sample))));
    }
    for (sample, value) in samples.iter().zip(&values) {
        out.clear();
        serde_avro_fast::to_datum(value, &mut out, &mut config).expect("it was read with this schema");
        if out != sample.bytes[FRAMING..] {
            outcome.wrong.push(format!("serde_avro_fast writes {kind} otherwise"));
        }
    }
    outcome.sides.extend([encode.side("fast encode"), decode.side("fast decode")]);
}

/// An enum by its number.
type Enum = u64;

/// A decimal's count as the shortest bytes.
#[derive(Debug, Clone, Copy)]
struct Decimal(i128);

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let magnitude = self.0 ^ (self.0 >> 127);
        let len = (136 - magnitude.leading_zeros() as usize) / 8;
        serializer.serialize_bytes(&self.0.to_be_bytes()[16 - len..])
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl Visitor<'_> for Read {
            type Value = Decimal;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes of a decimal")
            }

            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Decimal, E> {
                let first = bytes.first().ok_or_else(|| E::custom("no bytes"))?;
                Ok(Decimal(
                    bytes[1..].iter().fold(i128::from(*first as i8), |value, byte| value << 8 | i128::from(*byte)),
                ))
            }
        }
        deserializer.deserialize_bytes(Read)
    }
}

/// Eight bytes.
#[derive(Debug, Clone, Copy)]
struct Hash([u8; 8]);

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl Visitor<'_> for Read {
            type Value = Hash;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("eight bytes")
            }

            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Hash, E> {
                bytes.try_into().map(Hash).map_err(E::custom)
            }
        }
        deserializer.deserialize_bytes(Read)
    }
}

/// Structs as the schemas have them, field by field.
macro_rules! mirrors {
    ($($name:ident { $($field:ident: $ty:ty),+ $(,)? })+) => { $(
        #[derive(Debug, Clone, Serialize, Deserialize)]
        struct $name { $($field: $ty),+ }
    )+ };
}
mirrors! {
    Origin { machine: Enum, partition: i32, epoch: i64, cause: i64, number: i64, hash: Hash }
    PlaceOrder {
        origin: Option<Origin>, account: Text, client_order_id: Text, valid_until: i64, symbol: Text, side: Enum,
        order_type: Enum, time_in_force: Enum, post_only: bool, self_match_prevention: Enum, price: Option<Decimal>,
        quantity: Option<Decimal>, amount: Option<Decimal>,
    }
    AmendOrder {
        origin: Option<Origin>, account: Text, client_order_id: Text, valid_until: i64, orig_client_order_id: Text,
        price: Option<Decimal>, quantity: Option<Decimal>,
    }
    HeldOrder {
        origin: Option<Origin>, order_id: i64, account: Text, symbol: Text, side: Enum, order_type: Enum,
        time_in_force: Enum, post_only: bool, self_match_prevention: Enum, price: Option<Decimal>,
        quantity: Option<Decimal>, amount: Option<Decimal>, maker_fee_ppm: i32, taker_fee_ppm: i32,
    }
    HeldAmend {
        origin: Option<Origin>, order_id: i64, account: Text, client_order_id: Text, symbol: Text,
        price: Option<Decimal>, quantity: Option<Decimal>, reduce_by: Option<Decimal>,
    }
    BookAnswer {
        origin: Option<Origin>, account: Text, order_id: i64, client_order_id: Option<Text>, symbol: Text,
        outcome: Enum, reason: Option<Enum>, price: Option<Decimal>, quantity: Option<Decimal>, leaves: Decimal,
    }
    SettlementLeg {
        origin: Option<Origin>, account: Text, order_id: i64, symbol: Text, trade_id: i64, side: Enum,
        liquidity: Enum, price: Decimal, quantity: Decimal, fee: Decimal, leaves: Decimal,
    }
    Execution {
        origin: Option<Origin>, symbol: Text, trade_id: i64, time: i64, price: Decimal, quantity: Decimal,
        taker_side: Enum, maker_order_id: i64, taker_order_id: i64, maker_account: Text, taker_account: Text,
        maker_fee: Decimal, taker_fee: Decimal,
    }
    OrderEvent {
        origin: Option<Origin>, account: Text, order_id: Option<i64>, client_order_id: Text, symbol: Text, time: i64,
        event: Enum, status: Enum, reason: Option<Enum>, detail: Option<String>, command_id: Option<Text>, side: Enum,
        order_type: Enum, time_in_force: Enum, price: Option<Decimal>, quantity: Option<Decimal>,
        amount: Option<Decimal>, filled: Decimal, filled_amount: Decimal, fee: Decimal, held: Decimal,
        fill: Option<OrderFill>,
    }
    OrderFill { trade_id: i64, liquidity: Enum, price: Decimal, quantity: Decimal, fee: Decimal }
    JournalEntry {
        origin: Option<Origin>, account: Text, entry: i64, time: i64, kind: Enum, client_id: Option<Text>,
        order_id: Option<i64>, trade_id: Option<i64>, postings: Vec<Posting>,
    }
    Posting { ledger: Enum, asset: Text, amount: Decimal, balance: Decimal }
}
