//! Commands of the operator: money in and out (written to `accounts`), and what the exchange trades and when
//! (written to `control`, passed on to `accounts` and `books`).
//!
//! Invariants:
//! 1. A deposit or withdrawal has an identity as orders have, and moves money once.
//! 2. Control commands carry a `command_id`; a repeat of a remembered one changes nothing. The newest of its
//!    name holds: listing again replaces.

use crate::ids::{AccountId, AssetCode, ClientId, Symbol};
use crate::money::Decimal;
use crate::records::wire_enum;
use crate::settings::Settings;
use crate::time::Timestamp;
use compact_str::CompactString;

/// Brings an amount of an asset into an account; the account exists from its first deposit on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deposit {
    /// Whose.
    pub account: AccountId,
    /// This command's own id.
    pub client_id: ClientId,
    /// After this time the command is refused.
    pub valid_until: Timestamp,
    /// Which asset.
    pub asset: AssetCode,
    /// How much, above zero, a whole number of minor units.
    pub amount: Decimal,
}

/// Takes an amount of an asset out of an account; refused beyond what is available (total less held).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withdrawal {
    /// Whose.
    pub account: AccountId,
    /// This command's own id.
    pub client_id: ClientId,
    /// After this time the command is refused.
    pub valid_until: Timestamp,
    /// Which asset.
    pub asset: AssetCode,
    /// How much, above zero, a whole number of minor units.
    pub amount: Decimal,
}

/// Lists an asset. Its digits can never change: amounts are stored in minor units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetListing {
    /// The operator's id for this command.
    pub command_id: ClientId,
    /// Its code.
    pub asset: AssetCode,
    /// Decimal places of its minor unit, 0 to 10.
    pub digits: u8,
}

/// Maker and taker rates under a name. A new schedule of the same name holds for orders placed after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeeSchedule {
    /// The operator's id for this command.
    pub command_id: ClientId,
    /// The name that listings refer to.
    pub name: ClientId,
    /// Fee of the resting side in millionths of the notional, 0 to 100,000.
    pub maker_fee_ppm: u32,
    /// Fee of the incoming side in millionths of the notional, 0 to 100,000.
    pub taker_fee_ppm: u32,
}

/// Lists an instrument, or changes its rules. It begins in phase CLOSED. Base, quote, tick and lot cannot change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstrumentListing {
    /// The operator's id for this command.
    pub command_id: ClientId,
    /// Its symbol.
    pub symbol: Symbol,
    /// What is bought and sold.
    pub base: AssetCode,
    /// What it is paid with.
    pub quote: AssetCode,
    /// Prices are whole multiples of it, in quote per base.
    pub tick: Decimal,
    /// Quantities are whole multiples of it, in base. Tick × lot is a whole number of the quote's minor units.
    pub lot: Decimal,
    /// The least price × quantity of a new limit order, in quote.
    pub min_notional: Decimal,
    /// The lowest price of an order.
    pub min_price: Option<Decimal>,
    /// The highest price of an order.
    pub max_price: Option<Decimal>,
    /// The name of its fee schedule.
    pub fee_schedule: ClientId,
    /// Its zone's distance from UTC in minutes (KST is 540): where its days begin and end.
    pub utc_offset_min: i32,
}

wire_enum! {
    /// An instrument's trading phase.
    Phase {
        /// Nothing but cancels. On entry day orders expire.
        Closed = "CLOSED",
        /// Limit orders rest unmatched even when they cross; amends and cancels work.
        PreOpen = "PRE_OPEN",
        /// Continuous trading. On entry crossing orders trade first, in price-time order at the older order's price.
        Open = "OPEN",
        /// Nothing but cancels; orders keep their place.
        Halted = "HALTED",
    }
}

/// Moves an instrument into a phase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhaseChange {
    /// The operator's id for this command.
    pub command_id: ClientId,
    /// Which instrument.
    pub symbol: Symbol,
    /// The phase from here on.
    pub phase: Phase,
}

/// From this record on the given version of the rules holds; a machine that does not know it stops.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RulesVersion {
    /// The operator's id for this command.
    pub command_id: ClientId,
    /// The version; this release knows 1.
    pub version: u32,
}

/// What a log is and its machines are made with, where the log itself has to tell: the first record of `control` on
/// Kafka, written when its topics are made. Whoever starts machines reads it there; machines ignore it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    /// The log's name, which no other log ever had: what is kept beside it (snapshots) is kept under this name.
    pub log: CompactString,
    /// What its machines are made with.
    pub settings: Settings,
}
