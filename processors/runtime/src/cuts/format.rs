//! One cut's bytes: a sealed file with the content alone.
//!
//! Invariants:
//! 1. Any cut and any flipped bit is noticed; nothing is allocated on the word of a length.
//! 2. Equal knowledge has equal bytes.

use crate::sealed;
use hoga_topics::owners::Owners;
use hoga_topics::{ChannelTable, TopicPartition};
use serde::{Deserialize, Serialize};

const KIND: sealed::Kind = sealed::Kind { name: "cut", magic: b"hogacuts", layout: 1 };

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
    KIND.seal(|out| postcard::to_extend(file, out).expect("what is known is plain data"))
}

/// The cut in these bytes, or what is wrong with them.
pub(crate) fn decode(bytes: &[u8]) -> Result<CutFile, String> {
    postcard::from_bytes(KIND.open(bytes)?).map_err(|error| format!("it does not decode: {error}"))
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
        for file in files() {
            sealed::check_damage(&encode(&file), decode);
        }
    }
}
