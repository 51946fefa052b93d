//! `hoga produce`: JSON lines become records in the topics.
//!
//! Invariants:
//! 1. A line is judged on its own: the good ones go in, the bad ones are named by number, and the exit code tells.
//! 2. What a line leaves out is filled in once: an id of its own, and a valid-until ahead of now.

use crate::cli::Context;
use crate::exit::Failure;
use crate::posting::{Ids, Poster, now};
use crate::progress::Progress;
use crate::site::{MAIN, Site, Topics};
use hoga_core::Topic;
use hoga_ingest::commands::{Defaults, parse_command};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::time::Duration;

/// The longest line.
const MAX_LINE_BYTES: u64 = 1 << 20;
/// So many records go out together.
const BATCH: u64 = 256;

/// Arguments of `hoga produce`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  echo '{\"action\":\"place\",\"account\":\"alice\",\"symbol\":\"KRW-BTC\",\"side\":\"BUY\",\"type\":\"LIMIT\",\"price\":\"95000000\",\"quantity\":\"0.01\"}' | hoga produce\n\nActions: place, amend, reduce, cancel, deposit, withdrawal, listAsset, feeSchedule, listInstrument, phase.\nLeft out, clientOrderId (clientId, commandId) and validUntil are filled in. docs/feeds.md lists all fields."
)]
pub struct Args {
    /// A file of JSON lines; without it, standard input
    file: Option<PathBuf>,
}

impl Args {
    /// Posts every good line and names the bad ones.
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let mut lines = self.open()?;
        let site = Site::own_or_served(context, MAIN, None, Topics::MustBeThere)?;
        let config = &context.settings.config;
        let timeout = Duration::from_secs(config.answer_timeout_s);
        let mut work =
            Work { poster: Poster::new(&*site.log, timeout)?, ids: Ids::new(), posted: BTreeMap::new(), refused: 0 };
        let mut progress = Progress::new("lines", None);
        let (mut number, mut text) = (0, Vec::new());
        while read_line(&mut lines, &mut text)? {
            number += 1;
            work.line(number, &text, config.valid_for_s).map_err(|failure| broken_off(failure, number))?;
            if number % BATCH == 0 {
                work.poster.flush().map_err(|failure| broken_off(failure, number))?;
                progress.set(number);
            }
            if context.stop.requested() {
                break;
            }
        }
        drop(progress);
        let Work { poster, posted, refused, .. } = work;
        poster.finish().map_err(|failure| broken_off(failure, number))?;
        summary(&site, number, &posted)?;
        context.stop.check(&format!("lines 1 to {number} were read, begin again behind them"))?;
        match refused {
            0 => Ok(()),
            count => {
                Err(Failure::Refused(format!("{count} of {number} lines were refused, see above; the others went in")))
            }
        }
    }

    fn open(&self) -> Result<Box<dyn BufRead>, Failure> {
        let Some(path) = &self.file else { return Ok(Box::new(io::stdin().lock())) };
        let file =
            File::open(path).map_err(|error| Failure::Unavailable(format!("opening {}: {error}", path.display())))?;
        Ok(Box::new(BufReader::new(file)))
    }
}

struct Work<'a> {
    poster: Poster<'a>,
    ids: Ids,
    posted: BTreeMap<Topic, u64>,
    refused: u64,
}

impl Work<'_> {
    fn line(&mut self, number: u64, bytes: &[u8], valid_for_s: u64) -> Result<(), Failure> {
        if bytes.trim_ascii().is_empty() {
            return Ok(());
        }
        let Self { poster, ids, posted, refused } = self;
        let mut refuse = |why: String| {
            *refused += 1;
            eprintln!("hoga: {why}");
            Ok(())
        };
        if bytes.len() as u64 >= MAX_LINE_BYTES {
            return refuse(format!("line {number}: over {MAX_LINE_BYTES} bytes; a command is a few hundred"));
        }
        let Ok(text) = std::str::from_utf8(bytes) else { return refuse(format!("line {number}: not UTF-8")) };
        let mut next_id = || ids.next();
        let mut defaults = Defaults { now: now(), valid_for_ms: valid_for_s as i64 * 1_000, next_id: &mut next_id };
        match parse_command(number, text, &mut defaults) {
            Ok(record) => {
                *posted.entry(poster.send(&record)?.topic).or_default() += 1;
                Ok(())
            }
            Err(error) => refuse(error.to_string()),
        }
    }
}

/// Says of a failure on the way what became of the lines, and how to go on without posting any twice.
fn broken_off(failure: Failure, number: u64) -> Failure {
    let more = |what: String| {
        format!(
            "{what}; {number} lines were read, and the last of them may not stand in the topics: `hoga tail` shows \
             which do. Send the others; a line that brings its own id and validUntil may be sent again"
        )
    };
    match failure {
        Failure::Stopped(what) => Failure::Stopped(more(what)),
        Failure::TimedOut(what) => Failure::TimedOut(more(what)),
        other => other,
    }
}

/// Reads a line without its end, of an overlong one the beginning; false at the end of the input.
fn read_line(lines: &mut dyn BufRead, text: &mut Vec<u8>) -> Result<bool, Failure> {
    let failed = |error| Failure::Unavailable(format!("reading the input: {error}"));
    text.clear();
    let mut limited = lines.take(MAX_LINE_BYTES);
    if limited.read_until(b'\n', text).map_err(failed)? == 0 {
        return Ok(false);
    }
    if text.last() == Some(&b'\n') {
        text.pop();
    } else if text.len() as u64 == MAX_LINE_BYTES {
        lines.skip_until(b'\n').map_err(failed)?;
    }
    Ok(true)
}

fn summary(site: &Site, lines: u64, posted: &BTreeMap<Topic, u64>) -> Result<(), Failure> {
    let out = &mut io::stdout().lock();
    let each: Vec<String> = posted.iter().map(|(topic, count)| format!("{topic} {count}")).collect();
    let each = if each.is_empty() { "nothing".into() } else { each.join(", ") };
    writeln!(out, "{lines} lines read, posted: {each}")?;
    if let Some(nobody) = site.nobody_works() {
        writeln!(out, "{nobody}")?;
    }
    Ok(())
}
