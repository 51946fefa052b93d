//! hoga: the command. Reads arguments and configuration, runs one subcommand, ends with a documented exit code.
//!
//! - [`cli`]: the arguments. [`config`]: the settings. [`exit`]: failures and exit codes.
//! - [`site`]: where a command works: a data folder, a running `hoga up`, or a Kafka; settings fixed with the log.
//! - [`pipeline`]: machines over a log. [`board`]: who has which, told as it changes. [`reading`]: accepted records. [`asking`]: a command and its outcome.
//! - [`http`]: schema registry, metrics and health for other programs.
//! - `commands/`: one file for each subcommand.
//!
//! Left out on purpose: decisions. Whatever judges an order, an effect or a record is in a library crate.

mod asking;
mod audit;
mod bench;
mod board;
#[cfg(feature = "kafka")]
mod chaos;
mod cli;
mod commands;
mod config;
mod demo;
mod exit;
mod hashing;
mod http;
mod in_flight;
mod ledger;
mod machines;
mod outcome;
mod pipeline;
mod point;
mod posting;
mod progress;
mod reading;
mod reservations;
mod site;
mod stop;
mod way;

use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::parse().and_then(|(command, context)| command.run(&context)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
