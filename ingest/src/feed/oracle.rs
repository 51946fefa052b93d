//! The same commands through the naive book: what the executions must be.
//!
//! Commands go straight into the machine matching, as holds would pass them on from accounts that can pay for
//! everything. It shares records and the machine's frame with the pipeline, but no topic, channel, hold or fast book.
//!
//! Left out on purpose: refusals. A command on an order that is not open changes nothing, whoever refuses it.

use super::error::FeedError;
use super::fills::Fill;
use super::plan::FeedPlan;
use super::script::{Step, order_and_event};
use hoga_core::book::{Book, FastBook, Matching, NaiveBook};
use hoga_core::records::{Execution, HeldAmend, HeldCancel, HeldOrder, PlaceOrder};
use hoga_core::{Body, ClientId, Effects, Input, Machine, OrderId, Record, Settings, Symbol, Timestamp, Topic};
use std::collections::HashMap;

/// The fills that the naive book makes of a plan, in the order of execution.
pub fn naive_fills(plan: &FeedPlan) -> Result<Vec<Fill>, FeedError> {
    fills_of::<NaiveBook>(plan)
}

/// The fills that the fast book makes of a plan, without the pipeline around it.
pub fn fast_fills(plan: &FeedPlan) -> Result<Vec<Fill>, FeedError> {
    fills_of::<FastBook>(plan)
}

fn fills_of<B: Book>(plan: &FeedPlan) -> Result<Vec<Fill>, FeedError> {
    let mut oracle = Oracle::<B> {
        machine: Matching::with_book(plan.partition(), &Settings::default()),
        symbol: plan.venue().symbol.clone(),
        partition: plan.partition(),
        rates: (plan.venue().maker_fee_ppm, plan.venue().taker_fee_ppm),
        placed: Vec::new(),
        numbers: HashMap::new(),
        offset: 0,
        effects: Effects::default(),
        fills: Vec::new(),
    };
    for step in plan.steps() {
        if let Step::Send { topic, time, record, .. } = step {
            oracle.step(topic, time, record)?;
        }
    }
    Ok(oracle.fills)
}

struct Oracle<B: Book> {
    machine: Matching<B>,
    symbol: Symbol,
    partition: u32,
    rates: (u32, u32),
    /// Client id and last event of each order, by its number less one.
    placed: Vec<(ClientId, u64)>,
    /// Look-up only.
    numbers: HashMap<ClientId, OrderId>,
    offset: u64,
    effects: Effects,
    fills: Vec<Fill>,
}

impl<B: Book> Oracle<B> {
    fn step(&mut self, topic: Topic, time: Timestamp, record: Record) -> Result<(), FeedError> {
        match record {
            Record::PlaceOrder(order) => {
                let held = self.held(order);
                self.apply(time, held.into())
            }
            Record::AmendOrder(r) => {
                let (order_id, symbol) = (self.named(&r.orig_client_order_id, &r.client_order_id), self.symbol.clone());
                let (account, client_order_id) = (r.account, r.client_order_id);
                let (price, quantity, reduce_by) = (r.price, r.quantity, None);
                let held = HeldAmend { order_id, account, client_order_id, symbol, price, quantity, reduce_by };
                self.apply(time, held.into())
            }
            Record::ReduceOrder(r) => {
                let (order_id, symbol) = (self.named(&r.orig_client_order_id, &r.client_order_id), self.symbol.clone());
                let (account, client_order_id) = (r.account, r.client_order_id);
                let (price, quantity, reduce_by) = (None, None, Some(r.quantity));
                let held = HeldAmend { order_id, account, client_order_id, symbol, price, quantity, reduce_by };
                self.apply(time, held.into())
            }
            Record::CancelOrder(r) => {
                let (order_id, symbol) = (self.named(&r.orig_client_order_id, &r.client_order_id), self.symbol.clone());
                let (account, client_order_id) = (r.account, r.client_order_id);
                self.apply(time, HeldCancel { order_id, account, client_order_id, symbol }.into())
            }
            other if topic == Topic::Control || matches!(other, Record::Clock(_)) => self.apply(time, other),
            _ => Ok(()),
        }
    }

    /// The order as holds would pass it on; it counts orders as holds does.
    fn held(&mut self, order: PlaceOrder) -> HeldOrder {
        let order_id = OrderId::new(self.partition, self.placed.len() as u64 + 1);
        let event = order_and_event(&order.client_order_id).map_or(0, |(_, event)| event);
        self.placed.push((order.client_order_id.clone(), event));
        self.numbers.insert(order.client_order_id, order_id);
        HeldOrder {
            order_id,
            account: order.account,
            symbol: order.symbol,
            side: order.side,
            order_type: order.order_type,
            time_in_force: order.time_in_force,
            post_only: order.post_only,
            self_match_prevention: order.self_match_prevention,
            price: order.price,
            quantity: order.quantity,
            amount: order.amount,
            maker_fee_ppm: self.rates.0,
            taker_fee_ppm: self.rates.1,
        }
    }

    /// The number of the order that a command names; its trades from here on belong to the command's event.
    fn named(&mut self, order: &ClientId, command: &ClientId) -> OrderId {
        let order_id = self.numbers[order];
        if let Some((_, event)) = order_and_event(command) {
            self.placed[order_id.count() as usize - 1].1 = event;
        }
        order_id
    }

    fn apply(&mut self, time: Timestamp, record: Record) -> Result<(), FeedError> {
        let value = hoga_schemas::encode(&record);
        let input = Input {
            offset: self.offset,
            time,
            append_time: time,
            key: self.symbol.as_str().as_bytes(),
            value: &value,
            body: Body::Record(&record),
        };
        self.offset += 1;
        self.machine.apply(&input, &mut self.effects).map_err(|stop| FeedError::Oracle(stop.to_string()))?;
        for effect in self.effects.drain() {
            if let Record::Execution(execution) = &effect.record {
                self.fills.push(fill(execution, &self.placed));
            }
        }
        Ok(())
    }
}

fn fill(execution: &Execution, placed: &[(ClientId, u64)]) -> Fill {
    let (maker, _) = &placed[execution.maker_order_id.count() as usize - 1];
    let (taker, event) = &placed[execution.taker_order_id.count() as usize - 1];
    Fill {
        event: *event,
        maker: maker.clone(),
        taker: taker.clone(),
        taker_side: execution.taker_side,
        price: execution.price,
        quantity: execution.quantity,
        maker_fee: execution.maker_fee,
        taker_fee: execution.taker_fee,
    }
}
