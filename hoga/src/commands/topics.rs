//! `hoga topics`: the catalogue, and how far each topic has come in a log; those of a Kafka, made or checked; and
//! cutting them.

mod cut;

use crate::cli::Context;
use crate::exit::Failure;
use crate::reading;
use crate::site::{self, Site};
use hoga_core::Topic;
#[cfg(feature = "kafka")]
use hoga_topics::TimeMode;
use hoga_topics::catalogue::{self, TopicSpec};
use std::io::{self, Write};

/// Arguments of `hoga topics`.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  hoga topics\n  hoga topics accounts\n  hoga topics --data-dir hoga-data/demo\n  hoga topics create --kafka 127.0.0.1:9092 --partitions 16\n  hoga topics check --kafka 127.0.0.1:9092\n  hoga topics cut --dry-run"
)]
pub struct Args {
    #[command(subcommand)]
    action: Option<Action>,
    /// Describe this topic; without it, list all
    #[arg(value_parser = parse_topic)]
    topic: Option<Topic>,
}

/// What to do with topics, other than to look at them.
#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List all
    List,
    /// Make the topics of a log on Kafka and write its settings; what is there already stays as it is
    Create(Create),
    /// Drop what is kept no longer by the rules of retention; what keeps the rest is named
    Cut(cut::Cut),
    /// Compare the topics on Kafka with what hoga needs; whatever is wrong is named with the command that mends it
    Check,
}

/// Arguments of `hoga topics create`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Partitions, replicas and the fixed settings are given as settings: --partitions, --replication, --max-open-orders\nand so on (`hoga help topics create` lists them). Partitions can never change: more than there will ever be processes\nis right."
)]
struct Create {
    /// A log of the past: records bring their own time, and only `hoga feed` writes to it
    #[arg(long)]
    recorded: bool,
}

impl Args {
    /// Lists, describes, makes, checks or cuts.
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let out = &mut io::stdout().lock();
        match (self.action, self.topic) {
            (Some(Action::Create(create)), _) => create.run(context, out),
            (Some(Action::Check), _) => check(context, out),
            (Some(Action::Cut(cut)), _) => cut.run(context, out),
            (Some(Action::List) | None, None) => list(Site::find(context)?.as_ref(), out),
            (_, Some(topic)) => describe(catalogue::of(topic), Site::find(context)?.as_ref(), out),
        }
    }
}

#[cfg(feature = "kafka")]
impl Create {
    fn run(self, context: &Context, out: &mut dyn Write) -> Result<(), Failure> {
        let made = site::make_topics(context, self.recorded.then_some(TimeMode::Recorded))?;
        let site = &made.site;
        for topic in &made.topics {
            writeln!(out, "made {topic}")?;
        }
        let settings = if made.settings { "its settings are written" } else { "its settings stood there" };
        writeln!(out, "{site}: {} of {} topics made, {settings}", made.topics.len(), Topic::ALL.len())?;
        shape(site, out)
    }
}

#[cfg(feature = "kafka")]
fn check(context: &Context, out: &mut dyn Write) -> Result<(), Failure> {
    let site = site::open_kafka(context)?;
    writeln!(out, "{site}: all {} topics are as they must be", Topic::ALL.len())?;
    shape(&site, out)
}

/// What was fixed when the log was made.
#[cfg(feature = "kafka")]
fn shape(site: &Site, out: &mut dyn Write) -> Result<(), Failure> {
    let time = match site.log.time_mode() {
        TimeMode::Wall => "the time of the wall",
        TimeMode::Recorded => "recorded time (only `hoga feed` writes)",
    };
    writeln!(out, "{} partitions of each keyed topic, {time}", site.log.partitions(Topic::Orders))?;
    Ok(())
}

#[cfg(not(feature = "kafka"))]
impl Create {
    fn run(self, _: &Context, _: &mut dyn Write) -> Result<(), Failure> {
        Err(site::without_kafka())
    }
}

#[cfg(not(feature = "kafka"))]
fn check(_: &Context, _: &mut dyn Write) -> Result<(), Failure> {
    Err(site::without_kafka())
}

/// A topic's name, for arguments.
pub fn parse_topic(text: &str) -> Result<Topic, String> {
    let names: Vec<_> = Topic::ALL.iter().map(|topic| topic.name()).collect();
    Topic::from_name(text).ok_or_else(|| format!("there is no such topic; the topics are {}", names.join(", ")))
}

fn list(site: Option<&Site>, out: &mut dyn Write) -> Result<(), Failure> {
    writeln!(out, "{:<13} {:<18} {:>10} {:>12}  CARRIES", "TOPIC", "KEY", "PARTITIONS", "RECORDS")?;
    for spec in catalogue::all() {
        let (partitions, records) = match site {
            Some(site) => (site.log.partitions(spec.topic), records(site, spec.topic)?.to_string()),
            None => (spec.partitions, "-".into()),
        };
        writeln!(out, "{:<13} {:<18} {partitions:>10} {records:>12}  {}", spec.topic, spec.key.name(), spec.about)?;
    }
    Ok(())
}

/// Offsets from start to end of all partitions: copies of claims and repeats are among them.
fn records(site: &Site, topic: Topic) -> Result<u64, Failure> {
    let mut records = 0;
    for partition in reading::partitions(&*site.log, topic) {
        let bounds = site.log.bounds(partition)?;
        records += bounds.end - bounds.start;
    }
    Ok(records)
}

fn describe(spec: &TopicSpec, site: Option<&Site>, out: &mut dyn Write) -> Result<(), Failure> {
    let names = |names: Vec<String>| if names.is_empty() { "-".into() } else { names.join(", ") };
    let machines = spec.writing_machines().map(|machine| machine.name().to_owned());
    let others = spec.unsequenced.iter().map(|writer| writer.who.to_owned());
    let readers = spec.reading_machine().map(|machine| machine.name().to_owned()).into_iter();
    let readers = readers.chain(spec.readers.iter().map(|reader| (*reader).to_owned()));
    writeln!(out, "{}: {}", spec.topic, spec.about)?;
    writeln!(out, "  key         {}", spec.key.name())?;
    writeln!(out, "  carries     {}", names(spec.carries.iter().map(|kind| kind.name().to_owned()).collect()))?;
    writeln!(out, "  written by  {}", names(machines.chain(others).collect()))?;
    writeln!(out, "  read by     {}", names(readers.collect()))?;
    writeln!(out, "  kept        {}", spec.kept)?;
    let Some(site) = site else { return Ok(()) };
    writeln!(out, "\n{:>9} {:>12} {:>12} {:>12}", "PARTITION", "START", "END", "DURABLE")?;
    for partition in reading::partitions(&*site.log, spec.topic) {
        let bounds = site.log.bounds(partition)?;
        writeln!(out, "{:>9} {:>12} {:>12} {:>12}", partition.partition, bounds.start, bounds.end, bounds.durable_end)?;
    }
    Ok(())
}
