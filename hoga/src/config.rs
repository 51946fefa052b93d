//! Configuration: one table of all settings, resolved from flags, environment, file and defaults.
//!
//! Reads `--config FILE`, else `HOGA_CONFIG`, else `hoga.toml` in the working folder if there is one.
//!
//! Invariants:
//! 1. [`SETTINGS`] is the only list: flags, environment names, file keys, `hoga config` and docs/configuration.md
//!    are made from it, and its defaults are those of [`Config::default`].
//! 2. Precedence: flag, environment, file, default.
//! 3. A key that is not in the table is refused by name; so is a value out of its range.
//! 4. Settings that shape effects are fixed when a log is made (see [`crate::site`]).
//!
//! Left out on purpose: per-command options; those are arguments, in `cli.rs`.

mod docs;
mod table;
mod value;

pub use docs::print;
pub use table::{FAIL_POINT, OTHER_VARIABLES, SETTINGS, Setting};

use crate::exit::Failure;
use hoga_core::Settings;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// The values of all settings.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The data folder; `None`: `hoga-data/` and the command's name.
    pub data_dir: Option<PathBuf>,
    /// The brokers of the Kafka on which to work, `host:port` with commas between; `None`: in a data folder.
    pub kafka: Option<String>,
    /// What stands before each topic's name there.
    pub topic_prefix: String,
    /// Replicas of each topic there; `None`: the log's own, for a new log three or as many as there are brokers.
    pub replication: Option<u16>,
    /// A file of librdkafka's settings.
    pub kafka_client: Option<PathBuf>,
    /// How long an owner on Kafka may be silent before a standby takes over.
    pub takeover_after_ms: u64,
    /// Where `up` serves the log to the other commands.
    pub listen: SocketAddr,
    /// Where the schema registry, metrics and health are served; `None`: nowhere, `registry` on its default.
    pub http: Option<SocketAddr>,
    /// How long a command waits for its outcome.
    pub answer_timeout_s: u64,
    /// How far ahead valid-until is set when a command comes without one.
    pub valid_for_s: u64,
    /// How long a clean shutdown may take.
    pub shutdown_s: u64,
    /// Applied records between two snapshots of a machine.
    pub snapshot_every_records: u64,
    /// Partitions of keyed topics of a new log.
    pub partitions: u32,
    /// Which log lines go to stderr.
    pub log: String,
    /// What the machines are made with.
    pub machines: Settings,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: None,
            kafka: None,
            topic_prefix: String::new(),
            replication: None,
            kafka_client: None,
            takeover_after_ms: 1_000,
            listen: SocketAddr::from(([127, 0, 0, 1], 7070)),
            http: None,
            answer_timeout_s: 10,
            valid_for_s: 60,
            shutdown_s: 10,
            snapshot_every_records: 500_000,
            partitions: 4,
            log: "warn".into(),
            machines: Settings::default(),
        }
    }
}

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Not given.
    Default,
    /// The configuration file.
    File,
    /// The environment.
    Environment,
    /// A flag.
    Flag,
}

impl Source {
    /// Its name in `hoga config`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::File => "file",
            Self::Environment => "environment",
            Self::Flag => "flag",
        }
    }
}

/// A configuration and where each value came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolved {
    /// The values.
    pub config: Config,
    sources: BTreeMap<&'static str, Source>,
}

impl Resolved {
    /// Where that setting's value came from.
    pub fn source(&self, key: &str) -> Source {
        self.sources.get(key).copied().unwrap_or(Source::Default)
    }

    fn set(&mut self, setting: &'static Setting, text: &str, source: Source, place: &str) -> Result<(), Failure> {
        (setting.set)(&mut self.config, text)
            .map_err(|why| Failure::Usage(format!("{place}: {text:?} is not valid: {why}")))?;
        self.sources.insert(setting.key, source);
        Ok(())
    }
}

/// Resolves the configuration. `flag` and `env` look a name up; `file` is the one named by flag or environment.
pub fn resolve(
    flag: impl Fn(&str) -> Option<String>,
    env: impl Fn(&str) -> Option<String>,
    file: Option<&Path>,
) -> Result<Resolved, Failure> {
    let mut resolved = Resolved { config: Config::default(), sources: BTreeMap::new() };
    if let Some(path) = file {
        read_file(path, &mut resolved)?;
    }
    for setting in SETTINGS {
        if let Some(text) = env(&setting.env()) {
            resolved.set(setting, &text, Source::Environment, &format!("environment {}", setting.env()))?;
        }
        if let Some(text) = flag(setting.key) {
            resolved.set(setting, &text, Source::Flag, &format!("--{}", setting.flag()))?;
        }
    }
    Ok(resolved)
}

/// What to tell of variables that begin as hoga's do and are none: a misspelt setting counts for nothing. They are not
/// refused, because a cluster's manager may set such names for a service called hoga.
pub fn unknown_variables(names: impl Iterator<Item = String>) -> Vec<String> {
    let known = |name: &str| {
        let other = OTHER_VARIABLES.iter().any(|(other, _)| *other == name);
        other || SETTINGS.iter().any(|setting| setting.env() == name)
    };
    let of_tests = |name: &str| ["HOGA_TEST_", "HOGA_UPDATE_"].iter().any(|begin| name.starts_with(begin));
    let unknown = names.filter(|name| name.starts_with("HOGA_") && !known(name) && !of_tests(name));
    unknown
        .map(|name| format!("environment {name} is no setting and counts for nothing; `hoga config` lists them"))
        .collect()
}

/// The configuration file: the named one, which must exist, or `hoga.toml` if it does.
pub fn file_to_read(named: Option<PathBuf>) -> Option<PathBuf> {
    named.or_else(|| Some(PathBuf::from("hoga.toml")).filter(|path| path.exists()))
}

fn read_file(path: &Path, resolved: &mut Resolved) -> Result<(), Failure> {
    let name = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::Usage(format!("reading the configuration file {name}: {error}")))?;
    let table: toml::Table =
        text.parse().map_err(|error| Failure::Usage(format!("the configuration file {name} is not TOML: {error}")))?;
    for (key, value) in &table {
        let Some(setting) = SETTINGS.iter().find(|setting| setting.key == key) else {
            let known: Vec<_> = SETTINGS.iter().map(|setting| setting.key).collect();
            return Err(Failure::Usage(format!(
                "{name}: unknown setting {key:?}; the settings are {}",
                known.join(", ")
            )));
        };
        let text = plain_text(value)
            .ok_or_else(|| Failure::Usage(format!("{name}: {key} is not a text, a number or a list of them")))?;
        resolved.set(setting, &text, Source::File, &format!("{name}: {key}"))?;
    }
    Ok(())
}

/// A TOML value as a flag would give it; lists with commas.
fn plain_text(value: &toml::Value) -> Option<String> {
    Some(match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Integer(number) => number.to_string(),
        toml::Value::Boolean(yes) => yes.to_string(),
        toml::Value::Array(items) => items.iter().map(plain_text).collect::<Option<Vec<_>>>()?.join(","),
        toml::Value::Float(_) | toml::Value::Datetime(_) | toml::Value::Table(_) => return None,
    })
}

#[cfg(test)]
mod tests;
