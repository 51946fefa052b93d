//! Where cuts lie: `{topic}/{partition}/{offset:020}` in an object store.

use super::format::{self, CutFile};
use crate::blocking::BlockingStore;
use crate::error::StoreError;
use bytes::Bytes;
use hoga_topics::TopicPartition;
use object_store::path::Path;

/// What an object is, in messages.
const WHAT: &str = "the cut";

/// A store of cuts.
pub(crate) struct Stored(pub BlockingStore);

impl Stored {
    pub fn get(&self, at: TopicPartition, offset: u64) -> Result<Option<Bytes>, StoreError> {
        self.0.get(WHAT, &path(at, offset))
    }

    pub fn put(&self, file: &CutFile) -> Result<(), StoreError> {
        self.0.put(WHAT, &path(file.at, file.offset), format::encode(file).into())
    }

    /// Deletes what stands for starts before `start`.
    pub fn delete_before(&self, at: TopicPartition, start: u64) -> Result<(), StoreError> {
        for name in self.0.list(WHAT, &folder(at))? {
            match name.parse::<u64>() {
                Ok(offset) if offset < start => self.0.delete(WHAT, &path(at, offset))?,
                _ => {}
            }
        }
        Ok(())
    }
}

fn folder(at: TopicPartition) -> Path {
    Path::from(at.to_string())
}

fn path(at: TopicPartition, offset: u64) -> Path {
    Path::from(format!("{at}/{offset:020}"))
}
