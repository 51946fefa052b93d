//! A log across processes of one computer: while `hoga up` owns the data folder, other commands read and write its log
//! through it. TCP on loopback, a greeting, then requests and answers one after another.
//!
//! Invariants:
//! 1. A remote log keeps what [`crate::Log`] promises; the conformance test holds it too.
//! 2. A lost connection is an error, never a wait; what was under way is acknowledged as "not known".
//! 3. Messages, connections and greetings are bounded.
//!
//! Left out on purpose: other computers (a Kafka log is for them), authentication (whoever may run programs here may
//! also write the folder), reconnecting (the caller knows from where to go on).

mod client;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod server;
mod wire;

pub use client::RemoteLog;
pub use server::{MAX_CONNECTIONS, Server, serve};

#[cfg(test)]
mod tests;
