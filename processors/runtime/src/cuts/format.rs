//! One cut's bytes: magic, layout version, the content, and a checksum of all of it.
//!
//! Invariants:
//! 1. Any cut and any flipped bit is noticed; nothing is allocated on the word of a length.
//! 2. Equal knowledge has equal bytes.

use hoga_topics::owners::Owners;
use hoga_topics::{ChannelTable, TopicPartition};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

const MAGIC: &[u8; 8] = b"hogacuts";
/// The layout that this release writes and reads.
const LAYOUT: u32 = 1;
/// Magic and layout.
const PREFIX: usize = 8 + 4;
const CHECKSUM: usize = 8;

/// What was known where a partition was cut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CutFile {
    pub at: TopicPartition,
    /// The first offset that stayed.
    pub offset: u64,
    /// A hash of the record there; absent if there was none.
    pub first: Option<u64>,
    pub known: Known,
}

/// What a reader from offset 0 knows at an offset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Known {
    /// Of a partition that machines write.
    Channels(ChannelTable),
    /// Of `owners`.
    Owners(Owners),
}

/// A cut's bytes.
pub(crate) fn encode(file: &CutFile) -> Vec<u8> {
    let mut out = Vec::with_capacity(1_024);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&LAYOUT.to_le_bytes());
    let mut out = postcard::to_extend(file, out).expect("what is known is plain data");
    let checksum = xxh3_64(&out);
    out.extend_from_slice(&checksum.to_le_bytes());
    out
}

/// The cut in these bytes, or what is wrong with them.
pub(crate) fn decode(bytes: &[u8]) -> Result<CutFile, String> {
    let (body, checksum) = bytes
        .split_last_chunk::<CHECKSUM>()
        .filter(|(body, _)| body.len() >= PREFIX)
        .ok_or_else(|| format!("{} bytes are no cut: torn", bytes.len()))?;
    if !body.starts_with(MAGIC) {
        return Err("it does not begin as a cut does".into());
    }
    let layout = u32::from_le_bytes(body[8..PREFIX].try_into().expect("four bytes"));
    if layout != LAYOUT {
        return Err(format!("it has layout {layout}, this release reads {LAYOUT}"));
    }
    let (found, expected) = (xxh3_64(body), u64::from_le_bytes(*checksum));
    if found != expected {
        return Err(format!("its checksum is {found:016x}, it says {expected:016x}: torn or damaged"));
    }
    postcard::from_bytes(&body[PREFIX..]).map_err(|error| format!("it does not decode: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hoga_core::records::Claim;
    use hoga_core::{MachineKind, Record, Timestamp, Topic};
    use hoga_topics::ChannelKey;
    use hoga_topics::channel::Channel;

    fn files() -> [CutFile; 2] {
        let machine = MachineKind::Matching;
        let mut channels = ChannelTable::default();
        let channel = Channel { epoch: Some(7), number: 300, hash: u64::MAX, offset: Some(9), parked_at: None };
        channels.seed(ChannelKey { machine, partition: 2 }, channel);
        let mut owners = Owners::default();
        let claim = Claim { machine, partition: 2, replaces: None, epoch: None, process: "a".into() };
        assert!(owners.apply(3, Timestamp(5), &Record::Claim(claim)));
        let file = |topic, known| CutFile { at: TopicPartition::new(topic, 0), offset: 1_000, first: Some(5), known };
        [file(Topic::Depth, Known::Channels(channels)), file(Topic::Owners, Known::Owners(owners))]
    }

    #[test]
    fn what_was_encoded_decodes() {
        for file in files() {
            assert_eq!(decode(&encode(&file)).unwrap(), file);
        }
    }

    #[test]
    fn every_cut_and_every_flipped_bit_is_noticed() {
        for bytes in files().map(|file| encode(&file)) {
            for length in 0..bytes.len() {
                assert!(decode(&bytes[..length]).is_err(), "cut to {length}");
            }
            for bit in 0..bytes.len() * 8 {
                let mut bad = bytes.clone();
                bad[bit / 8] ^= 1 << (bit % 8);
                assert!(decode(&bad).is_err(), "bit {bit}");
            }
        }
    }
}
