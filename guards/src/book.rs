//! Commands on one book: of a hundred 72 move an order, 12 place one, 12 cancel, 4 reduce: about as in recorded flow. A tenth
//! of the moves and places trade.

use hoga_core::book::{AccountIndex, Amend, Book, Command, Events, FastBook, NewOrder};
use hoga_core::records::{Phase, SelfMatchPrevention, Side, TimeInForce};
use hoga_core::{OrderId, Price, Quantity};
use hoga_simulation::Random;

/// Commands of one run.
pub const COMMANDS: usize = 20_000;
/// Orders that rest before.
const RESTING: u64 = 1_000;
const MID: i64 = 10_000;
const DEPTH: u64 = 100;
const ACCOUNTS: u64 = 1_000;

/// A book, and commands for it.
#[derive(Debug)]
pub struct BookWork {
    book: FastBook,
    out: Events,
    commands: Vec<Command>,
}

#[derive(Clone, Copy)]
struct Known {
    id: OrderId,
    account: AccountIndex,
    side: Side,
}

impl BookWork {
    /// A book with orders, which has carried out as many commands as a run has, so that its memory has grown.
    #[must_use]
    pub fn new() -> Self {
        let (mut random, mut known) = (Random::new(1), Vec::new());
        let mut work = Self { book: FastBook::new(1), out: Events::new(usize::MAX), commands: Vec::new() };
        work.book.apply(&Command::Enter(Phase::Open), &mut work.out);
        work.commands = (0..RESTING).map(|_| place(&mut random, &mut known, false)).collect();
        work.run();
        for _ in 0..2 {
            work.commands = (0..COMMANDS).map(|_| command(&mut random, &mut known)).collect();
            work.run();
        }
        work.commands = (0..COMMANDS).map(|_| command(&mut random, &mut known)).collect();
        work
    }

    /// Carries out the commands; how many events came of it.
    pub fn run(&mut self) -> usize {
        let mut events = 0;
        for command in &self.commands {
            self.out.reset(usize::MAX);
            self.book.apply(command, &mut self.out);
            events += self.out.list().len();
        }
        events
    }
}

impl Default for BookWork {
    fn default() -> Self {
        Self::new()
    }
}

fn command(random: &mut Random, known: &mut Vec<Known>) -> Command {
    let kind = random.below(100);
    if kind >= 88 || known.is_empty() {
        let crosses = random.below(10) == 0;
        return place(random, known, crosses);
    }
    let at = random.below(known.len() as u64) as usize;
    let Known { id, account, side } = known[at];
    match kind {
        0..72 => Command::Amend(Amend { id, account, price: Some(price(random, side)), total: None }),
        72..84 => {
            known.swap_remove(at);
            Command::Cancel { id, account }
        }
        _ => Command::Reduce { id, account, by: Quantity(1) },
    }
}

fn place(random: &mut Random, known: &mut Vec<Known>, crosses: bool) -> Command {
    let side = if random.below(2) == 0 { Side::Buy } else { Side::Sell };
    let id = OrderId::new(0, random.below(1 << 40) + 1);
    let account = AccountIndex(random.below(ACCOUNTS) as u32);
    known.push(Known { id, account, side });
    let away = if crosses { -3 } else { 1 + random.below(DEPTH) as i64 };
    Command::Place(NewOrder {
        id,
        account,
        side,
        price: Some(Price(if side == Side::Buy { MID - away } else { MID + away })),
        quantity: Some(Quantity(1 + random.below(20) as i64)),
        amount: None,
        time_in_force: TimeInForce::Gtc,
        post_only: false,
        self_match_prevention: SelfMatchPrevention::None,
        maker_fee_ppm: 200,
        taker_fee_ppm: 500,
    })
}

/// A price to move to: one in ten crosses.
fn price(random: &mut Random, side: Side) -> Price {
    let away = if random.below(10) == 0 { -2 } else { 1 + random.below(DEPTH) as i64 };
    Price(if side == Side::Buy { MID - away } else { MID + away })
}
