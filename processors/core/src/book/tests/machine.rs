//! The machine: what a record brings out, in which order, within which bound; and that a restart changes nothing.

mod combinations;

use super::Random;
use super::auditor::Auditor;
use crate::book::{Book, FastBook, Matching, NaiveBook};
use crate::ids::{AccountId, AssetCode, ClientId, OrderId, Symbol};
use crate::machine::{Body, Effect, Effects, Input, MAX_EFFECTS, Machine, Stop};
use crate::money::Decimal;
use crate::records::*;
use crate::settings::Settings;
use crate::time::Timestamp;

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn id(text: &str) -> ClientId {
    ClientId::unchecked(text)
}

/// One machine and the records that come to it, one a second.
struct Bench<B: Book> {
    machine: Matching<B>,
    offset: u64,
    time: Timestamp,
}

const START: Timestamp = Timestamp(1_000_000_000);

impl<B: Book> Bench<B> {
    fn new() -> Self {
        let settings = Settings { depth_snapshot_every: 3, ..Settings::default() };
        Self { machine: Matching::with_book(7, &settings), offset: 0, time: START }
    }

    /// With the symbols listed and open.
    fn open(symbols: &[&str]) -> Self {
        let mut bench = Self::new();
        for (asset, digits) in [("BTC", 8), ("KRW", 0)] {
            bench.give(AssetListing { command_id: id(asset), asset: AssetCode::unchecked(asset), digits });
        }
        for symbol in symbols {
            bench.give(listing(symbol));
            bench.give(phase(symbol, Phase::Open));
        }
        bench
    }

    fn try_give(&mut self, record: impl Into<Record>) -> Result<Vec<Effect>, Stop> {
        let record = record.into();
        let mut effects = Effects::default();
        let input = Input {
            offset: self.offset,
            time: self.time,
            append_time: self.time,
            key: b"",
            value: b"",
            body: Body::Record(&record),
        };
        self.machine.apply(&input, &mut effects)?;
        self.offset += 1;
        self.time = self.time.plus_ms(1_000);
        assert!(effects.len() <= MAX_EFFECTS, "{} effects", effects.len());
        Ok(effects.drain().collect())
    }

    fn give(&mut self, record: impl Into<Record>) -> Vec<Effect> {
        self.try_give(record).unwrap()
    }

    fn tick(&mut self) -> Vec<Effect> {
        let time = self.time;
        self.give(Clock { time })
    }

    /// The same machine after a restart: its saved state is canonical, and comes back whole.
    fn restarted(&self) -> Self {
        let saved = self.machine.save();
        let mut bench = Bench { offset: self.offset, time: self.time, ..Self::new() };
        bench.machine.room = self.machine.room;
        bench.machine.load(&saved).unwrap();
        assert_eq!(bench.machine.save(), saved, "save(load(bytes)) == bytes");
        assert_eq!(bench.machine.has_backlog(), self.machine.has_backlog());
        bench
    }
}

/// Tick 1 KRW, lot 1 BTC: decimals in these tests are the book's own numbers.
fn listing(symbol: &str) -> InstrumentListing {
    InstrumentListing {
        command_id: id("list"),
        symbol: Symbol::unchecked(symbol),
        base: AssetCode::unchecked("BTC"),
        quote: AssetCode::unchecked("KRW"),
        tick: decimal("1"),
        lot: decimal("1"),
        min_notional: Decimal::ZERO,
        min_price: None,
        max_price: None,
        fee_schedule: id("standard"),
        utc_offset_min: 540,
    }
}

fn phase(symbol: &str, phase: Phase) -> PhaseChange {
    PhaseChange { command_id: id("phase"), symbol: Symbol::unchecked(symbol), phase }
}

/// Order `number` of account `A`, ..., on `X`: `side quantity @ price`.
fn order(number: u64, account: &str, side: Side, quantity: i64, price: i64) -> HeldOrder {
    HeldOrder {
        order_id: OrderId::new(7, number),
        account: AccountId::unchecked(account),
        symbol: Symbol::unchecked("X"),
        side,
        order_type: OrderType::Limit,
        time_in_force: TimeInForce::Gtc,
        post_only: false,
        self_match_prevention: SelfMatchPrevention::None,
        price: Some(Decimal::from_int(price)),
        quantity: Some(Decimal::from_int(quantity)),
        amount: None,
        maker_fee_ppm: 1_000,
        taker_fee_ppm: 2_000,
    }
}

fn cancel(number: u64, account: &str) -> HeldCancel {
    HeldCancel {
        order_id: OrderId::new(7, number),
        account: AccountId::unchecked(account),
        client_order_id: id(&format!("cancel-{number}")),
        symbol: Symbol::unchecked("X"),
    }
}

fn amend(number: u64, account: &str, price: Option<i64>, quantity: Option<i64>, by: Option<i64>) -> HeldAmend {
    HeldAmend {
        order_id: OrderId::new(7, number),
        account: AccountId::unchecked(account),
        client_order_id: id(&format!("amend-{number}")),
        symbol: Symbol::unchecked("X"),
        price: price.map(Decimal::from_int),
        quantity: quantity.map(Decimal::from_int),
        reduce_by: by.map(Decimal::from_int),
    }
}

/// Effects as lines, to compare with what is expected.
fn lines(effects: &[Effect]) -> Vec<String> {
    let levels = |levels: &[DepthLevel]| {
        levels.iter().map(|l| format!(" {}:{}({})", l.price, l.quantity, l.orders)).collect::<String>()
    };
    let line = |effect: &Effect| match &effect.record {
        Record::Execution(e) => format!(
            "{}: {} {} {} @ {}, taker {} {} fee {}, maker {} {} fee {}",
            effect.topic,
            e.symbol,
            e.trade_id,
            e.quantity,
            e.price,
            e.taker_side,
            e.taker_order_id,
            e.taker_fee,
            e.maker_account,
            e.maker_order_id,
            e.maker_fee
        ),
        Record::SettlementLeg(l) => format!(
            "{}: {} {} {} {} {} @ {} of {} fee {} leaves {}",
            effect.topic, l.account, l.liquidity, l.order_id, l.side, l.quantity, l.price, l.trade_id, l.fee, l.leaves
        ),
        Record::BookAnswer(a) => format!(
            "{}: {} {} {} {} to {} leaves {}",
            effect.topic,
            a.account,
            a.order_id,
            a.outcome,
            a.reason.map_or("-", Reason::name),
            a.client_order_id.as_ref().map_or("-", |id| id.as_str()),
            a.leaves
        ),
        Record::DepthUpdate(d) => format!(
            "{}: {} #{}{} bids{} asks{}",
            effect.topic,
            d.symbol,
            d.sequence,
            if d.snapshot { " all" } else { "" },
            levels(&d.bids),
            levels(&d.asks)
        ),
        other => panic!("matching writes no {}", other.kind()),
    };
    effects.iter().map(line).collect()
}

#[track_caller]
fn check(effects: &[Effect], expected: &[&str]) {
    assert_eq!(lines(effects), expected);
}

#[test]
fn a_trade_is_its_execution_then_the_makers_leg_then_the_takers() {
    let mut bench = Bench::<FastBook>::open(&["X"]);
    check(
        &bench.give(order(1, "ann", Side::Sell, 5, 100)),
        &["accounts: ann 7-1 ACCEPTED - to - leaves 5", "depth: X #2 bids asks 100:5(1)"],
    );
    check(
        &bench.give(order(2, "bob", Side::Buy, 7, 101)),
        &[
            "executions: X 7-1 5 @ 100, taker BUY 7-2 fee 1, maker ann 7-1 fee 1",
            "accounts: ann MAKER 7-1 SELL 5 @ 100 of 7-1 fee 1 leaves 0",
            "accounts: bob TAKER 7-2 BUY 5 @ 100 of 7-1 fee 1 leaves 2",
            "depth: X #3 bids 101:2(1) asks 100:0(0)",
        ],
    );
}

#[test]
fn the_answer_to_a_command_names_it_and_comes_before_its_trades() {
    let mut bench = Bench::<FastBook>::open(&["X"]);
    bench.give(order(1, "ann", Side::Sell, 5, 100));
    bench.give(order(2, "bob", Side::Buy, 7, 99));
    check(
        &bench.give(amend(2, "bob", Some(100), None, None)),
        &[
            "accounts: bob 7-2 AMENDED - to amend-2 leaves 7",
            "executions: X 7-1 5 @ 100, taker BUY 7-2 fee 1, maker ann 7-1 fee 1",
            "accounts: ann MAKER 7-1 SELL 5 @ 100 of 7-1 fee 1 leaves 0",
            "accounts: bob TAKER 7-2 BUY 5 @ 100 of 7-1 fee 1 leaves 2",
            "depth: X #4 bids 100:2(1) 99:0(0) asks 100:0(0)",
            "depth: X #5 all bids 100:2(1) asks",
        ],
    );
    check(
        &bench.give(amend(2, "bob", None, None, Some(1))),
        &["accounts: bob 7-2 AMENDED - to amend-2 leaves 1", "depth: X #6 bids 100:1(1) asks"],
    );
    check(
        &bench.give(cancel(2, "bob")),
        &["accounts: bob 7-2 CANCELED REQUESTED to cancel-2 leaves 1", "depth: X #7 bids 100:0(0) asks"],
    );
    check(&bench.give(cancel(2, "bob")), &["accounts: bob 7-2 REFUSED NOT_OPEN to cancel-2 leaves 0"]);
}

#[test]
fn an_unknown_symbol_is_answered() {
    let mut bench = Bench::<FastBook>::open(&[]);
    check(
        &bench.give(order(1, "ann", Side::Sell, 5, 100)),
        &["accounts: ann 7-1 REJECTED UNKNOWN_SYMBOL to - leaves 5"],
    );
    check(
        &bench.give(amend(1, "ann", Some(2), None, None)),
        &["accounts: ann 7-1 REFUSED UNKNOWN_SYMBOL to amend-1 leaves 0"],
    );
    check(&bench.give(cancel(1, "ann")), &["accounts: ann 7-1 REFUSED UNKNOWN_SYMBOL to cancel-1 leaves 0"]);
}

#[test]
fn depth_counts_without_gaps_and_a_snapshot_follows_every_third_update_and_the_opening() {
    let mut bench = Bench::<FastBook>::open(&[]);
    bench.give(listing("X"));
    assert!(bench.give(phase("X", Phase::PreOpen)).is_empty(), "nothing changed");
    bench.give(order(1, "ann", Side::Sell, 5, 100));
    bench.give(order(2, "ann", Side::Sell, 5, 100));
    let effects = bench.give(order(3, "bob", Side::Buy, 1, 90));
    check(&effects[1..], &["depth: X #3 bids 90:1(1) asks", "depth: X #4 all bids 90:1(1) asks 100:10(2)"]);
    check(&bench.give(phase("X", Phase::Open)), &["depth: X #5 all bids 90:1(1) asks 100:10(2)"]);
    assert!(bench.give(phase("X", Phase::Open)).is_empty(), "it is open already");
}

#[test]
fn day_orders_expire_at_midnight_of_the_symbols_zone_and_when_it_closes() {
    let mut bench = Bench::<FastBook>::open(&["X"]);
    let day = |number| HeldOrder { time_in_force: TimeInForce::Day, ..order(number, "ann", Side::Sell, 5, 100) };
    bench.give(day(1));
    // Midnight in KST is 15:00 UTC.
    let midnight = Timestamp(START.0.div_euclid(86_400_000) * 86_400_000 + 15 * 3_600_000);
    assert!(midnight > bench.time);
    bench.time = midnight.plus_ms(-1);
    check(&bench.tick(), &[]);
    bench.time = midnight;
    // What came before the order ends before it: the order of the new day stays.
    let effects = bench.give(day(2));
    check(&effects[..1], &["accounts: ann 7-1 EXPIRED DAY_END to - leaves 5"]);
    check(&effects[2..3], &["accounts: ann 7-2 ACCEPTED - to - leaves 5"]);
    let effects = bench.give(phase("X", Phase::Closed));
    check(&effects[..1], &["accounts: ann 7-2 EXPIRED DAY_END to - leaves 5"]);
}

#[test]
fn the_day_of_one_zone_ends_no_other_day() {
    let mut bench = Bench::<FastBook>::open(&["X"]);
    bench.give(InstrumentListing { utc_offset_min: 0, ..listing("Y") });
    bench.give(phase("Y", Phase::Open));
    for (number, symbol) in [(1, "X"), (2, "Y")] {
        let symbol = Symbol::unchecked(symbol);
        bench.give(HeldOrder { time_in_force: TimeInForce::Day, symbol, ..order(number, "ann", Side::Sell, 5, 100) });
    }
    // Nothing has to come in the very millisecond in which a day ends.
    let after = |hours: i64| Timestamp(START.0.div_euclid(86_400_000) * 86_400_000 + hours * 3_600_000 + 500);
    for (hours, expired) in [(15, "7-1"), (24, "7-2")] {
        bench.time = after(hours);
        let effects = lines(&bench.tick());
        let answers: Vec<_> = effects.iter().filter(|line| line.starts_with("accounts")).collect();
        assert_eq!(answers, [&format!("accounts: ann {expired} EXPIRED DAY_END to - leaves 5")]);
    }
}

#[test]
fn a_sweep_beyond_the_bound_drains_on_later_records_and_commands_wait_in_order() {
    let mut bench = Bench::<FastBook>::open(&["X"]);
    let mut auditor = Auditor::default();
    let count = 3_000;
    for number in 1..=count {
        let held = order(number, "ann", Side::Sell, 1, 100 + (number % 50) as i64);
        auditor.placed(&held);
        auditor.see(&bench.give(held));
    }
    let sweep = order(count + 1, "bob", Side::Buy, 10_000, 1_000);
    auditor.placed(&sweep);
    let first = bench.give(sweep);
    assert!(first.len() > MAX_EFFECTS - 16, "the bound is used: {}", first.len());
    assert!(bench.machine.has_backlog());
    auditor.see(&first);
    // The last order to be swept is still there, but the cancel waits behind the sweep, which takes it first.
    let last = (1..=count).rev().find(|number| number % 50 == 49).unwrap();
    let second = bench.give(cancel(last, "ann"));
    auditor.see(&second);
    assert!(bench.machine.has_backlog(), "9,000 effects take three records");
    let mut restarted = bench.restarted();
    let third = bench.tick();
    assert_eq!(restarted.tick(), third, "the backlog is part of the state");
    auditor.see(&third);
    let answer = format!("accounts: ann 7-{last} REFUSED NOT_OPEN to cancel-{last} leaves 0");
    assert!(lines(&third).contains(&answer), "the cancel was answered after the sweep");
    assert!(!bench.machine.has_backlog());
    let is_snapshot = |effect: &Effect| matches!(&effect.record, Record::DepthUpdate(depth) if depth.snapshot);
    let snapshots = [first, second, third].map(|effects| effects.iter().filter(|effect| is_snapshot(effect)).count());
    assert_eq!(snapshots, [0, 0, 1], "after every third update, drained or not");
    assert_eq!(auditor.trades, count);
    auditor.compare(bench.machine.book(&Symbol::unchecked("X")).unwrap());
}

#[test]
fn symbols_do_not_wait_for_each_other() {
    let mut bench = Bench::<FastBook>::open(&["X", "Y"]);
    for number in 1..=1_500 {
        bench.give(order(number, "ann", Side::Sell, 1, 100));
    }
    bench.give(order(1_501, "bob", Side::Buy, 1_500, 100));
    assert!(bench.machine.has_backlog());
    let other = HeldOrder { symbol: Symbol::unchecked("Y"), ..order(1_502, "bob", Side::Buy, 1, 100) };
    let effects = bench.give(other);
    assert_eq!(lines(&effects)[effects.len() - 2], "accounts: bob 7-1502 ACCEPTED - to - leaves 1");
}

#[test]
fn what_cannot_be_stops_the_machine() {
    let refusal = |record: Record| {
        let mut bench = Bench::<FastBook>::open(&["X"]);
        bench.try_give(record).unwrap_err().to_string()
    };
    let cases: Vec<(Record, &str)> = vec![
        (
            RulesVersion { command_id: id("v"), version: 2 }.into(),
            "books-7 offset 4: rules version 2: this release knows 1",
        ),
        (phase("Z", Phase::Open).into(), "books-7 offset 4: phase of Z, which is not listed here"),
        (
            InstrumentListing { tick: decimal("2"), ..listing("X") }.into(),
            "books-7 offset 4: listing of X: tick of X is 1 and cannot become 2",
        ),
        (
            InstrumentListing { base: AssetCode::unchecked("ETH"), ..listing("W") }.into(),
            "books-7 offset 4: listing of W: asset ETH is not listed",
        ),
        (
            AssetListing { command_id: id("a"), asset: AssetCode::unchecked("KRW"), digits: 2 }.into(),
            "books-7 offset 4: asset KRW has 0 digits and cannot get 2",
        ),
        (
            HeldOrder { price: Some(decimal("100.5")), ..order(1, "ann", Side::Buy, 1, 1) }.into(),
            "books-7 offset 4: order 7-1 has price 100.5, not a whole number of ticks of 1",
        ),
        (order(1, "ann", Side::Buy, 1, 0).into(), "books-7 offset 4: order 7-1 has price 0, not a whole"),
        (order(1, "ann", Side::Buy, 0, 1).into(), "books-7 offset 4: order 7-1 has quantity 0, not a whole"),
        (for_amount(0).into(), "books-7 offset 4: order 7-1 has amount 0, not a whole"),
        (
            HeldOrder { quantity: None, ..order(1, "ann", Side::Buy, 1, 1) }.into(),
            "books-7 offset 4: order 7-1 has a combination",
        ),
        (
            order(1, "ann", Side::Buy, i64::MAX / 10, i64::MAX / 10).into(),
            "books-7 offset 4: order 7-1 has a notional beyond 2^63 minor units",
        ),
        (
            CommandRefused {
                account: AccountId::unchecked("ann"),
                client_id: id("c"),
                command: CommandKind::Cancel,
                orig_client_order_id: None,
                time: START,
                reason: Reason::Other,
                detail: None,
            }
            .into(),
            "books-7 offset 4: a CommandRefused stands in books",
        ),
    ];
    for (record, expected) in cases {
        let text = refusal(record);
        assert!(text.starts_with(expected), "{text}");
    }
    let known = RulesVersion { command_id: id("v"), version: 1 };
    assert!(Bench::<FastBook>::open(&["X"]).give(known).is_empty());
}

/// A market order that buys for so much.
fn for_amount(amount: i64) -> HeldOrder {
    HeldOrder {
        order_type: OrderType::Market,
        time_in_force: TimeInForce::Ioc,
        price: None,
        quantity: None,
        amount: Some(Decimal::from_int(amount)),
        ..order(1, "ann", Side::Buy, 1, 1)
    }
}

#[test]
#[should_panic(expected = "order 7-1 came twice")]
fn an_order_id_comes_once() {
    let mut bench = Bench::<FastBook>::open(&["X"]);
    bench.give(order(1, "ann", Side::Buy, 1, 100));
    bench.give(order(1, "ann", Side::Buy, 1, 100));
}

#[test]
fn a_state_that_cannot_be_is_refused() {
    let mut bench = Bench::<FastBook>::open(&["X"]);
    bench.give(order(1, "ann", Side::Buy, 1, 100));
    let saved = bench.machine.save();
    let load = |partition, bytes: &[u8]| Matching::new(partition, &Settings::default()).load(bytes);
    assert_eq!(load(7, &saved), Ok(()));
    assert_eq!(load(8, &saved), Err("a state of partition 7, not of 8".into()));
    for cut in 0..saved.len() {
        assert!(load(7, &saved[..cut]).is_err(), "cut at {cut}");
    }
    // Whatever byte is wrong: an error, or another state; never a panic.
    for at in 0..saved.len() {
        let mut wrong = saved.clone();
        wrong[at] ^= 0x41;
        let _ = load(7, &wrong);
    }
}

/// Commands of one symbol: a book that grows to thousands and is then swept.
struct Flow {
    random: Random,
    placed: u64,
}

impl Flow {
    fn record(&mut self) -> Record {
        match self.random.between(1, 1_000) {
            n if n <= 700 => self.place().into(),
            n if n <= 850 => {
                let (number, account) = self.known();
                let price = self.random.once_in(2).then(|| self.random.between(90, 110));
                amend(number, &account, price, self.random.once_in(2).then(|| self.random.between(1, 9)), None).into()
            }
            n if n <= 900 => {
                let (number, account) = self.known();
                amend(number, &account, None, None, Some(self.random.between(1, 5))).into()
            }
            n if n <= 970 => {
                let (number, account) = self.known();
                cancel(number, &account).into()
            }
            n if n <= 975 => self.sweep().into(),
            n if n <= 995 => Clock { time: START }.into(),
            996 | 997 => phase("X", Phase::PreOpen).into(),
            998 if self.random.once_in(4) => phase("X", Phase::Closed).into(),
            _ => phase("X", Phase::Open).into(),
        }
    }

    fn owner(number: u64) -> String {
        format!("account-{}", number.wrapping_mul(0x9e37_79b9) >> 5 & 15)
    }

    fn known(&mut self) -> (u64, String) {
        let number = self.random.between(1, self.placed.max(1) as i64) as u64;
        (number, Self::owner(number))
    }

    fn place(&mut self) -> HeldOrder {
        self.placed += 1;
        let side = self.random.pick(&[Side::Buy, Side::Sell]);
        // Most rest away from the middle, so that a sweep finds thousands.
        let away = if self.random.once_in(8) { self.random.between(-3, 0) } else { self.random.between(1, 9) };
        let price = if side == Side::Buy { 100 - away } else { 100 + away };
        let mut held = order(self.placed, &Self::owner(self.placed), side, self.random.between(1, 9), price);
        held.self_match_prevention = self.random.pick(SelfMatchPrevention::ALL);
        held.time_in_force = self.random.pick(&[TimeInForce::Gtc, TimeInForce::Gtc, TimeInForce::Day]);
        held
    }

    fn sweep(&mut self) -> HeldOrder {
        let held = self.place();
        let quantity = Some(Decimal::from_int(100_000));
        let market = HeldOrder { order_type: OrderType::Market, time_in_force: TimeInForce::Ioc, price: None, ..held };
        match market.side {
            Side::Sell => HeldOrder { quantity, ..market },
            Side::Buy => {
                let amount = Some(Decimal::from_int(self.random.between(50, 2_000_000)));
                HeldOrder { quantity: None, amount, ..market }
            }
        }
    }
}

#[test]
fn random_records_conserve_survive_restarts_and_are_the_same_on_the_naive_book() {
    let mut paused = 0;
    for seed in 1..=4 {
        let mut flow = Flow { random: Random(seed), placed: 0 };
        let mut bench = Bench::<FastBook>::open(&["X"]);
        let mut naive = (seed <= 2).then(|| Bench::<NaiveBook>::open(&["X"]));
        let mut auditor = Auditor::default();
        if seed % 2 == 0 {
            // Hardly room for a trade: nearly every record waits for the ones before.
            bench.machine.room = 8;
            naive.iter_mut().for_each(|naive| naive.machine.room = 8);
        }
        for step in 0..if seed <= 2 { 6_000 } else { 20_000 } {
            let record = flow.record();
            if let Record::HeldOrder(held) = &record {
                auditor.placed(held);
            }
            let restarted = flow.random.once_in(150).then(|| bench.restarted());
            let effects = bench.give(record.clone());
            if let Some(mut restarted) = restarted {
                assert_eq!(restarted.give(record.clone()), effects, "seed {seed}, step {step}: after a restart");
                assert_eq!(restarted.machine.save(), bench.machine.save(), "seed {seed}, step {step}: the state too");
                bench = restarted;
            }
            if let Some(naive) = &mut naive {
                assert_eq!(naive.give(record), effects, "seed {seed}, step {step}: on the naive book");
            }
            auditor.see(&effects);
            paused += u32::from(bench.machine.has_backlog());
            if step % 500 == 0 && !bench.machine.has_backlog() {
                auditor.compare(bench.machine.book(&Symbol::unchecked("X")).unwrap());
            }
        }
        if let Some(naive) = naive {
            assert_eq!(naive.machine.save(), bench.machine.save(), "seed {seed}: the naive machine's state");
        }
        assert!(auditor.trades > 1_000, "seed {seed}: {} trades", auditor.trades);
    }
    assert!(paused > 1_000, "{paused} records left something to do");
}
