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
//!
//! A field is declared in two places, which a test holds together: `records.rs` and `avro/<record>.avsc`.
//!
//! Left out on purpose: generic Avro (schema resolution, containers), and judging names and amounts: a decoded record
//! is well formed, whether it makes sense is admission's and the machines' to say.

mod error;
mod field;
mod frame;
pub mod json;
mod records;
pub mod schema;
mod wire;

#[cfg(test)]
mod tests;

pub use error::{DecodeError, Fault};
pub use frame::{Frame, Origin, open, seal};
pub use schema::schema_id;
pub use wire::{MAX_BLOB_BYTES, MAX_DETAIL_BYTES, MAX_TEXT_BYTES};

use hoga_core::Record;

/// Decodes a frame's content; all of it must be used.
pub fn decode(frame: &Frame<'_>) -> Result<Record, DecodeError> {
    records::read(frame.kind, frame.content)
}

/// Appends the Avro body of a record, without `origin`, to `out`; [`seal`] puts the rest around it.
///
/// Panics when a field breaks a bound of the wire ([`MAX_TEXT_BYTES`], [`MAX_DETAIL_BYTES`], [`MAX_BLOB_BYTES`], 38
/// digits, a `u32` above `i32::MAX`, a `u64` above `i64::MAX`): written, it would stop every reader for ever.
pub fn encode_content(record: &Record, out: &mut Vec<u8>) {
    records::write(record, out);
}

/// A whole value without origin: what unsequenced writers send. Panics as [`encode_content`] does.
pub fn encode(record: &Record) -> Vec<u8> {
    let mut content = Vec::new();
    encode_content(record, &mut content);
    let mut out = Vec::with_capacity(content.len() + 8);
    seal(record.kind(), None, &content, &mut out);
    out
}
