//! `hoga chaos` on a real Kafka (HOGA_KAFKA): a short run finds nothing and leaves nothing, and what is planted is found.

use crate::hoga::Place;
use crate::kafka::{Running, kafka_wanted};
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts");

/// A run in a place of its own: few orders, one kill a round.
fn chaos(place: &Place, brokers: &str, more: &str) -> Command {
    place.command(&format!("chaos --kafka {brokers} --scripts {SCRIPTS} --seed 1 --rate 50 {more}"))
}

#[test]
fn a_run_finds_nothing_and_leaves_nothing() {
    let Some(brokers) = kafka_wanted() else { return };
    let place = Place::new();
    let mut command = chaos(&place, &brokers, "--plan kill=1,point=1 --totals totals.json");
    let said: crate::hoga::Said = command.stdin(Stdio::null()).output().expect("hoga runs").into();
    let out = said.printed(&["round 2 of 2", "rounds            2", "all is drained and equal"]).out;
    let totals = std::fs::read_to_string(place.path().join("totals.json")).expect("totals are written");
    assert!(totals.contains("\"kills\": 1") && totals.contains("\"different\": 0"), "{totals}");
    let folder = folder_of(&out);
    assert!(!place.path().join(&folder).exists(), "{folder} is left");
    let prefix = prefix_of(&folder);
    let check = format!("topics check --kafka {brokers} --topic-prefix {prefix}");
    place.run(&check).expect(3, &["there is no log"]);
}

#[test]
fn what_is_planted_is_found_and_told_where() {
    let Some(brokers) = kafka_wanted() else { return };
    let place = Place::new();
    let mut command = chaos(&place, &brokers, "--plan kill=20");
    let mut running = Running::begin(command.stderr(Stdio::piped()));
    let folder = folder_of(&running.says("seed 1"));
    running.says("round 1 of 20");
    let producer: BaseProducer = ClientConfig::new().set("bootstrap.servers", &brokers).create().expect("a producer");
    let topic = format!("{}journal", prefix_of(&folder));
    assert!(producer.send(BaseRecord::to(&topic).key("alice").payload("torn")).is_ok());
    producer.flush(Duration::from_secs(60)).expect("it is there");
    let (code, err) = running.end();
    assert_eq!(code, Some(1), "{err}");
    for told in ["TORN journal/", "found in round", "judge it again: ", "do it again: hoga chaos --kafka "] {
        assert!(err.contains(told), "{told:?} is not in {err}");
    }
}

#[test]
fn its_processes_end_with_it_however_it_ends() {
    let Some(brokers) = kafka_wanted() else { return };
    let place = Place::new();
    let running = Running::begin(&mut chaos(&place, &brokers, "--plan late=20"));
    let folder = folder_of(&running.says("seed 1"));
    running.says("round 1 of 20");
    let prefix = prefix_of(&folder);
    assert!(commands_with(&prefix) >= 8, "its processes name their log");
    drop(running);
    let started = Instant::now();
    while commands_with(&prefix) > 0 {
        assert!(started.elapsed() < Duration::from_secs(60), "processes of {prefix} live on");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// How many processes have this in their command line.
fn commands_with(text: &str) -> usize {
    let processes = std::fs::read_dir("/proc").expect("a Linux").filter_map(Result::ok);
    let commands = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    commands.filter(|command| String::from_utf8_lossy(command).contains(text)).count()
}

#[test]
fn what_cannot_be_done_is_said_before_anything_is() {
    let place = Place::new();
    place.run("chaos").expect(2, &["faults are for a Kafka: name one with --kafka HOST:PORT or HOGA_KAFKA"]);
    let given = |more: &str| place.run(&format!("chaos --kafka 127.0.0.1:1 {more}"));
    given("--plan broker-kill=1").expect(2, &["--plan: brokers are killed and stopped only with --brokers-dir"]);
    given("--plan frames=1").expect(2, &["--plan: frames are disturbed by a proxy; give --proxy too"]);
    given("--proxy").expect(2, &["--brokers-dir <FOLDER>"]);
    given("--brokers-dir nowhere").expect(2, &["--brokers-dir nowhere: no broker that"]);
    given("").expect(2, &["scripts/checker: the checker is not there; run this in hoga's folder"]);
    given(&format!("--scripts {SCRIPTS}")).expect(3, &["Kafka at 127.0.0.1:1"]);
}

/// `seed 1; what is said and sent goes to FOLDER`
fn folder_of(said: &str) -> String {
    let line = said.lines().find(|line| line.starts_with("seed ")).expect("it says so first");
    line.split(" goes to ").nth(1).expect("a folder").trim().to_owned()
}

fn prefix_of(folder: &str) -> String {
    format!("{}.", folder.rsplit('/').next().expect("a name"))
}
