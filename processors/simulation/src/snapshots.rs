//! Damage to the snapshots of a run.

use crate::script::Damage;
use hoga_core::MachineKind;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use std::sync::Arc;

/// Damages a machine's snapshot after so many percent of it; 0 deletes it. The newest is 0; nothing happens if there are
/// not so many.
pub(crate) fn tear(
    store: &Arc<InMemory>,
    (machine, partition): (MachineKind, u32),
    newest: usize,
    percent: usize,
    damage: Damage,
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
        let (mut damaged, at) = (bytes.to_vec(), bytes.len() * percent.min(99) / 100);
        match damage {
            Damage::Cut => damaged.truncate(at),
            Damage::Zeros => damaged[at..].fill(0),
            Damage::Flip => damaged[at] ^= 1,
        }
        store.put(path, damaged.into()).await.expect("memory");
    });
}

/// A store in memory never waits.
fn now<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime without threads");
    runtime.block_on(work)
}
