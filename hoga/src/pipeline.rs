//! Machines at work over a log.
//!
//! Invariants:
//! 1. A machine that fails is told at once, never waited for.
//! 2. [`Pipeline::stop`] ends within its deadline. What was not done by then is left as a crash would leave it: nothing
//!    is lost, the next start replays more.

use crate::cli::Context;
use crate::exit::Failure;
use crate::http::{Exchange, Server};
use crate::machines;
use crate::progress::Progress;
#[cfg(feature = "kafka")]
use crate::site::Place;
use crate::site::Site;
use crate::stop::Stop;
use hoga_core::MachineKind;
use hoga_runtime::{
    Cuts, Limits, MachinePhase, MachineStatus, Placement, Role, Runtime, RuntimeConfig, Seat, StopReport, process_name,
};
use hoga_topics::Log;
use hoga_topics::owners::drained;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long to wait for a wake-up before looking whether a machine has failed.
const LOOK: Duration = Duration::from_millis(50);

/// Machines at work.
pub struct Pipeline {
    runtime: Runtime,
    log: Arc<dyn Log>,
    cuts: Arc<Cuts>,
    process: String,
    shutdown: Duration,
    /// Where it shows itself, if that is configured.
    http: Option<Server>,
}

impl Pipeline {
    /// Starts all machines and waits until each has replayed what it has to and follows its input as its owner.
    pub fn start(context: &Context, site: &Site) -> Result<Self, Failure> {
        let pipeline = Self::begin(context, site, all_seats(&*site.log))?;
        pipeline.wait_running(&context.stop)?;
        Ok(pipeline)
    }

    /// Starts the machines of these seats and waits for nothing. Where nobody else can have the log the seats have to
    /// be all, and are owned at once.
    pub fn begin(context: &Context, site: &Site, seats: Vec<Seat>) -> Result<Self, Failure> {
        let config = &context.settings.config;
        // The server first: whoever waits for the machines sees them restore.
        let exchange = Arc::new(Exchange::default());
        let server = |address| Server::start(address, site.topic_prefix(), Some(Arc::clone(&exchange)));
        let http = config.http.map(server).transpose()?;
        let (snapshots, cuts) = (site.snapshots()?, Arc::new(site.make_cuts()?));
        let process = process_name();
        let mut setup = RuntimeConfig::new(process.clone(), site.settings.clone(), machines::factory());
        setup.limits = Limits { snapshot_every_records: config.snapshot_every_records, ..setup.limits };
        setup.cuts = Arc::clone(&cuts);
        if !site.is_own() {
            setup.placement =
                Placement::Shared { seats, takeover_after: Duration::from_millis(config.takeover_after_ms) };
        }
        let runtime = Runtime::start(Arc::clone(&site.log), snapshots, setup)?;
        exchange.show(runtime.watch());
        #[cfg(feature = "kafka")]
        if let Place::Kafka { log, .. } = &site.place {
            exchange.show_kafka(log.clone());
        }
        let shutdown = Duration::from_secs(config.shutdown_s);
        Ok(Self { runtime, log: Arc::clone(&site.log), cuts, process, shutdown, http })
    }

    /// This process's name in `owners`.
    pub fn process(&self) -> &str {
        &self.process
    }

    /// What each machine does now.
    pub fn status(&self) -> Vec<MachineStatus> {
        self.runtime.status()
    }

    /// Gives a seat another role.
    pub fn assign(&self, seat: Seat) {
        self.runtime.assign(seat.machine, seat.partition, seat.role);
    }

    fn wait_running(&self, stop: &Stop) -> Result<(), Failure> {
        let mut progress = Progress::new("machines restored", Some(self.machines() as u64));
        loop {
            self.check()?;
            stop.check("restoring; nothing was changed")?;
            let statuses = self.runtime.status();
            // On a shared log others could take it; whoever waits for all of them would wait for ever.
            if let Some((status, why)) = statuses.iter().find_map(failure) {
                return Err(Failure::Stopped(format!("{}/{}: {why}", status.kind, status.partition)));
            }
            let running = statuses.iter().filter(|status| status.phase == MachinePhase::Running).count();
            progress.set(running as u64);
            if running == statuses.len() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Where metrics, health and schemas are served, if they are.
    pub fn http(&self) -> Option<SocketAddr> {
        self.http.as_ref().map(Server::address)
    }

    /// How many machines there are: one for each partition of each input.
    pub fn machines(&self) -> usize {
        self.runtime.status().len()
    }

    /// An error if a machine has failed.
    pub fn check(&self) -> Result<(), Failure> {
        self.runtime.failed().map_or(Ok(()), |why| Err(Failure::Stopped(why)))
    }

    /// Waits until everything that was written is worked through.
    pub fn wait_drained(&self, stop: &Stop) -> Result<(), Failure> {
        let mut view = self.cuts.owners(&*self.log)?;
        loop {
            let seen = self.log.signal().version();
            self.check()?;
            stop.check("what is stored goes on with the next start")?;
            self.cuts.follow(&*self.log, &mut view)?;
            if drained(&*self.log, view.owners())? {
                return Ok(());
            }
            self.log.signal().wait(seen, LOOK);
        }
    }

    /// Shuts down cleanly, within the configured deadline.
    pub fn stop(self) -> Result<StopReport, Failure> {
        self.check()?;
        let report = self.runtime.stop(Instant::now() + self.shutdown);
        if report.clean {
            return Ok(report);
        }
        Err(Failure::TimedOut(format!(
            "the machines did not finish within {} s (--shutdown-s); nothing is lost, the next start replays more",
            self.shutdown.as_secs()
        )))
    }
}

/// Why a machine failed, if it has.
fn failure(status: &MachineStatus) -> Option<(&MachineStatus, &str)> {
    match &status.phase {
        MachinePhase::Stopped { why, failed: true } => Some((status, why)),
        _ => None,
    }
}

/// Every partition of every machine's input, wanted.
pub fn all_seats(log: &dyn Log) -> Vec<Seat> {
    let seats = |machine: MachineKind| Placement::seats(machine, log.partitions(machine.input()), Role::Wanted);
    MachineKind::ALL.iter().copied().flat_map(seats).collect()
}
