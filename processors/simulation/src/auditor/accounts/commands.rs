//! Commands on an account: what follows from each.

use super::checks::Identity;
use super::order::{Asked, Order};
use super::{Account, Accounts};
use crate::auditor::expected::Expected;
use crate::auditor::window::Use;
use hoga_core::records::{
    AmendOrder, CancelOrder, CommandKind, CommandRefused, Deposit, HeldAmend, HeldCancel, HeldOrder, JournalKind,
    LedgerAccount, OrderEvent, OrderEventKind, OrderStatus, PlaceOrder, Reason, ReduceOrder, Withdrawal,
};
use hoga_core::{AccountId, AssetCode, ClientId, Decimal, OrderId, Timestamp, Topic};

/// An amend, a reduction or a cancel.
pub(super) struct Change<'a> {
    pub account: &'a AccountId,
    pub id: &'a ClientId,
    pub valid_until: Timestamp,
    pub orig: &'a ClientId,
    pub asked: Asked,
}

impl<'a> From<&'a AmendOrder> for Change<'a> {
    fn from(r: &'a AmendOrder) -> Self {
        let asked = Asked::Amend { price: r.price.map(|v| v.0), total: r.quantity.map(|v| v.0) };
        let (account, id, orig) = (&r.account, &r.client_order_id, &r.orig_client_order_id);
        Self { account, id, valid_until: r.valid_until, orig, asked }
    }
}

impl<'a> From<&'a ReduceOrder> for Change<'a> {
    fn from(r: &'a ReduceOrder) -> Self {
        let (account, id, orig) = (&r.account, &r.client_order_id, &r.orig_client_order_id);
        Self { account, id, valid_until: r.valid_until, orig, asked: Asked::Reduce(r.quantity.0) }
    }
}

impl<'a> From<&'a CancelOrder> for Change<'a> {
    fn from(r: &'a CancelOrder) -> Self {
        let (account, id, orig) = (&r.account, &r.client_order_id, &r.orig_client_order_id);
        Self { account, id, valid_until: r.valid_until, orig, asked: Asked::Cancel }
    }
}

impl Change<'_> {
    fn kind(&self) -> (CommandKind, Use) {
        match self.asked {
            Asked::Amend { .. } => (CommandKind::Amend, Use::Amend),
            Asked::Reduce(_) => (CommandKind::Reduce, Use::Reduce),
            Asked::Cancel => (CommandKind::Cancel, Use::Cancel),
        }
    }
}

/// A deposit or a withdrawal.
pub(super) struct Transfer<'a> {
    account: &'a AccountId,
    id: &'a ClientId,
    valid_until: Timestamp,
    pub asset: &'a AssetCode,
    pub amount: i128,
    kind: CommandKind,
}

impl<'a> From<&'a Deposit> for Transfer<'a> {
    fn from(r: &'a Deposit) -> Self {
        let (account, id, valid_until) = (&r.account, &r.client_id, r.valid_until);
        Self { account, id, valid_until, asset: &r.asset, amount: r.amount.0, kind: CommandKind::Deposit }
    }
}

impl<'a> From<&'a Withdrawal> for Transfer<'a> {
    fn from(r: &'a Withdrawal) -> Self {
        let (account, id, valid_until) = (&r.account, &r.client_id, r.valid_until);
        Self { account, id, valid_until, asset: &r.asset, amount: r.amount.0, kind: CommandKind::Withdrawal }
    }
}

impl Accounts {
    pub(super) fn place(&mut self, place: &PlaceOrder, expected: &mut Expected) {
        let (account, id) = (place.account.as_str(), place.client_order_id.as_str());
        let identity = Identity { account, id, valid_until: place.valid_until.0, used_for: Use::Place };
        self.open_window(account);
        if self.is_copy(&identity) {
            return;
        }
        let refusal = self.refuse_identity(&identity, 1).or_else(|| self.refuse_place(place));
        let number = (refusal != Some(Reason::Late)).then(|| {
            self.numbered += 1;
            OrderId::new(self.partition, self.numbered)
        });
        let (Some(id), None) = (number, refusal) else {
            self.remember_refused(&identity);
            let event = rejected(place, number, refusal, self.now);
            return expected.demand(self.channel, self.offset, Topic::OrderEvents, event);
        };
        let order = self.order_of(id, place);
        let terms = &self.listings[place.symbol.as_str()];
        let event = order.event(terms, self.now, OrderEventKind::Pending);
        expected.demand(self.channel, self.offset, Topic::OrderEvents, event);
        expected.demand(self.channel, self.offset, Topic::Books, held(place, &order));
        let member = self.members.get_mut(account).expect("only members may place");
        member.open_orders += 1;
        member.window.remember(identity.id, identity.valid_until, Use::Place);
        member.window.ids.get_mut(identity.id).expect("just remembered").open = Some(id.0);
        self.orders.insert(id.0, order);
    }

    /// The order that a checked command makes, with its hold.
    pub(super) fn order_of(&self, id: OrderId, place: &PlaceOrder) -> Order {
        use hoga_core::records::Side;
        let terms = &self.listings[place.symbol.as_str()];
        let (maker_ppm, taker_ppm) = self.rates[terms.listing.fee_schedule.as_str()];
        let pays = if place.side == Side::Buy { &terms.listing.quote } else { &terms.listing.base };
        let unit = super::minor(terms.quote_digits);
        let mut order = Order {
            id,
            account: place.account.clone(),
            client_id: place.client_order_id.clone(),
            symbol: place.symbol.clone(),
            side: place.side,
            order_type: place.order_type,
            time_in_force: place.time_in_force,
            pays: pays.clone(),
            price: place.price.map(|v| v.0),
            total: place.quantity.map(|v| v.0),
            amount: place.amount.map(|v| v.0 / unit),
            status: OrderStatus::Pending,
            filled: 0,
            filled_amount: 0,
            fees: Default::default(),
            maker_ppm,
            taker_ppm,
            held: 0,
            pending: Vec::new(),
        };
        order.held = order.need(terms);
        order
    }

    pub(super) fn change(&mut self, change: &Change<'_>, expected: &mut Expected) {
        let (command, used_for) = change.kind();
        let (account, id) = (change.account.as_str(), change.id.as_str());
        let identity = Identity { account, id, valid_until: change.valid_until.0, used_for };
        self.open_window(account);
        if self.is_copy(&identity) {
            return;
        }
        let known = self.window(account).0.ids.get(change.orig.as_str()).map(|known| known.open);
        let target = known.flatten();
        let room = match (&change.asked, known) {
            // The first cancel of an open order passes a full window; one that burns an id needs room for two.
            (Asked::Cancel, Some(Some(order))) if !self.orders[&order].cancel_pending() => 0,
            (Asked::Cancel, None) => 2,
            _ => 1,
        };
        let by_identity = self.refuse_identity(&identity, room);
        let refusal = by_identity.or_else(|| self.refuse_change(change, target));
        if let Some(reason) = refusal {
            self.remember_refused(&identity);
            let not_found = matches!(reason, Reason::UnknownOrder | Reason::UnknownAccount);
            if by_identity.is_none() && not_found && change.asked == Asked::Cancel {
                let (now, limit) = (self.now.max(self.appended), self.window(account).1);
                self.window_mut(account).burn(change.orig.as_str(), now, limit);
            }
            let orig = Some(change.orig.clone());
            let refused = self.refused(change.account, change.id, command, orig, reason);
            return expected.demand(self.channel, self.offset, Topic::OrderEvents, refused);
        }
        self.window_mut(account).remember(id, identity.valid_until, used_for);
        self.send(change, target.expect("an unknown order is refused"), expected);
    }

    /// An accepted change goes to the book; where it may cost more, more is held.
    fn send(&mut self, change: &Change<'_>, order: u64, expected: &mut Expected) {
        let order = self.orders.get_mut(&order).expect("its id names it");
        let terms = &self.listings[order.symbol.as_str()];
        order.pending.push((change.id.clone(), change.asked.clone()));
        let need = order.need(terms);
        if need > order.held && matches!(change.asked, Asked::Amend { .. }) {
            order.held = need;
            let mut event = order.event(terms, self.now, OrderEventKind::Pending);
            event.command_id = Some(change.id.clone());
            expected.demand(self.channel, self.offset, Topic::OrderEvents, event);
        }
        let (order_id, symbol) = (order.id, order.symbol.clone());
        let (account, client_order_id) = (change.account.clone(), change.id.clone());
        let amend =
            HeldAmend { order_id, account, client_order_id, symbol, price: None, quantity: None, reduce_by: None };
        let (to, at) = (Topic::Books, self.offset);
        match change.asked {
            Asked::Amend { price, total } => {
                let (price, quantity) = (price.map(Decimal), total.map(Decimal));
                expected.demand(self.channel, at, to, HeldAmend { price, quantity, ..amend });
            }
            Asked::Reduce(by) => {
                expected.demand(self.channel, at, to, HeldAmend { reduce_by: Some(Decimal(by)), ..amend });
            }
            Asked::Cancel => {
                let HeldAmend { order_id, account, client_order_id, symbol, .. } = amend;
                expected.demand(self.channel, at, to, HeldCancel { order_id, account, client_order_id, symbol });
            }
        }
    }

    pub(super) fn transfer(&mut self, transfer: &Transfer<'_>, expected: &mut Expected) {
        let (account, id, deposit) =
            (transfer.account.as_str(), transfer.id.as_str(), transfer.kind == CommandKind::Deposit);
        let used_for = if deposit { Use::Deposit } else { Use::Withdrawal };
        let identity = Identity { account, id, valid_until: transfer.valid_until.0, used_for };
        self.open_window(account);
        if self.is_copy(&identity) {
            return;
        }
        // A first deposit is never refused for want of room.
        let room = usize::from(!deposit || self.members.contains_key(account));
        let refusal =
            self.refuse_identity(&identity, room).or_else(|| self.refuse_transfer(account, transfer, deposit));
        if let Some(reason) = refusal {
            self.remember_refused(&identity);
            let refused = self.refused(transfer.account, transfer.id, transfer.kind, None, reason);
            return expected.demand(self.channel, self.offset, Topic::OrderEvents, refused);
        }
        if !self.members.contains_key(account) {
            let window = self.strangers.remove(account).unwrap_or_default();
            self.members.insert(account.to_owned(), Account { window, ..Account::default() });
        }
        self.window_mut(account).remember(id, identity.valid_until, used_for);
        let units = transfer.amount / super::minor(self.assets[transfer.asset.as_str()]);
        let units = if deposit { units } else { -units };
        let kind = if deposit { JournalKind::Deposit } else { JournalKind::Withdrawal };
        let asset = transfer.asset;
        let lines = [(LedgerAccount::External, asset.clone(), -units), (LedgerAccount::Member, asset.clone(), units)];
        let client_id = Some(transfer.id.clone());
        self.book(transfer.account, kind, client_id, None, None, &lines, expected).expect("two lines sum to zero");
    }

    fn refused(
        &self,
        account: &AccountId,
        id: &ClientId,
        command: CommandKind,
        orig_client_order_id: Option<ClientId>,
        reason: Reason,
    ) -> CommandRefused {
        let (account, client_id, time) = (account.clone(), id.clone(), Timestamp(self.now));
        CommandRefused { account, client_id, command, orig_client_order_id, time, reason, detail: None }
    }
}

fn held(place: &PlaceOrder, order: &Order) -> HeldOrder {
    HeldOrder {
        order_id: order.id,
        account: place.account.clone(),
        symbol: place.symbol.clone(),
        side: place.side,
        order_type: place.order_type,
        time_in_force: place.time_in_force,
        post_only: place.post_only,
        self_match_prevention: place.self_match_prevention,
        price: place.price,
        quantity: place.quantity,
        amount: place.amount,
        maker_fee_ppm: order.maker_ppm,
        taker_fee_ppm: order.taker_ppm,
    }
}

fn rejected(place: &PlaceOrder, order_id: Option<OrderId>, reason: Option<Reason>, now: i64) -> OrderEvent {
    OrderEvent {
        account: place.account.clone(),
        order_id,
        client_order_id: place.client_order_id.clone(),
        symbol: place.symbol.clone(),
        time: Timestamp(now),
        event: OrderEventKind::Rejected,
        status: OrderStatus::Rejected,
        reason,
        detail: None,
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
