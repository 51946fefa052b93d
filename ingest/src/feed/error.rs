//! What can go wrong with a feed.

use crate::producer::ProduceError;
use hoga_topics::channel::ReadError;
use hoga_topics::owners::OwnersError;
use hoga_topics::{LogError, TopicPartition};

/// Why a feed cannot go on. It can be started again: it goes on from what stands in the log.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The file cannot be read.
    #[error("reading {file}: {source}")]
    Io {
        /// The file.
        file: String,
        /// The system's error.
        source: std::io::Error,
    },
    /// A row is not what its format says.
    #[error("{file} row {row}: {what}")]
    Row {
        /// The file.
        file: String,
        /// Counted from 1, without the header.
        row: u64,
        /// What is wrong.
        what: String,
    },
    /// The plan's options do not fit.
    #[error("{0}")]
    Options(String),
    /// The log keeps wall time.
    #[error(
        "a feed brings its own times and needs a recorded log, this one keeps wall time; give another --data-dir, and make it with recorded time"
    )]
    WallLog,
    /// The log's recorded time is past the feed's.
    #[error(
        "{partition}: the newest record is of {newest}, the feed's next of {next} (milliseconds UTC), and a log's time never goes back; play this feed into a fresh --data-dir"
    )]
    TimePassed {
        /// Where.
        partition: TopicPartition,
        /// The newest record's time.
        newest: i64,
        /// The time of the feed's next record.
        next: i64,
    },
    /// The beginning of what the feed wrote is cut away.
    #[error("{partition}: the log begins at {start}; whether the feed already stands there cannot be told")]
    Cut {
        /// Where.
        partition: TopicPartition,
        /// The log's first offset.
        start: u64,
    },
    /// Sending failed.
    #[error(transparent)]
    Produce(#[from] ProduceError),
    /// The log refused.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Accepted records cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The pipeline does not drain, or its owners cannot be read.
    #[error("waiting until everything sent is applied: {0}")]
    Owners(#[from] OwnersError),
    /// Machines that the feed needs have no owner.
    #[error("no process runs {0}; start `hoga up` on this data folder")]
    NotRunning(String),
    /// A machine refused to go on while the naive book was computed.
    #[error("computing with the naive book: {0}")]
    Oracle(String),
}
