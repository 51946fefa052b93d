//! An order as its account knows it, and what it must hold.

use crate::auditor::terms::{Fees, Terms};
use hoga_core::records::{OrderEvent, OrderEventKind, OrderStatus, OrderType, Side, TimeInForce};
use hoga_core::{AccountId, AssetCode, ClientId, Decimal, OrderId, Symbol, Timestamp};

/// What a command that the book has not answered asks for, in counts of 10⁻¹⁰.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked {
    Amend { price: Option<i128>, total: Option<i128> },
    Reduce(i128),
    Cancel,
}

#[derive(Debug, Clone)]
pub(super) struct Order {
    pub id: OrderId,
    pub account: AccountId,
    pub client_id: ClientId,
    pub symbol: Symbol,
    pub side: Side,
    pub order_type: OrderType,
    pub time_in_force: TimeInForce,
    /// What it pays with, and that asset's digits.
    pub pays: AssetCode,
    pub price: Option<i128>,
    pub total: Option<i128>,
    /// What a market buy may spend, or a market sell must bring, in minor units of the quote.
    pub amount: Option<i128>,
    pub status: OrderStatus,
    pub filled: i128,
    pub filled_amount: i128,
    pub fees: Fees,
    pub maker_ppm: u32,
    pub taker_ppm: u32,
    /// In minor units of what it pays with.
    pub held: i128,
    pub pending: Vec<(ClientId, Asked)>,
}

impl Order {
    pub fn is_open(&self) -> bool {
        matches!(self.status, OrderStatus::Pending | OrderStatus::New | OrderStatus::PartiallyFilled)
    }

    /// What is open of its total; none for a market buy by amount.
    pub fn open(&self) -> Option<i128> {
        self.total.map(|total| (total - self.filled).max(0))
    }

    pub fn cancel_pending(&self) -> bool {
        self.pending.iter().any(|(_, asked)| *asked == Asked::Cancel)
    }

    /// Prices and totals that pending amends ask for.
    fn amends(&self) -> Vec<(Option<i128>, Option<i128>)> {
        let amends = self.pending.iter().filter_map(|(_, asked)| match asked {
            Asked::Amend { price, total } => Some((price.or(self.price), total.or(self.total))),
            _ => None,
        });
        amends.collect()
    }

    /// What it must hold so that nothing that the book may still do with it costs more (decision 0015).
    pub fn need(&self, terms: &Terms) -> i128 {
        if !self.is_open() {
            return 0;
        }
        let open_of = |total: Option<i128>| (total.unwrap_or_default() - self.filled).max(0);
        let amends = self.amends();
        let most_open = amends.iter().map(|(_, total)| open_of(*total)).chain([open_of(self.total)]).max();
        let most_open = most_open.unwrap_or_default();
        if self.side == Side::Sell {
            return terms.base(most_open);
        }
        let Some(price) = self.price else {
            return self.amount.unwrap_or_default() - self.filled_amount - self.fees.charged;
        };
        let now = terms.notional(price, open_of(self.total));
        let notional = match amends.as_slice() {
            [] => now,
            // It may fill at the old price first and go on at the new one for what the new total leaves.
            [(new_price, new_total)] => {
                let (new_price, new_open) = (new_price.unwrap_or(price), open_of(*new_total));
                let grown = (new_open - open_of(self.total)).max(0);
                let then = terms.notional(new_price, new_open);
                now.max(then).max(now + terms.notional(new_price, grown))
            }
            many => {
                let highest = many.iter().filter_map(|(price, _)| *price).chain([price]).max().unwrap_or(price);
                terms.notional(highest, most_open)
            }
        };
        notional + self.fees.due(notional, self.maker_ppm.max(self.taker_ppm))
    }

    /// The order's event after a step.
    pub fn event(&self, terms: &Terms, now: i64, event: OrderEventKind) -> OrderEvent {
        let unit = match self.side {
            Side::Buy => super::minor(terms.quote_digits),
            Side::Sell => super::minor(terms.base_digits),
        };
        OrderEvent {
            account: self.account.clone(),
            order_id: Some(self.id),
            client_order_id: self.client_id.clone(),
            symbol: self.symbol.clone(),
            time: Timestamp(now),
            event,
            status: self.status,
            reason: None,
            detail: None,
            command_id: None,
            side: self.side,
            order_type: self.order_type,
            time_in_force: self.time_in_force,
            price: self.price.map(Decimal),
            quantity: self.total.map(Decimal),
            amount: self.amount.map(|units| terms.quote_decimal(units)),
            filled: Decimal(self.filled),
            filled_amount: terms.quote_decimal(self.filled_amount),
            fee: terms.quote_decimal(self.fees.charged),
            held: Decimal(self.held * unit),
            fill: None,
        }
    }
}
