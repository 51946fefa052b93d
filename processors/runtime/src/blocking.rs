//! An object store, called from threads that are not async. What is put is whole or not there; each error says what was
//! being done to which object.

use crate::error::StoreError;
use bytes::Bytes;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use std::sync::{Arc, Mutex};

/// A store and what drives it.
pub(crate) struct BlockingStore {
    store: Arc<dyn ObjectStore>,
    io: Mutex<tokio::runtime::Runtime>,
}

impl BlockingStore {
    /// Drives a store on whichever thread asks, one at a time.
    pub fn new(store: Arc<dyn ObjectStore>) -> std::io::Result<Self> {
        Ok(Self { store, io: Mutex::new(tokio::runtime::Builder::new_current_thread().build()?) })
    }

    /// The same store, driven by itself.
    pub fn another(&self) -> std::io::Result<Self> {
        Self::new(self.store.clone())
    }

    /// Puts an object in the place of the one that may be there. `what` is it, for people.
    pub fn put(&self, what: &str, path: &Path, bytes: Bytes) -> Result<(), StoreError> {
        self.wait("writing", what, path, self.store.put(path, PutPayload::from(bytes))).map(|_| ())
    }

    /// An object's bytes; `None`: there is no such object.
    pub fn get(&self, what: &str, path: &Path) -> Result<Option<Bytes>, StoreError> {
        let read = async {
            match self.store.get(path).await {
                Ok(found) => found.bytes().await.map(Some),
                Err(object_store::Error::NotFound { .. }) => Ok(None),
                Err(error) => Err(error),
            }
        };
        self.wait("reading", what, path, read)
    }

    /// Deletes an object; one that is not there is deleted.
    pub fn delete(&self, what: &str, path: &Path) -> Result<(), StoreError> {
        let delete = async {
            match self.store.delete(path).await {
                Err(object_store::Error::NotFound { .. }) => Ok(()),
                other => other,
            }
        };
        self.wait("deleting", what, path, delete)
    }

    /// The names of the objects in a folder, in no order.
    pub fn list(&self, what: &str, folder: &Path) -> Result<Vec<String>, StoreError> {
        let listed = self.wait("listing", what, folder, self.store.list_with_delimiter(Some(folder)))?;
        Ok(listed.objects.iter().filter_map(|object| Some(object.location.filename()?.to_owned())).collect())
    }

    fn wait<T>(
        &self,
        doing: &str,
        what: &str,
        path: &Path,
        work: impl Future<Output = object_store::Result<T>>,
    ) -> Result<T, StoreError> {
        let io = self.io.lock().expect("no holder of this lock panics");
        io.block_on(work).map_err(|source| StoreError { what: format!("{doing} {what} {path}"), source })
    }
}
