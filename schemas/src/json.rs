//! Records for people: JSON with the fields' names as in the schemas.
//!
//! Decimals are strings, times milliseconds, ids of orders and trades `partition-count`, enums their names, hashes
//! 16 hex digits, absent values null. Bytes are text where they are, otherwise `0x` and hex.
//!
//! Left out on purpose: the way back. What people write is read where it is judged, field by field.

use crate::field::Field;
use crate::frame::Origin;
use crate::records;
use hoga_core::Record;
use serde_json::Value;

/// A record's fields as a JSON object, in the order of its schema.
pub fn to_json(record: &Record) -> Value {
    records::json(record)
}

/// An origin as a JSON object: `machine`, `partition`, `epoch`, `cause`, `number`, `hash`.
pub fn origin_to_json(origin: &Origin) -> Value {
    origin.json()
}
