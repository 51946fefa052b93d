//! Runs the real binary in a folder of its own.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

/// A working folder, in which the default data folder `hoga-data` appears.
pub struct Place {
    folder: tempfile::TempDir,
    /// Settings of every command.
    variables: Vec<(&'static str, String)>,
}

/// What a command said.
#[derive(Debug)]
pub struct Said {
    /// Its exit code.
    pub code: i32,
    /// Its results.
    pub out: String,
    /// Its messages.
    pub err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: output.status.code().unwrap_or(-1), out: text(&output.stdout), err: text(&output.stderr) }
    }
}

impl Said {
    /// The exit code is this, and the messages hold all of these.
    #[track_caller]
    pub fn expect(self, code: i32, messages: &[&str]) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        for message in messages {
            assert!(self.err.contains(message), "{message:?} is not in {self:?}");
        }
        self
    }

    /// It went well and printed all of these.
    #[track_caller]
    pub fn printed(self, parts: &[&str]) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        for part in parts {
            assert!(self.out.contains(part), "{part:?} is not in {self:?}");
        }
        self
    }

    /// The JSON lines that it printed.
    pub fn lines(&self) -> Vec<serde_json::Value> {
        self.out.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    }
}

impl Place {
    /// An empty one.
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder"), variables: Vec::new() }
    }

    /// An empty one in which every command has these settings, as environment variables.
    pub fn with(variables: Vec<(&'static str, String)>) -> Self {
        Self { variables, ..Self::new() }
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The command with these arguments, parted by spaces, without the caller's settings.
    pub fn command(&self, args: &str) -> Command {
        let mut command = self.program(env!("CARGO_BIN_EXE_hoga"));
        command.args(args.split_whitespace());
        command
    }

    /// Another program, here, without the caller's settings.
    pub fn program(&self, name: &str) -> Command {
        let mut command = Command::new(name);
        command.current_dir(self.path());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("HOGA_") {
                command.env_remove(name);
            }
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs to the end.
    pub fn run(&self, args: &str) -> Said {
        self.command(args).stdin(Stdio::null()).output().expect("hoga runs").into()
    }

    /// Runs `hoga produce` on these lines.
    pub fn produce(&self, lines: &str) -> Said {
        self.with_input("produce", lines.as_bytes())
    }

    /// Runs with that standard input.
    pub fn with_input(&self, args: &str, input: &[u8]) -> Said {
        let mut child = self
            .command(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("hoga runs");
        child.stdin.take().expect("piped").write_all(input).expect("hoga reads its input");
        child.wait_with_output().expect("hoga ends").into()
    }

    /// Starts `hoga up` on a free port and waits until it says that it is up.
    pub fn up(&self) -> Up {
        let mut command = self.command("up --listen 127.0.0.1:0");
        let mut child = command.stdout(Stdio::piped()).spawn().expect("hoga runs");
        let mut out = BufReader::new(child.stdout.take().expect("piped"));
        let mut line = String::new();
        out.read_line(&mut line).expect("hoga up prints");
        assert!(line.contains("hoga is up"), "{line:?}");
        Up { child, _out: out }
    }
}

/// A running `hoga up`; killed when dropped.
pub struct Up {
    child: Child,
    _out: BufReader<std::process::ChildStdout>,
}

impl Up {
    /// SIGTERM; its exit code.
    pub fn stop(mut self) -> i32 {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs").success());
        self.child.wait().expect("hoga ends").code().unwrap_or(-1)
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        // Already ended: nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
