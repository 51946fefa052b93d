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

/// A fault was found. Which one the reader keeps: every field passes on whether there is one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Faulty;

/// What is left of a value's bytes.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    fault: Option<Fault>,
    /// The innermost field that failed: record and name.
    failed: Option<(&'static str, &'static str)>,
}

impl<'a> Reader<'a> {
    #[inline]
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, fault: None, failed: None }
    }

    /// The bytes that are left.
    #[inline]
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Keeps a fault.
    #[cold]
    pub(crate) fn fail<T>(&mut self, fault: Fault) -> Result<T, Faulty> {
        self.fault = Some(fault);
        Err(Faulty)
    }

    /// Notes which field a fault stands in; the innermost, which is told first, is kept.
    #[cold]
    pub(crate) fn blame(&mut self, record: &'static str, field: &'static str) -> Faulty {
        self.failed.get_or_insert((record, field));
        Faulty
    }

    /// The error for the fault: in the field that was blamed, or in `origin`, which alone is in no list of fields.
    #[cold]
    pub(crate) fn error(&self, kind: RecordKind) -> DecodeError {
        let fault = self.fault.expect("a field that failed kept its fault");
        let (record, field) = self.failed.unwrap_or((kind.name(), "origin"));
        DecodeError::Field { kind, record, field, left: self.rest.len(), fault }
    }

    #[inline]
    pub(crate) fn byte(&mut self) -> Result<u8, Faulty> {
        let Some((&first, rest)) = self.rest.split_first() else {
            return self.fail(Fault::Cut { needed: 1, left: 0 });
        };
        self.rest = rest;
        Ok(first)
    }

    #[inline]
    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], Faulty> {
        let Some((taken, rest)) = self.rest.split_at_checked(len) else {
            return self.fail(Fault::Cut { needed: len as u64, left: self.rest.len() });
        };
        self.rest = rest;
        Ok(taken)
    }

    /// A zigzag number of variable length.
    #[inline]
    pub(crate) fn long(&mut self) -> Result<i64, Faulty> {
        match self.rest {
            [byte @ 0..0x80, rest @ ..] => {
                self.rest = rest;
                Ok(unzigzag(u64::from(*byte)))
            }
            _ => self.long_of_many(),
        }
    }

    fn long_of_many(&mut self) -> Result<i64, Faulty> {
        if let Some(word) = self.rest.first_chunk() {
            // The usual case without a loop: eight bytes at once, up to the first that does not say that more follow.
            let word = u64::from_le_bytes(*word);
            let last = !word & MORE;
            if last != 0 {
                let upto_last = last ^ (last - 1);
                self.rest = &self.rest[upto_last.count_ones() as usize / 8..];
                return Ok(unzigzag(joined(word & upto_last)));
            }
        }
        self.long_byte_by_byte()
    }

    fn long_byte_by_byte(&mut self) -> Result<i64, Faulty> {
        let mut value = 0;
        for (at, byte) in self.rest.iter().enumerate().take(MAX_LONG_BYTES) {
            value |= u64::from(byte & 0x7f) << (7 * at);
            if *byte < 0x80 {
                if at == MAX_LONG_BYTES - 1 && *byte > 1 {
                    return self.fail(Fault::Varint);
                }
                self.rest = &self.rest[at + 1..];
                return Ok(unzigzag(value));
            }
        }
        match self.rest.len() {
            left @ 0..MAX_LONG_BYTES => self.fail(Fault::Cut { needed: left as u64 + 1, left }),
            _ => self.fail(Fault::Varint),
        }
    }

    /// A number within `min` and `max`.
    #[inline]
    pub(crate) fn long_within(&mut self, min: i64, max: i64) -> Result<i64, Faulty> {
        let value = self.long()?;
        if value < min || value > max {
            return self.fail(Fault::Range { value, min, max });
        }
        Ok(value)
    }

    /// An index below `count`: a value of an enum.
    #[inline]
    pub(crate) fn index(&mut self, count: usize) -> Result<usize, Faulty> {
        let index = self.long()?;
        match usize::try_from(index) {
            Ok(index) if index < count => Ok(index),
            _ => self.fail(Fault::EnumIndex { index, last: count - 1 }),
        }
    }

    /// A length of at most `max` bytes.
    #[inline]
    fn len(&mut self, max: usize) -> Result<usize, Faulty> {
        let len = self.long()?;
        match u64::try_from(len) {
            Err(_) => self.fail(Fault::NegativeLength { len }),
            Ok(len) if len > max as u64 => self.fail(Fault::TooLong { len, max }),
            Ok(len) => Ok(len as usize),
        }
    }

    /// Bytes behind their length, at most `max`.
    #[inline]
    pub(crate) fn bytes(&mut self, max: usize) -> Result<&'a [u8], Faulty> {
        let len = self.len(max)?;
        self.take(len)
    }

    /// A text of at most `max` bytes.
    #[inline]
    pub(crate) fn text(&mut self, max: usize) -> Result<&'a str, Faulty> {
        let bytes = self.bytes(max)?;
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text),
            Err(error) => self.fail(Fault::Utf8 { valid: error.valid_up_to() }),
        }
    }

    /// A decimal of 1 to 16 bytes and at most 38 digits.
    #[inline]
    pub(crate) fn decimal(&mut self) -> Result<Decimal, Faulty> {
        let len = self.len(size_of::<i128>())?;
        if let (1..=8, Some(word)) = (len, self.rest.first_chunk()) {
            // The usual case without a loop: eight bytes at once, and those that are not ours shifted out.
            self.rest = &self.rest[len..];
            return Ok(Decimal(i128::from(i64::from_be_bytes(*word) >> (64 - 8 * len))));
        }
        self.decimal_byte_by_byte(len)
    }

    fn decimal_byte_by_byte(&mut self, len: usize) -> Result<Decimal, Faulty> {
        let Some((&first, rest)) = self.take(len)?.split_first() else { return self.fail(Fault::EmptyDecimal) };
        let value = Decimal(rest.iter().fold(i128::from(first as i8), |v, b| v << 8 | i128::from(*b)));
        if value.in_range() { Ok(value) } else { self.fail(Fault::Digits) }
    }
}

/// In each of eight bytes the bit that says that more follow.
const MORE: u64 = 0x8080_8080_8080_8080;

/// The seven lower bits of each of eight bytes, side by side.
#[inline]
fn joined(bytes: u64) -> u64 {
    let by_one = bytes & !MORE;
    let by_two = by_one & 0x007f_007f_007f_007f | (by_one & 0x7f00_7f00_7f00_7f00) >> 1;
    let by_four = by_two & 0x0000_3fff_0000_3fff | (by_two & 0x3fff_0000_3fff_0000) >> 2;
    by_four & 0x0fff_ffff | (by_four & 0x0fff_ffff_0000_0000) >> 4
}

/// 56 bits, seven into each of eight bytes.
#[inline]
fn split(bits: u64) -> u64 {
    let by_four = bits & 0x0fff_ffff | (bits & 0x00ff_ffff_f000_0000) << 4;
    let by_two = by_four & 0x0000_3fff_0000_3fff | (by_four & 0x0fff_c000_0fff_c000) << 2;
    by_two & 0x007f_007f_007f_007f | (by_two & 0x3f80_3f80_3f80_3f80) << 1
}

#[inline]
fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// Writes a zigzag number of variable length.
#[inline]
pub(crate) fn put_long(value: i64, out: &mut Vec<u8>) {
    match (value << 1 ^ value >> 63) as u64 {
        small @ 0..0x80 => out.push(small as u8),
        large => put_long_of_many(large, out),
    }
}

fn put_long_of_many(mut rest: u64, out: &mut Vec<u8>) {
    if rest < 1 << 56 {
        let len = (70 - rest.leading_zeros() as usize) / 7;
        let more = MORE & ((1 << (8 * (len - 1))) - 1);
        return put_first(&(split(rest) | more).to_le_bytes(), len, out);
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

#[cfg(test)]
mod tests {
    use super::*;

    /// As Avro's specification has it, a byte at a time.
    fn by_the_book(value: i64) -> Vec<u8> {
        let (mut rest, mut bytes) = ((value << 1 ^ value >> 63) as u64, Vec::new());
        while rest >= 0x80 {
            bytes.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        bytes.push(rest as u8);
        bytes
    }

    #[test]
    fn a_number_of_any_length_is_written_by_the_book_and_read_whatever_follows() {
        let powers = (0..64).map(|bit| 1_i64.wrapping_shl(bit));
        let near = powers.flat_map(|power| [power.wrapping_sub(1), power, power.wrapping_add(1)]);
        for value in near.flat_map(|value| [value, value.wrapping_neg(), !value]).chain([i64::MIN, i64::MAX]) {
            let (mut bytes, expected) = (Vec::new(), by_the_book(value));
            put_long(value, &mut bytes);
            assert_eq!(bytes, expected, "{value}");
            for follows in [&[][..], &[0x7f], &[0xff; 8], &[0; 12]] {
                let input = [&bytes, follows].concat();
                let mut reader = Reader::new(&input);
                assert_eq!((reader.long().ok(), reader.rest()), (Some(value), follows), "{value}");
            }
        }
    }

    #[test]
    fn a_number_may_be_longer_than_it_need_be() {
        let mut reader = Reader::new(&[0x82, 0x80, 0x80, 0x00, 9, 9, 9, 9, 9]);
        assert_eq!((reader.long().ok(), reader.rest().len()), (Some(1), 5));
    }

    #[test]
    fn a_text_that_is_not_ascii_is_judged_whole() {
        let hangul = "\u{d638}\u{ac00}".as_bytes();
        let mut input = vec![2 * hangul.len() as u8];
        input.extend_from_slice(hangul);
        assert_eq!(Reader::new(&input).text(MAX_TEXT_BYTES).ok(), Some("\u{d638}\u{ac00}"));
        *input.last_mut().expect("it is not empty") = b'x';
        let mut reader = Reader::new(&input);
        assert!(reader.text(MAX_TEXT_BYTES).is_err());
        assert_eq!(reader.fault, Some(Fault::Utf8 { valid: 3 }));
    }
}
