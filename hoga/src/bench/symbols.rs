//! Many symbols: a generated market through holds, books and settlement on one core, as in the row `core`.
//!
//! Reads nothing; the same commands in every run. What a resting order takes is counted of the books alone.

use super::core_loop::Pair;
use super::crowd::Crowd;
use super::direct::Direct;
use super::outcome::{Figure, Outcome, Side};
use super::timing::{Each, Spread, on_core, per_second};
use super::{Size, memory};
use crate::cli::Context;
use crate::exit::Failure;
use crate::progress::Progress;
use hoga_core::book::{AccountIndex, Book, Command, Events, FastBook, NewOrder};
use hoga_core::records::{Phase, PlaceOrder, SelfMatchPrevention, TimeInForce};
use hoga_core::{OrderId, Price, Quantity, Record, Settings, Timestamp};

const EXCLUDED: &str = "making the commands, admission, encoding and hashing of effects (names and decimals too), logs";
const SEED: u64 = 1;
/// Commands of a round, made before the clock runs over them.
const ROUND: u64 = 200_000;

/// A market.
struct Shape {
    row: &'static str,
    symbols: usize,
    accounts: u32,
    /// Orders that rest in each symbol before the clock runs.
    resting: usize,
}

const SHAPES: [Shape; 2] = [
    Shape { row: "100 symbols", symbols: 100, accounts: 10_000, resting: 100 },
    Shape { row: "10,000 symbols", symbols: 10_000, accounts: 10_000, resting: 100 },
];

/// The rows.
pub fn run(context: &Context, size: &Size) -> Result<Vec<Outcome>, Failure> {
    SHAPES.iter().map(|shape| shape.run(context, size)).collect()
}

impl Shape {
    fn run(&self, context: &Context, size: &Size) -> Result<Outcome, Failure> {
        let resting = self.symbols * self.resting;
        let work = format!("{ROUND} generated commands a round, {resting} orders rest, {} accounts", self.accounts);
        let mut outcome = Outcome::new(self.row, work, EXCLUDED);
        let (mut rates, mut cpu_ns) = (Spread::default(), Spread::default());
        let mut market = self.open(context)?;
        let mut progress = Progress::new("rounds of symbols", Some(size.rounds + 1));
        for round in 0..size.rounds {
            context.stop.check("no figures")?;
            market.load();
            let (applied, time) = on_core(|| market.apply(|| {}));
            applied?;
            rates.add(per_second(ROUND, time));
            cpu_ns.add(time.as_nanos() as u64 / ROUND);
            progress.set(round + 1);
        }
        market.load();
        let mut each = Each::new();
        market.apply(|| each.done())?;
        let verified = market.machines.holds().verify().map_or_else(|what| what, |()| "balanced".to_owned());
        outcome.known("ledger", verified, Some("balanced".to_owned()));
        outcome.facts.push(("trades", market.machines.made().trades.to_string()));
        outcome.figures = vec![Figure::of("commands/s", &rates)];
        outcome.figures.extend(self.bytes_of_a_resting_order());
        outcome.sides.push(Side {
            name: "hoga",
            latency_ns: Some(each.histogram()),
            per_second: rates.middle(),
            cpu_ns: cpu_ns.middle(),
            count: ROUND * size.rounds,
        });
        Ok(outcome)
    }

    /// Lists, funds, and lets orders rest.
    fn open(&self, context: &Context) -> Result<Market, Failure> {
        let crowd = Crowd::new(SEED, self.symbols, self.accounts);
        let mut market = Market { machines: Direct::new(&Settings::default()), crowd, commands: Vec::new() };
        let time = market.crowd.time();
        for listing in market.crowd.listings() {
            market.machines.tell_both(&listing, time)?;
        }
        market.machines.step(&market.crowd.clock(), time)?;
        for deposit in market.crowd.deposits() {
            market.machines.step(&deposit, time)?;
        }
        let mut progress = Progress::new("resting orders", Some((self.symbols * self.resting) as u64));
        for symbol in 0..self.symbols {
            context.stop.check("no figures")?;
            for _ in 0..self.resting {
                market.tick()?;
                let order = market.crowd.resting(symbol).into();
                market.machines.step(&order, market.crowd.time())?;
            }
            progress.set((symbol * self.resting) as u64);
        }
        Ok(market)
    }

    /// What the books take for each order that rests; not in builds that do not count.
    fn bytes_of_a_resting_order(&self) -> Option<Figure> {
        let mut crowd = Crowd::new(SEED, self.symbols, self.accounts);
        let orders: Vec<NewOrder> = (0..self.symbols * self.resting)
            .map(|number| new_order(number as u64 + 1, &crowd.resting(number / self.resting)))
            .collect();
        let mut out = Events::new(usize::MAX);
        let (_books, bytes) = memory::kept_bytes(|| {
            let book = |orders: &[NewOrder]| {
                let mut book = FastBook::new(1);
                book.apply(&Command::Enter(Phase::Open), &mut out);
                for order in orders {
                    out.reset(usize::MAX);
                    book.place(order, &mut out);
                }
                book
            };
            orders.chunks(self.resting).map(book).collect::<Vec<_>>()
        });
        bytes.map(|bytes| Figure::new("bytes a resting order", bytes / orders.len() as u64, 0))
    }
}

struct Market {
    machines: Direct,
    crowd: Crowd,
    commands: Vec<(Timestamp, Record)>,
}

impl Market {
    /// A clock, once a second.
    fn tick(&mut self) -> Result<(), Failure> {
        if self.crowd.is_clock_due() {
            self.machines.step(&self.crowd.clock(), self.crowd.time())?;
        }
        Ok(())
    }

    /// Makes the next round's commands.
    fn load(&mut self) {
        self.commands.clear();
        for _ in 0..ROUND {
            if self.crowd.is_clock_due() {
                self.commands.push((self.crowd.time(), self.crowd.clock()));
            }
            let command = self.crowd.next();
            self.commands.push((self.crowd.time(), command));
        }
    }

    fn apply(&mut self, mut each: impl FnMut()) -> Result<(), Failure> {
        for (time, record) in &self.commands {
            self.machines.step(record, *time)?;
            each();
        }
        Ok(())
    }
}

/// A resting order as its book takes it.
fn new_order(number: u64, order: &PlaceOrder) -> NewOrder {
    NewOrder {
        id: OrderId::new(0, number),
        account: AccountIndex((number % 10_000) as u32),
        side: order.side,
        price: order.price.and_then(|price| price.to_units(0)).map(Price),
        quantity: order.quantity.and_then(|quantity| quantity.to_units(0)).map(Quantity),
        amount: None,
        time_in_force: TimeInForce::Gtc,
        post_only: false,
        self_match_prevention: SelfMatchPrevention::None,
        maker_fee_ppm: 200,
        taker_fee_ppm: 500,
    }
}
