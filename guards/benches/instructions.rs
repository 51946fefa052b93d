//! Instructions of the hot paths, counted by callgrind: `scripts/guards`.
//!
//! Each count is recorded here and may be passed by 5 %: what is 10 % slower in instructions fails. A count that came
//! down is recorded anew, so that the margin stays one. The counts are of the release profile and Rust 1.95;
//! another compiler may need them recorded anew.

#![allow(missing_docs, unused_qualifications)] // the harness's macros make public items, and name them in full

use gungraun::{Callgrind, EventKind, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group, main};
use hoga_guards::book::BookWork;
use hoga_guards::codec::CodecWork;
use hoga_guards::hop::HopWork;
use std::hint::black_box;

/// Instructions of one run, as recorded.
const BOOK: u64 = 5_255_285;
const CODEC: u64 = 4_989_127;
const HOP: u64 = 5_459_945;

/// What a count may come to.
const fn with_margin(recorded: u64) -> u64 {
    recorded + recorded / 20
}

fn limit(recorded: u64) -> LibraryBenchmarkConfig {
    let limits = [(EventKind::Ir, with_margin(recorded))];
    let mut config = LibraryBenchmarkConfig::default();
    config.tool(Callgrind::default().hard_limits(limits));
    config
}

#[library_benchmark(config = limit(BOOK))]
#[bench::commands(setup = BookWork::new)]
fn book(mut work: BookWork) -> BookWork {
    black_box(work.run());
    work
}

#[library_benchmark(config = limit(CODEC))]
#[bench::records(setup = CodecWork::new)]
fn codec(mut work: CodecWork) -> CodecWork {
    black_box(work.run());
    work
}

#[library_benchmark(config = limit(HOP))]
#[bench::records(setup = HopWork::new)]
fn hop(mut work: HopWork) -> HopWork {
    black_box(work.run());
    work
}

library_benchmark_group!(name = hot, benchmarks = [book, codec, hop]);
main!(library_benchmark_groups = hot);
