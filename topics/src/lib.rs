//! hoga-topics: the topic catalogue as code, and the [`Log`]: one trait, several implementations.
//!
//! - [`catalogue`]: what each topic is: key, partitions, retention, records, writers. docs/topics.md is made from it.
//! - [`registry`]: the subjects and schemas of the catalogue, as a schema registry names them.
//! - [`partitioner`]: keys go to partitions as Java's default partitioner sends them.
//! - [`channel`]: what a reader accepts of a partition. [`owners`]: who owns what, and how far they have come.
//! - [`retention`]: how far each topic may be cut.
//! - [`log`]: the trait. [`memory`]: for tests and simulation. [`embedded`]: durable, in-process, nothing to start.
//!   [`remote`]: a log that another process of this computer has. `kafka`: on Apache Kafka (feature `kafka`).

mod arrival;
pub mod catalogue;
pub mod channel;
#[cfg(test)]
mod conformance;
pub mod embedded;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
#[cfg(feature = "kafka")]
pub mod kafka;
pub mod log;
pub mod memory;
pub mod owners;
pub mod partitioner;
mod patient;
pub mod registry;
pub mod remote;
pub mod retention;

pub use arrival::Arrival;
pub use catalogue::Partitions;
pub use channel::{
    Accepted, AcceptedBody, AcceptedReader, ChannelKey, ChannelTable, ReadError, ReaderPosition, Verdict,
};
pub use embedded::{EmbeddedLog, EmbeddedOptions};
#[cfg(feature = "kafka")]
pub use kafka::{KafkaLayout, KafkaLog, KafkaOptions};
pub use log::{Ack, Bounds, Log, LogError, LogRecord, Reader, Signal, TimeMode, TopicPartition, Visibility, Writer};
pub use memory::{MemoryLog, MemoryOptions};
pub use owners::{OwnersError, OwnersView, Ownership, SavedOwners};
pub use patient::PatientLog;
pub use remote::RemoteLog;
