//! The matching workload of exchange-core's generator: 40-byte records under zstd, for one symbol.
//!
//! A move gives a new price and keeps the remainder; a reduce takes its size off; a FOK names its whole budget (for an
//! ask the least proceeds). Times are made up: one command a millisecond. Accounts trade both sides and may meet
//! themselves.

use super::accounts::Accounts;
use super::error::FeedError;
use super::script::{Script, Step, Terms};
use super::setup::{self, Venue};
use hoga_core::book::{AccountIndex, Amend, Command, NewOrder};
use hoga_core::records::{OrderType, Phase, SelfMatchPrevention, Side, TimeInForce};
use hoga_core::{Amount, AssetCode, Decimal, OrderId, Price, Quantity, Symbol, Timestamp};
use std::io::Read;
use std::path::Path;

/// Commands that a feed sends unless told otherwise, prefill included: the published figure is of the first 200,000
/// commands of the file, not of the first 200,000 measured ones.
pub const DEFAULT_COMMANDS: u64 = 200_000;
/// Accounts of the workload, numbered from 1.
pub const ACCOUNTS: usize = 1_000;
/// Bytes of a command.
const SIZE: usize = 40;
/// 2024-01-01T00:00:00Z, when the first command is said to be.
const START: Timestamp = Timestamp(1_704_067_200_000);

/// What a command does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Op {
    Place { side: Side, time_in_force: TimeInForce },
    Cancel,
    Move,
    Reduce,
}

/// One command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkloadCommand {
    op: Op,
    order: u64,
    account: u32,
    size: u32,
    price: i64,
}

impl WorkloadCommand {
    fn for_book(&self) -> Command {
        let Self { op, order, account, size, price } = *self;
        let (id, account, lots) = (OrderId(order), AccountIndex(account), Quantity(i64::from(size)));
        match op {
            Op::Cancel => Command::Cancel { id, account },
            Op::Move => Command::Amend(Amend { id, account, price: Some(Price(price)), total: None }),
            Op::Reduce => Command::Reduce { id, account, by: lots },
            Op::Place { side, time_in_force } => {
                let by_budget = time_in_force == TimeInForce::Fok;
                Command::Place(NewOrder {
                    id,
                    account,
                    side,
                    price: (!by_budget).then_some(Price(price)),
                    quantity: Some(lots),
                    amount: by_budget.then_some(Amount(price)),
                    time_in_force,
                    post_only: false,
                    self_match_prevention: SelfMatchPrevention::None,
                    maker_fee_ppm: 0,
                    taker_fee_ppm: 0,
                })
            }
        }
    }
}

/// The commands that a feed sends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Workload {
    commands: Vec<WorkloadCommand>,
    prefill: u64,
}

impl Workload {
    /// Reads the first `commands` commands, prefill included.
    pub fn read(path: &Path, commands: u64) -> Result<Self, FeedError> {
        let file = path.display().to_string();
        let io = |source| FeedError::Io { file: file.clone(), source };
        let input = std::fs::File::open(path).map_err(io)?;
        let mut input = std::io::BufReader::new(zstd::Decoder::new(input).map_err(io)?);
        let (mut workload, mut bytes) = (Self::default(), [0; SIZE]);
        while workload.len() < commands {
            let row = workload.commands.len() as u64 + 1;
            let wrong = |what: String| FeedError::Row { file: file.clone(), row, what };
            if !read_whole(&mut input, &mut bytes).map_err(io)? {
                break;
            }
            let (command, is_measured) = parse(&bytes).map_err(wrong)?;
            if !is_measured && workload.commands.len() as u64 > workload.prefill {
                return Err(wrong("a prefill command after a measured one".to_owned()));
            }
            workload.prefill += u64::from(!is_measured);
            workload.commands.push(command);
        }
        Ok(workload)
    }

    /// All commands as one book takes them, without fees: ids, accounts and sizes as in the file.
    pub fn book_commands(&self) -> Vec<Command> {
        self.commands.iter().map(WorkloadCommand::for_book).collect()
    }

    /// Commands before the measured ones; an event's number is its command's, from 1.
    pub fn prefill(&self) -> u64 {
        self.prefill
    }

    /// All commands.
    pub fn len(&self) -> u64 {
        self.commands.len() as u64
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }
}

/// Fills `bytes`; false at the end of the input, an error inside a record.
fn read_whole(input: &mut impl Read, bytes: &mut [u8; SIZE]) -> std::io::Result<bool> {
    let mut filled = 0;
    while filled < SIZE {
        match input.read(&mut bytes[filled..])? {
            0 if filled == 0 => return Ok(false),
            0 => return Err(std::io::Error::new(std::io::ErrorKind::UnexpectedEof, "the file ends inside a record")),
            count => filled += count,
        }
    }
    Ok(true)
}

/// The command in 40 bytes, and whether it is measured.
fn parse(bytes: &[u8; SIZE]) -> Result<(WorkloadCommand, bool), String> {
    let u32_at = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("4 bytes"));
    let u64_at = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes"));
    let [op, side, kind, phase, ..] = *bytes;
    let op = match (op, side, kind) {
        (0, 0 | 1, 0..=2) => Op::Place {
            side: if side == 1 { Side::Buy } else { Side::Sell },
            time_in_force: [TimeInForce::Gtc, TimeInForce::Ioc, TimeInForce::Fok][usize::from(kind)],
        },
        (1, ..) => Op::Cancel,
        (2, ..) => Op::Move,
        (3, ..) => Op::Reduce,
        _ => return Err(format!("op {op}, side {side}, type {kind} are no command")),
    };
    if phase > 1 {
        return Err(format!("phase {phase} is neither 0 nor 1"));
    }
    let (order, account, size, price) = (u64_at(8), u32_at(16), u32_at(20), u64_at(24) as i64);
    let needs_price = matches!(op, Op::Place { .. } | Op::Move);
    let needs_size = matches!(op, Op::Place { .. } | Op::Reduce);
    if (needs_price && price <= 0) || (needs_size && size == 0) {
        return Err(format!("size {size} and price {price} are not both above zero"));
    }
    Ok((WorkloadCommand { op, order, account, size, price }, phase == 1))
}

/// The workload's pair: whole units, no fees.
pub fn venue() -> Venue {
    Venue {
        name: "work",
        symbol: Symbol::unchecked("WORKLOAD"),
        base: AssetCode::unchecked("WBASE"),
        quote: AssetCode::unchecked("WQUOTE"),
        quote_digits: 0,
        tick: Decimal::from_int(1),
        maker_fee_ppm: 0,
        taker_fee_ppm: 0,
        utc_offset_min: 540,
        first_phase: Phase::Open,
    }
}

/// The time of the first command.
pub fn start() -> Timestamp {
    START
}

/// The steps of a workload; the event of a command is its count, from 1.
pub struct WorkloadSteps<'a> {
    workload: &'a Workload,
    script: Script,
    next: usize,
    unknown: u64,
}

impl<'a> WorkloadSteps<'a> {
    /// From the setup on.
    pub fn new(workload: &'a Workload, venue: &Venue, accounts: &Accounts, max_pending: u32) -> Self {
        let mut script = Script::new(venue.symbol.clone(), accounts.clone(), max_pending, START);
        setup::write(&mut script, venue, accounts, START);
        Self { workload, script, next: 0, unknown: 0 }
    }

    /// Commands that name an order which was never placed or was canceled.
    pub fn unknown(&self) -> u64 {
        self.unknown
    }

    fn command(&mut self, number: u64, command: &WorkloadCommand) {
        let WorkloadCommand { op, order, account, size, price } = *command;
        self.script.begin(number, START.plus_ms(number as i64));
        let (size, price) = (i64::from(size), Decimal::from_int(price));
        match op {
            Op::Place { side, time_in_force } => {
                let terms = match time_in_force {
                    TimeInForce::Fok => fill_or_kill(size, price),
                    _ => Terms::limit(price, size, time_in_force),
                };
                self.script.rest(order, side, u64::from(account), terms);
            }
            _ if self.script.open(order).is_none() => self.unknown += 1,
            Op::Cancel => self.script.cancel(order),
            Op::Move => self.script.amend(order, Some(price), None),
            Op::Reduce => self.script.reduce(order, size),
        }
    }
}

fn fill_or_kill(quantity: i64, budget: Decimal) -> Terms {
    let (order_type, time_in_force) = (OrderType::Market, TimeInForce::Fok);
    Terms { order_type, time_in_force, price: None, quantity, amount: Some(budget) }
}

impl Iterator for WorkloadSteps<'_> {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        loop {
            if let Some(step) = self.script.next() {
                return Some(step);
            }
            let command = self.workload.commands.get(self.next)?;
            self.next += 1;
            self.command(self.next as u64, command);
        }
    }
}
