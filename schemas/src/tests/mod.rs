//! The codec against what it must hold.

mod compatibility;
mod golden;
mod hostile;
mod oracle;
mod sample;

use crate::{Origin, encode_content, seal};
use hoga_core::Record;

/// A whole value.
fn sealed(record: &Record, origin: Option<&Origin>) -> Vec<u8> {
    let (mut content, mut value) = (Vec::new(), Vec::new());
    encode_content(record, &mut content);
    seal(record.kind(), origin, &content, &mut value);
    value
}
