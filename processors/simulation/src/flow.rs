//! What members and the operator send: orders that meet, mistakes of every kind, repeats.
//!
//! Left out on purpose: what came of it. A generator that knew would leave out what should not happen.

use crate::random::Random;
use crate::script::Post;
use hoga_core::records::{OrderType, Phase, SelfMatchPrevention, Side, TimeInForce};

/// The last is never funded.
const ACCOUNTS: [&str; 6] = ["a1", "a2", "a3", "b1", "b2", "stranger"];
/// Code, digits, what each account begins with.
const ASSETS: [(&str, u8, &str); 4] = [("KRW", 0, "6000000"), ("BTC", 8, "0.9"), ("ETH", 3, "1.2"), ("USDT", 2, "480")];

/// One instrument: prices and quantities are counts of tick and lot, both counts of 10⁻¹⁰.
struct Market {
    symbol: &'static str,
    assets: (&'static str, &'static str),
    tick: (&'static str, i128),
    lot: (&'static str, i128),
    /// The middle of the prices, in ticks.
    middle: i128,
    min_notional: &'static str,
    band: Option<(&'static str, &'static str)>,
    fees: &'static str,
}

/// Tick x lot is a whole number of minor units. Of `USDT-BTC` a lot's fee is far below one.
const MARKETS: [Market; 3] = [
    Market {
        symbol: "KRW-BTC",
        assets: ("BTC", "KRW"),
        tick: ("1000", 10_000_000_000_000),
        lot: ("0.001", 10_000_000),
        middle: 50_000,
        min_notional: "0",
        band: Some(("49991000", "50009000")),
        fees: "spot",
    },
    Market {
        symbol: "KRW-ETH",
        assets: ("ETH", "KRW"),
        tick: ("500", 5_000_000_000_000),
        lot: ("0.01", 100_000_000),
        middle: 6_000,
        min_notional: "60000",
        band: None,
        fees: "dear",
    },
    Market {
        symbol: "USDT-BTC",
        assets: ("BTC", "USDT"),
        tick: ("0.5", 5_000_000_000),
        lot: ("0.02", 200_000_000),
        middle: 200,
        min_notional: "0",
        band: None,
        fees: "spot",
    },
];

fn text(count: i128) -> String {
    hoga_core::Decimal(count).to_string()
}

impl Market {
    fn price(&self, ticks: i128) -> String {
        text((self.middle + ticks) * self.tick.1)
    }

    fn quantity(&self, lots: i128) -> String {
        text(lots * self.lot.1)
    }

    fn listing(&self, id: String, fees: &str) -> Post {
        Post::List {
            id,
            symbol: self.symbol.into(),
            base: self.assets.0.into(),
            quote: self.assets.1.into(),
            tick: self.tick.0.into(),
            lot: self.lot.0.into(),
            min_notional: self.min_notional.into(),
            min_price: self.band.map(|band| band.0.into()),
            max_price: self.band.map(|band| band.1.into()),
            fees: fees.into(),
        }
    }
}

/// An order as it was sent.
#[derive(Clone)]
struct Placed {
    account: String,
    id: String,
    market: &'static Market,
    ticks: i128,
    lots: i128,
}

/// Makes commands.
pub(crate) struct Flow {
    ids: u32,
    placed: Vec<Placed>,
    closed: Vec<&'static str>,
    ticks: i64,
}

impl Flow {
    pub fn new() -> Self {
        Self { ids: 0, placed: Vec::new(), closed: Vec::new(), ticks: 0 }
    }

    fn id(&mut self, kind: &str) -> String {
        self.ids += 1;
        format!("{kind}{}", self.ids)
    }

    /// Assets, fees, instruments.
    pub fn listings(&mut self) -> Vec<Post> {
        let mut posts: Vec<Post> = Vec::new();
        for (asset, digits, _) in ASSETS {
            posts.push(Post::Asset { id: self.id("x"), asset: asset.into(), digits });
        }
        for (name, maker_ppm, taker_ppm) in [("spot", 150, 350), ("dear", 0, 40_000)] {
            posts.push(Post::Fees { id: self.id("x"), name: name.into(), maker_ppm, taker_ppm });
        }
        for market in &MARKETS {
            let id = self.id("x");
            posts.push(market.listing(id, market.fees));
        }
        posts
    }

    /// Every instrument opens.
    pub fn openings(&mut self) -> Vec<Post> {
        let open = |market: &Market| (market.symbol, Phase::Open);
        MARKETS
            .iter()
            .map(open)
            .map(|(symbol, phase)| Post::Phase { id: self.id("x"), symbol: symbol.into(), phase })
            .collect()
    }

    /// Every account but the last is funded.
    pub fn fundings(&mut self) -> Vec<Post> {
        let mut posts = Vec::new();
        for account in &ACCOUNTS[..ACCOUNTS.len() - 1] {
            for (asset, _, amount) in ASSETS {
                let (account, asset, amount) = ((*account).into(), asset.into(), amount.into());
                posts.push(Post::Deposit { account, id: self.id("d"), valid_ms: 500_000, asset, amount });
            }
        }
        posts
    }

    /// A member's command, or a deposit or withdrawal.
    pub fn command(&mut self, random: &mut Random) -> Post {
        let account = if random.chance(15) { ACCOUNTS[5] } else { ACCOUNTS[random.below(5) as usize] }.to_owned();
        let valid_ms = match random.below(100) {
            0..6 => random.between(1, 400),
            6..8 => random.between(590_000, 720_000),
            _ => random.between(2_000, 120_000),
        };
        match random.below(100) {
            0..66 => self.place(random, account, valid_ms),
            66..78 => self.amend(random, valid_ms),
            78..83 => {
                let Placed { account, id: orig, market, .. } = self.target(random);
                let quantity = market.quantity(i128::from(random.between(0, 3)));
                Post::Reduce { account, id: self.id("r"), valid_ms, orig, quantity }
            }
            83..94 => {
                let Placed { account, id: orig, .. } = self.target(random);
                Post::Cancel { account, id: self.id("c"), valid_ms, orig }
            }
            94..96 => {
                // Cancels an id that comes later, or never.
                let orig = format!("o{}", self.ids + 1 + random.below(3) as u32);
                Post::Cancel { account, id: self.id("c"), valid_ms, orig }
            }
            96..99 => self.transfer(random, account, valid_ms),
            _ => Post::Junk { account, bytes: 1 + random.below(40) as u8 },
        }
    }

    /// An order that was placed before, more often a late one than an early one.
    fn target(&self, random: &mut Random) -> Placed {
        if self.placed.is_empty() {
            let (account, id) = (ACCOUNTS[0].into(), "o1".into());
            return Placed { account, id, market: &MARKETS[0], ticks: 0, lots: 1 };
        }
        let last = self.placed.len() as u64 - 1;
        let back = random.below(12).min(random.below(last + 1));
        self.placed[(last - back) as usize].clone()
    }

    fn place(&mut self, random: &mut Random, account: String, valid_ms: i64) -> Post {
        let market = random.pick(&MARKETS);
        let side = *random.pick(Side::ALL);
        let id = if random.chance(30) && !self.placed.is_empty() { self.target(random).id } else { self.id("o") };
        let (lots, ticks) = (i128::from(random.between(1, 7)), i128::from(random.between(-4, 5)));
        self.placed.push(Placed { account: account.clone(), id: id.clone(), market, ticks, lots });
        let order_type = if random.chance(90) { OrderType::Market } else { OrderType::Limit };
        let time_in_force = match (order_type, random.below(100)) {
            (OrderType::Market, 0..60) => TimeInForce::Ioc,
            (OrderType::Market, _) => TimeInForce::Fok,
            (_, 0..62) => TimeInForce::Gtc,
            (_, 62..80) => TimeInForce::Day,
            (_, 80..90) => TimeInForce::Ioc,
            _ => TimeInForce::Fok,
        };
        let fok = time_in_force == TimeInForce::Fok;
        let (limit, buys) = (order_type == OrderType::Limit, side == Side::Buy);
        let price = limit.then(|| market.price(ticks));
        let quantity = (limit || !buys || fok).then(|| market.quantity(lots));
        let spends = (!limit && buys) || (!limit && fok && random.chance(500));
        let amount = spends.then(|| market.amount(lots, random));
        let may_rest = matches!(time_in_force, TimeInForce::Gtc | TimeInForce::Day);
        let place = Post::Place {
            account,
            id,
            valid_ms,
            symbol: market.symbol.into(),
            side,
            order_type,
            time_in_force,
            post_only: limit && may_rest && random.chance(100),
            self_match: if random.chance(400) {
                SelfMatchPrevention::None
            } else {
                *random.pick(SelfMatchPrevention::ALL)
            },
            price,
            quantity,
            amount,
        };
        if random.chance(40) { mistaken(place, market, random) } else { place }
    }

    fn amend(&mut self, random: &mut Random, valid_ms: i64) -> Post {
        let Placed { account, id: orig, market, ticks, lots } = self.target(random);
        // Some in another instrument's units.
        let market = if random.chance(60) { random.pick(&MARKETS) } else { market };
        let ticks = if random.chance(300) { ticks } else { i128::from(random.between(-4, 5)) };
        let price = random.chance(600).then(|| market.price(ticks));
        // More often more than less: what is filled counts too.
        let lots = (lots + i128::from(random.between(-3, 5))).max(1);
        let quantity = (price.is_none() || random.chance(600)).then(|| market.quantity(lots));
        Post::Amend { account, id: self.id("m"), valid_ms, orig, price, quantity }
    }

    fn transfer(&mut self, random: &mut Random, account: String, valid_ms: i64) -> Post {
        let (asset, digits, _) = *random.pick(&ASSETS);
        let asset = if random.chance(50) { "XRP".to_owned() } else { asset.to_owned() };
        let unit = 10i128.pow(10 - u32::from(digits));
        let amount = match random.below(10) {
            0 => text(unit / 10 + 1),
            1..4 => text(unit * i128::from(random.between(1, 500_000_000))),
            _ => text(unit * i128::from(random.between(1, 100_000))),
        };
        if random.chance(500) {
            Post::Deposit { account, id: self.id("d"), valid_ms, asset, amount }
        } else {
            Post::Withdraw { account, id: self.id("w"), valid_ms, asset, amount }
        }
    }

    /// A command of the operator. A symbol that is not open opens again sooner than another closes.
    pub fn operation(&mut self, random: &mut Random) -> Post {
        let id = self.id("x");
        if let Some(symbol) = self.closed.pop()
            && random.chance(900)
        {
            return Post::Phase { id, symbol: symbol.into(), phase: Phase::Open };
        }
        let market = random.pick(&MARKETS);
        match random.below(10) {
            0..6 => {
                self.closed.push(market.symbol);
                Post::Phase { id, symbol: market.symbol.into(), phase: *random.pick(Phase::ALL) }
            }
            6 => {
                let ppm = random.between(0, 3_000) as u32;
                Post::Fees { id, name: "spot".into(), maker_ppm: ppm, taker_ppm: ppm * 2 }
            }
            7 => market.listing(id, ["spot", "dear", "unknown"][random.below(3) as usize]),
            8 => Post::Phase { id, symbol: "NO-SUCH".into(), phase: Phase::Open },
            // An id that was used for something else.
            _ => Post::Asset {
                id: format!("x{}", 1 + random.below(u64::from(self.ids))),
                asset: "KRW".into(),
                digits: 3,
            },
        }
    }

    /// A trade of an outside venue, some of them long ago.
    pub fn tick(&mut self, random: &mut Random) -> Post {
        self.ticks += 1;
        let market = random.pick(&MARKETS);
        let ago_ms = match random.below(10) {
            0..7 => random.between(0, 100),
            7..9 => random.between(500, 6_000),
            _ => random.between(-70_000, 300_000),
        };
        Post::Tick {
            symbol: market.symbol.into(),
            venue: (*random.pick(&["upbit", "krx"])).into(),
            sequence: self.ticks,
            ago_ms,
            price: market.price(i128::from(random.between(-4, 5))),
            quantity: market.quantity(i128::from(random.between(1, 7))),
        }
    }
}

impl Market {
    /// About what so many lots cost.
    fn amount(&self, lots: i128, random: &mut Random) -> String {
        let digits = ASSETS.iter().find(|(asset, ..)| *asset == self.assets.1).expect("its quote is listed").1;
        let unit = 10i128.pow(10 - u32::from(digits));
        let about = self.middle * self.tick.1 / 10_000_000_000 * lots * self.lot.1;
        let off = about / 100 * i128::from(random.between(-3, 8));
        text((about + off) / unit * unit)
    }
}

/// A place with a mistake in it.
fn mistaken(place: Post, market: &Market, random: &mut Random) -> Post {
    let Post::Place { account, id, valid_ms, symbol, side, order_type, time_in_force, post_only, self_match, .. } =
        &place
    else {
        return place;
    };
    let Post::Place { price, quantity, amount, .. } = &place else { return place };
    let (mut symbol, mut price, mut quantity, mut amount) =
        (symbol.clone(), price.clone(), quantity.clone(), amount.clone());
    let mut account = account.clone();
    match random.below(8) {
        0 => price = price.map(|_| text(market.middle * market.tick.1 + 7)),
        1 => quantity = quantity.map(|_| text(market.lot.1 + 1)),
        2 => amount = Some("1".into()),
        3 => symbol = "NO-SUCH".into(),
        4 => price = Some(market.price(25)),
        5 => quantity = Some(market.quantity(10_000)),
        6 => account = "no account".into(),
        _ => amount = amount.map(|_| "0.0000001".into()),
    }
    let (id, valid_ms, side, order_type, time_in_force) = (id.clone(), *valid_ms, *side, *order_type, *time_in_force);
    let (post_only, self_match) = (*post_only, *self_match);
    Post::Place {
        account,
        id,
        valid_ms,
        symbol,
        side,
        order_type,
        time_in_force,
        post_only,
        self_match,
        price,
        quantity,
        amount,
    }
}
