//! One snapshot's bytes: a sealed file with two lengths, the header and the machine's state.
//!
//! Invariants:
//! 1. Any cut and any flipped bit is noticed; nothing is allocated on the word of a length.
//! 2. Equal snapshots have equal bytes.

use super::witness::Witness;
use crate::engine::EngineState;
use crate::sealed;
use hoga_core::{MachineKind, Topic};
use hoga_topics::ReaderPosition;
use serde::{Deserialize, Serialize};

const KIND: sealed::Kind = sealed::Kind { name: "snapshot", magic: b"hogasnap", layout: 1 };

/// What a snapshot says besides the machine's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Header {
    pub machine: MachineKind,
    pub partition: u32,
    /// The epoch of the owner that took it.
    pub epoch: u64,
    /// What the machine was made with: rules and settings.
    pub fingerprint: u64,
    /// The partition counts of its outputs.
    pub partitions: Vec<(Topic, u32)>,
    /// The next input offset, and the input's channels there.
    pub input: ReaderPosition,
    /// The input's last records before that; whoever writes the snapshot looks at them.
    pub witness: Witness,
    pub engine: EngineState,
}

/// A snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Snapshot {
    pub header: Header,
    /// What [`hoga_core::Machine::save`] gave.
    pub state: Vec<u8>,
}

/// A snapshot's bytes.
pub(crate) fn encode(Snapshot { header, state }: &Snapshot) -> Vec<u8> {
    let header = postcard::to_allocvec(header).expect("a header is plain data");
    let header_len = u32::try_from(header.len()).expect("a header has a few entries for each partition");
    KIND.seal(|mut out| {
        out.extend_from_slice(&header_len.to_le_bytes());
        out.extend_from_slice(&(state.len() as u64).to_le_bytes());
        out.extend_from_slice(&header);
        out.extend_from_slice(state);
        out
    })
}

/// The snapshot in these bytes, or what is wrong with them.
pub(crate) fn decode(bytes: &[u8]) -> Result<Snapshot, String> {
    let short = "it ends before its header does";
    let (header_len, rest) = KIND.open(bytes)?.split_first_chunk().ok_or(short)?;
    let (state_len, rest) = rest.split_first_chunk().ok_or(short)?;
    let (header, state) = rest.split_at_checked(u32::from_le_bytes(*header_len) as usize).ok_or(short)?;
    if state.len() as u64 != u64::from_le_bytes(*state_len) {
        return Err(format!("its state has {} bytes, it says otherwise", state.len()));
    }
    let header = postcard::from_bytes(header).map_err(|error| format!("its header does not decode: {error}"))?;
    Ok(Snapshot { header, state: state.to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes() -> Vec<u8> {
        let header = Header {
            machine: MachineKind::Holds,
            partition: 3,
            epoch: 9,
            fingerprint: 77,
            partitions: vec![(Topic::Books, 4)],
            input: ReaderPosition { offset: 1_234, ..ReaderPosition::default() },
            witness: Witness::default(),
            engine: EngineState::default(),
        };
        encode(&Snapshot { header, state: b"the state of a machine".to_vec() })
    }

    #[test]
    fn what_was_encoded_decodes() {
        let snapshot = decode(&bytes()).unwrap();
        assert_eq!((snapshot.header.input.offset, snapshot.state.as_slice()), (1_234, &b"the state of a machine"[..]));
        assert_eq!(encode(&snapshot), bytes());
    }

    #[test]
    fn every_cut_and_every_flipped_bit_is_noticed() {
        sealed::check_damage(&bytes(), decode);
    }
}
