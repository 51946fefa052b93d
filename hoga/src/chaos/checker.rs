//! The independent checker, kept at hand: a child that is asked for a round and answers.
//!
//! Invariants:
//! 1. A round reads to the ends that the topics have when it is asked for.
//! 2. A checker that ends without an answer has judged nothing; it is started again and begins at offset 0.

use crate::exit::Failure;
use crate::stop::Stop;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

/// What a round came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Everything is as it must be, and nothing is on its way.
    Equal,
    /// No findings; some is on its way or could not be judged.
    NotCovered(Vec<String>),
    /// Findings, a line each.
    Different(Vec<String>),
}

/// How it is started.
#[derive(Debug, Clone)]
pub struct Checker {
    /// The script.
    pub script: PathBuf,
    /// Its words after `check`.
    pub words: Vec<String>,
}

/// A checker at work.
pub struct Asked {
    checker: Checker,
    stop: Stop,
    running: Option<Running>,
}

struct Running {
    child: Child,
    /// What it says; closed when it has ended.
    lines: Receiver<String>,
}

/// How often to look whether the wait is to end.
const LOOK: Duration = Duration::from_millis(100);
/// So often a round is tried again when the checker could not read.
const TRIES: u32 = 3;

impl Asked {
    /// One that is started when it is first asked.
    pub fn new(checker: Checker, stop: Stop) -> Self {
        Self { checker, stop, running: None }
    }

    /// The command by which somebody else runs it.
    pub fn command(&self) -> String {
        format!("{} check {}", self.checker.script.display(), self.checker.words.join(" "))
    }

    /// A round; `drained`: nothing writes any more, what is missing is lost.
    pub fn round(&mut self, drained: bool) -> Result<Verdict, Failure> {
        let mut said = Vec::new();
        for _ in 0..TRIES {
            match self.try_round(drained)? {
                Ok(verdict) => return Ok(verdict),
                Err(lines) => said = lines,
            }
        }
        // Nothing is found by it, and nothing is shown to be right.
        Err(Failure::Unavailable(format!("the checker ended {TRIES} times without judging: {}", said.join("\n"))))
    }

    /// A verdict, or what it said before it ended without one.
    fn try_round(&mut self, drained: bool) -> Result<Result<Verdict, Vec<String>>, Failure> {
        if self.running.is_none() {
            self.running = Some(self.start()?);
        }
        let running = self.running.as_mut().expect("it was just started");
        let asked = if drained { "drained\n" } else { "round\n" };
        let stdin = running.child.stdin.as_mut().expect("piped");
        let mut lines = Vec::new();
        if stdin.write_all(asked.as_bytes()).and_then(|()| stdin.flush()).is_ok() {
            loop {
                self.stop.check("the checker was at work")?;
                match running.lines.recv_timeout(LOOK) {
                    Ok(line) => match line.as_str() {
                        "equal" => return Ok(Ok(Verdict::Equal)),
                        "not covered" => return Ok(Ok(Verdict::NotCovered(lines))),
                        "different" => return Ok(Ok(Verdict::Different(lines))),
                        _ => lines.push(line),
                    },
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => break,
                }
            }
        }
        self.end();
        Ok(Err(lines))
    }

    fn start(&self) -> Result<Running, Failure> {
        let mut command = Command::new(&self.checker.script);
        command.arg("check").args(&self.checker.words).arg("--ask");
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0).spawn();
        let mut child = child.map_err(|error| {
            Failure::Unavailable(format!("starting the checker {}: {error}", self.checker.script.display()))
        })?;
        let out = BufReader::new(child.stdout.take().expect("piped"));
        let (sender, lines) = channel();
        // It ends with the checker, or when nobody listens any more.
        std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Ok(Running { child, lines })
    }

    fn end(&mut self) {
        if let Some(mut running) = self.running.take() {
            // One that is gone already needs no killing.
            let _ = running.child.kill();
            let _ = running.child.wait();
        }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.end();
    }
}
