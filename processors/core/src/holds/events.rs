//! What holds says, as records: names and decimals are put on here.
//!
//! Invariant: the newest event of an order tells what it holds. So there is a PENDING event with the amend's id when
//! an amend raises the hold, and an AMENDED event with the book's reason when a refusal by the book lowers it again.

use super::Holds;
use super::checks::Refusal;
use super::orders::{Change, Order};
use super::out::{Entry, Fill, Held, HoldsOut, Names, Step};
use crate::ids::{ClientId, OrderId};
use crate::instrument::Instrument;
use crate::machine::{Effects, Topic};
use crate::money::{Amount, Decimal};
use crate::records::{
    CommandRefused, HeldAmend, HeldCancel, HeldOrder, JournalEntry, OrderEvent, OrderEventKind, OrderFill, OrderStatus,
    PlaceOrder, Posting, SelfMatchPrevention,
};

impl HoldsOut for Effects {
    fn step(&mut self, names: &Names<'_>, step: &Step<'_>) {
        self.emit(Topic::OrderEvents, names.order_event(step));
    }

    fn entry(&mut self, names: &Names<'_>, entry: &Entry<'_>) {
        self.emit(Topic::Journal, names.journal_entry(entry));
    }

    fn held(&mut self, names: &Names<'_>, held: &Held<'_>) {
        match *held {
            Held::Order { order, post_only, self_match_prevention } => {
                self.emit(Topic::Books, names.held_order(order, post_only, self_match_prevention));
            }
            Held::Change { order, command, change: Change::Cancel } => {
                self.emit(Topic::Books, names.held_cancel(order, command));
            }
            Held::Change { order, command, change } => {
                self.emit(Topic::Books, names.held_amend(order, command, change))
            }
        }
    }

    fn rejected(&mut self, event: OrderEvent) {
        self.emit(Topic::OrderEvents, event);
    }

    fn refused(&mut self, refused: CommandRefused) {
        self.emit(Topic::OrderEvents, refused);
    }
}

impl Names<'_> {
    fn order_event(&self, step: &Step<'_>) -> OrderEvent {
        let order = step.order;
        let listed = self.listings.get(order.instrument);
        let instrument = &listed.instrument;
        let quote = self.ledger.asset(listed.quote);
        let held_in = self.ledger.asset(listed.pays(order.side));
        OrderEvent {
            account: self.account(order).clone(),
            order_id: Some(order.id),
            client_order_id: order.client_id.clone(),
            symbol: instrument.symbol.clone(),
            time: self.time,
            event: step.event,
            status: order.status,
            reason: step.reason,
            detail: None,
            command_id: step.command.cloned(),
            side: order.side,
            order_type: order.order_type,
            time_in_force: order.time_in_force,
            price: order.price.map(|price| instrument.price_decimal(price)),
            quantity: order.quantity.map(|quantity| instrument.quantity_decimal(quantity)),
            amount: order.amount.map(|amount| instrument.quote_decimal(amount)),
            filled: instrument.quantity_decimal(order.filled),
            filled_amount: quote.decimal(order.filled_amount),
            fee: instrument.quote_decimal(Amount(order.fees.charged())),
            held: held_in.decimal(i128::from(order.held)),
            fill: step.fill.map(|fill| order_fill(instrument, &fill)),
        }
    }

    fn journal_entry(&self, entry: &Entry<'_>) -> JournalEntry {
        let postings = entry.postings.iter().map(|posted| {
            let asset = self.ledger.asset(posted.asset);
            let (amount, balance) = (asset.decimal(posted.amount), asset.decimal(posted.balance));
            Posting { ledger: posted.ledger, asset: asset.code.clone(), amount, balance }
        });
        JournalEntry {
            account: self.ledger.account(entry.account).name.clone(),
            entry: entry.number,
            time: self.time,
            kind: entry.kind,
            client_id: entry.client_id.cloned(),
            order_id: entry.order_id,
            trade_id: entry.trade_id,
            postings: postings.collect(),
        }
    }

    fn held_order(&self, order: &Order, post_only: bool, self_match_prevention: SelfMatchPrevention) -> HeldOrder {
        let instrument = self.instrument(order);
        HeldOrder {
            order_id: order.id,
            account: self.account(order).clone(),
            symbol: instrument.symbol.clone(),
            side: order.side,
            order_type: order.order_type,
            time_in_force: order.time_in_force,
            post_only,
            self_match_prevention,
            price: order.price.map(|price| instrument.price_decimal(price)),
            quantity: order.quantity.map(|quantity| instrument.quantity_decimal(quantity)),
            amount: order.amount.map(|amount| instrument.quote_decimal(amount)),
            maker_fee_ppm: order.maker_fee_ppm,
            taker_fee_ppm: order.taker_fee_ppm,
        }
    }

    fn held_amend(&self, order: &Order, command: &ClientId, change: &Change) -> HeldAmend {
        let instrument = self.instrument(order);
        let (price, quantity, reduce_by) = match *change {
            Change::Amend { price, quantity } => (price, quantity, None),
            Change::Reduce(by) => (None, None, Some(by)),
            Change::Cancel => unreachable!("a cancel is no amend"),
        };
        HeldAmend {
            order_id: order.id,
            account: self.account(order).clone(),
            client_order_id: command.clone(),
            symbol: instrument.symbol.clone(),
            price: price.map(|price| instrument.price_decimal(price)),
            quantity: quantity.map(|quantity| instrument.quantity_decimal(quantity)),
            reduce_by: reduce_by.map(|by| instrument.quantity_decimal(by)),
        }
    }

    fn held_cancel(&self, order: &Order, command: &ClientId) -> HeldCancel {
        HeldCancel {
            order_id: order.id,
            account: self.account(order).clone(),
            client_order_id: command.clone(),
            symbol: self.instrument(order).symbol.clone(),
        }
    }
}

fn order_fill(instrument: &Instrument, fill: &Fill) -> OrderFill {
    OrderFill {
        trade_id: fill.trade_id,
        liquidity: fill.liquidity,
        price: instrument.price_decimal(fill.price),
        quantity: instrument.quantity_decimal(fill.quantity),
        fee: instrument.quote_decimal(Amount(fill.fee)),
    }
}

impl Holds {
    /// A new order's refusal.
    pub(super) fn rejection(&self, place: &PlaceOrder, order_id: Option<OrderId>, refusal: Refusal) -> OrderEvent {
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
