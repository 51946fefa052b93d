//! `hoga run`: some machines as a process of its own, beside others on the same Kafka.
//!
//! Invariants:
//! 1. What it wants it takes, from a living owner too, once it has caught up; what it stands by for it takes when the
//!    owner falls silent or gives it away.
//! 2. Losing a machine to another process does not end it: it stands by from then on, and says so.
//! 3. SIGTERM hands over: standbys take the machines while this process works on.

mod seats;
#[cfg(feature = "kafka")]
mod sharing;
#[cfg(not(feature = "kafka"))]
#[path = "run/no_sharing.rs"]
mod sharing;

use crate::board::Board;
use crate::cli::Context;
use crate::exit::Failure;
use crate::pipeline::Pipeline;
use crate::site::{MAIN, Site, Topics};
use hoga_core::MachineKind;
use hoga_runtime::Role;
use rustix::process::{Signal, set_parent_process_death_signal};
use seats::{Kinds, PartitionList, Plan, plan};
use sharing::Sharing;
use std::io::{self, Write};
use std::time::Duration;

/// How often to look what has changed.
const LOOK: Duration = Duration::from_millis(100);

/// Arguments of `hoga run`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  hoga run all --kafka 127.0.0.1:9092\n  hoga run holds matching --partitions 0-1 --kafka 127.0.0.1:9092\n  hoga run candles --partitions 0 --standby none --kafka 127.0.0.1:9092\n  hoga run holds --group holds --kafka 127.0.0.1:9092\n\nSIGTERM or Ctrl-C hand over to standbys and end; a second one, or kill -9, loses nothing either: a standby takes over\nafter takeover_after_ms. Every machine of the exchange has to be run by some process."
)]
pub struct Args {
    /// The machines: admission, control, holds, matching, candles, tick-candles, or all
    #[arg(required = true, value_parser = seats::parse_kind, value_name = "KIND")]
    kinds: Vec<Kinds>,
    /// The partitions to own, for example 0,2-3; without it, all
    #[arg(long, value_name = "LIST", conflicts_with = "group", value_parser = seats::parse_list)]
    partitions: Option<PartitionList>,
    /// The partitions to stand by for, or none; without it, all that are not owned
    #[arg(long, value_name = "LIST", value_parser = seats::parse_list)]
    standby: Option<PartitionList>,
    /// Share the partitions out among all processes that name the same consumer group; each stands by for the others
    #[arg(long, value_name = "NAME")]
    group: Option<String>,
    /// Die, as by kill -9, when the process that started this one is gone
    #[arg(long, hide = true)]
    dies_with_parent: bool,
}

impl Args {
    /// Runs until it is told to end or a machine fails.
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        if context.settings.config.kafka.is_none() {
            return Err(Failure::Usage(
                "processes of their own need a log that they share: name its Kafka with --kafka HOST:PORT or HOGA_KAFKA; in a data folder `hoga up` runs all machines".into(),
            ));
        }
        if self.dies_with_parent {
            set_parent_process_death_signal(Some(Signal::KILL))
                .map_err(|error| Failure::Unavailable(format!("watching the parent process: {error}")))?;
        }
        let site = Site::own(context, MAIN, None, Topics::MustBeThere)?;
        let kinds: Vec<MachineKind> = Kinds::machines(&self.kinds);
        let Plan { seats, wanted } = plan(
            &kinds,
            |machine| site.log.partitions(machine.input()),
            self.partitions.as_ref().filter(|_| self.group.is_none()),
            self.standby.as_ref(),
            self.group.is_some(),
        )?;
        let board = Board::new(&site)?;
        let pipeline = Pipeline::begin(context, &site, seats.clone())?;
        let out = &mut io::stdout();
        writeln!(out, "hoga runs on {site} as {}: {wanted}; Ctrl-C hands over and ends it", pipeline.process())?;
        match self.group {
            None => watch(context, board, pipeline, rest, out),
            Some(group) => {
                let mut sharing = Sharing::join(context, &group, &kinds, seats)?;
                watch(context, board, pipeline, move |pipeline, out| share(&group, &mut sharing, pipeline, out), out)
            }
        }
    }
}

/// Between two looks: nothing to do.
pub fn rest(_: &Pipeline, _: &mut dyn Write) -> Result<(), Failure> {
    std::thread::sleep(LOOK);
    Ok(())
}

/// Between two looks: takes part in the group. What is given is wanted, what is taken away is stood by for.
fn share(group: &str, sharing: &mut Sharing, pipeline: &Pipeline, out: &mut dyn Write) -> Result<(), Failure> {
    let changed = sharing.news(LOOK)?;
    if !changed.is_empty() {
        changed.into_iter().for_each(|seat| pipeline.assign(seat));
        writeln!(out, "the group {group} gives this process {}", seats::describe(sharing.seats(), Role::Wanted))?;
    }
    Ok(())
}

/// Tells what changes until it is told to end, then hands over. `between` is called between two looks and takes
/// a moment.
pub fn watch(
    context: &Context,
    board: Board,
    pipeline: Pipeline,
    mut between: impl FnMut(&Pipeline, &mut dyn Write) -> Result<(), Failure>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    if let Some(address) = pipeline.http() {
        writeln!(out, "schemas, /metrics and /health are on http://{address}")?;
    }
    let mut board = board.of(pipeline.process());
    while !context.stop.requested() {
        pipeline.check()?;
        let statuses = pipeline.status();
        for line in board.news(&statuses)? {
            writeln!(out, "{line}")?;
        }
        for alarm in board.alarms(&statuses) {
            writeln!(out, "ALARM {alarm}")?;
        }
        between(&pipeline, out)?;
    }
    writeln!(out, "handing over")?;
    // A group is left first: its other members are to want what this process gives away.
    drop(between);
    pipeline.stop()?;
    for line in board.parting()? {
        writeln!(out, "{line}")?;
    }
    writeln!(out, "hoga has ended")?;
    Ok(())
}
