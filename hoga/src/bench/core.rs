//! The core on one core: the recorded matching workload as members' commands through holds, the book and settlement.
//!
//! Every command has a client id that is remembered until its time (dedupe), takes and frees holds, and makes its order
//! events and journal entries. Commands are made in chunks before the clock runs over each.

use super::Size;
use super::core_loop::{CoreLoop, Made, Pair};
use super::direct::Direct;
use super::outcome::{Figure, Outcome, Side};
use super::timing::{Each, Spread, on_core, per_second};
use super::workload::{Flow, digest, levels};
use crate::cli::Context;
use crate::exit::Failure;
use crate::progress::Progress;
use hoga_core::book::Book;
use hoga_core::{Record, Settings, Timestamp, Topic};
use hoga_ingest::feed::Step;
use hoga_ingest::feed::accounts::Accounts;
use hoga_ingest::feed::workload::{ACCOUNTS, WorkloadSteps, venue};
use std::time::Duration;

const EXCLUDED: &str = "making the commands, admission, encoding and hashing of effects (names and decimals too), logs";
/// Commands that are made before the clock runs over them.
const CHUNK: usize = 50_000;

/// The row; and beside it the same with records between the machines, as they are over a log.
pub fn run(context: &Context, size: &Size) -> Result<Outcome, Failure> {
    let flow = Flow::read(size)?;
    let measured = flow.workload.len() - flow.workload.prefill();
    let work = format!("{measured} commands of {}: holds, book, settlement, dedupe, journal", flow.file.display());
    let mut outcome = Outcome::new("core", work, EXCLUDED);
    let mut progress = Progress::new("commands through the core", Some(measured * (2 * size.rounds + 2)));
    let mut all = 0;
    let mut done = |more: u64| {
        all += more;
        progress.set(all);
    };
    let (mut direct, mut records) = (Sums::default(), Sums::default());
    for round in 0..size.rounds {
        let first = (round == 0).then_some(&mut outcome);
        direct.round::<Direct>(context, &flow, &mut done, first)?;
        records.round::<CoreLoop>(context, &flow, &mut done, None)?;
    }
    outcome.figures = vec![Figure::of("commands/s", &direct.rates)];
    outcome.sides.push(direct.side::<Direct>("hoga", &flow, &mut done)?);
    outcome.sides.push(records.side::<CoreLoop>("records between", &flow, &mut done)?);
    Ok(outcome)
}

/// What the rounds of one side took.
#[derive(Default)]
struct Sums {
    rates: Spread,
    cpu_ns: Spread,
    count: u64,
}

impl Sums {
    fn round<P: Pair>(
        &mut self,
        context: &Context,
        flow: &Flow,
        done: &mut impl FnMut(u64),
        check: Option<&mut Outcome>,
    ) -> Result<(), Failure> {
        let mut replay = Replay::<P>::new(flow);
        let mut time = Duration::ZERO;
        while replay.load()? {
            context.stop.check("no figures")?;
            let (applied, spent) = on_core(|| replay.apply(|| {}));
            applied?;
            time += spent;
            done(replay.chunk.len() as u64);
        }
        self.rates.add(per_second(replay.done, time));
        self.cpu_ns.add(time.as_nanos() as u64 / replay.done.max(1));
        self.count += replay.done;
        match check {
            Some(outcome) => replay.check(flow, outcome),
            None => Ok(()),
        }
    }

    /// With the latencies of a round of their own.
    fn side<P: Pair>(self, name: &'static str, flow: &Flow, done: &mut impl FnMut(u64)) -> Result<Side, Failure> {
        let (mut replay, mut each) = (Replay::<P>::new(flow), Each::new());
        while replay.load()? {
            each.start();
            replay.apply(|| each.done())?;
            done(replay.chunk.len() as u64);
        }
        Ok(Side {
            name,
            latency_ns: Some(each.histogram()),
            per_second: self.rates.middle(),
            cpu_ns: self.cpu_ns.middle(),
            count: self.count,
        })
    }
}

struct Replay<'a, P> {
    machines: P,
    steps: WorkloadSteps<'a>,
    prefill: u64,
    /// Commands, each with its time; none of the setup and the prefill.
    chunk: Vec<(Timestamp, Record)>,
    before: Made,
    done: u64,
}

impl<'a, P: Pair> Replay<'a, P> {
    fn new(flow: &'a Flow) -> Self {
        let (settings, accounts) = (Settings::default(), Accounts::shared("work", ACCOUNTS, 0, 1));
        let steps = WorkloadSteps::new(&flow.workload, &venue(), &accounts, u32::MAX);
        let machines = P::new(&settings);
        let prefill = flow.workload.prefill();
        Self { machines, steps, prefill, chunk: Vec::with_capacity(CHUNK), before: Made::default(), done: 0 }
    }

    /// Makes the next commands; setup and prefill are applied on the way. False: there are no more.
    fn load(&mut self) -> Result<bool, Failure> {
        self.chunk.clear();
        while self.chunk.len() < CHUNK {
            let Some(step) = self.steps.next() else { break };
            let Step::Send { topic, time, event, record } = step else { continue };
            match topic {
                Topic::Control => self.machines.tell_both(&record, time)?,
                _ if event <= self.prefill => {
                    self.machines.step(&record, time)?;
                    self.before = self.machines.made();
                }
                _ => self.chunk.push((time, record)),
            }
        }
        Ok(!self.chunk.is_empty())
    }

    fn apply(&mut self, mut each: impl FnMut()) -> Result<(), Failure> {
        for (time, record) in &self.chunk {
            self.machines.step(record, *time)?;
            each();
        }
        self.done += self.chunk.len() as u64;
        Ok(())
    }

    fn check(&self, flow: &Flow, outcome: &mut Outcome) -> Result<(), Failure> {
        let (made, before) = (self.machines.made(), self.before);
        outcome.known("trades", made.trades - before.trades, flow.known.map(|known| known.trades));
        outcome.known("volume", made.volume - before.volume, flow.known.map(|known| known.volume));
        let symbol = venue().symbol;
        let book = self.machines.matching().book(&symbol);
        let stands = book.map(|book| digest(&levels(|side| book.levels(side, usize::MAX)))).unwrap_or_default();
        outcome.known("final book", stands, flow.levels.as_deref().map(digest));
        let verified = self.machines.holds().verify().map_or_else(|what| what, |()| "balanced".to_owned());
        outcome.known("ledger", verified, Some("balanced".to_owned()));
        outcome.facts.push(("journal entries", made.entries.to_string()));
        outcome.facts.push(("order events", made.events.to_string()));
        outcome.facts.push(("records applied", made.applied.to_string()));
        Ok(())
    }
}
