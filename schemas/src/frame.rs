//! The frame around a record's fields: the Confluent framing and `origin`.
//!
//! Reads and writes: `0x00`, schema id (4 bytes, big endian), `origin` (null, or [`Origin`]'s six fields), content.
//!
//! Invariants:
//! 1. [`open`] neither decodes the content nor allocates.
//! 2. The content's bytes do not depend on the origin, so that a channel's hash can be taken over them.

use crate::error::DecodeError;
use crate::field::Field;
use crate::schema;
use crate::wire::{Faulty, Reader, SLACK, Writer};
use hoga_core::MachineKind;
use hoga_core::records::RecordKind;

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

const MAGIC: u8 = 0;

/// Takes a value apart: framing, schema id, origin. Cheap: nothing is decoded or allocated.
#[inline]
pub fn open(value: &[u8]) -> Result<Frame<'_>, DecodeError> {
    match value {
        [MAGIC, a, b, c, d, body @ ..] => open_body(u32::from_be_bytes([*a, *b, *c, *d]), body),
        [] => Err(DecodeError::Empty),
        [MAGIC, ..] => Err(DecodeError::Framing { len: value.len() }),
        [found, ..] => Err(DecodeError::Magic { found: *found }),
    }
}

#[inline]
fn open_body(schema_id: u32, body: &[u8]) -> Result<Frame<'_>, DecodeError> {
    let kind = schema::kind_of(schema_id).ok_or(DecodeError::UnknownSchema { id: schema_id, last: schema::LAST_ID })?;
    let mut input = Reader::new(body);
    match Option::<Origin>::read(&mut input) {
        Ok(origin) => Ok(Frame { kind, schema_id, origin, content: input.rest() }),
        Err(Faulty) => open_again(kind, schema_id, body),
    }
}

#[cold]
#[inline(never)]
fn open_again(kind: RecordKind, schema_id: u32, body: &[u8]) -> Result<Frame<'_>, DecodeError> {
    let mut input = Reader::again(body);
    let origin = Option::<Origin>::read(&mut input).map_err(|Faulty| input.error(kind))?;
    Ok(Frame { kind, schema_id, origin, content: input.rest() })
}

/// Appends a whole value to `out`: framing, `origin`, content.
#[inline]
pub fn seal(kind: RecordKind, origin: Option<&Origin>, content: &[u8], out: &mut Vec<u8>) {
    let [a, b, c, d] = schema::schema_id(kind).to_be_bytes();
    out.extend_from_slice(&[MAGIC, a, b, c, d, 2 * u8::from(origin.is_some())]);
    if let Some(origin) = origin {
        seal_origin(origin, out);
    }
    out.extend_from_slice(content);
}

fn seal_origin(origin: &Origin, out: &mut Vec<u8>) {
    let mut room = [0; Origin::MOST + SLACK];
    let mut writer = Writer::new(&mut room);
    origin.write(&mut writer);
    out.extend_from_slice(writer.written());
}
