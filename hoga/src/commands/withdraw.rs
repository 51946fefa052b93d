//! `hoga withdraw`: money or shares go out.

use crate::asking::ask;
use crate::cli::Context;
use crate::exit::Failure;
use hoga_core::records::Withdrawal;
use hoga_core::{AccountId, AssetCode, Decimal};

/// Arguments of `hoga withdraw`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: hoga withdraw alice KRW 1000000")]
pub struct Args {
    /// Whose account
    account: AccountId,
    /// Which asset
    asset: AssetCode,
    /// How much, at most what is available: the balance less what open orders hold
    #[arg(value_parser = super::positive)]
    amount: Decimal,
}

impl Args {
    /// Sends it and prints the outcome.
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let Self { account, asset, amount } = self;
        ask(context, |client_id, valid_until| Withdrawal { account, client_id, valid_until, asset, amount }.into())
    }
}
