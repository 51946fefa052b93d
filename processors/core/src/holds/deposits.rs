//! Deposits and withdrawals: the other side of both is the partition's EXTERNAL account.
//!
//! Invariant: an account exists from its first deposit on, and takes along the ids that were refused before it.

use super::Holds;
use super::checks::Refusal;
use super::identity::{Identity, Verdict};
use super::ledger::Account;
use super::out::{Entry, HoldsOut};
use super::window::Use;
use crate::ids::{AccountId, ClientId};
use crate::machine::Input;
use crate::records::{CommandKind, CommandRefused, Deposit, JournalKind, LedgerAccount, Withdrawal};
use smallvec::SmallVec;

impl Holds {
    /// Brings money or shares in.
    pub(super) fn deposit(&mut self, deposit: &Deposit, input: &Input<'_>, out: &mut impl HoldsOut) {
        let Deposit { account, client_id, valid_until, .. } = deposit;
        let seat = self.seat(account);
        let identity = Identity::new(seat, client_id, *valid_until, Use::Deposit);
        // The small room of strangers must not keep an account from being opened.
        let room = usize::from(seat.member.is_some());
        let checked = match self.verdict(&identity, room, input) {
            Verdict::Copy => return,
            Verdict::Refused(refusal) => Err(refusal),
            Verdict::New => self.check_transfer(&deposit.asset, deposit.amount).and_then(|(asset, units)| {
                self.check_deposit(seat.member, asset, units)?;
                Ok((asset, units))
            }),
        };
        match checked {
            Ok((asset, units)) => {
                // Nothing can fail from here on.
                let index = seat.member.unwrap_or_else(|| self.open_account(deposit));
                self.remember(&Identity::new(self.member(index), client_id, *valid_until, Use::Deposit));
                self.transfer(index, client_id, JournalKind::Deposit, asset, units, out);
            }
            Err(refusal) => self.refuse_transfer(account, &identity, CommandKind::Deposit, refusal, input, out),
        }
    }

    fn open_account(&mut self, deposit: &Deposit) -> u32 {
        let window = self.take_stranger(&deposit.account);
        let name = deposit.account.clone();
        self.ledger.add_account(Account { name, balances: SmallVec::new(), window, open_orders: 0 })
    }

    /// Takes money or shares out.
    pub(super) fn withdraw(&mut self, withdrawal: &Withdrawal, input: &Input<'_>, out: &mut impl HoldsOut) {
        let Withdrawal { account, client_id, valid_until, .. } = withdrawal;
        let seat = self.seat(account);
        let identity = Identity::new(seat, client_id, *valid_until, Use::Withdrawal);
        let checked = match self.verdict(&identity, 1, input) {
            Verdict::Copy => return,
            Verdict::Refused(refusal) => Err(refusal),
            Verdict::New => self.check_account(seat.member).and_then(|index| {
                let (asset, units) = self.check_transfer(&withdrawal.asset, withdrawal.amount)?;
                self.check_available(index, asset, units)?;
                Ok((index, asset, units))
            }),
        };
        match checked {
            Ok((index, asset, units)) => {
                // Nothing can fail from here on.
                self.remember(&identity);
                self.transfer(index, client_id, JournalKind::Withdrawal, asset, -units, out);
            }
            Err(refusal) => self.refuse_transfer(account, &identity, CommandKind::Withdrawal, refusal, input, out),
        }
    }

    /// Books `units` from outside to the account; out of it where they are negative.
    fn transfer(
        &mut self,
        account: u32,
        client_id: &ClientId,
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
            client_id: Some(client_id),
            order_id: None,
            trade_id: None,
            postings: &postings,
        };
        out.entry(&self.names(), &entry);
    }

    fn refuse_transfer(
        &mut self,
        account: &AccountId,
        identity: &Identity<'_>,
        command: CommandKind,
        refusal: Refusal,
        input: &Input<'_>,
        out: &mut impl HoldsOut,
    ) {
        self.remember_refused(identity, input);
        out.refused(CommandRefused {
            account: account.clone(),
            client_id: identity.key.id.clone(),
            command,
            orig_client_order_id: None,
            time: self.time,
            reason: refusal.reason,
            detail: Some(refusal.detail),
        });
    }
}
