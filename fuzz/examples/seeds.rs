//! Writes what fuzzing begins with: `seeds FOLDER` makes `FOLDER/TARGET/NAME` for every target. An example, because it
//! is built without the instrumentation that targets are built with.

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
