//! Target `log`: the files of an embedded log, one of them replaced by any bytes.
//!
//! The first byte says which file, and whether its checksums are made right: without that hardly an input would come
//! past them. Opening refuses, or gives a log that can be read to its ends or says where it cannot, that takes and
//! gives back another record, and that is the same when it is opened again.

use hoga_core::{Timestamp, Topic};
use hoga_topics::{EmbeddedLog, EmbeddedOptions, Log, LogError, Partitions, TimeMode, TopicPartition, Visibility};
use std::cell::{Cell, OnceCell};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The id of the logs here: that of a layout is random, and seeds have to fit.
const ID: u64 = 0xfe;
/// What the first byte adds when checksums are to be made right.
const REPAIRED: u8 = 0x80;
/// Bytes of a file's header before the offsets of its partitions, and of a frame's header.
const HEADER: usize = 44;
const TIME: Timestamp = Timestamp(1_700_000_000_000);

/// The files that can be replaced, and of how many partitions their headers tell where they go on.
const REPLACED: [(Replaced, Option<usize>); 6] = [
    (Replaced::NewestSegment, Some(PARTITIONS)),
    (Replaced::OldestSegment, Some(PARTITIONS)),
    (Replaced::Kept, Some(0)),
    (Replaced::Cuts, None),
    (Replaced::Layout, None),
    (Replaced::OnlySegment, Some(PARTITIONS)),
];

/// What a file is in its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Replaced {
    NewestSegment,
    OldestSegment,
    Kept,
    Cuts,
    Layout,
    /// Of a log that has nothing else.
    OnlySegment,
}

/// The first segment of a log.
const FIRST: &str = "segments/00000000000000000001.log";
/// One of each topic.
const PARTITIONS: usize = Topic::ALL.len();

/// Opens a log with one file made of these bytes.
pub fn run(data: &[u8]) {
    thread_local!(static FOLDER: OnceCell<Folder> = const { OnceCell::new() });
    let Some((first, bytes)) = data.split_first() else { return };
    let (replaced, partitions) = REPLACED[usize::from(first & !REPAIRED) % REPLACED.len()];
    let bytes = match partitions {
        Some(partitions) if first & REPAIRED != 0 => repaired(bytes, partitions),
        _ => bytes.to_vec(),
    };
    FOLDER.with(|folder| {
        let folder = folder.get_or_init(Folder::new);
        folder.lay(replaced, &bytes);
        folder.opened();
    });
}

/// A log's files as they should be, and where they are laid out.
struct Folder {
    place: TempDir,
    files: Files,
    /// The one file that is not as it should be; none: any may be.
    other: Cell<Option<Replaced>>,
}

impl Folder {
    fn new() -> Self {
        let memory = Path::new("/dev/shm");
        let place = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() };
        let place = place.expect("a temporary folder can be made");
        let files = files(place.path());
        Self { place, files, other: Cell::new(None) }
    }

    /// Lays the files out with one of them replaced. A folder that was not opened was not changed either: then there
    /// is one file to put back.
    fn lay(&self, replaced: Replaced, bytes: &[u8]) {
        let only = |what| what == Replaced::OnlySegment;
        match self.other.replace(Some(replaced)) {
            Some(last) if last == replaced => {}
            Some(last) if !only(last) && !only(replaced) => {
                let name = name_of(&self.files, last);
                self.write(name, &self.files[name]);
            }
            _ => self.lay_all(only(replaced)),
        }
        self.write(name_of(&self.files, replaced), bytes);
    }

    /// Lays all files out as they should be, or the layout alone.
    fn lay_all(&self, alone: bool) {
        for folder in ["segments", "kept"].map(|name| self.place.path().join(name)) {
            for entry in fs::read_dir(&folder).expect("the log made it") {
                fs::remove_file(entry.expect("it was listed").path()).expect("it is there");
            }
        }
        fs::remove_file(self.place.path().join("cuts")).ok();
        for (name, good) in self.files.iter().filter(|(name, _)| !alone || *name == Path::new("layout")) {
            self.write(name, good);
        }
    }

    fn write(&self, name: &Path, bytes: &[u8]) {
        fs::write(self.place.path().join(name), bytes).expect("the folder is there");
    }

    fn opened(&self) {
        let Ok(log) = open(self.place.path()) else { return };
        self.other.set(None);
        for at in partitions() {
            let bounds = log.bounds(at).expect("it has the partition");
            assert!(bounds.start <= bounds.durable_end && bounds.durable_end == bounds.end, "{at}: {bounds:?}");
            // What a frame holds is looked at when it is read: then an error says where.
            let _said = read(&log, at, bounds.start);
        }
        let at = TopicPartition::new(Topic::Orders, 0);
        let end = append(&log, at, b"one more");
        let before: Vec<_> = partitions().map(|at| log.bounds(at).expect("it has the partition")).collect();
        drop(log);
        let log = open(self.place.path()).expect("what was opened opens again");
        let after: Vec<_> = partitions().map(|at| log.bounds(at).expect("it has the partition")).collect();
        assert_eq!(before, after, "opened again");
        assert_eq!(read(&log, at, end).expect("it was written just now"), [b"one more"]);
    }
}

fn partitions() -> impl Iterator<Item = TopicPartition> {
    Topic::ALL.iter().map(|topic| TopicPartition::new(*topic, 0))
}

fn open(folder: &Path) -> Result<EmbeddedLog, LogError> {
    let options = EmbeddedOptions {
        time_mode: TimeMode::Recorded,
        partitions: Partitions::keyed(1),
        segment_bytes: 700,
        cache_bytes: 0,
        ..EmbeddedOptions::default()
    };
    EmbeddedLog::open(folder, options)
}

/// The values from an offset on.
fn read(log: &EmbeddedLog, at: TopicPartition, from: u64) -> Result<Vec<Vec<u8>>, LogError> {
    let end = log.bounds(at)?.end;
    let mut reader = log.reader(at, from, Visibility::Durable)?;
    let (mut values, mut batch) = (Vec::new(), Vec::new());
    while reader.position() < end {
        reader.poll(64, &mut batch)?;
        assert!(!batch.is_empty(), "{at}: nothing at {} of {end}", reader.position());
        values.extend(batch.drain(..).map(|record| record.value.unwrap_or_default().to_vec()));
    }
    Ok(values)
}

/// Appends a record, durably; its offset.
fn append(log: &EmbeddedLog, at: TopicPartition, value: &[u8]) -> u64 {
    let offset = log.append_foreign(at, b"key", Some(value), TIME).expect("an open log takes records");
    log.sync().expect("an open log syncs");
    offset
}

/// The name of a file, by what it is.
fn name_of(files: &Files, replaced: Replaced) -> &Path {
    let mut segments = files.keys().filter(|name| name.starts_with("segments"));
    let name = match replaced {
        Replaced::NewestSegment => segments.next_back(),
        Replaced::OldestSegment => segments.next(),
        Replaced::Kept => files.keys().find(|name| name.starts_with("kept")),
        Replaced::Cuts => return Path::new("cuts"),
        Replaced::Layout => return Path::new("layout"),
        Replaced::OnlySegment => return Path::new(FIRST),
    };
    name.expect("a log that was cut has them")
}

/// The inputs to begin with, by name: each file as it should be.
pub(crate) fn seeds(scratch: &Path) -> impl Iterator<Item = (String, Vec<u8>)> {
    let files = files(scratch);
    (0_u8..).zip(REPLACED).flat_map(move |(index, (replaced, _))| {
        // What the first segment was is gone; the newest has all that one can have.
        let like = if replaced == Replaced::OnlySegment { Replaced::NewestSegment } else { replaced };
        let bytes = &files[name_of(&files, like)];
        [("", index), ("-repaired", index | REPAIRED)]
            .map(|(how, first)| (format!("{replaced:?}{how}"), [&[first], &bytes[..]].concat()))
    })
}

type Files = BTreeMap<PathBuf, Vec<u8>>;

/// The files of a log that was cut: its last segments, and what outlived the first.
fn files(folder: &Path) -> Files {
    let partitions: String = Topic::ALL.iter().map(|topic| format!("partitions {topic} 1\n")).collect();
    let layout = format!("hoga-log 1\nid {ID:016x}\ntime recorded\n{partitions}");
    fs::write(folder.join("layout"), layout).expect("the folder is there");
    let log = open(folder).expect("a new log opens");
    let (control, depth) = (TopicPartition::new(Topic::Control, 0), TopicPartition::new(Topic::Depth, 0));
    append(&log, control, b"for ever");
    for number in 0_u8..20 {
        append(&log, depth, &[number; 70]);
        if number == 12 {
            log.cut(depth, 8).expect("it can be cut");
        }
    }
    drop(log);
    let mut files = Files::new();
    for name in ["layout", "cuts"] {
        files.insert(name.into(), fs::read(folder.join(name)).expect("the log wrote it"));
    }
    for sub in ["segments", "kept"] {
        for entry in fs::read_dir(folder.join(sub)).expect("the log made it") {
            let path = entry.expect("it was listed").path();
            let name = Path::new(sub).join(path.file_name().expect("a file has a name"));
            files.insert(name, fs::read(path).expect("it was listed"));
        }
    }
    let segments = files.keys().filter(|name| name.starts_with("segments")).count();
    assert!(segments > 1 && !files.contains_key(Path::new(FIRST)), "its beginning is cut: {:?}", files.keys());
    files
}

/// The bytes with the checksums of the header and of the chain of frames made right.
fn repaired(bytes: &[u8], partitions: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let mut at = HEADER + 8 * partitions;
    if bytes.len() < at {
        return bytes;
    }
    let checksum = crc32c::crc32c(&bytes[12..at]);
    put(&mut bytes[8..], checksum);
    let mut chain = get(&bytes[28..]);
    while bytes.len() - at >= HEADER {
        let Some(end) = (at + HEADER).checked_add(get(&bytes[at..]) as usize).filter(|end| *end <= bytes.len()) else {
            break;
        };
        put(&mut bytes[at + 8..], chain);
        let crc = crc32c::crc32c_append(chain, &ID.to_le_bytes());
        let crc = crc32c::crc32c_append(crc, &bytes[at..at + 4]);
        chain = crc32c::crc32c_append(crc, &bytes[at + 8..end]);
        put(&mut bytes[at + 4..], chain);
        at = end;
    }
    bytes
}

fn get(bytes: &[u8]) -> u32 {
    u32::from_le_bytes(*bytes.first_chunk().expect("four bytes"))
}

fn put(bytes: &mut [u8], number: u32) {
    bytes[..4].copy_from_slice(&number.to_le_bytes());
}
