//! Commands on orders: place, amend, reduce, cancel.
//!
//! Each goes the same way: is it a copy; is it refused; then a marked point after which nothing can fail; then the
//! state changes and the effects go out.
//!
//! Invariants:
//! 1. Every place that is neither a copy nor late gets an order number, refused or not. (Whether a late place is a
//!    copy depends on whether its order is still open, and so on when legs arrive; numbers must not.)
//! 2. Every other command that is not a copy is answered: by the book in the end, or here by a refusal.

use super::Holds;
use super::checks::{CheckedChange, CheckedOrder, Refusal, refuse};
use super::identity::{Identity, Seat, Verdict};
use super::orders::Pending;
use super::out::{Held, HoldsOut, Step};
use super::window::{Key, Use};
use crate::ids::{AccountId, ClientId, OrderId};
use crate::machine::Input;
use crate::records::{
    AmendOrder, CancelOrder, CommandKind, CommandRefused, OrderEventKind, PlaceOrder, Reason, ReduceOrder,
};
use crate::time::Timestamp;

/// A command on an open order.
pub(super) struct OnOrder<'a> {
    pub account: &'a AccountId,
    pub id: &'a ClientId,
    pub valid_until: Timestamp,
    pub orig: &'a ClientId,
    pub ask: Ask<'a>,
}

/// What it asks for.
#[derive(Clone, Copy)]
pub(super) enum Ask<'a> {
    Amend(&'a AmendOrder),
    Reduce(&'a ReduceOrder),
    Cancel,
}

impl<'a> From<&'a AmendOrder> for OnOrder<'a> {
    fn from(r: &'a AmendOrder) -> Self {
        let (account, id, orig) = (&r.account, &r.client_order_id, &r.orig_client_order_id);
        Self { account, id, valid_until: r.valid_until, orig, ask: Ask::Amend(r) }
    }
}

impl<'a> From<&'a ReduceOrder> for OnOrder<'a> {
    fn from(r: &'a ReduceOrder) -> Self {
        let (account, id, orig) = (&r.account, &r.client_order_id, &r.orig_client_order_id);
        Self { account, id, valid_until: r.valid_until, orig, ask: Ask::Reduce(r) }
    }
}

impl<'a> From<&'a CancelOrder> for OnOrder<'a> {
    fn from(r: &'a CancelOrder) -> Self {
        let (account, id, orig) = (&r.account, &r.client_order_id, &r.orig_client_order_id);
        Self { account, id, valid_until: r.valid_until, orig, ask: Ask::Cancel }
    }
}

impl OnOrder<'_> {
    fn kind(&self) -> (CommandKind, Use) {
        match self.ask {
            Ask::Amend(_) => (CommandKind::Amend, Use::Amend),
            Ask::Reduce(_) => (CommandKind::Reduce, Use::Reduce),
            Ask::Cancel => (CommandKind::Cancel, Use::Cancel),
        }
    }
}

impl Holds {
    /// Places an order.
    pub(super) fn place(&mut self, place: &PlaceOrder, input: &Input<'_>, out: &mut impl HoldsOut) {
        let seat = self.seat(&place.account);
        let identity = Identity::new(seat, &place.client_order_id, place.valid_until, Use::Place);
        let checked = match self.verdict(&identity, 1, input) {
            Verdict::Copy => return,
            Verdict::New => self.check_place(seat.member, place),
            Verdict::Refused(refusal) => Err(refusal),
        };
        let late = checked.as_ref().is_err_and(|refusal| refusal.reason == Reason::Late);
        let number = (!late).then(|| self.number());
        match (checked, number) {
            (Ok(checked), Some(number)) => self.hold_order(&identity, checked, number, place, out),
            (Ok(_), None) => unreachable!("only a late order gets no number"),
            (Err(refusal), number) => {
                self.remember_refused(&identity, input);
                out.rejected(self.rejection(place, number, refusal));
            }
        }
    }

    /// Nothing can fail from here on: takes the hold and sends the order to the book.
    fn hold_order(
        &mut self,
        identity: &Identity<'_>,
        checked: CheckedOrder,
        number: OrderId,
        place: &PlaceOrder,
        out: &mut impl HoldsOut,
    ) {
        let CheckedOrder { mut order, asset, need } = checked;
        let account = order.account;
        (order.id, order.held) = (number, need);
        out.step(&self.names(), &Step::new(&order, OrderEventKind::Pending));
        let PlaceOrder { post_only, self_match_prevention, .. } = *place;
        out.held(&self.names(), &Held::Order { order: &order, post_only, self_match_prevention });
        let id_at = self.remember(identity);
        order.id_at = id_at;
        self.ledger.hold(account, asset, need);
        self.ledger.account_mut(account).open_orders += 1;
        self.windows.open(id_at, self.orders.add(order));
    }

    /// Amends, reduces or cancels an open order.
    pub(super) fn on_order(&mut self, command: &OnOrder<'_>, input: &Input<'_>, out: &mut impl HoldsOut) {
        let (_, used_for) = command.kind();
        let seat = self.seat(command.account);
        let identity = Identity::new(seat, command.id, command.valid_until, used_for);
        let orig = self.windows.find(&Key::new(seat.window, command.orig), self.time);
        let target = orig.map(|at| self.windows.open_order(at));
        let room = self.room_for(command, target);
        let verdict = self.verdict(&identity, room, input);
        let new = matches!(verdict, Verdict::New);
        let checked = match verdict {
            Verdict::Copy => return,
            Verdict::New => self.check_on_order(seat, command, target.flatten()),
            Verdict::Refused(refusal) => Err(refusal),
        };
        match checked {
            Ok(checked) => {
                // Nothing can fail from here on.
                self.remember(&identity);
                self.send_change(command.id, checked, out);
            }
            Err(refusal) => {
                let not_found = matches!(refusal.reason, Reason::UnknownOrder | Reason::UnknownAccount);
                self.remember_refused(&identity, input);
                if new && not_found && matches!(command.ask, Ask::Cancel) {
                    self.burn(seat, command.orig, input);
                }
                out.refused(self.command_refused(command, refusal));
            }
        }
    }

    /// How many ids the command needs room for: none for the first cancel of an open order, which may pass a full
    /// window; two for a cancel that would burn an id.
    #[inline]
    fn room_for(&self, command: &OnOrder<'_>, target: Option<Option<u32>>) -> usize {
        match (command.ask, target) {
            (Ask::Cancel, Some(Some(slot))) if !self.orders.get(slot).cancel_pending() => 0,
            (Ask::Cancel, None) => 2,
            _ => 1,
        }
    }

    #[inline]
    fn check_on_order(&self, seat: Seat, command: &OnOrder<'_>, target: Option<u32>) -> Result<CheckedChange, Refusal> {
        self.check_account(seat.member)?;
        let Some(slot) = target else {
            return refuse(Reason::UnknownOrder, || format!("no open order is named {}", command.orig));
        };
        match command.ask {
            Ask::Amend(amend) => self.check_amend(slot, amend.price, amend.quantity),
            Ask::Reduce(reduce) => self.check_reduce(slot, reduce.quantity),
            Ask::Cancel => self.check_cancel(slot),
        }
    }

    /// Raises the hold where an amend asks for more, and sends the command to the book.
    fn send_change(&mut self, id: &ClientId, checked: CheckedChange, out: &mut impl HoldsOut) {
        let CheckedChange { slot, change, raise } = checked;
        let order = self.orders.get_mut(slot);
        order.pending.push(Pending { client_id: id.clone(), change });
        order.held += raise;
        let listed = self.listings.get(order.instrument);
        self.ledger.hold(order.account, listed.pays(order.side), raise);
        let order = self.orders.get(slot);
        let sent = order.pending.last().expect("it was just put there");
        if raise > 0 {
            let step = Step { command: Some(&sent.client_id), ..Step::new(order, OrderEventKind::Pending) };
            out.step(&self.names(), &step);
        }
        out.held(&self.names(), &Held::Change { order, command: &sent.client_id, change: &sent.change });
    }

    fn command_refused(&self, command: &OnOrder<'_>, refusal: Refusal) -> CommandRefused {
        CommandRefused {
            account: command.account.clone(),
            client_id: command.id.clone(),
            command: command.kind().0,
            orig_client_order_id: Some(command.orig.clone()),
            time: self.time,
            reason: refusal.reason,
            detail: Some(refusal.detail),
        }
    }
}
