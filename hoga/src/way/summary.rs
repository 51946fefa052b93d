//! A record of an order's way in a few words.

use hoga_core::records::{LedgerAccount, OrderEvent, Posting, Side};
use hoga_core::{Decimal, OrderId, Record};

/// What a record says; of an execution, which side the order `id` was on.
pub fn summary(record: &Record, id: Option<OrderId>) -> String {
    let kind = record.kind();
    match record {
        Record::PlaceOrder(r) => {
            format!("{kind} {}: {}", r.client_order_id, terms(r.side, r.quantity, r.price, r.amount))
        }
        Record::AmendOrder(r) => format!("{kind} {}: {}", r.client_order_id, change(r.price, r.quantity)),
        Record::ReduceOrder(r) => format!("{kind} {}: by {}", r.client_order_id, r.quantity),
        Record::CancelOrder(r) => format!("{kind} {}", r.client_order_id),
        Record::HeldOrder(r) => format!("{kind} {}: {}", r.order_id, terms(r.side, r.quantity, r.price, r.amount)),
        Record::HeldAmend(r) => {
            let by = r.reduce_by.map_or_else(|| change(r.price, r.quantity), |by| format!("by {by}"));
            format!("{kind} of {}: {by}", r.order_id)
        }
        Record::HeldCancel(r) => format!("{kind} of {}", r.order_id),
        Record::SettlementLeg(r) => {
            let (side, quantity, price, fee, leaves) = (r.side, r.quantity, r.price, r.fee, r.leaves);
            format!("{kind} of trade {}: {side} {quantity} at {price}, fee {fee}, leaves {leaves}", r.trade_id)
        }
        Record::BookAnswer(r) => {
            let reason = r.reason.map_or_else(String::new, |reason| format!(" ({reason})"));
            format!("{kind}: {}{reason}, leaves {}", r.outcome, r.leaves)
        }
        Record::Execution(r) => {
            let is_maker = Some(r.maker_order_id) == id;
            let (side, other) = if is_maker { ("maker", r.taker_order_id) } else { ("taker", r.maker_order_id) };
            format!("{kind} {}: {} at {}, {side} against order {other}", r.trade_id, r.quantity, r.price)
        }
        Record::OrderEvent(r) => event(r),
        Record::CommandRefused(r) => format!("{} {} refused: {}", r.command, r.client_id, r.reason),
        Record::JournalEntry(r) => {
            let member = r.postings.iter().filter(|posting| posting.ledger == LedgerAccount::Member);
            let lines: Vec<String> = member.map(|Posting { amount, asset, .. }| format!("{amount} {asset}")).collect();
            format!("{kind} {}: {}", r.entry, lines.join(", "))
        }
        _ => kind.to_string(),
    }
}

fn event(event: &OrderEvent) -> String {
    let reason = event.reason.map_or_else(String::new, |reason| format!(" ({reason})"));
    let (what, status, filled, held) = (event.event, event.status, event.filled, event.held);
    // Most events are called as the state that they lead to.
    let state = if what.name() == status.name() { String::new() } else { format!(": {status}") };
    format!("{what}{reason}{state}, filled {filled}, holds {held}")
}

fn terms(side: Side, quantity: Option<Decimal>, price: Option<Decimal>, amount: Option<Decimal>) -> String {
    let mut text = side.to_string();
    for (word, value) in [(" ", quantity), (" at ", price), (" for ", amount)] {
        if let Some(value) = value {
            text += &format!("{word}{value}");
        }
    }
    text
}

fn change(price: Option<Decimal>, quantity: Option<Decimal>) -> String {
    let said = [("price", price), ("quantity", quantity)];
    let said: Vec<String> = said.iter().filter_map(|(what, value)| Some(format!("{what} {}", (*value)?))).collect();
    said.join(", ")
}
