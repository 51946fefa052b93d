//! Target `record`: the first byte says which kind of record, the rest is its Avro body.
//!
//! What decodes is written and read again: it is the same record, and the codec's own bytes for it are no more than
//! those that were read (a foreign encoder may pad a decimal or cut an array into blocks; hoga never does).

use hoga_core::Record;
use hoga_core::records::RecordKind;
use hoga_schemas::{Frame, decode, encode_content, schema_id};

/// Decodes the bytes as the record of their first byte.
pub fn run(data: &[u8]) {
    let Some((first, content)) = data.split_first() else { return };
    let kind = RecordKind::ALL[usize::from(*first) % RecordKind::ALL.len()];
    comes_back(&Frame { kind, schema_id: schema_id(kind), origin: None, content });
}

/// Decodes a frame's content; what decodes must come back as it was.
pub(crate) fn comes_back(frame: &Frame<'_>) -> Option<Record> {
    let record = match decode(frame) {
        Ok(record) => record,
        Err(error) => {
            assert!(error.to_string().len() < 1_000, "a message is for people: {error}");
            return None;
        }
    };
    let mut written = Vec::new();
    encode_content(&record, &mut written);
    assert!(
        written.len() <= frame.content.len(),
        "of {record:?}: read {:02x?}, written {written:02x?}",
        frame.content
    );
    assert_eq!(decode(&Frame { content: &written, ..*frame }).as_ref(), Ok(&record), "read again");
    assert!(hoga_schemas::json::to_json(&record).is_object());
    Some(record)
}
