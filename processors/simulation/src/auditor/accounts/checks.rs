//! What a command is refused for: the first reason in the order of `Reason`.

use super::commands::{Change, Transfer};
use super::order::{Asked, Order};
use super::{Accounts, STRANGER_IDS, minor};
use crate::auditor::window::{Use, Window};
use hoga_core::OrderId;
use hoga_core::records::{InstrumentListing, OrderType, PlaceOrder, Reason, Side, TimeInForce};

/// How far ahead a valid-until may be.
const VALID_AHEAD_MS: i64 = 600_000;

/// What makes a command itself.
pub(super) struct Identity<'a> {
    pub account: &'a str,
    pub id: &'a str,
    pub valid_until: i64,
    pub used_for: Use,
}

impl Accounts {
    /// Makes sure that the account has a window, and forgets in it what is past its time.
    pub(super) fn open_window(&mut self, account: &str) {
        if !self.members.contains_key(account) {
            self.strangers.entry(account.to_owned()).or_default();
        }
        let now = self.now;
        self.window_mut(account).forget(now);
    }

    /// The account's window and how many ids it may hold.
    pub(super) fn window(&self, account: &str) -> (&Window, usize) {
        match self.members.get(account) {
            Some(member) => (&member.window, self.setup.max_client_ids as usize),
            None => (&self.strangers[account], STRANGER_IDS),
        }
    }

    pub(super) fn window_mut(&mut self, account: &str) -> &mut Window {
        match self.members.get_mut(account) {
            Some(member) => &mut member.window,
            None => self.strangers.get_mut(account).expect("opened before"),
        }
    }

    pub(super) fn is_copy(&self, command: &Identity<'_>) -> bool {
        let known = self.window(command.account).0.ids.get(command.id);
        known.is_some_and(|k| k.valid_until == command.valid_until && k.used_for == command.used_for)
    }

    pub(super) fn remember_refused(&mut self, command: &Identity<'_>) {
        let (now, limit) = (self.now, self.window(command.account).1);
        // A machine whose clocks fail stands still and then jumps: the later of both times is where it will be.
        let latest = now.max(self.appended);
        let window = self.window_mut(command.account);
        if now <= command.valid_until {
            window.remember_refused(command.id, command.valid_until, command.used_for, latest, limit);
        }
    }

    /// By its time and its id.
    pub(super) fn refuse_identity(&self, command: &Identity<'_>, room: usize) -> Option<Reason> {
        if self.now.max(self.appended) > command.valid_until {
            return Some(Reason::Late);
        }
        if command.valid_until > self.now + VALID_AHEAD_MS {
            return Some(Reason::ValidUntilTooFar);
        }
        let (window, limit) = self.window(command.account);
        match window.ids.get(command.id) {
            Some(known) if known.used_for == Use::Burned && command.used_for == Use::Place => {
                Some(Reason::CanceledBefore)
            }
            Some(_) => Some(Reason::DuplicateClientId),
            None if room > 0 && window.ids.len() + room > limit => Some(Reason::WindowFull),
            None if room > 0 && command.valid_until <= window.full_until => Some(Reason::WindowFull),
            None => None,
        }
    }

    pub(super) fn refuse_place(&self, place: &PlaceOrder) -> Option<Reason> {
        let account = place.account.as_str();
        let Some(member) = self.members.get(account) else { return Some(Reason::UnknownAccount) };
        let Some(terms) = self.listings.get(place.symbol.as_str()) else { return Some(Reason::UnknownSymbol) };
        if !is_combination(place) {
            return Some(Reason::InvalidCombination);
        }
        let listing = &terms.listing;
        let money = minor(terms.quote_digits);
        let first = off_grid(listing, place.price.map(|v| v.0), place.quantity.map(|v| v.0))
            .or_else(|| place.amount.filter(|v| v.0 % money != 0).map(|_| Reason::OffUnit))
            .or_else(|| out_of_band(listing, place.price.map(|v| v.0)));
        if first.is_some() {
            return first;
        }
        if let (Some(price), Some(quantity)) = (place.price, place.quantity)
            && terms.notional(price.0, quantity.0) * money < listing.min_notional.0
        {
            return Some(Reason::BelowMinNotional);
        }
        if member.open_orders >= self.setup.max_open_orders {
            return Some(Reason::TooManyOpenOrders);
        }
        let order = self.order_of(OrderId::default(), place);
        (order.held > self.available(account, order.pays.as_str())).then_some(Reason::InsufficientBalance)
    }

    pub(super) fn refuse_change(&self, change: &Change<'_>, target: Option<u64>) -> Option<Reason> {
        if !self.members.contains_key(change.account.as_str()) {
            return Some(Reason::UnknownAccount);
        }
        let Some(order) = target.map(|id| &self.orders[&id]) else { return Some(Reason::UnknownOrder) };
        if change.asked == Asked::Cancel && !order.cancel_pending() {
            return None;
        }
        if change.asked != Asked::Cancel
            && let Some(reason) = self.refuse_terms(order, &change.asked)
        {
            return Some(reason);
        }
        if order.pending.len() >= self.setup.max_pending as usize {
            return Some(Reason::TooManyPending);
        }
        if !matches!(change.asked, Asked::Amend { .. }) {
            return None;
        }
        let mut amended = order.clone();
        amended.pending.push((change.id.clone(), change.asked.clone()));
        let raise = amended.need(&self.listings[order.symbol.as_str()]) - order.held;
        (raise > self.available(order.account.as_str(), order.pays.as_str())).then_some(Reason::InsufficientBalance)
    }

    /// By what an amend or a reduction names.
    fn refuse_terms(&self, order: &Order, asked: &Asked) -> Option<Reason> {
        let listing = &self.listings[order.symbol.as_str()].listing;
        let (price, quantity) = match asked {
            Asked::Amend { price, total } => (*price, *total),
            Asked::Reduce(by) => (None, Some(*by)),
            Asked::Cancel => (None, None),
        };
        let below_zero = price.is_some_and(|v| v <= 0) || quantity.is_some_and(|v| v <= 0);
        if order.order_type != OrderType::Limit || (price.is_none() && quantity.is_none()) || below_zero {
            return Some(Reason::InvalidCombination);
        }
        off_grid(listing, price, quantity).or_else(|| out_of_band(listing, price))
    }

    pub(super) fn refuse_transfer(&self, account: &str, transfer: &Transfer<'_>, deposit: bool) -> Option<Reason> {
        if !deposit && !self.members.contains_key(account) {
            return Some(Reason::UnknownAccount);
        }
        let asset = transfer.asset.as_str();
        let Some(digits) = self.assets.get(asset) else { return Some(Reason::UnknownAsset) };
        if transfer.amount <= 0 {
            return Some(Reason::InvalidCombination);
        }
        if transfer.amount % minor(*digits) != 0 {
            return Some(Reason::OffUnit);
        }
        let units = transfer.amount / minor(*digits);
        (!deposit && units > self.available(account, asset)).then_some(Reason::InsufficientBalance)
    }
}

fn off_grid(listing: &InstrumentListing, price: Option<i128>, quantity: Option<i128>) -> Option<Reason> {
    let off_tick = price.filter(|v| v % listing.tick.0 != 0).map(|_| Reason::OffTick);
    off_tick.or_else(|| quantity.filter(|v| v % listing.lot.0 != 0).map(|_| Reason::OffLot))
}

fn out_of_band(listing: &InstrumentListing, price: Option<i128>) -> Option<Reason> {
    let price = price?;
    let below = listing.min_price.is_some_and(|least| price < least.0);
    let above = listing.max_price.is_some_and(|most| price > most.0);
    (below || above).then_some(Reason::OutOfBand)
}

/// The table in the documentation of `PlaceOrder`.
fn is_combination(place: &PlaceOrder) -> bool {
    let (price, quantity, amount) = (place.price.is_some(), place.quantity.is_some(), place.amount.is_some());
    let immediate = matches!(place.time_in_force, TimeInForce::Ioc | TimeInForce::Fok);
    let fok = place.time_in_force == TimeInForce::Fok;
    let well = match (place.order_type, place.side) {
        (OrderType::Limit, _) => price && quantity && !amount,
        (OrderType::Market, _) if !immediate => false,
        (OrderType::Market, Side::Buy) => !price && amount && quantity == fok,
        (OrderType::Market, Side::Sell) => !price && quantity && (fok || !amount),
    };
    let quiet = !place.post_only || (place.order_type == OrderType::Limit && !immediate);
    let positive = [place.price, place.quantity, place.amount].into_iter().flatten().all(|value| value.0 > 0);
    well && quiet && positive
}
