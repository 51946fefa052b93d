//! The thread that writes and syncs: whatever was appended while it synced goes out together with the next sync, or, if
//! that is much, in pieces, each with a sync of its own: whoever waits for room waits for one piece.
//!
//! Invariants:
//! 1. Frames are written in the order of the queue, and nothing is said to be durable before the sync behind it.
//! 2. A segment is synced before the next is begun, and ends with its last frame; the next one's header is durable
//!    before its first frame. Only the newest has room behind its frames, until it ends.
//! 3. After an error, or a panic, the log has failed for ever: a failed sync says nothing about what is on the disk,
//!    and asking again does not help (fsyncgate, PostgreSQL 2018).

use super::files::{self, DataFile};
use super::frame::{HEADER, Header};
use super::room::{self, Room};
use super::segment::{FileHeader, segment_path};
use super::shared::{Closed, MemFrame, Shared};
use crate::LogError;
use hoga_core::Timestamp;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;

/// Bytes of a piece.
const PIECE_BYTES: usize = 4 << 20;

/// The newest segment and where it ends.
pub(super) struct Tail {
    pub folder: PathBuf,
    pub number: u64,
    pub file: Arc<DataFile>,
    pub position: u64,
    pub chain: u32,
    pub next: Vec<u64>,
    pub last_time: Timestamp,
    pub segment_bytes: u64,
    /// Where this process began to write in it.
    pub from: u64,
    /// Whether zeros stand in the file up to `segment_bytes`.
    pub roomy: bool,
}

impl Tail {
    /// Begins a segment: makes the file and its header durable. `room` becomes the file, if there is any.
    pub fn create(
        folder: PathBuf,
        header: FileHeader,
        segment_bytes: u64,
        room: Option<DataFile>,
    ) -> Result<Self, LogError> {
        let (path, bytes) = (segment_path(&folder, header.number), header.bytes());
        let in_room = room.and_then(|room| match begin_in(room, &path, &bytes) {
            Ok(file) => Some(file),
            Err(error) => {
                tracing::warn!("the log's next segment grows as it is written: {error}");
                None
            }
        });
        let roomy = in_room.is_some();
        let file = match in_room {
            Some(file) => file,
            None => {
                let file = DataFile::create(path)?;
                file.write_at(0, &bytes)?;
                file.sync()?;
                file
            }
        };
        if roomy {
            files::sync_folder(&folder)?;
        }
        files::sync_folder(files::folder_of(&file.path))?;
        let FileHeader { number, seed: chain, last_time, next, .. } = header;
        let (file, position) = (Arc::new(file), bytes.len() as u64);
        Ok(Self { folder, number, file, position, chain, next, last_time, segment_bytes, from: position, roomy })
    }

    /// Ends the segment, all of which is synced: takes away the room behind it.
    fn end(&self) -> Result<(), LogError> {
        if self.roomy { self.file.truncate(self.position) } else { Ok(()) }
    }
}

/// Makes a header durable in room, and gives it the name of the segment.
fn begin_in(mut room: DataFile, path: &Path, header: &[u8]) -> Result<DataFile, LogError> {
    room.write_at(0, header)?;
    room.sync()?;
    room.rename(path.to_owned())?;
    Ok(room)
}

struct Flusher {
    shared: Arc<Shared>,
    tail: Tail,
    room: Room,
    /// Durable bytes of the tail's file.
    synced: u64,
    buffer: Vec<u8>,
    /// Frames behind the last publication: where each stands.
    placed: Vec<Placed>,
}

struct Placed {
    slot: u32,
    first: u64,
    end: u64,
    position: u64,
    len: u64,
    cost: usize,
}

/// Starts the thread. It ends when the log is closing and all is written, or on an error.
pub(super) fn start(shared: Arc<Shared>, tail: Tail) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name("hoga-log".into()).spawn(move || {
        let guard = FailOnPanic(shared.clone());
        let synced = tail.position;
        let room = Room::new(&tail.folder, tail.segment_bytes);
        let mut flusher = Flusher { shared, tail, room, synced, buffer: Vec::new(), placed: Vec::new() };
        let why = match flusher.run() {
            Ok(()) => "it was closed".to_owned(),
            Err(error) => {
                let why = format!("{error}; see to the disk, then start again: what is durable is kept");
                tracing::error!("the log failed: {why}");
                why
            }
        };
        guard.0.fail(why);
    })
}

struct FailOnPanic(Arc<Shared>);

impl Drop for FailOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail("its flusher panicked; this is a bug, report what was printed".into());
        }
    }
}

impl Flusher {
    fn run(&mut self) -> Result<(), LogError> {
        let mut batch = Vec::new();
        while self.take(&mut batch) {
            for (slot, frame) in batch.drain(..) {
                self.place(slot, &frame)?;
            }
            self.sync()?;
            if self.tail.position - self.tail.from >= room::MADE_FROM {
                self.room.make();
            }
        }
        self.tail.end()
    }

    /// Waits for frames; false when the log is closing and there are none.
    fn take(&self, batch: &mut Vec<(u32, MemFrame)>) -> bool {
        let mut state = self.shared.lock();
        while state.queue.is_empty() && !state.closing && state.failed.is_none() {
            state.flusher_waits = true;
            state = self.shared.work.wait(state).expect("no holder of this lock panics");
        }
        state.flusher_waits = false;
        std::mem::swap(&mut state.queue, batch);
        !batch.is_empty() && state.failed.is_none()
    }

    fn place(&mut self, slot: u32, frame: &MemFrame) -> Result<(), LogError> {
        let len = (HEADER + frame.body.len()) as u64;
        let empty = self.tail.position == FileHeader::len(self.tail.next.len()) as u64;
        let full = self.tail.position + len > self.tail.segment_bytes;
        if !empty && (full || (!self.tail.roomy && self.room.is_made())) {
            self.roll()?;
        }
        let header = Header {
            body: frame.body.len() as u32,
            checksum: 0,
            previous: self.tail.chain,
            slot,
            first: frame.first,
            count: frame.count,
            time: frame.time,
            synced: self.synced,
        };
        self.tail.chain = header.write(self.shared.layout.id, &frame.body, &mut self.buffer);
        let next = &mut self.tail.next[slot as usize];
        assert!(*next == frame.first, "slot {slot}: a frame of {} stands where {next} is due", frame.first);
        *next = frame.end();
        self.tail.last_time = self.tail.last_time.max(frame.time);
        let (first, end, position) = (frame.first, frame.end(), self.tail.position);
        self.placed.push(Placed { slot, first, end, position, len, cost: frame.cost() });
        self.tail.position += len;
        if self.buffer.len() >= PIECE_BYTES { self.sync() } else { Ok(()) }
    }

    /// Writes what is gathered, and says so once it is durable.
    fn sync(&mut self) -> Result<(), LogError> {
        self.tail.file.write_at(self.synced, &self.buffer)?;
        self.buffer.clear();
        self.tail.file.sync()?;
        self.synced = self.tail.position;
        self.publish();
        Ok(())
    }

    /// Says that what was placed is durable, and indexes it.
    fn publish(&mut self) {
        let mut state = self.shared.lock();
        for Placed { slot, first, end, position, len, cost } in self.placed.drain(..) {
            state.slots[slot as usize].index.add(first, end, &self.tail.file, position, len);
            self.shared.ends[slot as usize].durable.store(end, Ordering::Release);
            state.unwritten -= cost;
            state.flushed += 1;
        }
        state.evict(self.shared.cache_bytes);
        drop(state);
        self.shared.progress.notify_all();
        self.shared.signal.notify();
    }

    /// Ends the segment and begins the next.
    fn roll(&mut self) -> Result<(), LogError> {
        self.sync()?;
        self.tail.end()?;
        let Tail { ref folder, number, chain, last_time, ref next, segment_bytes, .. } = self.tail;
        let (id, next) = (self.shared.layout.id, next.clone());
        let header = FileHeader { number: number + 1, id, seed: chain, last_time, next };
        let new = Tail::create(folder.clone(), header, segment_bytes, self.room.take())?;
        let old = std::mem::replace(&mut self.tail, new);
        self.synced = self.tail.position;
        let closed = Closed { file: old.file, len: old.position };
        self.shared.lock().closed.push(closed);
        Ok(())
    }
}
