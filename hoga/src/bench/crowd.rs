//! A generated market: many symbols, skewed so that few of them have most of the commands, and many accounts.
//!
//! Of a hundred commands 70 move an order's price (one in ten of them across the spread), 13 place one, 8 cancel, 7
//! reduce, 2 are immediate: about the shares of the recorded workload.
//!
//! Invariants:
//! 1. The same seed and size give the same records: no clock, no hash order.
//! 2. What it sends keeps tick, lot and least notional, and is affordable; whether an order is still open is for the
//!    exchange to say.
//! 3. Every command has an id of its own: another one with the same id is refused.
//!
//! Left out on purpose: a base asset for each symbol; all share one, so that an account is funded once.

use hoga_core::records::{
    AmendOrder, AssetListing, CancelOrder, Clock, Deposit, FeeSchedule, InstrumentListing, OrderType, Phase,
    PhaseChange, PlaceOrder, ReduceOrder, SelfMatchPrevention, Side, TimeInForce,
};
use hoga_core::{AccountId, AssetCode, ClientId, Decimal, Record, Symbol, Timestamp};
use hoga_simulation::Random;
use std::ops::Range;

/// The middle of every symbol, in ticks of one.
const MID: i64 = 10_000;
/// Orders rest up to so many ticks from the middle.
const DEPTH: u64 = 50;
/// What every account has of both assets.
const FUNDS: i64 = 1_000_000_000_000;
/// 2024-01-01T00:00:00Z.
const START_MS: i64 = 1_704_067_200_000;
/// Commands of a millisecond of the market's time.
const PER_MS: u64 = 10;
/// Commands are valid so long.
const VALID_FOR_MS: i64 = 60_000;

/// An order that was placed and not canceled.
#[derive(Debug, Clone, Copy)]
struct Open {
    account: u32,
    number: u64,
    side: Side,
}

/// The market.
pub struct Crowd {
    random: Random,
    accounts: Vec<AccountId>,
    symbols: Vec<Symbol>,
    /// Of each symbol the sum of its weight and those before it.
    weights: Vec<u64>,
    open: Vec<Open>,
    sent: u64,
    /// The time, where the market is not of a time of its own.
    live: Option<Timestamp>,
}

impl Crowd {
    /// So many symbols, the k-th with a weight of 1/k, and accounts.
    pub fn new(seed: u64, symbols: usize, accounts: u32) -> Self {
        let weights = (1..=symbols as u64).scan(0, |sum, rank| {
            *sum += 1_000_000 / rank;
            Some(*sum)
        });
        Self {
            random: Random::new(seed),
            accounts: (0..accounts).map(|number| AccountId::unchecked(&format!("crowd-{number:05}"))).collect(),
            symbols: (0..symbols).map(|number| Symbol::unchecked(&format!("KRW-S{number:05}"))).collect(),
            weights: weights.collect(),
            open: Vec::new(),
            sent: 0,
            live: None,
        }
    }

    /// The market's time: of its own, one that goes on with its commands, or the last that [`Self::live_at`] was told.
    pub fn time(&self) -> Timestamp {
        self.live.unwrap_or(Timestamp(START_MS + (self.sent / PER_MS) as i64))
    }

    /// It is that time, and the market is of today.
    pub fn live_at(&mut self, now: Timestamp) {
        self.live = Some(now);
    }

    /// How many commands it has made; orders are numbered by them, from 1.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// How many symbols it has.
    pub fn symbols(&self) -> usize {
        self.symbols.len()
    }

    /// A clock record of now: due before the first command, and then once a second.
    pub fn clock(&self) -> Record {
        Clock { time: self.time() }.into()
    }

    /// Whether the next command begins a second.
    pub fn is_clock_due(&self) -> bool {
        self.sent.is_multiple_of(1_000 * PER_MS)
    }

    /// What the operator lists.
    pub fn listings(&self) -> Vec<Record> {
        let id = |what: &str| ClientId::unchecked(what);
        let asset = |code: &str| AssetListing { command_id: id(code), asset: AssetCode::unchecked(code), digits: 0 };
        let mut list = vec![asset("KRW").into(), asset("SHARE").into()];
        list.push(
            FeeSchedule { command_id: id("fees"), name: id("fees"), maker_fee_ppm: 200, taker_fee_ppm: 500 }.into(),
        );
        for symbol in &self.symbols {
            list.push(listing(symbol).into());
            let open = id(&format!("open-{symbol}"));
            list.push(PhaseChange { command_id: open, symbol: symbol.clone(), phase: Phase::Open }.into());
        }
        list
    }

    /// What all accounts bring in.
    pub fn deposits(&self) -> impl Iterator<Item = Record> + '_ {
        self.deposits_of(0..self.accounts.len())
    }

    /// What some accounts bring in.
    pub fn deposits_of(&self, accounts: Range<usize>) -> impl Iterator<Item = Record> + '_ {
        let valid_until = self.valid_until();
        self.accounts[accounts].iter().flat_map(move |account| {
            ["KRW", "SHARE"].map(|code| {
                let (asset, amount) = (AssetCode::unchecked(code), Decimal::from_int(FUNDS));
                Deposit { account: account.clone(), client_id: ClientId::unchecked(code), valid_until, asset, amount }
                    .into()
            })
        })
    }

    /// An order that rests in the symbol of that number and meets nothing.
    pub fn resting(&mut self, symbol: usize) -> PlaceOrder {
        let (side, away) = (self.side(), 1 + self.random.below(DEPTH) as i64);
        self.place(symbol, side, away, TimeInForce::Gtc)
    }

    /// The next command.
    pub fn next(&mut self) -> Record {
        let kind = self.random.below(100);
        match kind {
            0..70 if !self.open.is_empty() => self.amend().into(),
            70..78 if !self.open.is_empty() => self.cancel().into(),
            78..85 if !self.open.is_empty() => self.reduce().into(),
            98.. => {
                let (symbol, side) = (self.symbol(), self.side());
                self.place(symbol, side, -3, TimeInForce::Ioc).into()
            }
            _ => {
                let symbol = self.symbol();
                self.resting(symbol).into()
            }
        }
    }

    fn place(&mut self, symbol: usize, side: Side, away: i64, time_in_force: TimeInForce) -> PlaceOrder {
        let account = self.random.below(self.accounts.len() as u64) as u32;
        let number = self.count();
        if time_in_force == TimeInForce::Gtc {
            self.open.push(Open { account, number, side });
        }
        PlaceOrder {
            account: self.accounts[account as usize].clone(),
            client_order_id: client_id(number),
            valid_until: self.valid_until(),
            symbol: self.symbols[symbol].clone(),
            side,
            order_type: OrderType::Limit,
            time_in_force,
            post_only: false,
            self_match_prevention: SelfMatchPrevention::None,
            price: Some(price(side, away)),
            quantity: Some(Decimal::from_int(1 + self.random.below(20) as i64)),
            amount: None,
        }
    }

    fn amend(&mut self) -> AmendOrder {
        let Open { account, number, side } = self.open[self.random.below(self.open.len() as u64) as usize];
        let crosses = self.random.below(10) == 0;
        let away = if crosses { -2 } else { 1 + self.random.below(DEPTH) as i64 };
        AmendOrder {
            account: self.accounts[account as usize].clone(),
            client_order_id: client_id(self.count()),
            valid_until: self.valid_until(),
            orig_client_order_id: client_id(number),
            price: Some(price(side, away)),
            quantity: None,
        }
    }

    fn cancel(&mut self) -> CancelOrder {
        let at = self.random.below(self.open.len() as u64) as usize;
        let Open { account, number, .. } = self.open.swap_remove(at);
        CancelOrder {
            account: self.accounts[account as usize].clone(),
            client_order_id: client_id(self.count()),
            valid_until: self.valid_until(),
            orig_client_order_id: client_id(number),
        }
    }

    fn reduce(&mut self) -> ReduceOrder {
        let Open { account, number, .. } = self.open[self.random.below(self.open.len() as u64) as usize];
        ReduceOrder {
            account: self.accounts[account as usize].clone(),
            client_order_id: client_id(self.count()),
            valid_until: self.valid_until(),
            orig_client_order_id: client_id(number),
            quantity: Decimal::from_int(1),
        }
    }

    fn symbol(&mut self) -> usize {
        let all = *self.weights.last().expect("there is a symbol");
        let drawn = self.random.below(all);
        self.weights.partition_point(|sum| *sum <= drawn)
    }

    fn side(&mut self) -> Side {
        if self.random.below(2) == 0 { Side::Buy } else { Side::Sell }
    }

    fn count(&mut self) -> u64 {
        self.sent += 1;
        self.sent
    }

    fn valid_until(&self) -> Timestamp {
        self.time().plus_ms(VALID_FOR_MS)
    }
}

fn client_id(number: u64) -> ClientId {
    ClientId::unchecked(&format!("c{number}"))
}

/// The number of the command that has that id; none of what was not made here.
pub fn order_number(id: &ClientId) -> Option<u64> {
    id.as_str().strip_prefix('c')?.parse().ok()
}

/// So many ticks from the middle; below zero: beyond it.
fn price(side: Side, away: i64) -> Decimal {
    Decimal::from_int(if side == Side::Buy { MID - away } else { MID + away })
}

fn listing(symbol: &Symbol) -> InstrumentListing {
    InstrumentListing {
        command_id: ClientId::unchecked(&format!("list-{symbol}")),
        symbol: symbol.clone(),
        base: AssetCode::unchecked("SHARE"),
        quote: AssetCode::unchecked("KRW"),
        tick: Decimal::from_int(1),
        lot: Decimal::from_int(1),
        min_notional: Decimal::ZERO,
        min_price: None,
        max_price: None,
        fee_schedule: ClientId::unchecked("fees"),
        utc_offset_min: 540,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listing_is_a_command_of_its_own() {
        let listings = Crowd::new(1, 100, 1).listings();
        let mut ids: Vec<&ClientId> = listings.iter().map(id_of).collect();
        let count = ids.len();
        assert_eq!(count, 3 + 2 * 100);
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count, "an id that comes again with other content is refused");
    }

    fn id_of(listing: &Record) -> &ClientId {
        match listing {
            Record::AssetListing(r) => &r.command_id,
            Record::FeeSchedule(r) => &r.command_id,
            Record::InstrumentListing(r) => &r.command_id,
            Record::PhaseChange(r) => &r.command_id,
            other => panic!("{} lists nothing", other.kind()),
        }
    }

    #[test]
    fn a_seed_gives_the_same_commands_and_few_symbols_have_most_of_them() {
        let commands = |seed| {
            let mut crowd = Crowd::new(seed, 100, 50);
            (0..5_000).map(move |_| crowd.next()).collect::<Vec<_>>()
        };
        assert_eq!(commands(3), commands(3));
        assert_ne!(commands(3), commands(4));
        let all = commands(3);
        let of = |number: usize| {
            let symbol = Symbol::unchecked(&format!("KRW-S{number:05}"));
            all.iter().filter(|record| record.symbol() == Some(&symbol)).count()
        };
        assert!(of(0) > 10 * of(50), "{} and {}", of(0), of(50));
    }
}
