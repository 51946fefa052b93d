//! A CME market-by-order file as commands: the venue's book, event by event, without ever correcting ours.
//!
//! For each event of the file: first cancels of the orders that have a C and no F row (self-match prevention of the
//! venue took them out). Then the aggressor: if a T row's order rests, an amend to the event's last trade price and
//! the traded quantity (its own F row is not a fill of somebody else); otherwise a marketable immediate-or-cancel
//! order for the traded quantity at that price. Stop orders that one trade sets off make several aggressors in one
//! event; each trades for itself, in file order. Then the A, M and C rows, where an M of an order that is no longer
//! open places its remainder anew.
//!
//! The book begins with the snapshot in PRE_OPEN, where orders rest even when they cross. The auction's trade (side N)
//! ends it: its fills go in as the cancels and amends that the event lists, and the instrument opens.
//!
//! Invariants:
//! 1. Whether an order is open is known from the file alone, so the steps do not depend on what our book does.
//! 2. [`Expected`] holds each resting order's fills of an event by price; an aggressor's own F row is not in it.

use super::accounts::Accounts;
use super::error::FeedError;
use super::mbo_file::{Action, MboFile, Row};
use super::script::{Script, Step, Terms};
use super::setup::{self, Venue};
use hoga_core::records::{Phase, Side, TimeInForce};
use hoga_core::{AssetCode, Decimal, Symbol, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// What the venue filled: event, then resting order and price.
pub type Expected = BTreeMap<u64, BTreeMap<(u64, Decimal), ExpectedFill>>;

/// What a resting order was filled with at one price in one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpectedFill {
    /// How much.
    pub size: i64,
    /// What the order showed before.
    pub shown: i64,
}

/// What a file holds, counted while its steps are made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MboCounts {
    /// Fills of the opening auction.
    pub auction_fills: u64,
    /// F rows of aggressors that rested before: amends that crossed.
    pub crossing_amends: u64,
    /// Orders that the venue's self-match prevention took out.
    pub self_match_cancels: u64,
    /// M rows of orders that were no longer open.
    pub placed_anew: u64,
    /// Rows that name an order which is not open and place nothing.
    pub unknown: u64,
}

/// The E-mini S&P 500 future.
pub fn venue() -> Venue {
    Venue {
        name: "es",
        symbol: Symbol::unchecked("ESH4"),
        base: AssetCode::unchecked("ESH4"),
        quote: AssetCode::unchecked("USD"),
        quote_digits: 2,
        tick: Decimal(2_500_000_000),
        maker_fee_ppm: 20,
        taker_fee_ppm: 50,
        utc_offset_min: -360,
        first_phase: Phase::PreOpen,
    }
}

/// The time of the first row.
pub fn start(file: &MboFile) -> Timestamp {
    let first = file.snapshot.first().or_else(|| file.events.first().and_then(|event| event.first()));
    first.map_or(Timestamp(0), |row| row.time)
}

/// The steps of a file.
pub struct MboSteps<'a> {
    file: &'a MboFile,
    script: Script,
    next: usize,
    expected: Expected,
    counts: MboCounts,
}

impl<'a> MboSteps<'a> {
    /// From the setup on.
    pub fn new(file: &'a MboFile, venue: &Venue, accounts: &Accounts, max_pending: u32) -> Self {
        let start = start(file);
        let mut script = Script::new(venue.symbol.clone(), accounts.clone(), max_pending, start);
        setup::write(&mut script, venue, accounts, start);
        for row in &file.snapshot {
            script.begin(0, row.time);
            script.rest_row(row);
        }
        let counts = MboCounts::default();
        Self { file, script, next: 0, expected: Expected::new(), counts }
    }

    /// What the venue filled in the events so far.
    pub fn expected(self) -> (Expected, MboCounts) {
        (self.expected, self.counts)
    }

    fn event(&mut self, number: u64, rows: &[Row]) {
        self.script.begin(number, rows.last().map_or(Timestamp(0), |row| row.time));
        let is_auction = rows.iter().any(|row| row.action == Action::Trade && row.side.is_none());
        let filled: BTreeSet<u64> = of(rows, Action::Fill).map(|row| row.order).collect();
        let has_trade = of(rows, Action::Trade).next().is_some();
        for row in of(rows, Action::Cancel).filter(|row| is_auction || !filled.contains(&row.order)) {
            self.counts.self_match_cancels += u64::from(has_trade && !is_auction);
            self.cancel(row.order);
        }
        if is_auction {
            self.counts.auction_fills += filled.len() as u64;
        } else {
            let amended = self.aggressors(rows);
            self.fills(number, rows, &amended);
        }
        for row in rows {
            match row.action {
                Action::Add => self.script.rest_row(row),
                Action::Modify => self.modify(row),
                Action::Cancel if filled.contains(&row.order) => self.cancel_rest(row.order),
                Action::Cancel | Action::Trade | Action::Fill => {}
            }
        }
        if is_auction {
            self.script.phase(Phase::Open);
        }
    }

    /// Sends the aggressors of an event; which of them rested before.
    fn aggressors(&mut self, rows: &[Row]) -> Vec<u64> {
        let mut traded: Vec<(u64, Side, i64)> = Vec::new();
        let mut price = Decimal::ZERO;
        for row in of(rows, Action::Trade) {
            price = row.price;
            match traded.iter_mut().find(|(order, ..)| *order == row.order) {
                Some((.., size)) => *size += row.size,
                None => traded.push((row.order, row.side.expect("only an auction's trade has no side"), row.size)),
            }
        }
        let mut amended = Vec::new();
        for (order, side, size) in traded {
            if self.script.open(order).is_some() {
                self.script.amend(order, Some(price), Some(size));
                self.script.filled(order, size);
                amended.push(order);
            } else {
                self.script.place(order, side, order, Terms::limit(price, size, TimeInForce::Ioc));
            }
        }
        amended
    }

    fn fills(&mut self, number: u64, rows: &[Row], amended: &[u64]) {
        for row in of(rows, Action::Fill) {
            if amended.contains(&row.order) {
                self.counts.crossing_amends += 1;
                continue;
            }
            let shown = self.script.filled(row.order, row.size);
            let event = self.expected.entry(number).or_default();
            let fill = event.entry((row.order, row.price)).or_insert(ExpectedFill { size: 0, shown });
            fill.size += row.size;
        }
    }

    fn modify(&mut self, row: &Row) {
        if self.script.open(row.order).is_some() {
            return self.script.amend(row.order, Some(row.price), Some(row.size));
        }
        self.counts.placed_anew += 1;
        self.script.rest_row(row);
    }

    fn cancel(&mut self, order: u64) {
        if self.script.open(order).is_some() {
            return self.script.cancel(order);
        }
        self.counts.unknown += 1;
    }

    /// A C row of an order that was filled: mostly nothing is left of it.
    fn cancel_rest(&mut self, order: u64) {
        if self.script.open(order).is_some() {
            self.script.cancel(order);
        }
    }
}

impl Iterator for MboSteps<'_> {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        loop {
            if let Some(step) = self.script.next() {
                return Some(step);
            }
            let rows = self.file.events.get(self.next)?;
            self.next += 1;
            self.event(self.next as u64, rows);
        }
    }
}

impl Script {
    /// An order of a row that rests.
    fn rest_row(&mut self, row: &Row) {
        let side = row.side.expect("the file's reader lets only trades and fills have no side");
        self.rest(row.order, side, row.order, Terms::limit(row.price, row.size, TimeInForce::Gtc));
    }
}

fn of(rows: &[Row], action: Action) -> impl Iterator<Item = &Row> {
    rows.iter().filter(move |row| row.action == action)
}

/// Reads a file of that path.
pub(crate) fn read(path: &std::path::Path) -> Result<MboFile, FeedError> {
    let name = path.display().to_string();
    let input = std::fs::File::open(path).map_err(|source| FeedError::Io { file: name.clone(), source })?;
    MboFile::read(&name, std::io::BufReader::new(input))
}
