//! Why control refuses an operator's command: each in words, with the numbers and the way out.

use super::catalogue::{MAX_ASSETS, MAX_FEE_PPM, MAX_INSTRUMENTS, MAX_SCHEDULES, RULES_VERSION};
use crate::ids::{AssetCode, ClientId, NameError, Symbol};
use crate::instrument::{ListingError, MAX_DIGITS};

/// Why a command changes nothing, in order of precedence within its kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A name breaks its rule.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The id was used for another command.
    #[error("command id {0} was used for another command: give this one an id of its own")]
    CommandId(ClientId),
    /// More decimal places than a decimal has.
    #[error("asset {asset} has {digits} digits: at most {MAX_DIGITS} can be stored")]
    Digits {
        /// The asset.
        asset: AssetCode,
        /// Its digits.
        digits: u8,
    },
    /// Balances are stored in minor units, which the digits define.
    #[error("asset {asset} has {old} digits and cannot have {new}: balances are stored in them; list a new asset")]
    DigitsFixed {
        /// The asset.
        asset: AssetCode,
        /// What it has.
        old: u8,
        /// What the command says.
        new: u8,
    },
    /// As many assets as there may be.
    #[error("{MAX_ASSETS} assets are listed, which is the most: use one of them")]
    TooManyAssets,
    /// A rate above a tenth of the notional.
    #[error(
        "{side} rate {ppm} is out of range: give millionths of the notional, 0 to {MAX_FEE_PPM} (500 is 0.05 percent)"
    )]
    Rate {
        /// `maker` or `taker`.
        side: &'static str,
        /// The rate.
        ppm: u32,
    },
    /// As many schedules as there may be.
    #[error("{MAX_SCHEDULES} fee schedules are listed, which is the most: change one of them")]
    TooManySchedules,
    /// An instrument between assets that are not listed.
    #[error("asset {0} is not listed: list it first")]
    UnknownAsset(AssetCode),
    /// An instrument with a schedule that is not there.
    #[error("fee schedule {0} is not listed: give its rates first")]
    UnknownSchedule(ClientId),
    /// The rules of the instrument contradict themselves or what it was.
    #[error(transparent)]
    Listing(#[from] ListingError),
    /// As many instruments as there may be.
    #[error("{MAX_INSTRUMENTS} instruments are listed, which is the most")]
    TooManyInstruments,
    /// A phase of a symbol that is not listed.
    #[error("symbol {0} is not listed: list the instrument first")]
    UnknownSymbol(Symbol),
    /// Rules that this release does not know.
    #[error("rules version {0} is not known: this release knows {RULES_VERSION}; upgrade every process first")]
    UnknownRules(u32),
}
