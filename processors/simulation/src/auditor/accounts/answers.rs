//! Settlement legs and the book's answers: what moves, what is let go, what the account is told.

use super::Accounts;
use super::order::{Asked, Order};
use crate::auditor::Finding;
use crate::auditor::expected::Expected;
use hoga_core::records::{
    BookAnswer, BookOutcome, CommandKind, CommandRefused, JournalKind, LedgerAccount, Liquidity, OrderEvent,
    OrderEventKind, OrderFill, OrderStatus, Reason, SettlementLeg, Side,
};
use hoga_core::{AccountId, ClientId, Decimal, OrderId, Symbol, Timestamp, Topic};

impl Accounts {
    /// The open order that a record of the book is about.
    fn named(&self, id: OrderId, account: &AccountId, symbol: &Symbol) -> Result<&Order, Finding> {
        let order = self.orders.get(&id.0).filter(|o| o.account == *account && o.symbol == *symbol);
        order.ok_or_else(|| self.finding(format!("order {id} of {account} in {symbol} is not known here")))
    }

    /// One side of a trade.
    pub(super) fn settle(&mut self, leg: &SettlementLeg, expected: &mut Expected) -> Result<(), Finding> {
        let order = self.named(leg.order_id, &leg.account, &leg.symbol)?;
        let terms = self.listings[leg.symbol.as_str()].clone();
        let notional = terms.notional(leg.price.0, leg.quantity.0);
        let base = terms.base(leg.quantity.0);
        let ppm = if leg.liquidity == Liquidity::Maker { order.maker_ppm } else { order.taker_ppm };
        let fee = order.fees.due(notional, ppm);
        let paid = if leg.side == Side::Buy { notional + fee } else { base };
        self.check_leg(leg, order, fee, paid, &terms)?;
        let mut order = order.clone();
        if order.status == OrderStatus::Pending {
            order.status = OrderStatus::New;
            self.tell(order.event(&terms, self.now, OrderEventKind::New), expected);
        }
        order.filled += leg.quantity.0;
        order.filled_amount += notional;
        order.fees.charge(notional, ppm);
        let done = leg.leaves.0 == 0;
        order.status = if done { OrderStatus::Filled } else { OrderStatus::PartiallyFilled };
        let rest = order.held - paid;
        order.held = order.need(&terms);
        if order.held > rest {
            return Err(self.finding(format!("order {} would hold {} of the {rest} left", order.id, order.held)));
        }
        let mut event = order.event(&terms, self.now, OrderEventKind::Trade);
        let SettlementLeg { trade_id, liquidity, price, quantity, fee: charged, .. } = *leg;
        event.fill = Some(OrderFill { trade_id, liquidity, price, quantity, fee: charged });
        self.put(order);
        self.book_leg(leg, (notional, base, fee), &terms, expected)?;
        self.tell(event, expected);
        Ok(())
    }

    /// What a leg says is what follows from its order.
    fn check_leg(
        &self,
        leg: &SettlementLeg,
        order: &Order,
        fee: i128,
        paid: i128,
        terms: &crate::auditor::terms::Terms,
    ) -> Result<(), Finding> {
        let who = format!("leg of trade {} for order {}", leg.trade_id, leg.order_id);
        let wrong = |what: String| Err(self.finding(format!("{who}: {what}")));
        if !order.is_open() || order.side != leg.side {
            return wrong(format!("the order is a {} that is {}", order.side, order.status));
        }
        if terms.quote_decimal(fee) != leg.fee {
            return wrong(format!("its fee is {}, by the cumulative rule {}", leg.fee, terms.quote_decimal(fee)));
        }
        if paid > order.held {
            return wrong(format!("it takes {paid} minor units, the order holds {}", order.held));
        }
        let beyond = order.price.is_some_and(|limit| match leg.side {
            Side::Buy => leg.price.0 > limit,
            Side::Sell => leg.price.0 < limit,
        });
        if beyond {
            return wrong(format!("{} is beyond the order's limit", leg.price));
        }
        let leaves = match order.open() {
            Some(open) => Some(Decimal(open - leg.quantity.0)),
            None if leg.leaves.0 == 0 => None,
            None => Some(terms.quote_decimal(order.held - paid)),
        };
        if leaves.is_some_and(|leaves| leaves != leg.leaves || leaves.0 < 0) {
            return wrong(format!("it leaves {}, by its order {}", leg.leaves, leaves.unwrap_or_default()));
        }
        Ok(())
    }

    /// A buyer pays the notional into CLEARING and the fee into FEES and gets the quantity; a seller the other way.
    fn book_leg(
        &mut self,
        leg: &SettlementLeg,
        (notional, base, fee): (i128, i128, i128),
        terms: &crate::auditor::terms::Terms,
        expected: &mut Expected,
    ) -> Result<(), Finding> {
        use LedgerAccount::{Clearing, Fees, Member};
        let (base_asset, quote) = (&terms.listing.base, &terms.listing.quote);
        let sign = if leg.side == Side::Buy { 1 } else { -1 };
        let mut lines = vec![
            (Member, quote.clone(), -sign * notional - fee),
            (Clearing, quote.clone(), sign * notional),
            (Clearing, base_asset.clone(), -sign * base),
            (Member, base_asset.clone(), sign * base),
        ];
        if fee > 0 {
            lines.push((Fees, quote.clone(), fee));
        }
        let (order, trade) = (Some(leg.order_id), Some(leg.trade_id));
        self.book(&leg.account, JournalKind::Trade, None, order, trade, &lines, expected)
    }

    fn tell(&self, event: OrderEvent, expected: &mut Expected) {
        expected.demand(self.channel, self.offset, Topic::OrderEvents, event);
    }

    /// Puts a changed order back; one that closed gives its name free and goes when nothing is on its way.
    fn put(&mut self, order: Order) {
        let was_open = self.orders[&order.id.0].is_open();
        if was_open && !order.is_open() {
            let member = self.members.get_mut(order.account.as_str()).expect("its orders were placed");
            member.open_orders -= 1;
            member.window.ids.get_mut(order.client_id.as_str()).expect("an open order's id is known").open = None;
        }
        if order.is_open() || !order.pending.is_empty() {
            self.orders.insert(order.id.0, order);
        } else {
            self.orders.remove(&order.id.0);
        }
    }

    /// What the book did with an order or a command on it.
    pub(super) fn answer(&mut self, answer: &BookAnswer, expected: &mut Expected) -> Result<(), Finding> {
        let mut order = self.named(answer.order_id, &answer.account, &answer.symbol)?.clone();
        let terms = self.listings[answer.symbol.as_str()].clone();
        let asked = self.answered(answer, &mut order)?;
        let (outcome, now) = (answer.outcome, self.now);
        if !order.is_open() && outcome != BookOutcome::Refused {
            return Err(self.finding(format!("{outcome} for order {}, which is {}", order.id, order.status)));
        }
        let before = order.held;
        let event = match (outcome, asked) {
            (BookOutcome::Accepted, None) if order.status == OrderStatus::Pending => {
                order.status = OrderStatus::New;
                Some(order.event(&terms, now, OrderEventKind::New))
            }
            (BookOutcome::Amended, Some((id, asked))) => {
                match asked {
                    Asked::Amend { price, total } => {
                        (order.price, order.total) = (price.or(order.price), total.or(order.total));
                    }
                    Asked::Reduce(by) => order.total = order.total.map(|total| total - by),
                    Asked::Cancel => return Err(self.finding(format!("order {}: a cancel amended it", order.id))),
                }
                order.held = order.need(&terms);
                Some(OrderEvent { command_id: Some(id), ..order.event(&terms, now, OrderEventKind::Amended) })
            }
            (BookOutcome::Decremented, None) => {
                order.total = answer.quantity.map(|v| v.0);
                order.held = order.need(&terms);
                Some(OrderEvent { reason: answer.reason, ..order.event(&terms, now, OrderEventKind::Amended) })
            }
            (BookOutcome::Refused, Some((id, asked))) => {
                let refused = refused(answer, &order, id, &asked, now);
                expected.demand(self.channel, self.offset, Topic::OrderEvents, refused);
                order.held = order.need(&terms);
                let lowered = order.is_open() && order.held < before;
                let reason = Some(answer.reason.unwrap_or(Reason::Other));
                lowered.then(|| OrderEvent { reason, ..order.event(&terms, now, OrderEventKind::Amended) })
            }
            (BookOutcome::Canceled | BookOutcome::Expired | BookOutcome::Rejected, _) => {
                let (status, kind) = match outcome {
                    BookOutcome::Canceled => (OrderStatus::Canceled, OrderEventKind::Canceled),
                    BookOutcome::Expired => (OrderStatus::Expired, OrderEventKind::Expired),
                    _ => (OrderStatus::Rejected, OrderEventKind::Rejected),
                };
                (order.status, order.held) = (status, 0);
                let (reason, command_id) = (answer.reason, answer.client_order_id.clone());
                Some(OrderEvent { reason, command_id, ..order.event(&terms, now, kind) })
            }
            _ => return Err(self.finding(format!("{outcome} does not answer what order {} asked", order.id))),
        };
        if order.held > before {
            return Err(
                self.finding(format!("{outcome} makes order {} hold {} instead of {before}", order.id, order.held))
            );
        }
        self.check_said(answer, &order)?;
        if let Some(event) = event {
            self.tell(event, expected);
        }
        self.put(order);
        Ok(())
    }

    /// The command that is answered, taken off the order: answers come in the order of the commands.
    fn answered(&self, answer: &BookAnswer, order: &mut Order) -> Result<Option<(ClientId, Asked)>, Finding> {
        let Some(id) = &answer.client_order_id else { return Ok(None) };
        if order.pending.first().is_none_or(|(first, _)| first != id) {
            return Err(self.finding(format!("order {}: {id} is answered, which is not the first to wait", order.id)));
        }
        Ok(Some(order.pending.remove(0)))
    }

    /// Price, total and what is open are what the order has come to.
    fn check_said(&self, answer: &BookAnswer, order: &Order) -> Result<(), Finding> {
        if matches!(answer.outcome, BookOutcome::Amended | BookOutcome::Accepted | BookOutcome::Decremented) {
            let said = (answer.price.map(|v| v.0), answer.quantity.map(|v| v.0), Some(answer.leaves.0));
            let known = (order.price, order.total, order.open());
            if said != known {
                return Err(self.finding(format!("order {}: the book says {said:?}, it is {known:?}", order.id)));
            }
        }
        Ok(())
    }
}

fn refused(answer: &BookAnswer, order: &Order, id: ClientId, asked: &Asked, now: i64) -> CommandRefused {
    CommandRefused {
        account: answer.account.clone(),
        client_id: id,
        command: match asked {
            Asked::Amend { .. } => CommandKind::Amend,
            Asked::Reduce(_) => CommandKind::Reduce,
            Asked::Cancel => CommandKind::Cancel,
        },
        orig_client_order_id: Some(order.client_id.clone()),
        time: Timestamp(now),
        reason: answer.reason.unwrap_or(Reason::Other),
        detail: None,
    }
}
