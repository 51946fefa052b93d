//! How long a takeover takes: an owner of all machines dies (as by kill -9: it just does nothing more), one that stands
//! by takes over. Measured is the time from the death until a command that came right after it is answered.
//!
//! `cargo run --release -p hoga-runtime --example takeover [TIMES]` on a log in memory, or with `--features kafka` and
//! HOGA_KAFKA=HOST:PORT on a Kafka, under a topic prefix of its own. 500 commands a second come all the while.

use hoga_core::records::Deposit;
use hoga_core::{AccountId, AssetCode, ClientId, Decimal, MachineKind, Record, Settings, Timestamp, Topic, machines};
use hoga_runtime::{MachinePhase, Placement, Role, Runtime, RuntimeConfig};
use hoga_topics::{
    AcceptedReader, Log, MemoryLog, MemoryOptions, ReaderPosition, TopicPartition, Visibility, Writer, partitioner,
};
use object_store::memory::InMemory;
use std::error::Error;
use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Between two commands.
const PACE: Duration = Duration::from_millis(2);
/// How long an owner works before it dies.
const WORK: Duration = Duration::from_millis(2_500);
const DEADLINE: Duration = Duration::from_secs(60);

fn main() -> Result<()> {
    let times = std::env::args().nth(1).map_or(Ok(20), |times| times.parse())?;
    let log = open()?;
    let store = Arc::new(InMemory::new());
    let start = |name: String, role| -> Result<Runtime> {
        let all = MachineKind::ALL.iter();
        let seats = all.flat_map(|kind| Placement::seats(*kind, log.partitions(kind.input()), role)).collect();
        let mut config = RuntimeConfig::new(name, Settings::default(), Arc::new(machines::new));
        config.placement = Placement::Shared { seats, takeover_after: Placement::TAKEOVER_AFTER };
        config.workers = 2;
        let runtime = Runtime::start(log.clone(), store.clone(), config)?;
        runtime.wait_running(Instant::now() + DEADLINE)?;
        Ok(runtime)
    };
    let mut client = Client::new(&*log)?;
    let run = hoga_runtime::process_name();
    let mut owner = start(format!("{run}-0"), Role::Wanted)?;
    let (mut taken, mut handed) = (Vec::new(), Vec::new());
    for turn in 1..=times {
        let standby = start(format!("{run}-{turn}"), Role::Standby)?;
        client.post_for(WORK)?;
        let gone = Instant::now();
        if turn % 2 == 0 {
            drop(owner);
            client.ask()?;
            taken.push(gone.elapsed());
        } else {
            let stopping = std::thread::spawn(move || owner.stop(Instant::now() + DEADLINE));
            handed.push(client.longest_while(|| stopping.is_finished())?);
        }
        while standby.status().iter().any(|status| status.phase != MachinePhase::Running) {
            std::thread::sleep(PACE);
        }
        owner = standby;
    }
    say("an owner dies; until a command sent then is answered", taken)?;
    say("an owner ends; the longest that a command waits meanwhile", handed)
}

fn say(what: &str, mut times: Vec<Duration>) -> Result<()> {
    times.sort_unstable();
    let at = |share: usize| times[(times.len() * share / 100).min(times.len() - 1)].as_millis();
    Ok(writeln!(
        std::io::stdout(),
        "{what}: {} times, P50 {} ms, P90 {} ms, longest {} ms",
        times.len(),
        at(50),
        at(90),
        at(100)
    )?)
}

#[cfg(feature = "kafka")]
fn open() -> Result<Arc<dyn Log>> {
    use hoga_topics::{KafkaLog, KafkaOptions};
    let Ok(brokers) = std::env::var("HOGA_KAFKA") else {
        return Ok(Arc::new(MemoryLog::new(MemoryOptions::default())));
    };
    let topic_prefix = format!("takeover-{}-", std::process::id());
    let options = KafkaOptions { brokers, topic_prefix, replication: 1, ..KafkaOptions::default() };
    KafkaLog::create_topics(&options)?;
    Ok(Arc::new(KafkaLog::connect(options)?))
}

#[cfg(not(feature = "kafka"))]
fn open() -> Result<Arc<dyn Log>> {
    Ok(Arc::new(MemoryLog::new(MemoryOptions::default())))
}

/// Sends deposits of an unknown asset, each of which is refused in `order-events`.
struct Client<'a> {
    log: &'a dyn Log,
    writer: Box<dyn Writer>,
    to: TopicPartition,
    answers: AcceptedReader,
    sent: u64,
    answered: u64,
}

const ACCOUNT: &str = "alice";

impl<'a> Client<'a> {
    fn new(log: &'a dyn Log) -> Result<Self> {
        let at = |topic| TopicPartition::new(topic, partitioner::partition(ACCOUNT.as_bytes(), log.partitions(topic)));
        let from = ReaderPosition::default();
        let answers = AcceptedReader::open(log, at(Topic::OrderEvents), from, Visibility::Written)?;
        Ok(Self { log, writer: log.writer()?, to: at(Topic::Accounts), answers, sent: 0, answered: 0 })
    }

    fn post(&mut self) -> Result<()> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH)?;
        self.sent += 1;
        let deposit = Record::Deposit(Deposit {
            account: AccountId::unchecked(ACCOUNT),
            client_id: ClientId::unchecked(&format!("deposit-{}", self.sent)),
            valid_until: Timestamp(since.as_millis() as i64 + 60_000),
            asset: AssetCode::unchecked("KRW"),
            amount: Decimal::from_int(1),
        });
        self.writer.send(self.to, ACCOUNT.as_bytes(), &hoga_schemas::encode(&deposit), None, 0)?;
        self.writer.flush()?;
        self.writer.acks(&mut Vec::new())?;
        Ok(())
    }

    fn read(&mut self) -> Result<()> {
        while self.answers.read()?.is_some() {
            self.answered += 1;
        }
        Ok(())
    }

    fn post_for(&mut self, time: Duration) -> Result<()> {
        let started = Instant::now();
        while started.elapsed() < time {
            self.post()?;
            self.read()?;
            std::thread::sleep(PACE);
        }
        Ok(())
    }

    /// Sends one and waits for its answer, which is the last.
    fn ask(&mut self) -> Result<()> {
        self.post()?;
        while self.answered < self.sent {
            let seen = self.log.signal().version();
            self.read()?;
            self.log.signal().wait(seen, PACE);
        }
        Ok(())
    }

    /// Asks one after the other until something is done; the longest that one waited.
    fn longest_while(&mut self, is_done: impl Fn() -> bool) -> Result<Duration> {
        let mut longest = Duration::ZERO;
        while !is_done() {
            let asked = Instant::now();
            self.ask()?;
            longest = longest.max(asked.elapsed());
            std::thread::sleep(PACE);
        }
        Ok(longest)
    }
}
