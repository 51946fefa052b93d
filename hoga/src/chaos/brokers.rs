//! Brokers that `scripts/kafka` started and that this run may kill, stop and start again.
//!
//! Reads `DIR/N/pid` of each broker.
//!
//! Invariant: whoever was stopped is woken, and who was killed is started again, when this is dropped.

use crate::exit::Failure;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The brokers of one Kafka.
pub struct Brokers {
    script: PathBuf,
    dir: PathBuf,
    nodes: Vec<u32>,
    disturbed: bool,
}

impl Brokers {
    /// Those in a folder of `scripts/kafka`.
    pub fn find(script: &Path, dir: &Path) -> Result<Self, Failure> {
        let nodes: Vec<u32> = (1..=9).filter(|node| dir.join(node.to_string()).join("pid").exists()).collect();
        if nodes.is_empty() {
            return Err(Failure::Usage(format!(
                "--brokers-dir {}: no broker that {} started runs there",
                dir.display(),
                script.display()
            )));
        }
        Ok(Self { script: script.to_owned(), dir: dir.to_owned(), nodes, disturbed: false })
    }

    /// One of them.
    pub fn pick(&self, pick: u64) -> u32 {
        self.nodes[(pick % self.nodes.len() as u64) as usize]
    }

    /// Sends a signal to a broker.
    pub fn signal(&mut self, node: u32, signal: Signal) -> Result<(), Failure> {
        self.disturbed = true;
        let sent = kill_process(self.pid(node)?, signal);
        sent.map_err(|error| Failure::Unavailable(format!("sending {signal:?} to broker {node}: {error}")))
    }

    fn pid(&self, node: u32) -> Result<Pid, Failure> {
        let file = self.dir.join(node.to_string()).join("pid");
        let wrong = |what: String| Failure::Unavailable(format!("broker {node} ({}): {what}", file.display()));
        let pid = fs::read_to_string(&file).map_err(|error| wrong(error.to_string()))?;
        let pid = pid.trim().parse().ok().and_then(Pid::from_raw);
        pid.ok_or_else(|| wrong("it holds no process id".into()))
    }

    /// Whether a broker's process is there; one that ended and is not collected yet has no command line.
    pub fn is_alive(&self, node: u32) -> bool {
        let command_line = |pid: Pid| fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero())).unwrap_or_default();
        self.pid(node).is_ok_and(|pid| !command_line(pid).is_empty())
    }

    /// Gives each partition its first replica as leader again; of one broker there is nothing to give.
    pub fn spread_leaders(&self) -> Result<(), Failure> {
        if self.nodes.len() == 1 {
            return Ok(());
        }
        let server = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port()?)).to_string();
        let words = ["tool", "org.apache.kafka.tools.LeaderElectionCommand", "--bootstrap-server", &server];
        let words = [&words[..], &["--election-type", "preferred", "--all-topic-partitions"]].concat();
        self.run(&words)
    }

    /// The first broker's port: `scripts/kafka` puts the number of brokers and this into DIR/cluster.
    fn port(&self) -> Result<u16, Failure> {
        let file = self.dir.join("cluster");
        let text = fs::read_to_string(&file).unwrap_or_default();
        let port = text.split_whitespace().nth(1).and_then(|port| port.parse().ok());
        port.ok_or_else(|| Failure::Usage(format!("{}: it does not say which port the brokers have", file.display())))
    }

    /// Where a proxy has to listen, and where it reaches each broker, if they were started with `--proxied`.
    pub fn proxied(&self) -> Result<Vec<(SocketAddr, SocketAddr)>, Failure> {
        let port = self.port()?;
        let properties = self.dir.join(self.nodes[0].to_string()).join("server.properties");
        if !fs::read_to_string(&properties).unwrap_or_default().contains("PROXIED://") {
            let (script, dir) = (self.script.display(), self.dir.display());
            let what = "--proxy: these brokers know of no proxy; start others with";
            return Err(Failure::Usage(format!("{what} `{script} start --proxied`, they are in {dir}")));
        }
        let at = |above: u32, node: u32| SocketAddr::from((Ipv4Addr::LOCALHOST, port + (above + node - 1) as u16));
        Ok(self.nodes.iter().map(|node| (at(300, *node), at(200, *node))).collect())
    }

    fn run(&self, words: &[&str]) -> Result<(), Failure> {
        let mut command = Command::new(&self.script);
        command.args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).process_group(0);
        let output = command.output();
        let output = output.map_err(|error| Failure::Unavailable(format!("{}: {error}", self.script.display())))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(Failure::Unavailable(format!("{} {}: {}", self.script.display(), words.join(" "), said.trim())))
    }

    /// Wakes those that sleep, starts those that do not run, and waits until all take requests.
    pub fn mend(&mut self) -> Result<(), Failure> {
        for node in self.nodes.clone() {
            // One that was killed has no process to wake.
            let _ = self.signal(node, Signal::CONT);
        }
        self.run(&["start", "--dir", &self.dir.display().to_string()])?;
        self.disturbed = false;
        Ok(())
    }
}

impl Drop for Brokers {
    fn drop(&mut self) {
        if self.disturbed
            && let Err(error) = self.mend()
        {
            tracing::warn!("{error}");
        }
    }
}
