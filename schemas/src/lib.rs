//! hoga-schemas: the records of hoga-core as Avro with the Confluent framing, typed and fast.
//!
//! A value is `0x00`, the schema id (4 bytes, big endian), then the Avro body. Every schema's first field is
//! `origin` (null, or who wrote it), so that origin and content can be told apart without knowing the record.
//!
//! Invariants:
//! 1. `decode(open(encode(r)))` is `r`, and an Avro library that is not ours reads the same bytes as the same values.
//! 2. Bytes that are no record give a [`DecodeError`]; nothing panics and nothing is allocated on the word of a length.
//! 3. One record has one encoding: decimals are as short as they can be, blocks of arrays are written as one.
//! 4. What was ever written decodes for ever: schemas change only so that old and new readers agree (full, transitive).

use hoga_core::{MachineKind, Record, records::RecordKind};

/// Who wrote a record: the channel (machine and its input partition; the output partition is where it stands),
/// the owner's epoch, the input offset that caused it, its number in the channel, and the channel's running hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// The machine that wrote it.
    pub machine: MachineKind,
    /// That machine's input partition.
    pub partition: u32,
    /// The owner's epoch: its claim's offset in `owners`.
    pub epoch: u64,
    /// The input offset that caused it.
    pub cause: u64,
    /// Counts 1, 2, 3 in the channel.
    pub number: u64,
    /// The running hash of the channel's content up to and with this record.
    pub hash: u64,
}

/// A record's bytes, taken apart but not decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Which record it is.
    pub kind: RecordKind,
    /// The schema id that it was written with.
    pub schema_id: u32,
    /// Who wrote it; none for producers, gateway, operator, feeds, owners and clocks.
    pub origin: Option<Origin>,
    /// The Avro body after `origin`.
    pub content: &'a [u8],
}

/// Why bytes are not a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Placeholder of the contract.
    #[error("not a record")]
    Malformed,
}

/// Takes a value apart: framing, schema id, origin. Cheap: nothing is decoded or allocated.
pub fn open(value: &[u8]) -> Result<Frame<'_>, DecodeError> {
    let _ = value;
    Err(DecodeError::Malformed)
}

/// Decodes a frame's content; all of it must be used.
pub fn decode(frame: &Frame<'_>) -> Result<Record, DecodeError> {
    let _ = frame;
    Err(DecodeError::Malformed)
}

/// Appends the Avro body of a record, without `origin`, to `out`; [`seal`] puts the rest around it.
pub fn encode_content(record: &Record, out: &mut Vec<u8>) {
    let _ = (record, out);
}

/// The current schema id of a record.
pub fn schema_id(kind: RecordKind) -> u32 {
    kind.index() as u32 + 1
}

/// Appends a whole value to `out`: framing, `origin`, content.
pub fn seal(kind: RecordKind, origin: Option<&Origin>, content: &[u8], out: &mut Vec<u8>) {
    let _ = (kind, origin, content, out);
}

/// A whole value without origin: what unsequenced writers send.
pub fn encode(record: &Record) -> Vec<u8> {
    let (mut content, mut out) = (Vec::new(), Vec::new());
    encode_content(record, &mut content);
    seal(record.kind(), None, &content, &mut out);
    out
}
