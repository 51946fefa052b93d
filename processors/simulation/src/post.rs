//! What producers and the operator send, as records.

use crate::script::Post;
use hoga_core::records::{
    AmendOrder, AssetListing, CancelOrder, Deposit, FeeSchedule, InstrumentListing, PhaseChange, PlaceOrder,
    ReduceOrder, Tick, Withdrawal,
};
use hoga_core::{AccountId, AssetCode, ClientId, Decimal, Record, Symbol, Timestamp, Topic};

/// A command, ready to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Letter {
    pub topic: Topic,
    pub key: String,
    pub value: Vec<u8>,
}

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap_or_else(|error| panic!("{text:?} in a script: {error}"))
}

fn some(text: &Option<String>) -> Option<Decimal> {
    text.as_deref().map(decimal)
}

impl Post {
    /// The record that is sent at `now`.
    pub(crate) fn letter(&self, now: Timestamp) -> Letter {
        if let Self::Junk { account, bytes } = self {
            return Letter { topic: Topic::Orders, key: account.clone(), value: vec![*bytes; usize::from(*bytes)] };
        }
        let record = self.record(now);
        let topic = match self {
            Self::Deposit { .. } | Self::Withdraw { .. } => Topic::Accounts,
            Self::Asset { .. } | Self::Fees { .. } | Self::List { .. } | Self::Phase { .. } => Topic::Control,
            Self::Tick { .. } => Topic::Ticks,
            _ => Topic::Orders,
        };
        let key = match topic {
            Topic::Control => String::new(),
            Topic::Ticks => record.symbol().map_or(String::new(), ToString::to_string),
            _ => record.account().map_or(String::new(), ToString::to_string),
        };
        Letter { topic, key, value: hoga_schemas::encode(&record) }
    }

    fn record(&self, now: Timestamp) -> Record {
        let id = |text: &String| ClientId::unchecked(text);
        let until = |ms: &i64| now.plus_ms(*ms);
        match self {
            Self::Place { .. } => self.place(now).into(),
            Self::Amend { account, id: own, valid_ms, orig, price, quantity } => AmendOrder {
                account: AccountId::unchecked(account),
                client_order_id: id(own),
                valid_until: until(valid_ms),
                orig_client_order_id: id(orig),
                price: some(price),
                quantity: some(quantity),
            }
            .into(),
            Self::Reduce { account, id: own, valid_ms, orig, quantity } => ReduceOrder {
                account: AccountId::unchecked(account),
                client_order_id: id(own),
                valid_until: until(valid_ms),
                orig_client_order_id: id(orig),
                quantity: decimal(quantity),
            }
            .into(),
            Self::Cancel { account, id: own, valid_ms, orig } => CancelOrder {
                account: AccountId::unchecked(account),
                client_order_id: id(own),
                valid_until: until(valid_ms),
                orig_client_order_id: id(orig),
            }
            .into(),
            Self::Deposit { account, id: own, valid_ms, asset, amount } => Deposit {
                account: AccountId::unchecked(account),
                client_id: id(own),
                valid_until: until(valid_ms),
                asset: AssetCode::unchecked(asset),
                amount: decimal(amount),
            }
            .into(),
            Self::Withdraw { account, id: own, valid_ms, asset, amount } => Withdrawal {
                account: AccountId::unchecked(account),
                client_id: id(own),
                valid_until: until(valid_ms),
                asset: AssetCode::unchecked(asset),
                amount: decimal(amount),
            }
            .into(),
            Self::Asset { id: own, asset, digits } => {
                AssetListing { command_id: id(own), asset: AssetCode::unchecked(asset), digits: *digits }.into()
            }
            Self::Fees { id: own, name, maker_ppm, taker_ppm } => FeeSchedule {
                command_id: id(own),
                name: id(name),
                maker_fee_ppm: *maker_ppm,
                taker_fee_ppm: *taker_ppm,
            }
            .into(),
            Self::List { .. } => self.listing().into(),
            Self::Phase { id: own, symbol, phase } => {
                PhaseChange { command_id: id(own), symbol: Symbol::unchecked(symbol), phase: *phase }.into()
            }
            Self::Tick { symbol, venue, sequence, ago_ms, price, quantity } => Tick {
                symbol: Symbol::unchecked(symbol),
                venue: venue.as_str().into(),
                venue_time: now.plus_ms(-ago_ms),
                receive_time: now,
                venue_sequence: *sequence,
                price: decimal(price),
                quantity: decimal(quantity),
                taker_side: None,
            }
            .into(),
            Self::Junk { .. } => unreachable!("junk is no record"),
        }
    }

    fn place(&self, now: Timestamp) -> PlaceOrder {
        let Self::Place { account, id, valid_ms, symbol, side, order_type, time_in_force, post_only, .. } = self else {
            unreachable!("called for a placement")
        };
        let Self::Place { self_match, price, quantity, amount, .. } = self else { unreachable!("as above") };
        PlaceOrder {
            account: AccountId::unchecked(account),
            client_order_id: ClientId::unchecked(id),
            valid_until: now.plus_ms(*valid_ms),
            symbol: Symbol::unchecked(symbol),
            side: *side,
            order_type: *order_type,
            time_in_force: *time_in_force,
            post_only: *post_only,
            self_match_prevention: *self_match,
            price: some(price),
            quantity: some(quantity),
            amount: some(amount),
        }
    }

    fn listing(&self) -> InstrumentListing {
        let Self::List { id, symbol, base, quote, tick, lot, min_notional, min_price, max_price, fees } = self else {
            unreachable!("called for a listing")
        };
        InstrumentListing {
            command_id: ClientId::unchecked(id),
            symbol: Symbol::unchecked(symbol),
            base: AssetCode::unchecked(base),
            quote: AssetCode::unchecked(quote),
            tick: decimal(tick),
            lot: decimal(lot),
            min_notional: decimal(min_notional),
            min_price: some(min_price),
            max_price: some(max_price),
            fee_schedule: ClientId::unchecked(fees),
            utc_offset_min: 540,
        }
    }
}
