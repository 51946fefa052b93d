//! Takes values off the front of bytes.
//!
//! Nearly everything that is read is well formed and written as short as it can be. The first reading takes that and
//! gives up on all else, without a word: so it carries nothing but the place it has come to, which stays in a register.
//! What it gave up on is read a second time by the same code, which takes every form that Avro allows, and says what is
//! wrong and where.
//!
//! Invariants:
//! 1. What the first reading takes, the second would take too, as the same value.
//! 2. A length is checked against its bound and against the bytes that are left before anything is allocated.
//! 3. What is called and not inlined gets values and not the reader, which would then have to stand in memory.

use super::{MAX_LONG_BYTES, MORE, text};
use crate::error::{DecodeError, Fault};
use hoga_core::Decimal;
use hoga_core::records::RecordKind;
use std::num::NonZeroUsize;

/// The reading ends here. Why, the second reading knows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Faulty;

/// Which reading it is.
pub(crate) trait Reading {
    /// Whether it takes every form that Avro allows, or gives up on those that nobody need write.
    const EVERY_FORM: bool;

    /// A fault was found.
    fn found(&mut self, fault: impl FnOnce() -> Fault);

    /// It stands in this field; the innermost is told first.
    fn stands_in(&mut self, record: &'static str, field: &'static str);
}

/// The first reading.
pub(crate) struct First;

impl Reading for First {
    const EVERY_FORM: bool = false;

    #[inline(always)]
    fn found(&mut self, _: impl FnOnce() -> Fault) {}

    #[inline(always)]
    fn stands_in(&mut self, _: &'static str, _: &'static str) {}
}

/// The second reading: it keeps which fault, and in which field.
#[derive(Default)]
pub(crate) struct Second {
    fault: Option<Fault>,
    /// The innermost field that failed: record and name.
    failed: Option<(&'static str, &'static str)>,
}

impl Reading for Second {
    const EVERY_FORM: bool = true;

    fn found(&mut self, fault: impl FnOnce() -> Fault) {
        self.fault = Some(fault());
    }

    fn stands_in(&mut self, record: &'static str, field: &'static str) {
        self.failed.get_or_insert((record, field));
    }
}

/// A value's bytes, and how far they were read.
pub(crate) struct Reader<'a, R> {
    bytes: &'a [u8],
    at: usize,
    reading: R,
}

impl<'a> Reader<'a, First> {
    /// The first reading.
    #[inline(always)]
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, reading: First }
    }
}

impl<'a> Reader<'a, Second> {
    /// The second reading, of what the first gave up on.
    pub(crate) fn again(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, reading: Second::default() }
    }

    /// The error: a fault in the field where it stands, or in `origin`, which alone is in no list of fields; and where
    /// no field has a fault, bytes that are left over.
    pub(crate) fn error(&self, kind: RecordKind) -> DecodeError {
        let left = self.left();
        let Some(fault) = self.reading.fault else { return DecodeError::Trailing { kind, len: left } };
        let (record, field) = self.reading.failed.unwrap_or((kind.name(), "origin"));
        DecodeError::Field { kind, record, field, left, fault }
    }
}

impl<'a, R: Reading> Reader<'a, R> {
    /// How many bytes are left.
    #[inline(always)]
    pub(crate) fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// The bytes that are left.
    #[inline(always)]
    pub(crate) fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    #[inline(always)]
    pub(crate) fn fail<T>(&mut self, fault: impl FnOnce() -> Fault) -> Result<T, Faulty> {
        self.reading.found(fault);
        Err(Faulty)
    }

    /// Notes which field a fault stands in.
    #[inline(always)]
    pub(crate) fn blame(&mut self, record: &'static str, field: &'static str) -> Faulty {
        self.reading.stands_in(record, field);
        Faulty
    }

    #[inline(always)]
    pub(crate) fn byte(&mut self) -> Result<u8, Faulty> {
        let Some(&byte) = self.bytes.get(self.at) else {
            return self.fail(|| Fault::Cut { needed: 1, left: 0 });
        };
        self.at += 1;
        Ok(byte)
    }

    #[inline(always)]
    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], Faulty> {
        let end = self.at + len;
        let Some(taken) = self.bytes.get(self.at..end) else {
            let left = self.left();
            return self.fail(|| Fault::Cut { needed: len as u64, left });
        };
        self.at = end;
        Ok(taken)
    }

    /// A zigzag number of variable length.
    #[inline(always)]
    pub(crate) fn long(&mut self) -> Result<i64, Faulty> {
        match self.bytes.get(self.at) {
            Some(byte @ 0..0x80) => {
                self.at += 1;
                Ok(unzigzag(u64::from(*byte)))
            }
            _ => self.long_of_any_length(),
        }
    }

    #[inline(always)]
    fn long_of_any_length(&mut self) -> Result<i64, Faulty> {
        let (bytes, at) = (self.bytes, self.at);
        let Some((value, next)) = long_at(bytes, at) else { return self.fail(|| long_fault(bytes.len() - at)) };
        self.at = next.get();
        Ok(value)
    }

    /// A number of which the first reading takes only 0 to 63: an index, the length of a name. Those take one byte.
    #[inline(always)]
    pub(crate) fn small(&mut self) -> Result<i64, Faulty> {
        // The lowest bit is the sign, the highest says that more follow: turned, both make the byte a great one.
        match self.bytes.get(self.at).map(|byte| byte.rotate_right(1)) {
            Some(value @ 0..0x40) => {
                self.at += 1;
                Ok(i64::from(value))
            }
            _ if R::EVERY_FORM => self.long_of_any_length(),
            _ => Err(Faulty),
        }
    }

    /// A one or a nought before a value: whether it is there.
    #[inline(always)]
    pub(crate) fn is_there(&mut self) -> Result<bool, Faulty> {
        match self.small()? {
            0 => Ok(false),
            1 => Ok(true),
            index => self.fail(|| Fault::UnionIndex { index }),
        }
    }

    /// Whether all was read.
    #[inline(always)]
    pub(crate) fn end(&self) -> Result<(), Faulty> {
        if self.left() == 0 { Ok(()) } else { Err(Faulty) }
    }

    /// A number within `min` and `max`.
    #[inline(always)]
    pub(crate) fn long_within(&mut self, min: i64, max: i64) -> Result<i64, Faulty> {
        let value = self.long()?;
        if value < min || value > max {
            return self.fail(|| Fault::Range { value, min, max });
        }
        Ok(value)
    }

    /// An index below `count`: a value of an enum.
    #[inline(always)]
    pub(crate) fn index(&mut self, count: usize) -> Result<usize, Faulty> {
        let index = self.small()?;
        match usize::try_from(index) {
            Ok(index) if index < count => Ok(index),
            _ => self.fail(|| Fault::EnumIndex { index, last: count - 1 }),
        }
    }

    /// Bytes behind their length, at most `max`.
    #[inline(always)]
    pub(crate) fn bytes(&mut self, max: usize) -> Result<&'a [u8], Faulty> {
        let len = self.long()?;
        self.take_within(len, max)
    }

    #[inline(always)]
    fn take_within(&mut self, len: i64, max: usize) -> Result<&'a [u8], Faulty> {
        match u64::try_from(len) {
            Err(_) => self.fail(|| Fault::NegativeLength { len }),
            Ok(len) if len > max as u64 => self.fail(|| Fault::TooLong { len, max }),
            Ok(len) => self.take(len as usize),
        }
    }

    /// A text of at most `max` bytes.
    #[inline(always)]
    pub(crate) fn text(&mut self, max: usize) -> Result<&'a str, Faulty> {
        let bytes = self.bytes(max)?;
        self.judged(bytes)
    }

    /// A text of at most `max` bytes that most often is a name.
    #[inline(always)]
    pub(crate) fn name(&mut self, max: usize) -> Result<&'a str, Faulty> {
        let len = self.small()?;
        let bytes = self.take_within(len, max)?;
        self.judged(bytes)
    }

    #[inline(always)]
    fn judged(&mut self, bytes: &'a [u8]) -> Result<&'a str, Faulty> {
        match text::of(bytes) {
            Ok(text) => Ok(text),
            Err(error) => self.fail(|| Fault::Utf8 { valid: error.valid_up_to() }),
        }
    }

    /// A decimal of 1 to 16 bytes and at most 38 digits.
    #[inline(always)]
    pub(crate) fn decimal(&mut self) -> Result<Decimal, Faulty> {
        let len = self.small()?;
        if let 1..=8 = len {
            let end = self.at + len as usize;
            if let Some(word) = self.bytes.get(..end).and_then(|upto| upto.last_chunk()) {
                // The usual case without a loop: eight bytes that end with the last of ours, and others shifted out.
                self.at = end;
                let others = 64 - 8 * len;
                return Ok(Decimal(i128::from(i64::from_be_bytes(*word) << others >> others)));
            }
        }
        match long_decimal(self.take_within(len, size_of::<i128>())?) {
            Ok(value) => Ok(value),
            Err(fault) => self.fail(|| fault),
        }
    }
}

/// A decimal of any length, by its bytes.
fn long_decimal(bytes: &[u8]) -> Result<Decimal, Fault> {
    let Some((&first, rest)) = bytes.split_first() else { return Err(Fault::EmptyDecimal) };
    let sign = i64::from(first as i8);
    let join = |upper: i64, bytes: &[u8]| bytes.iter().fold(upper, |value, byte| value << 8 | i64::from(*byte));
    let value = match rest.split_last_chunk() {
        Some((upper, lower)) => i128::from(join(sign, upper)) << 64 | i128::from(u64::from_be_bytes(*lower)),
        None => i128::from(join(sign, rest)),
    };
    let value = Decimal(value);
    if value.in_range() { Ok(value) } else { Err(Fault::Digits) }
}

/// A number, and where it ends.
#[inline(never)]
fn long_at(bytes: &[u8], at: usize) -> Option<(i64, NonZeroUsize)> {
    let rest = bytes.get(at..)?;
    if let Some(word) = rest.first_chunk() {
        // The usual case without a loop: eight bytes at once, up to the first that does not say that more follow.
        let word = u64::from_le_bytes(*word);
        let last = !word & MORE;
        if last != 0 {
            let len = last.trailing_zeros() as usize / 8 + 1;
            return Some((unzigzag(joined(word & (last ^ (last - 1)))), NonZeroUsize::new(at + len)?));
        }
    }
    let (value, len) = long_byte_by_byte(rest)?;
    Some((unzigzag(value), NonZeroUsize::new(at + len)?))
}

fn long_byte_by_byte(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0;
    for (at, byte) in bytes.iter().enumerate().take(MAX_LONG_BYTES) {
        value |= u64::from(byte & 0x7f) << (7 * at);
        if *byte < 0x80 {
            return (at < MAX_LONG_BYTES - 1 || *byte <= 1).then_some((value, at + 1));
        }
    }
    None
}

/// What is wrong with a number before which so many bytes are left.
fn long_fault(left: usize) -> Fault {
    match left {
        0..MAX_LONG_BYTES => Fault::Cut { needed: left as u64 + 1, left },
        _ => Fault::Varint,
    }
}

/// The seven lower bits of each of eight bytes, side by side.
#[inline]
fn joined(bytes: u64) -> u64 {
    let by_one = bytes & !MORE;
    let by_two = by_one & 0x007f_007f_007f_007f | (by_one & 0x7f00_7f00_7f00_7f00) >> 1;
    let by_four = by_two & 0x0000_3fff_0000_3fff | (by_two & 0x3fff_0000_3fff_0000) >> 2;
    by_four & 0x0fff_ffff | (by_four & 0x0fff_ffff_0000_0000) >> 4
}

#[inline(always)]
fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}
