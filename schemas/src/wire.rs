//! Avro's binary encoding, as far as the records use it: numbers, strings, bytes, decimals.
//!
//! Invariants:
//! 1. A length is checked against its bound and against the bytes that are left before anything is allocated.
//! 2. What is written can be read: a value beyond a bound panics in the writer rather than stop every reader.
//! 3. A decimal is written as the shortest two's complement, big endian; longer forms are read too.
//!
//! Left out on purpose: floats, maps and unions other than with null, which no record has.

use crate::error::{DecodeError, Fault};
use hoga_core::Decimal;
use hoga_core::records::RecordKind;

/// The longest name or short text in bytes.
pub const MAX_TEXT_BYTES: usize = 256;
/// The longest explanation (a reason or detail in words) in bytes.
pub const MAX_DETAIL_BYTES: usize = 4_096;
/// The longest byte string (a dead letter's key or value).
pub const MAX_BLOB_BYTES: usize = 8_192;

/// The most bytes of a number: 64 bits, seven in each.
const MAX_LONG_BYTES: usize = 10;

/// What is left of a value's bytes.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    /// The innermost field that failed: record and name.
    failed: Option<(&'static str, &'static str)>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, failed: None }
    }

    /// The bytes that are left.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Notes which field a fault stands in; the innermost, which is told first, is kept.
    #[cold]
    pub(crate) fn blame(&mut self, record: &'static str, field: &'static str, fault: Fault) -> Fault {
        self.failed.get_or_insert((record, field));
        fault
    }

    /// The error for a fault: in the field that was blamed, or in `origin`, which alone is in no list of fields.
    #[cold]
    pub(crate) fn error(&self, kind: RecordKind, fault: Fault) -> DecodeError {
        let (record, field) = self.failed.unwrap_or((kind.name(), "origin"));
        DecodeError::Field { kind, record, field, left: self.rest.len(), fault }
    }

    #[inline]
    pub(crate) fn byte(&mut self) -> Result<u8, Fault> {
        let (&first, rest) = self.rest.split_first().ok_or(Fault::Cut { needed: 1, left: 0 })?;
        self.rest = rest;
        Ok(first)
    }

    #[inline]
    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], Fault> {
        if len > self.rest.len() {
            return Err(Fault::Cut { needed: len as u64, left: self.rest.len() });
        }
        let (taken, rest) = self.rest.split_at(len);
        self.rest = rest;
        Ok(taken)
    }

    /// A zigzag number of variable length.
    #[inline]
    pub(crate) fn long(&mut self) -> Result<i64, Fault> {
        match self.rest {
            [byte @ 0..0x80, rest @ ..] => {
                self.rest = rest;
                Ok(unzigzag(u64::from(*byte)))
            }
            _ => self.long_of_many(),
        }
    }

    fn long_of_many(&mut self) -> Result<i64, Fault> {
        let mut value = 0;
        for (at, byte) in self.rest.iter().enumerate().take(MAX_LONG_BYTES) {
            value |= u64::from(byte & 0x7f) << (7 * at);
            if *byte < 0x80 {
                if at == MAX_LONG_BYTES - 1 && *byte > 1 {
                    return Err(Fault::Varint);
                }
                self.rest = &self.rest[at + 1..];
                return Ok(unzigzag(value));
            }
        }
        match self.rest.len() {
            left @ 0..MAX_LONG_BYTES => Err(Fault::Cut { needed: left as u64 + 1, left }),
            _ => Err(Fault::Varint),
        }
    }

    /// A number within `min` and `max`.
    #[inline]
    pub(crate) fn long_within(&mut self, min: i64, max: i64) -> Result<i64, Fault> {
        let value = self.long()?;
        if value < min || value > max {
            return Err(Fault::Range { value, min, max });
        }
        Ok(value)
    }

    /// An index below `count`: a value of an enum.
    #[inline]
    pub(crate) fn index(&mut self, count: usize) -> Result<usize, Fault> {
        let index = self.long()?;
        usize::try_from(index).ok().filter(|i| *i < count).ok_or(Fault::EnumIndex { index, last: count - 1 })
    }

    /// A length of at most `max` bytes.
    #[inline]
    fn len(&mut self, max: usize) -> Result<usize, Fault> {
        let len = self.long()?;
        match u64::try_from(len) {
            Err(_) => Err(Fault::NegativeLength { len }),
            Ok(len) if len > max as u64 => Err(Fault::TooLong { len, max }),
            Ok(len) => Ok(len as usize),
        }
    }

    /// Bytes behind their length, at most `max`.
    #[inline]
    pub(crate) fn bytes(&mut self, max: usize) -> Result<&'a [u8], Fault> {
        let len = self.len(max)?;
        self.take(len)
    }

    /// A text of at most `max` bytes.
    #[inline]
    pub(crate) fn text(&mut self, max: usize) -> Result<&'a str, Fault> {
        let bytes = self.bytes(max)?;
        std::str::from_utf8(bytes).map_err(|e| Fault::Utf8 { valid: e.valid_up_to() })
    }

    /// A decimal of 1 to 16 bytes and at most 38 digits.
    #[inline]
    pub(crate) fn decimal(&mut self) -> Result<Decimal, Fault> {
        let len = self.len(size_of::<i128>())?;
        if let (1..=8, Some(word)) = (len, self.rest.first_chunk()) {
            // The usual case without a loop: eight bytes at once, and those that are not ours shifted out.
            self.rest = &self.rest[len..];
            return Ok(Decimal(i128::from(i64::from_be_bytes(*word) >> (64 - 8 * len))));
        }
        let (&first, rest) = self.take(len)?.split_first().ok_or(Fault::EmptyDecimal)?;
        let value = Decimal(rest.iter().fold(i128::from(first as i8), |v, b| v << 8 | i128::from(*b)));
        if value.in_range() { Ok(value) } else { Err(Fault::Digits) }
    }
}

#[inline]
fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// Writes a zigzag number of variable length.
#[inline]
pub(crate) fn put_long(value: i64, out: &mut Vec<u8>) {
    let mut rest = (value << 1 ^ value >> 63) as u64;
    if rest < 0x80 {
        out.push(rest as u8);
        return;
    }
    let mut bytes = [0; MAX_LONG_BYTES];
    let mut last = 0;
    while rest >= 0x80 {
        bytes[last] = rest as u8 | 0x80;
        rest >>= 7;
        last += 1;
    }
    bytes[last] = rest as u8;
    put_first(&bytes, last + 1, out);
}

/// Writes the first `len` of a few bytes. All are copied and those that do not count are cut off again: a copy of known
/// length is a store or two, one of unknown length is a call.
#[inline]
fn put_first<const N: usize>(bytes: &[u8; N], len: usize, out: &mut Vec<u8>) {
    let end = out.len() + len;
    out.extend_from_slice(bytes);
    out.truncate(end);
}

/// Writes bytes behind their length, which is at most `max`.
#[inline]
pub(crate) fn put_bytes(bytes: &[u8], max: usize, out: &mut Vec<u8>) {
    assert!(bytes.len() <= max, "{} bytes in a field of at most {max}: cut it where it is made", bytes.len());
    put_long(bytes.len() as i64, out);
    out.extend_from_slice(bytes);
}

/// Writes a decimal as short as it can be.
#[inline]
pub(crate) fn put_decimal(value: Decimal, out: &mut Vec<u8>) {
    if let Ok(small) = i64::try_from(value.0) {
        // The usual case: its bytes moved to the front of eight.
        let len = (72 - (small ^ (small >> 63)).leading_zeros() as usize) / 8;
        out.push(2 * len as u8);
        return put_first(&(small << (64 - 8 * len)).to_be_bytes(), len, out);
    }
    assert!(value.in_range(), "{} is beyond 38 digits: bound it where it is computed", value.0);
    let magnitude = value.0 ^ (value.0 >> 127);
    let len = (136 - magnitude.leading_zeros() as usize) / 8;
    let bytes = value.0.to_be_bytes();
    out.push(2 * len as u8);
    out.extend_from_slice(&bytes[bytes.len() - len..]);
}
