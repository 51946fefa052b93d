//! Scripts: `NOW trade SYMBOL TIME PRICE QUANTITY` (a tick has the venue in SYMBOL, `KRW-BTC@upbit`), `NOW clock`,
//! times in milliseconds, and below each line the candles that it publishes, as `show` draws them.

use super::*;
use crate::money::DECIMAL_MAX;
use crate::records::{Clock, Execution, Side, Tick, assert_tells_whose};
use crate::{AccountId, OrderId, TradeId};
use proptest::prelude::*;
use std::collections::BTreeMap;

mod oracle;

const MINUTE: i64 = 60_000;

fn settings(intervals_ms: &[i64]) -> Settings {
    let candle_intervals_ms = intervals_ms.to_vec();
    Settings { candle_intervals_ms, candle_lateness_ms: 2_000, candle_kept_bars: 3, ..Settings::default() }
}

fn execution(symbol: &str, time: i64, price: Decimal, quantity: Decimal) -> Record {
    Execution {
        symbol: Symbol::unchecked(symbol),
        trade_id: TradeId(1),
        time: Timestamp(time),
        price,
        quantity,
        taker_side: Side::Buy,
        maker_order_id: OrderId(1),
        taker_order_id: OrderId(2),
        maker_account: AccountId::unchecked("m"),
        taker_account: AccountId::unchecked("t"),
        maker_fee: Decimal::ZERO,
        taker_fee: Decimal::ZERO,
    }
    .into()
}

fn tick(symbol: &str, venue: &str, time: i64, price: Decimal, quantity: Decimal) -> Record {
    Tick {
        symbol: Symbol::unchecked(symbol),
        venue: venue.into(),
        venue_time: Timestamp(time),
        receive_time: Timestamp(time),
        venue_sequence: 0,
        price,
        quantity,
        taker_side: None,
    }
    .into()
}

fn clock(time: i64) -> Record {
    Clock { time: Timestamp(time) }.into()
}

fn apply(machine: &mut Candles, now: i64, record: &Record) -> Result<Vec<Candle>, Stop> {
    let (time, mut effects) = (Timestamp(now), Effects::default());
    let body = Body::Record(record);
    machine.apply(&Input { offset: 4, time, append_time: time, key: b"", value: b"", body }, &mut effects)?;
    effects.as_slice().iter().map(|effect| &effect.record).chain([record]).for_each(assert_tells_whose);
    let candle = |effect: crate::Effect| match (effect.topic, effect.record) {
        (Topic::Candles, Record::Candle(candle)) => candle,
        other => panic!("only candles, got {other:?}"),
    };
    Ok(effects.drain().map(candle).collect())
}

/// `SYMBOL INTERVAL OPEN_TIME r1 o/h/l/c volume quote trades` and `final`, `late=n` where so.
fn show(candle: &Candle) -> String {
    let Candle { symbol, venue, interval, open_time, open, high, low, close, .. } = candle;
    let at = if venue.is_empty() { "" } else { "@" };
    let mut text =
        format!("{symbol}{at}{venue} {interval} {open_time} r{} {open}/{high}/{low}/{close}", candle.revision);
    text += &format!(" {} {} {}", candle.volume, candle.quote_volume, candle.trades);
    text += if candle.is_final { " final" } else { "" };
    if candle.late_trades > 0 {
        text += &format!(" late={}", candle.late_trades);
    }
    text
}

fn record_of(line: &str) -> (i64, Record) {
    let words: Vec<&str> = line.split_whitespace().collect();
    let number = |at: usize| words[at].parse::<i64>().expect("a time");
    let record = match words[1] {
        "clock" => clock(number(0)),
        "trade" => {
            let (price, quantity) = (words[4].parse().expect("a price"), words[5].parse().expect("a quantity"));
            match words[2].split_once('@') {
                Some((symbol, venue)) => tick(symbol, venue, number(3), price, quantity),
                None => execution(words[2], number(3), price, quantity),
            }
        }
        other => panic!("no such line: {other}"),
    };
    (number(0), record)
}

/// Runs a script; after each line the machine is saved and loaded into a new one, which goes on.
fn check(source: CandleSource, intervals_ms: &[i64], script: &str) -> Candles {
    let mut machine = Candles::new(source, 0, &settings(intervals_ms));
    let mut drawn = String::new();
    for line in script.lines().map(str::trim).filter(|line| line.contains(" trade ") || line.ends_with(" clock")) {
        let (now, record) = record_of(line);
        drawn += &format!("{line}\n");
        for candle in apply(&mut machine, now, &record).expect("candles go on") {
            drawn += &format!("  {}\n", show(&candle));
        }
        let mut copy = Candles::new(source, 0, &settings(intervals_ms));
        copy.load(&machine.save()).expect("what was saved loads");
        assert_eq!(copy.save(), machine.save(), "save, load, save: the same bytes");
        machine = copy;
    }
    let expect: String = script.trim().lines().map(|line| line.to_owned() + "\n").collect();
    assert_eq!(drawn, expect, "\n{drawn}");
    machine
}

#[test]
fn bars_are_published_once_a_second_and_become_final_by_machine_time() {
    let machine = check(
        CandleSource::Executions,
        &[MINUTE],
        "\
600000 clock
600100 trade A 600100 100 2
600200 trade A 600200 103 1
600300 trade A 600300 99.5 0.5
600900 trade A 600900 101 1
601000 clock
  A 1m 600000 r1 100/103/99.5/101 4.5 453.75 4
602000 clock
602500 trade A 602400 102 1
603000 clock
  A 1m 600000 r2 100/103/99.5/102 5.5 555.75 5
661999 clock
662000 clock
  A 1m 600000 r3 100/103/99.5/102 5.5 555.75 5 final
663000 clock
",
    );
    assert_eq!(machine.counts(), Counts::default());
}

#[test]
fn the_time_of_any_record_publishes_what_clocks_would() {
    check(
        CandleSource::Executions,
        &[MINUTE],
        "\
600000 clock
600500 trade A 600500 100 1
600999 trade B 600999 5 1
601000 trade B 601000 6 1
  A 1m 600000 r1 100/100/100/100 1 100 1
  B 1m 600000 r1 5/6/5/6 2 11 2
662000 trade B 661000 7 1
  A 1m 600000 r2 100/100/100/100 1 100 1 final
  B 1m 600000 r2 5/6/5/6 2 11 2 final
  B 1m 660000 r1 7/7/7/7 1 7 1
",
    );
}

#[test]
fn a_second_clock_of_one_millisecond_publishes_nothing() {
    check(
        CandleSource::Executions,
        &[MINUTE],
        "\
600000 clock
600000 trade A 600000 100 1
600000 clock
600001 clock
  A 1m 600000 r1 100/100/100/100 1 100 1
",
    );
}

#[test]
fn open_and_close_follow_event_time_then_arrival() {
    check(
        CandleSource::Ticks,
        &[MINUTE],
        "\
600000 clock
600500 trade A@x 600300 10 1
600510 trade A@x 600100 20 1
600520 trade A@x 600100 21 1
600530 trade A@x 600300 11 1
600540 trade A@x 600200 30 1
601000 clock
  A@x 1m 600000 r1 20/30/10/11 5 92 5
",
    );
}

#[test]
fn a_late_trade_makes_a_further_final_revision_while_the_bar_is_kept() {
    let machine = check(
        CandleSource::Ticks,
        &[MINUTE],
        "\
600000 clock
600500 trade A@x 600500 10 1
662000 clock
  A@x 1m 600000 r1 10/10/10/10 1 10 1 final
662100 trade A@x 600400 9 1
662200 trade A@x 600600 8 1
663000 clock
  A@x 1m 600000 r2 9/10/8/8 3 27 3 final late=2
841000 clock
841999 trade A@x 659999 12 1
842000 trade A@x 659999 13 1
  A@x 1m 600000 r3 9/12/8/12 4 39 4 final late=3
842100 trade A@x 719999 14 1
843000 clock
  A@x 1m 660000 r1 14/14/14/14 1 14 1 final late=1
",
    );
    // At 842,000 the bar of 600,000 was 2 s + 3 minutes past its close; that it was published then is no way back in.
    assert_eq!(machine.counts(), Counts { dropped_late: 1, ..Counts::default() });
}

#[test]
fn a_trade_in_the_moment_in_which_its_bar_becomes_final_is_late() {
    check(
        CandleSource::Ticks,
        &[MINUTE],
        "\
600000 clock
600500 trade A@x 600500 10 1
661999 trade A@x 600600 9 1
  A@x 1m 600000 r1 10/10/9/9 2 19 2
662000 trade A@x 600700 8 1
663000 clock
  A@x 1m 600000 r2 10/10/8/8 3 27 3 final late=1
",
    );
}

#[test]
fn a_trade_ahead_of_time_ends_no_bar() {
    let machine = check(
        CandleSource::Ticks,
        &[MINUTE],
        "\
600000 clock
600100 trade A@x 600100 10 1
600200 trade A@x 660200 11 1
600300 trade A@x 660301 12 1
600400 trade A@x 9223372036854775807 12 1
601000 clock
  A@x 1m 600000 r1 10/10/10/10 1 10 1
  A@x 1m 660000 r1 11/11/11/11 1 11 1
601100 trade A@x 601100 13 1
602000 clock
  A@x 1m 600000 r2 10/13/10/13 2 23 2
",
    );
    assert_eq!(machine.counts(), Counts { ahead: 2, ..Counts::default() });
}

#[test]
fn days_follow_the_zone_and_venues_have_their_own_bars() {
    // Midnight in Seoul is 15:00 UTC.
    check(
        CandleSource::Ticks,
        &[8 * 60 * MINUTE, 24 * 60 * MINUTE],
        "\
1703429999000 clock
1703429999500 trade A@x 1703429999999 1 1
1703429999500 trade A@y 1703430000000 2 1
1703430000000 clock
  A@x 8h 1703401200000 r1 1/1/1/1 1 1 1
  A@x 1d 1703343600000 r1 1/1/1/1 1 1 1
  A@y 8h 1703430000000 r1 2/2/2/2 1 2 1
  A@y 1d 1703430000000 r1 2/2/2/2 1 2 1
1703430002000 clock
  A@x 8h 1703401200000 r2 1/1/1/1 1 1 1 final
  A@x 1d 1703343600000 r2 1/1/1/1 1 1 1 final
",
    );
}

#[test]
fn what_makes_no_sense_is_counted_and_changes_nothing() {
    let machine = check(
        CandleSource::Ticks,
        &[MINUTE],
        "\
600000 clock
600100 trade A@x 600100 10 0
600100 trade A@x 600100 10 -1
600100 trade A@x 0 10 1
600100 trade A@x -1 10 1
600100 trade A@x 600100 99999999999999999999 99999999999999999999
600100 trade A@x 600100 1 9999999999999999999999999999
600100 trade A@x 600100 1 1
600100 trade B@x 600100 -37.63 2
601000 clock
  A@x 1m 600000 r1 1/1/1/1 9999999999999999999999999999 9999999999999999999999999999 1
  B@x 1m 600000 r1 -37.63/-37.63/-37.63/-37.63 2 -75.26 1
",
    );
    assert_eq!(machine.counts(), Counts { refused: 6, ..Counts::default() });
}

#[test]
fn a_sweep_beyond_the_bound_goes_on_with_the_next_record() {
    let intervals = [1_000, 2_000, MINUTE];
    let mut machine = Candles::new(CandleSource::Executions, 0, &settings(&intervals));
    let symbols = 2_500;
    apply(&mut machine, 600_000, &clock(600_000)).unwrap();
    for number in 0..symbols {
        let record = execution(&format!("S{number}"), 600_000, Decimal(1), Decimal(1));
        assert_eq!(apply(&mut machine, 600_001, &record).unwrap(), []);
    }
    let mut published = apply(&mut machine, 600_900, &clock(600_900)).unwrap();
    assert_eq!((published.len(), machine.has_backlog()), (MAX_EFFECTS, true));
    // The cut is between the intervals of one series. Its bar that was published a moment ago has to wait for the next
    // sweep, as has every other.
    let cut = format!("S{}", MAX_EFFECTS / intervals.len());
    assert_ne!(MAX_EFFECTS % intervals.len(), 0);
    let mut copy = Candles::new(CandleSource::Executions, 0, &settings(&intervals));
    copy.load(&machine.save()).unwrap();
    assert!(copy.has_backlog());
    published.extend(apply(&mut copy, 600_901, &execution(&cut, 600_901, Decimal(1), Decimal(1))).unwrap());
    assert!(!copy.has_backlog());
    published.extend(apply(&mut copy, 600_901, &execution("S0", 600_901, Decimal(1), Decimal(1))).unwrap());
    assert_eq!(published.len(), symbols * intervals.len());
    assert!(published.iter().all(|candle| candle.revision == 1));
    let next = apply(&mut copy, 601_001, &clock(601_001)).unwrap();
    let next: Vec<_> = next.iter().map(|c| (c.symbol.as_str(), c.interval.as_str(), c.revision)).collect();
    assert_eq!(next, [("S0", "1s", 2), ("S0", "2s", 2), ("S0", "1m", 2), (cut.as_str(), "1s", 2)]);
}

#[test]
fn foreign_records_and_states_are_refused() {
    let mut machine = Candles::new(CandleSource::Ticks, 2, &settings(&[MINUTE]));
    let stop = apply(&mut machine, 1, &execution("A", 1, Decimal(1), Decimal(1))).unwrap_err();
    assert_eq!(stop.0, "tick-candles: a Execution in ticks/2 at offset 4: find out who wrote it");
    let time = Timestamp(1);
    let body = Body::Malformed { reason: "cut off" };
    let input = Input { offset: 4, time, append_time: time, key: b"", value: b"", body };
    let stop = machine.apply(&input, &mut Effects::default()).unwrap_err();
    assert_eq!(stop.0, "tick-candles: cut off in ticks/2 at offset 4: find out who wrote it");
    let other = Candles::new(CandleSource::Ticks, 2, &settings(&[MINUTE, 2 * MINUTE])).save();
    assert!(machine.load(&other).unwrap_err().contains("was made with Shape"));
    assert!(machine.load(&[1, 2, 3]).unwrap_err().starts_with("state of tick-candles: "));
}

#[test]
fn what_is_said_of_a_state_with_very_many_intervals_stays_short() {
    let mut many = Candles::new(CandleSource::Ticks, 2, &settings(&[MINUTE]));
    many.shape.intervals_ms = (1..=1_000).map(|n| n * MINUTE).collect();
    assert!(format!("{:?}", many.shape).len() > 1_000);
    let said = Candles::new(CandleSource::Ticks, 2, &settings(&[MINUTE])).load(&many.save()).unwrap_err();
    assert!(said.starts_with("state of tick-candles was made with Shape { intervals_ms: [60000, 120000, "), "{said}");
    assert!(said.contains(", the settings are Shape { intervals_ms: [60000], lateness_ms: 2000,"), "{said}");
    assert!(said.len() < 1_000, "{said}");
}

/// One step of a random run: how far machine time goes on, and what comes (0: a clock).
#[derive(Debug, Clone)]
struct Step {
    forward_ms: i64,
    symbol: u8,
    behind_ms: i64,
    price: i64,
    quantity: i64,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let forward = prop_oneof![6 => 0..300i64, 2 => 300..3_000i64, 1 => 3_000..200_000i64];
    // Mostly on time, some late, some ahead, some on the very same millisecond.
    let behind = prop_oneof![4 => 0..500i64, 2 => 0..20_000i64, 1 => 0..400_000i64, 1 => -70_000..0i64];
    let step = (forward, 0..4u8, behind, 1..50i64, 1..10i64);
    let step = step.prop_map(|(forward_ms, symbol, behind_ms, price, quantity)| {
        let behind_ms = if behind_ms % 3 == 0 { behind_ms / 100 * 100 } else { behind_ms };
        Step { forward_ms, symbol, behind_ms, price, quantity }
    });
    prop::collection::vec(step, 1..300)
}

/// A machine that was just loaded adds nothing up: each trade goes into its bars alone.
#[test]
fn trades_that_are_added_up_first_say_the_same_as_alone() {
    let settings = settings(&[MINUTE, 15 * MINUTE]);
    let new = || Candles::new(CandleSource::Ticks, 0, &settings);
    let (begin, most) = (1_703_430_000_000, i64::MAX);
    // Milliseconds after the first trade, price, quantity: equal and earlier times, prices below zero, a sum and
    // numbers beyond 64 bits, what is no trade, the end of the minute, one that comes after its minute is over.
    let trades = [
        (5, 50, 3),
        (5, 51, 3),
        (3, 52, 3),
        (3, 53, 3),
        (3, 54, 3),
        (0, 55, 3),
        (20, 70, 1),
        (20, 60, 2),
        (10, -40, 5),
        (30, 55, i128::from(most)),
        (31, 56, i128::from(most)),
        (32, i128::from(most), i128::from(most)),
        (33, i128::from(most), i128::from(most)),
        (34, i128::from(most) + 1, 7),
        (35, i128::from(i64::MIN) - 1, i128::from(most) + 1),
        (36, 57, 0),
        (37, 58, -1),
        (38, DECIMAL_MAX, 1),
        (39, 59, DECIMAL_MAX),
        (40, 60, 4),
        (59_999, 61, 1),
        (60_000, 62, 1),
        (41, 63, 1),
        (60_001, 64, 1),
        (14 * 60_000, 65, 1),
        (42, 66, 1),
        (15 * 60_000, 1, DECIMAL_MAX - 1),
        (15 * 60_000, 1, 1),
        (15 * 60_000, 1, 1),
    ];
    let (mut live, mut alone, mut now) = (new(), new(), begin);
    for (after, price, quantity) in trades {
        now = now.max(begin + after);
        let record = tick("A", "x", begin + after, Decimal(price), Decimal(quantity));
        let mut loaded = new();
        loaded.load(&alone.save()).unwrap();
        alone = loaded;
        assert_eq!(apply(&mut live, now, &record).unwrap(), apply(&mut alone, now, &record).unwrap());
        assert_eq!(live.save(), alone.save(), "after {after} ms, {price} x {quantity}");
        assert_eq!(live.counts(), alone.counts());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Invariants 1 to 3 against the oracle, and that two runs, one saved and loaded on the way, do the same.
    #[test]
    fn bars_are_those_of_the_oracle(
        steps in steps(), lateness in 0..5_000i64, kept in 0..5u32, zone in prop::sample::select(vec![0, 540, -210, 345]),
    ) {
        let settings = Settings {
            candle_intervals_ms: vec![1_000, 5_000, MINUTE, 60 * MINUTE, 1_440 * MINUTE, 2_880 * MINUTE],
            candle_lateness_ms: lateness,
            candle_kept_bars: kept,
            utc_offset_min: zone,
            ..Settings::default()
        };
        let mut oracle = oracle::Oracle::new(&settings);
        let mut live = Candles::new(CandleSource::Ticks, 0, &settings);
        let mut restored = Candles::new(CandleSource::Ticks, 0, &settings);
        let mut published: BTreeMap<oracle::BarKey, Candle> = BTreeMap::new();
        let mut now = 1_703_429_990_000;
        let end = Step { forward_ms: 400_000_000, symbol: 0, behind_ms: 0, price: 1, quantity: 1 };
        for (at, step) in steps.iter().chain([&end]).enumerate() {
            now += step.forward_ms;
            let record = match step.symbol {
                0 => clock(now),
                symbol => {
                    let (price, quantity) = (Decimal(i128::from(step.price) * 1_000_003), Decimal(i128::from(step.quantity)));
                    // Two symbols, one of them at two venues.
                    let (name, venue) = [("A", "x"), ("A", "y"), ("B", "x")][usize::from(symbol) - 1];
                    oracle.trade(now, (name, venue), now - step.behind_ms, price, quantity);
                    tick(name, venue, now - step.behind_ms, price, quantity)
                }
            };
            let candles = apply(&mut live, now, &record).unwrap();
            if at % 7 == 3 {
                let mut copy = Candles::new(CandleSource::Ticks, 0, &settings);
                copy.load(&restored.save()).unwrap();
                restored = copy;
            }
            prop_assert_eq!(&candles, &apply(&mut restored, now, &record).unwrap());
            prop_assert_eq!(live.save(), restored.save());
            for candle in candles {
                let key = oracle::key_of(&candle);
                let before = published.get(&key);
                prop_assert_eq!(candle.revision, before.map_or(1, |b| b.revision + 1));
                prop_assert!(!before.is_some_and(|b| b.is_final && !candle.is_final), "final stays final");
                prop_assert_eq!(candle.is_final, candle.close_time.0 + lateness <= now);
                published.insert(key, candle);
            }
        }
        let told: Vec<_> = published.values().map(oracle::told).collect();
        prop_assert_eq!(told, oracle.bars());
        prop_assert!(published.values().all(|candle| candle.is_final));
        prop_assert_eq!((live.counts().dropped_late, live.counts().ahead), (oracle.dropped_late, oracle.ahead));
    }
}
