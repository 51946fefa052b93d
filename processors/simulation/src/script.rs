//! What happens in a run, as a list of acts: made from a seed, or read from a file. One JSON value a line, the setup
//! first, so that a failing run can be kept, cut down and read.
//!
//! Invariants:
//! 1. A script decides everything: the same script gives the same run, byte for byte.
//! 2. An act that finds nothing to act on (a process that is not there) does nothing, so any act may be taken out.
//! 3. What it prints it reads again.

use hoga_core::records::{OrderType, Phase, SelfMatchPrevention, Side, TimeInForce};
use hoga_core::{MachineKind, Topic};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// What it runs on.
    pub setup: Setup,
    /// What happens, in order.
    pub acts: Vec<Act>,
}

/// What a run runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setup {
    /// The seed that it was made from.
    pub seed: u64,
    /// Partitions of each topic that is keyed.
    pub partitions: u32,
    /// Whether what is not synced is lost in a crash; otherwise every append is durable at once.
    pub loses_unsynced: bool,
    /// Records applied in a step.
    pub batch_records: usize,
    /// Undelivered effects at which a machine waits.
    pub undelivered_records: usize,
    /// Records that accounts may be ahead of holds.
    pub accounts_ahead_records: u64,
    /// Records between two snapshots.
    pub snapshot_every_records: u64,
    /// Open orders an account may have.
    pub max_open_orders: u32,
    /// Client ids an account may have remembered.
    pub max_client_ids: u32,
    /// Unanswered changes an order may have.
    pub max_pending: u32,
    /// Depth updates between two snapshots of the levels.
    pub depth_snapshot_every: u64,
    /// How the process starts that works off everything at the end: one that shares the log has to notice by itself
    /// that nobody else is left.
    pub last: Way,
}

/// One thing that happens. Processes are named by a number that is given once; times are milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// The log's time goes on.
    Advance(i64),
    /// A process starts.
    Start(u32, Way),
    /// A process that shares the log gets another role for a machine.
    Assign {
        /// Which process.
        process: u32,
        /// Which machine.
        machine: MachineKind,
        /// Of which input partition.
        partition: u32,
        /// Whether it wants it from now on; otherwise it stands by.
        wanted: bool,
    },
    /// A process dies; what it has sent may still land.
    Kill(u32),
    /// A process is asked to end: it delivers what it owes.
    Stop(u32),
    /// A process reads `owners` and gives a sign of life.
    Look(u32),
    /// One machine of a process is stepped.
    Run {
        /// Which process.
        process: u32,
        /// Which machine.
        machine: MachineKind,
        /// Of which input partition.
        partition: u32,
        /// How many steps at most.
        steps: u32,
    },
    /// A process looks, and steps each of its machines once.
    Round(u32),
    /// All processes work, each machine in turn, until everything is done or nothing moves.
    Settle,
    /// A process's clock is off by so much from now on.
    Skew(u32, i64),
    /// What is written becomes durable.
    Sync,
    /// The computer loses its power: what is durable survives, and so many appends more. All processes die.
    Crash(u64),
    /// One of a machine's snapshots is damaged, after so many percent of it; at 0 it is gone.
    Tear {
        /// Which machine.
        machine: MachineKind,
        /// Of which input partition.
        partition: u32,
        /// Which: 0 is the newest.
        newest: usize,
        /// Where.
        percent: usize,
        /// In what way.
        damage: Damage,
    },
    /// The next record that anyone sends to a partition meets with this.
    Fault(Topic, u32, Trouble),
    /// A producer or the operator sends a command. Its number is its name in this script.
    Post(u32, Post),
    /// A command is sent again, with the same bytes.
    Repeat(u32),
    /// Somebody writes into a trusted topic what readers must not accept.
    Forge(Topic, u32, Forgery),
    /// An owner that all readers know to be replaced computes something else from here on.
    Twist {
        /// Which process.
        process: u32,
        /// Which machine.
        machine: MachineKind,
        /// Of which input partition.
        partition: u32,
    },
    /// A machine's owner, if it is at work, computes something else from here on. Readers cannot know; whoever owns the
    /// machine next must, and write nothing more for it.
    Turn(MachineKind, u32),
    /// A trusted topic is damaged: its machine must stop there.
    Spoil(Topic, u32, Spoiling),
}

/// What is wrong with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Damage {
    /// It ends there.
    Cut,
    /// From there on it is zeros.
    Zeros,
    /// One bit there is another.
    Flip,
}

/// How a process shares the log with others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// It claims everything, and stops where it loses it.
    Alone,
    /// It wants everything, and follows where another owns it.
    Wanted,
    /// It stands by for everything.
    Standby,
}

/// What happens to a record on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// It is not appended, and nobody is told.
    Lose,
    /// It is appended, and nobody is told.
    LoseAck,
    /// It is appended twice.
    Repeat,
    /// It is appended so much later.
    Late(i64),
    /// It is appended, and its sender told so much later.
    DelayAck(i64),
}

/// What a stranger writes into a trusted topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Forgery {
    /// A record of a machine, without origin.
    NoOrigin,
    /// The next number of a channel, in an epoch that is over.
    OldEpoch,
    /// The next number of a channel, in an epoch that nobody claimed.
    FutureEpoch,
    /// A number far ahead, in the newest epoch.
    FarNumber,
    /// A number that was there, in the newest epoch, with the content that was there.
    OldNumber,
    /// The next number of a channel whose machine does not write there.
    WrongTopic,
}

/// What a trusted topic is damaged with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spoiling {
    /// Bytes that are no record.
    NoRecord,
    /// The next number of a channel in its newest epoch, with other content than was hashed.
    WrongHash,
}

/// What a producer or the operator asks for. Names and decimals are text; `valid_ms` counts from when it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields are those of the records of the same names")]
pub enum Post {
    Place {
        account: String,
        id: String,
        valid_ms: i64,
        symbol: String,
        side: Side,
        order_type: OrderType,
        time_in_force: TimeInForce,
        post_only: bool,
        self_match: SelfMatchPrevention,
        #[serde(skip_serializing_if = "Option::is_none")]
        price: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        quantity: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        amount: Option<String>,
    },
    Amend {
        account: String,
        id: String,
        valid_ms: i64,
        orig: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        price: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        quantity: Option<String>,
    },
    Reduce {
        account: String,
        id: String,
        valid_ms: i64,
        orig: String,
        quantity: String,
    },
    Cancel {
        account: String,
        id: String,
        valid_ms: i64,
        orig: String,
    },
    Deposit {
        account: String,
        id: String,
        valid_ms: i64,
        asset: String,
        amount: String,
    },
    Withdraw {
        account: String,
        id: String,
        valid_ms: i64,
        asset: String,
        amount: String,
    },
    Asset {
        id: String,
        asset: String,
        digits: u8,
    },
    Fees {
        id: String,
        name: String,
        maker_ppm: u32,
        taker_ppm: u32,
    },
    List {
        id: String,
        symbol: String,
        base: String,
        quote: String,
        tick: String,
        lot: String,
        min_notional: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        min_price: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        max_price: Option<String>,
        fees: String,
    },
    Phase {
        id: String,
        symbol: String,
        phase: Phase,
    },
    Tick {
        symbol: String,
        venue: String,
        sequence: i64,
        /// How long before now it traded.
        ago_ms: i64,
        price: String,
        quantity: String,
    },
    /// Bytes that are no record, in `orders`.
    Junk {
        account: String,
        bytes: u8,
    },
}

/// Why a text is no script.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    /// It is empty.
    #[error("the script is empty: its first line is the setup, each further line an act")]
    Empty,
    /// A line does not read.
    #[error("line {line} of the script: {source}")]
    Line {
        /// Which line, from 1.
        line: usize,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", serde_json::to_string(&self.setup).expect("plain data"))?;
        for act in &self.acts {
            writeln!(f, "{}", serde_json::to_string(act).expect("plain data"))?;
        }
        Ok(())
    }
}

impl FromStr for Script {
    type Err = ScriptError;

    /// Lines that begin with `#` are for people.
    fn from_str(text: &str) -> Result<Self, ScriptError> {
        let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
        let mut lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let wrong = |line: usize| move |source| ScriptError::Line { line, source };
        let (line, first) = lines.next().ok_or(ScriptError::Empty)?;
        let setup = serde_json::from_str(first).map_err(wrong(line))?;
        let acts = lines.map(|(line, text)| serde_json::from_str(text).map_err(wrong(line)));
        Ok(Self { setup, acts: acts.collect::<Result<_, _>>()? })
    }
}
