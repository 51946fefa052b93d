//! The recorded matching workload, and what is known of it.
//!
//! Reads `--workload FILE`, or `matching_workload.bin.zst` in the folder of recorded data (`HOGA_TEST_DATA`, or
//! `../shared/data`). The levels that must stand in the end are read from `matching_workload.final_l2.csv`, or from the
//! file beside another workload that is called like it.

use super::Size;
use crate::exit::Failure;
use hoga_core::book::LevelTotal;
use hoga_core::records::Side;
use hoga_ingest::feed::workload::Workload;
use std::path::{Path, PathBuf};

const FILE: &str = "matching_workload.bin.zst";
const ENDING: &str = ".bin.zst";
const LEVELS_ENDING: &str = ".final_l2.csv";

/// What its maker published of the recorded workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Trades of the measured commands.
    pub trades: u64,
    /// Their lots.
    pub volume: i64,
}

const RECORDED: Known = Known { trades: 122_595, volume: 1_065_927 };

/// A workload and what is known of it.
pub struct Flow {
    /// The commands.
    pub workload: Workload,
    /// Where they are from.
    pub file: PathBuf,
    /// What has to come out, if that is known.
    pub known: Option<Known>,
    /// The levels that have to stand in the end, as [`levels`] writes them, if that is known.
    pub levels: Option<String>,
}

impl Flow {
    /// Reads it.
    pub fn read(size: &Size) -> Result<Self, Failure> {
        let file = size.workload.clone().unwrap_or_else(|| folder().join(FILE));
        let workload = Workload::read(&file, u64::MAX).map_err(|error| {
            Failure::Unavailable(format!(
                "{error}; give --workload FILE, or the folder of recorded data in HOGA_TEST_DATA"
            ))
        })?;
        let known = size.workload.is_none().then_some(RECORDED);
        let name = file.to_string_lossy();
        let beside = name.strip_suffix(ENDING).map(|stem| PathBuf::from(format!("{stem}{LEVELS_ENDING}")));
        let levels = beside.filter(|file| file.exists() || known.is_some()).map(|file| published(&file)).transpose()?;
        Ok(Self { workload, file, known, levels })
    }
}

fn folder() -> PathBuf {
    std::env::var_os("HOGA_TEST_DATA").map_or_else(|| PathBuf::from("../shared/data"), PathBuf::from)
}

fn published(file: &Path) -> Result<String, Failure> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::Unavailable(format!("reading {}: {error}", file.display())))?;
    // Symbol, side, price, volume, orders.
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    Ok(lines.filter_map(|line| line.split_once(',')).map(|(_, level)| format!("{level}\n")).collect())
}

/// Levels as text: side, price, lots, orders, asks before bids, best first.
pub fn levels(levels_of: impl Fn(Side) -> Vec<LevelTotal>) -> String {
    let mut text = String::new();
    for (side, name) in [(Side::Sell, "ask"), (Side::Buy, "bid")] {
        for LevelTotal { price, lots, orders } in levels_of(side) {
            text += &format!("{name},{},{lots},{orders}\n", price.0);
        }
    }
    text
}

/// Both texts by their hash, short enough to be shown.
pub fn digest(levels: &str) -> String {
    format!("{:016x}", xxhash_rust::xxh3::xxh3_64(levels.as_bytes()))
}
