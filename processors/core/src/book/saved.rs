//! The state of `matching` as bytes, and back.
//!
//! Invariants:
//! 1. Canonical: symbols, assets and accounts by name, orders in price-time order. How slabs, tables and indices
//!    came about is not in it; accounts without an open order or waiting command are not either.
//! 2. `save(load(bytes)) == bytes`.

use crate::book::Book;
use crate::book::depth::Depth;
use crate::book::market::{Market, Task};
use crate::book::matching::Matching;
use crate::book::order::{AccountIndex, BookState};
use crate::ids::{AccountId, AssetCode};
use crate::instrument::Instrument;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Serialize, Deserialize)]
struct Saved {
    partition: u32,
    trades: u64,
    assets: BTreeMap<AssetCode, u8>,
    /// By name; account indices below are positions here.
    accounts: Vec<AccountId>,
    /// By symbol.
    markets: Vec<SavedMarket>,
}

#[derive(Serialize, Deserialize)]
struct SavedMarket {
    instrument: Instrument,
    day: i64,
    depth: Depth,
    book: BookState,
    backlog: Vec<Task>,
}

impl SavedMarket {
    fn accounts_mut(&mut self) -> impl Iterator<Item = &mut AccountIndex> {
        let waiting = self.backlog.iter_mut().filter_map(|task| task.command.account_mut());
        self.book.accounts_mut().chain(waiting)
    }
}

pub(super) fn save<B: Book>(machine: &Matching<B>) -> Vec<u8> {
    let mut markets: Vec<SavedMarket> = machine.markets.iter().map(saved_market).collect();
    markets.sort_by(|a, b| a.instrument.symbol.cmp(&b.instrument.symbol));
    let accounts = renumber(machine, &mut markets);
    let saved = Saved {
        partition: machine.partition,
        trades: machine.trades,
        assets: machine.assets.clone(),
        accounts,
        markets,
    };
    postcard::to_stdvec(&saved).expect("a state always encodes")
}

fn saved_market<B: Book>(market: &Market<B>) -> SavedMarket {
    SavedMarket {
        instrument: market.instrument.clone(),
        day: market.day,
        depth: market.depth,
        book: market.book.state(),
        backlog: market.backlog.iter().cloned().collect(),
    }
}

/// Replaces the machine's account indices by positions in the returned list of names.
fn renumber<B>(machine: &Matching<B>, markets: &mut [SavedMarket]) -> Vec<AccountId> {
    let mut used: BTreeMap<AccountIndex, AccountIndex> = BTreeMap::new();
    for index in markets.iter_mut().flat_map(SavedMarket::accounts_mut) {
        used.insert(*index, *index);
    }
    let mut names: Vec<(&AccountId, AccountIndex)> =
        used.keys().map(|index| (machine.accounts.name(*index), *index)).collect();
    names.sort();
    for (position, (_, index)) in (0..).zip(&names) {
        used.insert(*index, AccountIndex(position));
    }
    for index in markets.iter_mut().flat_map(SavedMarket::accounts_mut) {
        *index = used[index];
    }
    names.into_iter().map(|(name, _)| name.clone()).collect()
}

/// Fills an empty machine.
pub(super) fn load<B: Book>(machine: &mut Matching<B>, bytes: &[u8]) -> Result<(), String> {
    let saved: Saved = postcard::from_bytes(bytes).map_err(|error| format!("not a state of matching: {error}"))?;
    if saved.partition != machine.partition {
        return Err(format!("a state of partition {}, not of {}", saved.partition, machine.partition));
    }
    // In an empty machine, names get the indices in which they come: their positions in the list.
    for name in &saved.accounts {
        machine.accounts.index(name);
    }
    machine.trades = saved.trades;
    machine.assets = saved.assets;
    for mut market in saved.markets {
        let symbol = &market.instrument.symbol;
        market.instrument.check().map_err(|error| format!("instrument {symbol}: {error}"))?;
        market.book.check().map_err(|error| format!("book of {symbol}: {error}"))?;
        if market.accounts_mut().any(|index| index.0 as usize >= saved.accounts.len()) {
            return Err(format!("{} names an account that is not in the state", market.instrument.symbol));
        }
        machine.restore(Market {
            book: B::from_state(market.instrument.tick_value, &market.book),
            instrument: market.instrument,
            backlog: market.backlog.into(),
            day: market.day,
            depth: market.depth,
        });
    }
    Ok(())
}
