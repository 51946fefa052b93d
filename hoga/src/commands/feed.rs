//! `hoga feed`: recorded order flow of a real venue, through `orders`, in a recorded log.
//!
//! Invariants:
//! 1. It can be killed at any time: run again, it goes on from what stands in the log, and comes to the same.
//! 2. What is checked is read from the topics, not remembered by the feed.

use crate::cli::Context;
use crate::exit::Failure;
use crate::pipeline::Pipeline;
use crate::progress::Progress;
use crate::site::{Site, Topics};
use hoga_core::Decimal;
use hoga_ingest::feed::{
    FeedPlan, Fill, Format, LogDrain, Pace, PlanOptions, RunOptions, RunReport, check_fills, class_counts, naive_fills,
    plan::partitions_of, read_fills, run,
};
use hoga_topics::TimeMode;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long one wait for the pipeline may take before the feed gives up.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(120);
/// The least share of the venue's fills that ours must equal, in hundredths of a percent: the rest are icebergs,
/// whose hidden part no file shows (docs/feeds.md).
const LEAST_EQUAL_HUNDREDTHS: u64 = 9_930;

/// Arguments of `hoga feed`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  hoga feed ../shared/data/es_2023-12-25_mbo.csv --check-fills\n  hoga feed amzn_2021-04-12_lobster_messages.csv --pace x10\n\nThe data folder's default is hoga-data/feed- and the file's name. On Kafka a feed needs a log of its own: give a\n--topic-prefix, its topics are made if they are not there. Interrupted or killed, run it again: it goes on."
)]
pub struct Args {
    /// The file: market-by-order CSV (*mbo*.csv), LOBSTER messages (*lobster*.csv), or a matching workload (*.bin.zst)
    file: PathBuf,
    /// The layout, where the name does not tell
    #[arg(long, value_parser = parse_format, value_name = "mbo|lobster|workload")]
    format: Option<Format>,
    /// max: as fast as possible; recorded: as it was; xN: N times that
    #[arg(long, default_value = "max", value_parser = parse_pace, value_name = "max|recorded|xN")]
    pace: Pace,
    /// Of a workload: only its first so many commands, the prefill among them
    #[arg(long, value_name = "COUNT")]
    limit: Option<u64>,
    /// Leave the machines to other processes on the same Kafka (`hoga run`, `hoga up`)
    #[arg(long)]
    post_only: bool,
    /// Compare the executions with the venue's fills (if the file tells them) and with the naive book's
    #[arg(long)]
    check_fills: bool,
}

fn parse_format(text: &str) -> Result<Format, String> {
    let all = Format::ALL.iter().copied();
    all.clone().find(|format| format.name() == text).ok_or_else(|| "mbo, lobster or workload is needed".into())
}

fn parse_pace(text: &str) -> Result<Pace, String> {
    match text {
        "max" => return Ok(Pace::Flat),
        "recorded" => return Ok(Pace::Times(1_000)),
        _ => {}
    }
    let needed = || "max, recorded, or xN with N from 0.001 to 1000000, for example x10".to_owned();
    let times: Decimal = text.strip_prefix('x').ok_or_else(needed)?.parse().map_err(|_| needed())?;
    let thousandths = times.to_units(3).filter(|times| (1..=1_000_000_000).contains(times)).ok_or_else(needed)?;
    Ok(Pace::Times(thousandths as u32))
}

impl Args {
    /// Plays the file to its end, drains, checks, prints.
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let format = self.format()?;
        let site = Site::own_or_served(context, &self.folder_name(), Some(TimeMode::Recorded), Topics::Make)?;
        let brings_machines = site.wants_machines() && !self.post_only;
        let pipeline = brings_machines.then(|| Pipeline::start(context, &site)).transpose()?;
        let log = &*site.patient_log(&context.stop);
        let mut options = PlanOptions::default();
        options.max_pending = options.max_pending.min(site.settings.max_pending);
        options.commands = self.limit.unwrap_or(options.commands);
        let plan = FeedPlan::open(&self.file, format, options, partitions_of(log)?)?;
        let started = Instant::now();
        let report = self.play(context, log, &plan)?;
        let elapsed = started.elapsed();
        if let Some(pipeline) = pipeline {
            pipeline.stop()?;
        }
        let out = &mut io::stdout().lock();
        summary(&report, elapsed, out)?;
        counted(&plan, out)?;
        if report.stopped {
            return Err(Failure::Interrupted(
                "run the same command again, it goes on from what stands in the log".into(),
            ));
        }
        let fills = read_fills(log, &plan)?;
        writeln!(out, "trades       {}", traded(&plan, &fills))?;
        if self.check_fills { check(&plan, &fills, out) } else { Ok(()) }
    }

    fn format(&self) -> Result<Format, Failure> {
        if !self.file.is_file() {
            return Err(Failure::Unavailable(format!("{}: there is no such file", self.file.display())));
        }
        self.format.or_else(|| Format::guess(&self.file)).ok_or_else(|| {
            Failure::Usage(format!("{}: the name does not tell the layout; give --format", self.file.display()))
        })
    }

    fn folder_name(&self) -> String {
        let name = Path::new(self.file.file_name().unwrap_or_default()).to_string_lossy().into_owned();
        format!("feed-{}", name.split('.').next().unwrap_or_default())
    }

    fn play(&self, context: &Context, log: &dyn hoga_topics::Log, plan: &FeedPlan) -> Result<RunReport, Failure> {
        let mut progress = Progress::new("events", Some(plan.events()));
        let report = run(
            log,
            plan,
            RunOptions {
                pace: self.pace,
                stop: context.stop.flag(),
                drain: &mut LogDrain::new(log, plan, DRAIN_TIMEOUT)?,
                on_progress: &mut |at| progress.set(at.event),
            },
        )?;
        Ok(report)
    }
}

fn summary(report: &RunReport, elapsed: Duration, out: &mut dyn Write) -> io::Result<()> {
    let (sent, standing) = (report.progress.sent, report.progress.standing);
    let went_on = if standing > 0 { format!(", {standing} stood there before") } else { String::new() };
    writeln!(out, "sent         {sent} records in {} ms{went_on}", elapsed.as_millis())
}

/// What of a file's messages was sent and what was passed over, where its layout has more than orders.
fn counted(plan: &FeedPlan, out: &mut dyn Write) -> io::Result<()> {
    let Some(counts) = plan.lobster_counts() else { return Ok(()) };
    writeln!(out, "placed       {}", counts.placed)?;
    writeln!(out, "reduced      {}, canceled {}", counts.reduced, counts.canceled)?;
    writeln!(out, "marketable   {}, of these {} of unknown ids", counts.executed, counts.executed_unknown)?;
    writeln!(out, "skipped      {} hidden, crosses, halts, {} of unknown ids", counts.skipped, counts.unknown)
}

/// How often and how much was traded; of a workload, in its measured part.
fn traded(plan: &FeedPlan, fills: &[Fill]) -> String {
    let measured = plan.measured(fills);
    let (trades, volume) = measured.fold((0, 0), |(trades, volume), fill| (trades + 1, volume + fill.quantity.0));
    let before = match fills.len() - trades {
        0 => String::new(),
        before => format!(" (and {before} trades before the measured part)"),
    };
    format!("{trades}, volume {}{before}", Decimal(volume))
}

fn check(plan: &FeedPlan, fills: &[Fill], out: &mut dyn Write) -> Result<(), Failure> {
    let naive = naive_fills(plan)?;
    let as_naive = naive == fills;
    writeln!(out, "naive book   {}", if as_naive { "makes the same trades" } else { "makes other trades" })?;
    let Some((expected, _)) = plan.expected() else {
        return if as_naive { Ok(()) } else { Err(different()) };
    };
    let report = check_fills(&expected, fills);
    for difference in &report.differences {
        let (event, order, price) = (difference.event, difference.order, difference.price);
        let (theirs, ours, class) = (difference.venue, difference.ours, difference.class);
        tracing::info!("event {event}: order {order} at {price}: the venue filled {theirs}, hoga {ours} ({class})");
    }
    writeln!(out, "events       {} that trade, {} equal", report.events, report.events_equal)?;
    for (class, count) in class_counts(&report.differences).into_iter().filter(|(_, count)| *count > 0) {
        writeln!(out, "different    {count} {class}")?;
    }
    writeln!(out, "fills        {}", report.fills)?;
    writeln!(out, "equal        {}", report.equal)?;
    writeln!(out, "invented     {}", report.invented)?;
    writeln!(out, "{}", report.percent())?;
    if !as_naive || report.invented > 0 || report.equal_hundredths() < LEAST_EQUAL_HUNDREDTHS {
        return Err(different());
    }
    Ok(())
}

fn different() -> Failure {
    Failure::Refused("the executions are not what they must be, see above; --log info lists each difference".into())
}
