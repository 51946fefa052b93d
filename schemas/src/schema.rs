//! The schemas: their texts, ids and subjects.
//!
//! Invariants:
//! 1. An id means one text for ever. Ids of version 1 are the kind's index plus one; later versions get later ids.
//! 2. Each text stands alone: the types that it names are defined in it.
//!
//! Left out on purpose: a registry. Its ids, where one is configured, are mapped to these at the edge.

use hoga_core::Topic;
use hoga_core::records::RecordKind;

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
