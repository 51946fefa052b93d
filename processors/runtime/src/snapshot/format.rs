//! One snapshot's bytes: magic, layout version, lengths, header, the machine's state, and a checksum of all of it.
//!
//! Invariants:
//! 1. Any cut and any flipped bit is noticed; nothing is allocated on the word of a length.
//! 2. Equal snapshots have equal bytes.

use super::witness::Witness;
use crate::engine::EngineState;
use hoga_core::{MachineKind, Topic};
use hoga_topics::ReaderPosition;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

const MAGIC: &[u8; 8] = b"hogasnap";
/// The layout that this release writes and reads.
const LAYOUT: u32 = 1;
/// Magic, layout, header length, state length.
const PREFIX: usize = 8 + 4 + 4 + 8;
const CHECKSUM: usize = 8;

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
    let mut out = Vec::with_capacity(PREFIX + header.len() + state.len() + CHECKSUM);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&LAYOUT.to_le_bytes());
    out.extend_from_slice(&header_len.to_le_bytes());
    out.extend_from_slice(&(state.len() as u64).to_le_bytes());
    out.extend_from_slice(&header);
    out.extend_from_slice(state);
    let checksum = xxh3_64(&out);
    out.extend_from_slice(&checksum.to_le_bytes());
    out
}

/// The snapshot in these bytes, or what is wrong with them.
pub(crate) fn decode(bytes: &[u8]) -> Result<Snapshot, String> {
    let (body, checksum) = bytes
        .split_last_chunk::<CHECKSUM>()
        .filter(|(body, _)| body.len() >= PREFIX)
        .ok_or_else(|| format!("{} bytes are no snapshot: torn", bytes.len()))?;
    if !body.starts_with(MAGIC) {
        return Err("it does not begin as a snapshot does".into());
    }
    let layout = u32::from_le_bytes(body[8..12].try_into().expect("four bytes"));
    if layout != LAYOUT {
        return Err(format!("it has layout {layout}, this release reads {LAYOUT}"));
    }
    let found = xxh3_64(body);
    let expected = u64::from_le_bytes(*checksum);
    if found != expected {
        return Err(format!("its checksum is {found:016x}, it says {expected:016x}: torn or damaged"));
    }
    let header_len = u32::from_le_bytes(body[12..16].try_into().expect("four bytes")) as usize;
    let rest = &body[PREFIX..];
    let (header, state) = rest.split_at_checked(header_len).ok_or("its header is longer than it is")?;
    if state.len() as u64 != u64::from_le_bytes(body[16..PREFIX].try_into().expect("eight bytes")) {
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
        let bytes = bytes();
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
