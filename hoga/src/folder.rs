//! A data folder: `log/`, `snapshots/`, `settings.json`. Opened by this process, or reached at the `hoga up` that has it.
//!
//! Invariants:
//! 1. What shapes effects (time mode, partitions, the machines' settings) is fixed when the folder is made; a later
//!    command takes what is there and refuses what is given and different.
//! 2. One process has a folder. Others are served by it, or told who it is.
//! 3. Commands that only read make nothing.
//!
//! Left out on purpose: what is inside the log; that is hoga-topics'.

use crate::cli::Context;
use crate::config::{Config, Resolved, SETTINGS, Source};
use crate::exit::Failure;
use hoga_core::Settings;
use hoga_topics::catalogue::Partitions;
use hoga_topics::embedded::{EmbeddedLog, EmbeddedOptions, Layout, holder_address};
use hoga_topics::remote::RemoteLog;
use hoga_topics::{Log, TimeMode};
use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The default data folder's parent.
const PARENT: &str = "hoga-data";
/// The default data folder of `up` and of the commands that go with it.
pub const MAIN: &str = "main";

/// An open data folder.
pub struct Folder {
    /// Where it is.
    pub path: PathBuf,
    /// Its log.
    pub log: Arc<dyn Log>,
    /// What its machines are made with.
    pub settings: Settings,
    /// The log, if this process has the folder; otherwise a running `hoga up` serves it.
    pub own: Option<Arc<EmbeddedLog>>,
}

impl Folder {
    /// Opens the folder for this process, and makes it if it is not there.
    /// Without a time mode it takes the log's own, for a new log the wall's.
    pub fn own(context: &Context, name: &str, time_mode: Option<TimeMode>) -> Result<Self, Failure> {
        let path = path(context, name);
        let layout = Layout::read(&path.join("log"))?;
        let time_mode = time_mode.or(layout.as_ref().map(|layout| layout.time_mode)).unwrap_or(TimeMode::Wall);
        let settings = fixed_settings(&path, &context.settings, layout.is_some())?;
        let partitions = partitions(&context.settings, layout.as_ref());
        let options = EmbeddedOptions { time_mode, partitions, ..EmbeddedOptions::default() };
        let log = Arc::new(EmbeddedLog::open(&path.join("log"), options)?);
        Ok(Self { log: Arc::<EmbeddedLog>::clone(&log), own: Some(log), path, settings })
    }

    /// Reaches the folder's log wherever it is served, else opens it here; refuses if there is none.
    pub fn reach(context: &Context) -> Result<Self, Failure> {
        let path = path(context, MAIN);
        match Layout::read(&path.join("log"))? {
            Some(_) => Self::own_or_served(context, MAIN, None),
            None => Err(no_log(&path)),
        }
    }

    /// As [`Self::own`], but where another process has the folder and serves its log, that is reached.
    pub fn own_or_served(context: &Context, name: &str, time_mode: Option<TimeMode>) -> Result<Self, Failure> {
        let path = path(context, name);
        match holder_address(&path.join("log"))? {
            Some(address) => Self::served(context, path, address),
            None => Self::own(context, name, time_mode),
        }
    }

    fn served(context: &Context, path: PathBuf, address: SocketAddr) -> Result<Self, Failure> {
        let settings = fixed_settings(&path, &context.settings, true)?;
        let log = RemoteLog::connect(address)?;
        Ok(Self { log: Arc::new(log), own: None, path, settings })
    }

    /// What to tell whoever wrote into a folder that no `hoga up` has.
    pub fn nobody_works(&self) -> String {
        format!("no `hoga up` has {}: it will do the work when it starts", self.path.display())
    }

    /// Where its snapshots are.
    pub fn snapshots(&self) -> PathBuf {
        self.path.join("snapshots")
    }
}

/// The data folder of a command: as configured, or the default of that name.
pub fn path(context: &Context, name: &str) -> PathBuf {
    context.settings.config.data_dir.clone().unwrap_or_else(|| Path::new(PARENT).join(name))
}

fn no_log(path: &Path) -> Failure {
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
    refuse_different(folder, &stored, given)?;
    stored
        .check()
        .map_err(|why| Failure::Unavailable(format!("{}: {why}; restore the file from a copy", file.display())))?;
    Ok(stored)
}

fn refuse_different(folder: &Path, stored: &Settings, given: &Resolved) -> Result<(), Failure> {
    let made_with = Config { machines: stored.clone(), partitions: given.config.partitions, ..Config::default() };
    for setting in SETTINGS.iter().filter(|setting| setting.fixed && given.source(setting.key) != Source::Default) {
        let (stored, asked) = ((setting.get)(&made_with), (setting.get)(&given.config));
        if stored != asked {
            return Err(Failure::Usage(format!(
                "{}: this log was made with {} {stored}, given is {asked}; leave it out, or give another --data-dir",
                folder.display(),
                setting.key,
            )));
        }
    }
    Ok(())
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
