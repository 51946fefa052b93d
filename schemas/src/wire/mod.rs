//! Avro's binary encoding, as far as the records use it: numbers, strings, bytes, decimals.
//!
//! Invariants:
//! 1. A length is checked against its bound and against the bytes that are left before anything is allocated.
//! 2. What is written can be read: a value beyond a bound panics in the writer rather than stop every reader.
//! 3. A decimal is written as the shortest two's complement, big endian; longer forms are read too.
//!
//! Left out on purpose: floats, maps and unions other than with null, which no record has.

mod reader;
mod text;

pub(crate) use reader::{Faulty, Reader, Reading};

use hoga_core::Decimal;

/// The longest name or short text in bytes.
pub const MAX_TEXT_BYTES: usize = 256;
/// The longest explanation (a reason or detail in words) in bytes.
pub const MAX_DETAIL_BYTES: usize = 4_096;
/// The longest byte string (a dead letter's key or value).
pub const MAX_BLOB_BYTES: usize = 8_192;

/// The most bytes of a number: 64 bits, seven in each.
const MAX_LONG_BYTES: usize = 10;

/// In each of eight bytes the bit that says that more follow.
const MORE: u64 = 0x8080_8080_8080_8080;

/// 56 bits, seven into each of eight bytes.
#[inline]
fn split(bits: u64) -> u64 {
    let by_four = bits & 0x0fff_ffff | (bits & 0x00ff_ffff_f000_0000) << 4;
    let by_two = by_four & 0x0000_3fff_0000_3fff | (by_four & 0x0fff_c000_0fff_c000) << 2;
    by_two & 0x007f_007f_007f_007f | (by_two & 0x3f80_3f80_3f80_3f80) << 1
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
    use crate::{DecodeError, Fault};
    use hoga_core::records::RecordKind;

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
        let mut reader = Reader::again(&input);
        assert!(reader.text(MAX_TEXT_BYTES).is_err());
        assert!(matches!(reader.error(RecordKind::Clock), DecodeError::Field { fault: Fault::Utf8 { valid: 3 }, .. }));
    }
}
