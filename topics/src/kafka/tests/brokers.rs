//! Brokers of a test's own, which it may stop: `scripts/kafka` starts them.

use super::*;
use std::path::PathBuf;
use std::process::Command;

/// Ends with the test.
pub struct Brokers {
    folder: tempfile::TempDir,
    pub addresses: String,
}

fn script(name: &str) -> Command {
    Command::new(format!("{}/../scripts/{name}", env!("CARGO_MANIFEST_DIR")))
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

impl Brokers {
    /// As many, `secure` or open; `None` if tests against Kafka are left out.
    pub fn start(count: u16, secure: bool) -> Option<Self> {
        options()?;
        let folder = tempfile::tempdir().unwrap();
        let mut command = script("kafka");
        command.args(["start", "--port", "free", "--brokers", &count.to_string(), "--dir"]).arg(folder.path());
        command.args(secure.then_some("--secure"));
        let mut brokers = Self { folder, addresses: String::new() };
        brokers.addresses = run(&mut command).trim().trim_start_matches("HOGA_KAFKA=").to_owned();
        Some(brokers)
    }

    /// Options for a log there.
    pub fn options(&self) -> KafkaOptions {
        KafkaOptions { brokers: self.addresses.clone(), ..options().expect("there is a Kafka") }
    }

    /// Sends a signal to a broker, from 1.
    pub fn signal(&self, broker: u32, signal: &str) {
        let pid = std::fs::read_to_string(self.folder.path().join(format!("{broker}/pid"))).unwrap();
        run(Command::new("kill").args([&format!("-{signal}"), pid.trim()]));
    }

    /// Ends all of them in order.
    pub fn stop(&self) {
        run(script("kafka").args(["stop", "--dir"]).arg(self.folder.path()));
    }

    /// Starts those that do not run.
    pub fn start_again(&self) {
        run(script("kafka").args(["start", "--dir"]).arg(self.folder.path()));
    }

    /// A file of secure brokers.
    pub fn secret(&self, file: &str) -> PathBuf {
        self.folder.path().join("secure").join(file)
    }

    /// What a user's client needs.
    pub fn client_settings(&self, user: &str) -> BTreeMap<String, String> {
        let text = std::fs::read_to_string(self.secret(&format!("{user}.properties"))).unwrap();
        text.lines().filter_map(|line| line.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
    }

    /// Allows what these roles need.
    pub fn allow(&self, prefix: &str, roles: &str) {
        let mut command = script("kafka-acls");
        command.args(["--brokers", &self.addresses, "--prefix", prefix, "--roles", roles, "--command-config"]);
        run(command.arg(self.secret("admin.java.properties")));
    }
}

impl Drop for Brokers {
    fn drop(&mut self) {
        let _ = script("kafka").args(["stop", "--dir"]).arg(self.folder.path()).output();
    }
}
