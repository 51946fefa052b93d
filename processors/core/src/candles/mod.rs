//! Candles: bars of what traded, from hoga's own executions (machine `candles`) or from ticks of outside venues
//! (machine `tick-candles`). One implementation; for ticks each venue of a symbol has its own bars.
//!
//! Reads `executions` or `ticks`; writes `candles`.
//!
//! Invariants:
//! 1. A trade belongs to the bar that its own time falls in (`Execution::time`, `Tick::venue_time`), one in each
//!    interval; what a bar says in the end depends on its trades' times, and for equal times on their arrival, not on
//!    the order in which different times arrived.
//! 2. A bar becomes final by machine time alone, `candle_lateness_ms` after its close time. A trade that comes later is
//!    taken in while the bar is kept (`candle_kept_bars` intervals more), counted in `late_trades`, and published as a
//!    further revision, final again.
//! 3. Bars are published at most once a second of machine time (on clock records, or when any record brings the time
//!    a second further), never for each trade, and only if they changed or became final; revisions count 1, 2, 3.
//! 4. A trade is refused, and counted in [`Counts`], when its bar is forgotten, when its time is more than
//!    [`MAX_EVENT_AHEAD_MS`] ahead of the machine's or no time at all, when its quantity is not above zero, or when a
//!    number would not fit 38 digits. Nothing that a venue sends stops the machine.
//! 5. Quote volume is summed exactly and rounded down once, when it is published.
//!
//! The zone whose days bars follow is `Settings::utc_offset_min` for every symbol: the input carries no listings, and a
//! machine reads one input. Left out on purpose: empty bars (a reader draws a gap as it likes), indicators.

mod bar;
mod fresh;
mod interval;
mod quote;
mod track;
mod tracks;

pub use interval::Interval;

use crate::ids::Symbol;
use crate::machine::{Body, Effects, Input, MAX_EFFECTS, Machine, MachineKind, Stop, Topic};
use crate::money::Decimal;
use crate::records::{Candle, CandleSource, Record};
use crate::settings::Settings;
use crate::time::{CLOCK_INTERVAL_MS, MAX_TIME, Timestamp};
use bar::{Bar, Trade};
use compact_str::CompactString;
use quote::QuoteSum;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use track::Lifetime;
use tracks::Tracks;

/// How far a trade's own time may be ahead of the machine's: a venue's clock may be off, but not by more.
pub const MAX_EVENT_AHEAD_MS: i64 = 60_000;
/// The most series (symbols, or symbols and venues) of a partition.
pub const MAX_SERIES: usize = 100_000;
/// The most characters of another state's settings in a message.
const MAX_SHOWN: usize = 400;

/// Trades that made no bar; other than zero is worth a look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Came when their bar was forgotten; counted once for each interval where that was so.
    pub dropped_late: u64,
    /// Were more than [`MAX_EVENT_AHEAD_MS`] ahead of the machine's time.
    pub ahead: u64,
    /// Had no sane time, no quantity above zero, a number that does not fit (counted once for each interval where the
    /// bar's sum would not), or were of a series beyond [`MAX_SERIES`].
    pub refused: u64,
}

/// The bars of a symbol, or of a symbol at a venue.
#[derive(Debug, Serialize, Deserialize)]
struct Series {
    symbol: Symbol,
    venue: CompactString,
    tracks: Tracks,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct State {
    /// In the order of their first trades.
    series: Vec<Series>,
    counts: Counts,
    /// When bars were last published.
    last_sweep: Timestamp,
    /// The series and interval to go on with, where the bound on effects cut a sweep short.
    resume: Option<(u32, u32)>,
}

/// The settings that shape the state: a snapshot made with others does not fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Shape {
    intervals_ms: Vec<i64>,
    lateness_ms: i64,
    kept_bars: u32,
    utc_offset_min: i32,
}

/// The machine.
#[derive(Debug)]
pub struct Candles {
    source: CandleSource,
    partition: u32,
    shape: Shape,
    intervals: Vec<Interval>,
    lifetime: Lifetime,
    state: State,
    /// Look-up only: the series of a symbol, few (venues).
    by_symbol: FxHashMap<Symbol, SmallVec<[u32; 2]>>,
}

impl Candles {
    /// The machine of a partition of `executions` or `ticks`. Panics on settings that do not pass [`Settings::check`].
    pub fn new(source: CandleSource, partition: u32, settings: &Settings) -> Self {
        settings.check().expect("settings are checked before machines are made");
        let shape = Shape {
            intervals_ms: settings.candle_intervals_ms.clone(),
            lateness_ms: settings.candle_lateness_ms,
            kept_bars: settings.candle_kept_bars,
            utc_offset_min: settings.utc_offset_min,
        };
        let intervals = shape.intervals_ms.iter().map(|ms| Interval::new(*ms, shape.utc_offset_min)).collect();
        let lifetime = Lifetime { lateness_ms: shape.lateness_ms, kept: i64::from(shape.kept_bars) };
        let (state, by_symbol) = (State::default(), FxHashMap::default());
        Self { source, partition, shape, intervals, lifetime, state, by_symbol }
    }

    /// Trades that made no bar.
    pub fn counts(&self) -> Counts {
        self.state.counts
    }

    fn take(&mut self, symbol: &Symbol, venue: &str, event: (Timestamp, Decimal, Decimal), now: Timestamp) {
        let (time, price, quantity) = event;
        if time > now.plus_ms(MAX_EVENT_AHEAD_MS) {
            self.state.counts.ahead += 1;
            return;
        }
        let known = self.find_series(symbol, venue);
        if let Some(at) = known
            && self.state.series[at].tracks.take_fresh(time.0, price, quantity, now.0)
        {
            return;
        }
        let series = sane(time, price, quantity).and_then(|trade| {
            let at = known.or_else(|| self.add_series(symbol, venue))?;
            Some((trade, at))
        });
        let Some((trade, at)) = series else {
            self.state.counts.refused += 1;
            return;
        };
        let State { series, counts, .. } = &mut self.state;
        series[at].tracks.take(&trade, &self.intervals, self.lifetime, now.0, counts);
    }

    fn find_series(&self, symbol: &Symbol, venue: &str) -> Option<usize> {
        let mut of_symbol = self.by_symbol.get(symbol)?.iter().map(|at| *at as usize);
        of_symbol.find(|at| self.state.series[*at].venue == venue)
    }

    /// The place of a new series; none beyond the bound.
    fn add_series(&mut self, symbol: &Symbol, venue: &str) -> Option<usize> {
        let at = self.state.series.len();
        if at == MAX_SERIES {
            return None;
        }
        let tracks = Tracks::new(self.intervals.len());
        self.state.series.push(Series { symbol: symbol.clone(), venue: venue.into(), tracks });
        self.by_symbol.entry(symbol.clone()).or_default().push(at as u32);
        Some(at)
    }

    /// Publishes what is due, from where the last sweep was cut short if it was.
    fn sweep(&mut self, now: Timestamp, effects: &mut Effects) {
        let (first, first_track) = match self.state.resume.take() {
            Some((series, track)) => (series as usize, track as usize),
            None => {
                self.state.last_sweep = now;
                (0, 0)
            }
        };
        let (source, intervals, lifetime) = (self.source, &self.intervals, self.lifetime);
        for (at, series) in self.state.series.iter_mut().enumerate().skip(first) {
            let skip = if at == first { first_track } else { 0 };
            let Series { symbol, venue, tracks } = series;
            for (number, (track, interval)) in tracks.settled().iter_mut().zip(intervals).enumerate().skip(skip) {
                let done = track.sweep(interval, lifetime, now.0, |bar, is_final| {
                    let room = effects.len() < MAX_EFFECTS;
                    if room {
                        effects.emit(Topic::Candles, candle(source, symbol, venue, interval, bar, is_final));
                    }
                    room
                });
                if !done {
                    self.state.resume = Some((at as u32, number as u32));
                    return;
                }
            }
        }
    }
}

impl Machine for Candles {
    fn kind(&self) -> MachineKind {
        match self.source {
            CandleSource::Executions => MachineKind::Candles,
            CandleSource::Ticks => MachineKind::TickCandles,
        }
    }

    fn apply(&mut self, input: &Input<'_>, effects: &mut Effects) -> Result<(), Stop> {
        let now = input.time;
        let mut is_clock = false;
        match (&input.body, self.source) {
            (Body::Record(Record::Clock(_)), _) => is_clock = true,
            (Body::Record(Record::Execution(r)), CandleSource::Executions) => {
                self.take(&r.symbol, "", (r.time, r.price, r.quantity), now);
            }
            (Body::Record(Record::Tick(r)), CandleSource::Ticks) => {
                self.take(&r.symbol, &r.venue, (r.venue_time, r.price, r.quantity), now);
            }
            (body, _) => {
                let what = match body {
                    Body::Record(record) => format!("a {}", record.kind()),
                    Body::Malformed { reason } => (*reason).to_owned(),
                };
                let (kind, topic, offset) = (self.kind(), self.kind().input(), input.offset);
                return Err(Stop(format!(
                    "{kind}: {what} in {topic}/{} at offset {offset}: find out who wrote it",
                    self.partition
                )));
            }
        }
        let since = now.0.saturating_sub(self.state.last_sweep.0);
        if self.has_backlog() || since >= CLOCK_INTERVAL_MS || (is_clock && since > 0) {
            self.sweep(now, effects);
        }
        Ok(())
    }

    fn has_backlog(&self) -> bool {
        self.state.resume.is_some()
    }

    fn save(&self) -> Vec<u8> {
        postcard::to_stdvec(&(&self.shape, &self.state)).expect("the state always encodes")
    }

    fn load(&mut self, bytes: &[u8]) -> Result<(), String> {
        let kind = self.kind();
        let (shape, state): (Shape, State) =
            postcard::from_bytes(bytes).map_err(|error| format!("state of {kind}: {error}"))?;
        if shape != self.shape {
            // That of a damaged state may have any number of intervals.
            let shape: String = format!("{shape:?}").chars().take(MAX_SHOWN).collect();
            return Err(format!("state of {kind} was made with {shape}, the settings are {:?}", self.shape));
        }
        if state.series.iter().any(|series| series.tracks.len() != self.intervals.len()) {
            return Err(format!("state of {kind}: a series has not {} intervals", self.intervals.len()));
        }
        self.by_symbol = FxHashMap::default();
        for (at, series) in state.series.iter().enumerate() {
            self.by_symbol.entry(series.symbol.clone()).or_default().push(at as u32);
        }
        self.state = state;
        Ok(())
    }
}

/// The trade, if its time is one, its quantity is above zero and its product fits. Prices of outside venues may be
/// zero or below (a future of oil was, on 2020-04-20).
fn sane(time: Timestamp, price: Decimal, quantity: Decimal) -> Option<Trade> {
    let sane = time.0 > 0 && time <= MAX_TIME && price.in_range() && quantity.in_range() && quantity.is_positive();
    let quote = sane.then(|| QuoteSum::product(price, quantity)).flatten()?;
    Some(Trade { time_ms: time.0, price, quantity, quote })
}

fn candle(
    source: CandleSource,
    symbol: &Symbol,
    venue: &CompactString,
    interval: &Interval,
    bar: &Bar,
    is_final: bool,
) -> Candle {
    Candle {
        symbol: symbol.clone(),
        source,
        venue: venue.clone(),
        interval: interval.name.clone(),
        open_time: Timestamp(bar.open_time_ms),
        close_time: Timestamp(bar.open_time_ms + interval.ms),
        open: bar.open,
        high: bar.high,
        low: bar.low,
        close: bar.close,
        volume: bar.volume,
        quote_volume: bar.quote.rounded_down(),
        trades: bar.trades,
        revision: bar.revision,
        is_final,
        late_trades: bar.late_trades,
    }
}

#[cfg(test)]
mod tests;
