//! The state as canonical bytes, and back.
//!
//! Invariants:
//! 1. Equal logical states give equal bytes: accounts, assets and listings stand in the order of their first record,
//!    orders by number, ids by name; ids past their time are left out.
//! 2. What is loaded was checked: bytes that do not fit themselves are an error, and the machine stays as it was.
//!
//! Left out on purpose: the snapshot's framing and checksum (the runtime's).

use super::Holds;
use super::identity::Strangers;
use super::ledger::{Account, Asset, Balance, Ledger};
use super::listings::{Listed, Listings, Schedule};
use super::orders::{Order, Orders};
use super::window::{CROWD, Key, SavedWindow, Windows};
use crate::ids::AccountId;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// The layout of the saved state.
const LAYOUT: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Saved {
    layout: u32,
    partition: u32,
    time: Timestamp,
    numbered: u64,
    entries: u64,
    assets: Vec<Asset>,
    schedules: Vec<Schedule>,
    instruments: Vec<Listed>,
    accounts: Vec<SavedAccount>,
    orders: Vec<Order>,
    strangers: Vec<(AccountId, SavedWindow)>,
    crowd_full_until: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct SavedAccount {
    name: AccountId,
    balances: Vec<(u32, Balance)>,
    window: SavedWindow,
}

impl Holds {
    pub(super) fn export(&self) -> Vec<u8> {
        let mut windows = self.windows.export(self.time);
        let mut window = |number: u32| std::mem::take(&mut windows[number as usize]);
        let accounts = self.ledger.accounts.iter().map(|account| export_account(account, window(account.window)));
        let accounts = accounts.collect();
        let strangers = self.strangers.0.iter().map(|(name, number)| (name.clone(), window(*number)));
        let strangers = strangers.filter(|(_, saved)| *saved != SavedWindow::default()).collect();
        let saved = Saved {
            layout: LAYOUT,
            partition: self.partition,
            time: self.time,
            numbered: self.numbered,
            entries: self.ledger.entries,
            assets: self.ledger.assets.clone(),
            schedules: self.listings.schedules.clone(),
            instruments: self.listings.instruments.clone(),
            accounts,
            orders: self.orders.sorted().into_iter().cloned().collect(),
            strangers,
            crowd_full_until: window(CROWD).1,
        };
        postcard::to_stdvec(&saved).expect("plain data is encoded into memory")
    }

    pub(super) fn import(&mut self, bytes: &[u8]) -> Result<(), String> {
        let (saved, rest): (Saved, _) =
            postcard::take_from_bytes(bytes).map_err(|error| format!("the state of holds does not decode: {error}"))?;
        if !rest.is_empty() || saved.layout != LAYOUT {
            return Err(format!("layout {} with {} bytes left over, expected {LAYOUT}", saved.layout, rest.len()));
        }
        if saved.partition != self.partition {
            return Err(format!("it is of partition {}, this is {}", saved.partition, self.partition));
        }
        let mut windows = Windows::new(saved.time);
        windows.raise_full_until(CROWD, saved.crowd_full_until);
        let mut loaded = Self {
            partition: self.partition,
            limits: self.limits,
            time: saved.time,
            numbered: saved.numbered,
            listings: import_listings(saved.schedules, saved.instruments, saved.assets.len())?,
            ledger: import_ledger(saved.assets, saved.accounts, saved.entries, &mut windows, saved.time)?,
            orders: Orders::default(),
            strangers: import_strangers(saved.strangers, &mut windows, saved.time)?,
            windows,
        };
        for order in saved.orders {
            loaded.import_order(order)?;
        }
        loaded.windows.finish_import();
        loaded.verify()?;
        *self = loaded;
        Ok(())
    }

    fn import_order(&mut self, mut order: Order) -> Result<(), String> {
        let (id, account, open) = (order.id, order.account as usize, order.is_open());
        if account >= self.ledger.accounts.len() || order.instrument as usize >= self.listings.instruments.len() {
            return Err(format!("order {id}: its account or instrument is not there"));
        }
        if self.orders.find(id).is_some() || id.partition() != self.partition || id.count() > self.numbered {
            return Err(format!("order {id} is there twice or was never numbered"));
        }
        if !order.is_sound() {
            return Err(format!("order {id} is none that was placed: {order:?}"));
        }
        if !open {
            self.orders.add(order);
            return Ok(());
        }
        let account = &mut self.ledger.accounts[account];
        let id_at = self.windows.place_of(&Key::new(account.window, &order.client_id));
        let Some(id_at) = id_at.filter(|at| self.windows.open_order(*at).is_none()) else {
            let client_id = &order.client_id;
            return Err(format!("order {id}: its client id {client_id} is not remembered, or another order's"));
        };
        account.open_orders += 1;
        order.id_at = id_at;
        self.windows.open(id_at, self.orders.add(order));
        Ok(())
    }
}

fn export_account(account: &Account, window: SavedWindow) -> SavedAccount {
    SavedAccount { name: account.name.clone(), balances: account.balances.to_vec(), window }
}

fn import_listings(schedules: Vec<Schedule>, instruments: Vec<Listed>, assets: usize) -> Result<Listings, String> {
    let mut listings = Listings::default();
    listings.schedules = schedules;
    for listed in instruments {
        let symbol = &listed.instrument.symbol;
        listed.instrument.check().map_err(|error| format!("instrument {symbol}: {error}"))?;
        let there = (listed.base.max(listed.quote) as usize) < assets;
        if !there || listed.schedule as usize >= listings.schedules.len() || listings.find(symbol).is_some() {
            return Err(format!("instrument {symbol} is there twice, or refers to what is not there"));
        }
        listings.add(listed);
    }
    Ok(listings)
}

fn import_ledger(
    assets: Vec<Asset>,
    accounts: Vec<SavedAccount>,
    entries: u64,
    windows: &mut Windows,
    now: Timestamp,
) -> Result<Ledger, String> {
    let mut ledger = Ledger::default();
    ledger.entries = entries;
    for asset in assets {
        if ledger.find_asset(&asset.code).is_some() || asset.digits > crate::instrument::MAX_DIGITS {
            return Err(format!("asset {} is there twice or has {} digits", asset.code, asset.digits));
        }
        if ![asset.members, asset.clearing, asset.fees, asset.external].into_iter().all(can_be_summed) {
            return Err(format!("{asset:?} has more than can be summed"));
        }
        ledger.add_asset(asset);
    }
    for SavedAccount { name, balances, window } in accounts {
        let mut seen: Vec<u32> = balances.iter().map(|(asset, _)| *asset).collect();
        seen.sort_unstable();
        seen.dedup();
        let known = seen.last().is_none_or(|last| (*last as usize) < ledger.assets.len());
        if ledger.find_account(&name).is_some() || seen.len() != balances.len() || !known {
            return Err(format!("account {name} is there twice, or a balance of it, or one in an unknown asset"));
        }
        if let Some((_, most)) = balances.iter().find(|(_, balance)| !can_be_summed(balance.total)) {
            return Err(format!("account {name} has more than can be summed: {most:?}"));
        }
        let window = windows.import(window, now).map_err(|what| format!("account {name}: {what}"))?;
        ledger.add_account(Account { name, balances: SmallVec::from_vec(balances), window, open_orders: 0 });
    }
    Ok(ledger)
}

/// 2^32 accounts of so much each still fit a sum: more than 2^32 records of 64 bits could have brought.
fn can_be_summed(amount: i128) -> bool {
    amount.unsigned_abs() < 1 << 94
}

fn import_strangers(
    saved: Vec<(AccountId, SavedWindow)>,
    windows: &mut Windows,
    now: Timestamp,
) -> Result<Strangers, String> {
    let mut strangers = Strangers::default();
    for (name, window) in saved {
        let window = windows.import(window, now).map_err(|what| format!("stranger {name}: {what}"))?;
        strangers.0.insert(name, window);
    }
    Ok(strangers)
}

#[cfg(test)]
mod tests {
    use super::super::tests::script::{MARKET, Player};
    use super::*;
    use crate::holds::orders::{Change, Pending};
    use crate::ids::{ClientId, OrderId};
    use crate::money::{Amount, Price, Quantity};
    use crate::settings::Settings;

    const MOST: i128 = (1 << 94) - 1;

    /// Alice has an open order; FINE has as many digits as an asset may have. The player loads after each line.
    const TRADING: &str = "
        asset FINE 10
        deposit alice d1 KRW 100000
        deposit bob d1 BTC 10
        place alice o1 KRW-BTC BUY LIMIT GTC price=1000 qty=10
    ";

    #[test]
    fn a_state_that_does_not_fit_itself_is_refused() {
        let mut player = Player::new(Settings::default());
        player.play(MARKET);
        let came = player.play(TRADING);
        assert!(came.contains("to book: order 0-1") && !came.contains("STOP"), "{came}");
        let bytes = player.holds.export();
        let load = |change: fn(&mut Saved)| {
            let mut saved: Saved = postcard::from_bytes(&bytes).unwrap();
            change(&mut saved);
            Holds::new(0, &Settings::default()).import(&postcard::to_stdvec(&saved).unwrap())
        };
        assert_eq!(load(|_| {}), Ok(()));
        type Change = fn(&mut Saved);
        let cases: &[(Change, &str)] = &[
            (|s| s.layout += 1, "layout 2 with 0 bytes left over, expected 1"),
            (|s| s.partition = 1, "it is of partition 1, this is 0"),
            (|s| s.orders[0].account = s.accounts.len() as u32, "order 0-1: its account or instrument is not there"),
            (|s| s.orders[0].instrument = s.instruments.len() as u32, "order 0-1: its account or instrument"),
            (|s| s.orders.push(s.orders[0].clone()), "order 0-1 is there twice or was never numbered"),
            (|s| s.orders[0].id = OrderId::new(1, 1), "order 1-1 is there twice or was never numbered"),
            (|s| s.numbered = 0, "order 0-1 is there twice or was never numbered"),
            (|s| s.orders[0].client_id = ClientId::unchecked("o9"), "order 0-1: its client id o9 is not remembered"),
            (|s| s.orders[0].price = None, "order 0-1 is none that was placed"),
            (|s| s.instruments.push(s.instruments[0].clone()), "instrument KRW-BTC is there twice, or refers"),
            (|s| s.instruments[0].base = s.assets.len() as u32, "instrument KRW-BTC is there twice, or refers"),
            (|s| s.instruments[0].schedule = s.schedules.len() as u32, "instrument KRW-BTC is there twice, or refers"),
            (|s| s.assets.push(s.assets[0].clone()), "is there twice or has"),
            (|s| s.assets[0].digits = 11, "is there twice or has 11 digits"),
            (|s| s.assets[0].members = MOST + 1, "has more than can be summed"),
            (|s| s.assets[0].external = -MOST - 1, "has more than can be summed"),
            (|s| s.accounts[0].balances[0].1.total = MOST + 1, "account alice has more than can be summed"),
            (|s| s.accounts[0].balances[0].0 = s.assets.len() as u32, "account alice is there twice, or a balance"),
            (
                |s| s.accounts[0].balances = vec![s.accounts[0].balances[0]; 2],
                "account alice is there twice, or a balance",
            ),
            (|s| s.accounts[1].name = s.accounts[0].name.clone(), "account alice is there twice, or a balance"),
        ];
        let sums: &[(Change, &str)] = &[
            (|s| s.orders[0].held += 1, "order 0-1 holds "),
            (|s| s.accounts[1].balances[0].1.held = 1, "its orders hold 0"),
            (|s| s.accounts[0].balances[0].1.total = 1, "account alice: "),
            (|s| s.accounts[0].balances.clear(), "of nothing"),
            (|s| s.assets[0].external -= 1, "sums to -1, its members to"),
            (|s| (s.assets[0].members, s.assets[0].external) = (1, -1), "sums to 0, its members to 100000"),
            (
                |s| (s.assets[0].fees, s.assets[0].external) = (-1, s.assets[0].external + 1),
                "sums to 0, its members to",
            ),
        ];
        for (change, expect) in cases.iter().chain(sums) {
            let outcome = load(*change);
            assert!(
                outcome.as_ref().is_err_and(|error| error.contains(expect)),
                "expected {expect:?}, got {outcome:?}"
            );
        }
        let mut more = bytes.clone();
        more.push(0);
        let outcome = Holds::new(0, &Settings::default()).import(&more);
        assert_eq!(outcome, Err("layout 1 with 1 bytes left over, expected 1".into()));
        assert!(player.play("asset WIDE 11").contains("11 digits are too many"));
    }

    #[test]
    fn an_order_has_what_its_kind_has() {
        let mut player = Player::new(Settings::default());
        player.play(MARKET);
        player.play(TRADING);
        let came = player.play(
            "place bob o1 KRW-BTC SELL MARKET IOC qty=5
             place alice o2 KRW-BTC BUY MARKET IOC amount=50000",
        );
        assert!(came.contains("to book: order 0-3"), "{came}");
        let orders: Vec<Order> = player.holds.orders.sorted().into_iter().cloned().collect();
        let [limit, sell, buy] = [0, 1, 2];
        let waits = |change| Pending { client_id: ClientId::unchecked("p"), change };
        let amend = |price, quantity| Change::Amend { price, quantity };
        type Make<'a> = &'a dyn Fn(&mut Order);
        let cases: &[(usize, bool, Make<'_>)] = &[
            (limit, true, &|_| {}),
            (limit, true, &|o| (o.price, o.quantity) = (Some(Price(1)), Some(Quantity(1)))),
            (limit, false, &|o| o.price = None),
            (limit, false, &|o| o.quantity = None),
            (limit, false, &|o| o.price = Some(Price(0))),
            (limit, false, &|o| o.quantity = Some(Quantity(0))),
            (limit, false, &|o| o.filled = Quantity(-1)),
            (limit, false, &|o| o.filled_amount = -1),
            (limit, true, &|o| o.pending.push(waits(amend(Some(Price(1)), Some(Quantity(1)))))),
            (limit, false, &|o| o.pending.push(waits(amend(Some(Price(0)), Some(Quantity(1)))))),
            (limit, false, &|o| o.pending.push(waits(amend(Some(Price(1)), Some(Quantity(0)))))),
            (limit, true, &|o| o.pending.push(waits(Change::Reduce(Quantity(1))))),
            (limit, false, &|o| o.pending.push(waits(Change::Reduce(Quantity(0))))),
            (sell, true, &|_| {}),
            (sell, false, &|o| o.quantity = None),
            (sell, true, &|o| (o.amount, o.filled_amount) = (Some(Amount(1)), 5)),
            (buy, true, &|_| {}),
            (buy, false, &|o| o.amount = None),
            (buy, true, &|o| o.filled_amount = 50_000),
            (buy, false, &|o| o.filled_amount = 50_001),
        ];
        for (number, (order, sound, change)) in cases.iter().enumerate() {
            let mut order = orders[*order].clone();
            change(&mut order);
            assert_eq!(order.is_sound(), *sound, "case {number}: {order:?}");
        }
    }
}
