//! `hoga simulate`: the whole pipeline in memory under faults, seed by seed, judged by an independent auditor.
//!
//! Invariants:
//! 1. Without a failure nothing but the figures is printed to stdout; a failure prints a script that fails too.
//! 2. It opens no folder and no port.

use crate::cli::Context;
use crate::exit::Failure;
use crate::progress::Progress;
use hoga_simulation::{Report, Script, attempt, generate, shrink};
use indicatif::HumanCount;
use std::io::{self, Write};
use std::ops::Range;
use std::path::PathBuf;
use std::time::Instant;

/// Runs that go into making a failing script short.
const SHRINKING_RUNS: u32 = 1_500;

/// Arguments of `hoga simulate`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  hoga simulate --seeds 0..2000\n  hoga simulate --seeds 1234 > found.sim; hoga simulate --script found.sim\n\nA seed that fails prints a short script that fails too: the setup, then one act a line. docs/testing.md says how\nto read it, and how it becomes a test. Exit code 1: a seed failed. The same seeds give the same hash."
)]
pub struct Args {
    /// Which seeds: A..B (without B), or one
    #[arg(long, value_parser = parse_seeds, default_value = "0..200", conflicts_with = "script")]
    seeds: Range<u64>,
    /// Run this script instead
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
    /// Print the script of the first seed and run nothing
    #[arg(long, conflicts_with = "script")]
    print: bool,
    /// Go on after a failure, and make no script short
    #[arg(long)]
    keep_going: bool,
}

fn parse_seeds(text: &str) -> Result<Range<u64>, String> {
    let number = |text: &str| {
        let text = text.trim();
        text.parse::<u64>().map_err(|_| format!("{text:?} is no seed: seeds are whole numbers from 0, as in 0..2000"))
    };
    let seeds = match text.split_once("..") {
        Some((first, end)) => number(first)?..number(end)?,
        None => number(text)?..number(text)?.saturating_add(1),
    };
    if seeds.is_empty() {
        return Err(format!("no seed is from {} to before {}: give the lower one first", seeds.start, seeds.end));
    }
    Ok(seeds)
}

impl Args {
    /// Runs seeds or a script.
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let out = &mut io::stdout().lock();
        if self.print {
            write!(out, "{}", generate(self.seeds.start))?;
            return Ok(());
        }
        // What stops and panics in there is told by its outcome, not by warnings of machines that were made to suffer.
        std::panic::set_hook(Box::new(|_| {}));
        let quiet = tracing::subscriber::NoSubscriber::default();
        tracing::subscriber::with_default(quiet, || match &self.script {
            Some(file) => self.run_script(file, out),
            None => self.run_seeds(context, out),
        })
    }

    fn run_script(&self, file: &PathBuf, out: &mut dyn Write) -> Result<(), Failure> {
        let text = std::fs::read_to_string(file)
            .map_err(|error| Failure::Unavailable(format!("reading {}: {error}", file.display())))?;
        let script: Script = text.parse().map_err(|error| Failure::Usage(format!("{}: {error}", file.display())))?;
        let report = attempt(&script).map_err(|failure| Failure::Refused(format!("{}: {failure}", file.display())))?;
        print(out, 1, &report, Instant::now())
    }

    fn run_seeds(&self, context: &Context, out: &mut dyn Write) -> Result<(), Failure> {
        let (begun, mut sum, mut failed) = (Instant::now(), Report::default(), 0);
        let count = self.seeds.end - self.seeds.start;
        let mut progress = Progress::new("seeds run", Some(count));
        for seed in self.seeds.clone() {
            context.stop.check(&format!("seeds from {seed} on did not run"))?;
            let script = generate(seed);
            match attempt(&script) {
                Ok(report) => sum.add(&report),
                Err(failure) if self.keep_going => {
                    failed += 1;
                    writeln!(out, "seed {seed}: {failure}")?;
                }
                Err(failure) => {
                    drop(progress);
                    eprintln!("seed {seed}: {failure}\nmaking its script short ...");
                    let (short, how) = shrink(&script, &failure, SHRINKING_RUNS);
                    writeln!(out, "# seed {seed}: {how}\n{short}")?;
                    return Err(Failure::Refused(format!("seed {seed} failed: {failure}")));
                }
            }
            progress.set(seed - self.seeds.start + 1);
        }
        drop(progress);
        print(out, count, &sum, begun)?;
        if failed == 0 { Ok(()) } else { Err(Failure::Refused(format!("{failed} of {count} seeds failed"))) }
    }
}

fn print(out: &mut dyn Write, seeds: u64, sum: &Report, begun: Instant) -> Result<(), Failure> {
    let (seconds, count) = (begun.elapsed().as_secs().max(1), HumanCount);
    writeln!(
        out,
        "{} seeds: {} acts, {} commands, {} records, {} trades\n\
         {} takeovers, {} restores from snapshots; dropped: {} of replaced owners, {} repeats, {} ahead\n\
         {} seeds with a spoilt topic, {} with an owner that lost its determinism: each was noticed\n\
         in {seconds} s ({} seeds/s); hash {:016x}",
        count(seeds),
        count(sum.acts),
        count(sum.commands),
        count(sum.records),
        count(sum.trades),
        count(sum.takeovers),
        count(sum.restores),
        count(sum.stale),
        count(sum.repeats),
        count(sum.ahead),
        count(sum.spoilt),
        count(sum.turned),
        seeds / seconds,
        sum.hash
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::parse_seeds;

    #[test]
    fn seeds_are_a_range_or_one() {
        assert_eq!(parse_seeds("0..2000"), Ok(0..2_000));
        assert_eq!(parse_seeds("17"), Ok(17..18));
        for (wrong, why) in [
            ("5..5", "no seed is from 5 to before 5"),
            ("9..3", "no seed is from 9 to before 3"),
            ("a..7", "\"a\" is no seed"),
            ("1..=7", "\"=7\" is no seed"),
            ("", "\"\" is no seed"),
            ("-1", "\"-1\" is no seed"),
            ("18446744073709551615", "no seed is from"),
        ] {
            let error = parse_seeds(wrong).expect_err(wrong);
            assert!(error.starts_with(why), "{wrong:?}: {error}");
        }
    }
}
