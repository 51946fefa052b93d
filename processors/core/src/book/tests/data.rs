//! Recorded data for tests: the folder named by `HOGA_TEST_DATA`, or `../shared/data` beside the workspace.

use std::path::{Path, PathBuf};

/// The file's path; `None`, said loudly, when it is not there, and a failure when `CI` is `true`.
pub(super) fn path(name: &str) -> Option<PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("processors/core is two deep");
    let folder = match std::env::var_os("HOGA_TEST_DATA") {
        Some(folder) => workspace.join(folder),
        None => workspace.join("../shared/data"),
    };
    let path = folder.join(name);
    if path.exists() {
        return Some(path);
    }
    let missing = format!("{} is not there: set HOGA_TEST_DATA to the folder of recorded data", path.display());
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{missing}");
    eprintln!("SKIPPED: {missing}");
    None
}
