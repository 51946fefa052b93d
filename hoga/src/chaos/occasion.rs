//! How a process is brought to each fail point.

use hoga_runtime::FailPoint;

/// What has to happen to a process that it meets a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// It starts and claims what it wants.
    Start,
    /// It owns machines and has work.
    Work,
    /// SIGTERM while another stands by.
    HandOver,
    /// SIGTERM while nobody stands by.
    Drain,
    /// It sleeps until it is replaced, and wakes.
    Wake,
}

/// The occasion of a point.
pub fn occasion(point: FailPoint) -> Occasion {
    use FailPoint as P;
    match point {
        P::BeforeClaim
        | P::ClaimSent
        | P::ClaimWon
        | P::CopiesSent
        | P::OutputsLearned
        | P::Restored
        | P::Replaying
        | P::Following => Occasion::Start,
        P::AfterRead
        | P::BeforeAppend
        | P::InAppend
        | P::AfterAppend
        | P::BeforeMark
        | P::AfterMark
        | P::AfterClock
        | P::SnapshotBegun
        | P::SnapshotDurable
        | P::SnapshotWitnessed
        | P::SnapshotWritten
        | P::SnapshotDeleting
        | P::SnapshotDeleted => Occasion::Work,
        P::BeforeGivingAway | P::GivenAway | P::HandingOver | P::TakenOver => Occasion::HandOver,
        P::BeforeDraining | P::Drained | P::LastMark | P::Ended => Occasion::Drain,
        P::Fenced => Occasion::Wake,
    }
}
