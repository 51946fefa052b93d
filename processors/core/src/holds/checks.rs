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

/// How often `step` goes into a value that has to be a multiple of it: `Ok(None)` where the count does not fit,
/// `Err` with the nearest multiples where it is none.
fn count(value: Decimal, step: Decimal) -> Result<Option<i64>, String> {
    if let Some(count) = value.exact_div(step) {
        return Ok(Some(count));
    }
    if value.0 % step.0 == 0 {
        return Ok(None);
    }
    let below = Decimal(value.0 - value.0 % step.0);
    let above = Decimal(below.0.saturating_add(step.0));
    Err(if below.is_positive() { format!("nearest {below} and {above}") } else { format!("nearest {above}") })
}

/// Counts of an order's or amend's decimals. `None` inside is what does not fit.
struct Counts {
    price: Option<Option<i64>>,
    quantity: Option<Option<i64>>,
    amount: Option<Option<i64>>,
}

fn counts(
    instrument: &Instrument,
    price: Option<Decimal>,
    quantity: Option<Decimal>,
    amount: Option<Decimal>,
) -> Result<Counts, Refusal> {
    let count_of = |value: Option<Decimal>, step: Decimal, reason: Reason, unit: &str| match value {
        None => Ok(None),
        Some(value) => match count(value, step) {
            Ok(count) => Ok(Some(count)),
            Err(nearest) => refuse(reason, || format!("{value} is not on the {step} {unit}; {nearest}")),
        },
    };
    let unit = Decimal::from_units(1, instrument.quote_digits);
    Ok(Counts {
        price: count_of(price, instrument.tick, Reason::OffTick, "tick")?,
        quantity: count_of(quantity, instrument.lot, Reason::OffLot, "lot")?,
        amount: count_of(amount, unit, Reason::OffUnit, "minor unit")?,
    })
}

fn positive(values: [(&'static str, Option<Decimal>); 3]) -> Result<(), Refusal> {
    for (what, value) in values {
        if let Some(value) = value.filter(|v| !v.is_positive()) {
            return refuse(Reason::InvalidCombination, || format!("{what} {value} is not above zero"));
        }
    }
    Ok(())
}

/// What fits 64 bits of its unit.
fn fits(value: Option<Option<i64>>, what: &str) -> Result<Option<i64>, Refusal> {
    match value {
        Some(None) => too_large(what),
        Some(Some(count)) => Ok(Some(count)),
        None => Ok(None),
    }
}

fn too_large<T>(what: &str) -> Result<T, Refusal> {
    refuse(Reason::TooLarge, || format!("{what} is beyond 2^63 units; split it into smaller ones"))
}

fn in_band(instrument: &Instrument, price: Option<Decimal>) -> Result<(), Refusal> {
    let Some(price) = price else { return Ok(()) };
    let low = instrument.min_price.map(|p| instrument.price_decimal(p));
    let high = instrument.max_price.map(|p| instrument.price_decimal(p));
    if low.is_some_and(|low| price < low) || high.is_some_and(|high| price > high) {
        let end = |end: Option<Decimal>| end.map_or("any".into(), |end| end.to_string());
        return refuse(Reason::OutOfBand, || {
            format!("price {price} is outside the band from {} to {}", end(low), end(high))
        });
    }
    Ok(())
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
    positive([("price", order.price), ("quantity", order.quantity), ("amount", order.amount)])
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
        let counts = counts(&listed.instrument, place.price, place.quantity, place.amount)?;
        in_band(&listed.instrument, place.price)?;
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
        if notional >= i128::from(least.0) {
            return Ok(());
        }
        let quote = self.ledger.asset(listed.quote);
        refuse(Reason::BelowMinNotional, || {
            let (notional, least) = (quote.decimal(notional), quote.decimal(i128::from(least.0)));
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
        positive([("price", price), ("quantity", quantity), ("amount", None)])?;
        let counts = counts(instrument, price, quantity, None)?;
        in_band(instrument, price)?;
        let change = Change::Amend {
            price: fits(counts.price, "the price")?.map(Price),
            quantity: fits(counts.quantity, "the quantity")?.map(Quantity),
        };
        self.check_change(slot, change)
    }

    /// Checks a reduction of an open order.
    pub(super) fn check_reduce(&self, slot: u32, by: Decimal) -> Result<CheckedChange, Refusal> {
        let order = self.orders.get(slot);
        check_limit(order)?;
        positive([("price", None), ("quantity", Some(by)), ("amount", None)])?;
        let counts = counts(&self.listings.get(order.instrument).instrument, None, Some(by), None)?;
        let by = fits(counts.quantity, "the quantity")?.expect("a reduction has a quantity");
        self.check_change(slot, Change::Reduce(Quantity(by)))
    }

    /// Checks a cancel of an open order. The first always passes.
    pub(super) fn check_cancel(&self, slot: u32) -> Result<CheckedChange, Refusal> {
        if self.orders.get(slot).cancel_pending() {
            return self.check_change(slot, Change::Cancel);
        }
        Ok(CheckedChange { slot, change: Change::Cancel, raise: 0 })
    }

    /// Checks what every change of an open order has to satisfy.
    fn check_change(&self, slot: u32, change: Change) -> Result<CheckedChange, Refusal> {
        let order = self.orders.get(slot);
        let listed = self.listings.get(order.instrument);
        let raise = match change {
            // Only an amend can raise what the order needs.
            Change::Amend { .. } => check_size(listed, order, Some(&change))? - order.held,
            Change::Reduce(_) | Change::Cancel => 0,
        };
        assert!(raise >= 0, "order {}: a command on its way lowers its hold by {}", order.id, -raise);
        let asset = listed.pays(order.side);
        self.check_sum(order.account, asset, raise)?;
        let waiting = order.pending.len();
        if waiting >= self.limits.max_pending {
            return refuse(Reason::TooManyPending, || {
                format!("{waiting} amends and cancels are unanswered; wait for their answers")
            });
        }
        self.check_available(order.account, asset, raise)?;
        Ok(CheckedChange { slot, change, raise })
    }

    /// Checks a deposit's or withdrawal's asset and amount: the asset's index, and how many minor units.
    pub(super) fn check_transfer(&self, code: &AssetCode, amount: Decimal) -> Result<(u32, i64), Refusal> {
        let Some(index) = self.ledger.find_asset(code) else {
            return refuse(Reason::UnknownAsset, || format!("{code} is not listed"));
        };
        positive([("price", None), ("quantity", None), ("amount", Some(amount))])?;
        let unit = self.ledger.asset(index).unit();
        match count(amount, unit) {
            Ok(Some(units)) => Ok((index, units)),
            Ok(None) => too_large("the amount"),
            Err(nearest) => refuse(Reason::OffUnit, || format!("{amount} is not on the {unit} minor unit; {nearest}")),
        }
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

fn check_limit(order: &Order) -> Result<(), Refusal> {
    if order.order_type == OrderType::Limit {
        return Ok(());
    }
    refuse(Reason::InvalidCombination, || "a market order cannot be changed, only canceled".to_string())
}

/// What the order needs to hold, with one more command on its way; everything that the book and the ledger may compute
/// for it fits.
fn check_size(listed: &Listed, order: &Order, more: Option<&Change>) -> Result<i64, Refusal> {
    match order.need_with(more, &listed.instrument) {
        Some(need) if order.products_fit(more, &listed.instrument) => Ok(need),
        _ => too_large("price x quantity"),
    }
}
