//! The subcommands, one file each.

mod balances;
mod config;
mod hash;
mod tail;
mod topics;

use crate::cli::Context;
use crate::exit::Failure;
use clap::Subcommand;

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the topics and how far they have come, or describe one
    Topics(topics::Args),
    /// Print the records of a topic as JSON lines
    Tail(tail::Args),
    /// Print an account's balances, or the trial balance of the ledger
    Balances(balances::Args),
    /// Print hashes of what topics say, by which two runs are compared
    Hash(hash::Args),
    /// Print the settings in force and where each comes from
    Config(config::Args),
}

impl Command {
    /// Does it.
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Topics(args) => args.run(context),
            Self::Tail(args) => args.run(context),
            Self::Balances(args) => args.run(context),
            Self::Hash(args) => args.run(context),
            Self::Config(args) => args.run(context),
        }
    }
}
