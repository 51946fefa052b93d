//! `hoga set-phase`: an instrument's trading phase.

use crate::asking::ask;
use crate::cli::Context;
use crate::exit::Failure;
use hoga_core::Symbol;
use hoga_core::records::{Phase, PhaseChange};

/// Arguments of `hoga set-phase`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: hoga set-phase KRW-BTC OPEN")]
pub struct Args {
    /// Which instrument
    symbol: Symbol,
    /// CLOSED and HALTED (nothing but cancels), PRE_OPEN (orders rest unmatched), OPEN (continuous trading)
    #[arg(value_parser = parse_phase)]
    phase: Phase,
}

fn parse_phase(text: &str) -> Result<Phase, String> {
    Phase::from_name(&text.to_uppercase()).ok_or_else(|| "CLOSED, PRE_OPEN, OPEN or HALTED is needed".into())
}

impl Args {
    /// Sends it and prints the outcome.
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let Self { symbol, phase } = self;
        ask(context, |command_id, _| PhaseChange { command_id, symbol, phase }.into())
    }
}
