//! Target `wire`: what comes over a connection between `hoga up` and another command.
//!
//! The first byte says who speaks. A client's bytes are requests, each behind its length, which a server answers from
//! a small log until one is none; a server's are answers. What a server would write, a client can read.

use hoga_core::{Timestamp, Topic};
use hoga_topics::{MemoryLog, MemoryOptions, Partitions, TopicPartition, fuzzing, memory};

/// Lets the bytes come from a client or from a server.
pub fn run(data: &[u8]) {
    let Some((first, bytes)) = data.split_first() else { return };
    if first % 2 == 0 {
        fuzzing::answers(bytes);
    } else {
        fuzzing::serve(&log(), bytes);
    }
}

fn log() -> MemoryLog {
    let options = MemoryOptions {
        partitions: Partitions::keyed(1),
        clock: memory::Clock::Set(Timestamp(1_700_000_000_000)),
        ..MemoryOptions::default()
    };
    let log = MemoryLog::new(options);
    for value in [&b"one"[..], b"two", b"three"] {
        log.append_foreign(TopicPartition::new(Topic::Orders, 0), b"key", Some(value), Timestamp(0))
            .expect("there is such a partition");
    }
    log
}
