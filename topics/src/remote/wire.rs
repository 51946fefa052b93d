//! What client and server say to each other: a greeting of fixed bytes, then messages in postcard, each behind its
//! length. Every message is bounded before it is read.

use crate::{Bounds, LogError, LogRecord, TimeMode, TopicPartition, Visibility};
use bytes::Bytes;
use hoga_core::{Timestamp, Topic};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::{self, Read, Write};
use std::net::TcpStream;

/// Bytes that a message carries besides one record of any size.
pub(super) const BATCH_BYTES: usize = 1 << 20;
/// What framing and fields may add to it.
const OVERHEAD: usize = 1 << 20;
const MAGIC: &[u8; 8] = b"hoga-log";
const VERSION: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Request {
    Describe,
    Bounds(TopicPartition),
    Read { at: TopicPartition, from: u64, max: u32, durable: bool },
    Append(Vec<Sent>),
    Sync,
    Cut { at: TopicPartition, before: u64 },
    Wait { seen: u64 },
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Sent {
    pub to: TopicPartition,
    pub key: Bytes,
    pub value: Bytes,
    pub time: Option<Timestamp>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Stored {
    offset: u64,
    time: Timestamp,
    key: Bytes,
    value: Option<Bytes>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Answer {
    Described {
        time_mode: TimeMode,
        partitions: Vec<(Topic, u32)>,
        max_record_bytes: u64,
    },
    Bounds {
        start: u64,
        end: u64,
        durable_end: u64,
    },
    Records(Vec<Stored>),
    /// The offset of each record sent, where it is known.
    Appended(Vec<Option<u64>>),
    Done,
    Start(u64),
    Version(u64),
    Error(WireError),
}

/// The errors that a caller can tell apart keep their kind; the others keep their words.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum WireError {
    Cut { at: TopicPartition, offset: u64, start: u64 },
    PastEnd { at: TopicPartition, offset: u64, end: u64 },
    NoPartition(TopicPartition),
    TooLarge { at: TopicPartition, size: u64, limit: u64 },
    TimeMode(TopicPartition),
    Other(String),
}

impl From<LogError> for WireError {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Cut { partition: at, offset, start } => Self::Cut { at, offset, start },
            LogError::PastEnd { partition: at, offset, end } => Self::PastEnd { at, offset, end },
            LogError::NoPartition(at) => Self::NoPartition(at),
            LogError::TooLarge { partition: at, size, limit } => {
                Self::TooLarge { at, size: size as u64, limit: limit as u64 }
            }
            LogError::TimeMode(at) => Self::TimeMode(at),
            LogError::Failed(why) => Self::Other(why),
            other => Self::Other(other.to_string()),
        }
    }
}

impl From<WireError> for LogError {
    fn from(error: WireError) -> Self {
        match error {
            WireError::Cut { at: partition, offset, start } => Self::Cut { partition, offset, start },
            WireError::PastEnd { at: partition, offset, end } => Self::PastEnd { partition, offset, end },
            WireError::NoPartition(at) => Self::NoPartition(at),
            WireError::TooLarge { at: partition, size, limit } => {
                Self::TooLarge { partition, size: size as usize, limit: limit as usize }
            }
            WireError::TimeMode(at) => Self::TimeMode(at),
            WireError::Other(why) => Self::Failed(why),
        }
    }
}

impl From<LogRecord> for Stored {
    fn from(LogRecord { offset, time, key, value }: LogRecord) -> Self {
        Self { offset, time, key, value }
    }
}

impl From<Stored> for LogRecord {
    fn from(Stored { offset, time, key, value }: Stored) -> Self {
        Self { offset, time, key, value }
    }
}

impl From<Bounds> for Answer {
    fn from(Bounds { start, end, durable_end }: Bounds) -> Self {
        Self::Bounds { start, end, durable_end }
    }
}

pub(super) fn is_durable(visibility: Visibility) -> bool {
    visibility == Visibility::Durable
}

/// How the server takes a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Welcome {
    Yes,
    Full,
}

/// Both sides say what they speak; the server also whether it has room.
pub(super) fn say_hello(stream: &mut TcpStream, welcome: Welcome) -> io::Result<()> {
    let mut hello = [0; 13];
    hello[..8].copy_from_slice(MAGIC);
    hello[8..12].copy_from_slice(&VERSION.to_le_bytes());
    hello[12] = u8::from(welcome == Welcome::Full);
    stream.write_all(&hello)
}

/// Reads the other side's greeting; what it speaks must be what this side speaks.
pub(super) fn hear_hello(stream: &mut TcpStream) -> io::Result<Welcome> {
    let mut hello = [0; 13];
    stream.read_exact(&mut hello)?;
    let version = u32::from_le_bytes(hello[8..12].try_into().expect("4 bytes"));
    if hello[..8] != *MAGIC {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "what answers there is no hoga"));
    }
    if version != VERSION {
        let what = format!("it speaks version {version}, this release speaks {VERSION}; use the same release for both");
        return Err(io::Error::new(io::ErrorKind::InvalidData, what));
    }
    Ok(if hello[12] == 0 { Welcome::Yes } else { Welcome::Full })
}

/// The limit of a record that the other side names, if there can be such a log.
pub(super) fn record_limit(named: u64) -> Option<usize> {
    usize::try_from(named).ok().filter(|limit| *limit <= crate::log::MAX_RECORD_LIMIT)
}

/// The longest message where records have at most `max_record_bytes`.
pub(super) fn message_limit(max_record_bytes: usize) -> usize {
    BATCH_BYTES + OVERHEAD + max_record_bytes
}

pub(super) fn write<T: Serialize>(stream: &mut impl Write, message: &T, limit: usize) -> io::Result<()> {
    let mut bytes = postcard::to_extend(message, vec![0; 4]).map_err(invalid)?;
    let length = bytes.len() - 4;
    if length > limit {
        return Err(invalid(format!("a message of {length} bytes is over the limit of {limit}")));
    }
    bytes[..4].copy_from_slice(&(length as u32).to_le_bytes());
    stream.write_all(&bytes)
}

pub(super) fn read<T: DeserializeOwned>(stream: &mut impl Read, limit: usize) -> io::Result<T> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length) as usize;
    if length > limit {
        return Err(invalid(format!("a message of {length} bytes is over the limit of {limit}")));
    }
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes)?;
    postcard::from_bytes(&bytes).map_err(invalid)
}

fn invalid(what: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
