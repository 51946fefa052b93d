//! What a crash cannot explain is refused, with the file and the place, and the folder stays as it is.

use super::crash::{known, picture, restore, segments, small, written};
use super::*;
use std::collections::BTreeMap;
use std::fs;

/// Opening these files must fail with a text, and change nothing.
fn refuses(folder: &Path, files: &BTreeMap<PathBuf, Vec<u8>>, expect: &str) {
    restore(folder, files);
    let error = EmbeddedLog::open(folder, small()).expect_err(expect).to_string();
    assert!(error.contains(expect), "{error}");
    assert!(picture(folder) == *files, "{error}: opening changed the folder");
}

#[test]
fn a_flipped_byte_is_damage_unless_the_newest_frame_could_be_torn() {
    let (folder, files) = written(40);
    let all = segments(&files);
    let last_frame = {
        let mut shorter = files[all.last().unwrap()].clone();
        shorter.pop();
        restore(folder.path(), &files);
        fs::write(all.last().unwrap(), &shorter).unwrap();
        let log = EmbeddedLog::open(folder.path(), small()).unwrap();
        log.torn().unwrap().position as usize
    };
    for (segment, room) in all
        .iter()
        .map(|segment| (segment, 0))
        .chain(all.last().map(|last| (last, small().segment_bytes as usize - files[last].len())))
    {
        let is_last = Some(segment) == all.last();
        let step = if is_last { 1 } else { 29 };
        let whole = files[segment].len();
        for at in (0..whole + room).step_by(step) {
            let mut damaged = files.clone();
            let bytes = damaged.get_mut(segment).unwrap();
            bytes.resize(whole + room, 0);
            bytes[at] ^= 0x10;
            if is_last && at >= last_frame {
                restore(folder.path(), &damaged);
                let log = EmbeddedLog::open(folder.path(), small()).unwrap();
                assert_eq!((known(&log), log.torn().is_some()), (if at < whole { 39 } else { 40 }, true), "byte {at}");
            } else {
                refuses(folder.path(), &damaged, "restore the folder from a copy");
            }
        }
    }
}

#[test]
fn missing_renamed_and_foreign_files_are_named() {
    let (folder, files) = written(96);
    let all = segments(&files);
    let without = |path: &PathBuf| {
        let mut left = files.clone();
        left.remove(path);
        left
    };
    let path = folder.path();
    refuses(path, &without(&all[0]), "are missing; check the disk");
    refuses(path, &without(&all[1]), "it does not go on where segment 1 ends");

    let mut renamed = without(&all[1]);
    renamed.insert(all[1].clone(), files[&all[2]].clone());
    refuses(path, &renamed, "this is segment 3, renamed");

    let (_other, other_files) = written(3);
    let mut mixed = files.clone();
    mixed.insert(
        all[0].clone(),
        other_files.into_iter().find(|(path, _)| path.ends_with(all[0].file_name().unwrap())).unwrap().1,
    );
    refuses(path, &mixed, "this file belongs to another log");

    let mut cut = files.clone();
    cut.get_mut(&all[1]).unwrap().truncate(1_000);
    refuses(path, &cut, "the chain of frames breaks, and later segments follow");

    let mut stray = files.clone();
    stray.insert(folder.path().join("segments/notes.txt"), b"hello".to_vec());
    refuses(path, &stray, "notes.txt is no segment");

    let mut garbled = files.clone();
    garbled.insert(folder.path().join("cuts"), b"hoga-cuts 1\norders/0 x\n".to_vec());
    refuses(path, &garbled, "the line \"orders/0 x\" is no cut");

    garbled.insert(folder.path().join("cuts"), b"hoga-cuts 1\norders/0 18446744073709551615\n".to_vec());
    refuses(path, &garbled, "the line \"orders/0 18446744073709551615\" is no cut");

    let mut lost = files.clone();
    lost.insert(folder.path().join("cuts"), b"hoga-cuts 1\norders/0 5000\n".to_vec());
    refuses(path, &lost, "orders/0 is cut at 5000 but ends at");

    let mut empty = lost;
    empty.retain(|path, _| !all.contains(path));
    refuses(path, &empty, "its segments are gone");
}

#[test]
fn another_layout_is_refused_with_both_values_and_the_way_out() {
    let (folder, files) = written(3);
    let layout = folder.path().join("layout");
    let mut newer = files.clone();
    newer.insert(
        layout,
        String::from_utf8(files[&folder.path().join("layout")].clone())
            .unwrap()
            .replace("hoga-log 1", "hoga-log 9")
            .into(),
    );
    refuses(folder.path(), &newer, "the layout is \"hoga-log 9\", this release knows \"hoga-log 1\"");
    let mut gone = files.clone();
    gone.remove(&folder.path().join("layout"));
    refuses(folder.path(), &gone, "the file layout is gone, the segments are there; restore the file from a copy");
    restore(folder.path(), &files);
    for (options, expect) in [
        (
            EmbeddedOptions { partitions: Partitions::keyed(3), ..small() },
            "orders was made with 2 partitions, asked for are 3; ask for 2, or give another --data-dir",
        ),
        (
            EmbeddedOptions { time_mode: TimeMode::Recorded, ..small() },
            "this is a wall log, asked for is a recorded one; give another --data-dir",
        ),
    ] {
        let error = EmbeddedLog::open(folder.path(), options).unwrap_err().to_string();
        assert!(error.contains(expect), "{error}");
    }
    let found = Layout::read(folder.path()).unwrap().unwrap();
    assert_eq!((found.time_mode, found.partitions), (TimeMode::Wall, Partitions::keyed(2)));
}

#[test]
fn damage_after_opening_is_found_on_reading() {
    let (folder, files) = written(96);
    let log = EmbeddedLog::open(folder.path(), EmbeddedOptions { cache_bytes: 0, ..small() }).unwrap();
    let first = &segments(&files)[0];
    let mut damaged = files[first].clone();
    let place = damaged.windows(5).position(|bytes| bytes == b"known").unwrap();
    damaged[place] ^= 1;
    fs::write(first, damaged).unwrap();
    let mut reader = log.reader(TopicPartition::new(Topic::Orders, 0), 0, Visibility::Written).unwrap();
    let error = reader.poll(1, &mut Vec::new()).unwrap_err().to_string();
    assert!(error.contains("a frame that was good is damaged"), "{error}");
}
