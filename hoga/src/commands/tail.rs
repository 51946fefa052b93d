//! `hoga tail`: the records of a topic as JSON lines, decoded.
//!
//! Invariants:
//! 1. Only durable records are shown: what was printed once is never taken back by a crash.
//! 2. Without `--raw` each record comes once, as every reader accepts it, and clocks are left out; with it, all that
//!    the topic holds.
//! 3. With `--bytes` a line has key and value as they stand in the log, in hex: what a program that decodes for itself
//!    needs, and nothing is interpreted on the way.

use crate::cli::Context;
use crate::commands::topics::parse_topic;
use crate::exit::Failure;
use crate::reading;
use crate::site::Site;
use hoga_core::{Timestamp, Topic};
use hoga_runtime::Cuts;
use hoga_schemas::Frame;
use hoga_topics::channel::{AcceptedBody, AcceptedReader};
use hoga_topics::{Log, LogRecord, Reader, TopicPartition, Visibility};
use serde_json::{Value, json};
use std::io::{self, BufWriter, Write};
use std::time::Duration;

/// Arguments of `hoga tail`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  hoga tail executions\n  hoga tail order-events --key alice --from start\n  hoga tail executions --follow | jq .record.price"
)]
pub struct Args {
    /// The topic
    #[arg(value_parser = parse_topic)]
    topic: Topic,
    /// Where to begin: start, end, or an offset
    #[arg(long, default_value = "start", value_parser = parse_from, value_name = "start|end|OFFSET")]
    from: From,
    /// Wait for new records until Ctrl-C
    #[arg(long, short)]
    follow: bool,
    /// Only records of this key (an account, a symbol)
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Only this partition
    #[arg(long, value_name = "NUMBER")]
    partition: Option<u32>,
    /// End after so many records
    #[arg(long, value_name = "COUNT")]
    limit: Option<u64>,
    /// What every reader accepts, each record once, without clocks (the default)
    #[arg(long, conflicts_with = "raw")]
    accepted: bool,
    /// All that the topic holds: clocks, repeats, records of former owners, copied claims, bytes that are no record
    #[arg(long)]
    raw: bool,
    /// With --raw: key and value as they stand in the log, in hex, undecoded
    #[arg(long, requires = "raw")]
    bytes: bool,
}

#[derive(Debug, Clone, Copy)]
enum From {
    Start,
    End,
    Offset(u64),
}

fn parse_from(text: &str) -> Result<From, String> {
    match text {
        "start" => Ok(From::Start),
        "end" => Ok(From::End),
        offset => offset.parse().map(From::Offset).map_err(|_| "start, end or an offset is needed".into()),
    }
}

impl Args {
    /// Prints until the end, or follows until Ctrl-C.
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let site = Site::reach(context)?;
        let log = &*site.log;
        let mut sources = self.open(log, &site.cuts()?)?;
        let mut out = BufWriter::new(io::stdout().lock());
        let mut left = self.limit.unwrap_or(u64::MAX);
        while left > 0 && !context.stop.requested() {
            let seen = log.signal().version_for(Visibility::Durable);
            let mut moved = false;
            for source in &mut sources {
                moved |= self.print(source, &mut left, &mut out)?;
            }
            out.flush()?;
            if !moved && !self.follow && sources.iter().all(Source::at_end) {
                return Ok(());
            }
            if !moved {
                log.signal().wait_for(Visibility::Durable, seen, Duration::from_millis(100));
            }
        }
        Ok(())
    }

    fn open(&self, log: &dyn Log, cuts: &Cuts) -> Result<Vec<Source>, Failure> {
        let partitions = reading::partitions(log, self.topic);
        let partitions: Vec<_> =
            partitions.filter(|at| self.partition.is_none_or(|only| only == at.partition)).collect();
        if partitions.is_empty() {
            let count = log.partitions(self.topic);
            return Err(Failure::Usage(format!("{} has the partitions 0 to {}", self.topic, count - 1)));
        }
        partitions.into_iter().map(|at| self.source(log, cuts, at)).collect()
    }

    fn source(&self, log: &dyn Log, cuts: &Cuts, at: TopicPartition) -> Result<Source, Failure> {
        let bounds = log.bounds(at)?;
        let start = bounds.start;
        let from = match self.from {
            From::Start if start > 0 => {
                eprintln!("hoga: {at} begins at offset {start}, what was before is cut");
                start
            }
            From::Start => start,
            From::Offset(offset) if offset < start => {
                let way_out = "give that, or --from start";
                return Err(Failure::Refused(format!("{at}: offset {offset} is cut, it begins at {start}: {way_out}")));
            }
            From::End => bounds.durable_end,
            From::Offset(offset) => offset,
        };
        let end = bounds.durable_end;
        let reader = if self.raw {
            Records::Raw(log.reader(at, from.min(bounds.end), Visibility::Durable)?)
        } else {
            // What is accepted depends on all that came before: read it, and show from the offset on.
            Records::Accepted(reading::open_kept(log, cuts, at, Visibility::Durable)?)
        };
        Ok(Source { at, from, end, records: reader })
    }

    /// Prints what is there; whether anything was read.
    fn print(&self, source: &mut Source, left: &mut u64, out: &mut dyn Write) -> Result<bool, Failure> {
        let (at, from) = (source.at, source.from);
        let mut show = |offset: u64, time, key: &[u8], body: Body<'_>| -> Result<(), Failure> {
            let wanted = self.key.as_ref().is_none_or(|only| only.as_bytes() == key);
            if offset >= from && wanted && *left > 0 {
                *left -= 1;
                writeln!(out, "{}", line(at, offset, time, key, body)?)?;
            }
            Ok(())
        };
        match &mut source.records {
            Records::Raw(reader) => {
                let mut batch: Vec<LogRecord> = Vec::new();
                reader.poll(512, &mut batch)?;
                for record in &batch {
                    let value = record.value.as_deref();
                    let body = if self.bytes { Body::Bytes(value) } else { Body::of(value) };
                    show(record.offset, record.time, &record.key, body)?;
                }
                Ok(!batch.is_empty())
            }
            Records::Accepted(reader) => {
                let some = reader.fill(512)? > 0;
                while let Some(accepted) = reader.read_filled()? {
                    let body = match accepted.body {
                        AcceptedBody::Record(frame) if !reading::is_content(self.topic, frame.kind) => continue,
                        AcceptedBody::Record(frame) => Body::Record(frame),
                        AcceptedBody::Malformed(why) => Body::Malformed(why.to_owned(), accepted.value),
                    };
                    show(accepted.offset, accepted.time, accepted.key, body)?;
                }
                Ok(some)
            }
        }
    }
}

struct Source {
    at: TopicPartition,
    from: u64,
    /// Where it ended when it was opened: without --follow what is there by then is shown at least.
    end: u64,
    records: Records,
}

impl Source {
    fn at_end(&self) -> bool {
        let position = match &self.records {
            Records::Raw(reader) => reader.position(),
            Records::Accepted(reader) => reader.position(),
        };
        position >= self.end
    }
}

enum Records {
    Raw(Box<dyn Reader>),
    Accepted(AcceptedReader),
}

enum Body<'a> {
    Record(Frame<'a>),
    Malformed(String, &'a [u8]),
    /// As it stands in the log; none for a tombstone.
    Bytes(Option<&'a [u8]>),
}

impl<'a> Body<'a> {
    fn of(value: Option<&'a [u8]>) -> Self {
        let bytes = value.unwrap_or_default();
        match hoga_schemas::open(bytes) {
            Ok(frame) => Self::Record(frame),
            Err(error) => Self::Malformed(error.to_string(), bytes),
        }
    }
}

fn line(at: TopicPartition, offset: u64, time: Timestamp, key: &[u8], body: Body<'_>) -> Result<Value, Failure> {
    let place = json!({"topic": at.topic.name(), "partition": at.partition, "offset": offset, "time": time.0});
    let Value::Object(mut line) = place else { unreachable!("built as an object above") };
    if !matches!(body, Body::Bytes(_)) {
        line.insert("key".into(), String::from_utf8_lossy(key).into());
    }
    match body {
        Body::Bytes(value) => {
            line.insert("key_hex".into(), hex(key).into());
            line.insert("value_hex".into(), value.map(hex).into());
        }
        Body::Record(frame) => {
            let record = reading::decode(at, offset, &frame)?;
            line.insert("kind".into(), frame.kind.name().into());
            line.insert("origin".into(), frame.origin.as_ref().map_or(Value::Null, hoga_schemas::json::origin_to_json));
            line.insert("record".into(), hoga_schemas::json::to_json(&record));
        }
        Body::Malformed(why, bytes) => {
            line.insert("malformed".into(), why.into());
            line.insert("bytes".into(), format!("0x{}", hex(&bytes[..bytes.len().min(256)])).into());
        }
    }
    Ok(Value::Object(line))
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|digit| char::from(DIGITS[digit as usize])).collect()
}
