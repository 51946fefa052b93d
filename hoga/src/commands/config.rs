//! `hoga config`: the settings in force.

use crate::cli::Context;
use crate::config;
use crate::exit::Failure;

/// Arguments of `hoga config`: none of its own.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: HOGA_PARTITIONS=8 hoga config")]
pub struct Args {}

impl Args {
    /// Prints the table.
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        Ok(config::print(&context.settings, &mut std::io::stdout().lock())?)
    }
}
