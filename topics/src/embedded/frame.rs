//! A frame: records of one partition that went into the log together. The only form in which records stand in files.
//!
//! | bytes | what (little endian) |
//! | --- | --- |
//! | 4 | length of the body |
//! | 4 | checksum: CRC-32C, begun with the previous frame's, over the log's id, the length, everything below |
//! | 4 | the previous frame's checksum in this file (the first frame's: the seed in the file's header) |
//! | 4 | partition, as its number in the layout |
//! | 8 | first offset |
//! | 4 | number of records, at least 1 |
//! | 8 | append time; of a recorded log the first record's |
//! | 8 | bytes of this file that were known to be durable when the frame was written |
//!
//! The body is the records one after another: time less the frame's time (zigzag), length of key, key, 0 for a
//! tombstone or the length of the value plus 1, value; numbers are LEB128.
//!
//! Invariants:
//! 1. A frame proves by itself that its bytes are as they were written, and by `previous` that nothing is missing
//!    before it.
//! 2. The log's id is part of the checksum, so bytes in a record cannot pass for a frame of this log.
//! 3. Offsets end at [`MAX_OFFSET`], which no log reaches: what says otherwise is no frame.

use crate::LogRecord;
use bytes::Bytes;
use hoga_core::Timestamp;
use std::ops::Range;

/// Bytes before the body.
pub(super) const HEADER: usize = 44;
/// Where a partition is full: at a million records a second, after 146,000 years. So offsets can be added up.
pub(super) const MAX_OFFSET: u64 = 1 << 62;

/// A frame's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub body: u32,
    pub checksum: u32,
    pub previous: u32,
    pub slot: u32,
    pub first: u64,
    pub count: u32,
    pub time: Timestamp,
    pub synced: u64,
}

impl Header {
    /// The header at the beginning of `bytes`, which are at least [`HEADER`] long; nothing is checked.
    pub fn read(bytes: &[u8]) -> Self {
        let u32_at = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("4 bytes"));
        let u64_at = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes"));
        Self {
            body: u32_at(0),
            checksum: u32_at(4),
            previous: u32_at(8),
            slot: u32_at(12),
            first: u64_at(16),
            count: u32_at(24),
            time: Timestamp(u64_at(28) as i64),
            synced: u64_at(36),
        }
    }

    /// Appends the frame to `out`, its checksum computed; returns the checksum.
    pub fn write(&self, id: u64, body: &[u8], out: &mut Vec<u8>) -> u32 {
        let at = out.len();
        out.extend_from_slice(&(body.len() as u32).to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&self.previous.to_le_bytes());
        out.extend_from_slice(&self.slot.to_le_bytes());
        out.extend_from_slice(&self.first.to_le_bytes());
        out.extend_from_slice(&self.count.to_le_bytes());
        out.extend_from_slice(&self.time.0.to_le_bytes());
        out.extend_from_slice(&self.synced.to_le_bytes());
        let checksum = checksum(id, self.previous, &out[at..at + HEADER], body);
        out[at + 4..at + 8].copy_from_slice(&checksum.to_le_bytes());
        out.extend_from_slice(body);
        checksum
    }

    /// Header and body in bytes.
    pub fn len(&self) -> u64 {
        HEADER as u64 + u64::from(self.body)
    }

    /// The offset after its last record; in a damaged header any.
    pub fn end(&self) -> u64 {
        self.first.saturating_add(self.count.into())
    }

    /// Whether `frame`, header and body, is as it was written.
    pub fn verify(&self, id: u64, frame: &[u8]) -> bool {
        self.count > 0
            && self.end() <= MAX_OFFSET
            && checksum(id, self.previous, &frame[..HEADER], &frame[HEADER..]) == self.checksum
    }
}

fn checksum(id: u64, previous: u32, header: &[u8], body: &[u8]) -> u32 {
    let crc = crc32c::crc32c_append(previous, &id.to_le_bytes());
    let crc = crc32c::crc32c_append(crc, &header[..4]);
    crc32c::crc32c_append(crc32c::crc32c_append(crc, &header[8..]), body)
}

/// Appends one record to a body.
pub(super) fn push_record(body: &mut Vec<u8>, time_delta: i64, key: &[u8], value: Option<&[u8]>) {
    push_varint(body, ((time_delta << 1) ^ (time_delta >> 63)) as u64);
    push_varint(body, key.len() as u64);
    body.extend_from_slice(key);
    push_varint(body, value.map_or(0, |value| value.len() as u64 + 1));
    body.extend_from_slice(value.unwrap_or_default());
}

fn push_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// The records of one frame, read one after another; the records share the body's memory.
#[derive(Debug, Clone)]
pub(super) struct Records {
    body: Bytes,
    at: usize,
    next: u64,
    end: u64,
    time: Timestamp,
}

impl Records {
    pub fn new(first: u64, count: u32, time: Timestamp, body: Bytes) -> Self {
        Self { body, at: 0, next: first, end: first + u64::from(count), time }
    }

    /// Passes over what stands before `offset`; `None` when the body contradicts itself.
    pub fn skip_to(&mut self, offset: u64) -> Option<()> {
        while self.next < offset.min(self.end) {
            self.step()?;
        }
        Some(())
    }

    /// The next record; `Some(None)` at the end, `None` when the body contradicts itself.
    pub fn next(&mut self) -> Option<Option<LogRecord>> {
        if self.next == self.end {
            return Some(None);
        }
        let offset = self.next;
        let (delta, key, value) = self.step()?;
        let record = LogRecord {
            offset,
            time: Timestamp(self.time.0.wrapping_add(delta)),
            key: self.body.slice(key),
            value: value.map(|value| self.body.slice(value)),
        };
        Some(Some(record))
    }

    fn step(&mut self) -> Option<(i64, Range<usize>, Option<Range<usize>>)> {
        let zigzag = self.varint()?;
        let length = self.varint()?;
        let key = self.range(length)?;
        let value = match self.varint()? {
            0 => None,
            length => Some(self.range(length - 1)?),
        };
        self.next += 1;
        Some((((zigzag >> 1) as i64) ^ -((zigzag & 1) as i64), key, value))
    }

    fn range(&mut self, length: u64) -> Option<Range<usize>> {
        let start = self.at;
        let end = start.checked_add(usize::try_from(length).ok()?).filter(|end| *end <= self.body.len())?;
        self.at = end;
        Some(start..end)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = *self.body.get(self.at)?;
            self.at += 1;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header(body: &[u8]) -> Header {
        Header {
            body: body.len() as u32,
            checksum: 0,
            previous: 7,
            slot: 3,
            first: 10,
            count: 1,
            time: Timestamp(-5),
            synced: 99,
        }
    }

    #[test]
    fn every_flipped_bit_and_another_id_show() {
        let mut frame = Vec::new();
        let checksum = header(b"body").write(1, b"body", &mut frame);
        let good = Header::read(&frame);
        assert_eq!(Header { checksum, ..header(b"body") }, good);
        assert!(good.verify(1, &frame) && !good.verify(2, &frame));
        for bit in 0..frame.len() * 8 {
            frame[bit / 8] ^= 1 << (bit % 8);
            assert!(!Header::read(&frame).verify(1, &frame), "bit {bit}");
            frame[bit / 8] ^= 1 << (bit % 8);
        }
    }

    #[test]
    fn an_offset_that_no_log_reaches_is_no_frame() {
        for (first, good) in [(MAX_OFFSET - 1, true), (MAX_OFFSET, false), (u64::MAX, false)] {
            let mut frame = Vec::new();
            Header { first, ..header(b"body") }.write(1, b"body", &mut frame);
            assert_eq!(Header::read(&frame).verify(1, &frame), good, "{first}");
        }
    }

    proptest! {
        #[test]
        fn records_come_back(records in prop::collection::vec(
            (any::<i32>(), prop::collection::vec(any::<u8>(), 0..20), prop::option::of(prop::collection::vec(any::<u8>(), 0..300))),
            1..20,
        ), skip in 0_usize..20) {
            let mut body = Vec::new();
            for (delta, key, value) in &records {
                push_record(&mut body, i64::from(*delta), key, value.as_deref());
            }
            let mut read = Records::new(100, records.len() as u32, Timestamp(1_000), body.into());
            read.skip_to(100 + skip as u64).unwrap();
            for (index, (delta, key, value)) in records.iter().enumerate().skip(skip) {
                let record = read.next().unwrap().unwrap();
                prop_assert_eq!(record.offset, 100 + index as u64);
                prop_assert_eq!(record.time.0, 1_000 + i64::from(*delta));
                prop_assert_eq!(&record.key[..], &key[..]);
                prop_assert_eq!(record.value.as_deref(), value.as_deref());
            }
            prop_assert_eq!(read.next(), Some(None));
        }

        #[test]
        fn a_body_that_contradicts_itself_never_panics(body in prop::collection::vec(any::<u8>(), 0..60), count in 1_u32..9) {
            let mut read = Records::new(0, count, Timestamp(0), body.into());
            while let Some(Some(_)) = read.next() {}
        }
    }
}
