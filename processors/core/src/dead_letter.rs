//! How admission and control write a dead letter: what could not be read or was refused before holds.
//!
//! Invariants:
//! 1. A dead letter names where its record stands, says what is wrong and what to do, and is bounded in each field,
//!    whatever a producer wrote.
//!
//! Left out on purpose: business refusals of orders; those are events of holds, which a client is waiting for.

use crate::machine::{Input, MachineKind};
use crate::records::DeadLetter;

/// Bytes of the key that a dead letter keeps.
pub const MAX_KEY: usize = 256;
/// Bytes of the value that a dead letter keeps.
pub const MAX_VALUE: usize = 4_096;
/// Bytes of the reason that a dead letter keeps.
pub const MAX_REASON: usize = 1_024;

/// The dead letter of an input record of `machine` in `partition`.
pub(crate) fn dead_letter(machine: MachineKind, partition: u32, input: &Input<'_>, mut reason: String) -> DeadLetter {
    reason.truncate(reason.floor_char_boundary(MAX_REASON));
    DeadLetter {
        topic: machine.input().name().into(),
        partition,
        offset: input.offset,
        reason,
        key: cut(input.key, MAX_KEY),
        value: cut(input.value, MAX_VALUE),
    }
}

fn cut(bytes: &[u8], most: usize) -> Vec<u8> {
    bytes[..bytes.len().min(most)].to_vec()
}
