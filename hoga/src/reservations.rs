//! What an account's open orders hold, as the topic `order-events` tells it.
//!
//! Invariants:
//! 1. Only an order's newest event counts; one that is closed holds nothing.
//! 2. A buy holds the quote of its instrument, a sell the base.
//!
//! Left out on purpose: totals. They are the journal's (`ledger.rs`).

use crate::exit::Failure;
use crate::reading;
use crate::stop::Stop;
use hoga_core::records::Side;
use hoga_core::{AccountId, AssetCode, Decimal, OrderId, Record, Symbol, Topic};
use hoga_topics::{Log, TopicPartition, partitioner};
use std::collections::BTreeMap;

/// What the account holds of each asset; assets of which it holds nothing are not named.
pub fn held(log: &dyn Log, account: &AccountId, stop: &Stop) -> Result<BTreeMap<AssetCode, Decimal>, Failure> {
    let pairs = pairs(log, stop)?;
    let mut held = BTreeMap::<AssetCode, Decimal>::new();
    for (symbol, side, amount) in newest(log, account, stop)?.into_values() {
        let Some((base, quote)) = pairs.get(&symbol) else {
            return Err(Failure::Refused(format!(
                "account {account}: an order of {symbol}, which is not in instruments"
            )));
        };
        let asset = if side == Side::Buy { quote } else { base };
        held.entry(asset.clone()).or_default().0 += amount.0;
    }
    Ok(held)
}

/// Each order of the account that holds something.
fn newest(
    log: &dyn Log,
    account: &AccountId,
    stop: &Stop,
) -> Result<BTreeMap<OrderId, (Symbol, Side, Decimal)>, Failure> {
    let partition = partitioner::partition(account.as_str().as_bytes(), log.partitions(Topic::OrderEvents));
    let at = TopicPartition::new(Topic::OrderEvents, partition);
    let mut orders = BTreeMap::new();
    reading::each(log, at, stop, |accepted, frame| {
        let Record::OrderEvent(event) = reading::decode(at, accepted.offset, frame)? else { return Ok(()) };
        let Some(order_id) = event.order_id.filter(|_| event.account == *account) else { return Ok(()) };
        if event.held == Decimal::ZERO {
            orders.remove(&order_id);
        } else {
            orders.insert(order_id, (event.symbol, event.side, event.held));
        }
        Ok(())
    })?;
    Ok(orders)
}

/// Base and quote of each instrument.
fn pairs(log: &dyn Log, stop: &Stop) -> Result<BTreeMap<Symbol, (AssetCode, AssetCode)>, Failure> {
    let mut pairs = BTreeMap::new();
    for at in reading::partitions(log, Topic::Instruments) {
        reading::each(log, at, stop, |accepted, frame| {
            if let Record::InstrumentListing(listing) = reading::decode(at, accepted.offset, frame)? {
                pairs.insert(listing.symbol, (listing.base, listing.quote));
            }
            Ok(())
        })?;
    }
    Ok(pairs)
}
