//! The schemas: their texts, ids and subjects.
//!
//! Invariants:
//! 1. An id means one text for ever. Ids of version 1 are the kind's index plus one; later versions get later ids.
//! 2. Each text stands alone: the types that it names are defined in it.
//!
//! Left out on purpose: subjects by topic; the catalogue in hoga-topics knows what stands where.

use hoga_core::Topic;
use hoga_core::records::RecordKind;
use serde_json::Value;

/// The greatest schema id that this release knows.
pub const LAST_ID: u32 = RecordKind::ALL.len() as u32;

/// The current schema id of a record.
#[inline]
pub fn schema_id(kind: RecordKind) -> u32 {
    kind.index() as u32 + 1
}

/// The record of a schema id; none if the id is unknown.
#[inline]
pub fn kind_of(schema_id: u32) -> Option<RecordKind> {
    RecordKind::from_index(schema_id.checked_sub(1)? as usize)
}

/// The schema's full name, for example `hoga.PlaceOrder`.
pub fn full_name(kind: RecordKind) -> String {
    format!("hoga.{kind}")
}

/// The versions of a record's schema, oldest first: each with its number, from 1 on, and its id.
pub fn versions(kind: RecordKind) -> impl Iterator<Item = (u32, u32)> {
    std::iter::once((1, schema_id(kind)))
}

/// A schema's text on one line, as registries send it; none if the id is unknown.
pub fn line(schema_id: u32) -> Option<String> {
    kind_of(schema_id).map(|kind| parsed(kind).to_string())
}

/// Whether a text is that schema, however it is spaced.
pub fn is(schema_id: u32, text: &str) -> bool {
    let given = serde_json::from_str::<Value>(text);
    kind_of(schema_id).zip(given.ok()).is_some_and(|(kind, given)| parsed(kind) == given)
}

fn parsed(kind: RecordKind) -> Value {
    serde_json::from_str(text(kind)).expect("the schemas are JSON: every test of this crate reads them")
}

/// The subject under which a registry keeps the schema (TopicRecordNameStrategy), for example `orders-hoga.PlaceOrder`.
pub fn subject(topic: Topic, kind: RecordKind) -> String {
    format!("{topic}-{}", full_name(kind))
}

macro_rules! texts {
    (
        records { $($record:ident $fields:tt)+ }
        parts $parts:tt
    ) => {
        /// The text of a record's current schema: Avro, JSON.
        pub fn text(kind: RecordKind) -> &'static str {
            match kind {
                $(RecordKind::$record => include_str!(concat!("../avro/", stringify!($record), ".avsc"))),+
            }
        }
    };
}
crate::records::for_every_record!(texts);
