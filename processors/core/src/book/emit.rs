//! What matching says, in integers, and who is told; and as records, with names and decimals put on.
//!
//! Invariants:
//! 1. A trade becomes its execution, then the maker's leg, then the taker's; all name the same trade.
//! 2. Trade ids count 1, 2, 3 in the partition.
//! 3. What is said does not depend on who is told.

use crate::book::LevelTotal;
use crate::book::events::{Answer, Leaves, Party, Trade};
use crate::book::order::AccountIndex;
use crate::ids::{AccountId, ClientId, TradeId};
use crate::instrument::Instrument;
use crate::machine::{Effects, Topic};
use crate::money::{Amount, DECIMAL_MAX, Decimal};
use crate::records::{BookAnswer, DepthLevel, DepthUpdate, Execution, Liquidity, SettlementLeg, Side};
use crate::time::Timestamp;
use rustc_hash::FxHashMap;

/// Account names and their indices. Indices follow the order of arrival and never leave the machine.
#[derive(Debug, Default)]
pub struct Accounts {
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

/// Who is told what matching says.
pub trait MatchingOut {
    /// A trade.
    fn trade(&mut self, names: &Names<'_>, trade: &Trade, trade_id: TradeId);
    /// An answer; `asked` is the command that it answers.
    fn answer(&mut self, names: &Names<'_>, answer: &Answer, asked: Option<&ClientId>);
    /// An answer to what names an unknown symbol.
    fn unknown(&mut self, answer: BookAnswer);
    /// Changed levels of a symbol, or a snapshot of them.
    fn depth(&mut self, names: &Names<'_>, depth: &Levels<'_>);
    /// How many records what was said is: three for a trade.
    fn records(&self) -> usize;
}

/// Levels of a symbol: those that changed, or all.
pub struct Levels<'a> {
    /// Counts 1, 2, 3 in the symbol.
    pub sequence: u64,
    /// Whether these are all levels.
    pub snapshot: bool,
    /// Best first.
    pub bids: &'a [LevelTotal],
    /// Best first.
    pub asks: &'a [LevelTotal],
}

/// What the integers of one instrument's events mean.
pub struct Names<'a> {
    pub(super) instrument: &'a Instrument,
    pub(super) accounts: &'a Accounts,
    pub(super) time: Timestamp,
}

impl MatchingOut for Effects {
    fn trade(&mut self, names: &Names<'_>, trade: &Trade, trade_id: TradeId) {
        self.emit(Topic::Executions, names.execution(trade, trade_id));
        let maker_side = trade.taker_side.opposite();
        self.emit(Topic::Accounts, names.leg(trade, trade_id, &trade.maker, maker_side, Liquidity::Maker));
        self.emit(Topic::Accounts, names.leg(trade, trade_id, &trade.taker, trade.taker_side, Liquidity::Taker));
    }

    fn answer(&mut self, names: &Names<'_>, answer: &Answer, asked: Option<&ClientId>) {
        self.emit(Topic::Accounts, names.answer(answer, asked));
    }

    fn unknown(&mut self, answer: BookAnswer) {
        self.emit(Topic::Accounts, answer);
    }

    fn depth(&mut self, names: &Names<'_>, depth: &Levels<'_>) {
        self.emit(Topic::Depth, names.depth(depth));
    }

    fn records(&self) -> usize {
        self.len()
    }
}

impl Names<'_> {
    fn execution(&self, trade: &Trade, trade_id: TradeId) -> Execution {
        Execution {
            symbol: self.instrument.symbol.clone(),
            trade_id,
            time: self.time,
            price: self.instrument.price_decimal(trade.price),
            quantity: self.instrument.quantity_decimal(trade.quantity),
            taker_side: trade.taker_side,
            maker_order_id: trade.maker.order,
            taker_order_id: trade.taker.order,
            maker_account: self.accounts.name(trade.maker.account).clone(),
            taker_account: self.accounts.name(trade.taker.account).clone(),
            maker_fee: self.instrument.quote_decimal(Amount(trade.maker.fee)),
            taker_fee: self.instrument.quote_decimal(Amount(trade.taker.fee)),
        }
    }

    fn leg(&self, trade: &Trade, trade_id: TradeId, party: &Party, side: Side, liquidity: Liquidity) -> SettlementLeg {
        SettlementLeg {
            account: self.accounts.name(party.account).clone(),
            order_id: party.order,
            symbol: self.instrument.symbol.clone(),
            trade_id,
            side,
            liquidity,
            price: self.instrument.price_decimal(trade.price),
            quantity: self.instrument.quantity_decimal(trade.quantity),
            fee: self.instrument.quote_decimal(Amount(party.fee)),
            leaves: self.leaves(party.leaves),
        }
    }

    fn answer(&self, answer: &Answer, asked: Option<&ClientId>) -> BookAnswer {
        BookAnswer {
            account: self.accounts.name(answer.account).clone(),
            order_id: answer.order,
            client_order_id: asked.cloned(),
            symbol: self.instrument.symbol.clone(),
            outcome: answer.outcome,
            reason: answer.reason,
            price: answer.price.map(|price| self.instrument.price_decimal(price)),
            quantity: answer.total.map(|total| self.instrument.quantity_decimal(total)),
            leaves: self.leaves(answer.leaves),
        }
    }

    fn leaves(&self, leaves: Leaves) -> Decimal {
        match leaves {
            Leaves::Lots(lots) => self.instrument.quantity_decimal(lots),
            Leaves::Quote(amount) => self.instrument.quote_decimal(amount),
        }
    }

    fn depth(&self, depth: &Levels<'_>) -> DepthUpdate {
        let levels = |of: &[LevelTotal]| of.iter().map(|level| self.level(level)).collect();
        DepthUpdate {
            symbol: self.instrument.symbol.clone(),
            sequence: depth.sequence,
            time: self.time,
            snapshot: depth.snapshot,
            bids: levels(depth.bids),
            asks: levels(depth.asks),
        }
    }

    fn level(&self, level: &LevelTotal) -> DepthLevel {
        // Each order's quantity has a decimal; only a sum of several at the end of the range has none, and is cut.
        let quantity = level.lots.saturating_mul(self.instrument.lot.0).min(DECIMAL_MAX);
        DepthLevel {
            price: self.instrument.price_decimal(level.price),
            quantity: Decimal(quantity),
            orders: level.orders,
        }
    }
}
