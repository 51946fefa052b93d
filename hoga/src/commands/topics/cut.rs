//! `hoga topics cut`: drops what retention lets go of, and says what keeps the rest, one line for each partition.
//!
//! Reads marks, snapshots, ends and times; writes what is known at the cut beside the log, then cuts the log.
//!
//! Invariants:
//! 1. How far is decided by the rule in the catalogue and by facts, never by an argument. The one that goes further is
//!    named after what is then missing: --without-archive.
//! 2. A partition that cannot be cut keeps no other from it; the command then ends with the first such failure.
//!
//! Left out on purpose: cutting by itself, now and then. Whoever operates the log says when (a timer, a cron job).

use super::parse_topic;
use crate::cli::Context;
use crate::exit::Failure;
use crate::reading;
use crate::site::Site;
use hoga_core::Topic;
use hoga_runtime::{CutOptions, Cutter, Limits, PlannedCut};
use hoga_topics::TopicPartition;
use std::io::Write;

/// Arguments of `hoga topics cut`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  hoga topics cut --dry-run\n  hoga topics cut --topic owners --topic depth\n  hoga topics cut --without-archive --kafka 127.0.0.1:9092\n\nMachines and readers may be at work meanwhile. What the topics' rules keep is in docs/topics.md."
)]
pub struct Cut {
    /// Only this topic; may be given several times
    #[arg(long = "topic", value_name = "TOPIC", value_parser = parse_topic)]
    topics: Vec<Topic>,
    /// Tell what would be cut, and cut nothing
    #[arg(long)]
    dry_run: bool,
    /// Cut the inputs of machines too, behind the snapshots that are kept, although no archive has them: what is cut can
    /// never be replayed
    #[arg(long)]
    without_archive: bool,
}

impl Cut {
    /// Cuts each partition, or tells how far it could.
    pub fn run(self, context: &Context, out: &mut dyn Write) -> Result<(), Failure> {
        let site = Site::reach(context)?;
        let (cuts, snapshots) = (site.cuts_to_write()?, site.stored_snapshots()?);
        let options =
            CutOptions { snapshots_kept: Limits::default().snapshots_kept, without_archive: self.without_archive };
        let cutter = Cutter::new(&cuts, &snapshots, options)?;
        let (mut total, mut failed) = (Total::default(), None);
        writeln!(out, "{:<16} {:>12} {:>12} {:>12}  KEPT BY", "PARTITION", "CUT", "KEPT", "BEGINS AT")?;
        for at in self.partitions(&site) {
            context.stop.check("what is cut is cut, the rest can be cut again")?;
            match self.cut(&cutter, at) {
                Ok(planned) => total.print(&planned, out)?,
                Err(failure) => {
                    writeln!(out, "{:<16} cannot be cut: {failure}", at.to_string())?;
                    failed.get_or_insert(failure);
                }
            }
        }
        let done = if self.dry_run { "would be cut; nothing was" } else { "cut" };
        writeln!(out, "{site}: {} records of {} partitions {done}", total.records, total.partitions)?;
        failed.map_or(Ok(()), Err)
    }

    fn partitions(&self, site: &Site) -> Vec<TopicPartition> {
        let wanted = |topic: &Topic| self.topics.is_empty() || self.topics.contains(topic);
        let topics = Topic::ALL.iter().copied().filter(wanted);
        topics.flat_map(|topic| reading::partitions(&*site.log, topic)).collect()
    }

    fn cut(&self, cutter: &Cutter<'_>, at: TopicPartition) -> Result<PlannedCut, Failure> {
        let planned = cutter.plan(at)?;
        if !self.dry_run {
            cutter.cut(&planned)?;
        }
        Ok(planned)
    }
}

/// What goes altogether.
#[derive(Default)]
struct Total {
    records: u64,
    partitions: u64,
}

impl Total {
    fn print(&mut self, planned: &PlannedCut, out: &mut dyn Write) -> Result<(), Failure> {
        let (plan, gone) = (planned.plan, planned.offsets());
        self.records += gone;
        self.partitions += u64::from(gone > 0);
        let kept = planned.bounds.end - plan.before;
        writeln!(out, "{:<16} {gone:>12} {kept:>12} {:>12}  {}", plan.at.to_string(), plan.before, plan.limit)?;
        Ok(())
    }
}
