//! Puts values one behind the other, into room that was made for all of them at once.
//!
//! Invariants:
//! 1. What is written can be read: a value beyond a bound panics here rather than stop every reader.
//! 2. A decimal is written as the shortest two's complement, big endian.
//! 3. A few bytes are written as eight, whose rest is written over or cut off: [`SLACK`] is the room for it. So the
//!    length of what is copied is known, and a copy is a store instead of a call.

use super::{MAX_LONG_BYTES, MORE};
use hoga_core::Decimal;

/// Room behind the last value: what is written is at most so much longer than what counts.
pub(crate) const SLACK: usize = 8;

/// Room, and how far it is filled.
pub(crate) struct Writer<'a> {
    room: &'a mut [u8],
    at: usize,
}

impl<'a> Writer<'a> {
    #[inline(always)]
    pub(crate) fn new(room: &'a mut [u8]) -> Self {
        Self { room, at: 0 }
    }

    /// Appends what `write` writes: at most `most` bytes, a constant, and `more`, which most often is nothing.
    #[inline(always)]
    pub(crate) fn append(out: &mut Vec<u8>, most: usize, more: usize, write: impl FnOnce(&mut Writer<'_>)) {
        let start = out.len();
        let room = most + SLACK;
        match more {
            0 if room <= 64 => out.extend_from_slice(&[0; 64]),
            0 if room <= 128 => out.extend_from_slice(&[0; 128]),
            0 if room <= 192 => out.extend_from_slice(&[0; 192]),
            0 if room <= 256 => out.extend_from_slice(&[0; 256]),
            0 if room <= 320 => out.extend_from_slice(&[0; 320]),
            0 if room <= 384 => out.extend_from_slice(&[0; 384]),
            _ => out.resize(start + room + more, 0),
        }
        let mut writer = Writer::new(&mut out[start..]);
        write(&mut writer);
        let end = start + writer.at;
        out.truncate(end);
    }

    /// What was written.
    #[inline(always)]
    pub(crate) fn written(&self) -> &[u8] {
        &self.room[..self.at]
    }

    #[inline(always)]
    pub(crate) fn byte(&mut self, byte: u8) {
        self.room[self.at] = byte;
        self.at += 1;
    }

    /// Room for so many bytes, however many of them count.
    #[inline(always)]
    fn next<const N: usize>(&mut self) -> &mut [u8; N] {
        match self.room.get_mut(self.at..).and_then(|room| room.first_chunk_mut()) {
            Some(room) => room,
            None => no_room(),
        }
    }

    /// Bytes of a known number, of which the first `len` count.
    #[inline(always)]
    pub(crate) fn first_of<const N: usize>(&mut self, bytes: &[u8; N], len: usize) {
        *self.next() = *bytes;
        self.at += len;
    }

    /// A zigzag number of variable length.
    #[inline(always)]
    pub(crate) fn long(&mut self, value: i64) {
        match (value << 1 ^ value >> 63) as u64 {
            small @ 0..0x80 => self.byte(small as u8),
            large => self.at = put_long_of_many(self.room, self.at, large),
        }
    }

    /// Bytes behind their length, which is at most `max`.
    #[inline(always)]
    pub(crate) fn bytes(&mut self, bytes: &[u8], max: usize) {
        if bytes.len() > max {
            too_long(bytes.len(), max);
        }
        self.long(bytes.len() as i64);
        let end = self.at + bytes.len();
        copy(&mut self.room[self.at..end], bytes);
        self.at = end;
    }

    /// A decimal as short as it can be.
    #[inline(always)]
    pub(crate) fn decimal(&mut self, value: Decimal) {
        let small = value.0 as i64;
        if (value.0 >> 64) as i64 != small >> 63 {
            self.at = put_long_decimal(self.room, self.at, value);
            return;
        }
        // The usual case: its bytes moved to the front of eight.
        let last_bit = (((small ^ small >> 63) as u64) << 1 | 1).ilog2();
        let len = last_bit as usize / 8 + 1;
        let [first, digits @ ..] = self.next::<9>();
        *first = 2 * len as u8;
        *digits = (small << (56 - (last_bit & 56))).to_be_bytes();
        self.at += 1 + len;
    }
}

/// Copies to a place of the same length; at most sixteen bytes by two words that may overlap.
#[inline(always)]
fn copy(to: &mut [u8], from: &[u8]) {
    match from.len() {
        8..=16 => by_words::<8>(to, from),
        4..=7 => by_words::<4>(to, from),
        _ => to.copy_from_slice(from),
    }
}

#[inline(always)]
fn by_words<const N: usize>(to: &mut [u8], from: &[u8]) {
    if let (Some(to), Some(from)) = (to.first_chunk_mut::<N>(), from.first_chunk()) {
        *to = *from;
    }
    if let (Some(to), Some(from)) = (to.last_chunk_mut::<N>(), from.last_chunk()) {
        *to = *from;
    }
}

/// Puts a number of two bytes or more there, and says where it ends.
#[inline(never)]
fn put_long_of_many(room: &mut [u8], at: usize, mut rest: u64) -> usize {
    let mut writer = Writer { room, at };
    if rest < 1 << 56 {
        let sevens = split(rest);
        let last_bit = sevens.ilog2();
        let more = MORE & ((1 << (last_bit & 56)) - 1);
        writer.first_of(&(sevens | more).to_le_bytes(), last_bit as usize / 8 + 1);
        return writer.at;
    }
    for _ in 1..MAX_LONG_BYTES {
        if rest < 0x80 {
            break;
        }
        writer.byte(rest as u8 | 0x80);
        rest >>= 7;
    }
    writer.byte(rest as u8);
    writer.at
}

/// 56 bits, seven into each of eight bytes.
#[inline]
fn split(bits: u64) -> u64 {
    let by_four = bits & 0x0fff_ffff | (bits & 0x00ff_ffff_f000_0000) << 4;
    let by_two = by_four & 0x0000_3fff_0000_3fff | (by_four & 0x0fff_c000_0fff_c000) << 2;
    by_two & 0x007f_007f_007f_007f | (by_two & 0x3f80_3f80_3f80_3f80) << 1
}

/// Puts a decimal there that is beyond 64 bits, and says where it ends.
#[inline(never)]
fn put_long_decimal(room: &mut [u8], at: usize, value: Decimal) -> usize {
    assert!(value.in_range(), "{} is beyond 38 digits: bound it where it is computed", value.0);
    let magnitude = value.0 ^ (value.0 >> 127);
    let len = (136 - magnitude.leading_zeros() as usize) / 8;
    let mut writer = Writer { room, at };
    writer.byte(2 * len as u8);
    let upper = (value.0 >> 64) as u64;
    writer.first_of(&(upper << (128 - 8 * len)).to_be_bytes(), len - 8);
    writer.first_of(&(value.0 as u64).to_be_bytes(), 8);
    writer.at
}

#[cold]
#[inline(never)]
fn no_room() -> ! {
    unreachable!("a value is longer than its type's most")
}

#[cold]
#[inline(never)]
fn too_long(len: usize, max: usize) -> ! {
    panic!("{len} bytes in a field of at most {max}: cut it where it is made")
}
