//! A million random ledger operations, or as many as asked for, against the model of `model.rs`, with the fake book of
//! `fake_book.rs`.
//!
//! After each operation: the outcome is the one that the model expects; balances and holds of the account that was
//! touched, and the hold of the order, are the model's; each asset's accounts sum to zero; journal entries give the
//! balances of a ledger kept from them alone. Every 1,000 operations the same for everything. At random points the
//! machine is saved and loaded, and the loaded one must have the same effects and the same bytes from there on.

use super::fake_book::{FakeBook, any, ask_of, count, steps};
use super::model::{ASSETS, Ask, FEES, MARKETS, MAX, Model, Order, State};
use super::rng::Rng;
use crate::holds::Holds;
use crate::machine::{Body, Effects, Input, Machine, Topic};
use crate::operations::Operations;
use crate::records::*;
use crate::{AccountId, AssetCode, ClientId, Decimal, OrderId, Settings, Symbol, Timestamp};
use std::collections::{BTreeMap, VecDeque};

const MEMBERS: u64 = 12;
const MAX_OPEN: u32 = 20;
const MAX_PENDING: usize = 3;

/// What must come of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expect {
    Done,
    Refused,
    Nothing,
}

struct Run {
    rng: Rng,
    settings: Settings,
    holds: Holds,
    /// A machine that was loaded from saved bytes.
    shadow: Option<Holds>,
    model: Model,
    book: FakeBook,
    to_book: VecDeque<Record>,
    recent: VecDeque<(i64, Record)>,
    /// The ledger as the journal tells it: by ledger account, member (of MEMBER), asset.
    journal: BTreeMap<(LedgerAccount, String, String), i128>,
    time: i64,
    ids: u64,
    numbered: u64,
    operations: u64,
    seen: BTreeMap<String, u64>,
}

#[test]
fn a_million_operations_against_an_independent_ledger() {
    let mut run = Run::new(Rng::from_env("random ledger operations", 7));
    let mut operations = Operations::new("ledger against its model", 1_000_000);
    while run.operations < operations.total {
        run.step();
        operations.reached(run.operations);
    }
    run.check_all();
    eprintln!("{:?}", run.seen);
    for wanted in ["TRADE", "AMENDED", "CANCELED", "EXPIRED", "REJECTED", "PENDING", "NEW"] {
        assert!(run.seen[wanted] > operations.total / 1_000, "too few {wanted}: {:?}", run.seen);
    }
}

fn name(account: usize) -> AccountId {
    AccountId::unchecked(&format!("member-{account}"))
}

fn index(account: &AccountId) -> usize {
    account.as_str()["member-".len()..].parse().unwrap()
}

fn late(record: &Record, time: i64) -> bool {
    matches!(record, Record::PlaceOrder(place) if place.valid_until.0 < time)
}

fn amount(asset: usize, units: i128) -> Decimal {
    Decimal(units * Decimal::from_units(1, ASSETS[asset].1).0)
}

impl Run {
    fn new(rng: Rng) -> Self {
        let settings = Settings { max_open_orders: MAX_OPEN, max_pending: MAX_PENDING as u32, ..Settings::default() };
        let mut run = Self {
            rng,
            holds: Holds::new(3, &settings),
            settings,
            shadow: None,
            model: Model::default(),
            book: FakeBook::default(),
            to_book: VecDeque::new(),
            recent: VecDeque::new(),
            journal: BTreeMap::new(),
            time: 1_000_000,
            ids: 0,
            numbered: 0,
            operations: 0,
            seen: BTreeMap::new(),
        };
        run.list();
        run
    }

    fn list(&mut self) {
        let command_id = ClientId::unchecked("operator");
        for (code, digits) in ASSETS {
            let asset = AssetCode::unchecked(code);
            self.apply(&AssetListing { command_id: command_id.clone(), asset, digits }.into());
        }
        for (schedule, (maker_fee_ppm, taker_fee_ppm)) in FEES.into_iter().enumerate() {
            let name = ClientId::unchecked(&schedule.to_string());
            self.apply(&FeeSchedule { command_id: command_id.clone(), name, maker_fee_ppm, taker_fee_ppm }.into());
        }
        for market in &MARKETS {
            let listing = InstrumentListing {
                command_id: command_id.clone(),
                symbol: Symbol::unchecked(market.symbol),
                base: AssetCode::unchecked(ASSETS[market.base].0),
                quote: AssetCode::unchecked(ASSETS[market.quote].0),
                tick: market.tick.parse().unwrap(),
                lot: market.lot.parse().unwrap(),
                min_notional: amount(market.quote, market.min_notional),
                min_price: None,
                max_price: None,
                fee_schedule: ClientId::unchecked(&market.schedule.to_string()),
                utc_offset_min: 0,
            };
            self.apply(&listing.into());
        }
        // Accounts without a deposit have their script.
        for account in 0..MEMBERS as usize {
            self.fund(account);
        }
    }

    fn fund(&mut self, account: usize) {
        let (client_id, valid_until) = self.id();
        let deposit = Deposit {
            account: name(account),
            client_id,
            valid_until,
            asset: AssetCode::unchecked("KRW"),
            amount: Decimal::from_int(1_000_000),
        };
        self.run_command(deposit.into(), Expect::Done);
    }

    fn step(&mut self) {
        self.time += self.rng.between(0, 20) as i64;
        // What is on the way stays bounded.
        let choice = if self.book.out.len() > 100 { 99 } else { self.rng.below(100) };
        match choice {
            0..=34 => {
                let (record, expect) = self.command();
                self.run_command(record, expect);
            }
            35..=59 => {
                if let Some(record) = self.to_book.pop_front() {
                    self.book.take(&record, &mut self.rng);
                }
            }
            60..=68 => self.book.act(&mut self.rng),
            69 => {
                // Purges client ids; it shows in nothing.
                let effects = self.apply(&Clock { time: Timestamp(self.time) }.into());
                assert!(effects.is_empty());
            }
            _ => {
                if let Some(record) = self.book.out.pop_front() {
                    self.deliver(&record);
                }
            }
        }
    }

    /// Applies a record, to the loaded machine too, and keeps what goes to the book.
    fn apply(&mut self, record: &Record) -> Vec<Record> {
        self.operations += 1;
        let effects = self.apply_to_both(record);
        for effect in &effects {
            match effect {
                Record::HeldOrder(_) | Record::HeldAmend(_) | Record::HeldCancel(_) => {
                    self.to_book.push_back(effect.clone())
                }
                Record::JournalEntry(entry) => self.keep_journal(entry),
                Record::OrderEvent(event) => *self.seen.entry(event.event.to_string()).or_default() += 1,
                _ => {}
            }
            let reason = match effect {
                Record::OrderEvent(event) => event.reason,
                Record::CommandRefused(refused) => Some(refused.reason),
                _ => None,
            };
            if let Some(reason) = reason {
                *self.seen.entry(reason.to_string()).or_default() += 1;
            }
        }
        effects
    }

    fn apply_to_both(&mut self, record: &Record) -> Vec<Record> {
        if self.rng.below(20_000) == 0 {
            let saved = self.holds.save();
            let mut loaded = Holds::new(3, &self.settings);
            loaded.load(&saved).unwrap();
            assert!(loaded.save() == saved, "loaded and saved again, the bytes differ");
            self.shadow = Some(loaded);
        }
        let effects = apply(&mut self.holds, record, self.time);
        if let Some(shadow) = &mut self.shadow {
            assert_eq!(apply(shadow, record, self.time), effects, "the loaded machine differs");
            if self.rng.below(2_000) == 0 {
                assert!(shadow.save() == self.holds.save(), "the loaded machine's state differs");
                // From here on the loaded machine is the machine.
                self.holds = self.shadow.take().unwrap();
            }
        }
        effects
    }

    fn run_command(&mut self, record: Record, expect: Expect) {
        let effects = self.apply(&record);
        let refused = effects.iter().any(|effect| match effect {
            Record::CommandRefused(_) => true,
            Record::OrderEvent(event) => event.event == OrderEventKind::Rejected,
            _ => false,
        });
        let came = match (refused, effects.is_empty()) {
            (true, _) => Expect::Refused,
            (false, true) => Expect::Nothing,
            (false, false) => Expect::Done,
        };
        assert_eq!(came, expect, "{record:#?}\nbrought {effects:#?}");
        if expect != Expect::Nothing {
            // A late order gets no number.
            if matches!(record, Record::PlaceOrder(_)) && !late(&record, self.time) {
                self.numbered += 1;
            }
            if !late(&record, self.time) {
                self.recent.push_back((self.time, record.clone()));
            }
            if self.recent.len() > 300 {
                self.recent.pop_front();
            }
        }
        if expect == Expect::Done {
            self.take_to_model(&record, &effects);
        }
        self.check_touched(record.account().unwrap(), &effects);
    }

    /// A command that was carried out moves the model.
    fn take_to_model(&mut self, record: &Record, effects: &[Record]) {
        match record {
            Record::PlaceOrder(place) => {
                let id = OrderId::new(3, self.numbered).0;
                let order = self.order_of(place);
                *self.model.open.entry(order.account).or_default() += 1;
                self.model.orders.insert(id, order);
                self.model.rehold(id);
            }
            Record::Deposit(r) => self.transfer(&r.account, &r.asset, r.amount.0),
            Record::Withdrawal(r) => self.transfer(&r.account, &r.asset, -r.amount.0),
            _ => {
                let (id, command, ask) = effects.iter().find_map(ask_of).expect("it went to the book");
                self.model.orders.get_mut(&id).unwrap().asks.push_back((command, ask));
                self.model.rehold(id);
            }
        }
    }

    fn transfer(&mut self, account: &AccountId, asset: &AssetCode, by: i128) {
        let asset = ASSETS.iter().position(|(code, _)| *code == asset.as_str()).unwrap();
        self.model.transfer(index(account), asset, by / amount(asset, 1).0);
    }

    /// What the book says reaches holds and the model.
    fn deliver(&mut self, record: &Record) {
        let effects = self.apply(record);
        match record {
            Record::SettlementLeg(leg) => {
                let order = &self.model.orders[&leg.order_id.0];
                let (price, lots) = (count(leg.price, order.market().tick), count(leg.quantity, order.market().lot));
                let rate = if leg.liquidity == Liquidity::Maker { order.rates.0 } else { order.rates.1 };
                self.model.fill(leg.order_id.0, price, lots, rate, leg.leaves == Decimal::ZERO);
            }
            Record::BookAnswer(answer) => self.deliver_answer(answer),
            other => panic!("{other:?}"),
        }
        self.check_touched(record.account().unwrap(), &effects);
    }

    fn deliver_answer(&mut self, answer: &BookAnswer) {
        let id = answer.order_id.0;
        let order = self.model.orders.get_mut(&id).unwrap();
        if let Some(command) = &answer.client_order_id {
            assert_eq!(order.asks.pop_front().unwrap().0, command.as_str());
        }
        let market = order.market();
        match answer.outcome {
            BookOutcome::Canceled | BookOutcome::Expired | BookOutcome::Rejected => return self.model.close(id),
            BookOutcome::Refused => {}
            BookOutcome::Accepted | BookOutcome::Amended | BookOutcome::Decremented => {
                order.price = answer.price.map(|value| count(value, market.tick));
                order.total = answer.quantity.map(|value| count(value, market.lot));
            }
        }
        let gone = order.state == State::Closed && order.asks.is_empty();
        if order.state != State::Closed && answer.outcome == BookOutcome::Accepted {
            order.state = State::Open;
        }
        self.model.rehold(id);
        if gone {
            self.model.orders.remove(&id);
        }
    }

    fn keep_journal(&mut self, entry: &JournalEntry) {
        let mut sums: BTreeMap<&AssetCode, i128> = BTreeMap::new();
        for posting in &entry.postings {
            *sums.entry(&posting.asset).or_default() += posting.amount.0;
            let member =
                if posting.ledger == LedgerAccount::Member { entry.account.to_string() } else { String::new() };
            let balance = self.journal.entry((posting.ledger, member, posting.asset.to_string())).or_default();
            *balance += posting.amount.0;
            assert_eq!(posting.balance.0, *balance, "the balance after a posting: {entry:?}");
        }
        assert!(sums.values().all(|sum| *sum == 0), "an entry does not balance: {entry:?}");
    }

    fn check_touched(&mut self, account: &AccountId, effects: &[Record]) {
        self.check_account(index(account));
        let (mut held, mut id) = (None, None);
        for effect in effects {
            if let Record::OrderEvent(event) = effect {
                (held, id) = (Some(event.held), event.order_id.or(id));
            }
        }
        if let (Some(held), Some(id)) = (held, id) {
            let (order, asset) = match self.model.orders.get(&id.0) {
                Some(order) => (order.held, order.pays()),
                None => (0, 0),
            };
            assert_eq!(held, amount(asset, order), "the newest event of order {id}");
            assert_eq!(self.holds.orders.find(id).is_some(), self.model.orders.contains_key(&id.0), "order {id}");
        }
        for (asset, own) in self.holds.ledger.assets.iter().zip(&self.model.own) {
            assert_eq!([asset.clearing, asset.fees, asset.external], *own, "{}", asset.code);
            assert_eq!(asset.members + asset.clearing + asset.fees + asset.external, 0, "{}", asset.code);
        }
        if self.operations.is_multiple_of(1_000) {
            self.check_all();
        }
    }

    fn check_account(&self, account: usize) {
        let Some(index) = self.holds.ledger.find_account(&name(account)) else {
            assert!(self.model.balances.range((account, 0)..=(account, ASSETS.len())).next().is_none());
            return;
        };
        let there = self.holds.ledger.account(index);
        for (asset, (code, _)) in ASSETS.iter().enumerate() {
            let balance = there.balance(asset as u32);
            let expected = self.model.balances.get(&(account, asset)).copied().unwrap_or_default();
            assert_eq!((balance.total, i128::from(balance.held)), expected, "account {account}, {code}");
            assert!(balance.held >= 0 && balance.available() >= 0);
        }
        assert_eq!(there.open_orders, self.model.open.get(&account).copied().unwrap_or(0), "account {account}");
    }

    fn check_all(&self) {
        self.holds.check_invariants();
        (0..MEMBERS as usize).for_each(|account| self.check_account(account));
        let there: Vec<(u64, i128)> = self.holds.orders.sorted().iter().map(|o| (o.id.0, i128::from(o.held))).collect();
        let here: Vec<(u64, i128)> = self.model.orders.iter().map(|(id, order)| (*id, order.held)).collect();
        assert_eq!(there, here);
        let mut held: BTreeMap<(usize, usize), i128> = BTreeMap::new();
        for order in self.model.orders.values() {
            *held.entry((order.account, order.pays())).or_default() += order.held;
        }
        for (key, (_, total_held)) in &self.model.balances {
            assert_eq!(held.get(key).copied().unwrap_or(0), *total_held, "{key:?}");
        }
    }

    fn id(&mut self) -> (ClientId, Timestamp) {
        self.ids += 1;
        (ClientId::unchecked(&format!("id-{}", self.ids)), Timestamp(self.time + 60_000))
    }

    /// A number of random magnitude up to `most`.
    fn size(&mut self, most: i128) -> i128 {
        let digits = self.rng.below(19) as u32;
        let most = most.clamp(1, 10i128.pow(digits + 1));
        self.rng.between(1, most)
    }

    fn command(&mut self) -> (Record, Expect) {
        let account = self.rng.below(MEMBERS) as usize;
        match self.rng.below(100) {
            0..=9 => self.deposit(account),
            10..=13 => self.withdrawal(account),
            14..=17 => self.copy(account),
            18..=45 => self.on_order(),
            46..=49 => self.bad(account),
            _ => self.place(account),
        }
    }

    fn deposit(&mut self, account: usize) -> (Record, Expect) {
        let asset = self.rng.below(4) as usize;
        let (client_id, valid_until) = self.id();
        let most = if asset == 3 || self.rng.percent(1) { MAX } else { 1_000_000_000_000 };
        let units = self.size(most);
        let total = self.model.balances.get(&(account, asset)).map_or(0, |balance| balance.0);
        let expect = if total + units > MAX { Expect::Refused } else { Expect::Done };
        let (account, asset, amount) = (name(account), AssetCode::unchecked(ASSETS[asset].0), amount(asset, units));
        (Deposit { account, client_id, valid_until, asset, amount }.into(), expect)
    }

    fn withdrawal(&mut self, account: usize) -> (Record, Expect) {
        let asset = self.rng.below(4) as usize;
        let (client_id, valid_until) = self.id();
        let available = self.model.available(account, asset);
        let units = match self.rng.below(10) {
            0 => available.clamp(1, MAX),
            1 => (available + 1).min(MAX),
            _ => self.size((available / 2).min(MAX)),
        };
        let expect = if units > available { Expect::Refused } else { Expect::Done };
        let (account, asset, amount) = (name(account), AssetCode::unchecked(ASSETS[asset].0), amount(asset, units));
        (Withdrawal { account, client_id, valid_until, asset, amount }.into(), expect)
    }

    /// A copy of a recent command has no effect, whatever became of it.
    fn copy(&mut self, account: usize) -> (Record, Expect) {
        if self.recent.is_empty() {
            return self.deposit(account);
        }
        let at = self.rng.below(self.recent.len() as u64) as usize;
        let (time, record) = &self.recent[at];
        if time + 60_000 < self.time { self.deposit(account) } else { (record.clone(), Expect::Nothing) }
    }

    /// Commands that are refused for their form, whatever the balance.
    fn bad(&mut self, account: usize) -> (Record, Expect) {
        let (record, _) = self.place(account);
        let Record::PlaceOrder(mut place) = record else { unreachable!() };
        match self.rng.below(6) {
            0 => place.symbol = Symbol::unchecked("NONE"),
            1 => place.price = place.price.map_or(Some(Decimal(1)), |price| Some(Decimal(price.0 + 1))),
            2 => place.quantity = place.quantity.map_or(Some(Decimal(1)), |quantity| Some(Decimal(-quantity.0))),
            3 => place.valid_until = Timestamp(self.time - 1),
            4 => place.valid_until = Timestamp(self.time + 600_001),
            _ => (place.post_only, place.time_in_force) = (true, TimeInForce::Ioc),
        }
        (place.into(), Expect::Refused)
    }

    fn place(&mut self, account: usize) -> (Record, Expect) {
        let market = self.rng.below(3) as usize;
        let (client_order_id, valid_until) = self.id();
        let (buy, limit) = (self.rng.percent(50), self.rng.percent(80));
        let steps_of = &MARKETS[market];
        let highest = if market == 2 && self.rng.percent(5) { MAX / 1_000 } else { 200 };
        let price = self.rng.between(1, highest);
        let available = self.model.available(account, if buy { steps_of.quote } else { steps_of.base });
        let one = if buy { price * steps_of.tick_value } else { steps_of.lot_value };
        let affordable = available / one + 1;
        let lots = if self.rng.percent(10) { affordable.min(MAX) } else { self.size((affordable / 3).min(MAX)) };
        let time_in_force = match (limit, self.rng.below(4)) {
            (true, 0) => self.rng.pick(&[TimeInForce::Ioc, TimeInForce::Fok]),
            (true, _) => self.rng.pick(&[TimeInForce::Gtc, TimeInForce::Day]),
            (false, _) => self.rng.pick(&[TimeInForce::Ioc, TimeInForce::Fok]),
        };
        let by_amount = buy && !limit;
        let spend = self.size(available.min(MAX));
        let place = PlaceOrder {
            account: name(account),
            client_order_id,
            valid_until,
            symbol: Symbol::unchecked(steps_of.symbol),
            side: if buy { Side::Buy } else { Side::Sell },
            order_type: if limit { OrderType::Limit } else { OrderType::Market },
            time_in_force,
            post_only: false,
            self_match_prevention: SelfMatchPrevention::None,
            price: limit.then(|| steps(price, steps_of.tick)),
            quantity: (!by_amount || time_in_force == TimeInForce::Fok).then(|| steps(lots, steps_of.lot)),
            amount: by_amount.then(|| amount(steps_of.quote, spend)),
        };
        let order = self.order_of(&place);
        let least = steps_of.min_notional;
        let small = order.price.is_some_and(|price| order.notional(price, order.open()) < least);
        let many = self.model.open.get(&account).is_some_and(|open| *open >= MAX_OPEN);
        let expect = if order.fits() && !small && !many && self.can_hold(&order, order.need()) {
            Expect::Done
        } else {
            Expect::Refused
        };
        (place.into(), expect)
    }

    fn can_hold(&self, order: &Order, more: i128) -> bool {
        let key = (order.account, order.pays());
        let held = self.model.balances.get(&key).map_or(0, |balance| balance.1);
        more <= self.model.available(key.0, key.1) && held + more <= MAX
    }

    fn order_of(&self, place: &PlaceOrder) -> Order {
        let market = MARKETS.iter().position(|market| market.symbol == place.symbol.as_str()).unwrap();
        let steps_of = &MARKETS[market];
        Order {
            account: index(&place.account),
            market,
            name: place.client_order_id.to_string(),
            buy: place.side == Side::Buy,
            price: place.price.map(|value| count(value, steps_of.tick)),
            total: place.quantity.map(|value| count(value, steps_of.lot)),
            amount: place.amount.map(|value| value.0 / amount(steps_of.quote, 1).0),
            rates: FEES[steps_of.schedule],
            state: State::Pending,
            filled: 0,
            spent: 0,
            fee_numerator: 0,
            asks: VecDeque::new(),
            held: 0,
        }
    }

    /// Amends, reduces or cancels an order that is there; perhaps a closed one.
    fn on_order(&mut self) -> (Record, Expect) {
        let Some(id) = any(&self.model.orders, &mut self.rng) else { return self.deposit(0) };
        let (client_order_id, valid_until) = self.id();
        let order = &self.model.orders[&id];
        let (market, account) = (order.market(), name(order.account));
        let orig_client_order_id = ClientId::unchecked(&order.name);
        let canceling = order.asks.iter().any(|(_, ask)| *ask == Ask::Cancel);
        let room = order.asks.len() < MAX_PENDING;
        let (live, limit) = (order.state != State::Closed, order.price.is_some());
        let (total, old_price) = (order.total.unwrap_or(1), order.price.unwrap_or(1));
        let (record, ask, allowed): (Record, Ask, bool) = match self.rng.below(10) {
            0..=1 => {
                let r = CancelOrder { account, client_order_id, valid_until, orig_client_order_id };
                (r.into(), Ask::Cancel, live && (room || !canceling))
            }
            2..=3 => {
                let by = self.size(total);
                let quantity = steps(by, market.lot);
                let r = ReduceOrder { account, client_order_id, valid_until, orig_client_order_id, quantity };
                (r.into(), Ask::Reduce(by), live && room && limit)
            }
            _ => {
                let new_price = self.rng.between(1, old_price.min(MAX / 2) * 2);
                let new_total = self.rng.between(1, total.min(MAX / 2) * 2);
                let new_price = self.rng.percent(70).then_some(new_price);
                let new_total = (new_price.is_none() || self.rng.percent(60)).then_some(new_total);
                let price = new_price.map(|price| steps(price, market.tick));
                let quantity = new_total.map(|total| steps(total, market.lot));
                let r = AmendOrder { account, client_order_id, valid_until, orig_client_order_id, price, quantity };
                (r.into(), Ask::Amend { price: new_price, total: new_total }, live && room && limit)
            }
        };
        let mut after = self.model.orders[&id].clone();
        after.asks.push_back((String::new(), ask.clone()));
        let affordable = !matches!(ask, Ask::Amend { .. }) || !allowed || {
            after.fits() && self.can_hold(&after, after.need() - after.held)
        };
        (record, if allowed && affordable { Expect::Done } else { Expect::Refused })
    }
}

fn apply(holds: &mut Holds, record: &Record, time: i64) -> Vec<Record> {
    let mut effects = Effects::default();
    let time = Timestamp(time);
    let input = Input { offset: 0, time, append_time: time, key: b"", value: b"", body: Body::Record(record) };
    holds.apply(&input, &mut effects).unwrap_or_else(|stop| panic!("{stop}\n{record:#?}"));
    let topics = [Topic::Books, Topic::OrderEvents, Topic::Journal];
    effects.drain().inspect(|effect| assert!(topics.contains(&effect.topic))).map(|effect| effect.record).collect()
}
