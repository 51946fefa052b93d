//! What a book says, as records: names, decimals and trade ids are put on here.
//!
//! Invariants:
//! 1. A trade becomes its execution, then the maker's leg, then the taker's; all name the same trade.
//! 2. Trade ids count 1, 2, 3 in the partition.

use crate::book::events::{Answer, Leaves, Party, Trade};
use crate::book::order::AccountIndex;
use crate::ids::{AccountId, ClientId, TradeId};
use crate::instrument::Instrument;
use crate::machine::{Effects, Topic};
use crate::money::{Amount, Decimal};
use crate::records::{BookAnswer, Execution, Liquidity, SettlementLeg, Side};
use crate::time::Timestamp;
use rustc_hash::FxHashMap;

/// Account names and their indices. Indices follow the order of arrival and never leave the machine.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    names: Vec<AccountId>,
    /// Look-up only, never iterated.
    indices: FxHashMap<AccountId, AccountIndex>,
}

impl Accounts {
    /// The index of a name, a new one if it was never seen.
    pub(super) fn index(&mut self, name: &AccountId) -> AccountIndex {
        if let Some(index) = self.indices.get(name) {
            return *index;
        }
        let index = AccountIndex(u32::try_from(self.names.len()).expect("fewer than 2^32 accounts"));
        self.names.push(name.clone());
        self.indices.insert(name.clone(), index);
        index
    }

    /// The name of an index.
    pub(super) fn name(&self, index: AccountIndex) -> &AccountId {
        &self.names[index.0 as usize]
    }
}

/// What records about one instrument's events need besides the events.
pub(super) struct Names<'a> {
    pub(super) instrument: &'a Instrument,
    pub(super) accounts: &'a Accounts,
    pub(super) time: Timestamp,
}

impl Names<'_> {
    /// An execution and its two legs.
    pub(super) fn trade(&self, trade: &Trade, trade_id: TradeId, effects: &mut Effects) {
        let price = self.instrument.price_decimal(trade.price);
        let quantity = self.instrument.quantity_decimal(trade.quantity);
        effects.emit(
            Topic::Executions,
            Execution {
                symbol: self.instrument.symbol.clone(),
                trade_id,
                time: self.time,
                price,
                quantity,
                taker_side: trade.taker_side,
                maker_order_id: trade.maker.order,
                taker_order_id: trade.taker.order,
                maker_account: self.accounts.name(trade.maker.account).clone(),
                taker_account: self.accounts.name(trade.taker.account).clone(),
                maker_fee: self.instrument.quote_decimal(Amount(trade.maker.fee)),
                taker_fee: self.instrument.quote_decimal(Amount(trade.taker.fee)),
            },
        );
        let leg = |party: &Party, side: Side, liquidity| SettlementLeg {
            account: self.accounts.name(party.account).clone(),
            order_id: party.order,
            symbol: self.instrument.symbol.clone(),
            trade_id,
            side,
            liquidity,
            price,
            quantity,
            fee: self.instrument.quote_decimal(Amount(party.fee)),
            leaves: self.leaves(party.leaves),
        };
        effects.emit(Topic::Accounts, leg(&trade.maker, trade.taker_side.opposite(), Liquidity::Maker));
        effects.emit(Topic::Accounts, leg(&trade.taker, trade.taker_side, Liquidity::Taker));
    }

    /// An answer; `asked` is the command that it answers.
    pub(super) fn answer(&self, answer: &Answer, asked: Option<ClientId>, effects: &mut Effects) {
        effects.emit(
            Topic::Accounts,
            BookAnswer {
                account: self.accounts.name(answer.account).clone(),
                order_id: answer.order,
                client_order_id: asked,
                symbol: self.instrument.symbol.clone(),
                outcome: answer.outcome,
                reason: answer.reason,
                price: answer.price.map(|price| self.instrument.price_decimal(price)),
                quantity: answer.total.map(|total| self.instrument.quantity_decimal(total)),
                leaves: self.leaves(answer.leaves),
            },
        );
    }

    fn leaves(&self, leaves: Leaves) -> Decimal {
        match leaves {
            Leaves::Lots(lots) => self.instrument.quantity_decimal(lots),
            Leaves::Quote(amount) => self.instrument.quote_decimal(amount),
        }
    }
}
