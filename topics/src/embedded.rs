//! The embedded log: in-process, durable, nothing to start. One sequence of append-only segment files for all
//! partitions, written by one thread that syncs whatever came together.
//!
//! | in the folder | what |
//! | --- | --- |
//! | `layout` | version, id, time mode, partitions; written once |
//! | `lock` | who has the folder, and where it serves the log |
//! | `segments/` | the sequence of files of frames |
//! | `kept/` | one file a topic: what outlived its segments |
//! | `room` | zeros, to become the next segment; may be missing |
//! | `cuts` | where partitions begin |
//!
//! Invariants:
//! 1. What survives a crash is a prefix, over all partitions, of what was appended: an effect never outlives its cause.
//! 2. Offsets are given at once, and [`Visibility::Written`] readers see records at once; `durable_end` rises after
//!    the sync only.
//! 3. Any failed write or sync fails the log for ever: whoever owns it ends, and starts again.
//! 4. Opening changes nothing unless everything in the folder is a state that a crash can leave.
//! 5. One process a folder.
//!
//! Left out on purpose: replication (that is Kafka's part), reading by key, compaction, encryption. Opening reads all
//! files: it takes as long as the disk does, and finds damage before it can hurt.

mod cuts;
mod files;
mod flusher;
mod frame;
mod index;
mod layout;
mod lock;
mod open;
mod reader;
mod retention;
mod room;
mod segment;
mod shared;
mod writer;

pub use layout::Layout;
pub use lock::holder_address;
pub use open::Torn;

use crate::catalogue::Partitions;
use crate::log::MAX_RECORD_LIMIT;
use crate::{Bounds, Log, LogError, Reader, Signal, TimeMode, TopicPartition, Visibility, Writer};
use hoga_core::{Timestamp, Topic};
use lock::Lock;
use reader::EmbeddedReader;
use retention::Retention;
use shared::{Ends, Shared, Slot, State};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use writer::EmbeddedWriter;

/// What an embedded log is made and opened with.
#[derive(Debug, Clone)]
pub struct EmbeddedOptions {
    /// Wall or recorded; fixed when the log is made.
    pub time_mode: TimeMode,
    /// Partitions of each topic; fixed when the log is made.
    pub partitions: Partitions,
    /// A segment ends before it grows over this many bytes, unless a single frame does.
    pub segment_bytes: u64,
    /// The most bytes of a record's key and value together, at most 1 GiB.
    pub max_record_bytes: usize,
    /// Appending blocks while this many bytes are not durable.
    pub max_unwritten_bytes: usize,
    /// Bytes of recent durable frames that stay in memory.
    pub cache_bytes: usize,
}

impl Default for EmbeddedOptions {
    /// A wall log: segments of 64 MiB, records of 1 MiB, 64 MiB unwritten, 64 MiB cached.
    fn default() -> Self {
        Self {
            time_mode: TimeMode::Wall,
            partitions: Partitions::default(),
            segment_bytes: 64 << 20,
            max_record_bytes: crate::log::MAX_RECORD_BYTES,
            max_unwritten_bytes: 64 << 20,
            cache_bytes: 64 << 20,
        }
    }
}

/// An embedded log. Dropped, it writes and syncs what was appended and frees the folder; its readers and writers
/// then fail.
#[derive(Debug)]
pub struct EmbeddedLog {
    shared: Arc<Shared>,
    retention: Mutex<Retention>,
    flusher: Option<JoinHandle<()>>,
    torn: Option<Torn>,
    lock: Lock,
}

impl EmbeddedLog {
    /// Opens the log in a folder, or makes it.
    ///
    /// # Errors
    /// [`LogError::InUse`], [`LogError::Layout`], [`LogError::Corrupt`] or [`LogError::Io`].
    pub fn open(folder: &Path, options: EmbeddedOptions) -> Result<Self, LogError> {
        assert!(options.max_record_bytes <= MAX_RECORD_LIMIT, "records of over {MAX_RECORD_LIMIT} bytes");
        files::make_folder(folder)?;
        let lock = Lock::take(folder)?;
        let layout = Layout::open(folder, options.time_mode, &options.partitions)?;
        files::make_folder(&folder.join("segments"))?;
        files::make_folder(&folder.join("kept"))?;
        let found = open::open(folder, &layout, options.segment_bytes)?;
        if let Some(Torn { file, position, bytes }) = &found.torn {
            tracing::warn!("{}: cut off {bytes} bytes of a torn write at byte {position}", file.display());
        }
        let ends = found.starts.iter().zip(&found.ends).map(|(start, end)| Ends {
            start: (*start).into(),
            written: (*end).into(),
            durable: (*end).into(),
        });
        let slots = found.index.into_iter().map(|index| Slot { index, ..Slot::default() });
        let state =
            State { slots: slots.collect(), closed: found.closed, last_time: found.tail.last_time, ..State::default() };
        let limits = (options.max_record_bytes, options.max_unwritten_bytes, options.cache_bytes);
        let shared = Arc::new(Shared::new(layout, limits, ends.collect(), state));
        let flusher = flusher::start(shared.clone(), found.tail)
            .map_err(|source| LogError::Io { what: "starting the log's thread".into(), source })?;
        let retention = Mutex::new(Retention { folder: folder.to_owned(), kept: found.kept });
        Ok(Self { shared, retention, flusher: Some(flusher), torn: found.torn, lock })
    }

    /// What opening cut off.
    pub fn torn(&self) -> Option<&Torn> {
        self.torn.as_ref()
    }

    /// Puts a tombstone or any record there, as a foreign writer would; its offset. `time` counts in recorded logs.
    pub fn append_foreign(
        &self,
        to: TopicPartition,
        key: &[u8],
        value: Option<&[u8]>,
        time: Timestamp,
    ) -> Result<u64, LogError> {
        let slot = self.shared.slot(to)?;
        let (mut body, mut placed) = (Vec::new(), Vec::new());
        frame::push_record(&mut body, 0, key, value);
        self.shared.append(vec![shared::Outgoing { slot, count: 1, time, body: body.into() }], &mut placed)?;
        Ok(placed[0])
    }

    /// Tells other processes where this one serves the log: [`holder_address`] finds it.
    pub fn publish_address(&self, address: SocketAddr) -> Result<(), LogError> {
        self.lock.tell(Some(address))
    }
}

impl Drop for EmbeddedLog {
    fn drop(&mut self) {
        self.shared.lock().closing = true;
        self.shared.work.notify_all();
        if let Some(flusher) = self.flusher.take()
            && flusher.join().is_err()
        {
            tracing::error!("the log's thread panicked");
        }
    }
}

impl Log for EmbeddedLog {
    fn time_mode(&self) -> TimeMode {
        self.shared.layout.time_mode
    }

    fn partitions(&self, topic: Topic) -> u32 {
        self.shared.layout.partitions.of(topic)
    }

    fn max_record_bytes(&self) -> usize {
        self.shared.max_record_bytes
    }

    fn bounds(&self, partition: TopicPartition) -> Result<Bounds, LogError> {
        self.shared.check()?;
        Ok(self.shared.ends[self.shared.slot(partition)? as usize].bounds())
    }

    fn reader(&self, at: TopicPartition, from: u64, visibility: Visibility) -> Result<Box<dyn Reader>, LogError> {
        self.shared.check()?;
        Ok(Box::new(EmbeddedReader::new(self.shared.clone(), at, from, visibility)?))
    }

    fn writer(&self) -> Result<Box<dyn Writer>, LogError> {
        self.shared.check()?;
        Ok(Box::new(EmbeddedWriter::new(self.shared.clone())))
    }

    fn cut(&self, partition: TopicPartition, before: u64) -> Result<u64, LogError> {
        self.shared.check()?;
        let slot = self.shared.slot(partition)?;
        let mut retention = self.retention.lock().expect("no holder of this lock panics");
        let result = retention.cut(&self.shared, slot, before);
        if let Err(error) = &result {
            self.shared.fail(format!("cutting {partition} at {before}: {error}; see to the disk, then start again"));
        }
        result
    }

    fn sync(&self) -> Result<(), LogError> {
        self.shared.sync()
    }

    fn signal(&self) -> &Signal {
        &self.shared.signal
    }
}

fn kept_path(folder: &Path, topic: Topic) -> PathBuf {
    folder.join("kept").join(format!("{topic}.log"))
}

#[cfg(test)]
mod tests;
