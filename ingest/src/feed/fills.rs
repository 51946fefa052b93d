//! What traded, in words of the feed: which event, which of its orders, at what price.
//!
//! A trade belongs to the event of the last command of the incoming order: its placing, or the amend that made it
//! trade. `order-events` tells both in the book's order: an order's first PENDING names the placing's client id,
//! AMENDED the amend's. (A later PENDING tells of an amend's hold, and may come before the trades of another.)
//!
//! Invariants:
//! 1. Numbers that depend on what else the exchange traded (order ids, trade ids, offsets) are not in a [`Fill`]:
//!    two runs of a feed have equal fills.
//! 2. Trades of other symbols and of orders that no feed placed are passed over.

use super::error::FeedError;
use super::plan::FeedPlan;
use super::script::order_and_event;
use hoga_core::records::{Execution, Liquidity, OrderEvent, OrderEventKind, RecordKind, Side};
use hoga_core::{ClientId, Decimal, OrderId, Record, Topic, TradeId};
use hoga_topics::channel::{AcceptedBody, AcceptedReader, ReaderPosition};
use hoga_topics::{Arrival, Log, Visibility};
use std::collections::HashMap;

/// A trade of a feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fill {
    /// The event whose command caused it.
    pub event: u64,
    /// The resting order's client order id.
    pub maker: ClientId,
    /// The incoming order's client order id.
    pub taker: ClientId,
    /// The incoming order's side.
    pub taker_side: Side,
    /// The price.
    pub price: Decimal,
    /// How much.
    pub quantity: Decimal,
    /// Charged to the resting side.
    pub maker_fee: Decimal,
    /// Charged to the incoming side.
    pub taker_fee: Decimal,
}

impl Fill {
    /// The resting order's id in the file.
    pub fn resting_order(&self) -> u64 {
        order_and_event(&self.maker).map_or(0, |(order, _)| order)
    }
}

/// What order-events say of an order.
struct Known {
    client_id: ClientId,
    event: u64,
}

/// The fills of a plan that stand, accepted, in the log; in the order of execution.
pub fn read_fills(log: &dyn Log, plan: &FeedPlan) -> Result<Vec<Fill>, FeedError> {
    let mut orders: HashMap<OrderId, Known> = HashMap::new();
    let mut events: HashMap<TradeId, u64> = HashMap::new();
    each(log, plan, Topic::OrderEvents, RecordKind::OrderEvent, |record| {
        if let Record::OrderEvent(event) = record {
            note(&event, plan, &mut orders, &mut events);
        }
    })?;
    let mut fills = Vec::new();
    each(log, plan, Topic::Executions, RecordKind::Execution, |record| {
        if let Record::Execution(execution) = record {
            fills.extend(fill(&execution, plan, &orders, &events));
        }
    })?;
    Ok(fills)
}

fn note(event: &OrderEvent, plan: &FeedPlan, orders: &mut HashMap<OrderId, Known>, events: &mut HashMap<TradeId, u64>) {
    let Some(order_id) = event.order_id.filter(|_| event.symbol == plan.venue().symbol) else { return };
    match (event.event, &event.fill) {
        (OrderEventKind::Pending, _) => {
            let client_id = event.client_order_id.clone();
            if let Some((_, event)) = order_and_event(&client_id) {
                orders.entry(order_id).or_insert(Known { client_id, event });
            }
        }
        (OrderEventKind::Amended, _) => {
            let by = event.command_id.as_ref().and_then(order_and_event);
            if let (Some(known), Some((_, event))) = (orders.get_mut(&order_id), by) {
                known.event = event;
            }
        }
        (OrderEventKind::Trade, Some(fill)) if fill.liquidity == Liquidity::Taker => {
            if let Some(known) = orders.get(&order_id) {
                events.insert(fill.trade_id, known.event);
            }
        }
        _ => {}
    }
}

fn fill(
    execution: &Execution,
    plan: &FeedPlan,
    orders: &HashMap<OrderId, Known>,
    events: &HashMap<TradeId, u64>,
) -> Option<Fill> {
    if execution.symbol != plan.venue().symbol {
        return None;
    }
    let maker = orders.get(&execution.maker_order_id)?;
    let taker = orders.get(&execution.taker_order_id)?;
    Some(Fill {
        event: *events.get(&execution.trade_id)?,
        maker: maker.client_id.clone(),
        taker: taker.client_id.clone(),
        taker_side: execution.taker_side,
        price: execution.price,
        quantity: execution.quantity,
        maker_fee: execution.maker_fee,
        taker_fee: execution.taker_fee,
    })
}

/// Gives each accepted record of a kind in the plan's partition of a topic, up to its end now.
fn each(
    log: &dyn Log,
    plan: &FeedPlan,
    topic: Topic,
    kind: RecordKind,
    mut take: impl FnMut(Record),
) -> Result<(), FeedError> {
    let partition = plan.target(topic);
    let end = log.bounds(partition)?.end;
    let mut reader = AcceptedReader::open(log, partition, ReaderPosition::default(), Visibility::Written)?;
    let mut arrival = Arrival::new(log, partition);
    while reader.position() < end {
        let Some(accepted) = reader.read()? else {
            arrival.wait(reader.position())?;
            continue;
        };
        arrival.came();
        let AcceptedBody::Record(frame) = accepted.body else { continue };
        if frame.kind != kind {
            continue;
        }
        let record = hoga_schemas::decode(&frame).map_err(|error| hoga_topics::channel::ReadError::Undecodable {
            partition,
            offset: accepted.offset,
            reason: error.to_string(),
        })?;
        take(record);
    }
    Ok(())
}
