//! Writes what fuzzing begins with: `seeds FOLDER` makes `FOLDER/TARGET/NAME` for every target. An example, because
//! cargo-fuzz takes every program for a target.

// Built as the targets are it needs what their instrumentation calls.
use libfuzzer_sys as _;

use std::{env, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = PathBuf::from(env::args().nth(1).ok_or("give a folder: seeds FOLDER")?);
    let scratch = tempfile::tempdir()?;
    for (target, inputs) in hoga_fuzz::seeds::all(scratch.path()) {
        let folder = folder.join(target);
        fs::create_dir_all(&folder)?;
        for (name, bytes) in inputs {
            fs::write(folder.join(name), bytes)?;
        }
    }
    Ok(())
}
