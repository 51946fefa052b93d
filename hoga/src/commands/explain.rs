//! `hoga explain`: an order's whole way, from the command to the last posting.
//!
//! Invariants:
//! 1. What is printed stands in the log, where it says.
//! 2. Times are the log's append times, in whole milliseconds; what is finer is not made up.

use crate::cli::Context;
use crate::exit::Failure;
use crate::site::Site;
use crate::way::{Order, Place, Search, Step, Wanted, Way, summary};
use hoga_core::{AccountId, ClientId, OrderId};
use hoga_topics::{Log, TimeMode};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// What append times are good for.
const RESOLUTION_US: i64 = 1_000;

/// Arguments of `hoga explain`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  hoga explain 2-1\n  hoga explain alice a-42\n  hoga explain 2-1 --json | jq -r '.steps[].at'\n\nExit codes: 0 explained, 1 there is no such order, 2 a part of its way is cut."
)]
pub struct Args {
    /// The order's number, for example 2-1; or the account that placed it
    #[arg(value_name = "ORDER|ACCOUNT")]
    order: String,
    /// The client order id, if the account is given
    client_order_id: Option<ClientId>,
    /// As one JSON object, with the records themselves
    #[arg(long)]
    json: bool,
}

impl Args {
    /// Finds, follows, prints.
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let wanted = self.wanted()?;
        let site = Site::reach(context)?;
        let cuts = site.cuts()?;
        let mut search = Search::new(&site, &cuts, &context.stop);
        let order = search.order(&wanted)?;
        let way = search.follow(&order)?;
        let out = &mut io::stdout().lock();
        if self.json {
            writeln!(out, "{}", as_json(&order, &way))?
        } else {
            table(&*site.log, &order, &way, out)?
        }
        covered(&order, &way)
    }

    fn wanted(&self) -> Result<Wanted, Failure> {
        let wrong = |what: String| Failure::Usage(what);
        match &self.client_order_id {
            Some(name) => {
                let account: AccountId = self.order.parse().map_err(|error| wrong(format!("{error}")))?;
                Ok(Wanted::Named(account, name.clone()))
            }
            None => number(&self.order).map(Wanted::Number).ok_or_else(|| {
                let way_out = "a number is PARTITION-COUNT, for example 2-1; an account needs its client order id too";
                wrong(format!("{:?} is no order's number: {way_out}", self.order))
            }),
        }
    }
}

fn number(text: &str) -> Option<OrderId> {
    let (partition, count) = text.split_once('-')?;
    let (partition, count) = (partition.parse::<u32>().ok()?, count.parse::<u64>().ok()?);
    (partition < 1 << 15 && (1..1 << 48).contains(&count)).then(|| OrderId::new(partition, count))
}

fn covered(order: &Order, way: &Way) -> Result<(), Failure> {
    match way.cut.first() {
        None => Ok(()),
        Some((at, offset)) => Err(Failure::NotCovered(format!(
            "order {}: {} of its records are cut, the first at {at}@{offset}",
            name(order),
            way.cut.len()
        ))),
    }
}

fn name(order: &Order) -> String {
    match order.id {
        Some(id) => format!("{id} ({})", order.client_order_id),
        None => format!("{} (refused without a number)", order.client_order_id),
    }
}

/// The microseconds between a step and its cause, as far as their times tell.
fn after_cause_us(step: &Step, steps: &BTreeMap<Place, &Step>) -> Option<i64> {
    let cause = steps.get(&step.cause?)?;
    Some((step.time.0 - cause.time.0) * RESOLUTION_US)
}

fn index(way: &Way) -> BTreeMap<Place, &Step> {
    way.steps.iter().map(|step| (step.at, step)).collect()
}

fn table(log: &dyn Log, order: &Order, way: &Way, out: &mut dyn Write) -> Result<(), Failure> {
    let (steps, Order { account, symbol, status, .. }) = (index(way), order);
    writeln!(out, "order {} of {account} in {symbol}: {status}, {} records\n", name(order), way.steps.len())?;
    writeln!(out, "{:<24} {:>12}  {:<22} {:<22} WHAT", "TIME", "US AFTER", "CAUSE", "RECORD")?;
    for step in &way.steps {
        let after = after_cause_us(step, &steps).map_or_else(|| "-".into(), |us| us.to_string());
        let cause = step.cause.map_or_else(|| "outside".into(), place);
        let (time, at, what) = (step.time.iso().to_string(), place(step.at), summary(&step.record, order.id));
        writeln!(out, "{time:<24} {after:>12}  {cause:<22} {at:<22} {what}")?;
    }
    let times = match log.time_mode() {
        TimeMode::Wall => "Times are append times, in whole milliseconds: 0 us is less than 1000.",
        TimeMode::Recorded => "This is a recorded log: times are those of the recorded day, not of this computer.",
    };
    writeln!(out, "\n{times}")?;
    for (id, began) in &order.namesakes {
        let id = id.map_or_else(|| "without a number".into(), |id| id.to_string());
        writeln!(out, "Another order of that name: {id}, which began with {began}.")?;
    }
    Ok(())
}

fn place((at, offset): Place) -> String {
    format!("{at}@{offset}")
}

fn as_json(order: &Order, way: &Way) -> Value {
    let steps = index(way);
    let step = |step: &Step| {
        let (cause, after) = (step.cause.map(place), after_cause_us(step, &steps));
        let (kind, record) = (step.record.kind().name(), hoga_schemas::json::to_json(&step.record));
        json!({"at": place(step.at), "time": step.time.0, "cause": cause, "after_cause_us": after, "kind": kind, "record": record})
    };
    json!({
        "order": order.id.map(|id| id.to_string()),
        "client_order_id": order.client_order_id.as_str(),
        "account": order.account.as_str(),
        "symbol": order.symbol.as_str(),
        "status": order.status.name(),
        "resolution_us": RESOLUTION_US,
        "steps": way.steps.iter().map(step).collect::<Vec<_>>(),
        "cut": way.cut.iter().map(|cut| place(*cut)).collect::<Vec<_>>(),
        "namesakes": order.namesakes.iter().filter_map(|(id, _)| Some((*id)?.to_string())).collect::<Vec<_>>(),
    })
}
