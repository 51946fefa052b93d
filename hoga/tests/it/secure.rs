//! A Kafka with TLS, logins and access control: each process has the rights of its role and no more, and an order
//! trades; whoever lacks a login, a certificate or a right is told which.
//!
//! Starts a broker of its own, if `HOGA_KAFKA` says that tests on Kafka are wanted.

use crate::hoga::{Place, Said};
use crate::kafka::{Running, kafka_wanted};
use hoga_core::MachineKind;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// The broker; stopped when dropped.
struct Secure {
    folder: tempfile::TempDir,
    place: Place,
    brokers: String,
}

impl Secure {
    /// `None` if tests on Kafka are left out.
    fn start() -> Option<Self> {
        kafka_wanted()?;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut secure = Self { folder, place: Place::new(), brokers: String::new() };
        let said = secure.kafka("start --secure --port free");
        secure.brokers = said.trim().trim_start_matches("HOGA_KAFKA=").to_owned();
        Some(secure)
    }

    fn kafka(&self, args: &str) -> String {
        let mut command = script("kafka");
        said(command.args(args.split(' ')).arg("--dir").arg(self.folder.path())).out
    }

    /// Gives every role its rights.
    fn allow(&self) {
        let mut command = script("kafka-acls");
        said(command.args(["--brokers", &self.brokers, "--command-config"]).arg(self.file("admin.java.properties")));
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join("secure").join(name)
    }

    /// The arguments for a user.
    fn args(&self, user: &str, args: &str) -> String {
        let client = self.file(&format!("{user}.properties"));
        format!("{args} --kafka {} --kafka-client {}", self.brokers, client.display())
    }

    /// Runs to the end, as that user.
    fn run(&self, user: &str, args: &str) -> Said {
        self.place.run(&self.args(user, args))
    }

    /// Another user: as one that is there, with a setting changed.
    fn forge(&self, name: &str, user: &str, setting: &str, value: &str) {
        let settings = fs::read_to_string(self.file(&format!("{user}.properties"))).expect("written by scripts/kafka");
        let change = |line: &str| match line.split_once('=') {
            Some((key, _)) if key == setting => format!("{key}={value}\n"),
            _ => format!("{line}\n"),
        };
        let changed: String = settings.lines().map(change).collect();
        assert_ne!(changed, settings, "{setting} is not set");
        fs::write(self.file(&format!("{name}.properties")), changed).expect("a file");
    }
}

impl Drop for Secure {
    fn drop(&mut self) {
        // It may not have started.
        let _ = script("kafka").args(["stop", "--dir"]).arg(self.folder.path()).output();
    }
}

fn script(name: &str) -> Command {
    Command::new(format!("{}/../scripts/{name}", env!("CARGO_MANIFEST_DIR")))
}

fn said(command: &mut Command) -> Said {
    let said: Said = command.output().expect("it runs").into();
    said.printed(&[])
}

const ORDERS: &str = r#"{"action":"place","account":"bob","symbol":"KRW-BTC","side":"SELL","type":"LIMIT","price":"95000000","quantity":"0.01"}
{"action":"place","account":"alice","symbol":"KRW-BTC","side":"BUY","type":"LIMIT","price":"95000000","quantity":"0.004"}
"#;

#[test]
fn each_role_has_the_rights_it_needs_and_whoever_lacks_one_is_told() {
    let Some(secure) = Secure::start() else { return };
    secure.allow();
    secure.run("operator", "topics create --partitions 1").printed(&["13 of 13 topics made"]);
    wrong_clients_are_told(&secure);
    let machines: Vec<Running> = MachineKind::ALL.iter().map(|kind| machine(&secure, kind.name())).collect();
    for line in [
        "list-asset KRW --digits 0",
        "list-asset BTC --digits 8",
        "set-fees standard --maker-ppm 200 --taker-ppm 500",
        "list-instrument KRW-BTC --base BTC --quote KRW --tick 1000 --lot 0.001 --fees standard",
        "set-phase KRW-BTC OPEN",
        "deposit alice KRW 1000000000",
        "deposit bob BTC 10",
    ] {
        secure.run("operator", line).printed(&[]);
    }
    secure.place.with_input(&secure.args("producer", "produce"), ORDERS.as_bytes()).printed(&["posted: orders 2"]);
    for (topic, part) in [("executions", "\"maker_account\":\"bob\""), ("candles", "\"symbol\":\"KRW-BTC\"")] {
        Running::begin(&mut secure.place.command(&secure.args("reader", &format!("tail {topic} --follow")))).says(part);
    }
    secure.run("reader", "balances").printed(&["999999734"]);
    wrong_roles_are_told(&secure);
    for machine in machines {
        machine.ask_to_end();
        machine.says("hoga has ended");
    }
}

fn machine(secure: &Secure, kind: &str) -> Running {
    let running = Running::begin(&mut secure.place.command(&secure.args(kind, &format!("run {kind}"))));
    running.says(&format!("{kind}/0: owned here now"));
    running
}

/// Nothing is reached: exit code 3.
fn wrong_clients_are_told(secure: &Secure) {
    let mut openssl = Command::new("openssl");
    openssl.args([
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-subj",
        "/CN=other",
        "-keyout",
        "/dev/null",
        "-out",
    ]);
    said(openssl.arg(secure.file("other.pem")));
    let other = secure.file("other.pem").display().to_string();
    for (setting, value, code, message) in [
        ("sasl.password", "wrong", 3, "Authentication failed: Invalid username or password"),
        ("sasl.mechanism", "SCRAM-SHA-256", 3, "broker's supported mechanisms: PLAIN"),
        ("ssl.ca.location", &*other, 3, "certificate verify failed"),
        ("ssl.ca.location", "/no/such.pem", 3, "ssl.ca.location failed"),
        ("security.protocol", "SSL", 3, "does the broker want TLS or a login"),
        ("security.protocol", "SASL_PLAINTEXT", 3, "does the broker want TLS or a login"),
    ] {
        secure.forge("wrong", "operator", setting, value);
        secure.run("wrong", "topics check").expect(code, &[message, &secure.brokers]);
    }
    secure.run("nobody", "run all").expect(2, &["reading the client settings in", "nobody.properties"]);
    let without = secure.place.run(&format!("run all --kafka {}", secure.brokers));
    without.expect(3, &["does the broker want TLS or a login"]);
}

/// It is reached, and says what is not allowed.
fn wrong_roles_are_told(secure: &Secure) {
    let needs = |operation: &str, topic: &str| format!("needs the operation {operation} on the topic {topic}");
    let as_reader = secure.place.with_input(&secure.args("reader", "produce"), ORDERS.as_bytes());
    as_reader.expect(4, &[&needs("Write", "orders")]);
    for (user, line, operation, topic) in
        [("producer", "deposit bob BTC 1", "Write", "accounts"), ("producer", "tail executions", "Read", "executions")]
    {
        secure.run(user, line).expect(4, &[&needs(operation, topic)]);
    }
    // Which of them is refused first is the broker's business: executions, or depth, which goes by another producer.
    secure.run("holds", "run matching").expect(4, &[&needs("Write", "")]);
}
