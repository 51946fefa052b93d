//! The codec: each hot record encoded and decoded, beside two Avro libraries in builds with `bench-peers`.
//!
//! The records are those of a generated market, as its machines made them. Encoding makes the whole value: framing,
//! origin, content; decoding takes it apart and makes the record with its names and lists.
//!
//! Invariant: what another library reads of our bytes it writes as the same bytes, else the row is wrong.

#[cfg(feature = "bench-peers")]
mod peers;

use super::Size;
use super::core_loop::{CoreLoop, Pair};
use super::crowd::Crowd;
use super::outcome::{Figure, Outcome, Side};
use super::timing::{Spread, nanoseconds, on_core};
use crate::cli::Context;
use crate::exit::Failure;
use crate::progress::Progress;
use hoga_core::records::RecordKind;
use hoga_core::{MachineKind, Record, Settings};
use hoga_schemas::{Origin, decode, encode_content, open, seal};
use std::collections::BTreeMap;
use std::hint::black_box;

const EXCLUDED: &str = "the channel's running hash, allocating the buffer that is written to";
/// Different records of each kind.
const SAMPLES: usize = 256;
/// Times that all samples of a kind are worked through in a round.
const PASSES: u64 = 400;
/// Commands of the market that the samples are taken from.
const COMMANDS: u64 = 20_000;

/// The hot records, each with its row.
const HOT: [(RecordKind, &str); 9] = [
    (RecordKind::PlaceOrder, "codec PlaceOrder"),
    (RecordKind::AmendOrder, "codec AmendOrder"),
    (RecordKind::HeldOrder, "codec HeldOrder"),
    (RecordKind::HeldAmend, "codec HeldAmend"),
    (RecordKind::BookAnswer, "codec BookAnswer"),
    (RecordKind::SettlementLeg, "codec SettlementLeg"),
    (RecordKind::Execution, "codec Execution"),
    (RecordKind::OrderEvent, "codec OrderEvent"),
    (RecordKind::JournalEntry, "codec JournalEntry"),
];

/// A record, who wrote it, and its bytes.
struct Sample {
    record: Record,
    origin: Option<Origin>,
    bytes: Vec<u8>,
}

/// Time for each record, in nanoseconds, of a direction.
#[derive(Default)]
struct Direction {
    spread: Spread,
    passes: Option<hdrhistogram::Histogram<u64>>,
}

/// The rows.
pub fn run(context: &Context, size: &Size) -> Result<Vec<Outcome>, Failure> {
    let samples = samples()?;
    let mut progress = Progress::new("records of the codec", Some(HOT.len() as u64));
    let mut outcomes = Vec::new();
    for (kind, row) in HOT {
        context.stop.check("no figures")?;
        outcomes.push(measure(row, &samples[&kind], size));
        progress.set(outcomes.len() as u64);
    }
    Ok(outcomes)
}

fn measure(row: &'static str, samples: &[Sample], size: &Size) -> Outcome {
    let bytes = samples.iter().map(|sample| sample.bytes.len()).sum::<usize>() / samples.len().max(1);
    let work = format!("{SAMPLES} different records of {bytes} bytes on average, each {PASSES} times a round");
    let mut outcome = Outcome::new(row, work, EXCLUDED);
    let (mut encode, mut decode) = (Direction::default(), Direction::default());
    let (mut content, mut value) = (Vec::new(), Vec::new());
    for _ in 0..size.rounds {
        encode.round(samples, |sample| {
            encode_value(sample, &mut content, &mut value);
            black_box(&value);
        });
        decode.round(samples, |sample| drop(black_box(decode_value(&sample.bytes))));
    }
    for sample in samples {
        encode_value(sample, &mut content, &mut value);
        if value != sample.bytes || decode_value(&value) != sample.record {
            outcome.wrong.push(format!("{} does not come back as it was", sample.record.kind()));
        }
    }
    outcome.figures = vec![Figure::of("encode", &encode.spread), Figure::of("decode", &decode.spread)];
    outcome.sides = vec![encode.side("hoga encode"), decode.side("hoga decode")];
    #[cfg(feature = "bench-peers")]
    peers::measure(samples, size, &mut outcome);
    outcome
}

impl Direction {
    /// All samples, [`PASSES`] times.
    fn round(&mut self, samples: &[Sample], mut one: impl FnMut(&Sample)) {
        let passes = self.passes.get_or_insert_with(nanoseconds);
        let mut sum = 0;
        for _ in 0..PASSES {
            let ((), time) = on_core(|| samples.iter().for_each(&mut one));
            let ns = time.as_nanos() as u64;
            sum += ns;
            passes.record(ns / samples.len() as u64).expect("the histogram grows as needed");
        }
        self.spread.add(sum / PASSES / samples.len() as u64);
    }

    fn side(self, name: &'static str) -> Side {
        let cpu_ns = self.spread.middle();
        let count = self.passes.as_ref().map_or(0, |passes| passes.len() * SAMPLES as u64);
        Side { name, latency_ns: self.passes, per_second: 1_000_000_000 / cpu_ns.max(1), cpu_ns, count }
    }
}

fn encode_value(sample: &Sample, content: &mut Vec<u8>, value: &mut Vec<u8>) {
    content.clear();
    value.clear();
    encode_content(&sample.record, content);
    seal(sample.record.kind(), sample.origin.as_ref(), content, value);
}

fn decode_value(bytes: &[u8]) -> Record {
    let frame = open(bytes).expect("these bytes were made by us");
    decode(&frame).expect("these bytes were made by us")
}

/// Records of each hot kind out of a market at work.
fn samples() -> Result<BTreeMap<RecordKind, Vec<Sample>>, Failure> {
    let mut crowd = Crowd::new(1, 100, 1_000);
    let mut machines = CoreLoop::new(&Settings::default());
    let time = crowd.time();
    for listing in crowd.listings() {
        machines.tell_both(&listing, time)?;
    }
    machines.step(&crowd.clock(), time)?;
    for deposit in crowd.deposits() {
        machines.step(&deposit, time)?;
    }
    machines.seen = Some(Vec::new());
    for _ in 0..COMMANDS {
        let command = crowd.next();
        machines.step(&command, crowd.time())?;
        machines.seen.get_or_insert_default().push(command);
    }
    let mut samples = BTreeMap::<RecordKind, Vec<Sample>>::new();
    for record in machines.seen.unwrap_or_default() {
        let all = samples.entry(record.kind()).or_default();
        if all.len() < SAMPLES {
            let number = all.len() as u64;
            all.push(sample(record, number));
        }
    }
    let few = |kind: &RecordKind| samples.get(kind).is_none_or(|all| all.len() < SAMPLES);
    match HOT.iter().find(|(kind, _)| few(kind)) {
        Some((kind, _)) => Err(Failure::Stopped(format!("the market made fewer than {SAMPLES} of {kind}: a bug"))),
        None => Ok(samples),
    }
}

/// With the origin that it has in its topic: commands have none.
fn sample(record: Record, number: u64) -> Sample {
    let is_command = matches!(record, Record::PlaceOrder(_) | Record::AmendOrder(_));
    let hash = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let (machine, cause) = (MachineKind::Holds, 1_000_000 + number);
    let origin = Origin { machine, partition: 2, epoch: 17, cause, number: 2_000_000 + number, hash };
    let origin = (!is_command).then_some(origin);
    let (mut content, mut bytes) = (Vec::new(), Vec::new());
    encode_content(&record, &mut content);
    seal(record.kind(), origin.as_ref(), &content, &mut bytes);
    Sample { record, origin, bytes }
}
