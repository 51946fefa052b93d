//! `hoga list-instrument`: what can be traded and by which rules.

use crate::asking::ask;
use crate::cli::Context;
use crate::exit::Failure;
use hoga_core::records::InstrumentListing;
use hoga_core::{AssetCode, ClientId, Decimal, Symbol};

/// Arguments of `hoga list-instrument`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: hoga list-instrument KRW-BTC --base BTC --quote KRW --tick 1000 --lot 0.001 --fees standard\n\nTick × lot is a whole number of the quote's minor units. Base, quote, tick and lot can never change; listing\nagain changes the rest. An instrument begins in phase CLOSED: open it with `hoga set-phase`."
)]
pub struct Args {
    /// Its symbol
    symbol: Symbol,
    /// What is bought and sold
    #[arg(long)]
    base: AssetCode,
    /// What it is paid with
    #[arg(long)]
    quote: AssetCode,
    /// The step of prices
    #[arg(long, value_parser = super::positive)]
    tick: Decimal,
    /// The step of quantities
    #[arg(long, value_parser = super::positive)]
    lot: Decimal,
    /// The name of its fee schedule
    #[arg(long)]
    fees: ClientId,
    /// The least price × quantity of a limit order
    #[arg(long, default_value = "0")]
    min_notional: Decimal,
    /// The lowest price of an order
    #[arg(long, value_parser = super::positive)]
    min_price: Option<Decimal>,
    /// The highest price of an order
    #[arg(long, value_parser = super::positive)]
    max_price: Option<Decimal>,
    /// Its zone, minutes east of UTC: where its days begin and end
    #[arg(long, default_value_t = 540, allow_negative_numbers = true)]
    zone_min: i32,
}

impl Args {
    /// Sends it and prints the outcome.
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        ask(context, |command_id, _| {
            InstrumentListing {
                command_id,
                symbol: self.symbol,
                base: self.base,
                quote: self.quote,
                tick: self.tick,
                lot: self.lot,
                min_notional: self.min_notional,
                min_price: self.min_price,
                max_price: self.max_price,
                fee_schedule: self.fees,
                utc_offset_min: self.zone_min,
            }
            .into()
        })
    }
}
