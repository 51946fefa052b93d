//! The auditor's own ledger of one partition of `accounts`: from its accepted records alone it says what holds must
//! write into `books`, `order-events` and `journal`. By docs/machines.md and the decisions 0007, 0011, 0012, 0015, 0016.
//!
//! Invariants that it checks by itself, whatever it was written after:
//! 1. Available (total less held) is never negative, and held is the sum of what the account's open orders hold.
//! 2. A fill never costs more than its order holds.
//! 3. The postings of an entry sum to zero in each asset.
//!
//! - `commands`: place, amend, reduce, cancel, deposits, withdrawals. `checks`: what they are refused for.
//! - `answers`: settlement legs and what the book did. `order`: an order and what it must hold.
//!
//! Left out on purpose: sums beyond 2^63 and accounts beyond 1,024 strangers; no script reaches them.

mod answers;
mod checks;
mod commands;
mod order;

use super::Finding;
use super::accept::{Channel, Taken};
use super::clock::Time;
use super::expected::{Expected, channel};
use super::terms::{Terms, minor};
use super::window::Window;
use crate::script::Setup;
use hoga_core::records::{JournalEntry, JournalKind, LedgerAccount, Posting};
use hoga_core::{AssetCode, ClientId, Decimal, MachineKind, OrderId, Record, Timestamp, Topic, TradeId};
use order::Order;
use std::collections::BTreeMap;

/// Ids that are remembered of an account without a deposit.
const STRANGER_IDS: usize = 16;

#[derive(Debug, Default)]
struct Account {
    /// Total by asset, in minor units.
    totals: BTreeMap<String, i128>,
    window: Window,
    open_orders: u32,
}

/// A partition of `accounts`.
#[derive(Debug)]
pub(crate) struct Accounts {
    channel: Channel,
    partition: u32,
    setup: Setup,
    time: Time,
    now: i64,
    appended: i64,
    offset: u64,
    assets: BTreeMap<String, u8>,
    rates: BTreeMap<String, (u32, u32)>,
    listings: BTreeMap<String, Terms>,
    members: BTreeMap<String, Account>,
    strangers: BTreeMap<String, Window>,
    orders: BTreeMap<u64, Order>,
    numbered: u64,
    entries: u64,
    /// CLEARING, FEES and EXTERNAL of the partition, by asset.
    house: BTreeMap<(LedgerAccount, String), i128>,
}

/// One line of an entry: to whom, in what, how many minor units.
type Line = (LedgerAccount, AssetCode, i128);

impl Accounts {
    pub fn new(partition: u32, setup: &Setup) -> Self {
        Self {
            channel: channel(MachineKind::Holds, partition),
            partition,
            setup: *setup,
            time: Time::default(),
            now: 0,
            appended: 0,
            offset: 0,
            assets: BTreeMap::new(),
            rates: BTreeMap::new(),
            listings: BTreeMap::new(),
            members: BTreeMap::new(),
            strangers: BTreeMap::new(),
            orders: BTreeMap::new(),
            numbered: 0,
            entries: 0,
            house: BTreeMap::new(),
        }
    }

    /// Takes the next accepted record and demands what follows from it.
    pub fn take(&mut self, taken: &Taken, expected: &mut Expected) -> Result<(), Finding> {
        let record = taken.record.as_ref().expect("a trusted topic's records decode");
        let clock = if let Record::Clock(clock) = record { Some(clock.time) } else { None };
        self.now = self.time.at(taken.time, clock).0;
        (self.appended, self.offset) = (taken.time.0, taken.offset);
        match record {
            Record::PlaceOrder(r) => self.place(r, expected),
            Record::AmendOrder(r) => self.change(&r.into(), expected),
            Record::ReduceOrder(r) => self.change(&r.into(), expected),
            Record::CancelOrder(r) => self.change(&r.into(), expected),
            Record::Deposit(r) => self.transfer(&r.into(), expected),
            Record::Withdrawal(r) => self.transfer(&r.into(), expected),
            Record::SettlementLeg(r) => self.settle(r, expected)?,
            Record::BookAnswer(r) => self.answer(r, expected)?,
            Record::AssetListing(r) => {
                self.assets.insert(r.asset.to_string(), r.digits);
            }
            Record::FeeSchedule(r) => {
                self.rates.insert(r.name.to_string(), (r.maker_fee_ppm, r.taker_fee_ppm));
            }
            Record::InstrumentListing(r) => {
                let digits = |asset: &AssetCode| self.assets[asset.as_str()];
                let terms = Terms { base_digits: digits(&r.base), quote_digits: digits(&r.quote), listing: r.clone() };
                self.listings.insert(r.symbol.to_string(), terms);
            }
            _ => {}
        }
        self.check(record)
    }

    /// Invariant 1, for the account that the record is about.
    fn check(&self, record: &Record) -> Result<(), Finding> {
        let Some(name) = record.account() else { return Ok(()) };
        let Some(account) = self.members.get(name.as_str()) else { return Ok(()) };
        for (asset, total) in &account.totals {
            let held = self.held(name.as_str(), asset);
            if held > *total || *total < 0 {
                return Err(self.finding(format!("{name} has {total} minor units of {asset} and holds {held}")));
            }
        }
        Ok(())
    }

    /// What an account's open orders hold of an asset.
    fn held(&self, account: &str, asset: &str) -> i128 {
        let orders = self.orders.values().filter(|order| order.account.as_str() == account);
        orders.filter(|order| order.pays.as_str() == asset).map(|order| order.held).sum()
    }

    fn available(&self, account: &str, asset: &str) -> i128 {
        let total = self.members.get(account).and_then(|account| account.totals.get(asset)).copied();
        total.unwrap_or_default() - self.held(account, asset)
    }

    /// Books lines for a member and demands their entry.
    #[expect(clippy::too_many_arguments, reason = "an entry's fields, said once")]
    fn book(
        &mut self,
        account: &hoga_core::AccountId,
        kind: JournalKind,
        client_id: Option<ClientId>,
        order_id: Option<OrderId>,
        trade_id: Option<TradeId>,
        lines: &[Line],
        expected: &mut Expected,
    ) -> Result<(), Finding> {
        for (_, asset, _) in lines {
            let sum: i128 = lines.iter().filter(|line| line.1 == *asset).map(|line| line.2).sum();
            if sum != 0 {
                return Err(self.finding(format!("an entry for {account} sums to {sum} minor units of {asset}")));
            }
        }
        self.entries += 1;
        let postings = lines.iter().map(|line| self.post(account.as_str(), line)).collect();
        let (entry, time) = (self.entries, Timestamp(self.now));
        let account = account.clone();
        let entry = JournalEntry { account, entry, time, kind, client_id, order_id, trade_id, postings };
        expected.demand(self.channel, self.offset, Topic::Journal, entry);
        Ok(())
    }

    fn post(&mut self, account: &str, (ledger, asset, units): &Line) -> Posting {
        let unit = minor(self.assets[asset.as_str()]);
        let balance = if *ledger == LedgerAccount::Member {
            let account = self.members.get_mut(account).expect("only members are booked");
            account.totals.entry(asset.to_string()).or_default()
        } else {
            self.house.entry((*ledger, asset.to_string())).or_default()
        };
        *balance += units;
        let balance = Decimal(*balance * unit);
        Posting { ledger: *ledger, asset: asset.clone(), amount: Decimal(units * unit), balance }
    }

    fn finding(&self, what: String) -> Finding {
        Finding::new(format!("accounts/{} offset {}: {what}", self.partition, self.offset))
    }

    /// At the end, when nothing is in flight: what CLEARING is owed here, by asset, and that no order waits.
    pub fn settled(&self) -> Result<BTreeMap<String, i128>, Finding> {
        for order in self.orders.values() {
            if !order.pending.is_empty() || order.status == hoga_core::records::OrderStatus::Pending {
                return Err(self.finding(format!("order {} still waits for the book's answer", order.id)));
            }
        }
        let clearing = self.house.iter().filter(|((ledger, _), _)| *ledger == LedgerAccount::Clearing);
        Ok(clearing.map(|((_, asset), units)| (asset.clone(), *units)).collect())
    }

    /// The orders that are open and in the book, and what of each is open.
    pub fn resting(&self) -> impl Iterator<Item = (OrderId, i128)> {
        self.orders.values().filter(|order| order.is_open()).map(|order| (order.id, order.open().unwrap_or_default()))
    }
}
