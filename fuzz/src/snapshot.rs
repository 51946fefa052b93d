//! Target `snapshot`: files of the folders `snapshots` and `cuts`, the first byte says which.
//!
//! The rest is tried as it is, and with its last eight bytes made the checksum of the others: without that hardly an
//! input would come past it. What decodes is written and decoded again as the same; a snapshot's state is loaded.

use crate::state;
use hoga_runtime::fuzzing;
use xxhash_rust::xxh3::xxh3_64;

/// Bytes of the checksum at the end.
const CHECKSUM: usize = 8;

/// Decodes the bytes as a snapshot or a cut.
pub fn run(data: &[u8]) {
    let Some((first, bytes)) = data.split_first() else { return };
    let decode = if first % 2 == 0 { snapshot } else { cut };
    decode(bytes);
    if let Some(body) = bytes.len().checked_sub(CHECKSUM).map(|end| &bytes[..end]) {
        decode(&[body, &xxh3_64(body).to_le_bytes()].concat());
    }
}

fn snapshot(bytes: &[u8]) {
    let Ok(found) = fuzzing::snapshot(bytes) else { return };
    let again = fuzzing::snapshot(&found.written).expect("what was encoded decodes");
    assert!(again.written == found.written, "equal snapshots have equal bytes");
    assert!(again.state == found.state);
    if found.partition == state::PARTITION {
        state::loads(found.machine, &found.state);
    }
}

fn cut(bytes: &[u8]) {
    let Ok(written) = fuzzing::cut(bytes) else { return };
    assert!(fuzzing::cut(&written).as_ref() == Ok(&written), "equal knowledge has equal bytes");
}
