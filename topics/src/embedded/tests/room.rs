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

/// Appends the known sequence until it is so; how many records there are.
fn append_until(log: &EmbeddedLog, what: &str, is: impl Fn() -> bool) -> u64 {
    let (begun, mut n) = (Instant::now(), 0);
    while !is() {
        assert!(begun.elapsed() < Duration::from_secs(120), "appended in vain until {what}");
        append_known(log, n, n + 500).unwrap();
        log.sync().unwrap();
        n += 500;
    }
    n
}

/// Until a segment has room and some records.
fn fill(log: &EmbeddedLog, folder: &Path) -> u64 {
    let n = append_until(log, "a segment has room", || has_room(folder));
    append_known(log, n, n + 10).unwrap();
    log.sync().unwrap();
    n + 10
}

/// Until room is being made, or is made.
fn append_until_room(log: &EmbeddedLog, folder: &Path) -> u64 {
    append_until(log, "room is made", || path(folder).exists())
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
    let log = EmbeddedLog::open(folder.path(), roomy()).unwrap();
    assert_eq!((known(&log), log.torn()), (count, None));
}

/// Until something is as wanted, for two minutes at most.
fn wait_until(what: &str, is: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is() {
        assert!(begun.elapsed() < Duration::from_secs(120), "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn closing_leaves_no_room_behind_begun_or_whole() {
    for (segment_bytes, whole) in [(256 << 20, false), (2 << 20, true)] {
        let folder = scratch();
        let log = EmbeddedLog::open(folder.path(), EmbeddedOptions { segment_bytes, ..small() }).unwrap();
        let count = append_until_room(&log, folder.path());
        let room = path(folder.path());
        let made = || fs::metadata(&room).map_or(0, |file| file.len());
        wait_until("room is made", || !whole || made() == segment_bytes);
        assert!(whole || made() < segment_bytes / 2, "it is still being made");
        drop(log);
        assert!(!room.exists(), "{segment_bytes}");
        assert_eq!(known(&EmbeddedLog::open(folder.path(), small()).unwrap()), count);
    }
}

#[test]
fn zeros_behind_a_segment_without_room_are_told() {
    let (folder, files) = written(96);
    let last = segments(&files).pop().unwrap();
    let mut zeros = files.clone();
    zeros.get_mut(&last).unwrap().extend([0; 8]);
    restore(folder.path(), &zeros);
    let log = EmbeddedLog::open(folder.path(), small()).unwrap();
    assert_eq!((known(&log), log.torn().map(|torn| torn.bytes)), (96, Some(8)));
}

/// Frames of one write reach the disk in any order: a hole in it is torn, unless a frame behind says that it was durable.
#[test]
fn a_hole_in_what_was_written_together_is_torn() {
    let (folder, files) = written(80);
    let last = segments(&files).pop().unwrap();
    let layout = Layout::read(folder.path()).unwrap().unwrap();
    restore(folder.path(), &files);
    let file = files::DataFile::open(last.clone()).unwrap();
    let header = segment::FileHeader::read(&file, layout.id, layout.slots().len()).unwrap().unwrap();
    let (mut scanner, mut next) = (segment::Scanner::new(&file, &header).unwrap(), header.next.clone());
    while let Some(segment::Scanned { frame, .. }) = scanner.next().unwrap() {
        next[frame.slot as usize] = frame.end();
    }
    let durable = scanner.position();
    for (synced, expect) in [(durable, None), (durable + 1, Some("proves that it was durable"))] {
        let (mut bytes, mut chain, mut body) = (Vec::new(), scanner.chain(), Vec::new());
        frame::push_record(&mut body, 0, b"known", Some(b"80"));
        let mut ends = Vec::new();
        for (first, synced) in (next[0]..).zip([durable, durable, synced]) {
            let (count, time) = (1, Timestamp(i64::MAX / 2));
            let header = frame::Header {
                body: body.len() as u32,
                checksum: 0,
                previous: chain,
                slot: 0,
                first,
                count,
                time,
                synced,
            };
            chain = header.write(layout.id, &body, &mut bytes);
            ends.push(bytes.len());
        }
        bytes[..ends[0]].fill(0);
        let mut torn = files.clone();
        let content = torn.get_mut(&last).unwrap();
        content.extend(&bytes);
        assert!(content.len() < small().segment_bytes as usize, "room is left behind it");
        content.resize(small().segment_bytes as usize, 0);
        restore(folder.path(), &torn);
        match (EmbeddedLog::open(folder.path(), small()), expect) {
            (Ok(log), None) => {
                assert_eq!((known(&log), log.torn().map(|torn| torn.bytes)), (80, Some(bytes.len() as u64)));
            }
            (Err(error), Some(expect)) => assert!(error.to_string().contains(expect), "{error}"),
            (opened, _) => panic!("{opened:?}"),
        }
    }
}

#[test]
fn a_segment_whose_room_is_gone_grows_as_it_is_written() {
    let folder = scratch();
    let log = EmbeddedLog::open(folder.path(), roomy()).unwrap();
    let mut count = append_until_room(&log, folder.path());
    let room = path(folder.path());
    wait_until("room is made", || room.metadata().is_ok_and(|file| file.len() == roomy().segment_bytes));
    let begun = segments(&picture(folder.path())).len();
    fs::remove_file(&room).unwrap();
    while segments(&picture(folder.path())).len() == begun {
        append_known(&log, count, count + 100).unwrap();
        log.sync().unwrap();
        count += 100;
    }
    drop(log);
    assert_eq!(known(&EmbeddedLog::open(folder.path(), roomy()).unwrap()), count);
}

#[test]
fn what_a_kill_leaves_of_room_is_no_torn_write() {
    let (folder, files) = written(96);
    let last = segments(&files).pop().unwrap();
    let mut with_room = files.clone();
    with_room.get_mut(&last).unwrap().resize(small().segment_bytes as usize, 0);
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
        content.resize(small().segment_bytes as usize, 0);
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
