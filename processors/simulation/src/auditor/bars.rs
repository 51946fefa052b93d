//! Bars, judged by what they say: each revision of a bar is what the auditor makes of the trades that were there when
//! its cause was read. By docs/machines.md, "candles and tick-candles".
//!
//! Left out on purpose: when a revision is due; at the end the newest of each bar must be right.

use super::Finding;
use super::accept::Taken;
use super::clock::Time;
use crate::settings;
use hoga_core::records::{Candle, CandleSource};
use hoga_core::{Decimal, Record, Settings, Timestamp};
use std::collections::BTreeMap;

/// A trade may be so far ahead of the machine's time.
const AHEAD_MS: i64 = 60_000;

#[derive(Debug, Clone)]
struct Trade {
    offset: u64,
    time: i64,
    price: i128,
    quantity: i128,
    late: bool,
}

/// Symbol, venue, interval in milliseconds, open time.
type Name = (String, String, i64, i64);

#[derive(Debug, Default)]
struct Bar {
    trades: Vec<Trade>,
    revision: u32,
    published: Option<Candle>,
}

/// The bars of one partition of `executions` or `ticks`.
#[derive(Debug)]
pub(crate) struct Bars {
    source: CandleSource,
    settings: Settings,
    time: Time,
    now: i64,
    /// The machine's time from an input offset on.
    times: Vec<(u64, i64)>,
    bars: BTreeMap<Name, Bar>,
}

impl Bars {
    pub fn new(source: CandleSource) -> Self {
        let (settings, time) = (settings::candles(), Time::default());
        Self { source, settings, time, now: 0, times: Vec::new(), bars: BTreeMap::new() }
    }

    /// Takes the next accepted record of the input.
    pub fn input(&mut self, taken: &Taken) {
        let record = taken.record.as_ref().expect("a trusted topic's records decode");
        let clock = if let Record::Clock(clock) = record { Some(clock.time) } else { None };
        self.now = self.time.at(taken.time, clock).0;
        self.times.push((taken.offset, self.now));
        let (symbol, venue, time, price, quantity) = match record {
            Record::Execution(r) => (r.symbol.to_string(), String::new(), r.time, r.price, r.quantity),
            Record::Tick(r) => (r.symbol.to_string(), r.venue.to_string(), r.venue_time, r.price, r.quantity),
            _ => return,
        };
        if time.0 > self.now + AHEAD_MS {
            return;
        }
        for ms in self.settings.candle_intervals_ms.clone() {
            let zone = i64::from(self.settings.utc_offset_min) * 60_000;
            let open = (time.0 + zone).div_euclid(ms) * ms - zone;
            let ends = open + ms + self.settings.candle_lateness_ms;
            if ends + i64::from(self.settings.candle_kept_bars) * ms <= self.now {
                continue;
            }
            let late = ends <= self.now;
            let trade = Trade { offset: taken.offset, time: time.0, price: price.0, quantity: quantity.0, late };
            self.bars.entry((symbol.clone(), venue.clone(), ms, open)).or_default().trades.push(trade);
        }
    }

    /// Takes a published bar that the input offset `cause` caused.
    pub fn published(&mut self, candle: &Candle, cause: u64) -> Result<(), Finding> {
        let ms = candle.close_time.0 - candle.open_time.0;
        let name = (candle.symbol.to_string(), candle.venue.to_string(), ms, candle.open_time.0);
        let who = format!("bar {} of {} from {}", candle.interval, candle.symbol, candle.open_time);
        let Some(bar) = self.bars.get_mut(&name) else {
            return Err(Finding::new(format!("{who}: nothing traded in it")));
        };
        bar.revision += 1;
        let at = self.times.partition_point(|(offset, _)| *offset <= cause);
        let now = at.checked_sub(1).map_or(0, |at| self.times[at].1);
        let is_final = candle.close_time.0 + self.settings.candle_lateness_ms <= now;
        let due = bar.candle(&name, self.source, candle.interval.as_str(), cause, is_final);
        if due.as_ref() != Some(candle) {
            return Err(Finding::new(format!("{who}, caused by offset {cause}\n  says {candle:?}\n  is   {due:?}")));
        }
        bar.published = Some(candle.clone());
        Ok(())
    }

    /// At the end, with clocks past every bar that ended by `before`: the newest revision of each is right.
    pub fn check_end(&self, before: Timestamp) -> Result<(), Finding> {
        for (name, bar) in &self.bars {
            let ended = name.3 + name.2 + self.settings.candle_lateness_ms <= before.0;
            let published = bar.published.as_ref();
            let right = published.is_some_and(|candle| {
                let due = bar.candle(name, self.source, candle.interval.as_str(), u64::MAX, candle.is_final);
                due.as_ref() == published && (candle.is_final || !ended)
            });
            if !right {
                return Err(Finding::new(format!("bar {name:?} at the end: {published:?} of {:?}", bar.trades)));
            }
        }
        Ok(())
    }
}

impl Bar {
    /// What the bar says of the trades up to an input offset.
    fn candle(&self, name: &Name, source: CandleSource, interval: &str, until: u64, is_final: bool) -> Option<Candle> {
        let trades: Vec<&Trade> = self.trades.iter().filter(|trade| trade.offset <= until).collect();
        // Of equal times the first to arrive opens, the last closes.
        let first = trades.iter().rev().min_by_key(|trade| trade.time)?;
        let first = trades.iter().find(|trade| trade.time == first.time)?;
        let last = trades.iter().max_by_key(|trade| trade.time)?;
        // Two factors of ten places each: the sum has twenty, and is rounded down once.
        let quote: i128 = trades.iter().map(|trade| trade.price * trade.quantity).sum();
        let (symbol, venue, ms, open) = name;
        Some(Candle {
            symbol: hoga_core::Symbol::unchecked(symbol),
            source,
            venue: venue.as_str().into(),
            interval: interval.into(),
            open_time: Timestamp(*open),
            close_time: Timestamp(open + ms),
            open: Decimal(first.price),
            high: Decimal(trades.iter().map(|trade| trade.price).max()?),
            low: Decimal(trades.iter().map(|trade| trade.price).min()?),
            close: Decimal(last.price),
            volume: Decimal(trades.iter().map(|trade| trade.quantity).sum()),
            quote_volume: Decimal(quote.div_euclid(10_000_000_000)),
            trades: trades.len() as u64,
            revision: self.revision,
            is_final,
            late_trades: trades.iter().filter(|trade| trade.late).count() as u64,
        })
    }
}
