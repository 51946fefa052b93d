//! Two partitions of holds and one of matching, wired in memory with records in flight between them: random commands
//! go in, records are delivered in any order across channels and in order within each.
//!
//! Checked: the invariants of holds all along; a machine loaded from saved bytes has the same effects from there on;
//! when all is delivered clearing sums to zero over the partitions, and when all is canceled nothing is held.

use super::rng::Rng;
use crate::book::Matching;
use crate::holds::Holds;
use crate::machine::{Body, Effects, Input, Machine, Topic};
use crate::records::*;
use crate::{AccountId, AssetCode, ClientId, Decimal, Settings, Symbol, Timestamp};
use std::collections::{BTreeMap, VecDeque};

const MEMBERS: u64 = 10;
const SYMBOLS: [&str; 2] = ["KRW-BTC", "KRW-ETH"];

struct Pipeline {
    rng: Rng,
    settings: Settings,
    holds: [Holds; 2],
    /// Machines that were loaded from saved bytes and get the same records.
    shadows: [Option<Holds>; 2],
    matching: Matching,
    accounts: [VecDeque<Record>; 2],
    /// One channel from each partition of holds, and one of control.
    books: [VecDeque<Record>; 3],
    time: i64,
    ids: u64,
    names: Vec<(AccountId, ClientId)>,
    trades: u64,
    /// How often each answer and reason came, for the eye.
    seen: BTreeMap<String, u64>,
}

#[test]
fn holds_and_matching_keep_every_unit() {
    let mut pipeline = Pipeline::new(Rng::from_env("holds and matching", 1));
    for round in 0..20 {
        for _ in 0..5_000 {
            pipeline.step();
        }
        pipeline.drain();
        pipeline.check_clearing();
        if round % 5 == 4 {
            pipeline.cancel_all();
        }
    }
    eprintln!("{} trades, {:?}", pipeline.trades, pipeline.seen);
    assert!(pipeline.trades > 5_000, "only {} trades: nothing was tested", pipeline.trades);
}

fn partition_of(account: &AccountId) -> usize {
    usize::from(account.as_str().as_bytes()[1] % 2 == 1)
}

/// What is held of each balance is what its open orders hold.
fn check_held(holds: &Holds) {
    let mut by_orders = BTreeMap::<_, i128>::new();
    for order in holds.open_orders() {
        *by_orders.entry((order.account, order.asset)).or_default() += order.held.0;
    }
    let held = holds.balances().filter(|balance| balance.held != Decimal::ZERO);
    let held: BTreeMap<_, _> = held.map(|balance| ((balance.account, balance.asset), balance.held.0)).collect();
    by_orders.retain(|_, held| *held != 0);
    assert_eq!(by_orders, held);
}

impl Pipeline {
    fn new(rng: Rng) -> Self {
        let settings = Settings { max_open_orders: 60, max_pending: 4, ..Settings::default() };
        let holds = [Holds::new(0, &settings), Holds::new(1, &settings)];
        let matching = Matching::new(0, &settings);
        let mut pipeline = Self {
            rng,
            settings,
            holds,
            shadows: [None, None],
            matching,
            accounts: Default::default(),
            books: Default::default(),
            time: 1_000_000,
            ids: 0,
            names: Vec::new(),
            trades: 0,
            seen: BTreeMap::new(),
        };
        pipeline.list();
        pipeline
    }

    fn list(&mut self) {
        let (command_id, fees) = (ClientId::unchecked("operator"), ClientId::unchecked("fees"));
        let asset = |code: &str, digits| AssetListing {
            command_id: command_id.clone(),
            asset: AssetCode::unchecked(code),
            digits,
        };
        let mut records: Vec<Record> = vec![asset("KRW", 0).into(), asset("BTC", 4).into(), asset("ETH", 0).into()];
        let (maker_fee_ppm, taker_fee_ppm) = (333, 77_777);
        records.push(
            FeeSchedule { command_id: command_id.clone(), name: fees.clone(), maker_fee_ppm, taker_fee_ppm }.into(),
        );
        for (symbol, lot) in SYMBOLS.iter().zip(["0.5", "3"]) {
            records.push(
                InstrumentListing {
                    command_id: command_id.clone(),
                    symbol: Symbol::unchecked(symbol),
                    base: AssetCode::unchecked(&symbol[4..]),
                    quote: AssetCode::unchecked("KRW"),
                    tick: Decimal::from_int(14),
                    lot: lot.parse().unwrap(),
                    min_notional: Decimal::ZERO,
                    min_price: None,
                    max_price: None,
                    fee_schedule: fees.clone(),
                    utc_offset_min: 540,
                }
                .into(),
            );
        }
        for record in records {
            self.accounts.iter_mut().for_each(|queue| queue.push_back(record.clone()));
            self.books[2].push_back(record);
        }
    }

    fn step(&mut self) {
        self.time += self.rng.between(0, 30) as i64;
        match self.rng.below(100) {
            0..=34 => {
                let command = self.command();
                let partition = partition_of(command.account().unwrap());
                self.accounts[partition].push_back(command);
            }
            35..=69 => {
                let partition = self.rng.below(2) as usize;
                self.deliver_account(partition);
            }
            70..=97 => {
                let channel = self.rng.below(3) as usize;
                self.deliver_book(channel);
            }
            98 if self.rng.percent(30) => self.operate(),
            _ => {
                let partition = self.rng.below(2) as usize;
                self.shadow(partition);
            }
        }
    }

    fn operate(&mut self) {
        let symbol = Symbol::unchecked(self.rng.pick(&SYMBOLS));
        let phase = if self.rng.percent(90) { Phase::Open } else { self.rng.pick(Phase::ALL) };
        self.books[2].push_back(PhaseChange { command_id: ClientId::unchecked("operator"), symbol, phase }.into());
    }

    /// From here on a loaded machine gets the same records; another time it is dropped.
    fn shadow(&mut self, partition: usize) {
        self.shadows[partition] = if self.rng.percent(50) { None } else { Some(self.loaded(partition)) };
    }

    fn loaded(&self, partition: usize) -> Holds {
        let saved = self.holds[partition].save();
        let mut loaded = Holds::new(partition as u32, &self.settings);
        loaded.load(&saved).unwrap();
        assert!(loaded.save() == saved, "saved again it differs");
        loaded
    }

    fn deliver_account(&mut self, partition: usize) -> bool {
        let Some(record) = self.accounts[partition].pop_front() else { return false };
        let mut effects = apply(&mut self.holds[partition], &record, self.time);
        if let Some(shadow) = &mut self.shadows[partition] {
            assert_eq!(apply(shadow, &record, self.time).as_slice(), effects.as_slice(), "the loaded machine differs");
            assert!(!self.rng.percent(2) || shadow.save() == self.holds[partition].save(), "states differ");
        }
        if self.rng.percent(2) {
            self.holds[partition].check_invariants();
        }
        for effect in effects.as_slice() {
            let reason = match &effect.record {
                Record::CommandRefused(refused) => Some(refused.reason),
                Record::OrderEvent(event) => event.reason.filter(|_| event.event == OrderEventKind::Rejected),
                _ => None,
            };
            if let Some(reason) = reason {
                *self.seen.entry(format!("refused {reason}")).or_default() += 1;
            }
        }
        let to_book = effects.drain().filter(|effect| effect.topic == Topic::Books).map(|effect| effect.record);
        self.books[partition].extend(to_book);
        true
    }

    fn deliver_book(&mut self, channel: usize) -> bool {
        let Some(record) = self.books[channel].pop_front() else { return false };
        self.book(&record);
        true
    }

    fn book(&mut self, record: &Record) {
        for effect in apply(&mut self.matching, record, self.time).drain() {
            self.trades += u64::from(effect.topic == Topic::Executions);
            if let Record::BookAnswer(answer) = &effect.record {
                let reason = answer.reason.map_or("", Reason::name);
                *self.seen.entry(format!("{} {reason}", answer.outcome)).or_default() += 1;
            }
            if effect.topic == Topic::Accounts {
                let partition = partition_of(effect.record.account().unwrap());
                self.accounts[partition].push_back(effect.record);
            }
        }
    }

    fn drain(&mut self) {
        loop {
            let accounts = (0..2).filter(|p| self.deliver_account(*p)).count();
            let books = (0..3).filter(|c| self.deliver_book(*c)).count();
            if self.matching.has_backlog() {
                self.book(&Clock { time: Timestamp(self.time) }.into());
            } else if accounts + books == 0 {
                return;
            }
        }
    }

    fn check_clearing(&self) {
        for asset in ["KRW", "BTC", "ETH"] {
            let clearing = self.holds.iter().flat_map(Holds::ledger_totals);
            let clearing = clearing.filter(|(l, a, _)| *l == LedgerAccount::Clearing && a.as_str() == asset);
            let parts: Vec<Decimal> = clearing.map(|(_, _, total)| total).collect();
            assert_eq!(parts.iter().map(|part| part.0).sum::<i128>(), 0, "clearing in {asset}: {parts:?}");
        }
        self.holds.iter().for_each(Holds::check_invariants);
        self.holds.iter().for_each(check_held);
    }

    fn cancel_all(&mut self) {
        for partition in 0..2 {
            let orders = self.holds[partition].orders.sorted();
            let named = |account: u32| self.holds[partition].ledger.account(account).name.clone();
            let open: Vec<_> = orders.iter().map(|order| (named(order.account), order.client_id.clone())).collect();
            for (account, orig_client_order_id) in open {
                let (client_order_id, valid_until) = self.identity();
                let cancel = CancelOrder { account, client_order_id, valid_until, orig_client_order_id };
                self.accounts[partition].push_back(cancel.into());
            }
        }
        self.drain();
        for holds in &self.holds {
            assert_eq!(holds.open_orders().count(), 0);
            assert!(holds.balances().all(|balance| balance.held == Decimal::ZERO), "something is still held");
        }
    }

    fn identity(&mut self) -> (ClientId, Timestamp) {
        self.ids += 1;
        (ClientId::unchecked(&format!("c{}", self.ids)), Timestamp(self.time + 300_000))
    }

    fn command(&mut self) -> Record {
        let account = AccountId::unchecked(&format!("m{}", self.rng.below(MEMBERS)));
        let (client_order_id, valid_until) = self.identity();
        let named = (self.names.len() > 20).then(|| {
            let recent = self.names.len() - 1 - self.rng.below(20) as usize;
            self.names[recent].clone()
        });
        let lots = Decimal::from_units(if self.rng.percent(98) { 30 } else { 15 } * self.rng.between(1, 20) as i64, 1);
        let price = Decimal::from_int(14 * self.rng.between(90, 110) as i64);
        match (self.rng.below(100), named) {
            (0..=9, _) => {
                let asset = AssetCode::unchecked(self.rng.pick(&["KRW", "KRW", "BTC", "ETH"]));
                let amount = Decimal::from_int(self.rng.between(1, 100_000) as i64);
                let client_id = client_order_id;
                match self.rng.below(5) {
                    0 => Withdrawal { account, client_id, valid_until, asset, amount }.into(),
                    _ => Deposit { account, client_id, valid_until, asset, amount }.into(),
                }
            }
            (10..=24, Some((account, orig_client_order_id))) => {
                let price = self.rng.percent(70).then_some(price);
                let quantity = (price.is_none() || self.rng.percent(50)).then_some(lots);
                AmendOrder { account, client_order_id, valid_until, orig_client_order_id, price, quantity }.into()
            }
            (25..=29, Some((account, orig_client_order_id))) => {
                ReduceOrder { account, client_order_id, valid_until, orig_client_order_id, quantity: lots }.into()
            }
            (30..=39, Some((account, orig_client_order_id))) => {
                CancelOrder { account, client_order_id, valid_until, orig_client_order_id }.into()
            }
            _ => {
                self.names.push((account.clone(), client_order_id.clone()));
                self.order(account, client_order_id, valid_until, price, lots).into()
            }
        }
    }

    fn order(
        &mut self,
        account: AccountId,
        client_order_id: ClientId,
        valid_until: Timestamp,
        price: Decimal,
        lots: Decimal,
    ) -> PlaceOrder {
        let side = self.rng.pick(Side::ALL);
        let order_type = if self.rng.percent(75) { OrderType::Limit } else { OrderType::Market };
        let limit = order_type == OrderType::Limit;
        let immediate = self.rng.pick(&[TimeInForce::Ioc, TimeInForce::Fok]);
        let resting = self.rng.pick(&[TimeInForce::Gtc, TimeInForce::Day]);
        let time_in_force = if limit && self.rng.percent(80) { resting } else { immediate };
        let by_amount = !limit && side == Side::Buy;
        let amount = by_amount.then(|| Decimal::from_int(self.rng.between(1, 60_000) as i64));
        PlaceOrder {
            account,
            client_order_id,
            valid_until,
            symbol: Symbol::unchecked(self.rng.pick(&SYMBOLS)),
            side,
            order_type,
            time_in_force,
            post_only: limit && time_in_force == resting && self.rng.percent(10),
            self_match_prevention: self.rng.pick(SelfMatchPrevention::ALL),
            price: limit.then_some(price),
            quantity: (!by_amount || time_in_force == TimeInForce::Fok).then_some(lots),
            amount,
        }
    }
}

fn apply(machine: &mut dyn Machine, record: &Record, time: i64) -> Effects {
    let mut effects = Effects::default();
    let time = Timestamp(time);
    let input = Input { offset: 0, time, append_time: time, key: b"", value: b"", body: Body::Record(record) };
    machine.apply(&input, &mut effects).unwrap_or_else(|stop| panic!("{stop}\n{record:#?}"));
    effects.as_slice().iter().map(|effect| &effect.record).chain([record]).for_each(assert_tells_whose);
    effects
}
