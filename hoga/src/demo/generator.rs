//! A seeded market: who trades in the demo, and what they send.
//!
//! Invariants:
//! 1. The same seed gives the same commands, but for their ids' prefix and their times.
//! 2. What it sends keeps tick, lot and least notional; whether it is affordable, or its order still open, is for
//!    the exchange to say.

use hoga_core::records::{
    AssetListing, CancelOrder, Deposit, FeeSchedule, InstrumentListing, OrderType, Phase, PhaseChange, PlaceOrder,
    SelfMatchPrevention, Side, TimeInForce,
};
use hoga_core::{AccountId, AssetCode, ClientId, Decimal, Record, Symbol, Timestamp};
use hoga_simulation::Random;

/// How many accounts trade.
pub const ACCOUNTS: u32 = 1_000;
/// The name of the demo's fee schedule.
const FEES: &str = "standard";
/// Of the orders sent last, so many may be picked for a cancel.
const CANCEL_FROM: usize = 4_096;

struct Market {
    symbol: &'static str,
    base: &'static str,
    digits: u8,
    tick: i64,
    /// The lot, as a count of the base's minor units.
    lot: i64,
    start_ticks: i64,
    max_lots: u64,
    funding: i64,
}

/// Two coins and a share, all against KRW. Tick × lot is a whole number of won.
const MARKETS: [Market; 3] = [
    Market {
        symbol: "KRW-BTC",
        base: "BTC",
        digits: 8,
        tick: 1_000,
        lot: 100_000,
        start_ticks: 95_000,
        max_lots: 50,
        funding: 100,
    },
    Market {
        symbol: "KRW-ETH",
        base: "ETH",
        digits: 8,
        tick: 1_000,
        lot: 1_000_000,
        start_ticks: 4_500,
        max_lots: 100,
        funding: 1_000,
    },
    Market {
        symbol: "005930",
        base: "005930",
        digits: 0,
        tick: 100,
        lot: 1,
        start_ticks: 720,
        max_lots: 200,
        funding: 100_000,
    },
];
const KRW_FUNDING: i64 = 10_000_000_000;

/// Makes the commands of one run of the demo.
pub struct Generator {
    random: Random,
    run: u64,
    sent: u64,
    mids: [i64; MARKETS.len()],
    recent: Vec<(AccountId, ClientId)>,
    accounts: Vec<AccountId>,
}

impl Generator {
    /// The `run`-th run in a data folder, with that seed.
    pub fn new(seed: u64, run: u64) -> Self {
        let account = |number| AccountId::unchecked(&format!("demo-{number:04}"));
        Self {
            random: Random::new(seed ^ run.wrapping_mul(0xa076_1d64_78bd_642f)),
            run,
            sent: 0,
            mids: MARKETS.map(|market| market.start_ticks),
            recent: Vec::with_capacity(CANCEL_FROM),
            accounts: (0..ACCOUNTS).map(account).collect(),
        }
    }

    /// What the operator lists before the first trade: assets, fees, instruments, and their opening.
    pub fn listings(&self) -> Vec<Record> {
        let id = |what: &str| ClientId::unchecked(&format!("demo-{what}"));
        let asset = |code: &str, digits| {
            Record::from(AssetListing { command_id: id(code), asset: AssetCode::unchecked(code), digits })
        };
        let mut list = vec![asset("KRW", 0)];
        list.extend(MARKETS.iter().map(|market| asset(market.base, market.digits)));
        let name = ClientId::unchecked(FEES);
        list.push(FeeSchedule { command_id: id("fees"), name, maker_fee_ppm: 200, taker_fee_ppm: 500 }.into());
        for market in &MARKETS {
            let symbol = Symbol::unchecked(market.symbol);
            list.push(market.listing(id(&format!("list-{symbol}"))).into());
            let command_id = id(&format!("open-{symbol}"));
            list.push(PhaseChange { command_id, symbol, phase: Phase::Open }.into());
        }
        list
    }

    /// What members bring in: won and some of each base.
    pub fn deposits(&self, valid_until: Timestamp) -> impl Iterator<Item = Record> + '_ {
        let funds = std::iter::once(("KRW", KRW_FUNDING)).chain(MARKETS.iter().map(|m| (m.base, m.funding)));
        let funds: Vec<_> = funds.collect();
        self.accounts.iter().flat_map(move |account| {
            funds.clone().into_iter().map(move |(asset, amount)| {
                let client_id = ClientId::unchecked(&format!("fund-{asset}"));
                let (asset, amount) = (AssetCode::unchecked(asset), Decimal::from_int(amount));
                Deposit { account: account.clone(), client_id, valid_until, asset, amount }.into()
            })
        })
    }

    /// The next command: an order, or now and then (one in ten) a cancel of an earlier one.
    pub fn next(&mut self, valid_until: Timestamp) -> Record {
        if self.recent.len() == CANCEL_FROM && self.random.below(11) == 0 {
            return self.cancel(valid_until).into();
        }
        self.order(valid_until).into()
    }

    /// How many orders it has made.
    pub fn orders(&self) -> u64 {
        self.sent
    }

    /// The client order id of the `number`-th order (from 0) of a run.
    pub fn id(run: u64, number: u64) -> ClientId {
        ClientId::unchecked(&format!("r{run}-{number}"))
    }

    fn cancel(&mut self, valid_until: Timestamp) -> CancelOrder {
        let (account, orig_client_order_id) = self.recent[self.random.below(CANCEL_FROM as u64) as usize].clone();
        let client_order_id = ClientId::unchecked(&format!("c{}-{:x}", self.run, self.random.bits()));
        CancelOrder { account, client_order_id, valid_until, orig_client_order_id }
    }

    fn order(&mut self, valid_until: Timestamp) -> PlaceOrder {
        let which = self.random.below(MARKETS.len() as u64) as usize;
        let market = &MARKETS[which];
        let side = if self.random.below(2) == 0 { Side::Buy } else { Side::Sell };
        let account = self.accounts[self.random.below(u64::from(ACCOUNTS)) as usize].clone();
        let client_order_id = Self::id(self.run, self.sent);
        self.remember(account.clone(), client_order_id.clone());
        let lots = 1 + self.random.below(market.max_lots) as i64;
        let mid = self.drift(which);
        let mut order = PlaceOrder {
            account,
            client_order_id,
            valid_until,
            symbol: Symbol::unchecked(market.symbol),
            side,
            order_type: OrderType::Limit,
            time_in_force: TimeInForce::Gtc,
            post_only: false,
            self_match_prevention: SelfMatchPrevention::CancelNewest,
            price: None,
            quantity: Some(market.quantity(lots)),
            amount: None,
        };
        // Of a hundred orders: 66 rest near the middle, 24 cross it, 5 are immediate, 3 at the market, 2 post-only.
        let (kind, depth) = (self.random.below(100), self.random.below(20) as i64);
        let ticks = if !(66..98).contains(&kind) { -1 - depth } else { depth / 4 };
        order.price = Some(market.price(if side == Side::Buy { mid + ticks } else { mid - ticks }));
        match kind {
            90..95 => order.time_in_force = TimeInForce::Ioc,
            95..98 => market.make_market_order(&mut order, lots, mid),
            98.. => order.post_only = true,
            _ => {}
        }
        order
    }

    fn remember(&mut self, account: AccountId, id: ClientId) {
        let at = (self.sent % CANCEL_FROM as u64) as usize;
        self.sent += 1;
        if at == self.recent.len() { self.recent.push((account, id)) } else { self.recent[at] = (account, id) }
    }

    /// The middle: one tick up or down every 16 orders or so, within a tenth of where it began.
    fn drift(&mut self, which: usize) -> i64 {
        let start = MARKETS[which].start_ticks;
        let step = match self.random.below(32) {
            0 => 1,
            1 => -1,
            _ => 0,
        };
        self.mids[which] = (self.mids[which] + step).clamp(start - start / 10, start + start / 10);
        self.mids[which]
    }
}

impl Market {
    fn listing(&self, command_id: ClientId) -> InstrumentListing {
        InstrumentListing {
            command_id,
            symbol: Symbol::unchecked(self.symbol),
            base: AssetCode::unchecked(self.base),
            quote: AssetCode::unchecked("KRW"),
            tick: Decimal::from_int(self.tick),
            lot: Decimal::from_units(self.lot, self.digits),
            min_notional: Decimal::ZERO,
            min_price: None,
            max_price: None,
            fee_schedule: ClientId::unchecked(FEES),
            utc_offset_min: 540,
        }
    }

    fn quantity(&self, lots: i64) -> Decimal {
        Decimal::from_units(self.lot * lots, self.digits)
    }

    fn price(&self, ticks: i64) -> Decimal {
        Decimal::from_int(self.tick * ticks)
    }

    /// A market sell gives its quantity, a market buy what it may spend: here, about what the quantity costs.
    fn make_market_order(&self, order: &mut PlaceOrder, lots: i64, mid: i64) {
        order.order_type = OrderType::Market;
        order.time_in_force = TimeInForce::Ioc;
        order.price = None;
        if order.side == Side::Buy {
            order.quantity = None;
            let won_per_lot_and_tick = Decimal::from_units(self.lot, self.digits).times(self.tick);
            let amount = won_per_lot_and_tick.and_then(|unit| unit.times(mid * lots));
            order.amount = Some(amount.expect("the demo's amounts are far below 28 digits"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_orders_and_another_seed_others() {
        let orders = |seed| {
            let mut generator = Generator::new(seed, 1);
            (0..20_000).map(move |_| generator.next(Timestamp(0))).collect::<Vec<_>>()
        };
        assert_eq!(orders(7), orders(7));
        assert_ne!(orders(7), orders(8));
        let cancels = orders(7).iter().filter(|record| matches!(record, Record::CancelOrder(_))).count();
        assert!((1_000..2_000).contains(&cancels), "{cancels} cancels");
    }

    #[test]
    fn ticks_times_lots_are_whole_won() {
        for market in &MARKETS {
            let unit = Decimal::from_units(market.lot, market.digits).times(market.tick).unwrap();
            assert!(unit.to_units(0).is_some_and(|won| won > 0), "{}", market.symbol);
        }
    }
}
