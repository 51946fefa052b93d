//! How each type of a record's fields stands in Avro and in JSON. The types decide: there is no setting per field.
//!
//! | Rust | Avro | JSON |
//! | --- | --- | --- |
//! | names, `CompactString` | string, at most 256 bytes | string |
//! | `String` | string, at most 4,096 bytes | string |
//! | `Vec<u8>` | bytes, at most 8,192 | the text, or `0x` and hex where it is none |
//! | `Decimal` | bytes, decimal(38,10) | string |
//! | `Timestamp` | long, timestamp-millis | number of ms |
//! | `OrderId`, `TradeId` | long | string `partition-count` |
//! | `u64`, `i64` / `u8`, `u32`, `i32` | long / int | number |
//! | `bool`, enums | boolean, enum | boolean, name |
//! | `Option`, `Vec` of parts and of `i64` | union with null, array | null or value, array |
//!
//! Invariants:
//! 1. `read` takes exactly what `write` gave, and returns an equal value.
//! 2. A value takes at least `MIN_LEN` bytes and at most `MOST` and `more` together: the writer's room is made of that.
//! 3. An array reserves memory only for items whose least length fits the bytes that are left.

use crate::error::Fault;
use crate::wire::{Faulty, MAX_BLOB_BYTES, MAX_DETAIL_BYTES, MAX_LONG_BYTES, MAX_TEXT_BYTES, Reader, Reading, Writer};
use compact_str::CompactString;
use hoga_core::records::*;
use hoga_core::{AccountId, AssetCode, ClientId, Decimal, MachineKind, OrderId, Symbol, Timestamp, Topic, TradeId};
use serde_json::Value;

/// The most bytes that the length of a text or of bytes takes.
const LEN_OF_LEN: usize = 3;
const _: () = assert!(MAX_TEXT_BYTES < 1 << 20 && MAX_DETAIL_BYTES < 1 << 20 && MAX_BLOB_BYTES < 1 << 20);

/// The most bytes of a name that stands in place.
const SHORT: usize = size_of::<CompactString>();

/// The length of a name that may be longer than [`SHORT`]: it does not stand in place.
#[inline(always)]
fn beyond_short(name: &CompactString) -> usize {
    if name.is_heap_allocated() || name.as_static_str().is_some() { name.len() } else { 0 }
}

/// A field's type, or a whole record.
pub(crate) trait Field: Sized {
    /// The least number of bytes that a value takes.
    const MIN_LEN: usize;

    /// The most bytes that a value takes, without what is [`more`](Self::more).
    const MOST: usize;

    /// The most that text takes that does not stand in place, and the items of an array.
    #[inline(always)]
    fn more(&self) -> usize {
        0
    }

    /// Appends the value. Panics where a bound of the wire is broken.
    fn write(&self, out: &mut Writer<'_>);

    /// Takes a value off the front.
    fn read<R: Reading>(input: &mut Reader<'_, R>) -> Result<Self, Faulty>;

    /// The value for people.
    fn json(&self) -> Value;
}

macro_rules! names {
    ($($ty:ty),+) => { $(
        impl Field for $ty {
            const MIN_LEN: usize = 1;
            const MOST: usize = LEN_OF_LEN + SHORT;

            #[inline(always)]
            fn more(&self) -> usize {
                beyond_short(self.as_compact())
            }

            #[inline(always)]
            fn write(&self, out: &mut Writer<'_>) {
                out.bytes(self.as_str().as_bytes(), MAX_TEXT_BYTES);
            }

            #[inline(always)]
            fn read<R: Reading>(input: &mut Reader<'_, R>) -> Result<Self, Faulty> {
                input.name(MAX_TEXT_BYTES).map(<$ty>::unchecked)
            }

            fn json(&self) -> Value {
                Value::from(self.as_str())
            }
        }
    )+ };
}
names!(AccountId, Symbol, AssetCode, ClientId);

impl Field for CompactString {
    const MIN_LEN: usize = 1;
    const MOST: usize = LEN_OF_LEN + SHORT;

    #[inline(always)]
    fn more(&self) -> usize {
        beyond_short(self)
    }

    #[inline(always)]
    fn write(&self, out: &mut Writer<'_>) {
        out.bytes(self.as_bytes(), MAX_TEXT_BYTES);
    }

    #[inline(always)]
    fn read<R: Reading>(input: &mut Reader<'_, R>) -> Result<Self, Faulty> {
        input.name(MAX_TEXT_BYTES).map(Self::from)
    }

    fn json(&self) -> Value {
        Value::from(self.as_str())
    }
}

impl Field for String {
    const MIN_LEN: usize = 1;
    const MOST: usize = LEN_OF_LEN;

    #[inline(always)]
    fn more(&self) -> usize {
        self.len()
    }

    #[inline(always)]
    fn write(&self, out: &mut Writer<'_>) {
        out.bytes(self.as_bytes(), MAX_DETAIL_BYTES);
    }

    #[inline(always)]
    fn read<R: Reading>(input: &mut Reader<'_, R>) -> Result<Self, Faulty> {
        input.text(MAX_DETAIL_BYTES).map(Self::from)
    }

    fn json(&self) -> Value {
        Value::from(self.as_str())
    }
}

/// Bytes of unknown content, as dead letters keep them.
impl Field for Vec<u8> {
    const MIN_LEN: usize = 1;
    const MOST: usize = LEN_OF_LEN;

    #[inline(always)]
    fn more(&self) -> usize {
        self.len()
    }

    #[inline(always)]
    fn write(&self, out: &mut Writer<'_>) {
        out.bytes(self, MAX_BLOB_BYTES);
    }

    #[inline(always)]
    fn read<R: Reading>(input: &mut Reader<'_, R>) -> Result<Self, Faulty> {
        input.bytes(MAX_BLOB_BYTES).map(Self::from)
    }

    fn json(&self) -> Value {
        match std::str::from_utf8(self) {
            Ok(text) if !text.chars().any(char::is_control) => Value::from(text),
            _ => {
                let digits: String = self.iter().map(|byte| format!("{byte:02x}")).collect();
                Value::from(format!("0x{digits}"))
            }
        }
    }
}

macro_rules! integers {
    ($($ty:ty: $min:expr, $max:expr;)+) => { $(
        impl Field for $ty {
            const MIN_LEN: usize = 1;
            const MOST: usize = MAX_LONG_BYTES;

            #[inline(always)]
            fn write(&self, out: &mut Writer<'_>) {
                let value = i64::try_from(*self).ok().filter(|v| ($min..=$max).contains(v));
                out.long(value.unwrap_or_else(|| panic!("{self} is beyond {}: bound it where it is made", $max)));
            }

            #[inline(always)]
            fn read<R: Reading>(input: &mut Reader<'_, R>) -> Result<Self, Faulty> {
                input.long_within($min, $max).map(|value| value as $ty)
            }

            fn json(&self) -> Value {
                Value::from(*self)
            }
        }
    )+ };
}
// Avro has no unsigned numbers: what does not fit the signed type of the schema cannot be written.
integers! {
    u8: 0, i64::from(u8::MAX);
    u32: 0, i64::from(i32::MAX);
    i32: i64::from(i32::MIN), i64::from(i32::MAX);
    u64: 0, i64::MAX;
    i64: i64::MIN, i64::MAX;
}

macro_rules! numbered {
    ($($ty:ident),+) => { $(
        impl Field for $ty {
            const MIN_LEN: usize = 1;
            const MOST: usize = u64::MOST;

            #[inline(always)]
            fn write(&self, out: &mut Writer<'_>) {
                self.0.write(out);
            }

            #[inline(always)]
            fn read<R: Reading>(input: &mut Reader<'_, R>) -> Result<Self, Faulty> {
                u64::read(input).map(Self)
            }

            fn json(&self) -> Value {
                Value::from(self.to_string())
            }
        }
    )+ };
}
numbered!(OrderId, TradeId);

impl Field for Timestamp {
    const MIN_LEN: usize = 1;
    const MOST: usize = i64::MOST;

    #[inline(always)]
    fn write(&self, out: &mut Writer<'_>) {
        self.0.write(out);
    }

    #[inline(always)]
    fn read<R: Reading>(input: &mut Reader<'_, R>) -> Result<Self, Faulty> {
        i64::read(input).map(Self)
    }

    fn json(&self) -> Value {
        Value::from(self.0)
    }
}

impl Field for Decimal {
    const MIN_LEN: usize = 2;
    const MOST: usize = 1 + size_of::<i128>();

    #[inline(always)]
    fn write(&self, out: &mut Writer<'_>) {
        out.decimal(*self);
    }

    #[inline(always)]
    fn read<R: Reading>(input: &mut Reader<'_, R>) -> Result<Self, Faulty> {
        input.decimal()
    }

    fn json(&self) -> Value {
        Value::from(self.to_string())
    }
}

impl Field for bool {
    const MIN_LEN: usize = 1;
    const MOST: usize = 1;

    #[inline(always)]
    fn write(&self, out: &mut Writer<'_>) {
        out.byte(u8::from(*self));
    }

    #[inline(always)]
    fn read<R: Reading>(input: &mut Reader<'_, R>) -> Result<Self, Faulty> {
        match input.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            byte => input.fail(|| Fault::Boolean { byte }),
        }
    }

    fn json(&self) -> Value {
        Value::from(*self)
    }
}

/// Eight bytes, big endian: a hash, which may use all 64 bits and so does not fit a long.
#[derive(Clone, Copy)]
pub(crate) struct Hash(pub u64);

impl From<u64> for Hash {
    fn from(hash: u64) -> Self {
        Self(hash)
    }
}

impl From<Hash> for u64 {
    fn from(hash: Hash) -> Self {
        hash.0
    }
}

impl Field for Hash {
    const MIN_LEN: usize = 8;
    const MOST: usize = 8;

    #[inline(always)]
    fn write(&self, out: &mut Writer<'_>) {
        out.first_of(&self.0.to_be_bytes(), 8);
    }

    #[inline(always)]
    fn read<R: Reading>(input: &mut Reader<'_, R>) -> Result<Self, Faulty> {
        let bytes = input.take(size_of::<u64>())?;
        Ok(Self(bytes.iter().fold(0, |hash, byte| hash << 8 | u64::from(*byte))))
    }

    fn json(&self) -> Value {
        Value::from(format!("{:016x}", self.0))
    }
}

macro_rules! enums {
    ($($ty:ident),+ $(,)?) => { $(
        impl Field for $ty {
            const MIN_LEN: usize = 1;
            const MOST: usize = 1;

            #[inline(always)]
            fn write(&self, out: &mut Writer<'_>) {
                const { assert!(Self::ALL.len() <= 64, "an index takes one byte") };
                out.byte(2 * self.index() as u8);
            }

            #[inline(always)]
            fn read<R: Reading>(input: &mut Reader<'_, R>) -> Result<Self, Faulty> {
                input.index(Self::ALL.len()).map(|index| Self::ALL[index])
            }

            fn json(&self) -> Value {
                Value::from(self.name())
            }
        }
    )+ };
}
enums!(
    BookOutcome,
    CandleSource,
    CommandKind,
    JournalKind,
    LedgerAccount,
    Liquidity,
    MachineKind,
    OrderEventKind,
    OrderStatus,
    OrderType,
    Phase,
    Reason,
    SelfMatchPrevention,
    Side,
    TimeInForce,
    Topic,
);

/// Null (index 0) or the value (index 1).
impl<T: Field> Field for Option<T> {
    const MIN_LEN: usize = 1;
    const MOST: usize = 1 + T::MOST;

    #[inline(always)]
    fn more(&self) -> usize {
        self.as_ref().map_or(0, T::more)
    }

    #[inline(always)]
    fn write(&self, out: &mut Writer<'_>) {
        out.byte(2 * u8::from(self.is_some()));
        if let Some(value) = self {
            value.write(out);
        }
    }

    #[inline(always)]
    fn read<R: Reading>(input: &mut Reader<'_, R>) -> Result<Self, Faulty> {
        if input.is_there()? { T::read(input).map(Some) } else { Ok(None) }
    }

    fn json(&self) -> Value {
        self.as_ref().map_or(Value::Null, Field::json)
    }
}

/// Items of an array: the parts of records. Byte strings are not among them.
pub(crate) trait Part: Field {}

impl Part for i64 {}

/// Written as one block; read from any number of blocks, with or without their length in bytes.
impl<T: Part> Field for Vec<T> {
    const MIN_LEN: usize = 1;
    const MOST: usize = MAX_LONG_BYTES + 1;

    #[inline(always)]
    fn more(&self) -> usize {
        self.len() * T::MOST + self.iter().map(T::more).sum::<usize>()
    }

    #[inline(always)]
    fn write(&self, out: &mut Writer<'_>) {
        if !self.is_empty() {
            out.long(self.len() as i64);
            self.iter().for_each(|item| item.write(out));
        }
        out.byte(0);
    }

    #[inline(always)]
    fn read<R: Reading>(input: &mut Reader<'_, R>) -> Result<Self, Faulty> {
        let mut items = Self::new();
        loop {
            let count = input.long()?;
            if count == 0 {
                return Ok(items);
            }
            if count < 0 {
                input.long()?; // the block's length in bytes, for readers that skip
            }
            let (count, left) = (count.unsigned_abs(), input.left());
            if count > (left / T::MIN_LEN) as u64 {
                return input.fail(|| Fault::Items { count, min_len: T::MIN_LEN, left });
            }
            items.reserve(count as usize);
            for _ in 0..count {
                items.push(T::read(input)?);
            }
        }
    }

    fn json(&self) -> Value {
        self.iter().map(Field::json).collect()
    }
}
