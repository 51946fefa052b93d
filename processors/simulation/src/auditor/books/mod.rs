//! The auditor's own books of one partition of `books`: from its accepted records alone it says which trades, legs and
//! answers matching must write. By docs/machines.md and decision 0013.
//!
//! Invariants that it checks by itself:
//! 1. In phase OPEN no book is crossed once a record is worked through.
//! 2. An order rests once, with something open.
//!
//! Left out on purpose: work that does not fit one record (4,096 effects); no script has so much.

mod book;
mod taking;

use super::Finding;
use super::accept::{Channel, Taken};
use super::clock::Time;
use super::depth::Levels;
use super::expected::{Expected, channel};
use super::terms::{Fees, Terms};
use book::Book;
use hoga_core::records::{
    BookAnswer, BookOutcome, Execution, HeldAmend, HeldCancel, HeldOrder, Liquidity, Reason, SettlementLeg, Side,
};
use hoga_core::{AccountId, ClientId, Decimal, MachineKind, OrderId, Record, Timestamp, Topic, TradeId};
use std::collections::BTreeMap;

/// What happened in a book.
#[derive(Debug, Clone)]
enum Happening {
    Traded { price: i128, quantity: i128, taker_side: Side, maker: Party, taker: Party },
    Answered(Said),
}

/// One side of a trade.
#[derive(Debug, Clone)]
struct Party {
    id: OrderId,
    account: AccountId,
    fee: i128,
    leaves: Decimal,
}

/// What an account is told of its order.
#[derive(Debug, Clone)]
struct Said {
    id: OrderId,
    account: AccountId,
    outcome: BookOutcome,
    reason: Option<Reason>,
    price: Option<i128>,
    total: Option<i128>,
    leaves: Decimal,
}

/// A partition of `books`.
#[derive(Debug)]
pub(crate) struct Books {
    channel: Channel,
    partition: u32,
    time: Time,
    assets: BTreeMap<String, u8>,
    books: BTreeMap<String, Book>,
    trades: u64,
}

impl Books {
    pub fn new(partition: u32) -> Self {
        Self {
            channel: channel(MachineKind::Matching, partition),
            partition,
            time: Time::default(),
            assets: BTreeMap::new(),
            books: BTreeMap::new(),
            trades: 0,
        }
    }

    /// Takes the next accepted record and demands what follows from it.
    pub fn take(&mut self, taken: &Taken, expected: &mut Expected) -> Result<(), Finding> {
        let record = taken.record.as_ref().expect("a trusted topic's records decode");
        let clock = if let Record::Clock(clock) = record { Some(clock.time) } else { None };
        let now = self.time.at(taken.time, clock);
        self.end_days(now, taken.offset, expected);
        match record {
            Record::HeldOrder(r) => self.place(r, now, taken.offset, expected),
            Record::HeldAmend(r) => self.amend(r, now, taken.offset, expected),
            Record::HeldCancel(r) => self.cancel(r, now, taken.offset, expected),
            Record::PhaseChange(r) => {
                let symbol = r.symbol.as_str();
                let Some(book) = self.books.get_mut(symbol) else {
                    return Err(self.finding(taken.offset, format!("phase of {symbol}, which is not listed")));
                };
                let happened = book.enter(r.phase);
                self.write(symbol, happened, None, now, taken.offset, expected);
            }
            Record::AssetListing(r) => {
                self.assets.insert(r.asset.to_string(), r.digits);
            }
            Record::InstrumentListing(r) => {
                let digits = |asset: &hoga_core::AssetCode| self.assets[asset.as_str()];
                let terms = Terms { base_digits: digits(&r.base), quote_digits: digits(&r.quote), listing: r.clone() };
                let day = terms.day(now.0);
                match self.books.get_mut(r.symbol.as_str()) {
                    Some(book) => {
                        // A new zone ends no day.
                        book.day = book.day.max(day);
                        book.terms = terms;
                    }
                    None => {
                        self.books.insert(r.symbol.to_string(), Book::new(terms, day));
                    }
                }
            }
            _ => {}
        }
        self.check(taken.offset)
    }

    fn check(&self, offset: u64) -> Result<(), Finding> {
        for (symbol, book) in &self.books {
            if let Some(what) = book.wrong() {
                return Err(self.finding(offset, format!("{symbol}: {what}")));
            }
        }
        Ok(())
    }

    fn finding(&self, offset: u64, what: String) -> Finding {
        Finding::new(format!("books/{} offset {offset}: {what}", self.partition))
    }

    /// Day orders expire in every symbol whose zone has a new date.
    fn end_days(&mut self, now: Timestamp, cause: u64, expected: &mut Expected) {
        let symbols: Vec<String> = self.books.keys().cloned().collect();
        for symbol in symbols {
            let book = self.books.get_mut(&symbol).expect("listed above");
            let day = book.terms.day(now.0);
            if day > book.day {
                book.day = day;
                let happened = book.expire();
                self.write(&symbol, happened, None, now, cause, expected);
            }
        }
    }

    fn place(&mut self, held: &HeldOrder, now: Timestamp, cause: u64, expected: &mut Expected) {
        let symbol = held.symbol.as_str();
        let Some(book) = self.books.get_mut(symbol) else {
            let said = Said {
                id: held.order_id,
                account: held.account.clone(),
                outcome: BookOutcome::Rejected,
                reason: Some(Reason::UnknownSymbol),
                price: held.price.map(|v| v.0),
                total: held.quantity.map(|v| v.0),
                leaves: held.quantity.or(held.amount).unwrap_or_default(),
            };
            return self.answer(held.symbol.clone(), said, None, cause, expected);
        };
        let happened = book.place(held);
        self.write(symbol, happened, None, now, cause, expected);
    }

    fn amend(&mut self, held: &HeldAmend, now: Timestamp, cause: u64, expected: &mut Expected) {
        let Some(book) = self.books.get_mut(held.symbol.as_str()) else {
            return self.unknown(&held.symbol, held.order_id, &held.account, &held.client_order_id, cause, expected);
        };
        let happened = book.amend(held);
        self.write(held.symbol.as_str(), happened, Some(&held.client_order_id), now, cause, expected);
    }

    fn cancel(&mut self, held: &HeldCancel, now: Timestamp, cause: u64, expected: &mut Expected) {
        let Some(book) = self.books.get_mut(held.symbol.as_str()) else {
            return self.unknown(&held.symbol, held.order_id, &held.account, &held.client_order_id, cause, expected);
        };
        let happened = book.cancel(held.order_id, &held.account);
        self.write(held.symbol.as_str(), happened, Some(&held.client_order_id), now, cause, expected);
    }

    /// A command on a symbol that is not listed here.
    fn unknown(
        &self,
        symbol: &hoga_core::Symbol,
        id: OrderId,
        account: &AccountId,
        asked: &ClientId,
        cause: u64,
        expected: &mut Expected,
    ) {
        let said = Said::refused(id, account, Reason::UnknownSymbol, 0);
        self.answer(symbol.clone(), said, Some(asked.clone()), cause, expected);
    }

    /// Demands what happened; the first answer answers the command.
    fn write(
        &mut self,
        symbol: &str,
        happened: Vec<Happening>,
        asked: Option<&ClientId>,
        time: Timestamp,
        cause: u64,
        expected: &mut Expected,
    ) {
        let mut asked = asked.cloned();
        for happening in happened {
            match happening {
                Happening::Traded { price, quantity, taker_side, maker, taker } => {
                    self.trades += 1;
                    let terms = &self.books[symbol].terms;
                    let execution = Execution {
                        symbol: terms.listing.symbol.clone(),
                        trade_id: TradeId::new(self.partition, self.trades),
                        time,
                        price: Decimal(price),
                        quantity: Decimal(quantity),
                        taker_side,
                        maker_order_id: maker.id,
                        taker_order_id: taker.id,
                        maker_account: maker.account.clone(),
                        taker_account: taker.account.clone(),
                        maker_fee: terms.quote_decimal(maker.fee),
                        taker_fee: terms.quote_decimal(taker.fee),
                    };
                    let legs = [
                        leg(&execution, &maker, taker_side.opposite(), Liquidity::Maker, execution.maker_fee),
                        leg(&execution, &taker, taker_side, Liquidity::Taker, execution.taker_fee),
                    ];
                    expected.demand(self.channel, cause, Topic::Executions, execution);
                    for leg in legs {
                        expected.demand(self.channel, cause, Topic::Accounts, leg);
                    }
                }
                Happening::Answered(said) => {
                    let symbol = self.books[symbol].terms.listing.symbol.clone();
                    self.answer(symbol, said, asked.take(), cause, expected);
                }
            }
        }
    }

    fn answer(
        &self,
        symbol: hoga_core::Symbol,
        said: Said,
        asked: Option<ClientId>,
        cause: u64,
        expected: &mut Expected,
    ) {
        let answer = BookAnswer {
            account: said.account,
            order_id: said.id,
            client_order_id: asked,
            symbol,
            outcome: said.outcome,
            reason: said.reason,
            price: said.price.map(Decimal),
            quantity: said.total.map(Decimal),
            leaves: said.leaves,
        };
        expected.demand(self.channel, cause, Topic::Accounts, answer);
    }

    /// The levels of every book.
    pub fn levels(&self) -> BTreeMap<String, Levels> {
        self.books.iter().map(|(symbol, book)| (symbol.clone(), book.levels())).collect()
    }

    /// What rests: order and what of it is open.
    pub fn resting(&self) -> impl Iterator<Item = (OrderId, i128)> {
        self.books.values().flat_map(|book| book.orders.iter().map(|order| (order.id, order.open)))
    }
}

fn leg(execution: &Execution, party: &Party, side: Side, liquidity: Liquidity, fee: Decimal) -> SettlementLeg {
    SettlementLeg {
        account: party.account.clone(),
        order_id: party.id,
        symbol: execution.symbol.clone(),
        trade_id: execution.trade_id,
        side,
        liquidity,
        price: execution.price,
        quantity: execution.quantity,
        fee,
        leaves: party.leaves,
    }
}

impl Said {
    fn refused(id: OrderId, account: &AccountId, reason: Reason, open: i128) -> Self {
        Self {
            id,
            account: account.clone(),
            outcome: BookOutcome::Refused,
            reason: Some(reason),
            price: None,
            total: None,
            leaves: Decimal(open),
        }
    }
}
