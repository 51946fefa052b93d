//! The arguments: subcommands, and one flag for each setting, made from the settings' table.
//!
//! Left out on purpose: what the subcommands do; each is a file in `commands/` with its own arguments.

use crate::commands::Command;
use crate::config::{self, Config, FAIL_POINT, Resolved, SETTINGS};
use crate::exit::{Failure, exit_codes_text};
use crate::stop::Stop;
use clap::{Arg, ArgMatches, CommandFactory, FromArgMatches, Parser};
use hoga_runtime::FailPoint;
use std::io::IsTerminal;
use std::path::PathBuf;

/// An exchange that lives in topics: orders in, executions, candles and balances out, all of it in one log.
#[derive(Debug, Parser)]
#[command(name = "hoga", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// What every subcommand is given.
#[derive(Debug)]
pub struct Context {
    /// The settings.
    pub settings: Resolved,
    /// Whether to end.
    pub stop: Stop,
}

/// The command and its context; help, version and wrong arguments end the process here, as clap does (0 and 2).
pub fn parse() -> Result<(Command, Context), Failure> {
    let matches = command().get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let variables = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    config::unknown_variables(variables).iter().for_each(|told| eprintln!("hoga: {told}"));
    let settings = settings(&matches)?;
    arm_fail_point()?;
    start_logging(&settings.config.log)?;
    Ok((cli.command, Context { settings, stop: Stop::on_signals()? }))
}

/// The whole command line as clap knows it.
fn command() -> clap::Command {
    let heading = "Settings (also in hoga.toml and the environment, see docs/configuration.md)";
    let config =
        Arg::new("config").long("config").value_name("FILE").help("The configuration file [default: hoga.toml]");
    let defaults = Config::default();
    let flags = SETTINGS.iter().map(|setting| {
        let default = match (setting.get)(&defaults) {
            by_command if by_command.is_empty() => by_command,
            value => format!(" [default: {value}]"),
        };
        Arg::new(setting.key)
            .long(setting.flag())
            .value_name(setting.value)
            .help(format!("{} [env: {}]{default}", setting.help, setting.env()))
            // Fixed ones are many and rarely given: `--help` shows them, `-h` does not.
            .hide_short_help(setting.key != "data_dir")
    });
    let all = std::iter::once(config).chain(flags).map(|arg| arg.global(true).help_heading(heading));
    Cli::command().after_help(exit_codes_text()).args(all)
}

fn settings(matches: &ArgMatches) -> Result<Resolved, Failure> {
    // A command's own argument of a setting's name (`hoga run --partitions 0,2`) is of another type, and no setting.
    let flag = |key: &str| matches.try_get_one::<String>(key).ok().flatten().cloned();
    let env = |name: &str| std::env::var(name).ok();
    let named = flag("config").or_else(|| env("HOGA_CONFIG")).map(PathBuf::from);
    config::resolve(flag, env, config::file_to_read(named).as_deref())
}

/// For tests of crashes: a process that kills itself where it is told to.
fn arm_fail_point() -> Result<(), Failure> {
    let Some(text) = std::env::var_os(FAIL_POINT) else { return Ok(()) };
    let point =
        FailPoint::arm(&text.to_string_lossy()).map_err(|error| Failure::Usage(format!("{FAIL_POINT}: {error}")))?;
    eprintln!("hoga: {FAIL_POINT} is set: this process kills itself at {point}");
    Ok(())
}

fn start_logging(filter: &str) -> Result<(), Failure> {
    let filter = tracing_subscriber::EnvFilter::try_new(filter)
        .map_err(|error| Failure::Usage(format!("--log {filter:?} is not a filter: {error}")))?;
    // Colours are for eyes: in a file or pipe they would stand between the words.
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_target(false).with_ansi(colours);
    lines.with_writer(std::io::stderr).init();
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_arguments_are_consistent() {
        super::command().debug_assert();
    }
}
