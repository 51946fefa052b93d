//! `hoga chaos` on a real Kafka (HOGA_KAFKA): a short run finds nothing and leaves nothing, and what is planted is found.

use crate::hoga::Place;
use crate::kafka::{Running, kafka_wanted};
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use std::process::{Command, Stdio};
use std::time::Duration;

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
    for told in ["TORN journal/", "found in round", "judge it again: ", "do it again: hoga chaos --seed 1"] {
        assert!(err.contains(told), "{told:?} is not in {err}");
    }
}

/// `seed 1; what is said and sent goes to FOLDER`
fn folder_of(said: &str) -> String {
    let line = said.lines().find(|line| line.starts_with("seed ")).expect("it says so first");
    line.split(" goes to ").nth(1).expect("a folder").trim().to_owned()
}

fn prefix_of(folder: &str) -> String {
    format!("{}.", folder.rsplit('/').next().expect("a name"))
}
