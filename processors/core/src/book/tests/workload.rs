//! The matching workload: 3,001,000 commands of one symbol whose trades and final levels another engine published.
//!
//! Published: 8,239 trades and a volume of 73,499 after the file's first 200,000 commands (the 1,000 of the prefill
//! included; after 200,000 measured ones it is 8,282 and 73,953), 122,595 and 1,065,927 over all measured commands.
//! Fees are zero and self-trades allowed, as there. A move is an amend of the price; a FOK names its whole budget.

use super::data;
use crate::book::order::{AccountIndex, Amend, Command, NewOrder};
use crate::book::{Book, Event, Events, FastBook, NaiveBook};
use crate::ids::OrderId;
use crate::money::{Amount, Price, Quantity};
use crate::records::{Phase, SelfMatchPrevention, Side, TimeInForce};
use std::io::Read;

const RECORD: usize = 40;
const MEASURED: u8 = 1;

fn field<const N: usize>(record: &[u8], at: usize) -> [u8; N] {
    record[at..at + N].try_into().unwrap()
}

/// The command of a record, and whether it is measured. Layout: the data folder's README.
fn command(record: &[u8]) -> (Command, bool) {
    let id = OrderId(u64::from_le_bytes(field(record, 8)));
    let account = AccountIndex(u32::from_le_bytes(field(record, 16)));
    let size = Quantity(i64::from(u32::from_le_bytes(field(record, 20))));
    let price = i64::from_le_bytes(field(record, 24));
    let command = match record[0] {
        0 => Command::Place(place(id, account, size, price, record)),
        1 => Command::Cancel { id, account },
        2 => Command::Amend(Amend { id, account, price: Some(Price(price)), total: None }),
        3 => Command::Reduce { id, account, by: size },
        other => panic!("operation {other}"),
    };
    (command, record[3] == MEASURED)
}

fn place(id: OrderId, account: AccountIndex, size: Quantity, price: i64, record: &[u8]) -> NewOrder {
    let by_budget = record[2] == 2;
    NewOrder {
        id,
        account,
        side: if record[1] == 1 { Side::Buy } else { Side::Sell },
        price: (!by_budget).then_some(Price(price)),
        quantity: Some(size),
        amount: by_budget.then_some(Amount(price)),
        time_in_force: [TimeInForce::Gtc, TimeInForce::Ioc, TimeInForce::Fok][usize::from(record[2])],
        post_only: false,
        self_match_prevention: SelfMatchPrevention::None,
        maker_fee_ppm: 0,
        taker_fee_ppm: 0,
    }
}

/// Trades of measured commands.
#[derive(Debug, Default, PartialEq, Eq)]
struct Traded {
    trades: u64,
    volume: i64,
    commands: u64,
}

struct Replay<B> {
    book: B,
    out: Events,
    measured: usize,
    traded: Traded,
}

impl<B: Book> Replay<B> {
    fn new() -> Self {
        let mut book = B::new(1);
        let mut out = Events::new(usize::MAX);
        book.apply(&Command::Enter(Phase::Open), &mut out);
        Self { book, out, measured: 0, traded: Traded::default() }
    }

    fn apply(&mut self, record: &[u8]) {
        let (command, measured) = command(record);
        self.out.reset(usize::MAX);
        self.book.apply(&command, &mut self.out);
        self.measured += usize::from(measured);
        if !measured {
            return;
        }
        let before = self.traded.trades;
        for event in self.out.list() {
            if let Event::Trade(trade) = event {
                self.traded.trades += 1;
                self.traded.volume += trade.quantity.0;
            }
        }
        self.traded.commands += u64::from(self.traded.trades > before);
    }

    /// The book as the published file writes it.
    fn levels(&self) -> String {
        let mut lines = String::new();
        for (side, name) in [(Side::Sell, "ask"), (Side::Buy, "bid")] {
            for level in self.book.levels(side, usize::MAX) {
                lines += &format!("40000,{name},{},{},{}\n", level.price.0, level.lots, level.orders);
            }
        }
        lines
    }
}

fn records() -> Option<Vec<u8>> {
    let file = std::fs::File::open(data::path("matching_workload.bin.zst")?).unwrap();
    let mut bytes = Vec::new();
    zstd::Decoder::new(file).unwrap().read_to_end(&mut bytes).unwrap();
    Some(bytes)
}

#[test]
fn the_fast_book_brings_the_published_trades_and_levels() {
    let (Some(records), Some(levels)) = (records(), data::path("matching_workload.final_l2.csv")) else { return };
    let mut replay = Replay::<FastBook>::new();
    for (count, record) in (1..).zip(records.chunks_exact(RECORD)) {
        replay.apply(record);
        // The published figure counts the 1,000 prefill commands among the first 200,000.
        if count == 200_000 {
            assert_eq!((replay.traded.trades, replay.traded.volume), (8_239, 73_499), "after 200,000 commands");
        }
    }
    assert_eq!(replay.measured, 3_000_000);
    assert_eq!(replay.traded, Traded { trades: 122_595, volume: 1_065_927, commands: 63_221 });
    let published = std::fs::read_to_string(levels).unwrap();
    let published: Vec<&str> = published.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(replay.levels().lines().collect::<Vec<_>>(), published, "the final levels");
}

#[test]
fn the_naive_book_brings_the_first_of_the_published_trades() {
    let Some(records) = records() else { return };
    let (mut naive, mut fast) = (Replay::<NaiveBook>::new(), Replay::<FastBook>::new());
    for record in records.chunks_exact(RECORD).take(41_000) {
        naive.apply(record);
        fast.apply(record);
        assert_eq!(naive.out.list(), fast.out.list(), "after {} measured commands", naive.measured);
    }
    assert_eq!(naive.book.state(), fast.book.state());
    assert!(naive.traded.trades > 1_000, "{:?}", naive.traded);
}
