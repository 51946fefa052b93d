//! The book alone: the recorded matching workload through one [`FastBook`] on one core.
//!
//! Commands are decoded and the prefill is applied before the clock runs; what the book says of each command is read.

use super::outcome::{Figure, Outcome, Side};
use super::timing::{Each, Spread, clock_ns, on_core, per_second};
use super::workload::{Flow, digest, levels};
use super::{Size, memory};
use crate::cli::Context;
use crate::exit::Failure;
use crate::progress::Progress;
use hoga_core::book::{Book, Command, Event, Events, FastBook};
use hoga_core::records::Phase;

const EXCLUDED: &str = "reading and decoding the file, holds, settlement, names and decimals, encoding, logs";

/// The row.
pub fn run(context: &Context, size: &Size) -> Result<Outcome, Failure> {
    let flow = Flow::read(size)?;
    let (commands, prefill) = (flow.workload.book_commands(), flow.workload.prefill() as usize);
    let measured = (commands.len() - prefill) as u64;
    let work = format!("{measured} commands of {}, one symbol, preloaded", flow.file.display());
    let mut outcome = Outcome::new("book", work, EXCLUDED);
    let mut progress = Progress::new("rounds of the book", Some(size.rounds + 1));
    let (mut rates, mut cpu_ns) = (Spread::default(), Spread::default());
    for round in 0..size.rounds {
        context.stop.check("no figures")?;
        let mut replay = Replay::new(&commands[..prefill]);
        let ((), time) = on_core(|| commands[prefill..].iter().for_each(|command| replay.apply(command)));
        rates.add(per_second(measured, time));
        cpu_ns.add(time.as_nanos() as u64 / measured.max(1));
        progress.set(round + 1);
        if round == 0 {
            replay.check(&flow, &mut outcome);
        }
    }
    let (mut replay, mut each) = (Replay::new(&commands[..prefill]), Each::new());
    for command in &commands[prefill..] {
        replay.apply(command);
        each.done();
    }
    let latency = each.histogram();
    outcome.figures = vec![Figure::of("commands/s", &rates), Figure::new("P99", latency.value_at_quantile(0.99), 0)];
    outcome.sides.push(Side {
        name: "hoga",
        latency_ns: Some(latency),
        per_second: rates.middle(),
        cpu_ns: cpu_ns.middle(),
        count: measured * size.rounds,
    });
    outcome.facts.push(("reading the clock takes", format!("{} ns of each latency", clock_ns())));
    let (_, kept) = memory::kept_bytes(|| {
        let mut replay = Replay::new(&commands[..prefill]);
        commands[prefill..].iter().for_each(|command| replay.apply(command));
        replay
    });
    if let Some(bytes) = kept {
        outcome.facts.push(("memory of the book", format!("{bytes} B")));
    }
    Ok(outcome)
}

struct Replay {
    book: FastBook,
    out: Events,
    trades: u64,
    volume: i64,
}

impl Replay {
    fn new(prefill: &[Command]) -> Self {
        let mut replay = Self { book: FastBook::new(1), out: Events::new(usize::MAX), trades: 0, volume: 0 };
        replay.apply(&Command::Enter(Phase::Open));
        prefill.iter().for_each(|command| replay.apply(command));
        (replay.trades, replay.volume) = (0, 0);
        replay
    }

    fn apply(&mut self, command: &Command) {
        self.out.reset(usize::MAX);
        self.book.apply(command, &mut self.out);
        for event in self.out.list() {
            if let Event::Trade(trade) = event {
                self.trades += 1;
                self.volume += trade.quantity.0;
            }
        }
    }

    fn check(&self, flow: &Flow, outcome: &mut Outcome) {
        outcome.known("trades", self.trades, flow.known.map(|known| known.trades));
        outcome.known("volume", self.volume, flow.known.map(|known| known.volume));
        let stands = digest(&levels(|side| self.book.levels(side, usize::MAX)));
        outcome.known("final book", stands, flow.levels.as_deref().map(digest));
    }
}
