//! Retention: segments go, what must be kept longer stays readable at its offset, and a crash in between loses
//! nothing.

use super::crash::{picture, restore, segments, small};
use super::*;
use std::collections::BTreeMap;
use std::fs;

const FOR_EVER: TopicPartition = TopicPartition::new(Topic::Control, 0);
const LONGER: TopicPartition = TopicPartition::new(Topic::Journal, 1);
const SHORT: TopicPartition = TopicPartition::new(Topic::Depth, 0);

const OUTLIVED: &str = "a value of sixty bytes, so that a segment has room for some ....";

fn options() -> EmbeddedOptions {
    EmbeddedOptions { cache_bytes: 0, ..small() }
}

/// 100 rounds: four records that are soon cut, one now and then that is not.
fn filled(folder: &Path) -> EmbeddedLog {
    let log = EmbeddedLog::open(folder, options()).unwrap();
    for n in 0..100 {
        let name = format!("{n}");
        conformance::append(&log, SHORT, &[OUTLIVED; 4]);
        if n % 5 == 0 {
            conformance::append(&log, LONGER, &[&name]);
        }
        if n % 10 == 0 {
            conformance::append(&log, FOR_EVER, &[&name]);
        }
        log.sync().unwrap();
    }
    log
}

fn expect(log: &EmbeddedLog) {
    let names = |step: usize| (0..100).step_by(step).map(|n| n.to_string());
    assert_eq!(conformance::values(log, FOR_EVER), names(10).collect::<Vec<_>>());
    assert_eq!(conformance::values(log, LONGER), names(5).collect::<Vec<_>>());
    for from in 0..10 {
        assert_eq!(conformance::read(log, FOR_EVER, from, Visibility::Durable, 2).len() as u64, 10 - from);
    }
}

fn reopened(folder: &Path) -> EmbeddedLog {
    EmbeddedLog::open(folder, options()).unwrap()
}

#[test]
fn what_is_kept_longer_moves_and_the_rest_goes() {
    let folder = scratch();
    let log = filled(folder.path());
    let before = picture(folder.path());
    let times: Vec<_> = conformance::read(&log, FOR_EVER, 0, Visibility::Written, 9).iter().map(|r| r.time).collect();
    let mut behind = log.reader(FOR_EVER, 0, Visibility::Written).unwrap();
    behind.poll(1, &mut Vec::new()).unwrap();

    assert_eq!(log.cut(SHORT, 380).unwrap(), 380);
    let after = picture(folder.path());
    assert!(segments(&after).len() <= 3, "{} of {} segments left", segments(&after).len(), segments(&before).len());
    assert!(folder.path().join("kept/control.log").exists() && folder.path().join("kept/journal.log").exists());
    assert!(!folder.path().join("kept/depth.log").exists(), "nothing of it is kept");
    expect(&log);
    let mut rest = Vec::new();
    behind.poll(100, &mut rest).unwrap();
    assert_eq!(rest.len(), 9, "a reader goes on over the move");

    drop(log);
    let log = reopened(folder.path());
    expect(&log);
    let again: Vec<_> = conformance::read(&log, FOR_EVER, 0, Visibility::Written, 9).iter().map(|r| r.time).collect();
    assert_eq!(again, times, "times do not change");
    assert_eq!(log.bounds(SHORT).unwrap(), Bounds { start: 380, end: 400, durable_end: 400 });
    conformance::append(&log, SHORT, &["next"]);
    assert_eq!(log.bounds(SHORT).unwrap().end, 401);
}

/// What is needed of a file is known by windows of 32 KiB, so this takes a larger one.
#[test]
fn a_kept_file_shrinks_when_most_of_it_is_cut() {
    let folder = scratch();
    let log = EmbeddedLog::open(folder.path(), options()).unwrap();
    let names: Vec<String> = (0..40).map(|n| format!("{n} {}", "x".repeat(3_000))).collect();
    for name in &names {
        conformance::append(&log, SHORT, &[name, name]);
        conformance::append(&log, LONGER, &[name]);
    }
    log.sync().unwrap();
    log.cut(SHORT, 80).unwrap();
    let journal = folder.path().join("kept/journal.log");
    let before = fs::metadata(&journal).unwrap().len();
    log.cut(LONGER, 10).unwrap();
    assert_eq!(fs::metadata(&journal).unwrap().len(), before, "not worth it yet");
    log.cut(LONGER, 35).unwrap();
    assert!(fs::metadata(&journal).unwrap().len() < before / 2);
    assert_eq!(conformance::values(&log, LONGER), names[35..]);
    drop(log);
    assert_eq!(conformance::values(&reopened(folder.path()), LONGER), names[35..]);
}

#[test]
fn everything_cut_leaves_only_the_newest_segment() {
    let folder = scratch();
    let log = filled(folder.path());
    for at in [SHORT, LONGER, FOR_EVER] {
        let end = log.bounds(at).unwrap().end;
        assert_eq!(log.cut(at, u64::MAX).unwrap(), end);
    }
    assert_eq!(segments(&picture(folder.path())).len(), 1);
    drop(log);
    let log = reopened(folder.path());
    assert_eq!(log.bounds(SHORT).unwrap(), Bounds { start: 400, end: 400, durable_end: 400 });
    assert_eq!(conformance::append(&log, FOR_EVER, &["on"]), [10]);
}

/// Every state that a crash can leave between the cut and the last removed segment.
#[test]
fn a_crash_while_segments_are_dropped_loses_nothing() {
    let folder = scratch();
    let log = filled(folder.path());
    drop(log);
    let before = picture(folder.path());
    let log = reopened(folder.path());
    log.cut(SHORT, 380).unwrap();
    drop(log);
    let after = picture(folder.path());
    let is_kept = |path: &Path| path.parent().is_some_and(|parent| parent.ends_with("kept"));
    let cuts = folder.path().join("cuts");
    let works = |files: &BTreeMap<PathBuf, Vec<u8>>| {
        restore(folder.path(), files);
        let log = reopened(folder.path());
        expect(&log);
        assert_eq!(log.bounds(SHORT).unwrap().start, 380);
        log.cut(SHORT, 390).unwrap();
        expect(&log);
        drop(log);
        expect(&reopened(folder.path()));
    };

    // The cut is written, kept files are not, or end anywhere.
    let mut cut_only = before.clone();
    cut_only.insert(cuts, after[&folder.path().join("cuts")].clone());
    works(&cut_only);
    let kept: Vec<_> = after.iter().filter(|(path, _)| is_kept(path)).collect();
    for (path, content) in &kept {
        for len in (0..content.len()).step_by(53) {
            let mut files = cut_only.clone();
            files.insert((*path).clone(), content[..len].to_vec());
            works(&files);
        }
    }
    // Kept files are whole, any number of segments is removed.
    let mut files = cut_only;
    files.extend(kept.iter().map(|(path, content)| ((*path).clone(), (*content).clone())));
    for segment in segments(&before).iter().filter(|segment| !after.contains_key(*segment)) {
        works(&files);
        files.remove(segment);
    }
    works(&files);
    // But once the segments are gone, a kept file that ends early is damage.
    let (path, content) = kept[0];
    files.insert(path.clone(), content[..content.len() - 1].to_vec());
    restore(folder.path(), &files);
    let error = EmbeddedLog::open(folder.path(), options()).unwrap_err().to_string();
    assert!(error.contains("of control/0 are missing"), "{error}");
}

#[test]
fn kept_files_that_are_ahead_of_the_segments_are_refused() {
    let folder = scratch();
    drop(filled(folder.path()));
    let old = picture(folder.path());
    let log = filled(folder.path());
    log.cut(SHORT, 780).unwrap();
    drop(log);
    let kept = folder.path().join("kept/control.log");
    let mut mixed = old.clone();
    mixed.insert(kept.clone(), picture(folder.path())[&kept].clone());
    restore(folder.path(), &mixed);
    let error = EmbeddedLog::open(folder.path(), options()).unwrap_err().to_string();
    assert!(
        error.contains("control/0 is kept up to 20 but its segments end at 10: what was durable is lost"),
        "{error}"
    );
    assert!(picture(folder.path()) == mixed, "opening changed the folder");
}
