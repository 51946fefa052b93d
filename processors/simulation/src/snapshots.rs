//! Damage to the snapshots of a run.

use hoga_core::MachineKind;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use std::sync::Arc;

/// Cuts a machine's snapshot to so many percent of it, or makes the rest zeros; 0 deletes it. The newest is 0; nothing
/// happens if there are not so many.
pub(crate) fn tear(
    store: &Arc<InMemory>,
    (machine, partition): (MachineKind, u32),
    newest: usize,
    percent: usize,
    zeros: bool,
) {
    now(async {
        let folder = Path::from(format!("{machine}/{partition}"));
        let mut paths: Vec<Path> = store
            .list_with_delimiter(Some(&folder))
            .await
            .expect("memory")
            .objects
            .into_iter()
            .map(|o| o.location)
            .collect();
        paths.sort();
        let Some(path) = paths.iter().rev().nth(newest) else { return };
        if percent == 0 {
            return store.delete(path).await.expect("it was listed");
        }
        let bytes = store.get(path).await.expect("it was listed").bytes().await.expect("memory");
        let mut kept = bytes[..bytes.len() * percent.min(100) / 100].to_vec();
        if zeros {
            kept.resize(bytes.len(), 0);
        }
        store.put(path, kept.into()).await.expect("memory");
    });
}

/// A store in memory never waits.
fn now<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime without threads");
    runtime.block_on(work)
}
