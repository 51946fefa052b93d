//! What may be read of the state: balances, holds, ledger totals; and the check that they fit each other.

use super::Holds;
use crate::ids::{AccountId, AssetCode, OrderId};
use crate::money::Decimal;
use crate::records::LedgerAccount;
use std::collections::BTreeMap;

/// What an account has of an asset.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct BalanceView {
    /// Whose.
    pub account: AccountId,
    /// Of what.
    pub asset: AssetCode,
    /// All of it.
    pub total: Decimal,
    /// What open orders hold of it.
    pub held: Decimal,
}

/// What an open order holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HoldView {
    /// The order.
    pub order_id: OrderId,
    /// Whose.
    pub account: AccountId,
    /// Of what.
    pub asset: AssetCode,
    /// How much.
    pub held: Decimal,
}

impl Holds {
    /// All balances, by account and asset; an asset that an account never had is left out.
    pub fn balances(&self) -> impl Iterator<Item = BalanceView> + use<> {
        let mut list = Vec::new();
        for account in &self.ledger.accounts {
            for &(asset, balance) in &account.balances {
                let asset = self.ledger.asset(asset);
                let (total, held) = (asset.decimal(balance.total), asset.decimal(i128::from(balance.held)));
                list.push(BalanceView { account: account.name.clone(), asset: asset.code.clone(), total, held });
            }
        }
        list.sort_unstable();
        list.into_iter()
    }

    /// What each open order holds, by order number.
    pub fn open_orders(&self) -> impl Iterator<Item = HoldView> + '_ {
        self.orders.sorted().into_iter().filter(|order| order.is_open()).map(|order| {
            let asset = self.ledger.asset(self.listings.get(order.instrument).pays(order.side));
            HoldView {
                order_id: order.id,
                account: self.ledger.account(order.account).name.clone(),
                asset: asset.code.clone(),
                held: asset.decimal(i128::from(order.held)),
            }
        })
    }

    /// The partition's balance of each ledger account and asset (MEMBER: of all members), by asset and ledger account.
    /// Over all partitions the four of an asset sum to zero, and CLEARING alone once nothing is in flight.
    pub fn ledger_totals(&self) -> impl Iterator<Item = (LedgerAccount, AssetCode, Decimal)> + use<> {
        let mut list = Vec::new();
        for asset in &self.ledger.assets {
            for &ledger in LedgerAccount::ALL {
                list.push((ledger, asset.code.clone(), asset.decimal(asset.ledger(ledger))));
            }
        }
        list.sort_unstable_by(|a, b| (&a.1, a.0).cmp(&(&b.1, b.0)));
        list.into_iter()
    }

    /// Client ids that are remembered, over all accounts, and accounts: for metrics. Ids that are past their time
    /// count until they are purged.
    pub fn sizes(&self) -> (usize, usize) {
        let ids = self.ledger.accounts.iter().map(|account| self.windows.len(account.window)).sum();
        (ids, self.ledger.accounts.len())
    }

    /// Panics with a clear text unless the state fits itself: see [`Self::verify`].
    pub fn check_invariants(&self) {
        if let Err(what) = self.verify() {
            panic!("holds, partition {}: {what}", self.partition);
        }
    }

    /// Whether held is the sum of the holds of open orders for every account and asset, every order holds what it
    /// needs, nothing available is negative, and all accounts of an asset sum to zero; else what does not fit.
    pub fn verify(&self) -> Result<(), String> {
        let (mut holds, mut open) = (BTreeMap::<(u32, u32), i128>::new(), BTreeMap::<u32, u32>::new());
        for order in self.orders.sorted() {
            let listed = self.listings.get(order.instrument);
            if order.need(&listed.instrument) != Some(order.held) {
                let need = order.need(&listed.instrument);
                return Err(format!("order {} holds {} and needs {need:?}", order.id, order.held));
            }
            *holds.entry((order.account, listed.pays(order.side))).or_default() += i128::from(order.held);
            *open.entry(order.account).or_default() += u32::from(order.is_open());
        }
        let mut members = vec![0i128; self.ledger.assets.len()];
        for (index, account) in (0u32..).zip(&self.ledger.accounts) {
            if account.open_orders != open.get(&index).copied().unwrap_or(0) {
                return Err(format!("account {} counts {} open orders", account.name, account.open_orders));
            }
            for &(asset, balance) in &account.balances {
                let held = holds.remove(&(index, asset)).unwrap_or(0);
                if i128::from(balance.held) != held || balance.held < 0 || balance.available() < 0 {
                    let code = &self.ledger.asset(asset).code;
                    return Err(format!("account {}: {balance:?} of {code}, its orders hold {held}", account.name));
                }
                members[asset as usize] += balance.total;
            }
        }
        if let Some(((account, _), held)) = holds.into_iter().find(|(_, held)| *held != 0) {
            return Err(format!("account {}: orders hold {held} of nothing", self.ledger.account(account).name));
        }
        for (asset, members) in self.ledger.assets.iter().zip(members) {
            let sum = asset.members + asset.clearing + asset.fees + asset.external;
            if sum != 0 || asset.members != members || asset.fees < 0 {
                return Err(format!("{asset:?} sums to {sum}, its members to {members}"));
            }
        }
        Ok(())
    }
}
