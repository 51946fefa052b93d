//! `hoga bench`: figures of this machine, row by row, each beside what it must be.
//!
//! Invariants:
//! 1. It works in folders and topics of its own, which it deletes; what else is there is not touched.
//! 2. It ends well only if every known result is as it is known, and no must is missed by more than the noise.
//! 3. Of several stages one that fails is said to have failed, and the others are measured.

use crate::bench::machine::Machine;
use crate::bench::outcome::Outcome;
use crate::bench::{Size, book, candles, codec, core, embedded, log, report, restart, symbols};
use crate::cli::Context;
use crate::exit::Failure;
use std::io;
use std::path::PathBuf;

/// Arguments of `hoga bench`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  hoga bench book\n  hoga bench all --kafka 127.0.0.1:19092 --json figures.json\n  hoga bench hop --rounds 5 --kafka 127.0.0.1:19092\n\nRows of one core count the thread's own time there. Rows on Kafka (in builds with it) run beside a bare loop: plain\nrdkafka in as many hops, with as many records of the same size. `all` runs those too when a Kafka is named.\nThe exit code is 1 if a known result differs, or a must is missed by more than the noise that is printed with it."
)]
pub struct Args {
    /// What to measure
    #[command(subcommand)]
    stage: Stage,
    /// Rounds of each row; on Kafka pairs of rounds, hoga and the bare loop in turn
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=100), global = true)]
    rounds: u64,
    /// Measured seconds of a round at a rate
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600), global = true)]
    seconds: u64,
    /// Orders of a round flat out on Kafka
    #[cfg(feature = "kafka")]
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1_000..=1_000_000), global = true)]
    orders: u64,
    #[cfg(feature = "kafka")]
    /// Seconds for which a Kafka is warmed first; 0 if it has been at work
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(0..=600), global = true)]
    warm: u64,
    /// Another matching workload for `book` and `core`; its levels are compared if they stand beside it
    #[arg(long, value_name = "FILE", global = true)]
    workload: Option<PathBuf>,
    /// Write the figures into a file too
    #[arg(long, value_name = "FILE", global = true)]
    json: Option<PathBuf>,
}

/// A stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::Subcommand)]
enum Stage {
    /// Every stage; those on Kafka if one is named
    All,
    /// The recorded matching workload through one book
    Book,
    /// The same through holds, book and settlement
    Core,
    /// Many symbols: holds, books and settlement, and what a resting order takes
    Symbols,
    /// Each hot record encoded and decoded
    Codec,
    /// The embedded log: append, sync, read
    Log,
    /// Orders end to end on the embedded log, durable
    Embedded,
    /// Ticks into candles, in memory
    Candles,
    /// Back after a crash with a million orders, and what a snapshot delays
    Restart,
    /// Every stage on Kafka
    #[cfg(feature = "kafka")]
    Kafka,
    /// On Kafka: one machine, posted to orders, through admission, seen in accounts
    #[cfg(feature = "kafka")]
    Hop,
    /// On Kafka: posted to orders, through admission, holds and matching, seen in executions
    #[cfg(feature = "kafka")]
    OrderToExecution,
    /// On Kafka: posted to accounts, through holds, seen in order-events
    #[cfg(feature = "kafka")]
    OrderToAnswer,
    /// On Kafka: orders a second flat out, through all machines
    #[cfg(feature = "kafka")]
    Pipeline,
    /// On Kafka: ticks into candles
    #[cfg(feature = "kafka")]
    CandlesFromKafka,
}

impl Stage {
    /// Whether it stands for several.
    fn is_several(self) -> bool {
        match self {
            Self::All => true,
            #[cfg(feature = "kafka")]
            Self::Kafka => true,
            _ => false,
        }
    }

    /// Stages without Kafka, in the order of `all`.
    const ALONE: [Self; 8] =
        [Self::Book, Self::Core, Self::Symbols, Self::Codec, Self::Candles, Self::Log, Self::Embedded, Self::Restart];

    fn alone(self) -> Vec<Self> {
        match self {
            Self::All => Self::ALONE.to_vec(),
            stage => Self::ALONE.into_iter().filter(|alone| *alone == stage).collect(),
        }
    }

    fn run(self, context: &Context, size: &Size) -> Result<Vec<Outcome>, Failure> {
        match self {
            Self::Book => Ok(vec![book::run(context, size)?]),
            Self::Core => Ok(vec![core::run(context, size)?]),
            Self::Symbols => symbols::run(context, size),
            Self::Codec => codec::run(context, size),
            Self::Candles => Ok(vec![candles::run(context, size)?]),
            Self::Log => Ok(vec![log::run(context, size)?]),
            Self::Embedded => embedded::run(context, size),
            Self::Restart => Ok(vec![restart::run(context, size)?]),
            _ => unreachable!("only stages without Kafka are run here"),
        }
    }
}

impl Args {
    /// Measures, prints row by row, writes the file.
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let (machine, out) = (Machine::here(), &mut io::stdout());
        let size = Size {
            rounds: self.rounds,
            seconds: self.seconds,
            #[cfg(feature = "kafka")]
            orders: self.orders,
            workload: self.workload.clone(),
        };
        report::head(&machine, size.rounds, out)?;
        let mut rows = Rows { every: self.stage.is_several(), outcomes: Vec::new(), failed: Vec::new() };
        for stage in self.stage.alone() {
            rows.add(stage, stage.run(context, &size))?;
        }
        self.on_kafka(context, &size, &mut rows)?;
        report::foot(&rows.outcomes, out)?;
        if let Some(file) = &self.json {
            report::json(file, &machine, &rows.outcomes)?;
        }
        rows.judge()
    }

    #[cfg(not(feature = "kafka"))]
    fn on_kafka(&self, context: &Context, _: &Size, _: &mut Rows) -> Result<(), Failure> {
        match context.settings.config.kafka {
            Some(_) => Err(crate::site::without_kafka()),
            None => Ok(()),
        }
    }

    #[cfg(feature = "kafka")]
    fn on_kafka(&self, context: &Context, size: &Size, done: &mut Rows) -> Result<(), Failure> {
        use crate::bench::kafka::{hop, order_to_answer, order_to_execution, pipeline, ticks, warm};
        let stage = self.stage;
        if !stage.alone().is_empty() && (stage != Stage::All || context.settings.config.kafka.is_none()) {
            return Ok(());
        }
        let options = crate::site::kafka_options_of_new(context)?;
        warm::warm(context, &options, self.warm)?;
        let every = matches!(stage, Stage::All | Stage::Kafka);
        let rows = [
            (Stage::Hop, hop::rows(size.seconds)),
            (Stage::OrderToExecution, order_to_execution::rows(size.seconds)),
            (Stage::OrderToAnswer, order_to_answer::rows(size.seconds)),
            (Stage::Pipeline, pipeline::rows(size.orders)),
        ];
        for (of, rows) in rows.into_iter().filter(|(of, _)| every || *of == stage) {
            for row in rows {
                done.add(of, row.run(context, &options, size.rounds).map(|outcome| vec![outcome]))?;
            }
        }
        if every || stage == Stage::CandlesFromKafka {
            let row = ticks::run(context, &options, size.rounds).map(|outcome| vec![outcome]);
            done.add(Stage::CandlesFromKafka, row)?;
        }
        Ok(())
    }
}

/// The rows so far.
struct Rows {
    /// Whether several stages are asked for: one that fails does not keep the others from being measured.
    every: bool,
    outcomes: Vec<Outcome>,
    /// Stages that failed.
    failed: Vec<Stage>,
}

impl Rows {
    /// Shows a stage's rows, or why there are none.
    fn add(&mut self, stage: Stage, rows: Result<Vec<Outcome>, Failure>) -> Result<(), Failure> {
        match rows {
            Ok(rows) => {
                for outcome in rows {
                    report::row(&outcome, &mut io::stdout())?;
                    self.outcomes.push(outcome);
                }
            }
            Err(failure @ (Failure::Interrupted(_) | Failure::OutputClosed | Failure::Usage(_))) => {
                return Err(failure);
            }
            Err(failure) if !self.every => return Err(failure),
            Err(failure) => {
                report::failed(&format!("{stage:?}"), &failure, &mut io::stdout())?;
                self.failed.push(stage);
            }
        }
        Ok(())
    }

    /// Whether all is as it must be.
    fn judge(&self) -> Result<(), Failure> {
        let complaints = self.outcomes.iter().map(Outcome::complaints).sum::<usize>();
        match (complaints, self.failed.len()) {
            (0, 0) => Ok(()),
            (_, 0) => Err(Failure::Refused(format!("{complaints} figures are not as they must be, see above"))),
            (_, failed) => Err(Failure::Refused(format!(
                "{complaints} figures are not as they must be and {failed} rows failed, see above"
            ))),
        }
    }
}
