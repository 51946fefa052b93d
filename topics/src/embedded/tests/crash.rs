//! Prefix durability: whatever a crash leaves of the files, what opens is a prefix of what was appended, over all
//! partitions.

use super::*;
use std::collections::BTreeMap;
use std::fs;

/// Small segments, so that a few hundred records fill many.
pub(super) fn small() -> EmbeddedOptions {
    EmbeddedOptions { segment_bytes: 2_000, partitions: Partitions::keyed(2), ..EmbeddedOptions::default() }
}

/// The partition of the `n`-th record of the known sequence.
fn place(n: u64) -> TopicPartition {
    let topics = [Topic::Orders, Topic::Accounts, Topic::Control, Topic::Books, Topic::Owners];
    let topic = topics[(n % 5) as usize];
    TopicPartition::new(topic, if small().partitions.of(topic) == 1 { 0 } else { (n / 5 % 2) as u32 })
}

/// Appends the records `from..to` of the known sequence: each tells its number, each goes out by itself.
pub(super) fn append_known(log: &EmbeddedLog, from: u64, to: u64) -> Result<(), LogError> {
    let mut writer = log.writer()?;
    for n in from..to {
        writer.send(place(n), b"known", format!("{n} {}", "x".repeat((n % 50) as usize)).as_bytes(), None, n)?;
        writer.flush()?;
    }
    Ok(())
}

/// How many records of the known sequence the log holds; they must be its first.
pub(super) fn known(log: &EmbeddedLog) -> u64 {
    let mut numbers = Vec::new();
    for at in
        small().partitions.iter().flat_map(|(topic, count)| (0..count).map(move |p| TopicPartition::new(topic, p)))
    {
        let values = conformance::values(log, at);
        let found = values.iter().map(|value| value.split(' ').next().unwrap().parse::<u64>().unwrap());
        let found: Vec<u64> = found.collect();
        assert!(found.is_sorted() && found.iter().all(|n| place(*n) == at), "{at}: {found:?}");
        numbers.extend(found);
    }
    numbers.sort_unstable();
    let expected: Vec<u64> = (0..numbers.len() as u64).collect();
    assert_eq!(numbers, expected, "not a prefix");
    numbers.len() as u64
}

/// Every file of a folder and its content.
pub(super) fn picture(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for sub in ["", "segments", "kept"] {
        for entry in fs::read_dir(folder.join(sub)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() && !path.ends_with("lock") {
                files.insert(path.clone(), fs::read(path).unwrap());
            }
        }
    }
    files
}

/// Makes the folder hold exactly these files.
pub(super) fn restore(folder: &Path, files: &BTreeMap<PathBuf, Vec<u8>>) {
    for path in picture(folder).into_keys().filter(|path| !files.contains_key(path)) {
        fs::remove_file(path).unwrap();
    }
    for (path, content) in files {
        fs::write(path, content).unwrap();
    }
}

pub(super) fn segments(files: &BTreeMap<PathBuf, Vec<u8>>) -> Vec<PathBuf> {
    files.keys().filter(|path| path.parent().is_some_and(|parent| parent.ends_with("segments"))).cloned().collect()
}

/// A folder with `count` records of the known sequence, each synced by itself, and its files.
pub(super) fn written(count: u64) -> (TempDir, BTreeMap<PathBuf, Vec<u8>>) {
    let folder = scratch();
    let log = EmbeddedLog::open(folder.path(), small()).unwrap();
    for n in 0..count {
        append_known(&log, n, n + 1).unwrap();
        log.sync().unwrap();
    }
    drop(log);
    let files = picture(folder.path());
    (folder, files)
}

#[test]
fn a_cut_at_any_byte_of_the_newest_segment_leaves_a_prefix() {
    let (folder, files) = written(96);
    let last = segments(&files).pop().unwrap();
    assert!(segments(&files).len() > 3);
    let mut before = None;
    for len in (0..=files[&last].len()).rev() {
        restore(folder.path(), &files);
        fs::write(&last, &files[&last][..len]).unwrap();
        let log = EmbeddedLog::open(folder.path(), small()).unwrap();
        let count = known(&log);
        assert!(before.is_none_or(|before| count == before || count + 1 == before), "{len}: {count} after {before:?}");
        assert!(before.is_some() || count == 96);
        before = Some(count);
        if len % 50 == 0 {
            drop(log);
            let log = EmbeddedLog::open(folder.path(), small()).unwrap();
            assert_eq!((known(&log), log.torn()), (count, None), "what was torn is gone");
            append_known(&log, count, count + 30).unwrap();
            drop(log);
            let log = EmbeddedLog::open(folder.path(), small()).unwrap();
            assert_eq!((known(&log), log.torn()), (count + 30, None), "it goes on after the cut");
        }
    }
    assert!(before.unwrap() < 96 - 5, "the newest segment held several records");
}

#[test]
fn without_later_segments_a_cut_at_any_place_leaves_a_prefix() {
    let (folder, files) = written(96);
    let all = segments(&files);
    let mut counts = Vec::new();
    for (index, segment) in all.iter().enumerate() {
        for len in (0..files[segment].len()).step_by(97) {
            let mut left = files.clone();
            left.retain(|path, _| !all[index + 1..].contains(path));
            left.get_mut(segment).unwrap().truncate(len);
            restore(folder.path(), &left);
            counts.push(known(&EmbeddedLog::open(folder.path(), small()).unwrap()));
        }
    }
    assert!(counts.is_sorted() && counts[0] == 0 && *counts.last().unwrap() > 80, "{counts:?}");
}

#[test]
fn a_torn_tail_is_reported() {
    let (folder, files) = written(96);
    let last = segments(&files).pop().unwrap();
    let whole = files[&last].len() as u64;
    fs::write(&last, &files[&last][..whole as usize - 3]).unwrap();
    let log = EmbeddedLog::open(folder.path(), small()).unwrap();
    let Torn { file, position, bytes } = log.torn().unwrap().clone();
    assert_eq!((file, position + bytes), (last, whole - 3));
    assert_eq!(known(&log), 95);
}
