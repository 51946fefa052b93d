//! `hoga reconcile`: what every machine had to write, recomputed from what it had to read, against what was written.
//!
//! Invariants:
//! 1. It says what it compared of each partition, and what it could not compare and why.
//! 2. A difference is worse than a gap: 1 if anything differs, 2 if not all that was asked for could be compared, else 0.
//! 3. The exchange may be at work meanwhile.

mod print;

use crate::cli::Context;
use crate::exit::Failure;
use crate::machines;
use crate::point;
use crate::progress::Progress;
use crate::site::Site;
use hoga_runtime::reconcile::{Comparison, Point, Range, Reconciled, Reconciler};
use std::io::{self, Write};
use std::time::Instant;

/// Arguments of `hoga reconcile`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  hoga reconcile\n  hoga reconcile --from 2026-11-21T00:00:00+09:00 --to 2026-11-22T00:00:00+09:00\n  hoga reconcile --from journal/0@120000 --data-dir hoga-data/demo\n\nEvery topic but owners is read once; machines are replayed from their first record, or from their oldest snapshot\nwhere that is cut. Exit codes: 0 equal, 1 different, 2 not all that was asked for could be compared."
)]
pub struct Args {
    /// Compare from here on; partitions that are not named from their start
    #[arg(long, value_parser = point::parse, value_name = point::FORM)]
    from: Option<Point>,
    /// Compare up to here; partitions that are not named to their end
    #[arg(long, value_parser = point::parse, value_name = point::FORM)]
    to: Option<Point>,
    /// How many differences are told in words; all are counted
    #[arg(long, default_value_t = 20, value_name = "COUNT")]
    show: usize,
}

impl Args {
    /// Compares and prints.
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let began = Instant::now();
        let site = Site::reach(context)?;
        let (cuts, snapshots) = (site.cuts()?, site.stored_snapshots()?);
        let comparison = Comparison {
            cuts: &cuts,
            snapshots: &snapshots,
            factory: &machines::factory(),
            settings: &site.settings,
            range: Range { from: self.from, to: self.to },
            told: self.show,
        };
        let reconciled = work(context, Reconciler::begin(comparison)?)?;
        let out = &mut io::stdout().lock();
        print::all(&reconciled, out)?;
        writeln!(out, "\n{} in {:.1} s", print::figures(&reconciled), began.elapsed().as_secs_f64())?;
        judge(&reconciled, &site, out)
    }
}

fn work(context: &Context, mut reconciler: Reconciler) -> Result<Reconciled, Failure> {
    let (_, all) = reconciler.progress();
    let mut progress = Progress::new("offsets reconciled", Some(all));
    while reconciler.step()? {
        context.stop.check("nothing was changed; run it again")?;
        progress.set(reconciler.progress().0);
    }
    Ok(reconciler.finish())
}

fn judge(reconciled: &Reconciled, site: &Site, out: &mut dyn Write) -> Result<(), Failure> {
    let total = reconciled.differences.total;
    if total > 0 {
        return Err(Failure::Refused(format!(
            "{site}: {total} differences between what was written and what its input gives, see above; keep the log, and look at the first one with `hoga tail TOPIC --partition N --from OFFSET`"
        )));
    }
    if !reconciled.is_whole() {
        return Err(Failure::NotCovered(format!(
            "{site}: what was compared is equal, and not all that was asked for could be compared, see above; what is cut is not asked for with --from"
        )));
    }
    writeln!(out, "all equal")?;
    Ok(())
}
