//! The subcommands, one file each.

mod config;

use crate::cli::Context;
use crate::exit::Failure;
use clap::Subcommand;

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print the settings in force and where each comes from
    Config(config::Args),
}

impl Command {
    /// Does it.
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Config(args) => args.run(context),
        }
    }
}
