//! `hoga topics`: the catalogue, and how far each topic has come in a data folder.

use crate::cli::Context;
use crate::exit::Failure;
use crate::folder::{self, Folder, MAIN};
use crate::reading;
use hoga_core::Topic;
use hoga_topics::catalogue::{self, TopicSpec};
use std::io::{self, Write};

/// Arguments of `hoga topics`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  hoga topics\n  hoga topics accounts\n  hoga topics --data-dir hoga-data/demo")]
pub struct Args {
    /// Describe this topic; without it, list all
    #[arg(value_parser = parse_topic)]
    topic: Option<Topic>,
}

impl Args {
    /// Lists or describes.
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let has_log = folder::path(context, MAIN).join("log").join("layout").exists();
        let folder = if has_log { Some(Folder::reach(context)?) } else { None };
        let out = &mut io::stdout().lock();
        match self.topic {
            Some(topic) => describe(catalogue::of(topic), folder.as_ref(), out),
            None => list(folder.as_ref(), out),
        }
    }
}

/// A topic's name, for arguments.
pub fn parse_topic(text: &str) -> Result<Topic, String> {
    let names: Vec<_> = Topic::ALL.iter().map(|topic| topic.name()).collect();
    Topic::from_name(text).ok_or_else(|| format!("there is no such topic; the topics are {}", names.join(", ")))
}

fn list(folder: Option<&Folder>, out: &mut dyn Write) -> Result<(), Failure> {
    writeln!(out, "{:<13} {:<18} {:>10} {:>12}  CARRIES", "TOPIC", "KEY", "PARTITIONS", "RECORDS")?;
    for spec in catalogue::all() {
        let (partitions, records) = match folder {
            Some(folder) => (folder.log.partitions(spec.topic), records(folder, spec.topic)?.to_string()),
            None => (spec.partitions, "-".into()),
        };
        writeln!(out, "{:<13} {:<18} {partitions:>10} {records:>12}  {}", spec.topic, spec.key.name(), spec.about)?;
    }
    Ok(())
}

/// Offsets from start to end of all partitions: copies of claims and repeats are among them.
fn records(folder: &Folder, topic: Topic) -> Result<u64, Failure> {
    let mut records = 0;
    for partition in reading::partitions(&*folder.log, topic) {
        let bounds = folder.log.bounds(partition)?;
        records += bounds.end - bounds.start;
    }
    Ok(records)
}

fn describe(spec: &TopicSpec, folder: Option<&Folder>, out: &mut dyn Write) -> Result<(), Failure> {
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
    let Some(folder) = folder else { return Ok(()) };
    writeln!(out, "\n{:>9} {:>12} {:>12} {:>12}", "PARTITION", "START", "END", "DURABLE")?;
    for partition in reading::partitions(&*folder.log, spec.topic) {
        let bounds = folder.log.bounds(partition)?;
        writeln!(out, "{:>9} {:>12} {:>12} {:>12}", partition.partition, bounds.start, bounds.end, bounds.durable_end)?;
    }
    Ok(())
}
