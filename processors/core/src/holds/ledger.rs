//! Accounts and what they own: balances of members, and the clearing, fee and external accounts of the partition.
//!
//! Invariants:
//! 1. Every posting goes through [`Ledger::post`]; its lines sum to zero in each asset, and so do all balances.
//! 2. A member's `held` is between zero and its total, after every post and every change of a hold.
//! 3. Totals are `i128`: a deposit beyond `i64` is refused, but a credit from a trade can never be, and its sum with
//!    what is there must not wrap. Holds are `i64`.
//!
//! Left out on purpose: why money moves; that is `commands.rs` and `settle.rs`.

use crate::ids::{AccountId, AssetCode};
use crate::money::Decimal;
use crate::records::LedgerAccount;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// What an account has of an asset, in minor units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Balance {
    /// All of it.
    pub total: i128,
    /// What open orders hold of it.
    pub held: i64,
}

impl Balance {
    /// What can be withdrawn or held.
    #[inline]
    pub fn available(self) -> i128 {
        self.total - i128::from(self.held)
    }
}

/// An asset, and the partition's own accounts in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asset {
    /// Its code.
    pub code: AssetCode,
    /// Decimal places of its minor unit.
    pub digits: u8,
    /// The sum of the members' totals.
    pub members: i128,
    /// Owed between partitions.
    pub clearing: i128,
    /// Fees earned.
    pub fees: i128,
    /// The world outside.
    pub external: i128,
}

impl Asset {
    /// The size of one minor unit.
    pub fn unit(&self) -> Decimal {
        Decimal::from_units(1, self.digits)
    }

    /// So many minor units. Fits: balances are far below 10^28 units.
    pub fn decimal(&self, units: i128) -> Decimal {
        match i64::try_from(units) {
            Ok(units) => Decimal::from_units(units, self.digits),
            Err(_) => Decimal(units.checked_mul(self.unit().0).expect("a balance fits a decimal")),
        }
    }

    fn ledger_mut(&mut self, ledger: LedgerAccount) -> &mut i128 {
        match ledger {
            LedgerAccount::Member => &mut self.members,
            LedgerAccount::Clearing => &mut self.clearing,
            LedgerAccount::Fees => &mut self.fees,
            LedgerAccount::External => &mut self.external,
        }
    }

    /// The partition's balance of that ledger account; of MEMBER the sum over all members.
    pub fn ledger(&self, ledger: LedgerAccount) -> i128 {
        match ledger {
            LedgerAccount::Member => self.members,
            LedgerAccount::Clearing => self.clearing,
            LedgerAccount::Fees => self.fees,
            LedgerAccount::External => self.external,
        }
    }
}

/// A member's account.
#[derive(Debug, Clone)]
pub struct Account {
    /// Its name.
    pub name: AccountId,
    /// Balances by asset, in the order in which the account first had them; few, so looked through.
    pub balances: SmallVec<[(u32, Balance); 2]>,
    /// The window of its client ids.
    pub window: u32,
    /// How many of its orders are open.
    pub open_orders: u32,
}

impl Account {
    /// What it has of an asset.
    #[inline]
    pub fn balance(&self, asset: u32) -> Balance {
        self.balances.iter().find(|(a, _)| *a == asset).map(|(_, balance)| *balance).unwrap_or_default()
    }

    #[inline]
    fn balance_mut(&mut self, asset: u32) -> &mut Balance {
        let place = self.balances.iter().position(|(a, _)| *a == asset).unwrap_or_else(|| {
            self.balances.push((asset, Balance::default()));
            self.balances.len() - 1
        });
        &mut self.balances[place].1
    }
}

/// One line of a journal entry: to which ledger account, in which asset, how many minor units.
pub type Line = (LedgerAccount, u32, i128);

/// A line that was booked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Posted {
    /// To which account.
    pub ledger: LedgerAccount,
    /// In which asset: an index of the ledger.
    pub asset: u32,
    /// Minor units that were added to its balance.
    pub amount: i128,
    /// Its balance after this.
    pub balance: i128,
}

/// The lines of an entry; a trade has five at most.
pub type Postings = SmallVec<[Posted; 5]>;

/// All accounts of the partition. The hash maps are for look-up only.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    /// Assets in the order of their listing.
    pub assets: Vec<Asset>,
    /// Accounts in the order of their first deposit.
    pub accounts: Vec<Account>,
    /// Journal entries written so far.
    pub entries: u64,
    asset_index: FxHashMap<AssetCode, u32>,
    account_index: FxHashMap<AccountId, u32>,
}

impl Ledger {
    /// The index of an account.
    pub fn find_account(&self, name: &AccountId) -> Option<u32> {
        self.account_index.get(name).copied()
    }

    /// The index of an asset.
    pub fn find_asset(&self, code: &AssetCode) -> Option<u32> {
        self.asset_index.get(code).copied()
    }

    /// The account of that index.
    #[inline]
    pub fn account(&self, index: u32) -> &Account {
        &self.accounts[index as usize]
    }

    /// The account of that index.
    #[inline]
    pub fn account_mut(&mut self, index: u32) -> &mut Account {
        &mut self.accounts[index as usize]
    }

    /// The asset of that index.
    #[inline]
    pub fn asset(&self, index: u32) -> &Asset {
        &self.assets[index as usize]
    }

    /// Adds an asset that is not listed yet.
    pub fn add_asset(&mut self, asset: Asset) {
        let index = u32::try_from(self.assets.len()).expect("fewer than 2^32 assets");
        let before = self.asset_index.insert(asset.code.clone(), index);
        assert!(before.is_none(), "asset {} is listed twice", asset.code);
        self.assets.push(asset);
    }

    /// Adds an account that does not exist yet; its index.
    pub fn add_account(&mut self, account: Account) -> u32 {
        let index = u32::try_from(self.accounts.len()).expect("fewer than 2^32 accounts");
        let before = self.account_index.insert(account.name.clone(), index);
        assert!(before.is_none(), "account {} is there twice", account.name);
        self.accounts.push(account);
        index
    }

    /// Changes what an account holds of an asset by `by` minor units.
    #[inline]
    pub fn hold(&mut self, account: u32, asset: u32, by: i64) {
        if by != 0 {
            self.change_hold(account, asset, by);
        }
    }

    fn change_hold(&mut self, account: u32, asset: u32, by: i64) {
        let account = self.account_mut(account);
        let balance = account.balance_mut(asset);
        balance.held = balance.held.checked_add(by).expect("a hold that was checked fits");
        let balance = *balance;
        assert!(
            balance.held >= 0 && balance.available() >= 0,
            "account {} would hold {} of {} minor units: invariant 2",
            account.name,
            balance.held,
            balance.total,
        );
    }

    /// Books the lines for a member and gives them with the balances after them.
    pub fn post(&mut self, account: u32, lines: &[Line]) -> Postings {
        assert_balanced(lines);
        self.entries += 1;
        lines.iter().map(|&line| self.post_line(account, line)).collect()
    }

    fn post_line(&mut self, account: u32, (ledger, asset, amount): Line) -> Posted {
        let book = &mut self.assets[asset as usize];
        let sum = book.ledger_mut(ledger);
        *sum += amount;
        let mut balance = *sum;
        if ledger == LedgerAccount::Member {
            let account = &mut self.accounts[account as usize];
            let after = account.balance_mut(asset);
            after.total += amount;
            let after = *after;
            assert!(
                after.available() >= 0,
                "account {} would have {} and hold {} minor units of {}: invariant 2",
                account.name,
                after.total,
                after.held,
                book.code,
            );
            balance = after.total;
        }
        Posted { ledger, asset, amount, balance }
    }
}

fn assert_balanced(lines: &[Line]) {
    for (_, asset, _) in lines {
        let sum: i128 = lines.iter().filter(|line| line.1 == *asset).map(|line| line.2).sum();
        assert_eq!(sum, 0, "journal lines {lines:?} do not sum to zero: invariant 1");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_two_assets_may_balance_each() {
        use LedgerAccount::*;
        assert_balanced(&[(Member, 0, -5), (Member, 1, 7), (Clearing, 0, 5), (Clearing, 1, -7)]);
    }

    #[test]
    #[should_panic(expected = "do not sum to zero: invariant 1")]
    fn lines_of_one_asset_have_to_balance() {
        assert_balanced(&[(LedgerAccount::Member, 0, -5), (LedgerAccount::Clearing, 0, 4)]);
    }

    #[test]
    #[should_panic(expected = "do not sum to zero: invariant 1")]
    fn lines_that_sum_to_zero_over_two_assets_alone_do_not_balance() {
        assert_balanced(&[(LedgerAccount::Member, 0, -5), (LedgerAccount::Clearing, 1, 5)]);
    }
}
