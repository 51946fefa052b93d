//! One process of machines: `hoga run`, started, killed, put to sleep and ended by this one.
//!
//! Writes what the process says into a file for each of its lives.
//!
//! Invariants:
//! 1. A member that is dropped is killed and waited for, also one that sleeps.
//! 2. Its name in `owners` is that of its present life: each life has another.

use super::schedule::{Kind, Who};
use crate::config::FAIL_POINT;
use crate::exit::Failure;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, File};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How long a process may take to say its name, or to end in order.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often to look.
const LOOK: Duration = Duration::from_millis(2);

/// How processes of this run are started.
#[derive(Debug, Clone)]
pub struct Launch {
    /// The command.
    pub hoga: PathBuf,
    /// Flags by which each of them reaches the log.
    pub flags: Vec<String>,
    /// Where what they say is kept.
    pub said: PathBuf,
}

impl Launch {
    /// The command with these words, without the caller's settings, in a group of its own: Ctrl-C is for the caller.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.hoga);
        command.args(words).args(&self.flags).stdin(Stdio::null()).process_group(0);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("HOGA_")) {
            command.env_remove(name);
        }
        command
    }

    /// Runs a command to its end; what it said. An exit code other than 0 is an error that tells all of it.
    pub fn run(&self, words: &[&str]) -> Result<String, Failure> {
        let output = self.command(words).output();
        let output =
            output.map_err(|error| Failure::Unavailable(format!("starting {}: {error}", self.hoga.display())))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() {
            return Ok(text(&output.stdout));
        }
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        Err(Failure::Refused(format!("hoga {}: {}\n{out}{err}", words.join(" "), output.status)))
    }
}

/// A process that lives, or not.
pub struct Member {
    /// Which one.
    pub who: Who,
    launch: Launch,
    lives: u32,
    child: Option<Child>,
    /// Its name in `owners`, once it has said it.
    name: Option<String>,
}

impl Member {
    /// Not started yet.
    pub fn new(who: Who, launch: Launch) -> Self {
        Self { who, launch, lives: 0, child: None, name: None }
    }

    /// Starts it, with a fail point (`after-append:17`) or without.
    pub fn start(&mut self, fail_point: Option<&str>) -> Result<(), Failure> {
        assert!(self.child.is_none(), "{} lives", self.who);
        self.lives += 1;
        let kinds: &[&str] = match self.who.kind {
            Kind::Front => &["admission", "control", "tick-candles"],
            Kind::Holds => &["holds"],
            Kind::Matching => &["matching"],
            Kind::Candles => &["candles"],
        };
        let words = [&["run"], kinds, &["--dies-with-parent", "--partitions", ["0-1", "2-3"][self.who.half]]].concat();
        let mut command = self.launch.command(&words);
        if let Some(point) = fail_point {
            command.env(FAIL_POINT, point);
        }
        let path = self.said();
        let file = |error: std::io::Error| Failure::Unavailable(format!("writing {}: {error}", path.display()));
        let out = File::create(&path).map_err(file)?;
        command.stderr(out.try_clone().map_err(file)?).stdout(out);
        let child = command.spawn();
        self.child = Some(child.map_err(|error| Failure::Unavailable(format!("starting {}: {error}", self.who)))?);
        self.name = None;
        Ok(())
    }

    fn said(&self) -> PathBuf {
        self.launch.said.join(format!("{}.{:03}", self.who, self.lives))
    }

    /// Its name in `owners`, if it has said it; of one that is dead its last.
    pub fn name(&mut self) -> Option<&str> {
        if self.name.is_none() && self.lives > 0 {
            self.name = name_in(&self.said());
        }
        self.name.as_deref()
    }

    /// SIGKILL, and waits until it is gone.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // One that is gone already needs no killing, and what a child of one's own ends with is always told.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// SIGSTOP, SIGCONT, SIGTERM.
    pub fn signal(&self, signal: Signal) -> Result<(), Failure> {
        let Some(child) = &self.child else { return Ok(()) };
        kill_process(Pid::from_child(child), signal)
            .map_err(|error| Failure::Unavailable(format!("sending {signal:?} to {}: {error}", self.who)))
    }

    /// Waits until it ends by itself; `None`: it did not in time.
    pub fn wait(&mut self, within: Duration, stop: &crate::stop::Stop) -> Result<Option<ExitStatus>, Failure> {
        let deadline = Instant::now() + within;
        while let Some(child) = &mut self.child {
            let ended = child.try_wait();
            if let Some(status) = ended.map_err(|error| Failure::Unavailable(format!("{}: {error}", self.who)))? {
                self.child = None;
                return Ok(Some(status));
            }
            if Instant::now() >= deadline || stop.requested() {
                break;
            }
            std::thread::sleep(LOOK);
        }
        Ok(None)
    }

    /// An error if it has ended although nobody made it.
    pub fn check(&mut self) -> Result<(), Failure> {
        let Some(child) = &mut self.child else { return Ok(()) };
        match child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => {
                self.child = None;
                Err(self.ended_badly(status))
            }
            Err(error) => Err(Failure::Unavailable(format!("{}: {error}", self.who))),
        }
    }

    /// SIGTERM, and waits until it has ended in order.
    pub fn end(&mut self) -> Result<(), Failure> {
        self.signal(Signal::TERM)?;
        match self.wait(PATIENCE, &crate::stop::Stop::default())? {
            Some(status) if !status.success() => Err(self.ended_badly(status)),
            None if self.child.is_some() => {
                self.kill();
                let seconds = PATIENCE.as_secs();
                Err(Failure::Refused(format!(
                    "{} did not end within {seconds} s of SIGTERM; {}",
                    self.who,
                    self.last_words()
                )))
            }
            _ => Ok(()),
        }
    }

    fn ended_badly(&self, status: ExitStatus) -> Failure {
        Failure::Refused(format!("{} ended, {status}, although nobody killed it; {}", self.who, self.last_words()))
    }

    /// The end of what it said, and where the rest is.
    pub fn last_words(&self) -> String {
        let path = self.said();
        let text = fs::read_to_string(&path).unwrap_or_default();
        let lines: Vec<_> = text.lines().rev().take(5).collect();
        let lines: Vec<_> = lines.into_iter().rev().map(|line| format!("\n  {line}")).collect();
        format!("it said last ({}):{}", path.display(), lines.concat())
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Whether a process was ended by SIGKILL.
pub fn was_killed(status: ExitStatus) -> bool {
    status.signal() == Some(Signal::KILL.as_raw())
}

/// `hoga runs on ... as NAME: ...`
fn name_in(said: &Path) -> Option<String> {
    let text = fs::read_to_string(said).ok()?;
    let line = text.lines().find(|line| line.starts_with("hoga runs on "))?;
    Some(line.split_once(" as ")?.1.split_once(": ")?.0.to_owned())
}
