//! A book without a queue, for `random.rs`: it fills, amends and closes orders at random, always within what a book
//! may do. It keeps its own orders from the records that holds sends it, and is ahead of holds by what is on the way.

use super::model::{Ask, MARKETS, MAX, Order, State, fee_of};
use super::rng::Rng;
use crate::records::*;
use crate::{AccountId, ClientId, Decimal, OrderId, Symbol, TradeId};
use std::collections::{BTreeMap, VecDeque};

#[derive(Default)]
pub struct FakeBook {
    pub orders: BTreeMap<u64, (AccountId, Order)>,
    /// What it says, oldest first.
    pub out: VecDeque<Record>,
    trades: u64,
}

/// A count of ticks or lots as a decimal.
pub fn steps(count: i128, step: &str) -> Decimal {
    Decimal(count * step.parse::<Decimal>().unwrap().0)
}

/// A decimal as a count of ticks or lots.
pub fn count(value: Decimal, step: &str) -> i128 {
    let step: Decimal = step.parse().unwrap();
    assert_eq!(value.0 % step.0, 0, "{value} is no multiple of {step}");
    value.0 / step.0
}

fn quote(order: &Order, units: i128) -> Decimal {
    let digits = super::model::ASSETS[order.market().quote].1;
    Decimal(units * Decimal::from_units(1, digits).0)
}

impl FakeBook {
    /// Takes a record of holds.
    pub fn take(&mut self, record: &Record, rng: &mut Rng) {
        match record {
            Record::HeldOrder(held) => self.place(held, rng),
            Record::HeldAmend(held) => self.amend(held, rng),
            Record::HeldCancel(held) => {
                let id = held.order_id.0;
                match self.orders.contains_key(&id) {
                    true => self.close(id, BookOutcome::Canceled, Reason::Requested, Some(&held.client_order_id)),
                    false => {
                        self.refuse(&held.account, held.order_id, &held.symbol, &held.client_order_id, Reason::NotOpen)
                    }
                }
            }
            other => panic!("not for the book: {other:?}"),
        }
    }

    /// Something happens to a resting order.
    pub fn act(&mut self, rng: &mut Rng) {
        let Some(id) = any(&self.orders, rng) else { return };
        let (open, reasons) = (self.orders[&id].1.open(), [Reason::DayEnd, Reason::SelfMatch]);
        match rng.below(20) {
            0 => self.close(id, BookOutcome::Expired, reasons[0], None),
            1 => self.close(id, BookOutcome::Canceled, reasons[1], None),
            2 | 3 if open > 1 => self.decrement(id, rng),
            _ => self.fill(id, Liquidity::Maker, rng),
        }
    }

    fn place(&mut self, held: &HeldOrder, rng: &mut Rng) {
        let (id, fok) = (held.order_id.0, held.time_in_force == TimeInForce::Fok);
        self.orders.insert(id, (held.account.clone(), order_of(held)));
        let rests = matches!(held.time_in_force, TimeInForce::Gtc | TimeInForce::Day);
        match rng.below(20) {
            0 | 1 => return self.close(id, BookOutcome::Rejected, Reason::Phase, None),
            2 => return self.close(id, BookOutcome::Canceled, Reason::SelfMatch, None),
            3 if rests && self.orders[&id].1.open() > 1 => self.decrement(id, rng),
            4..=12 if fok => self.fill_whole(id),
            4..=12 => (0..rng.between(1, 3)).for_each(|_| self.fill(id, Liquidity::Taker, rng)),
            _ => {}
        }
        let Some((_, order)) = self.orders.get(&id) else { return };
        if !rests {
            let reason = if fok { Reason::NotFillable } else { Reason::NoLiquidity };
            self.close(id, BookOutcome::Expired, reason, None);
        } else if order.filled == 0 {
            self.answer(id, BookOutcome::Accepted, None, None);
        }
    }

    fn amend(&mut self, held: &HeldAmend, rng: &mut Rng) {
        let (id, command) = (held.order_id.0, Some(&held.client_order_id));
        let Some((_, order)) = self.orders.get_mut(&id) else {
            return self.refuse(&held.account, held.order_id, &held.symbol, &held.client_order_id, Reason::NotOpen);
        };
        if rng.percent(15) {
            return self.refuse(&held.account, held.order_id, &held.symbol, &held.client_order_id, Reason::Phase);
        }
        let market = order.market();
        if let Some(by) = held.reduce_by {
            let by = count(by, market.lot);
            if by >= order.open() {
                return self.close(id, BookOutcome::Canceled, Reason::Requested, command);
            }
            order.total = order.total.map(|total| total - by);
            return self.answer(id, BookOutcome::Amended, None, command);
        }
        let total = held.quantity.map(|value| count(value, market.lot));
        if total.is_some_and(|total| total <= order.filled) {
            return self.close(id, BookOutcome::Canceled, Reason::AmendedToFilled, command);
        }
        order.total = total.or(order.total);
        order.price = held.price.map(|value| count(value, market.tick)).or(order.price);
        self.answer(id, BookOutcome::Amended, None, command);
        if rng.percent(30) {
            self.fill(id, Liquidity::Taker, rng);
        }
    }

    fn decrement(&mut self, id: u64, rng: &mut Rng) {
        let order = &mut self.orders.get_mut(&id).unwrap().1;
        let by = rng.between(1, order.open() - 1);
        order.total = order.total.map(|total| total - by);
        self.answer(id, BookOutcome::Decremented, Some(Reason::SelfMatch), None);
    }

    fn fill(&mut self, id: u64, liquidity: Liquidity, rng: &mut Rng) {
        let Some((_, order)) = self.orders.get(&id) else { return };
        let price = match (order.price, order.buy) {
            (Some(limit), true) => rng.between((limit - limit / 4).max(1), limit),
            (Some(limit), false) => rng.between(limit, limit + limit / 4),
            (None, _) => rng.between(1, 200),
        };
        // The other side holds the quantity and can pay the notional, so both fit.
        let most = (MAX / order.notional(price, 1)).min(MAX / order.market().lot_value);
        let lots = match order.total {
            Some(_) => order.open().min(most),
            None => affordable(order, price).min(most),
        };
        if lots > 0 {
            let lots = if rng.percent(30) { lots } else { rng.between(1, lots) };
            self.trade(id, price, lots, liquidity, rng.percent(30));
        }
    }

    /// A fill or kill order is filled in one or two trades at a price that it pays; or not at all.
    fn fill_whole(&mut self, id: u64) {
        let order = &self.orders[&id].1;
        let price = order.price.unwrap_or(1);
        let (lots, notional) = (order.open(), order.notional(price, order.open()));
        let pays = order.amount.is_none_or(|amount| notional + order.fee(notional, order.rates.1) <= amount);
        if notional > MAX || (order.buy && !pays) {
            return;
        }
        if lots > 1 {
            self.trade(id, price, lots / 2, Liquidity::Taker, false);
        }
        self.trade(id, price, lots - lots / 2, Liquidity::Taker, false);
    }

    /// `last`: a buy by amount pays for no further lot.
    fn trade(&mut self, id: u64, price: i128, lots: i128, liquidity: Liquidity, last: bool) {
        self.trades += 1;
        let (account, order) = self.orders.get_mut(&id).unwrap();
        let (market, rate) =
            (order.market(), if liquidity == Liquidity::Maker { order.rates.0 } else { order.rates.1 });
        let notional = order.notional(price, lots);
        let fee = order.fee(notional, rate);
        order.filled += lots;
        order.spent += notional;
        order.fee_numerator += notional * i128::from(rate);
        let leaves = match order.total {
            Some(_) => steps(order.open(), market.lot),
            None if last => Decimal::ZERO,
            None => quote(order, order.unspent()),
        };
        let leg = SettlementLeg {
            account: account.clone(),
            order_id: OrderId(id),
            symbol: Symbol::unchecked(market.symbol),
            trade_id: TradeId::new(0, self.trades),
            side: if order.buy { Side::Buy } else { Side::Sell },
            liquidity,
            price: steps(price, market.tick),
            quantity: steps(lots, market.lot),
            fee: quote(order, fee),
            leaves,
        };
        self.out.push_back(leg.into());
        if leaves == Decimal::ZERO {
            self.orders.remove(&id);
        }
    }

    fn close(&mut self, id: u64, outcome: BookOutcome, reason: Reason, command: Option<&ClientId>) {
        self.answer(id, outcome, Some(reason), command);
        self.orders.remove(&id);
    }

    fn answer(&mut self, id: u64, outcome: BookOutcome, reason: Option<Reason>, command: Option<&ClientId>) {
        let (account, order) = &self.orders[&id];
        let market = order.market();
        let answer = BookAnswer {
            account: account.clone(),
            order_id: OrderId(id),
            client_order_id: command.cloned(),
            symbol: Symbol::unchecked(market.symbol),
            outcome,
            reason,
            price: order.price.map(|price| steps(price, market.tick)),
            quantity: order.total.map(|total| steps(total, market.lot)),
            leaves: order.total.map_or(Decimal::ZERO, |_| steps(order.open(), market.lot)),
        };
        self.out.push_back(answer.into());
    }

    fn refuse(&mut self, account: &AccountId, order_id: OrderId, symbol: &Symbol, command: &ClientId, reason: Reason) {
        let answer = BookAnswer {
            account: account.clone(),
            order_id,
            client_order_id: Some(command.clone()),
            symbol: symbol.clone(),
            outcome: BookOutcome::Refused,
            reason: Some(reason),
            price: None,
            quantity: None,
            leaves: Decimal::ZERO,
        };
        self.out.push_back(answer.into());
    }
}

/// A random order: the first at or after a random id between the first and the last.
pub fn any<T>(orders: &BTreeMap<u64, T>, rng: &mut Rng) -> Option<u64> {
    let (first, last) = (*orders.first_key_value()?.0, *orders.last_key_value()?.0);
    let from = first + rng.below(last - first + 1);
    orders.range(from..).next().map(|(id, _)| *id)
}

/// The most lots that a buy by amount pays for.
fn affordable(order: &Order, price: i128) -> i128 {
    let mut lots = order.unspent() / order.notional(price, 1);
    let cost = |lots: i128| order.notional(price, lots) + order.fee(order.notional(price, lots), order.rates.1);
    while lots > 0 && cost(lots) > order.unspent() {
        lots -= 1 + lots / 100;
    }
    lots.max(0)
}

fn order_of(held: &HeldOrder) -> Order {
    let market = MARKETS.iter().position(|market| market.symbol == held.symbol.as_str()).unwrap();
    let (tick, lot) = (MARKETS[market].tick, MARKETS[market].lot);
    let unit = Decimal::from_units(1, super::model::ASSETS[MARKETS[market].quote].1);
    assert_eq!(fee_of(1), 1, "fees are rounded up");
    Order {
        account: 0,
        market,
        name: String::new(),
        buy: held.side == Side::Buy,
        price: held.price.map(|value| count(value, tick)),
        total: held.quantity.map(|value| count(value, lot)),
        amount: held.amount.map(|value| value.0 / unit.0),
        rates: (held.maker_fee_ppm, held.taker_fee_ppm),
        state: State::Open,
        filled: 0,
        spent: 0,
        fee_numerator: 0,
        asks: VecDeque::new(),
        held: 0,
    }
}

/// What a record of holds asks for, as the model keeps it.
pub fn ask_of(record: &Record) -> Option<(u64, String, Ask)> {
    Some(match record {
        Record::HeldAmend(held) => {
            let market = MARKETS.iter().find(|market| market.symbol == held.symbol.as_str()).unwrap();
            let ask = match held.reduce_by {
                Some(by) => Ask::Reduce(count(by, market.lot)),
                None => Ask::Amend {
                    price: held.price.map(|value| count(value, market.tick)),
                    total: held.quantity.map(|value| count(value, market.lot)),
                },
            };
            (held.order_id.0, held.client_order_id.to_string(), ask)
        }
        Record::HeldCancel(held) => (held.order_id.0, held.client_order_id.to_string(), Ask::Cancel),
        _ => return None,
    })
}
