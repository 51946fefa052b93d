//! What a command has to satisfy beyond its identity. Nothing here changes anything: a check gives what is to be
//! done, or the first reason against it in the order of [`Reason`].

use super::Holds;
use super::listings::Listed;
use super::orders::{Change, Order};
use crate::fees::FeeMeter;
use crate::ids::{AssetCode, OrderId};
use crate::instrument::Instrument;
use crate::money::{Amount, Decimal, Price, Quantity};
use crate::records::{OrderStatus, OrderType, PlaceOrder, Reason, Side, TimeInForce};
use crate::slab::NONE;
use smallvec::SmallVec;

/// Why a command is refused, with the number and the way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub reason: Reason,
    pub detail: String,
}

/// A refusal; its text is only made when it is needed, and the code that makes it stays out of the way.
#[cold]
#[inline(never)]
pub fn refuse<T>(reason: Reason, detail: impl FnOnce() -> String) -> Result<T, Refusal> {
    Err(Refusal { reason, detail: detail() })
}

/// An order that may be placed: with no number and no hold yet, and what it needs to hold.
#[derive(Debug)]
pub struct CheckedOrder {
    pub order: Order,
    pub asset: u32,
    pub need: i64,
}

/// A command that may be sent to the book for an order, and by how much it raises the order's hold.
#[derive(Debug)]
pub struct CheckedChange {
    pub slot: u32,
    pub change: Change,
    pub raise: i64,
}

/// How many ticks, lots or minor units a decimal is, if there is one. `None` inside is what does not fit.
type Count = Option<Option<i64>>;

/// Counts of an order's decimals.
struct Counts {
    price: Count,
    quantity: Count,
    amount: Count,
}

#[inline]
fn ticks(instrument: &Instrument, price: Option<Decimal>) -> Result<Count, Refusal> {
    count(price, instrument.tick, Reason::OffTick, "tick")
}

#[inline]
fn lots(instrument: &Instrument, quantity: Option<Decimal>) -> Result<Count, Refusal> {
    count(quantity, instrument.lot, Reason::OffLot, "lot")
}

fn units(amount: Option<Decimal>, unit: Decimal) -> Result<Count, Refusal> {
    count(amount, unit, Reason::OffUnit, "minor unit")
}

/// How often `step` goes into a value that has to be a multiple of it.
#[inline]
fn count(value: Option<Decimal>, step: Decimal, reason: Reason, unit: &str) -> Result<Count, Refusal> {
    let Some(value) = value else { return Ok(None) };
    match value.exact_div(step) {
        Some(count) => Ok(Some(Some(count))),
        None => uncounted(value, step, reason, unit),
    }
}

/// A value that is a multiple too large to be counted, or none.
#[cold]
fn uncounted(value: Decimal, step: Decimal, reason: Reason, unit: &str) -> Result<Count, Refusal> {
    if value.0 % step.0 == 0 {
        return Ok(Some(None));
    }
    let below = Decimal(value.0 - value.0 % step.0);
    let above = Decimal(below.0.saturating_add(step.0));
    let nearest = if below.is_positive() { format!("{below} and {above}") } else { above.to_string() };
    refuse(reason, || format!("{value} is not on the {step} {unit}; nearest {nearest}"))
}

#[inline]
fn positive(what: &'static str, value: Option<Decimal>) -> Result<(), Refusal> {
    match value {
        Some(value) if !value.is_positive() => {
            refuse(Reason::InvalidCombination, || format!("{what} {value} is not above zero"))
        }
        _ => Ok(()),
    }
}

/// What fits 64 bits of its unit.
#[inline]
fn fits(value: Count, what: &str) -> Result<Option<i64>, Refusal> {
    match value {
        Some(None) => too_large(what),
        Some(Some(count)) => Ok(Some(count)),
        None => Ok(None),
    }
}

fn too_large<T>(what: &str) -> Result<T, Refusal> {
    refuse(Reason::TooLarge, || format!("{what} is beyond 2^63 units; split it into smaller ones"))
}

/// Whether a price above zero, of so many ticks, is inside the band.
#[inline]
fn in_band(instrument: &Instrument, price: Option<Decimal>, ticks: Count) -> Result<(), Refusal> {
    let (Some(price), Some(ticks)) = (price, ticks) else { return Ok(()) };
    let inside = match ticks {
        Some(ticks) => instrument.in_band(Price(ticks)),
        // More ticks than can be counted are above every band that ends.
        None => instrument.max_price.is_none(),
    };
    if inside {
        return Ok(());
    }
    refuse(Reason::OutOfBand, || {
        let end = |end: Option<Price>| end.map_or("any".into(), |end| instrument.price_decimal(end).to_string());
        let (low, high) = (end(instrument.min_price), end(instrument.max_price));
        format!("price {price} is outside the band from {low} to {high}")
    })
}

/// Whether the order is one of the table in [`PlaceOrder`].
fn combination(order: &PlaceOrder) -> Result<(), Refusal> {
    use {OrderType as T, Side as S, TimeInForce as F};
    let immediate = matches!(order.time_in_force, F::Ioc | F::Fok);
    let fok = order.time_in_force == F::Fok;
    let has = (order.price.is_some(), order.quantity.is_some(), order.amount.is_some());
    let (allowed, wants) = match (order.order_type, order.side, fok) {
        (T::Limit, ..) => (has == (true, true, false), "a limit order has a price and a quantity, no amount"),
        (T::Market, ..) if !immediate => (false, "a market order is IOC or FOK"),
        (T::Market, S::Buy, false) => (has == (false, false, true), "a market buy has the amount it may spend only"),
        (T::Market, S::Sell, false) => (has == (false, true, false), "a market sell has a quantity only"),
        (T::Market, S::Buy, true) => (has == (false, true, true), "a market buy FOK has a quantity and an amount"),
        (T::Market, S::Sell, true) => (!has.0 && has.1, "a market sell FOK has a quantity, perhaps an amount"),
    };
    if !allowed {
        return refuse(Reason::InvalidCombination, || wants.to_string());
    }
    if order.post_only && (order.order_type != T::Limit || immediate) {
        return refuse(Reason::InvalidCombination, || "post-only goes with LIMIT and GTC or DAY".to_string());
    }
    positive("price", order.price)?;
    positive("quantity", order.quantity)?;
    positive("amount", order.amount)
}

impl Listed {
    /// The asset that an order of that side pays with.
    pub(super) fn pays(&self, side: Side) -> u32 {
        match side {
            Side::Buy => self.quote,
            Side::Sell => self.base,
        }
    }
}

impl Holds {
    /// Checks a new order of an account.
    pub(super) fn check_place(&self, account: Option<u32>, place: &PlaceOrder) -> Result<CheckedOrder, Refusal> {
        let account = self.check_account(account)?;
        let Some(index) = self.listings.find(&place.symbol) else {
            return refuse(Reason::UnknownSymbol, || format!("{} is not listed", place.symbol));
        };
        let listed = self.listings.get(index);
        combination(place)?;
        let instrument = &listed.instrument;
        let counts = Counts {
            price: ticks(instrument, place.price)?,
            quantity: lots(instrument, place.quantity)?,
            amount: units(place.amount, Decimal::from_units(1, instrument.quote_digits))?,
        };
        in_band(instrument, place.price, counts.price)?;
        let order = self.build(account, index, place, &counts)?;
        let need = check_size(listed, &order, None)?;
        let asset = listed.pays(order.side);
        self.check_sum(account, asset, need)?;
        self.check_min_notional(listed, &order)?;
        let open = self.ledger.account(account).open_orders;
        if open >= self.limits.max_open_orders {
            return refuse(Reason::TooManyOpenOrders, || format!("{open} orders are open; cancel some first"));
        }
        self.check_available(account, asset, need)?;
        Ok(CheckedOrder { order, asset, need })
    }

    /// The account, if it exists.
    pub(super) fn check_account(&self, account: Option<u32>) -> Result<u32, Refusal> {
        let unknown = || Refusal { reason: Reason::UnknownAccount, detail: "nothing was ever deposited to it".into() };
        account.ok_or_else(unknown)
    }

    /// The order as it would be, without number and hold.
    fn build(&self, account: u32, instrument: u32, place: &PlaceOrder, counts: &Counts) -> Result<Order, Refusal> {
        let rates = &self.listings.schedules[self.listings.get(instrument).schedule as usize];
        Ok(Order {
            id: OrderId::default(),
            account,
            instrument,
            client_id: place.client_order_id.clone(),
            id_at: NONE,
            side: place.side,
            order_type: place.order_type,
            time_in_force: place.time_in_force,
            maker_fee_ppm: rates.maker_fee_ppm,
            taker_fee_ppm: rates.taker_fee_ppm,
            price: fits(counts.price, "the price")?.map(Price),
            quantity: fits(counts.quantity, "the quantity")?.map(Quantity),
            amount: fits(counts.amount, "the amount")?.map(Amount),
            status: OrderStatus::Pending,
            filled: Quantity::ZERO,
            filled_amount: 0,
            fees: FeeMeter::default(),
            held: 0,
            pending: SmallVec::new(),
        })
    }

    fn check_min_notional(&self, listed: &Listed, order: &Order) -> Result<(), Refusal> {
        let (Some(price), Some(quantity)) = (order.price, order.quantity) else { return Ok(()) };
        let notional = listed.instrument.notional(price, quantity);
        let least = listed.instrument.min_notional;
        if notional >= least.0 {
            return Ok(());
        }
        let quote = self.ledger.asset(listed.quote);
        refuse(Reason::BelowMinNotional, || {
            let (notional, least) = (quote.decimal(notional.into()), quote.decimal(i128::from(least.0)));
            format!("price x quantity is {notional} {0}, the least is {least} {0}", quote.code)
        })
    }

    /// Whether the sum of the account's holds fits with `more`.
    fn check_sum(&self, account: u32, asset: u32, more: i64) -> Result<(), Refusal> {
        match self.ledger.account(account).balance(asset).held.checked_add(more) {
            Some(_) => Ok(()),
            None => too_large("the sum of all holds"),
        }
    }

    /// Whether the account has so many minor units that are not held.
    pub(super) fn check_available(&self, account: u32, asset: u32, need: i64) -> Result<(), Refusal> {
        let available = self.ledger.account(account).balance(asset).available();
        if i128::from(need) <= available {
            return Ok(());
        }
        let asset = self.ledger.asset(asset);
        refuse(Reason::InsufficientBalance, || {
            let (need, available) = (asset.decimal(i128::from(need)), asset.decimal(available));
            format!("needs {need} {0}, available {available} {0}", asset.code)
        })
    }

    /// Checks a new price or total of an open order.
    #[inline]
    pub(super) fn check_amend(
        &self,
        slot: u32,
        price: Option<Decimal>,
        quantity: Option<Decimal>,
    ) -> Result<CheckedChange, Refusal> {
        let order = self.orders.get(slot);
        let instrument = &self.listings.get(order.instrument).instrument;
        check_limit(order)?;
        if price.is_none() && quantity.is_none() {
            return refuse(Reason::InvalidCombination, || "an amend gives a price, a quantity, or both".to_string());
        }
        positive("price", price)?;
        positive("quantity", quantity)?;
        let (ticks, lots) = (ticks(instrument, price)?, lots(instrument, quantity)?);
        in_band(instrument, price, ticks)?;
        let change = Change::Amend {
            price: fits(ticks, "the price")?.map(Price),
            quantity: fits(lots, "the quantity")?.map(Quantity),
        };
        self.check_change(slot, order, change)
    }

    /// Checks a reduction of an open order.
    pub(super) fn check_reduce(&self, slot: u32, by: Decimal) -> Result<CheckedChange, Refusal> {
        let order = self.orders.get(slot);
        check_limit(order)?;
        positive("quantity", Some(by))?;
        let lots = lots(&self.listings.get(order.instrument).instrument, Some(by))?;
        let by = fits(lots, "the quantity")?.expect("a reduction has a quantity");
        self.check_change(slot, order, Change::Reduce(Quantity(by)))
    }

    /// Checks a cancel of an open order. The first always passes.
    pub(super) fn check_cancel(&self, slot: u32) -> Result<CheckedChange, Refusal> {
        let order = self.orders.get(slot);
        if order.cancel_pending() {
            return self.check_change(slot, order, Change::Cancel);
        }
        Ok(CheckedChange { slot, change: Change::Cancel, raise: 0 })
    }

    /// Checks what every change of an open order has to satisfy.
    #[inline]
    fn check_change(&self, slot: u32, order: &Order, change: Change) -> Result<CheckedChange, Refusal> {
        let listed = self.listings.get(order.instrument);
        let raise = match change {
            // Only an amend can raise what the order needs.
            Change::Amend { .. } => check_size(listed, order, Some(&change))? - order.held,
            Change::Reduce(_) | Change::Cancel => 0,
        };
        assert!(raise >= 0, "order {}: a command on its way lowers its hold by {}", order.id, -raise);
        let asset = listed.pays(order.side);
        // What raises nothing needs nothing of the account, which is not even looked up.
        if raise > 0 {
            self.check_sum(order.account, asset, raise)?;
        }
        let waiting = order.pending.len();
        if waiting >= self.limits.max_pending {
            return refuse(Reason::TooManyPending, || {
                format!("{waiting} amends and cancels are unanswered; wait for their answers")
            });
        }
        if raise > 0 {
            self.check_available(order.account, asset, raise)?;
        }
        Ok(CheckedChange { slot, change, raise })
    }

    /// Checks a deposit's or withdrawal's asset and amount: the asset's index, and how many minor units.
    pub(super) fn check_transfer(&self, code: &AssetCode, amount: Decimal) -> Result<(u32, i64), Refusal> {
        let Some(index) = self.ledger.find_asset(code) else {
            return refuse(Reason::UnknownAsset, || format!("{code} is not listed"));
        };
        positive("amount", Some(amount))?;
        let units = units(Some(amount), self.ledger.asset(index).unit())?;
        Ok((index, fits(units, "the amount")?.expect("a transfer has an amount")))
    }

    /// Checks that a balance can take a deposit.
    pub(super) fn check_deposit(&self, account: Option<u32>, asset: u32, units: i64) -> Result<(), Refusal> {
        let total = account.map_or(0, |account| self.ledger.account(account).balance(asset).total);
        if total + i128::from(units) > i128::from(i64::MAX) {
            return too_large("the balance after it");
        }
        Ok(())
    }
}

#[inline]
fn check_limit(order: &Order) -> Result<(), Refusal> {
    if order.order_type == OrderType::Limit {
        return Ok(());
    }
    refuse(Reason::InvalidCombination, || "a market order cannot be changed, only canceled".to_string())
}

/// What the order needs to hold, with one more command on its way; everything that the book and the ledger may compute
/// for it fits.
#[inline]
fn check_size(listed: &Listed, order: &Order, more: Option<&Change>) -> Result<i64, Refusal> {
    match order.need_with(more, &listed.instrument) {
        Some(need) => Ok(need),
        None => too_large("price x quantity"),
    }
}
