//! Bars, obviously right: keep every trade, and in the end sort all of a bar's by time and arrival.

use super::*;

/// Symbol, venue, interval, open time.
pub(super) type BarKey = (String, String, String, i64);

/// What is compared: open, high, low, close, volume, quote volume; close time, trades, late trades.
type Told = (BarKey, [Decimal; 6], i64, u64, u64);

#[derive(Debug, Clone)]
struct Kept {
    time: i64,
    price: Decimal,
    quantity: Decimal,
    late: bool,
}

#[derive(Debug)]
pub(super) struct Oracle {
    settings: Settings,
    bars: BTreeMap<(BarKey, i64), Vec<Kept>>,
    pub(super) dropped_late: u64,
    pub(super) ahead: u64,
}

impl Oracle {
    pub(super) fn new(settings: &Settings) -> Self {
        Self { settings: settings.clone(), bars: BTreeMap::new(), dropped_late: 0, ahead: 0 }
    }

    pub(super) fn trade(
        &mut self,
        now: i64,
        (symbol, venue): (&str, &str),
        time: i64,
        price: Decimal,
        quantity: Decimal,
    ) {
        if time - now > 60_000 {
            self.ahead += 1;
            return;
        }
        for interval in self.settings.candle_intervals_ms.clone() {
            let (open, close) = self.bar_of(time, interval);
            let end = close + self.settings.candle_lateness_ms;
            if now >= end + i64::from(self.settings.candle_kept_bars) * interval {
                self.dropped_late += 1;
                continue;
            }
            let key = (symbol.into(), venue.into(), Interval::new(interval, 0).name.into(), open);
            let kept = Kept { time, price, quantity, late: now >= end };
            self.bars.entry((key, close)).or_default().push(kept);
        }
    }

    /// Walks from the local midnight before the time, bar by bar.
    fn bar_of(&self, time: i64, interval: i64) -> (i64, i64) {
        let day = 86_400_000;
        let zone = i64::from(self.settings.utc_offset_min) * 60_000;
        let since_midnight = (time + zone) % day;
        let mut open = time - since_midnight;
        if interval > day {
            while (open + zone) % interval != 0 {
                open -= day;
            }
        } else {
            while open + interval <= time {
                open += interval * ((time - open) / interval);
            }
        }
        (open, open + interval)
    }

    pub(super) fn bars(&self) -> Vec<Told> {
        let bar = |((key, close), trades): (&(BarKey, i64), &Vec<Kept>)| {
            let mut trades = trades.clone();
            trades.sort_by_key(|trade| trade.time); // stable: arrival decides among equals
            let prices = || trades.iter().map(|trade| trade.price);
            let volume = trades.iter().map(|trade| trade.quantity.0).sum();
            let quote: i128 = trades.iter().map(|trade| trade.price.0 * trade.quantity.0).sum();
            let values = [
                trades[0].price,
                prices().max().expect("a bar has trades"),
                prices().min().expect("a bar has trades"),
                trades[trades.len() - 1].price,
                Decimal(volume),
                Decimal(quote.div_euclid(10_000_000_000)),
            ];
            let late = trades.iter().filter(|trade| trade.late).count() as u64;
            (key.clone(), values, *close, trades.len() as u64, late)
        };
        self.bars.iter().map(bar).collect()
    }
}

pub(super) fn key_of(candle: &Candle) -> BarKey {
    (candle.symbol.to_string(), candle.venue.to_string(), candle.interval.to_string(), candle.open_time.0)
}

pub(super) fn told(candle: &Candle) -> Told {
    let Candle { open, high, low, close, volume, quote_volume, .. } = *candle;
    let values = [open, high, low, close, volume, quote_volume];
    (key_of(candle), values, candle.close_time.0, candle.trades, candle.late_trades)
}
