//! Order events: an order's state after a step, in the decimals of its instrument.
//!
//! Invariant: the newest event of an order tells what it holds. So there is a PENDING event with the amend's id when
//! an amend raises the hold, and an AMENDED event with the book's reason when a refusal by the book lowers it again.

use super::Holds;
use super::checks::Refusal;
use super::orders::Order;
use crate::ids::{ClientId, OrderId};
use crate::money::Decimal;
use crate::records::{OrderEvent, OrderEventKind, OrderStatus, PlaceOrder};

impl Holds {
    /// The order's state as an event of that kind.
    pub(super) fn event(&self, order: &Order, event: OrderEventKind) -> OrderEvent {
        let listed = self.listings.get(order.instrument);
        let instrument = &listed.instrument;
        let quote = self.ledger.asset(listed.quote);
        let held_in = self.ledger.asset(listed.pays(order.side));
        OrderEvent {
            account: self.ledger.account(order.account).name.clone(),
            order_id: Some(order.id),
            client_order_id: order.client_id.clone(),
            symbol: instrument.symbol.clone(),
            time: self.time,
            event,
            status: order.status,
            reason: None,
            detail: None,
            command_id: None,
            side: order.side,
            order_type: order.order_type,
            time_in_force: order.time_in_force,
            price: order.price.map(|price| instrument.price_decimal(price)),
            quantity: order.quantity.map(|quantity| instrument.quantity_decimal(quantity)),
            amount: order.amount.map(|amount| instrument.quote_decimal(amount)),
            filled: instrument.quantity_decimal(order.filled),
            filled_amount: quote.decimal(order.filled_amount),
            fee: instrument.quote_decimal(crate::money::Amount(order.fees.charged())),
            held: held_in.decimal(i128::from(order.held)),
            fill: None,
        }
    }

    /// A new order's refusal.
    pub(super) fn rejected(&self, place: &PlaceOrder, order_id: Option<OrderId>, refusal: Refusal) -> OrderEvent {
        OrderEvent {
            account: place.account.clone(),
            order_id,
            client_order_id: place.client_order_id.clone(),
            symbol: place.symbol.clone(),
            time: self.time,
            event: OrderEventKind::Rejected,
            status: OrderStatus::Rejected,
            reason: Some(refusal.reason),
            detail: Some(refusal.detail),
            command_id: None,
            side: place.side,
            order_type: place.order_type,
            time_in_force: place.time_in_force,
            price: place.price,
            quantity: place.quantity,
            amount: place.amount,
            filled: Decimal::ZERO,
            filled_amount: Decimal::ZERO,
            fee: Decimal::ZERO,
            held: Decimal::ZERO,
            fill: None,
        }
    }
}

impl OrderEvent {
    /// With the command that caused it.
    pub(super) fn caused_by(mut self, command: &ClientId) -> Self {
        self.command_id = Some(command.clone());
        self
    }
}
