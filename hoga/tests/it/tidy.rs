//! How source files are written, each rule with its reason.

use std::path::{Path, PathBuf};

/// Longer files hold two things; tests count too, because they are read as often.
const MAX_LINES: usize = 600;
/// Marks of unfinished work, put together so that this file does not hold them.
const MARKS: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("X", "XX")];

#[test]
fn source_files_are_tidy() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let mut files = Vec::new();
    for room in ["schemas", "topics", "processors", "ingest", "hoga", "guards", "fuzz"] {
        rust_files(&root.join(room), &mut files);
    }
    assert!(files.iter().any(|file| file.ends_with("hoga/tests/it/tidy.rs")), "the walk finds this file");
    let wrong: Vec<String> = files.iter().flat_map(|file| complaints(file)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.expect("a folder's entry").path();
        if path.is_dir() && !path.ends_with("target") {
            rust_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn complaints(file: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let mut wrong = Vec::new();
    let mut complain = |what: String| wrong.push(format!("{}: {what}", file.display()));
    if !text.starts_with("//!") {
        complain("opens without `//!`: a reader must learn what a file is from its first lines".into());
    }
    let lines = text.lines().count();
    if lines > MAX_LINES {
        complain(format!("{lines} lines, over {MAX_LINES}: it holds more than one thing"));
    }
    for (number, line) in text.lines().enumerate() {
        if MARKS.iter().any(|mark| line.contains(mark)) {
            complain(format!("line {}: unfinished work is not left in the source", number + 1));
        }
    }
    wrong
}
