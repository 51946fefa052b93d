//! How the command ends: one enum of failures, one exit code each, one table that `hoga help` and docs print.
//!
//! Invariants:
//! 1. Every way to end has one code, and scripts may rely on it: codes are added, never changed.
//! 2. A message says what was being done, where, and what to do; it goes to stderr, results go to stdout.
//!
//! Left out on purpose: business refusals inside the pipeline. They are events; a command that waits for one
//! turns it into [`Failure::Refused`].

use hoga_ingest::feed::FeedError;
use hoga_ingest::producer::ProduceError;
use hoga_runtime::{CutError, DriverError, RuntimeError};
use hoga_topics::LogError;
use hoga_topics::channel::ReadError;
use hoga_topics::owners::OwnersError;
use std::process::ExitCode;

/// Why a command did not end well.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Something was refused, or a check found a difference.
    #[error("{0}")]
    Refused(String),
    /// Arguments, environment or configuration are wrong; nothing was done.
    #[error("{0}")]
    Usage(String),
    /// A check found everything equal, and could not look at all that it was to look at.
    #[error("{0}")]
    NotCovered(String),
    /// A folder, file, port or Kafka is missing, in use, or of another layout.
    #[error("{0}")]
    Unavailable(String),
    /// The log or a machine cannot go on: a gap, corrupt files, a full disk, lost determinism.
    #[error("{0}")]
    Stopped(String),
    /// No answer in time. What was asked may still happen.
    #[error("{0}")]
    TimedOut(String),
    /// Ctrl-C or SIGTERM before the work was done.
    #[error("interrupted: {0}")]
    Interrupted(String),
    /// Whoever read our output has closed it (`hoga tail … | head`): a good end.
    #[error("the output was closed")]
    OutputClosed,
}

/// The exit codes, for help and docs.
pub const EXIT_CODES: &[(u8, &str)] = &[
    (0, "done, and every check agreed"),
    (1, "refused: a line, a command, or a check that found a difference"),
    (
        2,
        "usage: wrong arguments, environment or configuration; nothing was done. Of `reconcile`, `verify`, `explain` also: not covered, a part of what was asked for is cut or not there yet",
    ),
    (3, "unavailable: a folder, file, port or Kafka is missing, in use, or of another layout"),
    (4, "stopped: the log or a machine cannot go on (a gap, corrupt files, a full disk)"),
    (5, "timed out: no answer in time; what was asked may still happen"),
    (130, "interrupted before the work was done; it can be run again"),
];

/// The table as text, one code a line.
pub fn exit_codes_text() -> String {
    let lines: Vec<String> = EXIT_CODES.iter().map(|(code, meaning)| format!("  {code:<4} {meaning}")).collect();
    format!("Exit codes:\n{}", lines.join("\n"))
}

impl Failure {
    /// Its exit code.
    pub fn code(&self) -> u8 {
        match self {
            Self::OutputClosed => 0,
            Self::Refused(_) => 1,
            Self::Usage(_) | Self::NotCovered(_) => 2,
            Self::Unavailable(_) => 3,
            Self::Stopped(_) => 4,
            Self::TimedOut(_) => 5,
            Self::Interrupted(_) => 130,
        }
    }

    /// Tells the user, and gives the process its code.
    pub fn report(&self) -> ExitCode {
        if !matches!(self, Self::OutputClosed) {
            eprintln!("hoga: {self}");
        }
        ExitCode::from(self.code())
    }
}

/// Writing results to stdout is the only IO that is turned into a failure by `?`; everything else says where.
impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => Self::OutputClosed,
            _ => Self::Unavailable(format!("writing to stdout: {error}")),
        }
    }
}

impl From<LogError> for Failure {
    fn from(error: LogError) -> Self {
        let message = error.to_string();
        match error {
            LogError::InUse { .. } | LogError::Layout { .. } | LogError::NoPartition(_) => Self::Unavailable(message),
            LogError::TooLarge { .. } | LogError::TimeMode(_) | LogError::Time { .. } => Self::Refused(message),
            LogError::Cut { .. }
            | LogError::PastEnd { .. }
            | LogError::Corrupt { .. }
            | LogError::Unanswered { .. }
            | LogError::Io { .. }
            | LogError::Stalled { .. }
            | LogError::Failed(_) => Self::Stopped(message),
        }
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Log(error) => error.into(),
            ReadError::Undecodable { .. } | ReadError::Diverged { .. } => Self::Stopped(error.to_string()),
        }
    }
}

impl From<OwnersError> for Failure {
    fn from(error: OwnersError) -> Self {
        match error {
            OwnersError::Log(error) => error.into(),
            OwnersError::Cut { .. } | OwnersError::Undecodable { .. } => Self::Stopped(error.to_string()),
            OwnersError::NotDrained(_) => Self::TimedOut(error.to_string()),
        }
    }
}

impl From<CutError> for Failure {
    fn from(error: CutError) -> Self {
        match error {
            CutError::Log(error) => error.into(),
            CutError::Read(error) => error.into(),
            CutError::Owners(error) => error.into(),
            CutError::Snapshots(error) => error.into(),
            CutError::Store(error) => Self::Unavailable(error.to_string()),
            CutError::Recorded => Self::Refused(error.to_string()),
            CutError::Missing { .. } | CutError::Unfit { .. } => Self::Stopped(error.to_string()),
        }
    }
}

impl From<DriverError> for Failure {
    fn from(error: DriverError) -> Self {
        Self::Stopped(error.to_string())
    }
}

impl From<RuntimeError> for Failure {
    fn from(error: RuntimeError) -> Self {
        Self::Stopped(error.to_string())
    }
}

impl From<ProduceError> for Failure {
    fn from(error: ProduceError) -> Self {
        match error {
            ProduceError::Timeout { .. } | ProduceError::Unknown { .. } => Self::TimedOut(error.to_string()),
            ProduceError::Send { source: LogError::TooLarge { .. }, .. } => Self::Refused(error.to_string()),
            ProduceError::Send { .. } | ProduceError::Acks { .. } => Self::Stopped(error.to_string()),
        }
    }
}

impl From<FeedError> for Failure {
    fn from(error: FeedError) -> Self {
        match error {
            FeedError::Log(error) => error.into(),
            FeedError::Read(error) => error.into(),
            FeedError::Owners(error) => error.into(),
            FeedError::Produce(error) => error.into(),
            other => Self::Unavailable(other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_in_the_table_and_none_twice() {
        let say = String::new;
        let all = [
            Failure::OutputClosed,
            Failure::Refused(say()),
            Failure::Usage(say()),
            Failure::NotCovered(say()),
            Failure::Unavailable(say()),
            Failure::Stopped(say()),
            Failure::TimedOut(say()),
            Failure::Interrupted(say()),
        ];
        let mut codes: Vec<u8> = all.iter().map(Failure::code).collect();
        codes.dedup();
        let table: Vec<u8> = EXIT_CODES.iter().map(|(code, _)| *code).collect();
        assert_eq!(codes, table);
    }
}
