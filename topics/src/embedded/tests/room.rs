//! Segments that began with room: zeros behind the newest frame are neither records nor a torn write.

use super::crash::{append_known, known, picture, restore, segments, small, written};
use super::*;
use crate::embedded::room::path;
use std::fs;
use std::time::{Duration, Instant};

/// Segments that get room, and not too large for tests.
pub(super) fn roomy() -> EmbeddedOptions {
    EmbeddedOptions { segment_bytes: 2 << 20, ..small() }
}

/// Whether the newest segment is the second or a later one, and goes on in room.
pub(super) fn has_room(folder: &Path) -> bool {
    let list = fs::read_dir(folder.join("segments")).unwrap().map(|entry| entry.unwrap().path());
    let mut list: Vec<PathBuf> = list.collect();
    list.sort_unstable();
    list.len() > 1 && fs::metadata(list.pop().unwrap()).unwrap().len() == roomy().segment_bytes
}

/// Appends the known sequence until a segment has room and some records; how many there are.
fn fill(log: &EmbeddedLog, folder: &Path) -> u64 {
    let (begun, mut n) = (Instant::now(), 0);
    while !has_room(folder) {
        assert!(begun.elapsed() < Duration::from_secs(120), "no segment got room");
        append_known(log, n, n + 1_000).unwrap();
        log.sync().unwrap();
        n += 1_000;
    }
    append_known(log, n, n + 10).unwrap();
    log.sync().unwrap();
    n + 10
}

fn len(path: &Path) -> u64 {
    fs::metadata(path).unwrap().len()
}

#[test]
fn a_segment_in_room_holds_what_others_hold_and_ends_as_they_do() {
    let folder = scratch();
    let log = EmbeddedLog::open(folder.path(), roomy()).unwrap();
    let count = fill(&log, folder.path());
    assert_eq!(known(&log), count);
    let files = segments(&picture(folder.path()));
    let (newest, others) = files.split_last().unwrap();
    assert!(others.iter().all(|file| len(file) < roomy().segment_bytes), "room is left in the newest only");
    drop(log);
    assert!(len(newest) < 100_000, "what is closed ends with its last frame");
    assert!(!path(folder.path()).exists(), "nobody left a file for a next one");
    let log = EmbeddedLog::open(folder.path(), roomy()).unwrap();
    assert_eq!((known(&log), log.torn()), (count, None));
}

#[test]
fn what_a_kill_leaves_of_room_is_no_torn_write() {
    let (folder, files) = written(96);
    let last = segments(&files).pop().unwrap();
    let mut with_room = files.clone();
    with_room.get_mut(&last).unwrap().resize(3 << 20, 0);
    with_room.insert(path(folder.path()), vec![0; 5_000]);
    restore(folder.path(), &with_room);
    let log = EmbeddedLog::open(folder.path(), small()).unwrap();
    assert_eq!((known(&log), log.torn()), (96, None));
    append_known(&log, 96, 120).unwrap();
    drop(log);
    assert!(!path(folder.path()).exists());
    assert_eq!(known(&EmbeddedLog::open(folder.path(), small()).unwrap()), 120);
}

#[test]
fn a_write_into_room_that_is_torn_at_any_byte_leaves_a_prefix() {
    let (folder, files) = written(96);
    let last = segments(&files).pop().unwrap();
    let slots: u32 = small().partitions.iter().map(|(_, count)| count).sum();
    // The header is durable before the file has the name of a segment.
    let (header, whole) = (segment::FileHeader::len(slots as usize), files[&last].len());
    let (mut before, mut torn) = (96, 0);
    for at in (header..whole).rev().step_by(7) {
        let mut content = files[&last][..at].to_vec();
        content.resize(whole + 5_000, 0);
        restore(folder.path(), &files);
        fs::write(&last, &content).unwrap();
        let log = EmbeddedLog::open(folder.path(), small()).unwrap();
        let count = known(&log);
        assert!(count == before || count + 1 == before, "{at}: {count} after {before}");
        if let Some(Torn { position, bytes, .. }) = log.torn() {
            let written = content.iter().rposition(|byte| *byte != 0).unwrap() as u64 + 1;
            assert_eq!(position + bytes, written.max(*position), "only what was written is told, not the room");
            torn += 1;
        }
        before = count;
    }
    assert!(before < 96 - 5 && torn > 10, "{before} {torn}");
}

#[test]
fn without_room_segments_grow_as_they_are_written() {
    let folder = scratch();
    let log = EmbeddedLog::open(folder.path(), roomy()).unwrap();
    // A folder of that name, with something in it, can be neither removed nor written to.
    fs::create_dir_all(path(folder.path()).join("taken")).unwrap();
    let mut count = 0;
    while segments(&picture(folder.path())).len() < 3 {
        append_known(&log, count, count + 2_000).unwrap();
        log.sync().unwrap();
        count += 2_000;
    }
    let files = segments(&picture(folder.path()));
    assert!(files[..2].iter().all(|file| len(file) > roomy().segment_bytes - 200), "each was filled first");
    assert!(!has_room(folder.path()));
    drop(log);
    fs::remove_dir_all(path(folder.path())).unwrap();
    assert_eq!(known(&EmbeddedLog::open(folder.path(), roomy()).unwrap()), count);
}
