//! The core on one core: the recorded matching workload as members' commands through holds, the book and settlement.
//!
//! Every command has a client id that is remembered until its time (dedupe), takes and frees holds, and makes its order
//! events and journal entries. Commands are made in chunks before the clock runs over each.

use super::Size;
use super::core_loop::{CoreLoop, Made};
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

const EXCLUDED: &str = "making the commands, admission, encoding and hashing of effects, logs";
/// Commands that are made before the clock runs over them.
const CHUNK: usize = 50_000;

/// The row.
pub fn run(context: &Context, size: &Size) -> Result<Outcome, Failure> {
    let flow = Flow::read(size)?;
    let measured = flow.workload.len() - flow.workload.prefill();
    let work = format!("{measured} commands of {}: holds, book, settlement, dedupe, journal", flow.file.display());
    let mut outcome = Outcome::new("core", work, EXCLUDED);
    let mut progress = Progress::new("commands through the core", Some(measured * (size.rounds + 1)));
    let (mut rates, mut cpu_ns) = (Spread::default(), Spread::default());
    for round in 0..size.rounds {
        let mut replay = Replay::new(&flow);
        let mut time = Duration::ZERO;
        while replay.load()? {
            context.stop.check("no figures")?;
            let (applied, spent) = on_core(|| replay.apply(|| {}));
            applied?;
            time += spent;
            progress.set(round * measured + replay.done);
        }
        rates.add(per_second(measured, time));
        cpu_ns.add(time.as_nanos() as u64 / measured.max(1));
        if round == 0 {
            replay.check(&flow, &mut outcome)?;
        }
    }
    let (mut replay, mut each) = (Replay::new(&flow), Each::new());
    while replay.load()? {
        each.start();
        replay.apply(|| each.done())?;
    }
    outcome.figures = vec![Figure::of("commands/s", &rates)];
    outcome.sides.push(Side {
        name: "hoga",
        latency_ns: Some(each.histogram()),
        per_second: rates.middle(),
        cpu_ns: cpu_ns.middle(),
        count: measured * size.rounds,
    });
    Ok(outcome)
}

struct Replay<'a> {
    machines: CoreLoop,
    steps: WorkloadSteps<'a>,
    prefill: u64,
    /// Commands, each with its time; none of the setup and the prefill.
    chunk: Vec<(Timestamp, Record)>,
    before: Made,
    done: u64,
}

impl<'a> Replay<'a> {
    fn new(flow: &'a Flow) -> Self {
        let (settings, accounts) = (Settings::default(), Accounts::shared("work", ACCOUNTS, 0, 1));
        let steps = WorkloadSteps::new(&flow.workload, &venue(), &accounts, u32::MAX);
        let machines = CoreLoop::new(&settings);
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
                    self.before = self.machines.made;
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
        let (made, before) = (self.machines.made, self.before);
        outcome.known("trades", made.trades - before.trades, flow.known.map(|known| known.trades));
        outcome.known("volume", made.volume - before.volume, flow.known.map(|known| known.volume));
        let symbol = venue().symbol;
        let book = self.machines.matching.book(&symbol);
        let stands = book.map(|book| digest(&levels(|side| book.levels(side, usize::MAX)))).unwrap_or_default();
        outcome.known("final book", stands, flow.levels.as_deref().map(digest));
        let verified = self.machines.holds.verify().map_or_else(|what| what, |()| "balanced".to_owned());
        outcome.known("ledger", verified, Some("balanced".to_owned()));
        outcome.facts.push(("journal entries", made.entries.to_string()));
        outcome.facts.push(("order events", made.events.to_string()));
        outcome.facts.push(("records applied", made.applied.to_string()));
        Ok(())
    }
}
