//! Snapshots: a machine's whole state at an input offset, in an object store.
//!
//! - `format`: one file. `store`: their names, the newest usable one, the oldest ones. `witness`: of which past.
//!   `usable`: which of them fit the log, the rules and the marks. `replica`: one that no machine at work was held up for.
//!
//! Invariants:
//! 1. The newest is found by the offset in its name, never by a pointer that a sleeping owner could overwrite.
//! 2. A snapshot is usable only if a mark that counts stands at or past its offset: all that it has counted as
//!    written is delivered.
//! 3. One that is torn, of another layout, of other settings or partition counts is passed over for the one before,
//!    and the program's log says which and why.
//! 4. A snapshot is of this log: written once its input is durable, deleted at a process's start if it is past the
//!    input's end, and passed over if the records before it are not those that its witness saw.

pub(crate) mod format;
pub(crate) mod replica;
pub(crate) mod store;
pub(crate) mod usable;
pub(crate) mod witness;

pub(crate) use format::Snapshot;
pub(crate) use store::Snapshots;
