//! `hoga verify ledger`: the trial balance at a point, and what of it was in flight there.
//!
//! Invariants:
//! 1. The point is a place in what holds reads: the ledger there is what it had booked of everything before.
//! 2. CLEARING is what legs in flight make of it: they are named, and what they do not explain is an error.
//! 3. Nothing is said of a point that holds has not told to have come to.

use crate::cli::Context;
use crate::commands::trial_balance;
use crate::exit::Failure;
use crate::in_flight::{self, InFlight};
use crate::ledger::{Ledger, Line};
use crate::point;
use crate::reading;
use crate::site::Site;
use crate::stop::Stop;
use hoga_core::records::LedgerAccount;
use hoga_core::{AssetCode, Decimal, MachineKind, Timestamp, Topic};
use hoga_runtime::reconcile::Point;
use hoga_topics::owners::Owners;
use hoga_topics::{Arrival, Log, LogRecord, TimeMode, TopicPartition, Visibility};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// Arguments of `hoga verify`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

/// What to verify.
#[derive(Debug, clap::Subcommand)]
enum What {
    /// The trial balance at a point: each entry balanced, each asset zero, CLEARING explained by legs in flight
    Ledger(LedgerArgs),
}

/// Arguments of `hoga verify ledger`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  hoga verify ledger\n  hoga verify ledger --at 2026-11-21T15:30:00+09:00\n  hoga verify ledger --at accounts/0@1200,accounts/1@980,accounts/2@1100,accounts/3@1010\n\nExit codes: 0 it sums to zero and all of it is explained, 1 it does not, 2 the point is cut or not reached yet."
)]
struct LedgerArgs {
    /// Where: a time, or the next offset of each accounts partition; without it, as far as holds has told to have come
    #[arg(long, value_parser = point::parse, value_name = point::FORM)]
    at: Option<Point>,
}

impl Args {
    /// Reads, sums, prints.
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let What::Ledger(args) = self.what;
        let site = Site::reach(context)?;
        let log = &*site.log;
        let owners = site.cuts()?.owners(log)?.owners().clone();
        let at = args.offsets(log, &owners, &context.stop)?;
        for partition in reading::partitions(log, Topic::Journal) {
            whole(log, partition)?;
        }
        let in_flight = in_flight::find(&site, &owners, &at, &context.stop)?;
        let (ledger, in_flight) = book(log, &at, in_flight, &context.stop)?;
        print(log, &at, &ledger, &in_flight, &mut io::stdout().lock())
    }
}

impl LedgerArgs {
    /// The next offset of each accounts partition.
    fn offsets(&self, log: &dyn Log, owners: &Owners, stop: &Stop) -> Result<Vec<u64>, Failure> {
        self.reached(log, owners)?;
        let mut offsets = Vec::new();
        for at in reading::partitions(log, Topic::Accounts) {
            let told = owners.of(MachineKind::Holds, at.partition).map_or(0, |owned| owned.marked());
            let offset = match &self.at {
                None => told,
                Some(Point::Time(time)) => first_not_before(log, at, *time, stop)?,
                Some(Point::Offsets(points)) => named(points, at)?,
            };
            if offset > told {
                return Err(Failure::NotCovered(format!(
                    "{at}: holds has told to have booked everything before offset {told}, asked for is {offset}; ask for an earlier point, or again when it has come so far"
                )));
            }
            offsets.push(offset);
        }
        if let Some(Point::Offsets(points)) = &self.at
            && let Some(at) =
                points.keys().find(|at| at.topic != Topic::Accounts || at.partition as usize >= offsets.len())
        {
            return Err(Failure::Usage(format!(
                "--at {at}: the ledger stands at offsets of the partitions of accounts"
            )));
        }
        Ok(offsets)
    }

    /// Refuses a time that has not come: records of before it may still be appended.
    fn reached(&self, log: &dyn Log, owners: &Owners) -> Result<(), Failure> {
        let newest = owners.newest();
        match self.at {
            Some(Point::Time(time)) if log.time_mode() == TimeMode::Wall && time > newest => {
                let (newest, time) = (newest.iso(), time.iso());
                Err(Failure::NotCovered(format!("the log has come to {newest}, asked for is {time}; ask again then")))
            }
            _ => Ok(()),
        }
    }
}

fn named(points: &BTreeMap<TopicPartition, u64>, at: TopicPartition) -> Result<u64, Failure> {
    let offset = points.get(&at).copied();
    offset.ok_or_else(|| Failure::Usage(format!("--at names no offset for {at}; each partition of accounts needs one")))
}

/// The first record that was appended at or after a time. In a recorded log, where times may go back, all are looked at.
fn first_not_before(log: &dyn Log, at: TopicPartition, time: Timestamp, stop: &Stop) -> Result<u64, Failure> {
    if log.time_mode() == TimeMode::Wall {
        return Ok(log.offset_at(at, time)?);
    }
    let bounds = log.bounds(at)?;
    let mut reader = log.reader(at, bounds.start, Visibility::Durable)?;
    let (mut arrival, mut batch) = (Arrival::new(log, at), Vec::<LogRecord>::new());
    while reader.position() < bounds.durable_end {
        stop.check("nothing was changed; run it again")?;
        batch.clear();
        reader.poll(4_096, &mut batch)?;
        if batch.is_empty() {
            arrival.wait(reader.position())?;
            continue;
        }
        arrival.came();
        if let Some(found) = batch.iter().find(|record| record.time >= time) {
            return Ok(found.offset.min(bounds.durable_end));
        }
    }
    Ok(bounds.durable_end)
}

/// Refuses a journal that does not begin at its beginning: balances before that are not known.
fn whole(log: &dyn Log, at: TopicPartition) -> Result<(), Failure> {
    match log.bounds(at)?.start {
        0 => Ok(()),
        start => Err(Failure::NotCovered(format!(
            "{at} begins at offset {start}, and the ledger needs every entry; restore what is cut from the archive"
        ))),
    }
}

/// The journal up to the point; legs in flight get what they left in CLEARING.
fn book(
    log: &dyn Log,
    at: &[u64],
    mut in_flight: Vec<InFlight>,
    stop: &Stop,
) -> Result<(Ledger, Vec<InFlight>), Failure> {
    let mut ledger = Ledger::default();
    let legs = in_flight.iter().enumerate();
    let legs: BTreeMap<_, _> =
        legs.map(|(place, leg)| ((leg.settled.trade_id, Some(leg.settled.order_id)), place)).collect();
    ledger.read_until(log, stop, |partition, cause| cause < at[partition as usize], &mut |entry| {
        let Some(trade) = entry.trade_id else { return };
        if let Some(place) = legs.get(&(trade, entry.order_id)) {
            let clearing = entry.postings.iter().filter(|posting| posting.ledger == LedgerAccount::Clearing);
            in_flight[*place].clearing.extend(clearing.map(|posting| (posting.asset.clone(), posting.amount)));
        }
    })?;
    Ok((ledger, in_flight))
}

fn print(
    log: &dyn Log,
    at: &[u64],
    ledger: &Ledger,
    in_flight: &[InFlight],
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let places = reading::partitions(log, Topic::Accounts).zip(at).map(|(at, offset)| format!("{at}@{offset}"));
    writeln!(out, "ledger at {}: {} entries", places.collect::<Vec<_>>().join(","), ledger.entries)?;
    let summed = trial_balance(ledger, out);
    house(ledger, out)?;
    writeln!(out, "\nin flight: {} legs", in_flight.len())?;
    for leg in in_flight {
        writeln!(out, "  {leg}")?;
    }
    let mut explained = BTreeMap::<&AssetCode, i128>::new();
    for (asset, amount) in in_flight.iter().flat_map(|leg| &leg.clearing) {
        *explained.entry(asset).or_default() += amount.0;
    }
    summed?;
    for (asset, row) in ledger.trial_balance() {
        let by_legs = Decimal(explained.get(asset).copied().unwrap_or_default());
        if row.clearing != by_legs {
            return Err(Failure::Refused(format!(
                "CLEARING in {asset} is {}, legs in flight explain {by_legs}: `hoga reconcile` says which entry or leg is wrong",
                row.clearing
            )));
        }
    }
    writeln!(out, "every asset sums to zero, and CLEARING is what legs in flight left there")?;
    Ok(())
}

/// The house's own accounts, one for each asset and partition.
fn house(ledger: &Ledger, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\n{:<12} {:<10} {:<10} {:>22}", "HOUSE", "ASSET", "PARTITION", "BALANCE")?;
    for (Line { asset, ledger, partition, .. }, balance) in ledger.balances() {
        if *ledger != LedgerAccount::Member {
            writeln!(out, "{ledger:<12} {asset:<10} {partition:<10} {balance:>22}")?;
        }
    }
    Ok(())
}
