//! The subcommands, one file each.

mod balances;
mod bench;
#[cfg(feature = "kafka")]
mod chaos;
mod config;
mod demo;
mod deposit;
mod explain;
mod feed;
mod hash;
mod list_asset;
mod list_instrument;
mod produce;
mod reconcile;
mod registry;
mod run;
mod set_fees;
mod set_phase;
mod simulate;
mod tail;
mod topics;
mod up;
mod verify;
mod withdraw;

pub use balances::trial_balance;
pub use demo::Stretch;

use crate::cli::Context;
use crate::exit::Failure;
use clap::Subcommand;
use hoga_core::Decimal;

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// See it at work: list, fund, trade 200,000 orders, measure, audit
    Demo(demo::Args),
    /// Run the whole exchange until Ctrl-C
    Up(up::Args),
    /// Run some machines as a process of its own, beside others on the same Kafka
    Run(run::Args),
    /// Post commands from JSON lines: validated, as Avro records
    Produce(produce::Args),
    /// Bring money or shares into an account
    Deposit(deposit::Args),
    /// Take money or shares out of an account
    Withdraw(withdraw::Args),
    /// List an asset
    ListAsset(list_asset::Args),
    /// Set maker and taker fees under a name
    SetFees(set_fees::Args),
    /// List an instrument, or change its rules
    ListInstrument(list_instrument::Args),
    /// Move an instrument into a trading phase
    SetPhase(set_phase::Args),
    /// Play recorded order flow of a real venue through the exchange
    Feed(feed::Args),
    /// List the topics and how far they have come, describe one, cut them, make or check those of a Kafka
    Topics(topics::Args),
    /// Serve the schemas to other programs as a schema registry, until Ctrl-C
    Registry(registry::Args),
    /// Print the records of a topic as JSON lines
    Tail(tail::Args),
    /// Print an account's balances, or the trial balance of the ledger
    Balances(balances::Args),
    /// Print hashes of what topics say, by which two runs are compared
    Hash(hash::Args),
    /// Recompute everything that was written from what was read, and compare
    Reconcile(reconcile::Args),
    /// Check the ledger at a point: a time, or offsets
    Verify(verify::Args),
    /// Show an order's whole way: each record, what caused it, and how long that took
    Explain(explain::Args),
    /// Measure this machine: each stage beside what it must be, those on Kafka beside a bare loop too
    Bench(bench::Args),
    /// Kill, stop and replace processes on a Kafka under a flow of orders, and have it judged
    #[cfg(feature = "kafka")]
    Chaos(chaos::Args),
    /// Run the whole pipeline in memory under faults, and judge it
    Simulate(simulate::Args),
    /// Print the settings in force and where each comes from
    Config(config::Args),
}

impl Command {
    /// Does it.
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Demo(args) => args.run(context),
            Self::Up(args) => args.run(context),
            Self::Run(args) => args.run(context),
            Self::Produce(args) => args.run(context),
            Self::Deposit(args) => args.run(context),
            Self::Withdraw(args) => args.run(context),
            Self::ListAsset(args) => args.run(context),
            Self::SetFees(args) => args.run(context),
            Self::ListInstrument(args) => args.run(context),
            Self::SetPhase(args) => args.run(context),
            Self::Feed(args) => args.run(context),
            Self::Topics(args) => args.run(context),
            Self::Registry(args) => args.run(context),
            Self::Tail(args) => args.run(context),
            Self::Balances(args) => args.run(context),
            Self::Hash(args) => args.run(context),
            Self::Reconcile(args) => args.run(context),
            Self::Verify(args) => args.run(context),
            Self::Explain(args) => args.run(context),
            Self::Bench(args) => args.run(context),
            #[cfg(feature = "kafka")]
            Self::Chaos(args) => args.run(context),
            Self::Simulate(args) => args.run(context),
            Self::Config(args) => args.run(context),
        }
    }
}

/// A decimal above zero, for arguments.
fn positive(text: &str) -> Result<Decimal, String> {
    let value: Decimal = text.parse().map_err(|error: hoga_core::money::DecimalError| error.to_string())?;
    if value.is_positive() { Ok(value) } else { Err("a number above zero is needed".into()) }
}
