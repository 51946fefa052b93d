//! A million random operations, or as many as asked for: the naive and the fast book say and are the same after each.

use super::Random;
use crate::book::order::{AccountIndex, Amend, Command, NewOrder, Order};
use crate::book::{Book, BookState, Event, Events, FastBook, NaiveBook, state_digest};
use crate::ids::OrderId;
use crate::money::{Amount, Price, Quantity};
use crate::operations::Operations;
use crate::records::{Phase, SelfMatchPrevention as Smp, Side, TimeInForce};

/// Of each seed: then books begin anew.
const OPERATIONS: u64 = 10_000;
const TICK_VALUE: i64 = 3;
const ACCOUNTS: i64 = 5;

/// Draws commands: few prices and accounts, so that orders meet; ids of closed orders too.
struct Flow {
    random: Random,
    placed: u64,
}

impl Flow {
    fn command(&mut self, resting: usize) -> Command {
        // Above 150 resting orders more leave than come.
        let place = if resting > 150 { 20 } else { 55 };
        match self.random.between(1, 100) {
            n if n <= place => Command::Place(self.new_order()),
            n if n <= place + 15 => self.amend(),
            n if n <= place + 22 => {
                let (id, account) = self.known_order();
                Command::Reduce { id, account, by: Quantity(self.random.between(1, 12)) }
            }
            98 => Command::Enter(self.random.pick(&[Phase::PreOpen, Phase::Halted, Phase::PreOpen, Phase::Open])),
            99 => Command::Enter(self.random.pick(&[Phase::Open, Phase::Open, Phase::PreOpen, Phase::Closed])),
            100 if self.random.once_in(4) => Command::EndDay,
            100 => Command::Enter(Phase::Open),
            _ => {
                let (id, account) = self.known_order();
                Command::Cancel { id, account }
            }
        }
    }

    /// An order's account follows from its number.
    fn owner(id: u64) -> AccountIndex {
        AccountIndex((id.wrapping_mul(0x9e37_79b9) >> 7) as u32 % ACCOUNTS as u32)
    }

    fn known_order(&mut self) -> (OrderId, AccountIndex) {
        let oldest = (self.placed as i64 - 200).max(1);
        let id = self.random.between(oldest, (self.placed as i64).max(1)) as u64;
        (OrderId(id), Self::owner(id))
    }

    fn price(&mut self) -> Price {
        Price(self.random.between(95, 105))
    }

    fn amend(&mut self) -> Command {
        let (id, account) = self.known_order();
        let price = self.random.once_in(2).then(|| self.price());
        let total = self.random.once_in(2).then(|| Quantity(self.random.between(1, 25)));
        Command::Amend(Amend { id, account, price, total })
    }

    fn new_order(&mut self) -> NewOrder {
        self.placed += 1;
        let random = &mut self.random;
        let mut new = NewOrder {
            id: OrderId(self.placed),
            account: Self::owner(self.placed),
            side: random.pick(&[Side::Buy, Side::Sell]),
            price: None,
            quantity: Some(Quantity(random.between(1, 20))),
            amount: None,
            time_in_force: TimeInForce::Gtc,
            post_only: false,
            self_match_prevention: random.pick(&[
                Smp::None,
                Smp::CancelNewest,
                Smp::CancelOldest,
                Smp::CancelBoth,
                Smp::Decrement,
            ]),
            maker_fee_ppm: random.pick(&[0, 1_000, 1_500]),
            taker_fee_ppm: random.pick(&[0, 2_500, 33_333]),
        };
        match random.between(1, 10) {
            1 => new.time_in_force = TimeInForce::Ioc,
            2 => new.time_in_force = TimeInForce::Fok,
            3 => new.post_only = true,
            4 => new.time_in_force = TimeInForce::Day,
            5 => return self.market(new),
            _ => {}
        }
        new.price = Some(self.price());
        new
    }

    fn market(&mut self, new: NewOrder) -> NewOrder {
        let random = &mut self.random;
        let about = 100 * TICK_VALUE * new.quantity.unwrap().0;
        let amount = Some(Amount((about + random.between(-700, 700)).max(1)));
        let (immediate, kill) = (TimeInForce::Ioc, TimeInForce::Fok);
        match (new.side, random.once_in(2)) {
            (Side::Buy, false) => NewOrder { time_in_force: immediate, quantity: None, amount, ..new },
            (Side::Buy, true) => NewOrder { time_in_force: kill, amount, ..new },
            (Side::Sell, false) => NewOrder { time_in_force: immediate, ..new },
            (Side::Sell, true) => NewOrder { time_in_force: kill, amount: amount.filter(|_| random.once_in(2)), ..new },
        }
    }
}

fn not_crossed(book: &impl Book) -> bool {
    let best = |side| book.levels(side, 1).first().map(|level| level.price);
    best(Side::Buy).zip(best(Side::Sell)).is_none_or(|(bid, ask)| bid < ask)
}

struct Pair {
    naive: NaiveBook,
    fast: FastBook,
    said: (Events, Events),
}

impl Pair {
    /// Both books do the same; what they say, what they changed and what they are is equal.
    fn step(&mut self, bound: usize, command: Option<&Command>, place: &dyn Fn() -> String) -> Vec<Event> {
        let (naive, fast) = (&mut self.said.0, &mut self.said.1);
        naive.reset(bound);
        fast.reset(bound);
        match command {
            Some(command) => {
                self.naive.apply(command, naive);
                self.fast.apply(command, fast);
            }
            None => {
                self.naive.advance(naive);
                self.fast.advance(fast);
            }
        }
        assert_eq!(naive.list(), fast.list(), "events: {}", place());
        assert_eq!(naive.levels(), fast.levels(), "changed levels: {}", place());
        for (side, price) in fast.levels() {
            let levels = (self.naive.level(*side, *price), self.fast.level(*side, *price));
            assert_eq!(levels.0, levels.1, "level {side} {price:?}: {}", place());
        }
        let records: usize = fast.list().iter().map(|event| if matches!(event, Event::Trade(_)) { 3 } else { 1 }).sum();
        assert_eq!(fast.weight(), records, "records of the events: {}", place());
        assert!(fast.weight() <= bound.saturating_add(3), "bound of {bound}: {} at {}", fast.weight(), place());
        assert_eq!(state_digest(&self.naive), state_digest(&self.fast), "state: {}", place());
        if self.fast.phase() == Phase::Open && !self.fast.is_busy() {
            assert!(not_crossed(&self.fast), "crossed: {}", place());
        }
        fast.list().to_vec()
    }

    fn restore_fast(&mut self, place: &dyn Fn() -> String) {
        let state = self.fast.state();
        state.check().unwrap_or_else(|error| panic!("{error}: {}", place()));
        assert_eq!(state, self.naive.state(), "exported state: {}", place());
        for side in [Side::Buy, Side::Sell] {
            assert_eq!(self.naive.levels(side, 7), self.fast.levels(side, 7), "levels: {}", place());
        }
        self.fast = FastBook::from_state(TICK_VALUE, &state);
    }
}

/// What a seed did, so that the test knows it tried everything.
#[derive(Default)]
struct Tally {
    trades: u64,
    outcomes: std::collections::BTreeSet<(&'static str, &'static str)>,
    kept_back: u64,
}

impl Tally {
    fn count(&mut self, events: &[Event]) {
        for event in events {
            match event {
                Event::Trade(_) => self.trades += 1,
                Event::Answer(a) => {
                    self.outcomes.insert((a.outcome.name(), a.reason.map_or("", |reason| reason.name())));
                }
            }
        }
    }
}

fn run(seed: u64, tally: &mut Tally) {
    let mut pair =
        Pair { naive: NaiveBook::new(TICK_VALUE), fast: FastBook::new(TICK_VALUE), said: Default::default() };
    let mut flow = Flow { random: Random(seed), placed: 0 };
    pair.step(100, Some(&Command::Enter(Phase::Open)), &|| format!("seed {seed}, opening"));
    let mut resting = 0;
    for operation in 0..OPERATIONS {
        let bound = flow.random.pick(&[0, 1, 2, 5, 1_000, 1_000, 1_000]);
        let command = flow.command(resting);
        let place = || format!("seed {seed}, operation {operation}, bound {bound}: {command:?}");
        let events = pair.step(bound, Some(&command), &place);
        tally.count(&events);
        while pair.fast.is_busy() {
            tally.kept_back += 1;
            let events = pair.step(bound.max(1), None, &place);
            tally.count(&events);
        }
        if operation % 100 == 0 {
            pair.restore_fast(&place);
        }
        resting = 0;
        pair.fast.visit(Side::Buy, &mut |_| resting += 1);
        pair.fast.visit(Side::Sell, &mut |_| resting += 1);
    }
}

#[test]
fn a_state_that_no_book_makes_is_refused() {
    let (mut book, mut said) = (FastBook::new(TICK_VALUE), Events::default());
    let mut flow = Flow { random: Random(1), placed: 0 };
    let last = |orders: &[Order]| orders.iter().map(|order| order.priority).max();
    let state = loop {
        let state = book.state();
        if state.bids.len() > 1 && !state.asks.is_empty() && last(&state.bids) > last(&state.asks) {
            break state;
        }
        said.reset(usize::MAX);
        book.apply(&flow.command(0), &mut said);
    };
    type Change = fn(&mut BookState);
    let cases: &[(Change, &str)] = &[
        (|s| s.bids[0].open = Quantity::ZERO, "cannot rest where it stands"),
        (|s| s.next_priority = s.bids.iter().map(|order| order.priority).max().unwrap(), "cannot rest where it stands"),
        (|s| s.bids[0].side = Side::Sell, "cannot rest where it stands"),
        (|s| s.bids.swap(0, 1), "BUY orders are not in price-time order"),
        (|s| (s.bids[1].price, s.bids[1].priority) = (s.bids[0].price, s.bids[0].priority), "not in price-time order"),
        (|s| s.bids[1].id = s.bids[0].id, "an order rests twice"),
        (|s| s.bids[1].id = s.asks[0].id, "an order rests twice"),
    ];
    assert_eq!(state.check(), Ok(()));
    for (change, expect) in cases {
        let mut state = state.clone();
        change(&mut state);
        let outcome = state.check();
        assert!(outcome.as_ref().is_err_and(|error| error.contains(expect)), "expected {expect:?}, got {outcome:?}");
    }
}

#[test]
fn digests_are_equal_for_equal_books_alone() {
    let (mut book, mut said) = (FastBook::new(TICK_VALUE), Events::default());
    let mut flow = Flow { random: Random(1), placed: 0 };
    let mut before = (book.state(), state_digest(&book));
    for _ in 0..200 {
        said.reset(usize::MAX);
        book.apply(&flow.command(0), &mut said);
        let after = (book.state(), state_digest(&book));
        assert_eq!(before.0 == after.0, before.1 == after.1, "{before:x?} and {after:x?}");
        before = after;
    }
}

#[test]
fn naive_and_fast_are_equal_after_each_of_a_million_operations() {
    let (mut tally, mut operations) = (Tally::default(), Operations::new("naive and fast book", 1_000_000));
    let seeds = operations.total.div_ceil(OPERATIONS);
    for seed in 1..=seeds {
        run(seed, &mut tally);
        operations.reached(seed * OPERATIONS);
    }
    eprintln!("{} trades, {} pauses, outcomes {:?}", tally.trades, tally.kept_back, tally.outcomes);
    let expected = [
        ("ACCEPTED", ""),
        ("AMENDED", ""),
        ("CANCELED", "AMENDED_TO_FILLED"),
        ("CANCELED", "REQUESTED"),
        ("CANCELED", "SELF_MATCH"),
        ("DECREMENTED", "SELF_MATCH"),
        ("EXPIRED", "AMOUNT_SPENT"),
        ("EXPIRED", "DAY_END"),
        ("EXPIRED", "NOT_FILLABLE"),
        ("EXPIRED", "NO_LIQUIDITY"),
        ("REFUSED", "NOT_OPEN"),
        ("REFUSED", "PHASE"),
        ("REFUSED", "WOULD_TRADE"),
        ("REJECTED", "PHASE"),
        ("REJECTED", "WOULD_TRADE"),
    ];
    assert_eq!(tally.outcomes.into_iter().collect::<Vec<_>>(), expected, "everything a book can answer came up");
    let enough = (seeds * OPERATIONS / 10, seeds * OPERATIONS / 100);
    assert!(tally.trades > enough.0 && tally.kept_back > enough.1, "the flow trades and pauses");
}
