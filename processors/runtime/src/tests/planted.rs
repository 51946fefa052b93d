//! Logs in which one thing is not as it should be: each is a copy of a good one with right numbers, hashes and marks, so
//! that only the content tells. What is found, where, and in which words.

use super::history::{Damage, History};
use super::market::{Market, clocks};
use super::world::World;
use crate::reconcile::{Differences, Point, Range};
use hoga_core::money::{DECIMAL_ONE as ONE, Decimal};
use hoga_core::records::{Execution, JournalEntry, Mark, OrderEventKind, RecordKind, SettlementLeg};
use hoga_core::{MachineKind, Record, Topic, machines};
use hoga_topics::{TimeMode, TopicPartition, memory::Durability};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;

fn empty() -> World {
    let mut world = World::new(TimeMode::Recorded, Durability::Immediate, None);
    world.kinds = MachineKind::ALL;
    world.factory = Arc::new(machines::new);
    world
}

/// Some minutes of three accounts that trade.
fn good() -> History {
    let mut world = empty();
    let mut node = world.start();
    let mut market = Market::open(&mut world, &mut node);
    for roll in 0..120u64 {
        world.advance(2_000);
        clocks(&world);
        market.order(&mut world, roll.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 3);
        world.settle(&mut node);
    }
    world.stop(node);
    History::read(&world.log)
}

/// What comes of it once it is written into a new log.
fn written(history: History) -> World {
    let world = empty();
    history.write(&world.log);
    world
}

fn execution(history: &mut History) -> (TopicPartition, usize, &mut Execution) {
    let (at, place) = history.last(Topic::Executions, RecordKind::Execution, |_| true);
    let Record::Execution(execution) = &mut history.of(at)[place].record else { unreachable!() };
    (at, place, execution)
}

fn leg(history: &mut History) -> (TopicPartition, usize, &mut SettlementLeg) {
    let (at, place) = history.last(Topic::Accounts, RecordKind::SettlementLeg, |_| true);
    let Record::SettlementLeg(leg) = &mut history.of(at)[place].record else { unreachable!() };
    (at, place, leg)
}

fn entry(history: &mut History) -> (TopicPartition, usize, &mut JournalEntry) {
    let (at, place) = history.last(Topic::Journal, RecordKind::JournalEntry, |_| true);
    let Record::JournalEntry(entry) = &mut history.of(at)[place].record else { unreachable!() };
    (at, place, entry)
}

/// How what is found begins, and what is said in it.
#[derive(Debug)]
struct Wanted {
    begins: String,
    says: String,
}

impl Wanted {
    fn is(&self, found: &str) -> bool {
        found.starts_with(&self.begins) && found.contains(&self.says)
    }
}

fn wanted(at: TopicPartition, offset: usize, by: impl Display, says: impl Into<String>) -> Wanted {
    Wanted { begins: format!("{at}@{offset}: {by}"), says: says.into() }
}

/// Adds one to a field of an execution.
fn execution_off(history: &mut History, name: &str, field: fn(&mut Execution) -> &mut Decimal) -> Wanted {
    let (at, place, execution) = execution(history);
    let field = field(execution);
    let due = *field;
    field.0 += ONE;
    wanted(at, place, "Execution in KRW-BTC by matching/", format!(": {name} is {field}, due is {due}"))
}

/// Makes one thing wrong, and says what has to be found.
type Plant = (&'static str, fn(&mut History) -> Wanted);

const PLANTS: &[Plant] = &[
    ("an execution says another quantity", |h| execution_off(h, "quantity", |execution| &mut execution.quantity)),
    ("an execution is at another price", |h| execution_off(h, "price", |execution| &mut execution.price)),
    ("an execution stands there twice", |h| {
        let (at, place, _) = execution(h);
        let again = h.of(at)[place].clone();
        h.of(at).insert(place + 1, again);
        let ends = ": doubled: the record before it once more, under another number";
        wanted(at, place + 1, "Execution in KRW-BTC by matching/", ends)
    }),
    ("an execution has another key", |h| {
        let (at, place, _) = execution(h);
        h.of(at)[place].key = b"KRW-ETH".to_vec();
        let ends = ": its key is \"KRW-ETH\", due is \"KRW-BTC\"";
        wanted(at, place, "Execution in KRW-BTC by matching/", ends)
    }),
    ("a settlement leg is invented", |h| {
        let (at, place, leg) = leg(h);
        let account = leg.account.clone();
        let mut invented = h.of(at)[place].clone();
        let Record::SettlementLeg(leg) = &mut invented.record else { unreachable!() };
        leg.quantity.0 += ONE;
        h.of(at).insert(place + 1, invented);
        let begins = format!("SettlementLeg of {account} in KRW-BTC by matching/");
        wanted(at, place + 1, begins, ": invented, nothing like it is due: {")
    }),
    ("a fee is off by a minor unit", |h| {
        let (at, place, leg) = leg(h);
        let due = leg.fee;
        leg.fee.0 += 1;
        let (begins, ends) = (format!("SettlementLeg of {} in KRW-BTC by matching/", leg.account), leg.fee);
        wanted(at, place, begins, format!(": fee is {ends}, due is {due}"))
    }),
    ("a journal entry is missing", |h| {
        let (at, place, _) = entry(h);
        let Record::JournalEntry(missing) = h.of(at).remove(place - 3).record else { unreachable!() };
        let begins = format!("JournalEntry of {} by holds/", missing.account);
        wanted(at, place - 3, begins, ": missing before this offset: {")
    }),
    ("the last journal entry is missing", |h| {
        let (at, place, _) = entry(h);
        let Record::JournalEntry(missing) = h.of(at).remove(place).record else { unreachable!() };
        let begins = format!("JournalEntry of {} by holds/", missing.account);
        wanted(at, place, begins, ": missing before this offset: {")
    }),
    ("a posting says another balance", |h| {
        let (at, place, entry) = entry(h);
        let due = entry.postings[1].balance;
        entry.postings[1].balance.0 += 1;
        let ends = format!(": postings[1].balance is {}, due is {due}", entry.postings[1].balance);
        wanted(at, place, format!("JournalEntry of {} by holds/", entry.account), ends)
    }),
    ("two journal entries have changed places", |h| {
        let (at, place, entry) = entry(h);
        let begins = format!("JournalEntry of {} by holds/", entry.account);
        h.of(at).swap(place - 1, place);
        wanted(at, place, begins, ": out of order: it is due in another place")
    }),
    ("an order event is lost", |h| {
        let is_trade = |record: &Record| matches!(record, Record::OrderEvent(it) if it.event == OrderEventKind::Trade);
        let (at, place) = h.last(Topic::OrderEvents, RecordKind::OrderEvent, is_trade);
        let Record::OrderEvent(lost) = h.of(at).remove(place).record else { unreachable!() };
        let begins = format!("OrderEvent of {} in KRW-BTC by holds/", lost.account);
        wanted(at, place, begins, ": missing before this offset: {")
    }),
    ("a candle's high is off by a tick", |h| {
        let (at, place) = h.last(Topic::Candles, RecordKind::Candle, |_| true);
        let Record::Candle(candle) = &mut h.of(at)[place].record else { unreachable!() };
        let due = candle.high;
        candle.high.0 += ONE;
        let ends = format!(": high is {}, due is {due}", candle.high);
        wanted(at, place, "Candle in KRW-BTC by candles/", ends)
    }),
    ("a held order comes to the book as another", |h| {
        let (at, place) = h.last(Topic::Books, RecordKind::HeldOrder, |_| true);
        let Record::HeldOrder(held) = &mut h.of(at)[place].record else { unreachable!() };
        held.post_only = !held.post_only;
        let begins = format!("HeldOrder of {} in KRW-BTC by holds/", held.account);
        let ends = format!(": post_only is {}, due is {}", held.post_only, !held.post_only);
        wanted(at, place, begins, ends)
    }),
    ("a channel's hash is wrong", |h| {
        let (at, place) = h.last(Topic::Depth, RecordKind::DepthUpdate, |_| true);
        h.of(at)[place].damage = Damage::Torn;
        wanted(at, place, "", "no reader goes on: ")
    }),
    ("a channel's number was never written", |h| {
        let (at, place) = h.last(Topic::Depth, RecordKind::DepthUpdate, |_| true);
        h.of(at)[place].damage = Damage::Gap;
        let says = " is missing: no reader accepts what the channel has from here on";
        Wanted { begins: format!("{at}@{place} by matching/0: number "), says: says.into() }
    }),
    ("a mark tells of more input than there is", |h| {
        let (at, end, _) = mark(h, |mark| mark.next_offset = 1_000_000);
        let ends = " tells of offset 999999, it ends here";
        let begins = format!("{at}@{end} by holds/0: the mark of holds/0 in owners at ");
        Wanted { begins, says: ends.into() }
    }),
    ("a mark tells of more output than there is", |h| {
        let (_, _, outputs) = mark(h, |mark| mark.outputs[0].offset = 1_000_000);
        let (at, end) = outputs[0];
        let ends = " tells of offset 1000000, it ends here";
        let begins = format!("{at}@{end} by holds/0: the mark of holds/0 in owners at ");
        Wanted { begins, says: ends.into() }
    }),
];

/// Changes the newest mark of holds/0: where its input ends, and where what it writes does.
fn mark(history: &mut History, change: fn(&mut Mark)) -> (TopicPartition, usize, Vec<(TopicPartition, usize)>) {
    let of_holds =
        |record: &Record| matches!(record, Record::Mark(it) if (it.machine, it.partition) == (MachineKind::Holds, 0));
    let (owners, place) = history.last(Topic::Owners, RecordKind::Mark, of_holds);
    let entry = &mut history.of(owners)[place];
    entry.damage = Damage::Untrue;
    let Record::Mark(mark) = &mut entry.record else { unreachable!() };
    change(mark);
    let outputs = mark.outputs.iter().map(|output| TopicPartition::new(output.topic, output.partition));
    let outputs: Vec<_> = outputs.collect();
    let input = TopicPartition::new(MachineKind::Holds.input(), 0);
    let end = history.of(input).len();
    let outputs = outputs.into_iter().map(|at| (at, history.of(at).len())).collect();
    (input, end, outputs)
}

#[test]
fn every_planted_difference_is_found_where_it_is() {
    let good = good();
    let whole = written(good.clone()).check_reconciled();
    assert!(whole.is_whole());
    for (name, plant) in PLANTS {
        let mut planted = good.clone();
        let wanted = plant(&mut planted);
        let world = written(planted);
        let Differences { first, total, topics, accounts, symbols, .. } = world.reconcile(Range::default()).differences;
        let found = first.first().map(ToString::to_string).unwrap_or_default();
        assert!(wanted.is(&found), "{name}: wanted {wanted:?}, found {found}");
        assert!(first[0].kind.is_none() || first[0].cause.is_some(), "{name}: {found}");
        // What is not told in words is counted all the same.
        let counted = world.reconcile_telling(Range::default(), 0).differences;
        assert_eq!((counted.first.len(), counted.total), (0, total), "{name}");
        assert_eq!((counted.topics, counted.accounts, counted.symbols), (topics, accounts, symbols), "{name}");
    }
}

#[test]
fn a_range_is_compared_and_what_is_outside_is_not() {
    let mut planted = good();
    let (at, place, entry) = entry(&mut planted);
    entry.postings[0].balance.0 += 1;
    let time = planted.of(at)[place].time;
    let world = written(planted);
    let total = |from: Option<Point>, to: Option<Point>| world.reconcile(Range { from, to }).differences.total;
    let offset = |offset: usize| Some(Point::Offsets(BTreeMap::from([(at, offset as u64)])));
    let time = |ms: i64| Some(Point::Time(time.plus_ms(ms)));
    assert_eq!(total(None, None), 1);
    assert_eq!((total(None, offset(place)), total(None, offset(place + 1))), (0, 1));
    assert_eq!((total(offset(place), None), total(offset(place + 1), None)), (1, 0));
    assert_eq!((total(None, time(0)), total(None, time(1))), (0, 1));
    assert_eq!((total(time(0), None), total(time(1), None)), (1, 0));
}
