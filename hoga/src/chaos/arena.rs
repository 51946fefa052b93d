//! All parts of a run of faults: eight processes in four pairs, a flow of orders, a watch, the checker.
//!
//! Invariants:
//! 1. An act begins when every machine's partition has an owner that works and a standby that follows.
//! 2. After each act the checker has read to the end and found nothing, or the run ends.
//! 3. At the end nothing is on its way: all is drained, equal, and every state is what its input replays to.

use super::brokers::Brokers;
use super::checker::{Asked, Checker, Verdict};
use super::member::{Launch, Member};
use super::producer::{Counts, Flow};
use super::proxy::Proxy;
use super::schedule::{Kind, Who};
use super::totals::Totals;
use super::watch::{Seat, Watch};
use crate::cli::Context;
use crate::demo::generator::Generator;
use crate::demo::poster::post_all;
use crate::exit::Failure;
use crate::posting::now;
use crate::site::{kafka_options, make_topics};
use crate::stop::Stop;
use hoga_core::MachineKind;
use hoga_topics::owners::{OwnersError, Ownership, drained};
use hoga_topics::{KafkaLog, KafkaOptions, Log, OwnersView, TimeMode, TopicPartition};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Nothing that is waited for takes as long; a wait that does is a finding.
const PATIENCE: Duration = Duration::from_secs(150);
const LOOK: Duration = Duration::from_millis(20);
const VALID_FOR_MS: i64 = 300_000;

/// What a run is given.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The seed of acts and orders.
    pub seed: u64,
    /// Commands a second.
    pub rate: u64,
    /// hoga's folder of scripts.
    pub scripts: PathBuf,
    /// The folder of brokers that may be touched.
    pub brokers: Option<PathBuf>,
    /// Whether the processes reach the brokers through a proxy.
    pub proxy: bool,
    /// Settings of the checker's Kafka client.
    pub checker_client: Option<PathBuf>,
    /// This run's folder.
    pub folder: PathBuf,
}

/// A run at work.
pub struct Arena {
    // In the order in which they go: orders first, then who works on them.
    flow: Option<Flow>,
    pub(super) watch: Watch,
    pub(super) members: BTreeMap<Who, Member>,
    pub(super) brokers: Option<Brokers>,
    checker: Asked,
    pub(super) owners: OwnersView,
    log: Arc<dyn Log>,
    launch: Launch,
    pub(super) stop: Stop,
    counts: Arc<Counts>,
    /// What was done.
    pub totals: Totals,
    /// What the last act came to, in words.
    pub(super) outcome: Vec<String>,
    pub(super) proxy: Option<Proxy>,
}

/// The machines of a kind.
pub fn machines(kind: Kind) -> &'static [MachineKind] {
    match kind {
        Kind::Front => &[MachineKind::Admission, MachineKind::Control, MachineKind::TickCandles],
        Kind::Holds => &[MachineKind::Holds],
        Kind::Matching => &[MachineKind::Matching],
        Kind::Candles => &[MachineKind::Candles],
    }
}

impl Arena {
    /// Makes the log, starts the processes, opens the market and lets orders flow. The context names a log and a folder
    /// that are this run's.
    pub fn open(context: &Context, setup: &Setup) -> Result<Self, Failure> {
        let script = setup.scripts.join("kafka");
        let brokers = setup.brokers.as_deref().map(|dir| Brokers::find(&script, dir)).transpose()?;
        let routes = match &brokers {
            Some(brokers) if setup.proxy => brokers.proxied()?,
            _ => Vec::new(),
        };
        let proxy = if routes.is_empty() { None } else { Some(Proxy::start(&routes)?) };
        let proxied: Vec<_> = routes.iter().map(|(listen, _)| listen.to_string()).collect();
        let (launch, checker) =
            (launch(context, setup, &proxied)?, Asked::new(checker(context, setup)?, context.stop.clone()));
        let log = make_topics(context, Some(TimeMode::Wall))?.site.log;
        let members_log = if proxied.is_empty() { Arc::clone(&log) } else { connect(context, &proxied)? };
        let owners = OwnersView::open(&*log)?;
        let members: BTreeMap<_, _> = Who::all().map(|who| (who, Member::new(who, launch.clone()))).collect();
        let watch = Watch::start(Arc::clone(&log))?;
        let totals = Totals { runs: 1, seeds: vec![setup.seed], ..Totals::default() };
        let (flow, counts, stop) = (None, Arc::default(), context.stop.clone());
        let mut arena = Self {
            flow,
            watch,
            members,
            brokers,
            checker,
            owners,
            log,
            launch,
            stop,
            counts,
            totals,
            proxy,
            outcome: Vec::new(),
        };
        for member in arena.members.values_mut() {
            member.start(None)?;
        }
        arena.settle()?;
        arena.open_market(setup, members_log)?;
        Ok(arena)
    }

    /// Orders go by the way of members: through the proxy, if there is one.
    fn open_market(&mut self, setup: &Setup, members_log: Arc<dyn Log>) -> Result<(), Failure> {
        let generator = Generator::new(setup.seed, setup.seed);
        post_all(&*self.log, generator.listings().into_iter())?;
        self.drain()?;
        post_all(&*self.log, generator.deposits(now().plus_ms(VALID_FOR_MS)))?;
        self.drain()?;
        let flow = Flow::start(members_log, generator, setup.rate, &setup.folder.join("sent.jsonl"))?;
        self.counts = Arc::clone(&flow.counts);
        self.flow = Some(flow);
        let is_trading = |arena: &mut Self| Ok(!arena.watch.busy(MachineKind::Matching).is_empty());
        self.until("orders trade", is_trading)
    }

    /// Commands sent so far.
    pub fn sent(&self) -> u64 {
        self.counts.sent.load(Ordering::Relaxed)
    }

    /// The command by which somebody else runs the checker.
    pub fn checker_command(&self) -> String {
        self.checker.command()
    }

    /// Orders flow for a while.
    pub fn rest(&mut self, ms: u64) -> Result<(), Failure> {
        let until = Instant::now() + Duration::from_millis(ms);
        while Instant::now() < until {
            self.check()?;
            std::thread::sleep(LOOK.min(until.saturating_duration_since(Instant::now())));
        }
        Ok(())
    }

    /// An error if it is to end, or if something ended that nobody ended.
    pub(super) fn check(&mut self) -> Result<(), Failure> {
        self.stop.check("the run of faults; what was done so far is in the totals")?;
        if let Some(flow) = &mut self.flow {
            flow.check()?;
        }
        Ok(())
    }

    /// Waits until it holds; that it does not in time is a finding.
    pub(super) fn until(
        &mut self,
        what: &str,
        mut holds: impl FnMut(&mut Self) -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.check()?;
            self.look()?;
            if holds(self)? {
                return Ok(());
            }
            if Instant::now() >= deadline {
                let said: Vec<_> = self.members.values().map(Member::last_words).collect();
                let seconds = PATIENCE.as_secs();
                return Err(Failure::Refused(format!("waited {seconds} s in vain until {what}\n{}", said.join("\n"))));
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Reads on in owners; a broker that is away is waited for.
    pub(super) fn look(&mut self) -> Result<(), Failure> {
        match self.owners.poll() {
            Err(OwnersError::Log(error)) if error.is_unanswered() => Ok(()),
            Err(error) => Err(error.into()),
            Ok(_) => Ok(()),
        }
    }

    /// Waits until every machine's partition has an owner that works and a standby.
    pub fn settle(&mut self) -> Result<(), Failure> {
        self.until("every machine has an owner and a standby", |arena| {
            for member in arena.members.values_mut() {
                member.check()?;
            }
            Ok(arena.is_all_settled(|_| true))
        })
    }

    /// Whether each machine's partition of these kinds has an owner that works and a standby that follows.
    pub(super) fn is_all_settled(&mut self, of: impl Fn(Kind) -> bool) -> bool {
        self.seats().into_iter().filter(|(kind, _)| of(*kind)).all(|(kind, seat)| self.is_settled(kind, seat))
    }

    /// Every machine's partitions.
    pub(super) fn seats(&self) -> Vec<(Kind, Seat)> {
        let of = |kind: Kind| {
            let partitions =
                |machine: MachineKind| (0..self.log.partitions(machine.input())).map(move |p| (machine, p));
            machines(kind).iter().copied().flat_map(partitions).map(move |seat| (kind, seat))
        };
        Kind::ALL.into_iter().flat_map(of).collect()
    }

    fn is_settled(&mut self, kind: Kind, (machine, partition): Seat) -> bool {
        let names = [0, 1].map(|half| self.name(Who { kind, half }));
        let [Some(a), Some(b)] = names else { return false };
        let owners = self.owners.owners();
        let Some(owned) = owners.of(machine, partition) else { return false };
        let epoch = |name: &str| owners.process(name).and_then(|signs| signs.of(machine, partition)).map(|p| p.epoch);
        let (owner, standby) = if owned.process == a { (a, b) } else { (b, a) };
        // Its first mark says that it is restored and at work.
        let works = owned.mark.as_ref().is_some_and(|standing| standing.mark.epoch == owned.epoch);
        works && epoch(&owner) == Some(Some(owned.epoch)) && epoch(&standby) == Some(None)
    }

    fn name(&mut self, who: Who) -> Option<String> {
        self.member(who).name().map(str::to_owned)
    }

    pub(super) fn member(&mut self, who: Who) -> &mut Member {
        self.members.get_mut(&who).expect("every process has its place")
    }

    /// What a process owns, by `owners` as it was read last: each machine's partition with its epoch.
    pub(super) fn owned_by(&mut self, who: Who) -> BTreeMap<Seat, u64> {
        let Some(name) = self.name(who) else { return BTreeMap::new() };
        let owned = |(_, seat): (Kind, Seat)| {
            let is_its = |owned: &&Ownership| owned.process == name;
            self.owners.owners().of(seat.0, seat.1).filter(is_its).map(|owned| (seat, owned.epoch))
        };
        self.seats().into_iter().filter(|(kind, _)| *kind == who.kind).filter_map(owned).collect()
    }

    /// Where a machine's input ends.
    pub(super) fn input_end(&self, (machine, partition): Seat) -> Result<u64, Failure> {
        Ok(self.log.bounds(TopicPartition::new(machine.input(), partition))?.end)
    }

    fn drain(&mut self) -> Result<(), Failure> {
        self.until("all is worked off", |arena| Ok(drained(&*arena.log, arena.owners.owners())?))
    }

    /// The checker's word on all that is there.
    pub fn judge(&mut self) -> Result<Vec<String>, Failure> {
        match self.checker.round(false)? {
            Verdict::Equal => Ok(Vec::new()),
            // That something is on its way is how it must be while orders flow.
            Verdict::NotCovered(lines) => Ok(lines.into_iter().filter(|line| is_odd(line)).collect()),
            Verdict::Different(lines) => Err(Failure::Refused(format!("the checker found:\n{}", lines.join("\n")))),
        }
    }

    /// Stops the orders, drains, judges all of it, ends the processes, and compares states and the ledger.
    pub fn close(&mut self) -> Result<(), Failure> {
        if let Some(mut flow) = self.flow.take() {
            flow.finish()?;
        }
        self.drain()?;
        match self.checker.round(true)? {
            Verdict::Equal => {}
            Verdict::NotCovered(lines) | Verdict::Different(lines) => {
                return Err(Failure::Refused(format!("all is drained, and the checker found:\n{}", lines.join("\n"))));
            }
        }
        for member in self.members.values_mut() {
            member.end()?;
        }
        self.launch.run(&["hash", "--state"])?;
        self.launch.run(&["balances"])?;
        Ok(())
    }

    /// What was done, with the orders.
    pub fn totals(&self) -> Totals {
        let Counts { sent, unknown, resent, .. } = &*self.counts;
        let [orders, orders_unknown, orders_resent] =
            [sent, unknown, resent].map(|count| count.load(Ordering::Relaxed));
        Totals { orders, orders_unknown, orders_resent, ..self.totals.clone() }
    }
}

fn is_odd(line: &str) -> bool {
    line.starts_with("not covered: ") && !line.contains("on their way")
}

/// How processes are started; `proxied`: the addresses at which they find the brokers, if not the brokers' own.
fn launch(context: &Context, setup: &Setup, proxied: &[String]) -> Result<Launch, Failure> {
    let config = &context.settings.config;
    let cannot = |what: &str, error: std::io::Error| Failure::Unavailable(format!("{what}: {error}"));
    let hoga = std::env::current_exe().map_err(|error| cannot("finding the command itself", error))?;
    let said = setup.folder.join("said");
    std::fs::create_dir_all(&said).map_err(|error| cannot(&format!("making {}", said.display()), error))?;
    let brokers = if proxied.is_empty() { config.kafka.clone().unwrap_or_default() } else { proxied.join(",") };
    let mut flags = vec![
        ("--kafka", brokers),
        ("--topic-prefix", config.topic_prefix.clone()),
        ("--data-dir", setup.folder.join("data").display().to_string()),
        ("--takeover-after-ms", config.takeover_after_ms.to_string()),
        ("--snapshot-every-records", config.snapshot_every_records.to_string()),
        ("--log", config.log.clone()),
    ];
    flags.extend(config.kafka_client.as_ref().map(|file| ("--kafka-client", file.display().to_string())));
    let flags = flags.into_iter().flat_map(|(flag, value)| [flag.to_owned(), value]).collect();
    Ok(Launch { hoga, flags, said })
}

/// The same log by other addresses.
fn connect(context: &Context, brokers: &[String]) -> Result<Arc<dyn Log>, Failure> {
    let options = KafkaOptions { brokers: brokers.join(","), ..kafka_options(context)? };
    Ok(Arc::new(KafkaLog::connect(options)?))
}

fn checker(context: &Context, setup: &Setup) -> Result<Checker, Failure> {
    let config = &context.settings.config;
    let script = setup.scripts.join("checker");
    if !script.exists() {
        return Err(Failure::Usage(format!(
            "{}: the checker is not there; run this in hoga's folder, or name its scripts with --scripts",
            script.display()
        )));
    }
    let sent = setup.folder.join("sent.jsonl").display().to_string();
    let mut words = vec![
        ("--kafka", config.kafka.clone().unwrap_or_default()),
        ("--topic-prefix", config.topic_prefix.clone()),
        ("--sent", sent),
    ];
    words.extend(setup.checker_client.as_ref().map(|file| ("--client", file.display().to_string())));
    let words = words.into_iter().flat_map(|(flag, value)| [flag.to_owned(), value]).collect();
    Ok(Checker { script, words })
}
