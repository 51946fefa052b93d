//! A consumer group's news: which seats a process is to want.
//!
//! Invariant: nothing depends on the group for safety: what two members believe to have is sorted out by their claims.

use crate::cli::Context;
use crate::exit::Failure;
use crate::site::kafka_options;
use hoga_core::MachineKind;
use hoga_runtime::{Role, Seat};
use hoga_topics::TopicPartition;
use hoga_topics::kafka::Group;
use std::collections::BTreeSet;
use std::time::Duration;

/// What Kafka's brokers allow at least, unless they are told otherwise.
const SESSION: Duration = Duration::from_secs(6);

/// A member of a group.
pub struct Sharing {
    group: Group,
    seats: Vec<Seat>,
}

impl Sharing {
    /// Begins to join.
    pub fn join(context: &Context, name: &str, machines: &[MachineKind], seats: Vec<Seat>) -> Result<Self, Failure> {
        Ok(Self { group: Group::join(&kafka_options(context)?, name, machines, SESSION)?, seats })
    }

    /// Waits a little for news: the seats whose role has changed.
    pub fn news(&mut self, wait: Duration) -> Result<Vec<Seat>, Failure> {
        let assigned = self.group.poll(wait)?;
        let mut changed = Vec::new();
        for seat in &mut self.seats {
            let role = role(seat, &assigned);
            if seat.role != role {
                seat.role = role;
                changed.push(*seat);
            }
        }
        Ok(changed)
    }

    /// All seats, in their roles of now.
    pub fn seats(&self) -> &[Seat] {
        &self.seats
    }
}

fn role(seat: &Seat, assigned: &BTreeSet<TopicPartition>) -> Role {
    let input = TopicPartition::new(seat.machine.input(), seat.partition);
    if assigned.contains(&input) { Role::Wanted } else { Role::Standby }
}
