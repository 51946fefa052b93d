//! The command as its users meet it, and the rules of the workspace.
//!
//! - [`edges`]: which room may use which. [`tidy`]: how files are written.
//! - [`bad_input`]: what is refused, and how. [`hoga`]: runs the real binary.
//! - [`reconcile`]: what was written against what it was made of; [`history`] plants differences.
//! - [`session`]: a whole day at the exchange. [`cutting`]: a log whose beginning goes. [`http`]: what it serves to
//!   other programs.
//! - [`fail_points`]: a process that kills itself where it is told to.
//! - `kafka`: on a Kafka, shared and disturbed; `chaos`: faults by the command; `secure`: on one with TLS, logins and rights (feature `kafka`).

mod bad_input;
#[cfg(feature = "kafka")]
mod chaos;
mod cutting;
mod edges;
mod fail_points;
#[allow(dead_code)] // most damage is the runtime's to plant
#[path = "../../../processors/runtime/src/tests/history.rs"]
mod history;
mod hoga;
mod http;
#[cfg(feature = "kafka")]
mod kafka;
mod reconcile;
#[cfg(feature = "kafka")]
mod secure;
mod session;
mod tidy;
