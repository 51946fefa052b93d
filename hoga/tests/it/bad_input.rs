//! What the command says to input that is wrong: what, where, what to do, and a code; and that nothing is lost.

use crate::hoga::Place;

const GOOD: &str = r#"{"action":"deposit","account":"alice","asset":"KRW","amount":"1000000"}"#;

#[test]
fn arguments_are_judged_before_anything_is_done() {
    let place = Place::new();
    place.run("").expect(2, &["Usage: hoga"]);
    place.run("trade").expect(2, &["unrecognized subcommand 'trade'"]);
    place.run("tail orders --from soon").expect(2, &["start, end or an offset is needed"]);
    place.run("tail prices").expect(2, &["there is no such topic; the topics are owners, orders"]);
    place.run("deposit alice KRW -5").expect(2, &["unexpected argument '-5'"]);
    place.run("deposit alice KRW 0").expect(2, &["a number above zero is needed"]);
    place.run("deposit alice KRW NaN").expect(2, &["not a plain decimal number"]);
    place.run("deposit alice KRW 0.000000000000000000000000000001").expect(2, &["more than 10 decimal places"]);
    place.run("deposit al!ce KRW 5").expect(2, &["account \"al!ce\" is not valid: 1 to 36 of the characters"]);
    place.run("config --partitions 0").expect(2, &["--partitions: \"0\" is not valid: it is from 1 to 1024"]);
    place.run("config --listen 0.0.0.0:7070").expect(2, &["only an address of this machine"]);
    place.run("simulate --seeds 5..5").expect(2, &["no seed is from 5 to before 5: give the lower one first"]);
    place.run("simulate --seeds 1-9").expect(2, &["\"1-9\" is no seed: seeds are whole numbers from 0, as in 0..2000"]);
    place.run("simulate --script none.sim").expect(3, &["reading none.sim"]);
    place.run("simulate --seeds 3 --script none.sim").expect(2, &["cannot be used with"]);
    std::fs::write(place.path().join("bad.sim"), "{}").expect("written");
    place.run("simulate --script bad.sim").expect(2, &["bad.sim: line 1 of the script: missing field"]);
    assert!(!place.path().join("hoga-data").exists(), "nothing was made");
}

#[test]
fn configuration_is_refused_by_name() {
    let place = Place::new();
    std::fs::write(place.path().join("hoga.toml"), "data-dir = \"x\"\n").expect("written");
    place.run("config").expect(2, &["hoga.toml: unknown setting \"data-dir\"; the settings are data_dir"]);
    place.run("config --config none.toml").expect(2, &["reading the configuration file none.toml"]);
}

#[test]
fn bad_lines_are_named_and_good_ones_go_in() {
    let place = Place::new();
    let order = |fields: &str| {
        format!(
            r#"{{"action":"place","account":"alice","symbol":"KRW-BTC","side":"BUY","type":"LIMIT","quantity":"1",{fields}}}"#
        )
    };
    let bad = [
        "no json".to_owned(),
        "[1, 2]".to_owned(),
        r#"{"action":"trade"}"#.to_owned(),
        order(r#""price":"1","colour":"red""#),
        order(r#""price":NaN"#),
        order(r#""price":"NaN""#),
        order(r#""price":"-5""#),
        order(r#""price":"0""#),
        order(r#""price":"0.000000000000000000000000000001""#),
        order(r#""price":"99999999999999999999999999999999999999999""#),
        order(r#""price":1e400"#),
        order(r#""price":"1","validUntil":5"#),
        order(r#""price":"1","clientOrderId":"two words""#),
        "x".repeat(2 << 20),
    ];
    let mut lines = vec![GOOD.to_owned()];
    for line in &bad {
        lines.extend([line.clone(), GOOD.to_owned()]);
    }
    let said = place.produce(&lines.join("\n"));
    let named: Vec<String> = (1..=bad.len()).map(|number| format!("line {}", 2 * number)).collect();
    let mut messages: Vec<&str> = named.iter().map(String::as_str).collect();
    messages.extend(["\"colour\"", "14 of 29 lines were refused", "over 1048576 bytes"]);
    let said = said.expect(1, &messages);
    assert!(said.out.contains("29 lines read, posted: accounts 15"), "{said:?}");
    assert!(said.out.contains("no `hoga up` has hoga-data/main"), "{said:?}");
    let stored = place.run("tail accounts --raw");
    assert_eq!(stored.lines().len(), 15, "every good line stands in the topic");
}

#[test]
fn a_folder_that_is_none_or_another_is_refused() {
    let place = Place::new();
    place.run("tail executions").expect(3, &["hoga-data/main: there is no log; `hoga up` makes one"]);
    place.produce(GOOD).printed(&["posted: accounts 1"]);
    place.run("topics --partitions 8").expect(3, &["4 partitions, asked for are 8"]);
    place.run("topics --max-pending 5").expect(2, &["made with max_pending 64, given is 5"]);
    let settings = place.path().join("hoga-data/main/settings.json");
    let text = std::fs::read(&settings).expect("read");
    std::fs::write(&settings, "{").expect("written");
    place.run("topics").expect(3, &["settings.json is not what hoga wrote"]);
    std::fs::remove_file(&settings).expect("removed");
    place.run("topics").expect(3, &["settings.json", "restore the file from a copy"]);
    std::fs::write(&settings, text).expect("written");
    place.run("topics").printed(&["accounts"]);
    let layout = place.path().join("hoga-data/main/log/layout");
    let text = std::fs::read_to_string(&layout).expect("read");
    std::fs::write(&layout, text.replace("hoga-log 1", "hoga-log 9")).expect("written");
    place.run("topics").expect(3, &["\"hoga-log 9\", this release knows \"hoga-log 1\""]);
    std::fs::write(&layout, text).expect("written");
    assert_eq!(place.run("tail accounts --raw").lines().len(), 1, "nothing was lost");
}

#[test]
fn a_full_disk_stops_the_writer_and_keeps_what_was_acknowledged() {
    let place = Place::new();
    place.produce(GOOD).printed(&["posted: accounts 1"]);
    // The limit on a file's size stands in for a full disk: the write fails in the same place.
    let lines = format!("{GOOD}\n").repeat(20_000);
    let script = format!("trap '' XFSZ; ulimit -f 1000; exec {} produce lines", env!("CARGO_BIN_EXE_hoga"));
    std::fs::write(place.path().join("lines"), lines).expect("written");
    let output = place.program("sh").args(["-c", &script]).output().expect("sh runs");
    let said = crate::hoga::Said::from(output);
    assert_eq!(said.code, 4, "{said:?}");
    assert!(said.err.contains("File too large") && said.err.contains("log"), "{said:?}");
    assert!(said.err.contains("lines were read, and the last of them may not stand in the topics"), "{said:?}");
    let stored = place.run("tail accounts --raw").expect(0, &[]).lines();
    assert!(!stored.is_empty(), "the first deposit was acknowledged");
    place.produce(GOOD).printed(&["posted: accounts 1"]);
}

#[test]
#[cfg(not(feature = "kafka"))]
fn a_kafka_that_this_build_cannot_reach_is_refused_with_the_way_out() {
    let place = Place::new();
    for command in ["topics create", "topics check", "run all", "up", "demo", "tail executions", "deposit alice KRW 1"]
    {
        let said = place.run(&format!("{command} --kafka 127.0.0.1:9092"));
        said.expect(2, &["built without Kafka", "cargo build --release -p hoga --features kafka"]);
    }
}
