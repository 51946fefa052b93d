//! The machine `matching`: one partition of `books` in; settlement legs and answers to `accounts`, trades to
//! `executions`, levels to `depth` out.
//!
//! Invariants:
//! 1. Symbols do not touch each other: each has its book, its backlog, its depth sequence and its day.
//! 2. One apply emits at most [`MAX_EFFECTS`] records. What is left waits in its symbol; every later record, clocks
//!    above all, first drains what waits (symbols in order of name), then brings its own.
//! 3. A held command gets its answer here, also when the symbol is unknown (its listing may arrive later than holds').
//! 4. Day orders expire when the symbol's zone has a new date by the machine's time, before anything of that record.
//! 5. `save` depends on what the machine knows, not on how it lies in memory.
//!
//! Left out on purpose: balances, checks that holds has done, fee schedules (rates come with the order).

use crate::book::emit::{Accounts, MatchingOut};
use crate::book::events::{Events, STEP_WEIGHT};
use crate::book::market::{Asked, Market, Shared, Task};
use crate::book::order::{AccountIndex, Command};
use crate::book::{Book, FastBook, LevelTotal, commands, saved};
use crate::ids::{AccountId, AssetCode, ClientId, Symbol};
use crate::instrument::Instrument;
use crate::machine::{Body, Effects, Input, MAX_EFFECTS, Machine, MachineKind, Stop};
use crate::money::Decimal;
use crate::records::{
    AssetListing, BookAnswer, BookOutcome, HeldAmend, HeldCancel, HeldOrder, InstrumentListing, Reason, Record,
};
use crate::settings::Settings;
use crate::time::Timestamp;
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, BTreeSet};

/// The rules that this release knows.
const RULES_VERSION: u32 = 1;
/// No step begins once so many effects are out: the room above is for the step's own, its closing answer, the depth
/// update and snapshot of its symbol, and the answer to a command of an unknown symbol.
const ROOM: usize = MAX_EFFECTS - STEP_WEIGHT - 4;

/// The books of one partition.
#[derive(Debug)]
pub struct Matching<B = FastBook> {
    pub(super) partition: u32,
    depth_snapshot_every: u64,
    /// [`ROOM`]; tests take less, so that little work is much.
    pub(super) room: usize,
    pub(super) accounts: Accounts,
    pub(super) assets: BTreeMap<AssetCode, u8>,
    pub(super) markets: Vec<Market<B>>,
    /// Look-up only, never iterated.
    by_symbol: FxHashMap<Symbol, usize>,
    /// Symbols that have something left to do.
    busy: BTreeSet<Symbol>,
    pub(super) trades: u64,
    /// The first time at which a symbol's day ends: follows from the markets, not saved.
    next_day_end: Timestamp,
    /// A buffer, empty between applies.
    events: Events,
    /// A buffer for totals of levels.
    totals: Vec<LevelTotal>,
}

impl Matching<FastBook> {
    /// The machine of a partition of `books`, empty.
    pub fn new(partition: u32, settings: &Settings) -> Self {
        Self::with_book(partition, settings)
    }
}

impl<B: Book> Matching<B> {
    /// As [`Matching::new`], on any implementation of the book.
    pub fn with_book(partition: u32, settings: &Settings) -> Self {
        Self {
            partition,
            depth_snapshot_every: settings.depth_snapshot_every,
            room: ROOM,
            accounts: Accounts::default(),
            assets: BTreeMap::new(),
            markets: Vec::new(),
            by_symbol: FxHashMap::default(),
            busy: BTreeSet::new(),
            trades: 0,
            next_day_end: Timestamp(i64::MAX),
            events: Events::default(),
            totals: Vec::new(),
        }
    }

    /// The book of a symbol, if it is listed here.
    pub fn book(&self, symbol: &Symbol) -> Option<&B> {
        self.by_symbol.get(symbol).map(|at| &self.markets[*at].book)
    }

    /// Puts back a symbol that was saved.
    pub(super) fn restore(&mut self, market: Market<B>) {
        self.next_day_end = self.next_day_end.min(market.instrument.day_end(market.day));
        if market.is_busy() {
            self.busy.insert(market.instrument.symbol.clone());
        }
        self.by_symbol.insert(market.instrument.symbol.clone(), self.markets.len());
        self.markets.push(market);
    }

    fn list_asset(&mut self, listing: &AssetListing) -> Result<(), Stop> {
        let digits = *self.assets.entry(listing.asset.clone()).or_insert(listing.digits);
        if digits == listing.digits {
            return Ok(());
        }
        Err(Stop(format!(
            "asset {} has {digits} digits and cannot get {}: control lets no such listing pass",
            listing.asset, listing.digits
        )))
    }

    fn list(&mut self, listing: &InstrumentListing, time: Timestamp) -> Result<(), Stop> {
        let refused = |why: String| Stop(format!("listing of {}: {why}; control lets none pass", listing.symbol));
        let digits = |asset: &AssetCode| {
            let digits = self.assets.get(asset).copied();
            digits.ok_or_else(|| refused(format!("asset {asset} is not listed")))
        };
        let instrument = Instrument::new(listing, digits(&listing.base)?, digits(&listing.quote)?)
            .map_err(|error| refused(error.to_string()))?;
        let Some(&at) = self.by_symbol.get(&listing.symbol) else {
            self.restore(Market::new(instrument, time));
            return Ok(());
        };
        let market = &mut self.markets[at];
        instrument.check_relisting(&market.instrument).map_err(|error| refused(error.to_string()))?;
        // A new zone ends no day: a day ends by the passing of time alone.
        market.day = market.day.max(instrument.day(time));
        market.instrument = instrument;
        self.find_next_day_end();
        Ok(())
    }

    fn held_order(&mut self, held: &HeldOrder, time: Timestamp, out: &mut impl MatchingOut) -> Result<(), Stop> {
        let account = self.accounts.index(&held.account);
        let Some(at) = self.by_symbol.get(&held.symbol).copied() else {
            out.unknown(unknown_order(held));
            return Ok(());
        };
        let command = commands::place(held, account, &self.markets[at].instrument)?;
        self.submit(at, Asked { command: &command, id: None }, time, out);
        Ok(())
    }

    fn held_amend(&mut self, held: &HeldAmend, time: Timestamp, out: &mut impl MatchingOut) -> Result<(), Stop> {
        let account = self.accounts.index(&held.account);
        let Some(at) = self.by_symbol.get(&held.symbol).copied() else {
            let cancel = HeldCancel {
                order_id: held.order_id,
                account: held.account.clone(),
                client_order_id: held.client_order_id.clone(),
                symbol: held.symbol.clone(),
            };
            out.unknown(unknown_command(&cancel));
            return Ok(());
        };
        let command = commands::amend(held, account, &self.markets[at].instrument)?;
        self.submit(at, Asked { command: &command, id: Some(&held.client_order_id) }, time, out);
        Ok(())
    }

    fn held_cancel(&mut self, held: &HeldCancel, time: Timestamp, out: &mut impl MatchingOut) {
        let account = self.accounts.index(&held.account);
        let Some(at) = self.by_symbol.get(&held.symbol).copied() else {
            return out.unknown(unknown_command(held));
        };
        let command = commands::cancel(held, account);
        self.submit(at, Asked { command: &command, id: Some(&held.client_order_id) }, time, out);
    }

    /// A command comes to its symbol: behind what waits there.
    #[inline]
    fn submit(&mut self, at: usize, asked: Asked<'_>, time: Timestamp, out: &mut impl MatchingOut) {
        self.work(at, Some(asked), time, out);
    }

    fn work(&mut self, at: usize, asked: Option<Asked<'_>>, time: Timestamp, out: &mut impl MatchingOut) {
        let market = &mut self.markets[at];
        let mut shared = Shared {
            accounts: &self.accounts,
            partition: self.partition,
            trades: &mut self.trades,
            depth_snapshot_every: self.depth_snapshot_every,
            events: &mut self.events,
            totals: &mut self.totals,
            time,
        };
        market.work(asked, self.room.saturating_sub(out.records()), &mut shared, out);
        let symbol = &market.instrument.symbol;
        if market.is_busy() {
            self.busy.insert(symbol.clone());
        } else if !self.busy.is_empty() {
            self.busy.remove(symbol);
        }
    }

    /// What goes before every record: ends of days, and what earlier records left.
    #[inline]
    fn catch_up(&mut self, time: Timestamp, out: &mut impl MatchingOut) {
        if time >= self.next_day_end {
            self.end_days(time);
        }
        if !self.busy.is_empty() {
            self.drain(time, out);
        }
    }

    /// Goes on with what earlier records left, as far as the bound allows.
    fn drain(&mut self, time: Timestamp, out: &mut impl MatchingOut) {
        let waiting: Vec<Symbol> = self.busy.iter().cloned().collect();
        for symbol in waiting {
            if out.records() >= self.room {
                break;
            }
            self.work(self.by_symbol[&symbol], None, time, out);
        }
    }

    /// Queues the end of the day for every symbol that has a new date.
    fn end_days(&mut self, time: Timestamp) {
        for market in &mut self.markets {
            let day = market.instrument.day(time);
            if day > market.day {
                market.day = day;
                market.backlog.push_back(Task { command: Command::EndDay, asked: None });
                self.busy.insert(market.instrument.symbol.clone());
            }
        }
        self.find_next_day_end();
    }

    fn find_next_day_end(&mut self) {
        let ends = self.markets.iter().map(|market| market.instrument.day_end(market.day));
        self.next_day_end = ends.min().unwrap_or(Timestamp(i64::MAX));
    }

    /// As [`Machine::apply`], whoever is told what comes of it.
    pub fn tell(&mut self, input: &Input<'_>, out: &mut impl MatchingOut) -> Result<(), Stop> {
        let partition = self.partition;
        let at = |stop: Stop| Stop(format!("books-{partition} offset {}: {stop}", input.offset));
        let record = match input.body {
            Body::Record(record) => record,
            Body::Malformed { reason, .. } => return Err(at(Stop(format!("the record does not decode: {reason}")))),
        };
        self.catch_up(input.time, out);
        let outcome = self.on_record(record, input.time, out);
        assert!(out.records() <= MAX_EFFECTS, "{} effects of one record", out.records());
        outcome.map_err(at)
    }

    /// The index under which the books know an account; a new one if they never heard of it.
    pub fn account(&mut self, name: &AccountId) -> AccountIndex {
        self.accounts.index(name)
    }

    /// The place of a symbol that is listed here.
    pub fn market(&self, symbol: &Symbol) -> Option<usize> {
        self.by_symbol.get(symbol).copied()
    }

    /// A command to the symbol in that place; `asked` is the id that its answer carries, which all but new orders have.
    pub fn tell_command(
        &mut self,
        market: usize,
        command: &Command,
        asked: Option<&ClientId>,
        time: Timestamp,
        out: &mut impl MatchingOut,
    ) {
        self.catch_up(time, out);
        self.submit(market, Asked { command, id: asked }, time, out);
    }

    fn on_record(&mut self, record: &Record, time: Timestamp, out: &mut impl MatchingOut) -> Result<(), Stop> {
        match record {
            Record::HeldOrder(held) => self.held_order(held, time, out)?,
            Record::HeldAmend(held) => self.held_amend(held, time, out)?,
            Record::HeldCancel(held) => self.held_cancel(held, time, out),
            Record::PhaseChange(change) => {
                let Some(at) = self.by_symbol.get(&change.symbol).copied() else {
                    return Err(Stop(format!("phase of {}, which is not listed here", change.symbol)));
                };
                self.submit(at, Asked { command: &Command::Enter(change.phase), id: None }, time, out);
            }
            Record::AssetListing(listing) => self.list_asset(listing)?,
            Record::InstrumentListing(listing) => self.list(listing, time)?,
            Record::RulesVersion(rules) if rules.version != RULES_VERSION => {
                let version = rules.version;
                return Err(Stop(format!("rules version {version}: this release knows {RULES_VERSION}; update hoga")));
            }
            Record::RulesVersion(_) | Record::FeeSchedule(_) | Record::Clock(_) => {}
            other => return Err(Stop(format!("a {} stands in books, where none belongs", other.kind()))),
        }
        Ok(())
    }
}

fn unknown_order(held: &HeldOrder) -> BookAnswer {
    BookAnswer {
        account: held.account.clone(),
        order_id: held.order_id,
        client_order_id: None,
        symbol: held.symbol.clone(),
        outcome: BookOutcome::Rejected,
        reason: Some(Reason::UnknownSymbol),
        price: held.price,
        quantity: held.quantity,
        leaves: held.quantity.or(held.amount).unwrap_or(Decimal::ZERO),
    }
}

fn unknown_command(held: &HeldCancel) -> BookAnswer {
    BookAnswer {
        account: held.account.clone(),
        order_id: held.order_id,
        client_order_id: Some(held.client_order_id.clone()),
        symbol: held.symbol.clone(),
        outcome: BookOutcome::Refused,
        reason: Some(Reason::UnknownSymbol),
        price: None,
        quantity: None,
        leaves: Decimal::ZERO,
    }
}

impl<B: Book> Machine for Matching<B> {
    fn kind(&self) -> MachineKind {
        MachineKind::Matching
    }

    fn apply(&mut self, input: &Input<'_>, effects: &mut Effects) -> Result<(), Stop> {
        self.tell(input, effects)
    }

    fn has_backlog(&self) -> bool {
        !self.busy.is_empty()
    }

    fn save(&self) -> Vec<u8> {
        saved::save(self)
    }

    fn load(&mut self, bytes: &[u8]) -> Result<(), String> {
        let settings = Settings { depth_snapshot_every: self.depth_snapshot_every, ..Settings::default() };
        let mut loaded = Self { room: self.room, ..Self::with_book(self.partition, &settings) };
        saved::load(&mut loaded, bytes)?;
        *self = loaded;
        Ok(())
    }
}
