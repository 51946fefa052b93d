//! Target `value`: a record's value as it stands in a topic, framing and origin too.
//!
//! What opens is sealed again with the same origin and content, and opens as the same. Every reader's table of
//! channels judges it, in every topic, without a panic: whatever is written into a trusted topic is accepted or named.

use crate::record::comes_back;
use hoga_core::Topic;
use hoga_schemas::{Frame, json, open, seal};
use hoga_topics::channel::running_hash;
use hoga_topics::{ChannelTable, catalogue};

/// Opens the bytes as a value.
pub fn run(data: &[u8]) {
    let frame = match open(data) {
        Ok(frame) => frame,
        Err(error) => return assert!(error.to_string().len() < 1_000, "a message is for people: {error}"),
    };
    opens_again(&frame);
    let record = comes_back(&frame);
    for topic in Topic::ALL {
        let key = record.as_ref().map(|record| catalogue::key_of(*topic, record)).unwrap_or_default();
        judged(*topic, key.as_bytes(), &frame);
    }
}

fn opens_again(frame: &Frame<'_>) {
    let mut sealed = Vec::new();
    seal(frame.kind, frame.origin.as_ref(), frame.content, &mut sealed);
    assert_eq!(open(&sealed).as_ref(), Ok(frame), "sealed and opened again");
    if let Some(origin) = &frame.origin {
        assert!(json::origin_to_json(origin).is_object());
        running_hash(origin.hash, frame.schema_id, origin.cause, b"key", frame.content);
    }
}

/// The same value twice: a claim raises an epoch once, and of a number only one record is accepted.
fn judged(topic: Topic, key: &[u8], frame: &Frame<'_>) {
    let mut table = ChannelTable::default();
    for offset in 0..2 {
        table.accept(topic, offset, key, frame);
    }
    assert!(table.channels().count() <= 1, "one record is of one channel");
}
