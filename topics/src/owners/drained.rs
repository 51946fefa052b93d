//! Whether everything that was written has been worked through.

use super::{Owners, OwnersError, OwnersView};
use crate::{Log, LogError, TopicPartition};
use std::time::{Duration, Instant};

/// How long to wait for a wake-up at most: a log on another computer wakes nobody here.
const LONGEST_WAIT: Duration = Duration::from_millis(50);

/// Whether the newest marks of all machines that were ever claimed cover the ends of their inputs. `owners` is read
/// before the ends are: if nothing is past a mark now, then nothing was missing when the mark was written.
pub fn drained(log: &dyn Log, owners: &Owners) -> Result<bool, LogError> {
    Ok(first_behind(log, owners)?.is_none())
}

/// Waits until [`drained`], or says who is behind.
pub fn wait_drained(log: &dyn Log, deadline: Instant) -> Result<(), OwnersError> {
    wait_drained_by(log, &mut OwnersView::open(log)?, deadline)
}

/// As [`wait_drained`], by a view that is read on: for whoever waits again and again.
pub fn wait_drained_by(log: &dyn Log, view: &mut OwnersView, deadline: Instant) -> Result<(), OwnersError> {
    loop {
        let seen = log.signal().version();
        view.poll()?;
        let Some(behind) = first_behind(log, view.owners())? else { return Ok(()) };
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(OwnersError::NotDrained(behind));
        }
        log.signal().wait(seen, left.min(LONGEST_WAIT));
    }
}

fn first_behind(log: &dyn Log, owners: &Owners) -> Result<Option<String>, LogError> {
    for (machine, partition, owned) in owners.machines() {
        let input = TopicPartition::new(machine.input(), partition);
        let end = match log.bounds(input) {
            Ok(bounds) => bounds.end,
            // Nobody is done with what nobody can see.
            Err(error) if error.is_unanswered() => return Ok(Some(error.to_string())),
            Err(error) => return Err(error),
        };
        let marked = owned.marked();
        if marked < end {
            return Ok(Some(format!("{machine} has finished {input} up to {marked} of {end}")));
        }
    }
    Ok(None)
}
