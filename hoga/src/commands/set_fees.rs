//! `hoga set-fees`: maker and taker rates under a name.

use crate::asking::ask;
use crate::cli::Context;
use crate::exit::Failure;
use hoga_core::ClientId;
use hoga_core::records::FeeSchedule;

/// Arguments of `hoga set-fees`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example (0.02 % and 0.05 %): hoga set-fees standard --maker-ppm 200 --taker-ppm 500")]
pub struct Args {
    /// The schedule's name, which listings refer to
    name: ClientId,
    /// Fee of the resting side in millionths of price × quantity
    #[arg(long, value_parser = clap::value_parser!(u32).range(0..=100_000))]
    maker_ppm: u32,
    /// Fee of the incoming side in millionths of price × quantity
    #[arg(long, value_parser = clap::value_parser!(u32).range(0..=100_000))]
    taker_ppm: u32,
}

impl Args {
    /// Sends it and prints the outcome.
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let Self { name, maker_ppm: maker_fee_ppm, taker_ppm: taker_fee_ppm } = self;
        ask(context, |command_id, _| FeeSchedule { command_id, name, maker_fee_ppm, taker_fee_ppm }.into())
    }
}
