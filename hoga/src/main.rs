//! hoga: the command. Reads arguments and configuration, runs one subcommand, ends with a documented exit code.
//!
//! - [`cli`]: the arguments. [`config`]: the settings. [`exit`]: failures and exit codes.
//! - [`folder`]: a data folder: its log, opened here or reached at a running `hoga up`; settings fixed with it.
//! - [`pipeline`]: all machines over a log. [`reading`]: accepted records. [`asking`]: a command and its outcome.
//! - [`http`]: schema registry, metrics and health for other programs.
//! - `commands/`: one file for each subcommand.
//!
//! Left out on purpose: decisions. Whatever judges an order, an effect or a record is in a library crate.

mod asking;
mod audit;
#[cfg(feature = "kafka")]
mod bench;
mod cli;
mod commands;
mod config;
mod demo;
mod exit;
mod folder;
mod hashing;
mod http;
mod ledger;
mod machines;
mod outcome;
mod pipeline;
mod posting;
mod progress;
mod reading;
mod reservations;
mod stop;

use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::parse().and_then(|(command, context)| command.run(&context)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
