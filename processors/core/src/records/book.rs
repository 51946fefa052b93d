//! Between holds and the book: held orders one way, settlement legs and answers the other.
//!
//! Invariants:
//! 1. What stands in `books` is held: the account can pay whatever the book may do with it.
//! 2. Every held command gets an answer: a [`BookAnswer`], or settlement legs that imply it (a leg says that the
//!    order was accepted; a leg with `leaves` zero says that it is filled).

use crate::ids::{AccountId, ClientId, OrderId, Symbol, TradeId};
use crate::money::Decimal;
use crate::records::{OrderType, SelfMatchPrevention, Side, TimeInForce, wire_enum};

/// An order whose hold is taken. Fields as in [`crate::records::PlaceOrder`], checked, and the rates it was held with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldOrder {
    /// Its number.
    pub order_id: OrderId,
    /// Whose.
    pub account: AccountId,
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
    /// What happens on meeting the account's own order.
    pub self_match_prevention: SelfMatchPrevention,
    /// The limit.
    pub price: Option<Decimal>,
    /// In base units.
    pub quantity: Option<Decimal>,
    /// In quote units: what a market buy may spend, what a market sell FOK must bring.
    pub amount: Option<Decimal>,
    /// Fee as maker, millionths of the notional.
    pub maker_fee_ppm: u32,
    /// Fee as taker, millionths of the notional.
    pub taker_fee_ppm: u32,
}

/// An amend (`price`, `quantity`: the new total) or a reduction (`reduce_by`) of a held order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldAmend {
    /// The order.
    pub order_id: OrderId,
    /// Whose.
    pub account: AccountId,
    /// Id of the command, for the answer.
    pub client_order_id: ClientId,
    /// Where it rests.
    pub symbol: Symbol,
    /// The new limit.
    pub price: Option<Decimal>,
    /// The new total quantity.
    pub quantity: Option<Decimal>,
    /// How much less; then `price` and `quantity` are absent.
    pub reduce_by: Option<Decimal>,
}

/// A cancel of a held order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldCancel {
    /// The order.
    pub order_id: OrderId,
    /// Whose.
    pub account: AccountId,
    /// Id of the command, for the answer.
    pub client_order_id: ClientId,
    /// Where it rests.
    pub symbol: Symbol,
}

wire_enum! {
    /// Who was in the book first.
    Liquidity { /// Rested.
        Maker = "MAKER", /// Came in.
        Taker = "TAKER" }
}

/// One side of a trade, for the account that pays or receives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettlementLeg {
    /// Whose.
    pub account: AccountId,
    /// Which of its orders.
    pub order_id: OrderId,
    /// What was traded.
    pub symbol: Symbol,
    /// The trade.
    pub trade_id: TradeId,
    /// Bought or sold.
    pub side: Side,
    /// Maker or taker.
    pub liquidity: Liquidity,
    /// At what price.
    pub price: Decimal,
    /// How much, in base.
    pub quantity: Decimal,
    /// The fee charged for this fill, in quote: the order's rounded cumulative fee less what it was charged before.
    pub fee: Decimal,
    /// What stays open after it, in base; for a market buy that names an amount, zero when no further lot is
    /// affordable, otherwise the amount left, in quote.
    pub leaves: Decimal,
}

wire_enum! {
    /// What the book did.
    BookOutcome {
        /// The order rests, unfilled.
        Accepted = "ACCEPTED",
        /// The amend holds: `price` and `quantity` are the order's from here on.
        Amended = "AMENDED",
        /// The amend or cancel was refused (`reason`); the order is as it was, or no longer open.
        Refused = "REFUSED",
        /// The order was reduced by self-match prevention: `quantity` is its new total.
        Decremented = "DECREMENTED",
        /// The order is closed by a cancel, an amend to nothing, or self-match prevention (`reason`).
        Canceled = "CANCELED",
        /// The order is closed: its time in force ended (`reason`).
        Expired = "EXPIRED",
        /// The order never entered the book (`reason`).
        Rejected = "REJECTED",
    }
}

/// What the book did with an order or a command on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookAnswer {
    /// Whose.
    pub account: AccountId,
    /// Which order.
    pub order_id: OrderId,
    /// The amend, reduce or cancel that this answers; absent for the order itself and what nobody asked for.
    pub client_order_id: Option<ClientId>,
    /// Where.
    pub symbol: Symbol,
    /// What happened.
    pub outcome: BookOutcome,
    /// Why.
    pub reason: Option<Reason>,
    /// The order's limit from here on.
    pub price: Option<Decimal>,
    /// The order's total quantity from here on.
    pub quantity: Option<Decimal>,
    /// What stays open, in base (a closed order: what was canceled); of a market buy that names only an amount, the
    /// amount left, in quote.
    pub leaves: Decimal,
}

wire_enum! {
    /// Why something was refused or closed, in order of precedence: of several that apply, the first is given.
    Reason {
        /// A reason that this reader's schema does not know (Avro's enum default).
        Other = "OTHER",
        /// The command arrived after its valid-until.
        Late = "LATE",
        /// Its valid-until is more than 10 minutes ahead.
        ValidUntilTooFar = "VALID_UNTIL_TOO_FAR",
        /// The client id is in use with another valid-until.
        DuplicateClientId = "DUPLICATE_CLIENT_ID",
        /// A cancel for this client order id came before the order did.
        CanceledBefore = "CANCELED_BEFORE",
        /// The account has as many remembered ids as it may have.
        WindowFull = "WINDOW_FULL",
        /// No deposit was ever made to the account.
        UnknownAccount = "UNKNOWN_ACCOUNT",
        /// The asset is not listed.
        UnknownAsset = "UNKNOWN_ASSET",
        /// The symbol is not listed.
        UnknownSymbol = "UNKNOWN_SYMBOL",
        /// The account has no open order of that client order id.
        UnknownOrder = "UNKNOWN_ORDER",
        /// The combination of type, time in force, price, quantity, amount and post-only is not one of the table's.
        InvalidCombination = "INVALID_COMBINATION",
        /// The price is not a whole number of ticks.
        OffTick = "OFF_TICK",
        /// The quantity is not a whole number of lots.
        OffLot = "OFF_LOT",
        /// The amount is not a whole number of the asset's minor units.
        OffUnit = "OFF_UNIT",
        /// The price is outside the instrument's band.
        OutOfBand = "OUT_OF_BAND",
        /// Price × quantity, or the sum after it, does not fit.
        TooLarge = "TOO_LARGE",
        /// Price × quantity is below the instrument's least.
        BelowMinNotional = "BELOW_MIN_NOTIONAL",
        /// The account has as many open orders as it may have.
        TooManyOpenOrders = "TOO_MANY_OPEN_ORDERS",
        /// The order has as many unanswered amends and cancels as it may have.
        TooManyPending = "TOO_MANY_PENDING",
        /// Not enough available (total less held).
        InsufficientBalance = "INSUFFICIENT_BALANCE",
        /// The book: the order is not open any more.
        NotOpen = "NOT_OPEN",
        /// The book: the phase does not allow it.
        Phase = "PHASE",
        /// The book: a post-only order would trade.
        WouldTrade = "WOULD_TRADE",
        /// The book: a fill-or-kill order cannot be filled whole.
        NotFillable = "NOT_FILLABLE",
        /// The book: an immediate order found no more liquidity.
        NoLiquidity = "NO_LIQUIDITY",
        /// The book: a market buy's rest does not pay for another lot.
        AmountSpent = "AMOUNT_SPENT",
        /// The book: self-match prevention.
        SelfMatch = "SELF_MATCH",
        /// The book: the day or the session ended.
        DayEnd = "DAY_END",
        /// The book: the client asked for it.
        Requested = "REQUESTED",
        /// The book: amended to no more than what had filled.
        AmendedToFilled = "AMENDED_TO_FILLED",
    }
}
