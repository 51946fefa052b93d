//! Writes a feed's steps: client ids, clocks, what is known of the file's orders, and syncs where they are due.
//!
//! A client id reads `order.event.n`: the order's id in the file, the event that the command belongs to, and the
//! command's count in that event. So a fill can be traced to the event that caused it, and no id is used twice.
//!
//! Invariants:
//! 1. Ids and times depend on the calls alone.
//! 2. An order's `open` is what the file says is open and shown; no fill of ours is needed to know it.
//! 3. Between two syncs an order gets at most `max_pending` commands.

use super::accounts::Accounts;
use hoga_core::records::{
    AmendOrder, CancelOrder, Clock, OrderType, Phase, PhaseChange, PlaceOrder, ReduceOrder, SelfMatchPrevention, Side,
    TimeInForce,
};
use hoga_core::time::CLOCK_INTERVAL_MS;
use hoga_core::{AccountId, ClientId, Decimal, Record, Symbol, Timestamp, Topic};
use std::collections::{HashMap, VecDeque};

/// How long after its recorded time a feed's command is valid.
pub const VALID_FOR_MS: i64 = 60_000;

/// One step of a feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Write a record.
    Send {
        /// To this topic: `orders` and `accounts` in the feed's partition, or `control`.
        topic: Topic,
        /// Its recorded time.
        time: Timestamp,
        /// The event of the file that it belongs to; 0 before the first.
        event: u64,
        /// What.
        record: Record,
    },
    /// Wait until all machines have applied everything.
    Sync,
}

/// What an order asks for; the rest is the same for all of a feed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    pub(crate) order_type: OrderType,
    pub(crate) time_in_force: TimeInForce,
    pub(crate) price: Option<Decimal>,
    pub(crate) quantity: i64,
    pub(crate) amount: Option<Decimal>,
}

impl Terms {
    /// A limit order.
    pub(crate) fn limit(price: Decimal, quantity: i64, time_in_force: TimeInForce) -> Self {
        Self { order_type: OrderType::Limit, time_in_force, price: Some(price), quantity, amount: None }
    }
}

/// An order of the file, as the file knows it.
#[derive(Debug, Clone)]
pub(crate) struct FileOrder {
    account: AccountId,
    client_id: ClientId,
    /// Open and shown, by the file.
    open: i64,
    /// Filled, by the file, of what was shown.
    filled: i64,
}

/// The steps written so far and what is needed to write on.
#[derive(Debug)]
pub(crate) struct Script {
    symbol: Symbol,
    accounts: Accounts,
    /// Look-up only.
    orders: HashMap<u64, FileOrder>,
    /// Commands since the last sync; look-up only.
    pending: HashMap<u64, u32>,
    max_pending: u32,
    event: u64,
    in_event: u32,
    time: Timestamp,
    second: i64,
    steps: VecDeque<Step>,
}

impl Script {
    pub(crate) fn new(symbol: Symbol, accounts: Accounts, max_pending: u32, start: Timestamp) -> Self {
        Self {
            symbol,
            accounts,
            orders: HashMap::new(),
            pending: HashMap::new(),
            max_pending,
            event: 0,
            in_event: 0,
            time: start,
            second: start.0.div_euclid(CLOCK_INTERVAL_MS),
            steps: VecDeque::new(),
        }
    }

    /// The next step that is written.
    pub(crate) fn next(&mut self) -> Option<Step> {
        self.steps.pop_front()
    }

    /// From here on steps belong to this event, at this time or, should the file go back, the latest so far.
    pub(crate) fn begin(&mut self, event: u64, time: Timestamp) {
        (self.event, self.in_event) = (event, 0);
        self.time = self.time.max(time);
        let second = self.time.0.div_euclid(CLOCK_INTERVAL_MS);
        if second > self.second {
            self.second = second;
            let clock = Clock { time: self.time };
            self.send(Topic::Orders, clock.into());
        }
    }

    /// What the file knows of an order that is open.
    pub(crate) fn open(&self, order: u64) -> Option<&FileOrder> {
        self.orders.get(&order).filter(|known| known.open > 0)
    }

    /// Places an order that rests if it can, for the account of `number`.
    pub(crate) fn rest(&mut self, order: u64, side: Side, number: u64, terms: Terms) {
        let (account, client_id) = self.place(order, side, number, terms);
        let placed = FileOrder { account, client_id, open: terms.quantity, filled: 0 };
        self.orders.insert(order, placed);
    }

    /// Places an order that never rests, for the account of `number`.
    pub(crate) fn place(&mut self, order: u64, side: Side, number: u64, terms: Terms) -> (AccountId, ClientId) {
        let account = self.accounts.of(side, number).clone();
        let client_order_id = self.next_id(order);
        let place = PlaceOrder {
            account: account.clone(),
            client_order_id: client_order_id.clone(),
            valid_until: self.valid_until(),
            symbol: self.symbol.clone(),
            side,
            order_type: terms.order_type,
            time_in_force: terms.time_in_force,
            post_only: false,
            self_match_prevention: SelfMatchPrevention::None,
            price: terms.price,
            quantity: Some(Decimal::from_int(terms.quantity)),
            amount: terms.amount,
        };
        self.send(Topic::Orders, place.into());
        (account, client_order_id)
    }

    /// Gives an open order a price and what is then open of it.
    pub(crate) fn amend(&mut self, order: u64, price: Option<Decimal>, open: Option<i64>) {
        let (account, orig) = self.command_on(order);
        let known = self.orders.get_mut(&order).expect("only an order that is known is amended");
        known.open = open.unwrap_or(known.open);
        let quantity = open.map(|open| Decimal::from_int(known.filled + open));
        let (client_order_id, valid_until) = (self.next_id(order), self.valid_until());
        let amend = AmendOrder { account, client_order_id, valid_until, orig_client_order_id: orig, price, quantity };
        self.send(Topic::Orders, amend.into());
    }

    /// Takes a quantity off an open order.
    pub(crate) fn reduce(&mut self, order: u64, by: i64) {
        let (account, orig_client_order_id) = self.command_on(order);
        let known = self.orders.get_mut(&order).expect("only an order that is known is reduced");
        known.open = (known.open - by).max(0);
        let (client_order_id, valid_until) = (self.next_id(order), self.valid_until());
        let quantity = Decimal::from_int(by);
        let reduce = ReduceOrder { account, client_order_id, valid_until, orig_client_order_id, quantity };
        self.send(Topic::Orders, reduce.into());
    }

    /// Cancels an open order.
    pub(crate) fn cancel(&mut self, order: u64) {
        let (account, orig_client_order_id) = self.command_on(order);
        self.orders.remove(&order);
        let (client_order_id, valid_until) = (self.next_id(order), self.valid_until());
        let cancel = CancelOrder { account, client_order_id, valid_until, orig_client_order_id };
        self.send(Topic::Orders, cancel.into());
    }

    /// Notes that the file says an order was filled; what was open of it before.
    pub(crate) fn filled(&mut self, order: u64, quantity: i64) -> i64 {
        let Some(known) = self.orders.get_mut(&order) else { return 0 };
        let shown = known.open;
        let of_shown = quantity.min(shown);
        known.open -= of_shown;
        known.filled += of_shown;
        shown
    }

    /// Moves the instrument into a phase when everything before is applied; what follows waits for it.
    pub(crate) fn phase(&mut self, phase: Phase) {
        self.sync();
        let command_id = ClientId::unchecked(&format!("{}-{phase}", self.symbol));
        self.send(Topic::Control, PhaseChange { command_id, symbol: self.symbol.clone(), phase }.into());
        self.sync();
    }

    /// Waits until everything is applied.
    pub(crate) fn sync(&mut self) {
        self.pending.clear();
        self.steps.push_back(Step::Sync);
    }

    /// A record as it is.
    pub(crate) fn send(&mut self, topic: Topic, record: Record) {
        self.steps.push_back(Step::Send { topic, time: self.time, event: self.event, record });
    }

    /// After this time commands of now are refused.
    pub(crate) fn valid_until(&self) -> Timestamp {
        self.time.plus_ms(VALID_FOR_MS)
    }

    /// Account and client id of an order that is about to get a command; drains before it has too many.
    fn command_on(&mut self, order: u64) -> (AccountId, ClientId) {
        if self.pending.get(&order).is_some_and(|count| *count >= self.max_pending) {
            self.sync();
        }
        *self.pending.entry(order).or_default() += 1;
        let known = &self.orders[&order];
        (known.account.clone(), known.client_id.clone())
    }

    fn next_id(&mut self, order: u64) -> ClientId {
        self.in_event += 1;
        ClientId::unchecked(&format!("{order}.{}.{}", self.event, self.in_event))
    }
}

/// Order and event of a feed's client id; `None`: no feed made it.
pub fn order_and_event(id: &ClientId) -> Option<(u64, u64)> {
    let mut parts = id.as_str().split('.').map(|part| part.parse::<u64>().ok());
    let (order, event, _) = (parts.next()??, parts.next()??, parts.next()??);
    parts.next().is_none().then_some((order, event))
}
