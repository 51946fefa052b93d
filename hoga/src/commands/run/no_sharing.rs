//! Without Kafka there are no groups.

use crate::cli::Context;
use crate::exit::Failure;
use hoga_core::MachineKind;
use hoga_runtime::Seat;
use std::time::Duration;

/// Cannot be had.
pub enum Sharing {}

impl Sharing {
    /// Refuses.
    pub fn join(_: &Context, _: &str, _: &[MachineKind], _: Vec<Seat>) -> Result<Self, Failure> {
        Err(crate::site::without_kafka())
    }

    /// There is none to call it on.
    pub fn news(&mut self, _: Duration) -> Result<Vec<Seat>, Failure> {
        match *self {}
    }

    /// There is none to call it on.
    pub fn seats(&self) -> &[Seat] {
        match *self {}
    }
}
