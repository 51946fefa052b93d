//! Finds an order by its number, or by account and client order id, and the events that tell its life.
//!
//! Invariants:
//! 1. A client order id may name several orders, one after the other: the newest that was not refused is meant, and the
//!    others are named.
//! 2. An order that is in no event is not unknown yet: it may stand in `orders`, or have become a dead letter.

use super::{MAX_STEPS, Place, Search, Step};
use crate::exit::Failure;
use crate::reading;
use hoga_core::records::{CommandRefused, OrderEvent, OrderEventKind, OrderStatus};
use hoga_core::{AccountId, ClientId, OrderId, Record, Symbol, Topic};
use hoga_topics::TopicPartition;
use std::collections::BTreeMap;

/// Orders of one name that are told.
const NAMESAKES: usize = 100;

/// How an order is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// By its number.
    Number(OrderId),
    /// By whoever placed it.
    Named(AccountId, ClientId),
}

/// An order, and its events.
#[derive(Debug)]
pub struct Order {
    /// Its number; none if it was refused before it got one.
    pub id: Option<OrderId>,
    /// Whose.
    pub account: AccountId,
    /// Its name.
    pub client_order_id: ClientId,
    /// What is traded.
    pub symbol: Symbol,
    /// Its state after the newest event.
    pub status: OrderStatus,
    /// Its events and refused commands on it, in their order.
    pub events: Vec<Step>,
    /// Other orders of its name, and how they began.
    pub namesakes: Vec<(Option<OrderId>, OrderEventKind)>,
}

impl Order {
    /// Whether a record in `orders`, `accounts` or `books` is about it.
    pub fn owns(&self, record: &Record) -> bool {
        let command = |account: &AccountId, id: &ClientId| *account == self.account && *id == self.client_order_id;
        match record {
            Record::PlaceOrder(order) => command(&order.account, &order.client_order_id),
            Record::AmendOrder(amend) => command(&amend.account, &amend.orig_client_order_id),
            Record::ReduceOrder(reduce) => command(&reduce.account, &reduce.orig_client_order_id),
            Record::CancelOrder(cancel) => command(&cancel.account, &cancel.orig_client_order_id),
            Record::SettlementLeg(leg) => Some(leg.order_id) == self.id,
            Record::BookAnswer(answer) => Some(answer.order_id) == self.id,
            Record::HeldOrder(held) => Some(held.order_id) == self.id,
            Record::HeldAmend(held) => Some(held.order_id) == self.id,
            Record::HeldCancel(held) => Some(held.order_id) == self.id,
            _ => false,
        }
    }
}

fn is_closed(status: OrderStatus) -> bool {
    !matches!(status, OrderStatus::Pending | OrderStatus::New | OrderStatus::PartiallyFilled)
}

impl Search<'_> {
    /// Finds an order.
    pub fn order(&mut self, wanted: &Wanted) -> Result<Order, Failure> {
        match wanted {
            Wanted::Number(id) => {
                for at in self.events_of(*id) {
                    if let Some(order) = self.life(at, |event| event.order_id == Some(*id), Vec::new())? {
                        return Ok(order);
                    }
                }
                Err(self.unknown(&format!("there is no order {id}")))
            }
            Wanted::Named(account, name) => self.named(account, name),
        }
    }

    /// Where the events of an order may stand: accounts of its partition have theirs in the partition of the same
    /// number, unless the topics have not as many.
    fn events_of(&self, id: OrderId) -> Vec<TopicPartition> {
        let all = self.log.partitions(Topic::OrderEvents);
        let same = all == self.log.partitions(Topic::Accounts);
        let partitions = (0..all).filter(|partition| !same || *partition == id.partition());
        partitions.map(|partition| TopicPartition::new(Topic::OrderEvents, partition)).collect()
    }

    fn named(&mut self, account: &AccountId, name: &ClientId) -> Result<Order, Failure> {
        let at = self.by_key(Topic::OrderEvents, account.as_str());
        let ours = |event: &OrderEvent| event.account == *account && event.client_order_id == *name;
        let mut namesakes = BTreeMap::<Option<OrderId>, OrderEventKind>::new();
        self.each(at, |accepted, frame| {
            if let Record::OrderEvent(event) = reading::decode(at, accepted.offset, frame)?
                && ours(&event)
            {
                namesakes.entry(event.order_id).or_insert(event.event);
                if namesakes.len() > NAMESAKES {
                    namesakes.pop_first();
                }
            }
            Ok(())
        })?;
        // Numbers count up: the last is the newest.
        let newest = |placed: bool| {
            let mut kept = namesakes.iter().filter(|(_, began)| !placed || **began != OrderEventKind::Rejected);
            kept.next_back().map(|(id, _)| *id)
        };
        let Some(id) = newest(true).or_else(|| newest(false)) else { return Err(self.not_answered(account, name)?) };
        namesakes.remove(&id);
        let others = namesakes.into_iter().collect();
        let found = self.life(at, |event| event.order_id == id && ours(event), others)?;
        found.ok_or_else(|| self.unknown(&format!("account {account} has no order {name}")))
    }

    /// The events of the order that is wanted, up to the one that closes it.
    fn life(
        &mut self,
        at: TopicPartition,
        wanted: impl Fn(&OrderEvent) -> bool,
        namesakes: Vec<(Option<OrderId>, OrderEventKind)>,
    ) -> Result<Option<Order>, Failure> {
        let mut found: Option<Order> = None;
        let mut namesakes = Some(namesakes);
        self.each(at, |accepted, frame| {
            if found.as_ref().is_some_and(|order| is_closed(order.status)) {
                return Ok(());
            }
            let step = Step::new(at, accepted.offset, accepted.time, frame)?;
            match &step.record {
                Record::OrderEvent(event) if wanted(event) => {
                    let order = found.get_or_insert_with(|| Order {
                        id: event.order_id,
                        account: event.account.clone(),
                        client_order_id: event.client_order_id.clone(),
                        symbol: event.symbol.clone(),
                        status: event.status,
                        events: Vec::new(),
                        namesakes: namesakes.take().unwrap_or_default(),
                    });
                    order.status = event.status;
                    order.events.push(step);
                }
                Record::CommandRefused(CommandRefused { account, orig_client_order_id: Some(orig), .. }) => {
                    if let Some(order) = &mut found
                        && *account == order.account
                        && *orig == order.client_order_id
                    {
                        order.events.push(step);
                    }
                }
                _ => {}
            }
            match found.as_ref().is_some_and(|order| order.events.len() > MAX_STEPS) {
                true => Err(Failure::Refused(format!("the order has more than {MAX_STEPS} events"))),
                false => Ok(()),
            }
        })?;
        Ok(found)
    }

    /// Why an order that holds has not answered is not in `order-events`.
    fn not_answered(&mut self, account: &AccountId, name: &ClientId) -> Result<Failure, Failure> {
        let at = self.by_key(Topic::Orders, account.as_str());
        let mut stands: Option<u64> = None;
        self.each(at, |accepted, frame| {
            // What does not decode is admission's to judge.
            if let Ok(Record::PlaceOrder(order)) = hoga_schemas::decode(frame)
                && order.account == *account
                && order.client_order_id == *name
            {
                stands = Some(accepted.offset);
            }
            Ok(())
        })?;
        let Some(offset) = stands else {
            return Ok(self.unknown(&format!("account {account} has no order {name}")));
        };
        Ok(Failure::Refused(match self.dead_letter((at, offset))? {
            Some(((letters, stands), reason)) => {
                format!(
                    "order {name} of account {account} stands in {at}@{offset} and became a dead letter ({letters}@{stands}): {reason}"
                )
            }
            None => format!(
                "order {name} of account {account} stands in {at}@{offset}, and holds has not answered it yet: is `hoga up` (or `hoga run`) at work?"
            ),
        }))
    }

    /// The dead letter of a record, and what it says.
    fn dead_letter(&mut self, (of, offset): Place) -> Result<Option<(Place, String)>, Failure> {
        let at = TopicPartition::new(Topic::DeadLetters, 0);
        let mut found = None;
        self.each(at, |accepted, frame| {
            if let Record::DeadLetter(letter) = reading::decode(at, accepted.offset, frame)?
                && (letter.topic.as_str(), letter.partition, letter.offset) == (of.topic.name(), of.partition, offset)
            {
                found = Some(((at, accepted.offset), letter.reason));
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// Nothing was found; where something is cut it may have been there.
    fn unknown(&self, what: &str) -> Failure {
        if self.cut.is_empty() {
            let way_out =
                "orders are named as in `hoga tail order-events`, for example 2-1, or by account and client order id";
            return Failure::Refused(format!("{what}; {way_out}"));
        }
        let cut: Vec<String> = self.cut.iter().map(ToString::to_string).collect();
        Failure::NotCovered(format!("{what} in what is left: the beginning of {} is cut", cut.join(", ")))
    }
}
