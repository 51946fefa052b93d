//! `hoga deposit`: money or shares come in.

use crate::asking::ask;
use crate::cli::Context;
use crate::exit::Failure;
use hoga_core::records::Deposit;
use hoga_core::{AccountId, AssetCode, Decimal};

/// Arguments of `hoga deposit`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: hoga deposit alice KRW 1000000")]
pub struct Args {
    /// Whose account; it exists from its first deposit on
    account: AccountId,
    /// Which asset
    asset: AssetCode,
    /// How much
    #[arg(value_parser = super::positive)]
    amount: Decimal,
}

impl Args {
    /// Sends it and prints the outcome.
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let Self { account, asset, amount } = self;
        ask(context, |client_id, valid_until| Deposit { account, client_id, valid_until, asset, amount }.into())
    }
}
