//! What only a log on Kafka can be: without a broker, shared, written to by strangers, older than its snapshots.
//!
//! `HOGA_KAFKA` tells where a Kafka is; `scripts/kafka start` prints it. Without one the tests say that they were left
//! out, and in CI they fail.

use crate::hoga::{Place, Said};
use hoga_core::MachineKind;
use hoga_core::records::RecordKind;
use hoga_schemas::Origin;
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant, UNIX_EPOCH};

/// Against hanging; nothing takes as long.
const PATIENCE: Duration = Duration::from_secs(120);

/// Where the Kafka of the tests is; `None` if those are left out.
pub fn kafka_wanted() -> Option<String> {
    let brokers = std::env::var("HOGA_KAFKA").ok();
    if brokers.is_none() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "HOGA_KAFKA is not set: no Kafka to test against");
        eprintln!("LEFT OUT: HOGA_KAFKA is not set; run scripts/kafka start and set what it prints");
    }
    brokers
}

/// A log of its own on the Kafka, with one partition of each topic.
struct Site {
    place: Place,
    brokers: String,
    prefix: String,
}

impl Site {
    /// `None` if there is no Kafka.
    fn make(name: &str) -> Option<Self> {
        let brokers = kafka_wanted()?;
        let now_ms = UNIX_EPOCH.elapsed().expect("after 1970").as_millis();
        let site = Self { place: Place::new(), brokers, prefix: format!("test-{name}-{now_ms}.") };
        site.run("topics create --partitions 1").printed(&[]);
        Some(site)
    }

    fn args(&self, args: &str) -> String {
        format!("{args} --kafka {} --topic-prefix {}", self.brokers, self.prefix)
    }

    fn run(&self, args: &str) -> Said {
        self.place.run(&self.args(args))
    }

    /// Starts what does not end by itself.
    fn start(&self, args: &str) -> Running {
        let mut running = Running::begin(&mut self.place.command(&self.args(args)));
        let first = running.says("hoga runs on ");
        running.name = first.split_once(" as ").and_then(|(_, rest)| rest.split_once(": ")).expect("a name").0.into();
        running
    }

    /// As a foreign producer.
    fn append(&self, topic: &str, values: &[Vec<u8>]) {
        let mut config = ClientConfig::new();
        let producer: BaseProducer = config.set("bootstrap.servers", &self.brokers).create().expect("a producer");
        let topic = format!("{}{topic}", self.prefix);
        for value in values {
            assert!(producer.send(BaseRecord::to(&topic).key("alice").payload(value)).is_ok());
        }
        producer.flush(PATIENCE).expect("it is there");
    }

    /// One of Kafka's own tools.
    fn tool(&self, class: &str, args: &str) {
        let script = format!("{}/../scripts/kafka", env!("CARGO_MANIFEST_DIR"));
        let mut command = Command::new(script);
        let output = command.args(["tool", class, "--bootstrap-server", &self.brokers]).args(args.split_whitespace());
        let said: Said = output.output().expect("the tool runs").into();
        said.printed(&[]);
    }
}

/// A process that does not end by itself; killed when dropped.
pub struct Running {
    child: Child,
    lines: Receiver<String>,
    /// As `owners` has it, if it runs machines.
    name: String,
}

impl Running {
    /// Starts it.
    pub fn begin(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("hoga runs");
        let out = BufReader::new(child.stdout.take().expect("piped"));
        let (sender, lines) = channel();
        std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { child, lines, name: String::new() }
    }

    /// Waits until it prints a line with this; the line.
    #[track_caller]
    pub fn says(&self, what: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) if line.contains(what) => return line,
                Ok(_) => {}
                Err(_) => panic!("{} never said {what:?}", self.name),
            }
        }
    }

    /// Waits until it ends: its exit code and its messages, if these were piped.
    pub fn end(&mut self) -> (Option<i32>, String) {
        let mut err = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            stderr.read_to_string(&mut err).expect("messages are text");
        }
        (self.child.wait().expect("hoga ends").code(), err)
    }

    /// SIGTERM.
    pub fn ask_to_end(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs").success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Already ended: nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_kafka_or_a_log_that_is_not_there_is_named() {
    let nowhere = Place::new();
    for command in ["topics create", "topics check", "run all", "tail executions", "deposit alice KRW 1"] {
        let said = nowhere.run(&format!("{command} --kafka 127.0.0.1:1"));
        said.expect(3, &["asking for the topics, of Kafka at 127.0.0.1:1 (does it run there"]);
    }
    let Some(site) = Site::make("other") else { return };
    let prefix = site.prefix.clone();
    let none = Site { prefix: format!("{prefix}none."), ..site };
    none.run("run all").expect(3, &["there is no log; make its topics: hoga topics create --kafka", &prefix]);
}

#[test]
fn what_does_not_fit_the_log_is_refused() {
    let Some(site) = Site::make("refuse") else { return };
    let place = &site.place;
    // A folder with a log of its own.
    place.run("list-asset KRW --digits 0");
    for (args, code, message) in [
        ("run holds --partitions 9", 2, "--partitions 9: on this log the partitions of holds are 0 to 0"),
        ("run holds --standby 1-2", 2, "--standby 1: on this log"),
        ("run holds --partitions 0 --group g", 2, "'--partitions <LIST>' cannot be used with '--group <NAME>'"),
        ("run holds --partitions none --standby none", 2, "nothing is left to run"),
        ("run books", 2, "the machines are admission, control, holds, matching, candles, tick-candles, or all"),
        ("topics create --partitions 8", 2, "this log was made with partitions 1, given is 8"),
        ("topics create --replication 99", 2, "99 replicas of each topic are asked for"),
        ("topics create --recorded", 3, "this log has the time of the wall"),
        ("topics check --max-open-orders 5", 2, "this log was made with max_open_orders 10000, given is 5"),
        ("tail executions --data-dir hoga-data/main", 2, "hoga-data/main holds a log of its own, and a Kafka is given"),
    ] {
        site.run(args).expect(code, &[message]);
    }
    place.run("run all").expect(2, &["name its Kafka with --kafka HOST:PORT or HOGA_KAFKA"]);
    place.run("topics create").expect(2, &["which Kafka? name its brokers with --kafka HOST:PORT"]);
}

#[test]
fn of_two_processes_that_want_one_partition_the_later_owns_it_and_both_say_so() {
    let Some(site) = Site::make("two") else { return };
    // Neither is to take the other for dead, however busy the computer is.
    let run = "run matching --takeover-after-ms 60000";
    let first = site.start(run);
    first.says("matching/0: owned here now");
    let second = site.start(run);
    second.says(&format!("matching/0: owned here now, taken over from {}", first.name));
    first.says(&format!("matching/0: lost to {}, which has claimed it; standing by", second.name));
    second.ask_to_end();
    first.says(&format!("matching/0: owned here now, taken over from {}", second.name));
    second.says(&format!("matching/0: handed over to {}", first.name));
}

#[test]
fn forgeries_are_alarms_and_a_log_older_than_its_snapshots_is_refused() {
    let Some(site) = Site::make("old") else { return };
    let process = site.start("run holds");
    process.says("holds/0: owned here now");
    let origin = Origin { machine: MachineKind::Admission, partition: 0, epoch: 1 << 40, cause: 0, number: 1, hash: 0 };
    let forged = [None, Some(&origin)].map(|origin| {
        let mut value = Vec::new();
        hoga_schemas::seal(RecordKind::SettlementLeg, origin, b"", &mut value);
        value
    });
    site.append("accounts", &forged);
    process.says("ALARM holds/0: 2 records in its input were forged and dropped");
    process.ask_to_end();
    process.says("holds/0: left to whoever starts next; all is delivered, a snapshot is stored");
    process.says("hoga has ended");

    let accounts = format!("{}accounts", site.prefix);
    site.tool("org.apache.kafka.tools.TopicCommand", &format!("--delete --topic {accounts}"));
    site.run("run holds").expect(3, &[&format!("the topic {accounts} is missing"), "hoga topics create"]);
    // As a Kafka that was put back from before.
    site.run("topics create").printed(&[&accounts]);
    let older = "holds: accounts/0 ends at offset 0, but its newest snapshot was taken at ";
    site.run("run holds").expect(4, &[older, "run on the log that they are of"]);
}
