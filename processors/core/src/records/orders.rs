//! Commands of members: what producers write to `orders`, and what admission passes on to `accounts`.
//!
//! Invariants:
//! 1. Every command carries `account`, its own client id and `valid_until`; the id and valid-until together are
//!    its identity, and a repeat keeps both.
//! 2. An order is referred to by the client order id that placed it (`orig_client_order_id`, as in FIX).

use crate::ids::{AccountId, ClientId, Symbol};
use crate::money::Decimal;
use crate::records::wire_enum;
use crate::time::Timestamp;

wire_enum! {
    /// Which side of the book.
    Side { /// Buys.
        Buy = "BUY", /// Sells.
        Sell = "SELL" }
}

impl Side {
    /// The other side.
    pub fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }
}

wire_enum! {
    /// Limit or market.
    OrderType { /// Trades at `price` or better.
        Limit = "LIMIT", /// Trades at what the book offers; never rests.
        Market = "MARKET" }
}

wire_enum! {
    /// How long an order lives.
    TimeInForce {
        /// Good till canceled.
        Gtc = "GTC",
        /// Immediate or cancel: what does not trade at once expires.
        Ioc = "IOC",
        /// Fill or kill: trades whole at once or not at all.
        Fok = "FOK",
        /// Good for the day: expires when the instrument closes or its zone's day ends.
        Day = "DAY",
    }
}

wire_enum! {
    /// What happens when an order meets a resting order of the same account.
    SelfMatchPrevention {
        /// They trade.
        None = "NONE",
        /// The incoming order's remainder is canceled.
        CancelNewest = "CANCEL_NEWEST",
        /// The resting order is canceled.
        CancelOldest = "CANCEL_OLDEST",
        /// Both are canceled.
        CancelBoth = "CANCEL_BOTH",
        /// Both lose the lesser of the two open quantities, without a trade; what reaches zero is canceled.
        /// An incoming order that names only an amount has no quantity to lose: its remainder is canceled.
        Decrement = "DECREMENT",
    }
}

/// Places an order. Which of `price`, `quantity` and `amount` must be there:
///
/// | order | price | quantity | amount |
/// | --- | --- | --- | --- |
/// | LIMIT | yes | yes | no |
/// | MARKET BUY | no | no | what it may spend, fees included |
/// | MARKET SELL | no | yes | no |
/// | MARKET BUY FOK | no | yes, to be bought whole | the most it may spend, fees included |
/// | MARKET SELL FOK | no | yes, to be sold whole | optional: the least it must bring, before fees |
///
/// MARKET goes with IOC or FOK; `post_only` goes with LIMIT and GTC or DAY.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceOrder {
    /// Whose order.
    pub account: AccountId,
    /// The order's name, chosen by the client, unique in the account while it is open and until `valid_until`.
    pub client_order_id: ClientId,
    /// After this time the command is refused; at most 10 minutes ahead.
    pub valid_until: Timestamp,
    /// What to trade.
    pub symbol: Symbol,
    /// Buy or sell.
    pub side: Side,
    /// Limit or market.
    pub order_type: OrderType,
    /// How long it lives.
    pub time_in_force: TimeInForce,
    /// Refused rather than take liquidity.
    pub post_only: bool,
    /// What happens on meeting the account's own order; the incoming order's choice counts.
    pub self_match_prevention: SelfMatchPrevention,
    /// The limit, in quote per base.
    pub price: Option<Decimal>,
    /// In base units.
    pub quantity: Option<Decimal>,
    /// In quote units.
    pub amount: Option<Decimal>,
}

/// Gives an open order a new price, a new total quantity, or both. The total is as in FIX: what stays open is
/// the total less what has filled by then; at or below that, the order is canceled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AmendOrder {
    /// Whose order.
    pub account: AccountId,
    /// This command's own id.
    pub client_order_id: ClientId,
    /// After this time the command is refused.
    pub valid_until: Timestamp,
    /// The order's client order id.
    pub orig_client_order_id: ClientId,
    /// The new limit.
    pub price: Option<Decimal>,
    /// The new total.
    pub quantity: Option<Decimal>,
}

/// Takes a quantity off an open order; it keeps its place in the queue. Taking all or more cancels it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReduceOrder {
    /// Whose order.
    pub account: AccountId,
    /// This command's own id.
    pub client_order_id: ClientId,
    /// After this time the command is refused.
    pub valid_until: Timestamp,
    /// The order's client order id.
    pub orig_client_order_id: ClientId,
    /// How much less.
    pub quantity: Decimal,
}

/// Cancels an open order. An id that was never seen is burned for 10 minutes: a place that arrives later is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancelOrder {
    /// Whose order.
    pub account: AccountId,
    /// This command's own id.
    pub client_order_id: ClientId,
    /// After this time the command is refused.
    pub valid_until: Timestamp,
    /// The order's client order id.
    pub orig_client_order_id: ClientId,
}
