//! The embedded log against the conformance test; what only files can do to it is in the submodules.

mod crash;
mod damage;
mod process;
mod retained;
mod room;

use super::*;
use crate::conformance::{self, Subject};
use std::cell::RefCell;
use tempfile::TempDir;

/// An embedded log with options, each in a folder of its own.
struct Embedded {
    options: EmbeddedOptions,
    newest: RefCell<Option<(TempDir, Arc<EmbeddedLog>)>>,
}

impl Embedded {
    fn new(segment_bytes: u64, cache_bytes: usize) -> Self {
        let options = EmbeddedOptions {
            segment_bytes,
            cache_bytes,
            max_record_bytes: conformance::LIMIT,
            partitions: conformance::partitions(),
            ..EmbeddedOptions::default()
        };
        Self { options, newest: RefCell::new(None) }
    }
}

impl Subject for Embedded {
    fn make(&self, time_mode: TimeMode) -> Arc<dyn Log> {
        let folder = tempfile::tempdir().unwrap();
        let options = EmbeddedOptions { time_mode, ..self.options.clone() };
        let log = Arc::new(EmbeddedLog::open(folder.path(), options).unwrap());
        *self.newest.borrow_mut() = Some((folder, log.clone()));
        log
    }

    fn reopen(&self, log: Arc<dyn Log>) -> Option<Arc<dyn Log>> {
        let options = EmbeddedOptions { time_mode: log.time_mode(), ..self.options.clone() };
        drop(log);
        let (folder, log) = self.newest.take().expect("it was made here");
        assert_eq!(Arc::strong_count(&log), 1, "nobody else has it");
        drop(log);
        let log = Arc::new(EmbeddedLog::open(folder.path(), options).unwrap());
        *self.newest.borrow_mut() = Some((folder, log.clone()));
        Some(log)
    }

    fn tombstone(&self, to: TopicPartition, key: &[u8]) -> Option<u64> {
        let newest = self.newest.borrow();
        let (_, log) = newest.as_ref().expect("it was made here");
        Some(log.append_foreign(to, key, None, Timestamp(0)).unwrap())
    }
}

/// A folder in memory where there is one: these tests open a log thousands of times, and each opening syncs.
fn scratch() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() }.unwrap()
}

#[test]
fn conforms() {
    conformance::conforms(&Embedded::new(64 << 20, 64 << 20));
}

#[test]
fn conforms_when_everything_is_read_from_small_files() {
    conformance::conforms(&Embedded::new(8 << 10, 0));
}

/// The flusher does not run here, so nothing becomes durable.
#[test]
fn before_the_sync_records_are_written_and_not_durable() {
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout::open(folder.path(), TimeMode::Wall, &Partitions::default()).unwrap();
    let (ends, slots) = layout.slots().iter().map(|_| (Ends::default(), Slot::default())).unzip();
    let shared = Arc::new(Shared::new(layout, (100, 100, 0), ends, State { slots, ..State::default() }));
    let at = TopicPartition::new(Topic::Books, 1);
    let seen = shared.signal.version();
    let mut writer = EmbeddedWriter::new(shared.clone());
    writer.send(at, b"k", b"v", None, 0).unwrap();
    writer.flush().unwrap();
    assert_ne!(shared.signal.version(), seen, "who waits is woken");
    let bounds = shared.ends[shared.slot(at).unwrap() as usize].bounds();
    assert_eq!(bounds, Bounds { start: 0, end: 1, durable_end: 0 });
    for (visibility, expect) in [(Visibility::Written, 1), (Visibility::Durable, 0)] {
        let (mut reader, mut out) = (EmbeddedReader::new(shared.clone(), at, 0, visibility).unwrap(), Vec::new());
        reader.poll(10, &mut out).unwrap();
        assert_eq!(out.len(), expect, "{visibility:?}");
    }
}

#[test]
fn dropping_writes_what_was_appended() {
    let folder = tempfile::tempdir().unwrap();
    let at = TopicPartition::new(Topic::Orders, 1);
    let log = EmbeddedLog::open(folder.path(), EmbeddedOptions::default()).unwrap();
    conformance::append(&log, at, &["a", "b"]);
    let (mut reader, mut writer) = (log.reader(at, 0, Visibility::Written).unwrap(), log.writer().unwrap());
    drop(log);
    assert!(matches!(reader.poll(1, &mut Vec::new()), Err(LogError::Failed(_))));
    assert!(matches!(writer.flush(), Err(LogError::Failed(_))));
    let log = EmbeddedLog::open(folder.path(), EmbeddedOptions::default()).unwrap();
    assert_eq!(conformance::values(&log, at), ["a", "b"]);
    assert_eq!(log.torn(), None);
}

#[test]
fn appending_waits_for_room() {
    let folder = tempfile::tempdir().unwrap();
    let options = EmbeddedOptions { max_unwritten_bytes: 1, cache_bytes: 0, ..EmbeddedOptions::default() };
    let log = EmbeddedLog::open(folder.path(), options).unwrap();
    let at = TopicPartition::new(Topic::Orders, 1);
    for n in 0..20 {
        conformance::append(&log, at, &["x"]);
        let bounds = log.bounds(at).unwrap();
        assert!(bounds.end == n + 1 && bounds.end - bounds.durable_end <= 1, "{bounds:?}");
    }
}
