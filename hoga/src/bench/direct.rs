//! Holds and matching beside each other on one core, without records between them: what one says the other hears in
//! integers.
//!
//! Invariants:
//! 1. A command is worked through before the next: legs and answers come back to holds in the order in which matching
//!    gave them.
//! 2. Effects are made whole, in indices and integers, and kept until the next command: steps of orders, the ledger's
//!    entries with all their lines, trades, levels. They are not encoded: names and decimals are looked up there.
//! 3. State and effects are those of [`super::core_loop`], which puts records between the machines.

use super::core_loop::{Made, Pair};
use crate::exit::Failure;
use hoga_core::book::{AccountIndex, Answer, LevelTotal, Levels, Matching, MatchingOut, Names as BookNames, Trade};
use hoga_core::holds::{Entry, Fill, Held, HoldsOut, Leg, Names, Posted, Reply, Step};
use hoga_core::records::{
    BookAnswer, CommandRefused, JournalKind, OrderEvent, OrderEventKind, OrderStatus, OrderType, Reason, Side,
    TimeInForce,
};
use hoga_core::{
    Amount, Body, ClientId, Holds, Input, OrderId, Price, Quantity, Record, Settings, Stop, Timestamp, TradeId,
};

/// Both machines.
pub struct Direct {
    holds: Holds,
    books: Books,
    offset: u64,
}

/// The books, told by holds; and all effects.
struct Books {
    matching: Matching,
    made: Made,
    /// Accounts of holds, as the books know them.
    accounts: Vec<Option<AccountIndex>>,
    /// Instruments of holds, by their place in the books.
    markets: Vec<Option<usize>>,
    /// What matching said and holds has not heard.
    said: Said,
    kept: Kept,
}

/// What matching said.
#[derive(Default)]
struct Said {
    waiting: Vec<Word>,
    levels: Vec<LevelTotal>,
    records: usize,
}

/// A word of matching to holds.
enum Word {
    Trade(Trade, TradeId),
    Answer(Answer, Option<ClientId>),
}

/// What holds said since the command came.
#[derive(Default)]
struct Kept {
    steps: Vec<OrderStep>,
    entries: Vec<LedgerEntry>,
    postings: Vec<Posted>,
}

/// [`OrderEvent`] in integers.
#[expect(dead_code, reason = "made whole, as for an encoder; no encoder is measured here")]
struct OrderStep {
    id: OrderId,
    account: u32,
    instrument: u32,
    client_id: ClientId,
    event: OrderEventKind,
    status: OrderStatus,
    reason: Option<Reason>,
    command: Option<ClientId>,
    side: Side,
    order_type: OrderType,
    time_in_force: TimeInForce,
    price: Option<Price>,
    quantity: Option<Quantity>,
    amount: Option<Amount>,
    filled: Quantity,
    filled_amount: i128,
    fee: i64,
    held: i64,
    fill: Option<Fill>,
}

/// `JournalEntry` in integers; its lines are the next so many of [`Kept::postings`].
#[expect(dead_code, reason = "made whole, as for an encoder; no encoder is measured here")]
struct LedgerEntry {
    account: u32,
    number: u64,
    kind: JournalKind,
    client_id: Option<ClientId>,
    order_id: Option<OrderId>,
    trade_id: Option<TradeId>,
    lines: usize,
}

impl Pair for Direct {
    fn new(settings: &Settings) -> Self {
        let books = Books {
            matching: Matching::new(0, settings),
            made: Made::default(),
            accounts: Vec::new(),
            markets: Vec::new(),
            said: Said::default(),
            kept: Kept::default(),
        };
        Self { holds: Holds::new(0, settings), books, offset: 0 }
    }

    fn submit(&mut self, record: &Record, time: Timestamp) -> Result<(), Failure> {
        let input = self.input(record, time);
        self.books.begin();
        self.holds.tell(&input, &mut self.books).map_err(stopped)?;
        let mut words = std::mem::take(&mut self.books.said.waiting);
        let heard = words.iter().try_for_each(|word| self.hear(word)).map_err(stopped);
        words.clear();
        // The room is used again.
        assert!(self.books.said.waiting.is_empty(), "what holds hears of the book asks nothing of it");
        self.books.said.waiting = words;
        heard
    }

    fn tell_both(&mut self, record: &Record, time: Timestamp) -> Result<(), Failure> {
        let input = self.input(record, time);
        self.books.made.applied += 1;
        self.books.matching.tell(&input, &mut self.books.said).map_err(stopped)?;
        self.submit(record, time)
    }

    fn made(&self) -> Made {
        self.books.made
    }

    fn holds(&self) -> &Holds {
        &self.holds
    }

    fn matching(&self) -> &Matching {
        &self.books.matching
    }
}

impl Direct {
    fn hear(&mut self, word: &Word) -> Result<(), Stop> {
        match word {
            Word::Trade(trade, trade_id) => {
                self.books.made.trades += 1;
                self.books.made.volume += trade.quantity.0;
                self.books.made.applied += 2;
                for leg in Leg::both(trade, *trade_id) {
                    self.holds.tell_leg(&leg, &mut self.books)?;
                }
                Ok(())
            }
            Word::Answer(answer, asked) => {
                self.books.made.applied += 1;
                self.holds.tell_reply(&Reply::of(answer, asked.as_ref()), &mut self.books)
            }
        }
    }

    fn input<'a>(&mut self, record: &'a Record, time: Timestamp) -> Input<'a> {
        self.offset += 1;
        Input { offset: self.offset, time, append_time: time, key: &[], value: &[], body: Body::Record(record) }
    }
}

fn stopped(why: Stop) -> Failure {
    Failure::Stopped(why.to_string())
}

impl Books {
    /// A command comes: what was kept of the one before is let go.
    fn begin(&mut self) {
        self.made.applied += 1;
        self.said.records = 0;
        self.kept.steps.clear();
        self.kept.entries.clear();
        self.kept.postings.clear();
    }

    fn account(&mut self, names: &Names<'_>, held: &Held<'_>) -> AccountIndex {
        let order = held.order();
        let place = slot(&mut self.accounts, order.account);
        *place.get_or_insert_with(|| self.matching.account(names.account(order)))
    }

    fn market(&mut self, names: &Names<'_>, held: &Held<'_>) -> usize {
        let order = held.order();
        let place = slot(&mut self.markets, order.instrument);
        let listed = || self.matching.market(&names.instrument(order).symbol).expect("both machines have the listings");
        *place.get_or_insert_with(listed)
    }
}

fn slot<T: Clone>(list: &mut Vec<Option<T>>, index: u32) -> &mut Option<T> {
    let index = index as usize;
    if index >= list.len() {
        list.resize(index + 1, None);
    }
    &mut list[index]
}

impl HoldsOut for Books {
    fn step(&mut self, _: &Names<'_>, step: &Step<'_>) {
        let order = step.order;
        self.made.events += 1;
        // Made in its place, where a push would make it and then move it there.
        self.kept.steps.extend(std::iter::once_with(|| OrderStep {
            id: order.id,
            account: order.account,
            instrument: order.instrument,
            client_id: order.client_id.clone(),
            event: step.event,
            status: order.status,
            reason: step.reason,
            command: step.command.cloned(),
            side: order.side,
            order_type: order.order_type,
            time_in_force: order.time_in_force,
            price: order.price,
            quantity: order.quantity,
            amount: order.amount,
            filled: order.filled,
            filled_amount: order.filled_amount,
            fee: order.fees.charged(),
            held: order.held,
            fill: step.fill,
        }));
    }

    fn entry(&mut self, _: &Names<'_>, entry: &Entry<'_>) {
        self.made.entries += 1;
        self.kept.postings.extend_from_slice(entry.postings);
        self.kept.entries.push(LedgerEntry {
            account: entry.account,
            number: entry.number,
            kind: entry.kind,
            client_id: entry.client_id.cloned(),
            order_id: entry.order_id,
            trade_id: entry.trade_id,
            lines: entry.postings.len(),
        });
    }

    fn held(&mut self, names: &Names<'_>, held: &Held<'_>) {
        let (account, market) = (self.account(names, held), self.market(names, held));
        let (command, asked) = held.command(account);
        self.made.applied += 1;
        self.matching.tell_command(market, &command, asked, names.time(), &mut self.said);
    }

    fn rejected(&mut self, event: OrderEvent) {
        self.made.events += 1;
        std::hint::black_box(&event);
    }

    fn refused(&mut self, refused: CommandRefused) {
        self.made.events += 1;
        std::hint::black_box(&refused);
    }
}

impl MatchingOut for Said {
    fn trade(&mut self, _: &BookNames<'_>, trade: &Trade, trade_id: TradeId) {
        self.records += 3;
        self.waiting.push(Word::Trade(*trade, trade_id));
    }

    fn answer(&mut self, _: &BookNames<'_>, answer: &Answer, asked: Option<&ClientId>) {
        self.records += 1;
        self.waiting.push(Word::Answer(*answer, asked.cloned()));
    }

    fn unknown(&mut self, answer: BookAnswer) {
        unreachable!("no command goes to a symbol that is not listed: {answer:?}");
    }

    fn depth(&mut self, _: &BookNames<'_>, depth: &Levels<'_>) {
        self.records += 1;
        self.levels.clear();
        self.levels.extend_from_slice(depth.bids);
        self.levels.extend_from_slice(depth.asks);
    }

    fn records(&self) -> usize {
        self.records
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::core_loop::CoreLoop;
    use crate::bench::crowd::Crowd;
    use hoga_core::Machine;

    #[test]
    fn without_records_between_them_the_machines_do_the_same() {
        let mut crowd = Crowd::new(7, 20, 300);
        let settings = Settings { depth_snapshot_every: 50, ..Settings::default() };
        let (mut direct, mut records) = (Direct::new(&settings), CoreLoop::new(&settings));
        let mut both = |record: &Record, time, for_both| {
            let told = [Pair::step, Pair::tell_both][usize::from(for_both)](&mut direct, record, time);
            let again = [Pair::step, Pair::tell_both][usize::from(for_both)](&mut records, record, time);
            assert!(told.is_ok() && again.is_ok(), "{record:?}");
            assert_eq!(direct.made(), records.made(), "after {record:?}");
        };
        for listing in crowd.listings() {
            both(&listing, crowd.time(), true);
        }
        both(&crowd.clock(), crowd.time(), false);
        for deposit in crowd.deposits() {
            both(&deposit, crowd.time(), false);
        }
        for _ in 0..20_000 {
            if crowd.is_clock_due() {
                both(&crowd.clock(), crowd.time(), false);
            }
            let command = crowd.next();
            both(&command, crowd.time(), false);
        }
        assert!(direct.made().trades > 100 && direct.made().entries > 500, "{:?}", direct.made());
        assert!(direct.holds().save() == records.holds().save(), "the accounts differ");
        assert!(direct.matching().save() == records.matching().save(), "the books differ");
    }
}
