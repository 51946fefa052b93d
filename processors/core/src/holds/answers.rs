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
use super::out::{HoldsOut, Step};
use super::replies::Reply;
use crate::book::Leaves;
use crate::ids::ClientId;
use crate::money::{Decimal, Price, Quantity};
use crate::records::{BookOutcome, CommandKind, CommandRefused, OrderEventKind, OrderStatus, Reason};

impl Holds {
    /// Takes an answer of the book; why not, where it does not fit its order.
    pub(super) fn answer(&mut self, reply: &Reply<'_>, out: &mut impl HoldsOut) -> Result<(), String> {
        let slot = self.orders.find(reply.order).ok_or("there is no such order")?;
        check_reply(self.orders.get(slot), reply)?;
        let pending = reply.asked.is_some().then(|| self.orders.get_mut(slot).pending.remove(0));
        match reply.outcome {
            BookOutcome::Accepted => self.accepted(slot, reply, out),
            BookOutcome::Amended => self.amended(slot, reply, pending, out),
            BookOutcome::Decremented => self.decremented(slot, reply, out),
            BookOutcome::Refused => self.refused(slot, reply, pending, out),
            BookOutcome::Canceled => self.closed(slot, reply, OrderStatus::Canceled, out),
            BookOutcome::Expired => self.closed(slot, reply, OrderStatus::Expired, out),
            BookOutcome::Rejected => self.closed(slot, reply, OrderStatus::Rejected, out),
        }
    }

    fn accepted(&mut self, slot: u32, reply: &Reply<'_>, out: &mut impl HoldsOut) -> Result<(), String> {
        let order = self.orders.get_mut(slot);
        if order.status != OrderStatus::Pending || reply.asked.is_some() {
            return Err(format!("the order is {} already", order.status));
        }
        order.status = OrderStatus::New;
        out.step(&self.names(), &Step::new(self.orders.get(slot), OrderEventKind::New));
        self.check_leaves(slot, reply)
    }

    fn amended(
        &mut self,
        slot: u32,
        reply: &Reply<'_>,
        pending: Option<Pending>,
        out: &mut impl HoldsOut,
    ) -> Result<(), String> {
        let pending = pending.ok_or("it names no command")?;
        let order = self.orders.get_mut(slot);
        let terms = after(order, &pending.change).ok_or("that command is no amend")?;
        if (reply.price, reply.total) != terms {
            return Err(format!("it says {}, not what was asked for", self.said(slot, reply)));
        }
        (order.price, order.quantity) = terms;
        self.rehold(slot);
        let step = Step::new(self.orders.get(slot), OrderEventKind::Amended);
        out.step(&self.names(), &Step { command: Some(&pending.client_id), ..step });
        self.check_leaves(slot, reply)
    }

    fn decremented(&mut self, slot: u32, reply: &Reply<'_>, out: &mut impl HoldsOut) -> Result<(), String> {
        let order = self.orders.get_mut(slot);
        if reply.total.is_none() || reply.total >= order.quantity || reply.asked.is_some() {
            return Err(format!("it says {}, which is not less than before", self.said(slot, reply)));
        }
        order.quantity = reply.total;
        self.rehold(slot);
        let step = Step::new(self.orders.get(slot), OrderEventKind::Amended);
        out.step(&self.names(), &Step { reason: reply.reason, ..step });
        self.check_leaves(slot, reply)
    }

    fn refused(
        &mut self,
        slot: u32,
        reply: &Reply<'_>,
        pending: Option<Pending>,
        out: &mut impl HoldsOut,
    ) -> Result<(), String> {
        let pending = pending.ok_or("it names no command")?;
        let reason = reply.reason.unwrap_or(Reason::Other);
        let order = self.orders.get(slot);
        out.refused(CommandRefused {
            account: self.ledger.account(order.account).name.clone(),
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
        });
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
            out.step(&self.names(), &Step { reason: Some(reason), ..Step::new(order, OrderEventKind::Amended) });
        }
        Ok(())
    }

    fn closed(
        &mut self,
        slot: u32,
        reply: &Reply<'_>,
        status: OrderStatus,
        out: &mut impl HoldsOut,
    ) -> Result<(), String> {
        let order = self.orders.get_mut(slot);
        if status == OrderStatus::Rejected && order.status != OrderStatus::Pending {
            return Err(format!("the order is {} already", order.status));
        }
        order.status = status;
        self.rehold(slot);
        let event = match status {
            OrderStatus::Canceled => OrderEventKind::Canceled,
            OrderStatus::Expired => OrderEventKind::Expired,
            _ => OrderEventKind::Rejected,
        };
        let step = Step::new(self.orders.get(slot), event);
        out.step(&self.names(), &Step { reason: reply.reason, command: reply.asked, ..step });
        self.close(slot);
        Ok(())
    }

    /// The order is open for what the book says.
    #[inline]
    fn check_leaves(&self, slot: u32, reply: &Reply<'_>) -> Result<(), String> {
        let order = self.orders.get(slot);
        let Some(open) = order.open() else { return Ok(()) };
        if reply.leaves == Some(Leaves::Lots(open)) && !open.is_zero() {
            return Ok(());
        }
        self.leaves_differ(order, open, reply)
    }

    #[cold]
    fn leaves_differ(&self, order: &Order, open: Quantity, reply: &Reply<'_>) -> Result<(), String> {
        let instrument = &self.listings.get(order.instrument).instrument;
        let said = match reply.leaves {
            Some(Leaves::Lots(lots)) => instrument.quantity_decimal(lots).to_string(),
            Some(Leaves::Quote(_)) | None => "no number of lots".to_owned(),
        };
        Err(format!("it leaves {said}, here {} is open", instrument.quantity_decimal(open)))
    }

    /// Limit and total that the answer gives, in words.
    fn said(&self, slot: u32, reply: &Reply<'_>) -> String {
        let instrument = &self.listings.get(self.orders.get(slot).instrument).instrument;
        let show = |value: Option<Decimal>| value.map_or("none".into(), |value| value.to_string());
        let total = show(reply.total.map(|total| instrument.quantity_decimal(total)));
        format!("a total of {total} at {}", show(reply.price.map(|price| instrument.price_decimal(price))))
    }
}

#[inline]
fn check_reply(order: &Order, reply: &Reply<'_>) -> Result<(), String> {
    if !order.is_open() && reply.outcome != BookOutcome::Refused {
        return Err(format!("the order is {}", order.status));
    }
    let first = order.pending.first().map(|pending| &pending.client_id);
    match reply.asked {
        Some(id) if first != Some(id) => answers_another(id, first),
        _ => Ok(()),
    }
}

#[cold]
fn answers_another(id: &ClientId, first: Option<&ClientId>) -> Result<(), String> {
    let waiting = first.map_or("nothing".into(), |first| format!("{first} first"));
    Err(format!("it answers {id}, but {waiting} waits for an answer"))
}

/// Limit and total after a change; `None` for a cancel.
#[inline]
fn after(order: &Order, change: &Change) -> Option<(Option<Price>, Option<Quantity>)> {
    match *change {
        Change::Amend { price, quantity } => Some((price.or(order.price), quantity.or(order.quantity))),
        Change::Reduce(by) => Some((order.price, order.quantity.map(|total| total.minus(by)))),
        Change::Cancel => None,
    }
}
