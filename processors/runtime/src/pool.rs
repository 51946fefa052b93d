//! Worker threads over all drivers of a process: each steps whatever driver no other worker is at, and waits on the
//! log's signal when nothing moved. So one busy machine does not hold up the others, and nothing is polled by time.
//!
//! Invariants:
//! 1. The signal's version is taken before the drivers are stepped, so nothing that comes meanwhile is missed.
//! 2. Signs of life do not wait for machines: a thread of its own gives those that no worker came to, however long
//!    they restore.
//! 3. On a shared log a machine that fails stops alone, and is given away; the process fails when none is left.

use crate::driver::Driver;
use crate::process::Process;
use hoga_core::Timestamp;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, TryLockError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What the workers share.
pub(crate) struct Pool {
    pub process: Arc<Process>,
    drivers: Vec<Mutex<Driver>>,
    housekeeping: Mutex<()>,
    /// The first failure of a machine.
    failed_machine: Mutex<Option<String>>,
    /// What no worker can go on after.
    fatal: Mutex<Option<String>>,
    abandoned: AtomicBool,
}

impl Pool {
    /// A pool over these drivers.
    pub fn new(process: Arc<Process>, drivers: Vec<Driver>) -> Self {
        Self {
            process,
            drivers: drivers.into_iter().map(Mutex::new).collect(),
            housekeeping: Mutex::new(()),
            failed_machine: Mutex::new(None),
            fatal: Mutex::new(None),
            abandoned: AtomicBool::new(false),
        }
    }

    /// What a worker does, until all drivers have shut down or the pool is abandoned.
    pub fn work(&self, worker: usize) {
        let _guard = PanicGuard(self);
        while !self.is_done() {
            let seen = self.process.log.signal().version();
            let now = wall_now();
            let Round { worked, wake_at } = self.round(worker, now);
            if !worked {
                let left = Duration::from_millis((wake_at.0 - wall_now().0).max(1) as u64);
                self.process.log.signal().wait_as_worker(seen, left);
            }
        }
        // A change wakes one worker: this one wakes the next, who ends too.
        self.process.log.signal().notify();
    }

    fn round(&self, worker: usize, now: Timestamp) -> Round {
        let mut round = Round { worked: false, wake_at: now.plus_ms(LONGEST_WAIT_MS) };
        round.worked |= self.keep_house(now);
        round.add(false, Some(self.process.wake_at(now)));
        for turn in 0..self.drivers.len() {
            // Each worker begins elsewhere, so that they rarely meet.
            let at = (turn + worker) % self.drivers.len();
            match self.drivers[at].try_lock() {
                // Its own time: clocks that waited for the other drivers would be refused as too old.
                Ok(mut driver) => match driver.step(wall_now()) {
                    Ok(progress) => round.add(progress.worked, progress.wake_at),
                    Err(error) if error.is_handover() => {}
                    Err(error) => self.note(error.to_string()),
                },
                Err(TryLockError::WouldBlock) => {}
                // Its worker panicked in it and said so.
                Err(TryLockError::Poisoned(_)) => {}
            }
        }
        round
    }

    /// Steps the process unless somebody else does; whether anything was new.
    fn keep_house(&self, now: Timestamp) -> bool {
        let Ok(_one_at_a_time) = self.housekeeping.try_lock() else { return false };
        self.process.step(now).unwrap_or_else(|error| {
            self.fail(error.to_string());
            false
        })
    }

    /// Gives signs of life and reads `owners` while all workers are at machines, until there is nothing more to do.
    pub fn live(&self) {
        let _guard = PanicGuard(self);
        while !self.is_done() {
            let now = wall_now();
            self.keep_house(now);
            let left = self.process.wake_at(now).0 - wall_now().0;
            std::thread::park_timeout(Duration::from_millis(left.clamp(1, LONGEST_WAIT_MS) as u64));
        }
    }

    fn is_done(&self) -> bool {
        self.abandoned.load(Ordering::Acquire) || (self.process.is_stopping() && self.all_stopped())
    }

    /// Whether no driver will do anything more.
    pub fn all_stopped(&self) -> bool {
        self.process.statuses().iter().all(|status| status.is_stopped())
    }

    /// What ends this process's work: a worker's failure, or a machine's if it is alone on the log or the last one.
    pub fn failure(&self) -> Option<String> {
        let noted = |failure: &Mutex<Option<String>>| failure.lock().expect("no holder of this lock panics").clone();
        let of_machine = || noted(&self.failed_machine).filter(|_| !self.process.is_shared() || self.all_stopped());
        noted(&self.fatal).or_else(of_machine)
    }

    /// Remembers a machine's failure.
    fn note(&self, why: String) {
        self.failed_machine.lock().expect("no holder of this lock panics").get_or_insert(why);
    }

    /// Remembers a failure after which no worker can go on.
    fn fail(&self, why: String) {
        self.fatal.lock().expect("no holder of this lock panics").get_or_insert(why);
        self.abandon();
    }

    /// Makes the workers leave everything as it is, and waits for no second machine's snapshot.
    pub fn abandon(&self) {
        self.abandoned.store(true, Ordering::Release);
        self.process.snapshots.hurry();
        self.process.log.signal().notify();
    }
}

/// The longest wait for a signal: a log on another computer wakes nobody here.
const LONGEST_WAIT_MS: i64 = 250;

struct Round {
    worked: bool,
    wake_at: Timestamp,
}

impl Round {
    fn add(&mut self, worked: bool, wake_at: Option<Timestamp>) {
        self.worked |= worked;
        self.wake_at = self.wake_at.min(wake_at.unwrap_or(self.wake_at));
    }
}

/// A broken invariant panics in a worker; the process must not go on as if nothing were.
struct PanicGuard<'a>(&'a Pool);

impl Drop for PanicGuard<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail("a worker thread panicked; the message is in the program's log".into());
        }
    }
}

fn wall_now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(since.as_millis() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_worked_if_anything_did_and_wakes_for_the_first() {
        let mut round = Round { worked: false, wake_at: Timestamp(100) };
        round.add(false, None);
        assert_eq!((round.worked, round.wake_at), (false, Timestamp(100)));
        round.add(true, Some(Timestamp(70)));
        round.add(false, Some(Timestamp(90)));
        assert_eq!((round.worked, round.wake_at), (true, Timestamp(70)));
    }
}
