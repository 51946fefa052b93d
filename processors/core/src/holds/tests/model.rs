//! An independent model of the ledger, for `random.rs`: plain `i128` arithmetic over ordered maps, its own tables of
//! instruments, its own fee and hold formulas (by enumerating what may happen), nothing of the code under test.

use std::collections::{BTreeMap, VecDeque};

/// An instrument as the model sees it: indices into [`ASSETS`], and minor units per tick × lot and per lot.
pub struct Market {
    pub symbol: &'static str,
    pub base: usize,
    pub quote: usize,
    pub tick: &'static str,
    pub lot: &'static str,
    pub tick_value: i128,
    pub lot_value: i128,
    pub min_notional: i128,
    pub schedule: usize,
}

/// Assets and their digits.
pub const ASSETS: [(&str, u8); 4] = [("KRW", 0), ("BTC", 8), ("USD", 2), ("BIG", 0)];

/// Fee schedules: maker and taker rates.
pub const FEES: [(u32, u32); 3] = [(333, 777), (0, 100_000), (25, 1)];

/// The markets: plain, with odd steps, and with amounts near the end of 64 bits.
pub const MARKETS: [Market; 3] = [
    Market {
        symbol: "KRW-BTC",
        base: 1,
        quote: 0,
        tick: "100",
        lot: "0.01",
        tick_value: 1,
        lot_value: 1_000_000,
        min_notional: 500,
        schedule: 0,
    },
    Market {
        symbol: "USD-KRW",
        base: 0,
        quote: 2,
        tick: "0.07",
        lot: "3",
        tick_value: 21,
        lot_value: 3,
        min_notional: 0,
        schedule: 1,
    },
    Market {
        symbol: "BIG-BTC",
        base: 1,
        quote: 3,
        tick: "1000003",
        lot: "1",
        tick_value: 1_000_003,
        lot_value: 100_000_000,
        min_notional: 1,
        schedule: 2,
    },
];

pub const MAX: i128 = i64::MAX as i128;

/// A command on its way to the book.
#[derive(Debug, Clone, PartialEq)]
pub enum Ask {
    Amend { price: Option<i128>, total: Option<i128> },
    Reduce(i128),
    Cancel,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Pending,
    Open,
    Closed,
}

/// An order: prices in ticks, quantities in lots, money in minor units.
#[derive(Debug, Clone)]
pub struct Order {
    pub account: usize,
    pub market: usize,
    pub name: String,
    pub buy: bool,
    pub price: Option<i128>,
    pub total: Option<i128>,
    pub amount: Option<i128>,
    pub rates: (u32, u32),
    pub state: State,
    pub filled: i128,
    pub spent: i128,
    /// The sum of notional × rate of its fills.
    pub fee_numerator: i128,
    pub asks: VecDeque<(String, Ask)>,
    pub held: i128,
}

pub fn fee_of(numerator: i128) -> i128 {
    numerator / 1_000_000 + i128::from(numerator % 1_000_000 != 0)
}

impl Order {
    pub fn market(&self) -> &'static Market {
        &MARKETS[self.market]
    }

    pub fn pays(&self) -> usize {
        if self.buy { self.market().quote } else { self.market().base }
    }

    pub fn notional(&self, price: i128, lots: i128) -> i128 {
        price * lots * self.market().tick_value
    }

    pub fn open(&self) -> i128 {
        (self.total.unwrap() - self.filled).max(0)
    }

    /// The fee of a fill of that notional.
    pub fn fee(&self, notional: i128, rate: u32) -> i128 {
        fee_of(self.fee_numerator + notional * i128::from(rate)) - fee_of(self.fee_numerator)
    }

    /// What is left of the amount of a buy that names one.
    pub fn unspent(&self) -> i128 {
        self.amount.unwrap() - self.spent - fee_of(self.fee_numerator)
    }

    fn amends(&self) -> Vec<(i128, i128)> {
        let (price, total) = (self.price.unwrap_or(0), self.total.unwrap_or(0));
        let amend = |(_, ask): &(String, Ask)| match *ask {
            Ask::Amend { price: p, total: t } => Some((p.unwrap_or(price), t.unwrap_or(total))),
            _ => None,
        };
        self.asks.iter().filter_map(amend).collect()
    }

    /// What it has to hold: the worst of what may happen, tried out.
    pub fn need(&self) -> i128 {
        if self.state == State::Closed {
            return 0;
        }
        if self.buy && self.price.is_none() {
            return self.unspent();
        }
        let amends = self.amends();
        let most_total = amends.iter().map(|a| a.1).chain(self.total).max().unwrap();
        let most_open = (most_total - self.filled).max(0);
        if !self.buy {
            return most_open * self.market().lot_value;
        }
        let (price, open) = (self.price.unwrap(), self.open());
        let notional = match amends.as_slice() {
            [] => self.notional(price, open),
            [(new_price, new_total)] => {
                // So many lots trade at the old price, then the amend arrives. The cost is linear between these.
                let new_open = (new_total - self.filled).max(0);
                let cost =
                    |first: i128| self.notional(price, first) + self.notional(*new_price, (new_open - first).max(0));
                [0, open, new_open.min(open)].into_iter().map(cost).max().unwrap()
            }
            _ => {
                let most_price = amends.iter().map(|a| a.0).max().unwrap().max(price);
                self.notional(most_price, most_open)
            }
        };
        notional + self.fee(notional, self.rates.0.max(self.rates.1))
    }

    /// Whether all products that may come up fit 64 bits.
    pub fn fits(&self) -> bool {
        let total = self.amends().iter().map(|a| a.1).chain(self.total).max();
        let price = self.amends().iter().map(|a| a.0).chain(self.price).max();
        let base = total.is_none_or(|total| total * self.market().lot_value <= MAX);
        let notional = price.zip(total).is_none_or(|(price, total)| self.notional(price, total) <= MAX);
        base && notional && self.need() <= MAX
    }
}

/// The ledger.
#[derive(Default)]
pub struct Model {
    /// By account and asset: total and held.
    pub balances: BTreeMap<(usize, usize), (i128, i128)>,
    pub orders: BTreeMap<u64, Order>,
    /// The open orders of each account.
    pub open: BTreeMap<usize, u32>,
    /// By asset: clearing, fees, external.
    pub own: [[i128; 3]; 4],
}

impl Model {
    pub fn available(&self, account: usize, asset: usize) -> i128 {
        self.balances.get(&(account, asset)).map_or(0, |(total, held)| total - held)
    }

    pub fn add(&mut self, account: usize, asset: usize, amount: i128) {
        let (total, held) = self.balances.entry((account, asset)).or_default();
        *total += amount;
        assert!(*total >= *held, "the model's account {account} cannot pay");
    }

    /// Brings the held of its account to what the order needs.
    pub fn rehold(&mut self, id: u64) {
        let order = self.orders.get_mut(&id).unwrap();
        let (need, before) = (order.need(), order.held);
        order.held = need;
        let (total, held) = self.balances.entry((order.account, order.pays())).or_default();
        *held += need - before;
        assert!(*held >= 0 && *held <= *total, "the model's order {id} cannot hold {need}");
    }

    /// A fill: gives the order's new state its due.
    pub fn fill(&mut self, id: u64, price: i128, lots: i128, rate: u32, closes: bool) {
        let order = self.orders.get_mut(&id).unwrap();
        let market = order.market();
        let (notional, base) = (order.notional(price, lots), lots * market.lot_value);
        let fee = order.fee(notional, rate);
        order.filled += lots;
        order.spent += notional;
        order.fee_numerator += notional * i128::from(rate);
        order.state = if closes { State::Closed } else { State::Open };
        let (account, sign) = (order.account, if order.buy { 1 } else { -1 });
        self.rehold(id);
        self.add(account, market.quote, -sign * notional - fee);
        self.add(account, market.base, sign * base);
        self.own[market.quote][0] += sign * notional;
        self.own[market.base][0] -= sign * base;
        self.own[market.quote][1] += fee;
        if closes {
            self.closed(id);
        }
    }

    pub fn close(&mut self, id: u64) {
        self.orders.get_mut(&id).unwrap().state = State::Closed;
        self.rehold(id);
        self.closed(id);
    }

    fn closed(&mut self, id: u64) {
        let order = &self.orders[&id];
        *self.open.get_mut(&order.account).unwrap() -= 1;
        if order.asks.is_empty() {
            self.orders.remove(&id);
        }
    }

    pub fn transfer(&mut self, account: usize, asset: usize, amount: i128) {
        self.add(account, asset, amount);
        self.own[asset][2] -= amount;
    }
}
