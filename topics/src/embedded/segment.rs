//! Files of frames: segments, which hold every partition's frames in the order of appending, and kept files, which
//! hold what outlived its segment. A header, then frames.
//!
//! Invariants:
//! 1. A header is durable before the first frame is written behind it.
//! 2. A segment's header names the offset at which every partition goes on, and the checksum at which the chain goes
//!    on: with its predecessor it shows that nothing is missing between them, without it where partitions stand.

use super::files::DataFile;
use super::frame::{HEADER, Header};
use crate::LogError;
use hoga_core::Timestamp;
use std::path::{Path, PathBuf};

/// A segment file's place in the sequence, from 1.
pub(super) fn segment_path(folder: &Path, number: u64) -> PathBuf {
    folder.join("segments").join(format!("{number:020}.log"))
}

/// What a file says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileHeader {
    /// The segment's number; 0 for kept files.
    pub number: u64,
    /// The log it belongs to.
    pub id: u64,
    /// What the first frame names as the previous checksum.
    pub seed: u32,
    /// The newest append time before this file.
    pub last_time: Timestamp,
    /// The next offset of each slot; empty in kept files.
    pub next: Vec<u64>,
}

const MAGIC: &[u8; 8] = b"hogalog1";
/// Magic, checksum, number, id, seed, last time, number of slots.
const FIXED: usize = 8 + 4 + 8 + 8 + 4 + 8 + 4;

impl FileHeader {
    /// Its length in a file of that many slots.
    pub fn len(slots: usize) -> usize {
        FIXED + 8 * slots
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(Self::len(self.next.len()));
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&self.number.to_le_bytes());
        out.extend_from_slice(&self.id.to_le_bytes());
        out.extend_from_slice(&self.seed.to_le_bytes());
        out.extend_from_slice(&self.last_time.0.to_le_bytes());
        out.extend_from_slice(&(self.next.len() as u32).to_le_bytes());
        for next in &self.next {
            out.extend_from_slice(&next.to_le_bytes());
        }
        let checksum = crc32c::crc32c(&out[12..]);
        out[8..12].copy_from_slice(&checksum.to_le_bytes());
        out
    }

    /// Reads the header of a file with that many slots and id; `None` when it is torn or damaged.
    pub fn read(file: &DataFile, id: u64, slots: usize) -> Result<Option<Self>, LogError> {
        let mut bytes = vec![0; Self::len(slots)];
        if file.len()? < bytes.len() as u64 {
            return Ok(None);
        }
        file.read_at(0, &mut bytes)?;
        let u32_at = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("4 bytes"));
        let u64_at = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes"));
        if bytes[..8] != *MAGIC || u32_at(8) != crc32c::crc32c(&bytes[12..]) || u32_at(40) as usize != slots {
            return Ok(None);
        }
        let header = Self {
            number: u64_at(12),
            id: u64_at(20),
            seed: u32_at(28),
            last_time: Timestamp(u64_at(32) as i64),
            next: (0..slots).map(|slot| u64_at(FIXED + 8 * slot)).collect(),
        };
        if header.id != id {
            return Err(file.corrupt(0, "this file belongs to another log; take it out of the folder"));
        }
        Ok(Some(header))
    }
}

/// A good frame: where it begins, its header and body.
pub(super) struct Scanned<'a> {
    pub position: u64,
    pub frame: Header,
    pub body: &'a [u8],
}

/// Reads a file's frames in order, checking each.
pub(super) struct Scanner<'a> {
    file: &'a DataFile,
    id: u64,
    /// Where the next frame begins.
    position: u64,
    len: u64,
    chain: u32,
    /// Bytes from `buffered` on.
    buffer: Vec<u8>,
    buffered: u64,
}

const CHUNK: u64 = 1 << 20;

impl<'a> Scanner<'a> {
    /// Of the frames behind a file's header.
    pub fn new(file: &'a DataFile, header: &FileHeader) -> Result<Self, LogError> {
        let position = FileHeader::len(header.next.len()) as u64;
        let (len, chain) = (file.len()?, header.seed);
        Ok(Self { file, id: header.id, position, len, chain, buffer: Vec::new(), buffered: position })
    }

    /// The next good frame; none where the file ends or the chain breaks.
    pub fn next(&mut self) -> Result<Option<Scanned<'_>>, LogError> {
        let position = self.position;
        if !self.fill(HEADER as u64)? {
            return Ok(None);
        }
        let header = Header::read(self.front());
        if header.previous != self.chain || !self.fill(header.len())? {
            return Ok(None);
        }
        let len = header.len() as usize;
        if !header.verify(self.id, &self.front()[..len]) {
            return Ok(None);
        }
        self.position += header.len();
        self.chain = header.checksum;
        let start = (position - self.buffered) as usize;
        Ok(Some(Scanned { position, frame: header, body: &self.buffer[start + HEADER..start + len] }))
    }

    /// Where the last good frame ends.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The last good frame's checksum.
    pub fn chain(&self) -> u32 {
        self.chain
    }

    /// How many bytes stand behind the last good frame. In a file of `roomy` bytes zeros at its end are room that was
    /// made ahead and count for nothing.
    pub fn rest(&self, roomy: u64) -> Result<u64, LogError> {
        if self.len != roomy {
            return Ok(self.len - self.position);
        }
        let (mut end, mut bytes) = (self.len, Vec::new());
        while end > self.position {
            let start = end.saturating_sub(CHUNK).max(self.position);
            bytes.resize((end - start) as usize, 0);
            self.file.read_at(start, &mut bytes)?;
            if let Some(last) = bytes.iter().rposition(|byte| *byte != 0) {
                return Ok(start + last as u64 + 1 - self.position);
            }
            end = start;
        }
        Ok(0)
    }

    /// Whether some frame in the `rest` behind the break proves that the break was durable once: then it is damage, no
    /// torn write.
    pub fn finds_durable_behind(&mut self, rest: u64) -> Result<Option<u64>, LogError> {
        let (broken, end) = (self.position, self.position + rest);
        while self.position < end {
            self.position += 1;
            if !self.fill(HEADER as u64)? {
                break;
            }
            let header = Header::read(self.front());
            let proves = header.synced > broken && header.synced <= self.position;
            if proves && self.fill(header.len())? && header.verify(self.id, &self.front()[..header.len() as usize]) {
                return Ok(Some(self.position));
            }
        }
        Ok(None)
    }

    fn front(&self) -> &[u8] {
        &self.buffer[(self.position - self.buffered) as usize..]
    }

    /// Makes `need` bytes from the position on available; false when the file has not as many.
    fn fill(&mut self, need: u64) -> Result<bool, LogError> {
        if self.len - self.position < need {
            return Ok(false);
        }
        if self.buffered + self.buffer.len() as u64 >= self.position + need {
            return Ok(true);
        }
        self.buffer.drain(..(self.position - self.buffered) as usize);
        self.buffered = self.position;
        let have = self.buffer.len();
        let want = need.max(CHUNK).min(self.len - self.position) as usize;
        self.buffer.resize(want, 0);
        self.file.read_at(self.position + have as u64, &mut self.buffer[have..])?;
        Ok(true)
    }
}
