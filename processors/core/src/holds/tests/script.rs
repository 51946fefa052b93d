//! Scripts: files of `scripts/`, one command a line, and under it, after `>`, what it must bring about. [`check`]
//! plays the commands and compares the whole transcript. With `UPDATE_SCRIPTS=1` it writes the transcript into the
//! file instead: read the difference before you keep it.
//!
//! After every command the invariants are checked, and the machine goes on as one loaded from its saved bytes.
//!
//! Words after the fixed ones are `name=value`; `until=+60000` is relative to the time, and the default.
//! A script with the comment `# small` has bounds of 3 open orders, 8 client ids and 2 pending commands.

use crate::holds::Holds;
use crate::machine::{Body, Effects, Input, Machine, Topic};
use crate::records::*;
use crate::{AccountId, AssetCode, ClientId, Decimal, OrderId, Settings, Symbol, Timestamp, TradeId};
use std::collections::BTreeMap;
use std::fmt::Write;

/// What most scripts begin with: KRW without decimals, BTC with 8, fees of 0.05 % and 0.1 %, tick 100, lot 0.01.
pub const MARKET: &str = "
    asset KRW 0
    asset BTC 8
    fees standard 500 1000
    list KRW-BTC BTC KRW tick=100 lot=0.01 min=5000 fees=standard
";

/// Settings with small bounds.
pub fn small() -> Settings {
    Settings { max_open_orders: 3, max_client_ids: 8, max_pending: 2, ..Settings::default() }
}

/// A machine that plays scripts.
pub struct Player {
    pub holds: Holds,
    settings: Settings,
    pub time: i64,
    late_by: i64,
    offset: u64,
}

/// Plays a script on the default market.
#[track_caller]
pub fn check(name: &str) {
    let path = format!("{}/src/holds/tests/scripts/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    let script = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut player = Player::new(if script.contains("# small") { small() } else { Settings::default() });
    player.play(MARKET);
    let came = player.play(&script);
    if std::env::var_os("UPDATE_SCRIPTS").is_some() {
        std::fs::write(&path, &came).unwrap();
    }
    let tidy = |text: &str| text.lines().map(str::trim).filter(|l| !l.is_empty()).collect::<Vec<_>>().join("\n");
    let (expected, came) = (tidy(&script), tidy(&came));
    let differs = expected.lines().zip(came.lines()).find(|(e, c)| e != c);
    assert!(expected == came, "{name}: first difference {differs:#?}\nthe whole transcript is:\n{came}");
}

impl Player {
    pub fn new(settings: Settings) -> Self {
        let holds = Holds::new(0, &settings);
        Self { holds, settings, time: 1_000_000, late_by: 0, offset: 0 }
    }

    /// Plays the lines that are commands; gives the transcript.
    pub fn play(&mut self, script: &str) -> String {
        let mut transcript = String::new();
        for line in script.lines().map(str::trim).filter(|l| !l.starts_with('>')) {
            writeln!(transcript, "{line}").unwrap();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            for shown in self.line(line) {
                writeln!(transcript, "    > {shown}").unwrap();
            }
        }
        transcript
    }

    fn line(&mut self, line: &str) -> Vec<String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[0] {
            "wait" => self.time += words[1].parse::<i64>().unwrap(),
            "append-late-by" => self.late_by = words[1].parse().unwrap(),
            "balances" => return self.balances(),
            "ledger" => return self.ledger(),
            "ids" => return vec![format!("{} of {} accounts", self.holds.sizes().0, self.holds.sizes().1)],
            _ => {
                let record = self.record(&words);
                return self.apply(&record);
            }
        }
        Vec::new()
    }

    /// Applies a record; what came of it, one line an effect.
    pub fn apply(&mut self, record: &Record) -> Vec<String> {
        let mut effects = Effects::default();
        let input = Input {
            offset: self.offset,
            time: Timestamp(self.time),
            append_time: Timestamp(self.time + self.late_by),
            key: b"",
            value: b"",
            body: Body::Record(record),
        };
        self.offset += 1;
        if let Err(stop) = self.holds.apply(&input, &mut effects) {
            return vec![format!("STOP {stop}")];
        }
        self.holds.check_invariants();
        self.reload();
        effects.drain().map(|effect| show(effect.topic, &effect.record)).collect()
    }

    /// Goes on with a machine that was loaded from this one's bytes.
    pub fn reload(&mut self) {
        let saved = self.holds.save();
        let mut loaded = Holds::new(0, &self.settings);
        loaded.load(&saved).expect("saved bytes load");
        assert!(loaded.save() == saved, "loaded and saved again, the bytes differ");
        self.holds = loaded;
    }

    fn balances(&self) -> Vec<String> {
        let show =
            |b: crate::holds::BalanceView| format!("{} {} total {} held {}", b.account, b.asset, b.total, b.held);
        self.holds.balances().map(show).collect()
    }

    fn ledger(&self) -> Vec<String> {
        self.holds.ledger_totals().map(|(ledger, asset, total)| format!("{asset} {ledger} {total}")).collect()
    }

    fn record(&self, words: &[&str]) -> Record {
        let options: BTreeMap<&str, &str> = words.iter().filter_map(|w| w.split_once('=')).collect();
        let w = |n: usize| words[n];
        let has = |word: &str| words.contains(&word);
        let decimal = |name: &str| options.get(name).map(|v| v.parse::<Decimal>().unwrap());
        let valid_until = match options.get("until") {
            None => Timestamp(self.time + 60_000),
            Some(text) => match text.strip_prefix('+') {
                Some(ahead) => Timestamp(self.time + ahead.parse::<i64>().unwrap()),
                None => Timestamp(text.parse().unwrap()),
            },
        };
        let (account, id) = (|| AccountId::unchecked(w(1)), |n: usize| ClientId::unchecked(w(n)));
        let command_id = ClientId::unchecked("operator");
        match w(0) {
            "asset" => {
                AssetListing { command_id, asset: AssetCode::unchecked(w(1)), digits: w(2).parse().unwrap() }.into()
            }
            "fees" => FeeSchedule {
                command_id,
                name: id(1),
                maker_fee_ppm: w(2).parse().unwrap(),
                taker_fee_ppm: w(3).parse().unwrap(),
            }
            .into(),
            "list" => InstrumentListing {
                command_id,
                symbol: Symbol::unchecked(w(1)),
                base: AssetCode::unchecked(w(2)),
                quote: AssetCode::unchecked(w(3)),
                tick: decimal("tick").unwrap(),
                lot: decimal("lot").unwrap(),
                min_notional: decimal("min").unwrap_or_default(),
                min_price: decimal("low"),
                max_price: decimal("high"),
                fee_schedule: ClientId::unchecked(options["fees"]),
                utc_offset_min: 540,
            }
            .into(),
            "rules" => RulesVersion { command_id, version: w(1).parse().unwrap() }.into(),
            "clock" => Clock { time: Timestamp(self.time) }.into(),
            "deposit" | "withdraw" => {
                let (account, client_id, asset) = (account(), id(2), AssetCode::unchecked(w(3)));
                let amount = w(4).parse().unwrap();
                match w(0) {
                    "deposit" => Deposit { account, client_id, valid_until, asset, amount }.into(),
                    _ => Withdrawal { account, client_id, valid_until, asset, amount }.into(),
                }
            }
            "place" => PlaceOrder {
                account: account(),
                client_order_id: id(2),
                valid_until,
                symbol: Symbol::unchecked(w(3)),
                side: Side::from_name(w(4)).unwrap(),
                order_type: OrderType::from_name(w(5)).unwrap(),
                time_in_force: TimeInForce::from_name(w(6)).unwrap(),
                post_only: has("post-only"),
                self_match_prevention: SelfMatchPrevention::None,
                price: decimal("price"),
                quantity: decimal("qty"),
                amount: decimal("amount"),
            }
            .into(),
            "amend" => AmendOrder {
                account: account(),
                client_order_id: id(2),
                valid_until,
                orig_client_order_id: id(3),
                price: decimal("price"),
                quantity: decimal("qty"),
            }
            .into(),
            "reduce" => ReduceOrder {
                account: account(),
                client_order_id: id(2),
                valid_until,
                orig_client_order_id: id(3),
                quantity: decimal("qty").unwrap(),
            }
            .into(),
            "cancel" => {
                let (client_order_id, orig_client_order_id) = (id(2), id(3));
                CancelOrder { account: account(), client_order_id, valid_until, orig_client_order_id }.into()
            }
            "leg" => SettlementLeg {
                account: account(),
                order_id: order_id(w(2)),
                symbol: Symbol::unchecked(options.get("symbol").unwrap_or(&"KRW-BTC")),
                trade_id: TradeId::new(0, self.offset + 1),
                side: Side::from_name(w(3)).unwrap(),
                liquidity: Liquidity::from_name(w(4)).unwrap(),
                price: decimal("price").unwrap(),
                quantity: decimal("qty").unwrap(),
                fee: decimal("fee").unwrap_or_default(),
                leaves: decimal("leaves").unwrap_or_default(),
            }
            .into(),
            "answer" => BookAnswer {
                account: account(),
                order_id: order_id(w(2)),
                outcome: BookOutcome::from_name(w(3)).unwrap(),
                client_order_id: options.get("id").map(|id| ClientId::unchecked(id)),
                symbol: Symbol::unchecked("KRW-BTC"),
                reason: options.get("reason").map(|name| Reason::from_name(name).unwrap()),
                price: decimal("price"),
                quantity: decimal("qty"),
                leaves: decimal("leaves").unwrap_or_default(),
            }
            .into(),
            other => panic!("no such command: {other}"),
        }
    }
}

fn order_id(text: &str) -> OrderId {
    let (partition, count) = text.split_once('-').unwrap();
    OrderId::new(partition.parse().unwrap(), count.parse().unwrap())
}

/// An effect as one line.
pub fn show(topic: Topic, record: &Record) -> String {
    let mut text = String::new();
    let option = |text: &mut String, name: &str, value: Option<&dyn std::fmt::Display>| {
        if let Some(value) = value {
            write!(text, " {name}={value}").unwrap();
        }
    };
    let display = |value: &'_ Option<Decimal>| value.map(|v| v.to_string());
    match record {
        Record::OrderEvent(e) => {
            assert_eq!(topic, Topic::OrderEvents);
            write!(text, "{}", e.event).unwrap();
            if e.status.name() != e.event.name() {
                write!(text, " ({})", e.status).unwrap();
            }
            option(&mut text, "order", e.order_id.as_ref().map(|id| id as _));
            if let Some(reason) = e.reason {
                write!(text, " {reason}").unwrap();
            }
            if let Some(detail) = &e.detail {
                write!(text, ": {detail}").unwrap();
                return text;
            }
            option(&mut text, "by", e.command_id.as_ref().map(|id| id as _));
            option(&mut text, "price", display(&e.price).as_ref().map(|v| v as _));
            option(&mut text, "qty", display(&e.quantity).as_ref().map(|v| v as _));
            option(&mut text, "amount", display(&e.amount).as_ref().map(|v| v as _));
            if e.filled != Decimal::ZERO {
                write!(text, " filled={} for {} fee {}", e.filled, e.filled_amount, e.fee).unwrap();
            }
            write!(text, " held={}", e.held).unwrap();
        }
        Record::CommandRefused(e) => {
            assert_eq!(topic, Topic::OrderEvents);
            write!(text, "REFUSED {} {} {}", e.command, e.client_id, e.reason).unwrap();
            if let Some(detail) = &e.detail {
                write!(text, ": {detail}").unwrap();
            }
        }
        Record::JournalEntry(e) => {
            assert_eq!(topic, Topic::Journal);
            write!(text, "JOURNAL {} {}", e.entry, e.kind).unwrap();
            for p in &e.postings {
                write!(text, " | {} {} {} -> {}", p.ledger, p.asset, p.amount, p.balance).unwrap();
            }
        }
        Record::HeldOrder(e) => {
            assert_eq!(topic, Topic::Books);
            write!(text, "to book: order {} {} {}", e.order_id, e.maker_fee_ppm, e.taker_fee_ppm).unwrap();
        }
        Record::HeldAmend(e) => {
            assert_eq!(topic, Topic::Books);
            write!(text, "to book: {} {}", e.client_order_id, e.order_id).unwrap();
            option(&mut text, "price", display(&e.price).as_ref().map(|v| v as _));
            option(&mut text, "qty", display(&e.quantity).as_ref().map(|v| v as _));
            option(&mut text, "less", display(&e.reduce_by).as_ref().map(|v| v as _));
        }
        Record::HeldCancel(e) => {
            assert_eq!(topic, Topic::Books);
            write!(text, "to book: {} cancels {}", e.client_order_id, e.order_id).unwrap();
        }
        other => panic!("holds does not write {}", other.kind()),
    }
    text
}
