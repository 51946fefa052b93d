//! `hoga balances`: an account's balances, or the trial balance of the whole ledger.

use crate::cli::Context;
use crate::exit::Failure;
use crate::ledger::Ledger;
use crate::reservations;
use crate::site::Site;
use hoga_core::{AccountId, AssetCode, Decimal};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// Arguments of `hoga balances`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  hoga balances alice\n  hoga balances --data-dir hoga-data/demo")]
pub struct Args {
    /// The account; without it, the trial balance by asset
    account: Option<AccountId>,
}

impl Args {
    /// Reads the journal, for an account its order events too, and prints.
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let site = Site::reach(context)?;
        let ledger = Ledger::read(&*site.log, &context.stop)?;
        let out = &mut io::stdout().lock();
        match self.account {
            Some(account) => {
                let held = reservations::held(&*site.log, &account, &context.stop)?;
                of_account(&ledger, &held, &account, out)
            }
            None => trial_balance(&ledger, out),
        }
    }
}

/// Prints total, held and available (total less held) of each asset that the account ever had.
fn of_account(
    ledger: &Ledger,
    held: &BTreeMap<AssetCode, Decimal>,
    account: &AccountId,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let rows: Vec<_> = ledger.balances().filter(|(line, _)| line.account.as_ref() == Some(account)).collect();
    if rows.is_empty() {
        return Err(Failure::Refused(format!(
            "account {account}: the journal has no entry; was a deposit made to it?"
        )));
    }
    writeln!(out, "{:<12} {:>22} {:>22} {:>22}", "ASSET", "TOTAL", "HELD", "AVAILABLE")?;
    for (line, total) in rows {
        let held = held.get(&line.asset).copied().unwrap_or_default();
        let available = Decimal(total.0 - held.0);
        writeln!(out, "{:<12} {total:>22} {held:>22} {available:>22}", line.asset)?;
    }
    Ok(())
}

/// Prints the ledger by asset; an error if it does not sum to zero.
pub fn trial_balance(ledger: &Ledger, out: &mut dyn Write) -> Result<(), Failure> {
    writeln!(
        out,
        "{:<10} {:>22} {:>18} {:>18} {:>22} {:>6}",
        "ASSET", "MEMBERS", "FEES", "CLEARING", "OUTSIDE", "SUM"
    )?;
    let table = ledger.trial_balance();
    for (asset, row) in &table {
        let (members, fees, clearing, external, sum) = (row.members, row.fees, row.clearing, row.external, row.sum());
        writeln!(out, "{asset:<10} {members:>22} {fees:>18} {clearing:>18} {external:>22} {sum:>6}")?;
    }
    match table.iter().find(|(_, row)| row.sum() != Decimal::ZERO) {
        Some((asset, row)) => Err(Failure::Refused(format!("the ledger in {asset} sums to {}, not to 0", row.sum()))),
        None => Ok(()),
    }
}
