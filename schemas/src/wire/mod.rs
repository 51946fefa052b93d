//! Avro's binary encoding, as far as the records use it: numbers, strings, bytes, decimals.
//!
//! `reader` takes values off bytes, `writer` puts them into room, `text` judges what is text.
//!
//! Invariants:
//! 1. What the writer wrote the reader takes, and as the same value.
//! 2. A decimal is written as the shortest two's complement, big endian; longer forms are read too.
//!
//! Left out on purpose: floats, maps and unions other than with null, which no record has.

mod reader;
mod text;
mod writer;

pub(crate) use reader::{Faulty, Reader, Reading};
pub(crate) use writer::{SLACK, Writer};

/// The longest name or short text in bytes.
pub const MAX_TEXT_BYTES: usize = 256;
/// The longest explanation (a reason or detail in words) in bytes.
pub const MAX_DETAIL_BYTES: usize = 4_096;
/// The longest byte string (a dead letter's key or value).
pub const MAX_BLOB_BYTES: usize = 8_192;

/// The most bytes of a number: 64 bits, seven in each.
pub(crate) const MAX_LONG_BYTES: usize = 10;

/// In each of eight bytes the bit that says that more follow.
const MORE: u64 = 0x8080_8080_8080_8080;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DecodeError, Fault};
    use hoga_core::Decimal;
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
            Writer::append(&mut bytes, MAX_LONG_BYTES, 0, |out| out.long(value));
            assert_eq!(bytes, expected, "{value}");
            for follows in [&[][..], &[0x7f], &[0xff; 8], &[0; 12]] {
                let input = [&bytes, follows].concat();
                let mut reader = Reader::new(&input);
                assert_eq!((reader.long().ok(), reader.rest()), (Some(value), follows), "{value}");
            }
        }
    }

    #[test]
    fn a_decimal_of_any_length_is_as_short_as_it_can_be_and_read_at_the_front_and_at_the_end() {
        let powers = (0..126).map(|bit| 1_i128 << bit);
        let near = powers.flat_map(|power| [power - 1, power, power + 1]);
        for value in near.flat_map(|value| [value, -value]) {
            let mut bytes = Vec::new();
            Writer::append(&mut bytes, 17, 0, |out| out.decimal(Decimal(value)));
            let digits = value.to_be_bytes();
            let shortest =
                (1..=16).find(|len| value >> (8 * len - 1) == value >> 127).expect("all are 16 bytes or less");
            assert_eq!((bytes[0], &bytes[1..]), (2 * shortest as u8, &digits[16 - shortest..]), "{value}");
            for (before, after) in [(0, 0), (9, 0), (0, 9), (9, 9)] {
                let input = [&vec![0; before], &bytes[..], &vec![0xff; after]].concat();
                let mut reader = Reader::new(&input);
                assert!((0..before).all(|_| reader.byte().is_ok()));
                assert_eq!((reader.decimal().ok(), reader.left()), (Some(Decimal(value)), after), "{value}");
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
