//! Target `record`: the first byte says which kind of record, the rest is its Avro body.
//!
//! What decodes is written and read again: it is the same record, and the codec's own bytes for it are those that were
//! read, or fewer. A foreign encoder may pad a number or cut an array into blocks, hoga never does; as many bytes, and
//! others, come only of an array whose count takes two bytes where the counts of its two blocks take one each.

use hoga_core::Record;
use hoga_core::records::RecordKind;
use hoga_schemas::{Frame, decode, encode_content, json, schema_id};

/// The first count that takes two bytes.
const TWO_BYTE_COUNT: usize = 64;

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
    let read = frame.content;
    assert!(
        written == read || written.len() < read.len() || (written.len() == read.len() && may_hide_a_cut(&record, read)),
        "of {record:?}: read {read:02x?}, written {written:02x?}"
    );
    assert_eq!(decode(&Frame { content: &written, ..*frame }).as_ref(), Ok(&record), "read again");
    assert!(json::to_json(&record).is_object());
    Some(record)
}

/// Whether an array in it may be so long that it is as long cut in two; an item has at least a byte.
fn may_hide_a_cut(record: &Record, read: &[u8]) -> bool {
    let has_array = matches!(
        record,
        Record::JournalEntry(_)
            | Record::DepthUpdate(_)
            | Record::LogSettings(_)
            | Record::Mark(_)
            | Record::SignOfLife(_)
    );
    has_array && read.len() > TWO_BYTE_COUNT
}
