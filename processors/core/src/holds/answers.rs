//! Answers of the book: accepted, amended, decremented, refused, closed. Here holds go down.
//!
//! Invariants:
//! 1. Commands are answered in the order in which they were sent; what the book says an amend came to is what was
//!    asked for.
//! 2. A closed order's remaining commands can only be refused; with the last answer the order is forgotten.
//!
//! Left out on purpose: fills (`settle.rs`).

use super::Holds;
use super::orders::{Change, Order, Pending};
use crate::instrument::Instrument;
use crate::machine::{Effects, Stop, Topic};
use crate::money::{Decimal, Price, Quantity};
use crate::records::{BookAnswer, BookOutcome, CommandKind, CommandRefused, OrderEventKind, OrderStatus, Reason};

impl Holds {
    /// Takes an answer of the book.
    pub(super) fn answer(&mut self, answer: &BookAnswer, effects: &mut Effects) -> Result<(), Stop> {
        self.take_answer(answer, effects).map_err(|what| {
            let BookAnswer { outcome, order_id, account, symbol, .. } = answer;
            Stop(format!(
                "answer {outcome} for order {order_id} of account {account} in {symbol}: {what}; \
                 it is forged or shows a bug: keep the log and compare the replay of `books` with it"
            ))
        })
    }

    fn take_answer(&mut self, answer: &BookAnswer, effects: &mut Effects) -> Result<(), String> {
        let slot = self.orders.find(answer.order_id).ok_or("there is no such order")?;
        self.check_answer(self.orders.get(slot), answer)?;
        let pending = answer.client_order_id.is_some().then(|| self.orders.get_mut(slot).pending.remove(0));
        match answer.outcome {
            BookOutcome::Accepted => self.accepted(slot, answer, effects),
            BookOutcome::Amended => self.amended(slot, answer, pending, effects),
            BookOutcome::Decremented => self.decremented(slot, answer, effects),
            BookOutcome::Refused => self.refused(slot, answer, pending, effects),
            BookOutcome::Canceled => self.closed(slot, answer, OrderStatus::Canceled, effects),
            BookOutcome::Expired => self.closed(slot, answer, OrderStatus::Expired, effects),
            BookOutcome::Rejected => self.closed(slot, answer, OrderStatus::Rejected, effects),
        }
    }

    fn check_answer(&self, order: &Order, answer: &BookAnswer) -> Result<(), String> {
        let (account, symbol) =
            (&self.ledger.account(order.account).name, &self.listings.get(order.instrument).instrument.symbol);
        if (account, symbol) != (&answer.account, &answer.symbol) {
            return Err(format!("the order is one of {account} in {symbol}"));
        }
        if !order.is_open() && answer.outcome != BookOutcome::Refused {
            return Err(format!("the order is {}", order.status));
        }
        let first = order.pending.first().map(|pending| &pending.client_id);
        match &answer.client_order_id {
            Some(id) if first != Some(id) => {
                let waiting = first.map_or("nothing".into(), |first| format!("{first} first"));
                Err(format!("it answers {id}, but {waiting} waits for an answer"))
            }
            _ => Ok(()),
        }
    }

    fn accepted(&mut self, slot: u32, answer: &BookAnswer, effects: &mut Effects) -> Result<(), String> {
        let order = self.orders.get_mut(slot);
        if order.status != OrderStatus::Pending || answer.client_order_id.is_some() {
            return Err(format!("the order is {} already", order.status));
        }
        order.status = OrderStatus::New;
        effects.emit(Topic::OrderEvents, self.event(self.orders.get(slot), OrderEventKind::New));
        self.check_leaves(slot, answer)
    }

    fn amended(
        &mut self,
        slot: u32,
        answer: &BookAnswer,
        pending: Option<Pending>,
        effects: &mut Effects,
    ) -> Result<(), String> {
        let pending = pending.ok_or("it names no command")?;
        let order = self.orders.get_mut(slot);
        let terms = after(order, &pending.change).ok_or("that command is no amend")?;
        if given(&self.listings.get(order.instrument).instrument, answer) != (terms.0, terms.1) {
            return Err(format!("it says {}, not what was asked for", said(answer)));
        }
        (order.price, order.quantity) = terms;
        self.rehold(slot);
        let event = self.event(self.orders.get(slot), OrderEventKind::Amended);
        effects.emit(Topic::OrderEvents, event.caused_by(&pending.client_id));
        self.check_leaves(slot, answer)
    }

    fn decremented(&mut self, slot: u32, answer: &BookAnswer, effects: &mut Effects) -> Result<(), String> {
        let order = self.orders.get_mut(slot);
        let (_, quantity) = given(&self.listings.get(order.instrument).instrument, answer);
        if quantity.is_none() || quantity >= order.quantity || answer.client_order_id.is_some() {
            return Err(format!("it says {}, which is not less than before", said(answer)));
        }
        order.quantity = quantity;
        self.rehold(slot);
        let mut event = self.event(self.orders.get(slot), OrderEventKind::Amended);
        event.reason = answer.reason;
        effects.emit(Topic::OrderEvents, event);
        self.check_leaves(slot, answer)
    }

    fn refused(
        &mut self,
        slot: u32,
        answer: &BookAnswer,
        pending: Option<Pending>,
        effects: &mut Effects,
    ) -> Result<(), String> {
        let pending = pending.ok_or("it names no command")?;
        let reason = answer.reason.unwrap_or(Reason::Other);
        let order = self.orders.get(slot);
        effects.emit(
            Topic::OrderEvents,
            CommandRefused {
                account: answer.account.clone(),
                client_id: pending.client_id,
                command: match pending.change {
                    Change::Amend { .. } => CommandKind::Amend,
                    Change::Reduce(_) => CommandKind::Reduce,
                    Change::Cancel => CommandKind::Cancel,
                },
                orig_client_order_id: Some(order.client_id.clone()),
                time: self.time,
                reason,
                detail: None,
            },
        );
        if !order.is_open() {
            if order.pending.is_empty() {
                self.orders.remove(slot);
            }
            return Ok(());
        }
        let before = order.held;
        self.rehold(slot);
        let order = self.orders.get(slot);
        if order.held < before {
            let mut event = self.event(order, OrderEventKind::Amended);
            event.reason = Some(reason);
            effects.emit(Topic::OrderEvents, event);
        }
        Ok(())
    }

    fn closed(
        &mut self,
        slot: u32,
        answer: &BookAnswer,
        status: OrderStatus,
        effects: &mut Effects,
    ) -> Result<(), String> {
        let order = self.orders.get_mut(slot);
        if status == OrderStatus::Rejected && order.status != OrderStatus::Pending {
            return Err(format!("the order is {} already", order.status));
        }
        order.status = status;
        self.rehold(slot);
        let mut event = self.event(
            self.orders.get(slot),
            match status {
                OrderStatus::Canceled => OrderEventKind::Canceled,
                OrderStatus::Expired => OrderEventKind::Expired,
                _ => OrderEventKind::Rejected,
            },
        );
        event.reason = answer.reason;
        event.command_id = answer.client_order_id.clone();
        effects.emit(Topic::OrderEvents, event);
        self.close(slot);
        Ok(())
    }

    /// The order is open for what the book says.
    fn check_leaves(&self, slot: u32, answer: &BookAnswer) -> Result<(), String> {
        let order = self.orders.get(slot);
        let open = order.open().map(|open| self.listings.get(order.instrument).instrument.quantity_decimal(open));
        match open {
            Some(open) if open != answer.leaves || open.0 == 0 => {
                Err(format!("it leaves {}, here {open} is open", answer.leaves))
            }
            _ => Ok(()),
        }
    }
}

/// Limit and total after a change; `None` for a cancel.
fn after(order: &Order, change: &Change) -> Option<(Option<Price>, Option<Quantity>)> {
    match *change {
        Change::Amend { price, quantity } => Some((price.or(order.price), quantity.or(order.quantity))),
        Change::Reduce(by) => Some((order.price, order.quantity.map(|total| total.minus(by)))),
        Change::Cancel => None,
    }
}

/// Limit and total that the answer gives; nothing where they are absent or on no tick or lot.
fn given(instrument: &Instrument, answer: &BookAnswer) -> (Option<Price>, Option<Quantity>) {
    let price = answer.price.and_then(|price| instrument.price(price));
    (price, answer.quantity.and_then(|quantity| instrument.quantity(quantity)))
}

/// Limit and total that the answer gives, in words.
fn said(answer: &BookAnswer) -> String {
    let show = |value: Option<Decimal>| value.map_or("none".into(), |value| value.to_string());
    format!("a total of {} at {}", show(answer.quantity), show(answer.price))
}
