//! All machines of a process on a few threads: start, look, stop.

use crate::config::RuntimeConfig;
use crate::driver::Driver;
use crate::error::RuntimeError;
use crate::placement::Role;
use crate::pool::Pool;
use crate::process::Process;
use crate::status::{MachinePhase, MachineStatus};
use hoga_core::MachineKind;
use hoga_topics::Log;
use object_store::ObjectStore;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often a waiting caller looks at the status.
const LOOK: Duration = Duration::from_millis(5);

/// One machine in a [`StopReport`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoppedMachine {
    /// The machine.
    pub kind: MachineKind,
    /// Its input partition.
    pub partition: u32,
    /// The next input offset.
    pub next_offset: u64,
    /// The hash of its state there; absent if it did not shut down cleanly, or another process has it.
    pub state_hash: Option<u64>,
}

/// How a runtime ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StopReport {
    /// Whether every machine that was not left to another process delivered all, wrote its mark and its snapshot
    /// before the deadline.
    pub clean: bool,
    /// The machines.
    pub machines: Vec<StoppedMachine>,
}

/// Machines at work. Dropped without [`Runtime::stop`] it leaves everything as a crash would.
pub struct Runtime {
    pool: Arc<Pool>,
    threads: Vec<JoinHandle<()>>,
}

impl Runtime {
    /// Starts the configured machines over a log, with their snapshots in a store. They claim, restore and run in
    /// the background: see [`Self::wait_running`].
    pub fn start(log: Arc<dyn Log>, store: Arc<dyn ObjectStore>, config: RuntimeConfig) -> Result<Self, RuntimeError> {
        let workers = config.workers.max(1);
        let process = Process::open(log, store, config)?;
        let drivers = process.seats().into_iter().map(|seat| Driver::new(&process, seat.machine, seat.partition));
        let drivers =
            drivers.collect::<Result<Vec<_>, _>>().map_err(|error| RuntimeError::Stopped(error.to_string()))?;
        let mut runtime = Self { pool: Arc::new(Pool::new(process.clone(), drivers)), threads: Vec::new() };
        for worker in 0..workers {
            let pool = runtime.pool.clone();
            let thread = std::thread::Builder::new().name(format!("hoga-worker-{worker}"));
            runtime.threads.push(thread.spawn(move || pool.work(worker)).map_err(RuntimeError::Thread)?);
        }
        let pool = runtime.pool.clone();
        let thread = std::thread::Builder::new().name("hoga-signs".into());
        runtime.threads.push(thread.spawn(move || pool.live()).map_err(RuntimeError::Thread)?);
        Ok(runtime)
    }

    /// Gives one of the seats that the runtime was set up with another role: a consumer group's news.
    ///
    /// # Panics
    /// When it was not set up with this seat.
    pub fn assign(&self, machine: MachineKind, partition: u32, role: Role) {
        self.pool.process.assign(machine, partition, role);
    }

    /// What each machine does now.
    pub fn status(&self) -> Vec<MachineStatus> {
        self.pool.process.statuses()
    }

    /// The same for another thread, for as long as it likes to ask.
    pub fn watch(&self) -> impl Fn() -> Vec<MachineStatus> + Send + Sync + use<> {
        self.pool.process.watch()
    }

    /// What has failed, if the program should stop and exit with an error: a worker; the first machine of a log that
    /// is this process's alone; on a shared log a machine when no other is left. A machine that failed alone there is
    /// given away to other processes, and told by [`Self::status`].
    pub fn failed(&self) -> Option<String> {
        self.pool.failure()
    }

    /// Waits until all machines are running, or, if they are left to other processes, follow them; an error if one has
    /// stopped, or says who is late.
    pub fn wait_running(&self, deadline: Instant) -> Result<(), RuntimeError> {
        loop {
            if let Some(why) = self.failed() {
                return Err(RuntimeError::Stopped(why));
            }
            let Some(late) = self.status().into_iter().find(|status| !self.is_ready(status)) else { return Ok(()) };
            let said = format!("{}/{} is {}", late.kind, late.partition, late.phase);
            if late.is_stopped() {
                return Err(RuntimeError::Stopped(said));
            }
            if Instant::now() >= deadline {
                return Err(RuntimeError::NotRunning(said));
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Whether a machine does what it was set up for.
    fn is_ready(&self, status: &MachineStatus) -> bool {
        match status.phase {
            MachinePhase::Running => true,
            MachinePhase::Following { at, marked } => {
                let may_take = self.pool.process.seat(status.kind, status.partition, |hold| hold.may_take);
                at >= marked && !may_take
            }
            // It was told, and given away.
            MachinePhase::Stopped { .. } => self.pool.process.is_shared(),
            _ => false,
        }
    }

    /// Shuts down. What another process stands by for is worked on until that one has taken over; for the rest nothing
    /// more is read, all is delivered, marks and snapshots are made. At the deadline what is not done is left as a
    /// crash would leave it, which loses nothing.
    pub fn stop(mut self, deadline: Instant) -> StopReport {
        self.pool.process.stop();
        while !self.pool.all_stopped() && self.failed().is_none() && Instant::now() < deadline {
            std::thread::sleep(LOOK);
        }
        let clean = self.pool.all_stopped();
        self.pool.abandon();
        self.threads.iter().for_each(|thread| thread.thread().unpark());
        if clean {
            self.join();
        } else {
            // A worker may be stuck in the log; the process is about to end.
            self.threads.clear();
        }
        self.report()
    }

    fn report(&self) -> StopReport {
        let machines = self.status().into_iter().map(|status| StoppedMachine {
            kind: status.kind,
            partition: status.partition,
            next_offset: status.next_offset,
            state_hash: status.state_hash,
        });
        StopReport { clean: self.status().iter().all(is_clean), machines: machines.collect() }
    }

    fn join(&mut self) {
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a worker thread panicked");
            }
        }
    }
}

/// Whether nothing is left to do for a machine: it shut down, or it is not this process's, or not yet.
pub(crate) fn is_clean(status: &MachineStatus) -> bool {
    let handed_over = matches!(status.phase, MachinePhase::Stopped { failed: false, .. }) && status.epoch.is_none();
    status.state_hash.is_some() || handed_over
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.pool.abandon();
        self.threads.iter().for_each(|thread| thread.thread().unpark());
        self.join();
    }
}

/// A name for this process in `owners` that no other ever had: host, process id and a random part.
pub fn process_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = if host.trim().is_empty() { "localhost" } else { host.trim() };
    // The standard library seeds its hash maps from the system's randomness; 64 bits of it are enough here.
    let random = RandomState::new().hash_one(Instant::now());
    format!("{host}-{}-{random:016x}", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hoga_core::MachineKind;

    #[test]
    fn no_name_is_given_twice_and_each_tells_the_process() {
        let names = [process_name(), process_name()];
        assert_ne!(names[0], names[1]);
        assert!(names.iter().all(|name| name.contains(&format!("-{}-", std::process::id()))), "{names:?}");
    }

    #[test]
    fn what_is_left_as_it_should_be_is_clean() {
        let stopped = |failed| MachinePhase::Stopped { why: "because".into(), failed };
        let clean = |phase, epoch, state_hash| {
            let status = MachineStatus { phase, epoch, state_hash, ..MachineStatus::new(MachineKind::Holds, 0) };
            is_clean(&status)
        };
        assert!(clean(stopped(false), Some(7), Some(1)), "it shut down");
        assert!(clean(stopped(false), None, None), "it was another's");
        assert!(!clean(stopped(false), Some(7), None), "it owned its partition, and left no state");
        assert!(!clean(stopped(true), None, None) && !clean(MachinePhase::Running, None, None));
    }
}
