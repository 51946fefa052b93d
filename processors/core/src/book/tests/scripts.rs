//! Scripts: commands at the margin, what both books say below, indented. One file a theme, one `##` a rule.
//!
//! ```text
//! A1 buy 10 @ 100 [ioc|fok|day] [post] [newest|oldest|both|decrement]    account A's order 1
//! A1 buy market 10 | A1 buy market for 500 [fok ...]
//! amend A1 [@ 101] [total 20]    reduce A1 5    cancel A1    enter PRE_OPEN    end-day
//! fees 1000 2500      maker and taker rates of the orders from here on, millionths; one tick and lot is 1 unit
//! bound 3             an apply stops after so many records; `go on` is the next one
//! book                drawn, asks above bids: price | orders, first to trade first
//! ```
//!
//! A book begins in phase OPEN. `UPDATE_SCRIPTS=1` writes what comes out into the files: read the diff.

use crate::book::order::{AccountIndex, Amend, Command, NewOrder};
use crate::book::{Answer, Book, Event, Events, FastBook, Leaves, NaiveBook, Work};
use crate::ids::OrderId;
use crate::money::{Amount, Price, Quantity};
use crate::records::{Phase, SelfMatchPrevention as Smp, Side, TimeInForce};
use std::fmt::Write;
use std::path::Path;

/// An order's number and its account from its name, `A1`: unique in a rule.
fn order(name: &str) -> (OrderId, AccountIndex) {
    let account = u32::from(name.as_bytes()[0] - b'A');
    let number: u64 = name[1..].parse().unwrap_or_else(|_| panic!("{name:?} is no order"));
    (OrderId(u64::from(account) * 100 + number), AccountIndex(account))
}

fn name(id: OrderId) -> String {
    format!("{}{}", char::from(b'A' + (id.0 / 100) as u8), id.0 % 100)
}

fn number(word: Option<&&str>) -> i64 {
    let word = word.expect("a number follows");
    word.parse().unwrap_or_else(|_| panic!("{word:?} is no number"))
}

/// The number after a word, if the word is there.
fn after(words: &[&str], word: &str) -> Option<i64> {
    let at = words.iter().position(|w| *w == word)?;
    Some(number(words.get(at + 1)))
}

struct Script<B> {
    book: B,
    out: Events,
    fees: (u32, u32),
    bound: usize,
}

impl<B: Book> Script<B> {
    fn new() -> Self {
        let mut script = Self { book: B::new(1), out: Events::new(usize::MAX), fees: (0, 0), bound: usize::MAX };
        script.book.apply(&Command::Enter(Phase::Open), &mut script.out);
        script
    }

    /// Does what a line says and returns what comes of it.
    fn line(&mut self, line: &str) -> String {
        let words: Vec<&str> = line.split_whitespace().collect();
        self.out.reset(self.bound);
        match words[0] {
            "book" => return self.draw(),
            "fees" => self.fees = (number(words.get(1)) as u32, number(words.get(2)) as u32),
            "bound" => self.bound = number(words.get(1)) as usize,
            "go" => self.book.advance(&mut self.out),
            _ => self.book.apply(&self.command(&words), &mut self.out),
        }
        let mut said: String = self.out.list().iter().map(|event| format!("  {}\n", tell(event))).collect();
        if *self.book.work() != Work::Idle {
            said += "  ... more to come\n";
        }
        said
    }

    fn command(&self, words: &[&str]) -> Command {
        let target = || order(words[1]);
        match words[0] {
            "enter" => Command::Enter(Phase::from_name(words[1]).expect("a phase")),
            "end-day" => Command::EndDay,
            "cancel" => Command::Cancel { id: target().0, account: target().1 },
            "reduce" => Command::Reduce { id: target().0, account: target().1, by: Quantity(number(words.get(2))) },
            "amend" => Command::Amend(Amend {
                id: target().0,
                account: target().1,
                price: after(words, "@").map(Price),
                total: after(words, "total").map(Quantity),
            }),
            _ => Command::Place(self.placement(words)),
        }
    }

    fn placement(&self, words: &[&str]) -> NewOrder {
        let (id, account) = order(words[0]);
        let is = |word: &str| words.contains(&word);
        let market = is("market");
        let quantity = words.get(if market { 3 } else { 2 }).and_then(|word| word.parse().ok());
        let modes = [
            ("newest", Smp::CancelNewest),
            ("oldest", Smp::CancelOldest),
            ("both", Smp::CancelBoth),
            ("decrement", Smp::Decrement),
        ];
        let lives = [("ioc", TimeInForce::Ioc), ("fok", TimeInForce::Fok), ("day", TimeInForce::Day)]
            .into_iter()
            .find(|l| is(l.0));
        NewOrder {
            id,
            account,
            side: if is("buy") { Side::Buy } else { Side::Sell },
            price: after(words, "@").map(Price),
            quantity: quantity.map(Quantity),
            amount: after(words, "for").map(Amount),
            time_in_force: lives.map_or(if market { TimeInForce::Ioc } else { TimeInForce::Gtc }, |l| l.1),
            post_only: is("post"),
            self_match_prevention: modes.iter().find(|mode| is(mode.0)).map_or(Smp::None, |mode| mode.1),
            maker_fee_ppm: self.fees.0,
            taker_fee_ppm: self.fees.1,
        }
    }

    fn draw(&self) -> String {
        let mut sides = [Vec::new(), Vec::new()];
        for side in [Side::Buy, Side::Sell] {
            let levels: &mut Vec<(i64, String)> = &mut sides[side.index()];
            self.book.visit(side, &mut |order| {
                let shown = format!(" {}:{}", name(order.id), order.open.0);
                match levels.last_mut() {
                    Some((price, orders)) if *price == order.price.0 => orders.push_str(&shown),
                    _ => levels.push((order.price.0, shown)),
                }
            });
        }
        let row = |(price, orders): &(i64, String)| format!("  {price:>4} |{orders}\n");
        let [bids, asks] = sides;
        let asks: String = asks.iter().rev().map(row).collect();
        asks + "  -----+\n" + &bids.iter().map(row).collect::<String>()
    }
}

fn left(leaves: Leaves) -> String {
    match leaves {
        Leaves::Lots(lots) => format!("leaves {}", lots.0),
        Leaves::Quote(amount) => format!("leaves an amount of {}", amount.0),
    }
}

fn tell(event: &Event) -> String {
    match event {
        Event::Answer(answer) => tell_answer(answer),
        Event::Trade(trade) => {
            let party = |role: &str, p: &crate::book::Party| {
                let fee = if p.fee == 0 { String::new() } else { format!(" fee {}", p.fee) };
                format!("{role} {} {}{fee}", name(p.order), left(p.leaves))
            };
            let (quantity, price) = (trade.quantity.0, trade.price.0);
            format!("TRADE {quantity} @ {price}: {}, {}", party("maker", &trade.maker), party("taker", &trade.taker))
        }
    }
}

fn tell_answer(answer: &Answer) -> String {
    let mut line = format!("{} {}", name(answer.order), answer.outcome);
    if let Some(reason) = answer.reason {
        write!(line, " {reason}").unwrap();
    }
    if let Some(Quantity(total)) = answer.total {
        write!(line, " total {total}").unwrap();
    }
    if let Some(Price(price)) = answer.price {
        write!(line, " @ {price}").unwrap();
    }
    line + " " + &left(answer.leaves)
}

/// The script with what comes out of it in place of what was expected.
fn run<B: Book>(text: &str) -> String {
    let mut script = Script::<B>::new();
    let mut ran = String::new();
    for line in text.lines().filter(|line| !line.starts_with("  ")) {
        writeln!(ran, "{line}").unwrap();
        if line.starts_with("##") {
            script = Script::new();
        } else if !line.is_empty() && !line.starts_with('#') {
            ran += &script.line(line);
        }
    }
    ran
}

/// Both books do what the file expects.
#[track_caller]
fn check(file: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/book/tests/scripts").join(file);
    let expected = std::fs::read_to_string(&path).unwrap();
    let (naive, fast) = (run::<NaiveBook>(&expected), run::<FastBook>(&expected));
    if std::env::var("UPDATE_SCRIPTS").is_ok() {
        std::fs::write(&path, &naive).unwrap();
    }
    for (book, ran) in [("naive", naive), ("fast", fast)] {
        let rules = expected.split("##").zip(ran.split("##"));
        for (expected, ran) in rules {
            assert_eq!(ran, expected, "{file}, {book} book; expected on the right");
        }
        assert_eq!(expected.len(), ran.len(), "{file}, {book} book");
    }
}

#[test]
fn priority() {
    check("priority.txt");
}

#[test]
fn time_in_force() {
    check("time_in_force.txt");
}

#[test]
fn amends() {
    check("amends.txt");
}

#[test]
fn self_match() {
    check("self_match.txt");
}

#[test]
fn phases() {
    check("phases.txt");
}

#[test]
fn amounts_and_fees() {
    check("amounts_and_fees.txt");
}

#[test]
fn bounds() {
    check("bounds.txt");
}
