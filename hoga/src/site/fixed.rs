//! What is fixed when a log is made, against what is given now.

use crate::config::{Config, Resolved, SETTINGS, Source};
use crate::exit::Failure;
use hoga_core::Settings;

/// Refuses a fixed setting that is given and is not what the log was made with, by name. Without `partitions` those are
/// not compared here.
pub fn refuse_different(
    place: &str,
    stored: &Settings,
    partitions: Option<u32>,
    given: &Resolved,
) -> Result<(), Failure> {
    let partitions = partitions.unwrap_or(given.config.partitions);
    let made_with = Config { machines: stored.clone(), partitions, ..Config::default() };
    for setting in SETTINGS.iter().filter(|setting| setting.fixed && given.source(setting.key) != Source::Default) {
        let (stored, asked) = ((setting.get)(&made_with), (setting.get)(&given.config));
        if stored != asked {
            return Err(Failure::Usage(format!(
                "{place}: this log was made with {} {stored}, given is {asked}; leave it out, or use another log",
                setting.key,
            )));
        }
    }
    Ok(())
}
