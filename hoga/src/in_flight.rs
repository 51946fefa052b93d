//! Legs in flight at a point: of a trade whose one side holds has settled there, and whose other side it has not.
//!
//! Reads `accounts`. Matching writes both legs of a trade under one cause, into one or two partitions.
//!
//! Invariants:
//! 1. Whatever matching wrote for a cause before the first one that is still to come anywhere is settled on both sides:
//!    only legs from there on are kept, and those of both sides are forgotten at once.
//! 2. What is named is all: of a leg that is settled the other side is told where it stands, or that it is not there yet.

use crate::exit::Failure;
use crate::reading;
use crate::site::Site;
use crate::stop::Stop;
use hoga_core::records::{RecordKind, SettlementLeg};
use hoga_core::{AssetCode, Decimal, MachineKind, Record, Topic, TradeId};
use hoga_schemas::{Frame, Origin};
use hoga_topics::owners::Owners;
use hoga_topics::{TopicPartition, Visibility};
use std::collections::BTreeMap;
use std::fmt;

/// One side of a trade that is settled while the other is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InFlight {
    /// The settled side.
    pub settled: SettlementLeg,
    /// Where it stands.
    pub at: (TopicPartition, u64),
    /// What caused it.
    pub cause: (TopicPartition, u64),
    /// The other side and where it stands; none where matching has not written it yet.
    pub other: Option<(SettlementLeg, TopicPartition, u64)>,
    /// What its entry left in CLEARING.
    pub clearing: Vec<(AssetCode, Decimal)>,
}

impl fmt::Display for InFlight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { settled, at, cause, other, clearing } = self;
        let side = |leg: &SettlementLeg| format!("{} of order {} of {}", leg.side, leg.order_id, leg.account);
        write!(f, "trade {}, caused by {}@{}: ", settled.trade_id, cause.0, cause.1)?;
        write!(f, "the {} is settled ({}@{}), ", side(settled), at.0, at.1)?;
        match other {
            Some((leg, partition, offset)) => write!(f, "the {} stands at {partition}@{offset}", side(leg))?,
            None => f.write_str("the other side is not written yet")?,
        }
        let amounts: Vec<String> = clearing.iter().map(|(asset, amount)| format!("{amount} {asset}")).collect();
        write!(f, "; in CLEARING: {}", amounts.join(", "))
    }
}

/// The legs that are in flight where everything in accounts before the offsets `at` is settled.
pub fn find(site: &Site, owners: &Owners, at: &[u64], stop: &Stop) -> Result<Vec<InFlight>, Failure> {
    let open = first_open(site, owners, at, stop)?;
    let mut singles = BTreeMap::<TradeId, InFlight>::new();
    each_leg(site, stop, |leg, partition, offset, origin| {
        let settled = offset < at[partition.partition as usize];
        let kept = open.get(&origin.partition).is_none_or(|first| origin.cause >= *first);
        if settled && kept {
            let leg = leg()?;
            let cause = (TopicPartition::new(Topic::Books, origin.partition), origin.cause);
            // The second side: nothing is in flight any more.
            if singles.remove(&leg.trade_id).is_none() {
                let (trade, at) = (leg.trade_id, (partition, offset));
                let single = InFlight { settled: leg, at, cause, other: None, clearing: Vec::new() };
                singles.insert(trade, single);
            }
        }
        Ok(())
    })?;
    if !singles.is_empty() {
        each_leg(site, stop, |leg, partition, offset, origin| {
            let to_come = offset >= at[partition.partition as usize];
            if to_come && open.get(&origin.partition).is_none_or(|first| origin.cause >= *first) {
                let leg = leg()?;
                if let Some(single) = singles.get_mut(&leg.trade_id) {
                    single.other = Some((leg, partition, offset));
                }
            }
            Ok(())
        })?;
    }
    Ok(singles.into_values().collect())
}

/// For each partition of books the first cause whose effects may not all be before the offsets.
fn first_open(site: &Site, owners: &Owners, at: &[u64], stop: &Stop) -> Result<BTreeMap<u32, u64>, Failure> {
    let mut open = BTreeMap::new();
    for partition in 0..site.log.partitions(Topic::Books) {
        let delivered = owners.of(MachineKind::Matching, partition).map_or(0, |owned| owned.marked());
        open.insert(partition, delivered);
    }
    each(site, stop, |_, partition, offset, origin| {
        if offset >= at[partition.partition as usize] {
            let first = open.entry(origin.partition).or_insert(origin.cause);
            *first = (*first).min(origin.cause);
        }
        Ok(())
    })?;
    Ok(open)
}

/// Gives each leg in accounts, decoded when it is asked for.
fn each_leg(
    site: &Site,
    stop: &Stop,
    mut take: impl FnMut(&dyn Fn() -> Result<SettlementLeg, Failure>, TopicPartition, u64, Origin) -> Result<(), Failure>,
) -> Result<(), Failure> {
    each(site, stop, |frame, partition, offset, origin| {
        if frame.kind != RecordKind::SettlementLeg {
            return Ok(());
        }
        let leg = || match reading::decode(partition, offset, frame)? {
            Record::SettlementLeg(leg) => Ok(leg),
            other => Err(Failure::Stopped(format!("{partition}: the leg at offset {offset} is a {}", other.kind()))),
        };
        take(&leg, partition, offset, origin)
    })
}

/// Gives each record that matching wrote to accounts, of what is kept.
fn each(
    site: &Site,
    stop: &Stop,
    mut take: impl FnMut(&Frame<'_>, TopicPartition, u64, Origin) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let (log, cuts) = (&*site.log, site.cuts()?);
    for partition in reading::partitions(log, Topic::Accounts) {
        let reader = reading::open_kept(log, &cuts, partition, Visibility::Written)?;
        reading::rest(log, reader, stop, |accepted, frame| match frame.origin {
            Some(origin) if origin.machine == MachineKind::Matching => take(frame, partition, accepted.offset, origin),
            _ => Ok(()),
        })?;
    }
    Ok(())
}
