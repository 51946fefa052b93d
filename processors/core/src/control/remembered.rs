//! The ids of the operator's last accepted commands, so that sending one again is safe.
//!
//! Invariants:
//! 1. At most [`MAX_REMEMBERED`] ids, the newest; an id that was forgotten is new again.
//! 2. An id stands with the hash of its command's bytes: a repeat can be told from another command of the same id.

use crate::ids::ClientId;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use xxhash_rust::xxh3::xxh3_64;

/// How many accepted commands are remembered.
pub const MAX_REMEMBERED: usize = 4_096;

/// Whether an id is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// It is new.
    Never,
    /// With the same bytes.
    Same,
    /// With other bytes.
    Other,
}

/// The window of ids.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Remembered {
    /// Oldest first.
    order: VecDeque<(ClientId, u64)>,
    /// Look-up only; what is saved is `order`.
    #[serde(skip)]
    hashes: FxHashMap<ClientId, u64>,
}

impl Remembered {
    /// Whether that id was used, and for these bytes.
    pub(super) fn seen(&self, id: &ClientId, value: &[u8]) -> Seen {
        match self.hashes.get(id) {
            None => Seen::Never,
            Some(hash) if *hash == xxh3_64(value) => Seen::Same,
            Some(_) => Seen::Other,
        }
    }

    /// Takes up an id that was never seen, and forgets the oldest beyond the bound.
    pub(super) fn remember(&mut self, id: &ClientId, value: &[u8]) {
        let hash = xxh3_64(value);
        let before = self.hashes.insert(id.clone(), hash);
        assert!(before.is_none(), "command id {id} is remembered once");
        self.order.push_back((id.clone(), hash));
        if self.order.len() > MAX_REMEMBERED
            && let Some((oldest, _)) = self.order.pop_front()
        {
            self.hashes.remove(&oldest);
        }
    }

    /// Builds the look-up after loading.
    pub(super) fn index(&mut self) {
        self.hashes = self.order.iter().cloned().collect();
    }
}
