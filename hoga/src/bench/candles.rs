//! Candles in memory: ticks of 2,000 symbols into bars of four intervals, one machine on one core.
//!
//! Ticks come at 200,000 a second of the market's time; each second the bars that changed are published.

use super::Size;
use super::outcome::{Figure, Outcome, Side};
use super::timing::{Each, Spread, on_core, per_second};
use crate::cli::Context;
use crate::exit::Failure;
use crate::progress::Progress;
use hoga_core::candles::Candles;
use hoga_core::records::{CandleSource, Clock, Side as TickSide, Tick};
use hoga_core::{Body, Decimal, Effects, Input, Machine, Record, Settings, Symbol, Timestamp};
use hoga_simulation::Random;

const EXCLUDED: &str = "making the ticks, encoding and hashing of candles, logs";
const SYMBOLS: u64 = 2_000;
/// Ticks of a second of the market's time: all are made before the clock runs.
const PER_SECOND: u64 = 200_000;
/// Seconds of the market's time in a round.
const SECONDS: i64 = 5;
/// 2024-01-01T00:00:00Z.
const START_MS: i64 = 1_704_067_200_000;

/// The row.
pub fn run(context: &Context, size: &Size) -> Result<Outcome, Failure> {
    let ticks_of_a_round = PER_SECOND * SECONDS as u64;
    let work =
        format!("{ticks_of_a_round} ticks a round of {SYMBOLS} symbols, four intervals, published once a second");
    let mut outcome = Outcome::new("candles", work, EXCLUDED);
    let mut progress = Progress::new("rounds of candles", Some(size.rounds + 1));
    let (mut rates, mut cpu_ns) = (Spread::default(), Spread::default());
    let mut stream = Stream::new();
    for round in 0..size.rounds {
        let mut time = std::time::Duration::ZERO;
        for _ in 0..SECONDS {
            context.stop.check("no figures")?;
            stream.load();
            let (applied, spent) = on_core(|| stream.apply(|| {}));
            applied?;
            time += spent;
        }
        rates.add(per_second(ticks_of_a_round, time));
        cpu_ns.add(time.as_nanos() as u64 / ticks_of_a_round);
        progress.set(round + 1);
    }
    stream.load();
    let mut each = Each::new();
    stream.apply(|| each.done())?;
    outcome.known("ticks refused", stream.refused(), Some(0));
    outcome.known("ticks in bars of a day", stream.ticks_in_day_bars()?, Some(stream.applied));
    outcome.figures = vec![Figure::of("ticks/s", &rates)];
    outcome.sides.push(Side {
        name: "hoga",
        latency_ns: Some(each.histogram()),
        per_second: rates.middle(),
        cpu_ns: cpu_ns.middle(),
        count: ticks_of_a_round * size.rounds,
    });
    Ok(outcome)
}

/// Ticks, a second at a time, and the machine.
struct Stream {
    machine: Candles,
    effects: Effects,
    ticks: Vec<Record>,
    second: i64,
    offset: u64,
    applied: u64,
}

impl Stream {
    fn new() -> Self {
        let mut ticks = Ticks::new();
        Self {
            machine: Candles::new(CandleSource::Ticks, 0, &Settings::default()),
            effects: Effects::default(),
            ticks: (0..PER_SECOND).map(|_| ticks.next(Timestamp::default()).into()).collect(),
            second: 0,
            offset: 0,
            applied: 0,
        }
    }

    /// The same ticks a second later.
    fn load(&mut self) {
        self.second += 1;
        let begin = START_MS + self.second * 1_000;
        for (number, record) in (0..).zip(&mut self.ticks) {
            let Record::Tick(tick) = record else { continue };
            tick.venue_time = Timestamp(begin + number * 1_000 / PER_SECOND as i64);
            tick.receive_time = tick.venue_time;
        }
    }

    fn apply(&mut self, mut each: impl FnMut()) -> Result<(), Failure> {
        let begin = Timestamp(START_MS + self.second * 1_000);
        let clock = Record::from(Clock { time: begin });
        for record in std::iter::once(&clock).chain(&self.ticks) {
            self.offset += 1;
            let time = if let Record::Tick(tick) = record { tick.receive_time } else { begin };
            apply(&mut self.machine, self.offset, time, record, &mut self.effects)?;
            self.effects.drain();
            each();
        }
        self.applied += self.ticks.len() as u64;
        Ok(())
    }

    /// All ticks once more, as the newest revisions of the bars of a day tell them: every symbol traded in the last
    /// second, so that the next clock brings all of them.
    fn ticks_in_day_bars(&mut self) -> Result<u64, Failure> {
        let (mut ticks, mut time) = (0, Timestamp(START_MS + (self.second + 1) * 1_000));
        loop {
            apply(&mut self.machine, self.offset, time, &Clock { time }.into(), &mut self.effects)?;
            for effect in self.effects.drain() {
                if let Record::Candle(candle) = &effect.record {
                    ticks += if candle.interval == "1d" { candle.trades } else { 0 };
                }
            }
            if !self.machine.has_backlog() {
                return Ok(ticks);
            }
            time = time.plus_ms(1);
        }
    }

    fn refused(&self) -> u64 {
        let counts = self.machine.counts();
        counts.refused + counts.ahead + counts.dropped_late
    }
}

fn apply(
    machine: &mut Candles,
    offset: u64,
    time: Timestamp,
    record: &Record,
    effects: &mut Effects,
) -> Result<(), Failure> {
    let input = Input { offset, time, append_time: time, key: &[], value: &[], body: Body::Record(record) };
    machine.apply(&input, effects).map_err(|why| Failure::Stopped(why.to_string()))
}

/// Ticks of one venue; the same in every run but for their times.
pub struct Ticks(Random);

impl Ticks {
    /// From the first on.
    pub fn new() -> Self {
        Self(Random::new(1))
    }

    /// The next, at that time.
    pub fn next(&mut self, time: Timestamp) -> Tick {
        let Self(random) = self;
        Tick {
            symbol: Symbol::unchecked(&format!("KRW-S{:05}", random.below(SYMBOLS))),
            venue: "VENUE".into(),
            venue_time: time,
            receive_time: time,
            venue_sequence: random.below(1 << 40) as i64,
            price: Decimal::from_units(95_000_000 + random.below(1_000_000) as i64, 2),
            quantity: Decimal::from_units(1 + random.below(100_000_000) as i64, 8),
            taker_side: Some(if random.below(2) == 0 { TickSide::Buy } else { TickSide::Sell }),
        }
    }
}
