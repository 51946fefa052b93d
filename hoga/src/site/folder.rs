//! A data folder: `log/`, `snapshots/`, `settings.json`.
//!
//! Invariant: the settings stand there before the log does, so there never is a log without what it was made with.

use super::fixed::refuse_different;
use super::{MAIN, Place, Site};
use crate::cli::Context;
use crate::config::{Resolved, Source};
use crate::exit::Failure;
use hoga_core::Settings;
use hoga_topics::TimeMode;
use hoga_topics::catalogue::Partitions;
use hoga_topics::embedded::{EmbeddedLog, EmbeddedOptions, Layout, holder_address};
use hoga_topics::remote::RemoteLog;
use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The default data folder's parent.
pub const PARENT: &str = "hoga-data";

/// Opens the folder for this process, and makes it if it is not there.
/// Without a time mode it takes the log's own, for a new log the wall's.
pub fn own(context: &Context, name: &str, time_mode: Option<TimeMode>) -> Result<Site, Failure> {
    let folder = path(context, name)?;
    let layout = Layout::read(&folder.join("log"))?;
    let time_mode = time_mode.or(layout.as_ref().map(|layout| layout.time_mode)).unwrap_or(TimeMode::Wall);
    let settings = fixed_settings(&folder, &context.settings, layout.is_some())?;
    let partitions = partitions(&context.settings, layout.as_ref());
    let options = EmbeddedOptions { time_mode, partitions, ..EmbeddedOptions::default() };
    let log = Arc::new(EmbeddedLog::open(&folder.join("log"), options)?);
    Ok(Site { log: Arc::<EmbeddedLog>::clone(&log), settings, place: Place::Own(log), folder })
}

/// The log wherever it is served, else opened here; `None` if there is none.
pub fn find(context: &Context) -> Result<Option<Site>, Failure> {
    let folder = path(context, MAIN)?;
    match Layout::read(&folder.join("log"))? {
        Some(_) => own_or_served(context, MAIN, None).map(Some),
        None => Ok(None),
    }
}

/// As [`own`], but where another process has the folder and serves its log, that is reached.
pub fn own_or_served(context: &Context, name: &str, time_mode: Option<TimeMode>) -> Result<Site, Failure> {
    let folder = path(context, name)?;
    match holder_address(&folder.join("log"))? {
        Some(address) => served(context, folder, address),
        None => own(context, name, time_mode),
    }
}

fn served(context: &Context, folder: PathBuf, address: SocketAddr) -> Result<Site, Failure> {
    let settings = fixed_settings(&folder, &context.settings, true)?;
    let log = RemoteLog::connect(address)?;
    Ok(Site { log: Arc::new(log), settings, place: Place::Served, folder })
}

/// The data folder of a command: as configured, or the default of that name.
fn path(context: &Context, name: &str) -> Result<PathBuf, Failure> {
    let folder = context.settings.config.data_dir.clone().unwrap_or_else(|| Path::new(PARENT).join(name));
    refuse_file(&folder)?;
    Ok(folder)
}

/// A data folder that is a file.
pub fn refuse_file(folder: &Path) -> Result<(), Failure> {
    if folder.is_file() {
        let name = folder.display();
        return Err(Failure::Unavailable(format!("{name} is a file; a folder is needed: give another --data-dir")));
    }
    Ok(())
}

/// Refuses a folder that has a log itself: whoever names one together with a Kafka means one of the two.
#[cfg(feature = "kafka")]
pub fn refuse_log(folder: &Path) -> Result<(), Failure> {
    if Layout::read(&folder.join("log"))?.is_some() {
        let name = folder.display();
        return Err(Failure::Usage(format!(
            "{name} holds a log of its own, and a Kafka is given too: leave one of them out, or give another --data-dir for what is kept beside the log on Kafka"
        )));
    }
    Ok(())
}

/// There is nothing to read.
pub fn no_log(context: &Context) -> Failure {
    let path = match path(context, MAIN) {
        Ok(path) => path,
        Err(failure) => return failure,
    };
    Failure::Unavailable(format!(
        "{}: there is no log; `hoga up` makes one, or name another folder with --data-dir (the demo's is {PARENT}/demo)",
        path.display()
    ))
}

/// The log's partitions if they are not given, so that whoever gives nothing gets what is there.
fn partitions(settings: &Resolved, layout: Option<&Layout>) -> Partitions {
    match layout {
        Some(layout) if settings.source("partitions") == Source::Default => layout.partitions.clone(),
        _ => Partitions::keyed(settings.config.partitions),
    }
}

/// The settings that the folder was made with; written now if it is new.
fn fixed_settings(folder: &Path, given: &Resolved, has_log: bool) -> Result<Settings, Failure> {
    let file = folder.join("settings.json");
    let text = match fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !has_log => return write(folder, &file, given),
        Err(error) => {
            let way_out = "the log cannot be read without what it was made with: restore the file from a copy";
            return Err(Failure::Unavailable(format!("reading {}: {error}; {way_out}", file.display())));
        }
    };
    let stored: Settings = serde_json::from_str(&text).map_err(|error| {
        let way_out = "restore it from a copy (if the folder has no log yet, remove it)";
        Failure::Unavailable(format!("{} is not what hoga wrote: {error}; {way_out}", file.display()))
    })?;
    refuse_different(&folder.display().to_string(), &stored, None, given)?;
    stored
        .check()
        .map_err(|why| Failure::Unavailable(format!("{}: {why}; restore the file from a copy", file.display())))?;
    Ok(stored)
}

/// Written before the log is made, so that there never is a log without it.
fn write(folder: &Path, file: &Path, given: &Resolved) -> Result<Settings, Failure> {
    let settings = given.config.machines.clone();
    settings.check().map_err(Failure::Usage)?;
    let text = serde_json::to_string_pretty(&settings).expect("settings are plain values");
    let written = fs::create_dir_all(folder).and_then(|()| {
        let mut out = fs::File::create(file)?;
        out.write_all(text.as_bytes())?;
        out.sync_all()
    });
    written.map_err(|error| Failure::Unavailable(format!("writing {}: {error}", file.display())))?;
    Ok(settings)
}
