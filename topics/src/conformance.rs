//! One test for every implementation of [`Log`]: what the trait promises, each promise a function.
//!
//! An implementation takes part by its [`Subject`]; what it cannot do (reopen, cut, foreign records) it says, and those
//! promises are left out for it.

use crate::{Ack, Bounds, Log, LogError, LogRecord, Partitions, Signal, TimeMode, TopicPartition, Visibility, Writer};
use hoga_core::{Timestamp, Topic};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// What is tested.
pub trait Subject {
    /// A new, empty log of [`PARTITIONS`] keyed partitions and records of at most [`LIMIT`] bytes.
    fn make(&self, time_mode: TimeMode) -> Arc<dyn Log>;

    /// Times that its recorded log holds, in milliseconds, no two alike.
    fn recorded_times(&self) -> Vec<i64> {
        vec![1_700_000_000_000, 5, -7, i64::MAX, i64::MIN, 0]
    }

    /// Closes the log and opens it again; none: it cannot.
    fn reopen(&self, log: Arc<dyn Log>) -> Option<Arc<dyn Log>> {
        let _ = log;
        None
    }

    /// Puts a record that is committed and one that is not into a partition, by transactions of a foreign writer; false:
    /// it cannot.
    fn transactions(&self, to: TopicPartition) -> bool {
        let _ = to;
        false
    }

    /// Appends a tombstone as a foreign writer would; none: it cannot.
    fn tombstone(&self, to: TopicPartition, key: &[u8]) -> Option<u64> {
        let _ = (to, key);
        None
    }
}

/// Keyed partitions of a subject's log.
pub const PARTITIONS: u32 = 3;
/// The record limit of a subject's log.
pub const LIMIT: usize = 4_096;
const A: TopicPartition = TopicPartition::new(Topic::Orders, 0);
const B: TopicPartition = TopicPartition::new(Topic::Books, 2);

/// The partitions of a subject's log.
pub fn partitions() -> Partitions {
    Partitions::keyed(PARTITIONS)
}

/// Everything.
pub fn conforms(subject: &dyn Subject) {
    describes_itself(subject);
    keeps_order_and_bytes(subject);
    sends_nothing_before_flush(subject);
    many_readers_see_the_same(subject);
    many_writers_keep_their_order(subject);
    a_reader_far_behind_gets_everything(subject);
    wakes_who_waits(subject);
    durable_readers_see_what_is_synced(subject);
    wall_times_never_go_back(subject);
    recorded_times_are_the_writers(subject);
    says_what_is_wrong(subject);
    cuts_and_goes_on(subject);
    finds_offsets_by_time(subject);
    tombstones_come_as_such(subject);
    a_reader_at_the_end_stands_at_the_end(subject);
    goes_on_after_reopening(subject);
}

/// Sends records of one partition, flushes, and returns their offsets.
pub fn append(log: &dyn Log, to: TopicPartition, values: &[&str]) -> Vec<u64> {
    let mut writer = log.writer().unwrap();
    let time = |index: usize| (log.time_mode() == TimeMode::Recorded).then_some(Timestamp(1 + index as i64));
    for (index, value) in values.iter().enumerate() {
        writer.send(to, b"key", value.as_bytes(), time(index), index as u64).unwrap();
    }
    writer.flush().unwrap();
    offsets(log, &mut *writer)
}

/// Waits for all answers; their offsets, in the order of sending.
fn offsets(log: &dyn Log, writer: &mut dyn Writer) -> Vec<u64> {
    let mut acks: Vec<Ack> = Vec::new();
    wait_for(log.signal(), || {
        writer.acks(&mut acks).unwrap();
        writer.in_flight() == 0
    });
    acks.iter().map(|ack| ack.offset.expect("nothing is lost here")).collect()
}

/// Looks again at every change until `done`; the bound is for logs that never come there.
fn wait_for(signal: &Signal, mut done: impl FnMut() -> bool) {
    loop {
        let seen = signal.version();
        if done() {
            return;
        }
        assert_ne!(signal.wait(seen, Duration::from_secs(60)), seen, "nothing was signalled");
    }
}

/// Reads from an offset to the end, `max` at a time.
pub fn read(log: &dyn Log, at: TopicPartition, from: u64, visibility: Visibility, max: usize) -> Vec<LogRecord> {
    let bounds = log.bounds(at).unwrap();
    let end = if visibility == Visibility::Written { bounds.end } else { bounds.durable_end };
    let mut reader = log.reader(at, from, visibility).unwrap();
    let mut out = Vec::new();
    wait_for(log.signal(), || {
        loop {
            let before = out.len();
            reader.poll(max, &mut out).unwrap();
            assert!(out.len() - before <= max);
            assert_eq!(reader.position(), from + out.len() as u64);
            if out.len() == before {
                return reader.position() >= end;
            }
        }
    });
    for (index, record) in out.iter().enumerate() {
        assert_eq!(record.offset, from + index as u64);
    }
    out
}

/// The values of a partition from its start.
pub fn values(log: &dyn Log, at: TopicPartition) -> Vec<String> {
    let records = read(log, at, log.bounds(at).unwrap().start, Visibility::Written, 100);
    let text = |record: &LogRecord| String::from_utf8(record.value.as_ref().unwrap().to_vec()).unwrap();
    records.iter().map(text).collect()
}

fn describes_itself(subject: &dyn Subject) {
    for mode in [TimeMode::Wall, TimeMode::Recorded] {
        let log = subject.make(mode);
        assert_eq!((log.time_mode(), log.max_record_bytes()), (mode, LIMIT));
        for (topic, count) in partitions().iter() {
            assert_eq!(log.partitions(topic), count, "{topic}");
        }
        assert_eq!(log.bounds(A).unwrap(), Bounds { start: 0, end: 0, durable_end: 0 });
    }
}

fn keeps_order_and_bytes(subject: &dyn Subject) {
    let log = subject.make(TimeMode::Wall);
    assert_eq!(append(&*log, A, &["a", "", "c"]), [0, 1, 2]);
    assert_eq!(append(&*log, B, &["x"]), [0]);
    assert_eq!(append(&*log, A, &["d"]), [3]);
    assert_eq!(values(&*log, A), ["a", "", "c", "d"]);
    assert_eq!(values(&*log, B), ["x"]);
    let all_bytes: Vec<u8> = (0..=255).collect();
    let mut writer = log.writer().unwrap();
    writer.send(B, &all_bytes, &all_bytes, None, 77).unwrap();
    writer.flush().unwrap();
    assert_eq!(offsets(&*log, &mut *writer), [1]);
    let record = read(&*log, B, 1, Visibility::Written, 1).remove(0);
    assert_eq!((&record.key[..], record.value.as_deref()), (&all_bytes[..], Some(&all_bytes[..])));
}

fn sends_nothing_before_flush(subject: &dyn Subject) {
    let log = subject.make(TimeMode::Wall);
    let mut writer = log.writer().unwrap();
    writer.send(A, b"k", b"v", None, 1).unwrap();
    assert_eq!((log.bounds(A).unwrap().end, writer.in_flight()), (0, 1));
    writer.flush().unwrap();
    writer.flush().unwrap();
    assert_eq!(offsets(&*log, &mut *writer), [0]);
    assert_eq!((log.bounds(A).unwrap().end, writer.in_flight()), (1, 0));
}

fn many_readers_see_the_same(subject: &dyn Subject) {
    let log = subject.make(TimeMode::Wall);
    for batch in 0..50 {
        let batch: Vec<String> = (0..batch % 7).map(|n| format!("{batch}-{n}")).collect();
        append(&*log, A, &batch.iter().map(String::as_str).collect::<Vec<_>>());
    }
    let all = read(&*log, A, 0, Visibility::Written, 1_000);
    assert_eq!(all.len() as u64, log.bounds(A).unwrap().end);
    for from in 0..=all.len() {
        let max = 1 + from % 11;
        assert_eq!(read(&*log, A, from as u64, Visibility::Written, max), all[from..], "from {from}, {max} at a time");
    }
}

fn many_writers_keep_their_order(subject: &dyn Subject) {
    let log = subject.make(TimeMode::Wall);
    std::thread::scope(|scope| {
        for name in ["a", "b", "c"] {
            let log = &log;
            scope.spawn(move || {
                let mut writer = log.writer().unwrap();
                for n in 0..200_u64 {
                    writer.send(A, name.as_bytes(), &n.to_le_bytes(), None, n).unwrap();
                    if n % 3 == 0 {
                        writer.flush().unwrap();
                    }
                }
                writer.flush().unwrap();
                let offsets = offsets(&**log, &mut *writer);
                assert!(offsets.is_sorted_by(|a, b| a < b) && offsets.len() == 200);
            });
        }
    });
    let mut next = BTreeMap::<Vec<u8>, u64>::new();
    for record in read(&*log, A, 0, Visibility::Written, 64) {
        let next = next.entry(record.key.to_vec()).or_default();
        assert_eq!(record.value.unwrap()[..], next.to_le_bytes());
        *next += 1;
    }
    assert_eq!(next.into_values().collect::<Vec<_>>(), [200, 200, 200]);
}

fn a_reader_far_behind_gets_everything(subject: &dyn Subject) {
    let log = subject.make(TimeMode::Wall);
    let mut slow = log.reader(A, 0, Visibility::Written).unwrap();
    let mut got = Vec::new();
    for batch in 0..40_u32 {
        let values: Vec<String> = (0..25).map(|n| format!("{batch}/{n}/{}", "x".repeat(200))).collect();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        append(&*log, A, &values);
        append(&*log, B, &values);
        slow.poll(3, &mut got).unwrap();
    }
    log.sync().unwrap();
    let all = read(&*log, A, 0, Visibility::Written, 1_000);
    wait_for(log.signal(), || {
        while slow.position() < 1_000 {
            slow.poll(7, &mut got).unwrap();
        }
        true
    });
    assert_eq!(got, all);
    assert_eq!(read(&*log, B, 990, Visibility::Durable, 3).len(), 10);
}

fn wakes_who_waits(subject: &dyn Subject) {
    let log = subject.make(TimeMode::Wall);
    for visibility in [Visibility::Written, Visibility::Durable] {
        let from = log.bounds(A).unwrap().end;
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                let mut reader = log.reader(A, from, visibility).unwrap();
                let mut out = Vec::new();
                wait_for(log.signal(), || {
                    reader.poll(1, &mut out).unwrap();
                    !out.is_empty()
                });
            });
            append(&*log, A, &["wake up"]);
            if visibility == Visibility::Durable {
                log.sync().unwrap();
            }
            waiting.join().unwrap();
        });
    }
}

fn durable_readers_see_what_is_synced(subject: &dyn Subject) {
    let log = subject.make(TimeMode::Wall);
    append(&*log, A, &["a", "b"]);
    append(&*log, B, &["x"]);
    log.sync().unwrap();
    let Bounds { end, durable_end, .. } = log.bounds(A).unwrap();
    assert_eq!((end, durable_end), (2, 2));
    assert_eq!(read(&*log, A, 0, Visibility::Durable, 10).len(), 2);
    append(&*log, A, &["c"]);
    let seen = log.reader(A, 0, Visibility::Durable).unwrap();
    let bounds = log.bounds(A).unwrap();
    assert!(bounds.durable_end >= 2 && bounds.end == 3 && seen.position() == 0);
    log.sync().unwrap();
    assert_eq!(read(&*log, A, 0, Visibility::Durable, 10).len(), 3);
}

fn wall_times_never_go_back(subject: &dyn Subject) {
    let log = subject.make(TimeMode::Wall);
    for _ in 0..20 {
        append(&*log, A, &["a", "b"]);
    }
    let records = read(&*log, A, 0, Visibility::Written, 9);
    assert!(records.is_sorted_by_key(|record| record.time) && records[0].time > Timestamp(0));
}

fn recorded_times_are_the_writers(subject: &dyn Subject) {
    let log = subject.make(TimeMode::Recorded);
    let times = subject.recorded_times();
    let mut writer = log.writer().unwrap();
    for (time, token) in times.iter().zip(0..) {
        writer.send(A, b"", b"v", Some(Timestamp(*time)), token).unwrap();
    }
    writer.flush().unwrap();
    offsets(&*log, &mut *writer);
    let found: Vec<i64> = read(&*log, A, 0, Visibility::Written, 4).iter().map(|record| record.time.0).collect();
    assert_eq!(found, times);
}

fn says_what_is_wrong(subject: &dyn Subject) {
    let log = subject.make(TimeMode::Wall);
    append(&*log, A, &["a"]);
    let nowhere = TopicPartition::new(Topic::Orders, PARTITIONS);
    let mut writer = log.writer().unwrap();
    let too_large = vec![b'x'; LIMIT];
    let reader = |at, from| log.reader(at, from, Visibility::Written).map(drop).unwrap_err().to_string();
    let send = |writer: &mut dyn Writer, to, value: &[u8], time| {
        writer.send(to, b"k", value, time, 0).unwrap_err().to_string()
    };
    let no_partition = "orders/3: there is no such partition in this log";
    for (what, message, expect) in [
        ("bounds", log.bounds(nowhere).unwrap_err().to_string(), no_partition),
        ("cut", log.cut(nowhere, 0).unwrap_err().to_string(), no_partition),
        ("reader", reader(nowhere, 0), no_partition),
        ("reader past the end", reader(A, 2), "orders/0: offset 2 is past the log's end 1"),
        ("send", send(&mut *writer, nowhere, b"v", None), no_partition),
        ("too large", send(&mut *writer, A, &too_large, None), "a record of 4097 bytes is over the limit of 4096"),
        ("time", send(&mut *writer, A, b"v", Some(Timestamp(1))), "orders/0: a recorded log needs the time"),
    ] {
        assert!(message.contains(expect), "{what}: {message}");
    }
    assert_eq!(writer.in_flight(), 0, "what is refused is not sent");
    assert!(writer.send(A, b"", &too_large, None, 0).is_ok(), "the limit is within");
    let recorded = subject.make(TimeMode::Recorded);
    let error = recorded.writer().unwrap().send(A, b"k", b"v", None, 0).unwrap_err();
    assert!(matches!(error, LogError::TimeMode(at) if at == A));
}

fn cuts_and_goes_on(subject: &dyn Subject) {
    let log = subject.make(TimeMode::Wall);
    let large = "x".repeat(500);
    let name = |n: usize| format!("{n:04}{large}");
    for n in 0..100 {
        append(&*log, A, &[&name(n), &name(n)]);
        append(&*log, B, &[&name(n)]);
    }
    log.sync().unwrap();
    let mut behind = log.reader(A, 0, Visibility::Written).unwrap();
    assert_eq!(log.cut(A, 151).unwrap(), 151);
    assert_eq!(log.cut(A, 9).unwrap(), 151, "a cut never goes back");
    assert_eq!(log.bounds(A).unwrap().start, 151);
    let cut = behind.poll(1, &mut Vec::new()).unwrap_err();
    assert!(matches!(cut, LogError::Cut { offset: 0, start: 151, .. }), "{cut}");
    assert!(log.reader(A, 150, Visibility::Written).is_err());
    assert_eq!(values(&*log, A), (151..200).map(|n| name(n / 2)).collect::<Vec<_>>());
    assert_eq!(values(&*log, B), (0..100).map(name).collect::<Vec<_>>());
    assert_eq!(log.cut(A, 1_000).unwrap(), 200, "a cut ends where the durable log ends");
    assert_eq!(append(&*log, A, &["next"]), [200]);
    assert_eq!(log.cut(B, 99).unwrap(), 99);
    assert_eq!((values(&*log, A), values(&*log, B)), (vec!["next".to_owned()], vec![name(99)]));
    if let Some(log) = subject.reopen(log) {
        assert_eq!((values(&*log, A), values(&*log, B)), (vec!["next".to_owned()], vec![name(99)]));
        assert_eq!(append(&*log, B, &["on"]), [100]);
    }
}

fn finds_offsets_by_time(subject: &dyn Subject) {
    let log = subject.make(TimeMode::Wall);
    assert_eq!(log.offset_at(A, Timestamp(0)).unwrap(), 0, "nothing is there");
    let pause = || _ = log.signal().wait(log.signal().version(), Duration::from_millis(2));
    for _ in 0..12 {
        append(&*log, A, &["a", "b", "c"]);
        pause();
    }
    log.sync().unwrap();
    let check = |start: usize| {
        let records = read(&*log, A, start as u64, Visibility::Durable, 100);
        let newest = records.last().unwrap().time;
        let times = records.iter().map(|record| record.time).chain([Timestamp(0), newest.plus_ms(1)]);
        for time in times.flat_map(|time| [time, time.plus_ms(1)]) {
            let expected = records.iter().find(|record| record.time >= time).map_or(36, |record| record.offset);
            assert_eq!(log.offset_at(A, time).unwrap(), expected, "{time}, of {records:?}");
        }
    };
    check(0);
    log.cut(A, 20).unwrap();
    check(20);
}

fn tombstones_come_as_such(subject: &dyn Subject) {
    let log = subject.make(TimeMode::Wall);
    append(&*log, A, &["a"]);
    let Some(offset) = subject.tombstone(A, b"gone") else { return };
    append(&*log, A, &[""]);
    let records = read(&*log, A, 0, Visibility::Written, 10);
    assert_eq!((offset, records[1].value.as_deref(), &records[1].key[..]), (1, None, &b"gone"[..]));
    assert_eq!(records[2].value.as_deref(), Some(&b""[..]), "an empty value is none");
}

fn a_reader_at_the_end_stands_at_the_end(subject: &dyn Subject) {
    let log = subject.make(TimeMode::Wall);
    append(&*log, A, &["a"]);
    let mut reader = log.reader(A, 0, Visibility::Written).unwrap();
    if !subject.transactions(A) {
        return;
    }
    let end = log.bounds(A).unwrap().end;
    let mut records = Vec::new();
    let mut stand = |end| {
        wait_for(log.signal(), || {
            reader.poll(10, &mut records).unwrap();
            reader.position() == end
        });
        records.iter().map(|record| record.offset).collect::<Vec<_>>()
    };
    let offsets = stand(end);
    assert!(offsets.len() == 3 && *offsets.last().unwrap() + 1 < end, "{offsets:?} before {end}");
    append(&*log, A, &["b"]);
    assert_eq!(stand(end + 1)[3..], [end]);
}

fn goes_on_after_reopening(subject: &dyn Subject) {
    for mode in [TimeMode::Wall, TimeMode::Recorded] {
        let log = subject.make(mode);
        append(&*log, A, &["a", "b"]);
        append(&*log, B, &["x"]);
        let before = read(&*log, A, 0, Visibility::Written, 10);
        let Some(log) = subject.reopen(log) else { return };
        assert_eq!(log.bounds(A).unwrap(), Bounds { start: 0, end: 2, durable_end: 2 });
        assert_eq!(append(&*log, A, &["c"]), [2]);
        let after = read(&*log, A, 0, Visibility::Written, 10);
        assert_eq!((&after[..2], after.len()), (&before[..], 3));
        assert!(mode == TimeMode::Recorded || after[2].time >= after[1].time);
        let log = subject.reopen(log).expect("it could before");
        assert_eq!((values(&*log, A).join(""), values(&*log, B).join("")), ("abc".into(), "x".into()));
    }
}
