//! `hoga list-asset`: an asset and its digits.

use crate::asking::ask;
use crate::cli::Context;
use crate::exit::Failure;
use hoga_core::AssetCode;
use hoga_core::records::AssetListing;

/// Arguments of `hoga list-asset`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  hoga list-asset KRW --digits 0\n  hoga list-asset BTC --digits 8")]
pub struct Args {
    /// Its code
    asset: AssetCode,
    /// Decimal places of its minor unit; they can never change
    #[arg(long, value_parser = clap::value_parser!(u8).range(0..=10))]
    digits: u8,
}

impl Args {
    /// Sends it and prints the outcome.
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let Self { asset, digits } = self;
        ask(context, |command_id, _| AssetListing { command_id, asset, digits }.into())
    }
}
