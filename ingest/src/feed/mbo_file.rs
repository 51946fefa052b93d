//! The market-by-order CSV: `seq, ts_event_ns, action, side, price, size, order_id, snapshot, last`.
//!
//! Invariants:
//! 1. File order is kept: in the snapshot it is queue order, and `seq` is not monotonic there.
//! 2. An event is the rows up to and with one whose `last` is 1; what follows the last such row is an error.
//!
//! Left out on purpose: action `R` (clear): a venue that clears its book ends the feed with an error.

use super::error::FeedError;
use hoga_core::records::Side;
use hoga_core::{Decimal, Timestamp};

/// What a row tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// An order rests.
    Add,
    /// Its price or what is open of it changes.
    Modify,
    /// It is gone.
    Cancel,
    /// An aggressor traded.
    Trade,
    /// An order was filled.
    Fill,
}

/// One row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// When, by the venue.
    pub time: Timestamp,
    /// What.
    pub action: Action,
    /// The order's side; of a trade the aggressor's. None in an auction.
    pub side: Option<Side>,
    /// The price.
    pub price: Decimal,
    /// The size.
    pub size: i64,
    /// The order.
    pub order: u64,
}

/// A whole file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MboFile {
    /// The rows that rebuild the start-of-day book.
    pub snapshot: Vec<Row>,
    /// The events after it.
    pub events: Vec<Vec<Row>>,
}

impl MboFile {
    /// Reads a file; `name` is for errors.
    pub fn read(name: &str, input: impl std::io::Read) -> Result<Self, FeedError> {
        let mut reader = csv::ReaderBuilder::new().from_reader(input);
        let mut file = Self::default();
        let (mut event, mut record, mut row) = (Vec::new(), csv::StringRecord::new(), 0);
        loop {
            row += 1;
            let wrong = |what: String| FeedError::Row { file: name.to_owned(), row, what };
            if !reader.read_record(&mut record).map_err(|error| wrong(error.to_string()))? {
                break;
            }
            let parsed = parse(&record).map_err(wrong)?;
            if &record[7] == "1" {
                file.snapshot.push(parsed);
                continue;
            }
            event.push(parsed);
            if &record[8] == "1" {
                file.events.push(std::mem::take(&mut event));
            }
        }
        if event.is_empty() {
            return Ok(file);
        }
        Err(FeedError::Row { file: name.to_owned(), row: row - 1, what: "the file ends inside an event".to_owned() })
    }
}

fn parse(record: &csv::StringRecord) -> Result<Row, String> {
    if record.len() != 9 {
        return Err(format!("{} columns instead of 9", record.len()));
    }
    let nanoseconds: i64 = number(record, 1, "ts_event_ns")?;
    let action = match &record[2] {
        "A" => Action::Add,
        "M" => Action::Modify,
        "C" => Action::Cancel,
        "T" => Action::Trade,
        "F" => Action::Fill,
        other => return Err(format!("action {other:?} is none of A, M, C, T, F")),
    };
    let side = match &record[3] {
        "B" => Some(Side::Buy),
        "A" => Some(Side::Sell),
        "N" if matches!(action, Action::Trade | Action::Fill) => None,
        other => return Err(format!("side {other:?} is not B or A, nor N of an auction's trade or fill")),
    };
    let price = record[4].parse().map_err(|error| format!("price {:?} is {error}", &record[4]))?;
    // 32 bits as at the venue, so that no sum over a file's rows leaves 64.
    let size: u32 = number(record, 5, "size")?;
    if size == 0 {
        return Err("size 0 is not above zero".to_owned());
    }
    let order = number(record, 6, "order_id")?;
    Ok(Row { time: Timestamp(nanoseconds.div_euclid(1_000_000)), action, side, price, size: size.into(), order })
}

pub(crate) fn number<T: std::str::FromStr>(record: &csv::StringRecord, column: usize, name: &str) -> Result<T, String> {
    record[column].parse().map_err(|_| format!("{name} {:?} is not a number of its range", &record[column]))
}
