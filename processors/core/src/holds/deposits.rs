//! Deposits and withdrawals: the other side of both is the partition's EXTERNAL account.
//!
//! Invariant: an account exists from its first deposit on, and takes along the ids that were refused before it.

use super::Holds;
use super::checks::Refusal;
use super::identity::{Identity, Seat, Verdict};
use super::ledger::Account;
use super::out::{Entry, HoldsOut};
use super::window::Use;
use crate::machine::Input;
use crate::records::{CommandKind, CommandRefused, Deposit, JournalKind, LedgerAccount, Withdrawal};
use smallvec::SmallVec;

impl Holds {
    /// Brings money or shares in.
    pub(super) fn deposit(&mut self, deposit: &Deposit, input: &Input<'_>, out: &mut impl HoldsOut) {
        let Deposit { account, client_id, valid_until, .. } = deposit;
        let identity = Identity { account, id: client_id, valid_until: *valid_until, used_for: Use::Deposit };
        let seat = self.seat(account);
        // The small room of strangers must not keep an account from being opened.
        let room = usize::from(seat.member().is_some());
        let checked = match self.verdict(seat, &identity, room, input) {
            Verdict::Copy => return,
            Verdict::Refused(refusal) => Err(refusal),
            Verdict::New => self.check_transfer(&deposit.asset, deposit.amount).and_then(|(asset, units)| {
                self.check_deposit(seat.member(), asset, units)?;
                Ok((asset, units))
            }),
        };
        match checked {
            Ok((asset, units)) => {
                // Nothing can fail from here on.
                let index = seat.member().unwrap_or_else(|| self.open_account(deposit));
                self.remember(Seat::Member(index), &identity);
                self.transfer(index, &identity, JournalKind::Deposit, asset, units, out);
            }
            Err(refusal) => self.refuse_transfer(seat, &identity, CommandKind::Deposit, refusal, input, out),
        }
    }

    fn open_account(&mut self, deposit: &Deposit) -> u32 {
        let window = self.strangers.take(&deposit.account);
        let name = deposit.account.clone();
        self.ledger.add_account(Account { name, balances: SmallVec::new(), window, open_orders: 0 })
    }

    /// Takes money or shares out.
    pub(super) fn withdraw(&mut self, withdrawal: &Withdrawal, input: &Input<'_>, out: &mut impl HoldsOut) {
        let Withdrawal { account, client_id, valid_until, .. } = withdrawal;
        let identity = Identity { account, id: client_id, valid_until: *valid_until, used_for: Use::Withdrawal };
        let seat = self.seat(account);
        let checked = match self.verdict(seat, &identity, 1, input) {
            Verdict::Copy => return,
            Verdict::Refused(refusal) => Err(refusal),
            Verdict::New => self.check_account(seat.member()).and_then(|index| {
                let (asset, units) = self.check_transfer(&withdrawal.asset, withdrawal.amount)?;
                self.check_available(index, asset, units)?;
                Ok((index, asset, units))
            }),
        };
        match checked {
            Ok((index, asset, units)) => {
                // Nothing can fail from here on.
                self.remember(seat, &identity);
                self.transfer(index, &identity, JournalKind::Withdrawal, asset, -units, out);
            }
            Err(refusal) => self.refuse_transfer(seat, &identity, CommandKind::Withdrawal, refusal, input, out),
        }
    }

    /// Books `units` from outside to the account; out of it where they are negative.
    fn transfer(
        &mut self,
        account: u32,
        identity: &Identity<'_>,
        kind: JournalKind,
        asset: u32,
        units: i64,
        out: &mut impl HoldsOut,
    ) {
        let units = i128::from(units);
        let lines = [(LedgerAccount::External, asset, -units), (LedgerAccount::Member, asset, units)];
        let postings = self.ledger.post(account, &lines);
        let entry = Entry {
            account,
            number: self.ledger.entries,
            kind,
            client_id: Some(identity.id),
            order_id: None,
            trade_id: None,
            postings: &postings,
        };
        out.entry(&self.names(), &entry);
    }

    fn refuse_transfer(
        &mut self,
        seat: Seat,
        identity: &Identity<'_>,
        command: CommandKind,
        refusal: Refusal,
        input: &Input<'_>,
        out: &mut impl HoldsOut,
    ) {
        self.remember_refused(seat, identity, input);
        out.refused(CommandRefused {
            account: identity.account.clone(),
            client_id: identity.id.clone(),
            command,
            orig_client_order_id: None,
            time: self.time,
            reason: refusal.reason,
            detail: Some(refusal.detail),
        });
    }
}
