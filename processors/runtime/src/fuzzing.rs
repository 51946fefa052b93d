//! Doors for fuzz targets to what is private (feature `fuzzing`); no program is built with it.

use crate::cuts::format as cut_format;
use crate::snapshot::format;
use hoga_core::MachineKind;

/// What a snapshot's bytes say.
#[derive(Debug)]
pub struct DecodedSnapshot {
    /// The machine that it is of.
    pub machine: MachineKind,
    /// That machine's partition.
    pub partition: u32,
    /// The machine's state.
    pub state: Vec<u8>,
    /// The snapshot's bytes as this release writes them.
    pub written: Vec<u8>,
}

/// Decodes a snapshot.
///
/// # Errors
/// What is wrong with the bytes.
pub fn snapshot(bytes: &[u8]) -> Result<DecodedSnapshot, String> {
    let snapshot = format::decode(bytes)?;
    let written = format::encode(&snapshot);
    let format::Snapshot { header, state } = snapshot;
    Ok(DecodedSnapshot { machine: header.machine, partition: header.partition, state, written })
}

/// Decodes what is stored of a cut; its bytes as this release writes them.
///
/// # Errors
/// What is wrong with the bytes.
pub fn cut(bytes: &[u8]) -> Result<Vec<u8>, String> {
    cut_format::decode(bytes).map(|file| cut_format::encode(&file))
}
