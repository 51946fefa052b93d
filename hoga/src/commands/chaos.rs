//! `hoga chaos`: faults on a real Kafka, round by round, each judged by the independent checker.
//!
//! Invariants:
//! 1. It works in a log and a folder of its own; what else is on that Kafka is not touched, and brokers only with
//!    `--brokers-dir`.
//! 2. The first finding ends it with 1; then everything is kept, and told where.
//! 3. Its processes end with it, however it ends.

use crate::chaos::{Arena, Plan, Schedule, Setup, Sort, Totals};
use crate::cli::Context;
use crate::config::Source;
use crate::exit::Failure;
use crate::posting::now;
use crate::site::kafka_options;
use hoga_topics::KafkaLog;
use indicatif::HumanCount;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Often enough that snapshots are written, read and deleted under faults.
const SNAPSHOT_EVERY_RECORDS: u64 = 1_000;

/// Arguments of `hoga chaos`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  hoga chaos --rounds 20 --kafka 127.0.0.1:9092\n  hoga chaos --seed 7 --brokers-dir /tmp/hoga-kafka --kafka 127.0.0.1:19092\n  hoga chaos --plan kill=20,late=5 --kafka 127.0.0.1:9092\n\nEight processes of this command run the machines under a flow of orders. In each round one thing is done to them,\nby the seed: kill -9 at random or at a fail point, SIGSTOP until another has taken over; with --brokers-dir to brokers\ntoo. Then the checker (scripts/checker) recomputes what the topics must hold. In the end all is drained, must be equal,\nthe ledger zero and each state what its input replays to. Exit code 1: something was found; the topics, what was sent\nand what each process said are kept."
)]
pub struct Args {
    /// How many rounds; without it, as many as the plan has acts
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    rounds: Option<u64>,
    /// The seed of faults and orders; without it, one that no other run had
    #[arg(long)]
    seed: Option<u64>,
    /// How many of each: kill, point, late, broker-kill, broker-pause, broker-restart, frames
    #[arg(long, value_name = "SORT=COUNT[,..]")]
    plan: Option<Plan>,
    /// Orders and cancels a second
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=20_000))]
    rate: u64,
    /// The folder in which `scripts/kafka start --dir` keeps the brokers: they may then be killed and stopped
    #[arg(long, value_name = "FOLDER")]
    brokers_dir: Option<PathBuf>,
    /// Put a proxy between the processes and the brokers, which delays, holds back, repeats and cuts off Kafka frames; the
    /// brokers have to be started with `scripts/kafka start --proxied`
    #[arg(long, requires = "brokers_dir")]
    proxy: bool,
    /// hoga's folder of scripts: the checker, and what starts brokers again
    #[arg(long, value_name = "FOLDER", default_value = "scripts")]
    scripts: PathBuf,
    /// Settings of the checker's Kafka client, JSON by kafka-python's names: TLS and SASL
    #[arg(long, value_name = "FILE")]
    checker_client: Option<PathBuf>,
    /// Add what was done to the totals in this file
    #[arg(long, value_name = "FILE")]
    totals: Option<PathBuf>,
    /// Keep topics and folder also when all is well
    #[arg(long)]
    keep: bool,
}

impl Args {
    /// Runs the rounds.
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let seed = self.seed.unwrap_or(now().0 as u64);
        let mut sum = self.totals.as_deref().map_or(Ok(Totals::default()), Totals::read)?;
        let plan = self.plan.clone().unwrap_or_else(|| Plan::usual(self.brokers_dir.is_some(), self.proxy));
        self.check(&plan)?;
        let (own, folder) = own(context, seed)?;
        let setup = Setup {
            seed,
            rate: self.rate,
            scripts: self.scripts.clone(),
            brokers: self.brokers_dir.clone(),
            proxy: self.proxy,
            checker_client: self.checker_client.clone(),
            folder: folder.clone(),
        };
        let out = &mut io::stdout();
        writeln!(out, "seed {seed}; what is said and sent goes to {}", folder.display())?;
        let (done, mut totals) = self.rounds(&own, &setup, plan, out);
        let is_finding = matches!(done, Err(Failure::Refused(_)));
        totals.different = u64::from(is_finding);
        if totals.runs > 0 {
            sum.add(&totals);
            self.totals.as_deref().map_or(Ok(()), |file| sum.write(file))?;
            totals.print(out)?;
        }
        if done.is_ok() {
            writeln!(out, "all is drained and equal, the ledger zero, each state what its input replays to")?;
        }
        let is_evidence = match &done {
            Ok(()) | Err(Failure::Interrupted(_) | Failure::Usage(_)) => false,
            Err(_) => is_finding || totals.runs > 0,
        };
        if !(is_evidence || self.keep) {
            clear(&own, &folder);
        }
        done
    }

    fn check(&self, plan: &Plan) -> Result<(), Failure> {
        if plan.acts() == 0 {
            return Err(Failure::Usage("--plan: nothing is in it".into()));
        }
        let wanted = plan.0.iter().find(|(sort, count)| sort.is_of_brokers() && **count > 0);
        if let (Some(_), None) = (wanted, &self.brokers_dir) {
            let what = "--plan: brokers are killed and stopped only with --brokers-dir, which says where they are";
            return Err(Failure::Usage(what.into()));
        }
        if !self.proxy && plan.0.get(&Sort::Frames).is_some_and(|count| *count > 0) {
            return Err(Failure::Usage("--plan: frames are disturbed by a proxy; give --proxy too".into()));
        }
        Ok(())
    }

    /// All rounds and the end; how it went, and what was done until then.
    fn rounds(&self, own: &Context, setup: &Setup, plan: Plan, out: &mut dyn Write) -> (Result<(), Failure>, Totals) {
        let rounds = self.rounds.unwrap_or(plan.acts());
        let mut arena = match Arena::open(own, setup) {
            Ok(arena) => arena,
            Err(failure) => return (Err(failure), Totals::default()),
        };
        let mut schedule = Schedule::new(setup.seed, plan);
        for round in 1..=rounds {
            let Some((rest_ms, act)) = schedule.next() else { break };
            let began = Instant::now();
            let went =
                arena.rest(rest_ms).and_then(|()| arena.act(&act)).and_then(|outcome| Ok((outcome, arena.judge()?)));
            let told = went.and_then(|(outcome, odd)| {
                arena.totals.rounds += 1;
                let (sent, took) = (HumanCount(arena.sent()), began.elapsed().as_secs());
                let outcome = if outcome.is_empty() { outcome } else { format!(", {outcome}") };
                writeln!(out, "round {round} of {rounds}, {took} s: {act}{outcome}; {sent} orders, nothing found")?;
                odd.iter().try_for_each(|line| writeln!(out, "  {line}"))?;
                Ok(())
            });
            if let Err(failure) = told {
                let evidence = self.evidence(own, &arena, setup, &format!("in round {round} ({act})"));
                return (Err(told_with(failure, &evidence)), arena.totals());
            }
        }
        let closed = arena.close();
        let evidence = self.evidence(own, &arena, setup, "at the end");
        (closed.map_err(|failure| told_with(failure, &evidence)), arena.totals())
    }

    /// Where everything is, and how to do it again.
    fn evidence(&self, own: &Context, arena: &Arena, setup: &Setup, when: &str) -> String {
        let (seed, prefix) = (setup.seed, &own.settings.config.topic_prefix);
        let words: Vec<_> = std::env::args().skip(1).collect();
        let again = if self.seed.is_some() { String::new() } else { format!(" --seed {seed}") };
        format!(
            "found {when} of seed {seed}; topics {prefix}*, folder {}\n  judge it again: {}\n  do it again: hoga {}{again}",
            setup.folder.display(),
            arena.checker_command(),
            words.join(" "),
        )
    }
}

fn told_with(failure: Failure, evidence: &str) -> Failure {
    match failure {
        Failure::Interrupted(_) | Failure::Usage(_) => failure,
        // A broker or a checker that does not come back says nothing about hoga.
        Failure::Unavailable(what) => Failure::Unavailable(format!("{what}\n{evidence}")),
        // Whatever else it is, it was found under faults that must not cause it.
        failure => Failure::Refused(format!("{failure}\n{evidence}")),
    }
}

/// Takes away what is this run's alone.
fn clear(own: &Context, folder: &Path) {
    let left = |what: &str, why: String| tracing::warn!("{what} is left behind: {why}");
    std::fs::remove_dir_all(folder).unwrap_or_else(|error| left(&folder.display().to_string(), error.to_string()));
    // Where there are no topics there is nothing to delete.
    let Ok(options) = kafka_options(own) else { return };
    KafkaLog::delete_topics(&options)
        .unwrap_or_else(|why| left(&format!("the log {}*", options.topic_prefix), why.to_string()));
}

/// The context of a log and a folder that no other run has.
fn own(context: &Context, seed: u64) -> Result<(Context, PathBuf), Failure> {
    if context.settings.config.kafka.is_none() {
        return Err(Failure::Usage("faults are for a Kafka: name one with --kafka HOST:PORT or HOGA_KAFKA".into()));
    }
    let name = format!("chaos-{seed}-{:x}", now().0);
    let mut settings = context.settings.clone();
    let config = &mut settings.config;
    let parent = config.data_dir.take().unwrap_or_else(|| Path::new("hoga-data").join("chaos"));
    let folder = parent.join(&name);
    config.topic_prefix = format!("{}{name}.", config.topic_prefix);
    config.data_dir = Some(folder.join("data"));
    if context.settings.source("snapshot_every_records") == Source::Default {
        config.snapshot_every_records = SNAPSHOT_EVERY_RECORDS;
    }
    std::fs::create_dir_all(&folder)
        .map_err(|error| Failure::Unavailable(format!("making {}: {error}", folder.display())))?;
    let folder = folder.canonicalize().unwrap_or(folder);
    Ok((Context { settings, stop: context.stop.clone() }, folder))
}
