//! Target `exchange`: what producers write into `orders`, through admission, holds and matching and back.
//!
//! The bytes are a script (see [`Act`]): records as a producer would write them, raw bytes among them, phases, time.
//! Whatever they say, no machine stops; what machines emit can be written and reads the same; at the end holds fits
//! itself, nothing is left in clearing, and every machine loads what it saved.

use crate::record::comes_back;
use crate::seeds::market;
use hoga_core::book::Matching;
use hoga_core::holds::Holds;
use hoga_core::machine::{Body, Effects, Input, Machine, Topic};
use hoga_core::money::{DECIMAL_MAX, Decimal};
use hoga_core::records::*;
use hoga_core::{AccountId, ClientId, Record, Settings, Symbol, Timestamp, admission::Admission};
use std::collections::VecDeque;
use std::sync::LazyLock;

/// Steps of an input at most.
const MAX_STEPS: usize = 64;
/// Bytes of a raw value at most.
const MAX_RAW: usize = 255;

/// Plays the bytes as a script.
pub fn run(data: &[u8]) {
    let mut exchange = Exchange::open();
    let mut script = Script { rest: data, placed: 0 };
    for _ in 0..MAX_STEPS {
        let Some(act) = script.next() else { break };
        exchange.act(act);
        exchange.drain();
    }
    exchange.check();
}

/// What a step does.
enum Act {
    /// A member's command.
    Command(Box<Record>),
    /// Any bytes in `orders`.
    Raw(Vec<u8>),
    /// The operator changes a symbol's phase.
    Phase(Symbol, Phase),
    /// Time goes on by milliseconds.
    Wait(i64),
}

struct Script<'a> {
    rest: &'a [u8],
    placed: u32,
}

impl Script<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn pick<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        Some(all[usize::from(self.byte()?) % all.len()])
    }

    fn next(&mut self) -> Option<Act> {
        Some(match self.byte()? % 8 {
            0..=3 => Act::Command(Box::new(self.place()?.into())),
            4 => Act::Command(Box::new(self.amend()?)),
            5 => Act::Phase(self.symbol()?, self.pick(Phase::ALL)?),
            6 => Act::Wait(1 << (self.byte()? % 28)),
            _ => {
                let (taken, rest) = self.rest.split_at(usize::from(self.byte()?).min(self.rest.len()).min(MAX_RAW));
                let raw = taken.to_vec();
                self.rest = rest;
                Act::Raw(raw)
            }
        })
    }

    fn symbol(&mut self) -> Option<Symbol> {
        let symbols: Vec<&str> = market::SYMBOLS.iter().map(|listed| listed.symbol).collect();
        self.pick(&symbols).map(Symbol::unchecked)
    }

    fn account(&mut self) -> Option<AccountId> {
        self.pick(&market::ACCOUNTS).map(AccountId::unchecked)
    }

    /// Mostly small and on the step; also the ends of what there is, and anything.
    fn number(&mut self, step: Decimal) -> Option<Decimal> {
        let small = |count: u8| step.times(i64::from(count % 16) + 95);
        Some(match self.byte()? {
            255 => Decimal(DECIMAL_MAX),
            254 => Decimal(1),
            253 => Decimal::from_int(i64::MAX),
            252 => step.times(1 << (self.byte()? % 63)).unwrap_or(Decimal(DECIMAL_MAX)),
            251 => {
                let (bytes, rest) = self.rest.split_first_chunk::<16>()?;
                self.rest = rest;
                Some(Decimal(i128::from_le_bytes(*bytes))).filter(|number| number.in_range()).unwrap_or(Decimal(0))
            }
            count => small(count).unwrap_or(Decimal(DECIMAL_MAX)),
        })
    }

    fn maybe(&mut self, is: bool, step: Decimal) -> Option<Option<Decimal>> {
        if is { self.number(step).map(Some) } else { Some(None) }
    }

    fn place(&mut self) -> Option<PlaceOrder> {
        let listed = self.pick(&market::SYMBOLS)?;
        let flags = self.byte()?;
        let market = flags & 1 != 0;
        let (tick, lot) = (listed.tick.parse().ok()?, listed.lot.parse().ok()?);
        self.placed += 1;
        Some(PlaceOrder {
            account: self.account()?,
            client_order_id: ClientId::unchecked(&format!("order-{}", self.placed)),
            valid_until: Timestamp(0),
            symbol: Symbol::unchecked(listed.symbol),
            side: if flags & 2 != 0 { Side::Buy } else { Side::Sell },
            order_type: if market { OrderType::Market } else { OrderType::Limit },
            time_in_force: if market {
                self.pick(&[TimeInForce::Ioc, TimeInForce::Fok])?
            } else {
                self.pick(TimeInForce::ALL)?
            },
            post_only: flags & 4 != 0,
            self_match_prevention: self.pick(SelfMatchPrevention::ALL)?,
            price: self.maybe(!market, tick)?,
            quantity: self.maybe(!market || flags & 8 != 0, lot)?,
            amount: self.maybe(market && flags & 16 != 0, tick)?,
        })
    }

    fn amend(&mut self) -> Option<Record> {
        let (account, what) = (self.account()?, self.byte()?);
        let number = u32::from(self.byte()?) % (self.placed + 1);
        self.placed += 1;
        let client_order_id = ClientId::unchecked(&format!("order-{}", self.placed));
        let orig_client_order_id = ClientId::unchecked(&format!("order-{number}"));
        let valid_until = Timestamp(0);
        let step = market::SYMBOLS[0];
        let (tick, lot) = (step.tick.parse().ok()?, step.lot.parse().ok()?);
        Some(match what % 4 {
            0 => CancelOrder { account, client_order_id, valid_until, orig_client_order_id }.into(),
            1 => {
                let quantity = self.number(lot)?;
                ReduceOrder { account, client_order_id, valid_until, orig_client_order_id, quantity }.into()
            }
            _ => {
                let (price, quantity) = (self.maybe(what & 4 != 0, tick)?, self.maybe(what & 8 != 0, lot)?);
                AmendOrder { account, client_order_id, valid_until, orig_client_order_id, price, quantity }.into()
            }
        })
    }
}

struct Exchange {
    admission: Admission,
    holds: Holds,
    matching: Matching,
    accounts: VecDeque<Record>,
    books: VecDeque<Record>,
    time: Timestamp,
    offset: u64,
}

static SETTINGS: LazyLock<Settings> = LazyLock::new(Settings::default);

impl Exchange {
    /// As it is when all is listed and funded.
    fn open() -> Self {
        static OPENED: LazyLock<(Vec<u8>, Vec<u8>)> = LazyLock::new(|| {
            let mut exchange = Exchange::new();
            for record in market::listings() {
                exchange.accounts.push_back(record.clone());
                exchange.books.push_back(record);
            }
            exchange.accounts.extend(market::deposits(exchange.time).map(Record::from));
            exchange.drain();
            (exchange.holds.save(), exchange.matching.save())
        });
        let mut exchange = Self::new();
        exchange.holds.load(&OPENED.0).expect("it was saved");
        exchange.matching.load(&OPENED.1).expect("it was saved");
        exchange
    }

    fn new() -> Self {
        Self {
            admission: Admission::new(0),
            holds: Holds::new(0, &SETTINGS),
            matching: Matching::new(0, &SETTINGS),
            accounts: VecDeque::new(),
            books: VecDeque::new(),
            time: market::START,
            offset: 0,
        }
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Command(mut record) => {
                market::valid_until(&mut record, self.time.plus_ms(60_000));
                let key = record.account().expect("a member's").as_str().to_owned();
                self.produce(key.as_bytes(), &hoga_schemas::encode(&record));
            }
            Act::Raw(value) => {
                // With another key admission would go no further than that.
                let record = hoga_schemas::open(&value).and_then(|frame| hoga_schemas::decode(&frame));
                let account = record.ok().and_then(|record| record.account().cloned()).unwrap_or_default();
                self.produce(account.as_str().as_bytes(), &value);
            }
            Act::Phase(symbol, phase) => {
                let command_id = ClientId::unchecked("operator");
                self.books.push_back(PhaseChange { command_id, symbol, phase }.into());
            }
            Act::Wait(ms) => {
                self.time = self.time.plus_ms(ms);
                self.clock();
            }
        }
    }

    fn clock(&mut self) {
        let clock = Record::Clock(Clock { time: self.time });
        self.accounts.push_back(clock.clone());
        self.books.push_back(clock);
    }

    /// Bytes in `orders`: admission passes them on, or writes one dead letter.
    fn produce(&mut self, key: &[u8], value: &[u8]) {
        let decoded = hoga_schemas::open(value).and_then(|frame| hoga_schemas::decode(&frame));
        let reason = decoded.as_ref().err().map(ToString::to_string).unwrap_or_default();
        let body = match &decoded {
            Ok(record) => Body::Record(record),
            Err(_) => Body::Malformed { reason: &reason },
        };
        let mut effects = Effects::default();
        self.offset += 1;
        let input = Input { offset: self.offset, time: self.time, append_time: self.time, key, value, body };
        self.admission.apply(&input, &mut effects).expect("whatever a producer writes, admission goes on");
        // A clock in `orders` is the driver's to judge.
        let clock = matches!(decoded, Ok(Record::Clock(_)));
        assert_eq!(effects.len(), usize::from(!clock), "passed on, or one dead letter: {effects:?}");
        for effect in effects.drain() {
            writable(&effect.record);
            if effect.topic == Topic::Accounts {
                self.accounts.push_back(effect.record);
            }
        }
    }

    /// Works off what is on the way.
    fn drain(&mut self) {
        loop {
            if let Some(record) = self.books.pop_front() {
                let out = apply(&mut self.matching, &record, self.time, &mut self.offset);
                self.accounts.extend(out.into_iter().filter(|out| out.0 == Topic::Accounts).map(|out| out.1));
            } else if let Some(record) = self.accounts.pop_front() {
                let out = apply(&mut self.holds, &record, self.time, &mut self.offset);
                self.books.extend(out.into_iter().filter(|out| out.0 == Topic::Books).map(|out| out.1));
            } else if self.matching.has_backlog() {
                self.clock();
            } else {
                return;
            }
        }
    }

    fn check(&self) {
        self.holds.check_invariants();
        for (ledger, asset, total) in self.holds.ledger_totals() {
            assert!(ledger != LedgerAccount::Clearing || total == Decimal::ZERO, "{total} {asset} is left in clearing");
        }
        loads(&self.holds, Holds::new(0, &SETTINGS));
        loads(&self.matching, Matching::new(0, &SETTINGS));
    }
}

fn apply(machine: &mut impl Machine, record: &Record, time: Timestamp, offset: &mut u64) -> Vec<(Topic, Record)> {
    let mut effects = Effects::default();
    *offset += 1;
    let input = Input { offset: *offset, time, append_time: time, key: b"", value: b"", body: Body::Record(record) };
    if let Err(stop) = machine.apply(&input, &mut effects) {
        panic!("{} stops at {record:?}: {stop}", machine.kind());
    }
    effects
        .drain()
        .map(|effect| {
            writable(&effect.record);
            (effect.topic, effect.record)
        })
        .collect()
}

fn writable(record: &Record) {
    let value = hoga_schemas::encode(record);
    let frame = hoga_schemas::open(&value).expect("it was sealed just now");
    assert_eq!(comes_back(&frame).as_ref(), Some(record));
}

fn loads<M: Machine>(machine: &M, mut new: M) {
    let saved = machine.save();
    new.load(&saved).expect("what was saved loads");
    assert!(new.save() == saved, "{}: saved again it differs", machine.kind());
}
