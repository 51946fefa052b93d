//! A LOBSTER message file as commands: 1 places, 2 reduces, 3 cancels, 4 is a marketable order of the other side.
//!
//! The file shows the top ten levels only: orders come and go unseen, so executions and deletes name ids that were
//! never added. A delete or reduction of such an id is counted and skipped; an execution of one is counted and sent
//! all the same, because somebody did take liquidity at that price. Hidden executions, crosses and halts (5 to 7) are
//! counted and skipped. It is a realistic flow, not an oracle for fills.

use super::accounts::Accounts;
use super::error::FeedError;
use super::mbo_file::number;
use super::script::{Script, Step, Terms};
use super::setup::{self, Venue};
use hoga_core::records::{Phase, Side, TimeInForce};
use hoga_core::time::days_from_civil;
use hoga_core::{AssetCode, Decimal, Symbol, Timestamp};
use std::path::Path;

/// New York in summer: what midnight in the file is, minutes east of UTC.
const UTC_OFFSET_MIN: i32 = -240;
/// Prices are in ten-thousandths.
const PRICE_UNIT: i128 = 1_000_000;

/// One message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message {
    time: Timestamp,
    kind: u8,
    order: u64,
    size: i64,
    price: Decimal,
    /// Of the resting order.
    side: Side,
}

/// What a file holds, counted while its steps are made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LobsterCounts {
    /// New orders.
    pub placed: u64,
    /// Reductions sent.
    pub reduced: u64,
    /// Cancels sent.
    pub canceled: u64,
    /// Marketable orders sent.
    pub executed: u64,
    /// Of these, for an order that the file never added.
    pub executed_unknown: u64,
    /// Reductions and deletes of orders that are not known: not sent.
    pub unknown: u64,
    /// Hidden executions, crosses and halts: not sent.
    pub skipped: u64,
}

/// Amazon's share.
pub fn venue() -> Venue {
    Venue {
        name: "amzn",
        symbol: Symbol::unchecked("AMZN"),
        base: AssetCode::unchecked("AMZN"),
        quote: AssetCode::unchecked("USD"),
        quote_digits: 2,
        tick: Decimal(100_000_000),
        maker_fee_ppm: 20,
        taker_fee_ppm: 50,
        utc_offset_min: UTC_OFFSET_MIN,
        first_phase: Phase::Open,
    }
}

/// Reads a file of messages; its name says the day, as `amzn_2021-04-12_...`.
pub fn read(path: &Path) -> Result<Vec<Message>, FeedError> {
    let name = path.display().to_string();
    let midnight = midnight_of(path).ok_or_else(|| {
        let what = "the file's name says no day (such as 2021-04-12), and its times count from midnight";
        FeedError::Options(format!("{name}: {what}; rename it"))
    })?;
    let input = std::fs::File::open(path).map_err(|source| FeedError::Io { file: name.clone(), source })?;
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(input);
    let (mut messages, mut record) = (Vec::new(), csv::StringRecord::new());
    loop {
        let row = messages.len() as u64 + 1;
        let wrong = |what: String| FeedError::Row { file: name.clone(), row, what };
        if !reader.read_record(&mut record).map_err(|error| wrong(error.to_string()))? {
            return Ok(messages);
        }
        messages.push(parse(&record, midnight).map_err(wrong)?);
    }
}

fn parse(record: &csv::StringRecord, midnight: Timestamp) -> Result<Message, String> {
    if record.len() < 6 {
        return Err(format!("{} columns instead of 6 or 7", record.len()));
    }
    let seconds: Decimal = record[0].parse().map_err(|error| format!("time {:?} is {error}", &record[0]))?;
    let milliseconds = i64::try_from(seconds.0 / 10_000_000).map_err(|_| format!("time {seconds} is out of range"))?;
    let kind = number(record, 1, "type")?;
    let side = match &record[5] {
        "1" => Side::Buy,
        "-1" => Side::Sell,
        other => return Err(format!("direction {other:?} is not 1 or -1")),
    };
    let is_sent = matches!(kind, 1..=4);
    if !is_sent && !matches!(kind, 5..=7) {
        return Err(format!("type {kind} is none of 1 to 7"));
    }
    let (order, size, price) = if is_sent {
        (number(record, 2, "order_id")?, number(record, 3, "size")?, number::<i64>(record, 4, "price")?)
    } else {
        (0, 1, 0)
    };
    if size <= 0 || (is_sent && price <= 0) {
        return Err(format!("size {size} and price {price} are not both above zero"));
    }
    let price = Decimal(i128::from(price) * PRICE_UNIT);
    Ok(Message { time: midnight.plus_ms(milliseconds), kind, order, size, price, side })
}

/// Midnight in New York of the day in a file's name.
fn midnight_of(path: &Path) -> Option<Timestamp> {
    let name = path.file_name()?.to_str()?;
    let day = name.split(['_', '.']).find_map(|part| {
        let mut numbers = part.split('-').map(|number| number.parse::<i64>().ok());
        let (year, month, day) = (numbers.next()??, numbers.next()??, numbers.next()??);
        let is_day = (1970..=9999).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
        is_day.then(|| days_from_civil(year, month, day))
    })?;
    Some(Timestamp((day * 1_440 - i64::from(UTC_OFFSET_MIN)) * 60_000))
}

/// The time of the first message.
pub fn start(messages: &[Message]) -> Timestamp {
    messages.first().map_or(Timestamp(0), |message| message.time)
}

/// The steps of a file; the event of a message is its row, from 1.
pub struct LobsterSteps<'a> {
    messages: &'a [Message],
    script: Script,
    next: usize,
    counts: LobsterCounts,
}

impl<'a> LobsterSteps<'a> {
    /// From the setup on.
    pub fn new(messages: &'a [Message], venue: &Venue, accounts: &Accounts, max_pending: u32) -> Self {
        let start = start(messages);
        let mut script = Script::new(venue.symbol.clone(), accounts.clone(), max_pending, start);
        setup::write(&mut script, venue, accounts, start);
        Self { messages, script, next: 0, counts: LobsterCounts::default() }
    }

    /// What was counted so far.
    pub fn counts(&self) -> LobsterCounts {
        self.counts
    }

    fn message(&mut self, row: u64, message: &Message) {
        let Message { time, kind, order, size, price, side } = *message;
        let (script, counts) = (&mut self.script, &mut self.counts);
        let is_known = script.open(order).is_some();
        match kind {
            1 => {
                script.begin(row, time);
                counts.placed += 1;
                script.rest(order, side, order, Terms::limit(price, size, TimeInForce::Gtc));
            }
            4 => {
                script.begin(row, time);
                counts.executed += 1;
                counts.executed_unknown += u64::from(!is_known);
                script.place(order, side.opposite(), order, Terms::limit(price, size, TimeInForce::Ioc));
                script.filled(order, size);
            }
            2 | 3 if !is_known => counts.unknown += 1,
            2 => {
                script.begin(row, time);
                counts.reduced += 1;
                script.reduce(order, size);
            }
            3 => {
                script.begin(row, time);
                counts.canceled += 1;
                script.cancel(order);
            }
            _ => counts.skipped += 1,
        }
    }
}

impl Iterator for LobsterSteps<'_> {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        loop {
            if let Some(step) = self.script.next() {
                return Some(step);
            }
            let message = self.messages.get(self.next)?;
            self.next += 1;
            self.message(self.next as u64, message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_is_in_the_name() {
        let midnight = |name: &str| midnight_of(Path::new(name)).map(|time| time.0);
        assert_eq!(midnight("/x/amzn_2021-04-12_lobster_messages.csv"), Some(1_618_200_000_000));
        assert_eq!(midnight("amzn_2024-02-29.csv"), Some(1_709_179_200_000));
        assert_eq!(midnight("amzn.csv"), None);
        assert_eq!(midnight("amzn_2021-13-12.csv"), None);
    }
}
