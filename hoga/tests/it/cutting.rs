//! A log that is cut while it is used: in a data folder and on Kafka, what is left works as before, and what is gone is
//! named.

use crate::hoga::{Place, Said};
use crate::session::{open_market, order};
use std::fs;
use std::path::PathBuf;

/// Few partitions, so that each of them has something to cut.
fn one_partition() -> (&'static str, String) {
    ("HOGA_PARTITIONS", "1".into())
}

/// What lies beside the log: `snapshots`, `cuts`.
fn beside(place: &Place) -> PathBuf {
    let mut folders = fs::read_dir(place.path().join("hoga-data")).expect("the data folder's parent");
    folders.next().expect("a data folder").expect("readable").path()
}

/// How many records of a partition that command cut, or would.
fn cut_of(said: &Said, partition: &str) -> u64 {
    let line = said.out.lines().find(|line| line.starts_with(partition)).expect("a line for each partition");
    line.split_whitespace().nth(1).and_then(|count| count.parse().ok()).expect("a count")
}

/// A traded order a day, for as many days as it takes to have all the snapshots that are kept; then it is up again.
fn days(place: &Place) -> crate::hoga::Up {
    let up = place.up();
    open_market(place);
    let mut up = Some(up);
    for day in 0..3 {
        place.produce(&order("bob", &format!("b{day}"), "SELL", "95000000", "0.001")).printed(&["posted: orders 1"]);
        place.produce(&order("alice", &format!("a{day}"), "BUY", "95000000", "0.001")).printed(&["posted: orders 1"]);
        let trades = day + 1;
        place.run(&format!("tail executions --follow --limit {trades}")).printed(&["95000000"]);
        assert_eq!(up.take().expect("it is up").stop(), 0);
        up = Some(place.up());
    }
    up.expect("it is up")
}

const OUTPUTS: &str = "hash executions journal order-events";

/// The whole story; what is said at last depends on where the log is.
fn cut_and_go_on(place: &Place) {
    let up = days(place);
    let (before, balances) = (place.run(OUTPUTS).out, place.run("balances alice").out);

    // Without an archive nobody's input goes but by the operator's word.
    let said = place.run("topics cut --dry-run").printed(&["no archive has it (--without-archive", "nothing was"]);
    assert!(cut_of(&said, "owners/0") > 0 && cut_of(&said, "accounts/0") == 0, "{said:?}");
    let told =
        place.run("topics cut --dry-run --without-archive").printed(&["the oldest snapshot of holds that is kept"]);
    assert!(cut_of(&told, "accounts/0") > 0 && cut_of(&told, "books/0") > 0, "{told:?}");
    place.run("tail accounts --limit 1 --from 0").printed(&[r#""offset":"#]);
    let said = place.run("topics cut --topic accounts --topic books --without-archive");
    assert_eq!(said.out.lines().count(), 4, "a line a partition: {said:?}");
    assert_eq!(cut_of(&said, "accounts/0"), cut_of(&told, "accounts/0"));
    let said = place.run("topics cut").printed(&["owners/0", "journal/0", "kept for ever: no archive has it"]);
    assert!(cut_of(&said, "owners/0") > 0 && cut_of(&said, "accounts/0") == 0, "{said:?}");

    // Who reads and who works goes on, also after a restart.
    assert_eq!(place.run(OUTPUTS).out, before);
    assert_eq!(place.run("balances alice").out, balances);
    place.run("deposit alice KRW 7").printed(&["balance"]);
    let said = place.run("tail accounts").printed(&["SettlementLeg"]);
    assert!(
        said.err.contains("accounts/0 begins at offset ") && said.err.contains("what was before is cut"),
        "{said:?}"
    );
    place.run("tail accounts --from 0").expect(1, &["accounts/0: offset 0 is cut, it begins at "]);
    place.run("hash accounts").printed(&["what was before is cut"]);
    // What is compared is compared from the snapshots on, and what is not is named.
    let said = place.run("reconcile").expect(2, &["what was compared is equal", "--from"]);
    for part in ["accounts/0 ", "its input is cut; replayed from its snapshot at offset ", ": cut", "journal/0 "] {
        assert!(said.out.contains(part), "{part:?} is not in {said:?}");
    }
    place.run("verify ledger").printed(&["in flight: 0 legs", "every asset sums to zero"]);
    place.run("explain bob b0").expect(2, &["of its records are cut, the first at accounts/0@"]);
    assert_eq!(up.stop(), 0);
    place.run("hash --state").printed(&["holds/0", "equal from offset ", "matching/0", "admission/0"]);
    let up = place.up();
    place.run("withdraw alice KRW 7").printed(&["balance"]);
    assert!(cut_of(&place.run("topics cut --without-archive"), "owners/0") > 0, "it goes on growing");
    assert_eq!(up.stop(), 0);
}

/// Whoever loses what is beside a log that was cut is told what is missing; nothing begins without it.
fn lose_what_is_beside(place: &Place) {
    let (cuts, elsewhere) = (beside(place).join("cuts"), place.path().join("elsewhere"));
    fs::rename(&cuts, &elsewhere).expect("moved");
    place.run("tail books").expect(4, &["books/0 is cut and begins at ", "is not in ", "--raw"]);
    place.run("tail books --raw --limit 1").printed(&[r#""offset":"#]);
    let said = place.run("reconcile").expect(2, &["what was compared is equal"]);
    assert!(said.out.contains("the very ends: ") && said.out.contains("is not in "), "{said:?}");
    place.run("up --listen 127.0.0.1:0").expect(4, &["owners/0 is cut and begins at ", "--data-dir"]);
    if cuts.exists() {
        fs::remove_dir(&cuts).expect("an empty one, made by a process that found nothing there");
    }
    fs::rename(&elsewhere, &cuts).expect("moved back");
    fs::remove_dir_all(beside(place).join("snapshots")).expect("removed");
    place.run("up --listen 127.0.0.1:0").expect(4, &["are cut, and no usable snapshot stands at or past"]);
}

#[test]
fn a_log_in_a_folder_is_cut_and_goes_on() {
    let place = Place::with(vec![one_partition()]);
    cut_and_go_on(&place);
    lose_what_is_beside(&place);
}

#[cfg(feature = "kafka")]
#[test]
fn a_log_on_kafka_is_cut_and_goes_on() {
    let Ok(brokers) = std::env::var("HOGA_KAFKA") else {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "HOGA_KAFKA is not set: no Kafka to test against");
        eprintln!("LEFT OUT: HOGA_KAFKA is not set; run scripts/kafka start and set what it prints");
        return;
    };
    let prefix = format!("cut-{}-", hoga_runtime::process_name());
    // A restarted process waits for so long, lest it take what another one has.
    let takeover = || ("HOGA_TAKEOVER_AFTER_MS", "200".to_owned());
    let log = || vec![("HOGA_KAFKA", brokers.clone()), ("HOGA_TOPIC_PREFIX", prefix.clone())];
    let kafka = || [log(), vec![one_partition(), takeover()]].concat();
    let place = Place::with(kafka());
    place.run("topics create --replication 1").printed(&["13 of 13 topics made"]);
    cut_and_go_on(&place);
    // A cut is of no use where nobody looks for what was known there.
    Place::with(kafka()).run("topics cut").expect(3, &["nobody runs machines of Kafka at", "--data-dir"]);
    lose_what_is_beside(&place);
}
