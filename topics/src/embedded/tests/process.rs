//! What takes a second process: kill -9, a full disk, two owners of one folder.
//!
//! The second process is this test binary, run again for the one test [`child`], told by [`CHILD`] what to do.

use super::crash::{append_known, known, small};
use super::room::{has_room, roomy};
use super::*;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, ExitStatus, Stdio};

const CHILD: &str = "HOGA_TEST_LOG_CHILD";
const FOLDER: &str = "HOGA_TEST_LOG_FOLDER";
const FAILED: i32 = 3;

/// Does nothing unless a test here runs it as a process of its own.
#[test]
fn child() {
    let Ok(task) = std::env::var(CHILD) else { return };
    let folder = std::env::var_os(FOLDER).expect("told together with the task");
    let options = if task == "append in room" { roomy() } else { small() };
    let opened = EmbeddedLog::open(Path::new(&folder), options);
    let result = match task.as_str() {
        "append" | "append in room" => append_for_ever(&opened.unwrap()),
        _ => opened.map(|_| ()),
    };
    if let Err(error) = result {
        say(&format!("ERROR {error}"));
        std::process::exit(FAILED);
    }
}

/// Not `println!`, which the test harness would keep back.
fn say(line: &str) {
    writeln!(std::io::stdout(), "{line}").unwrap();
}

fn append_for_ever(log: &EmbeddedLog) -> Result<(), LogError> {
    let started = known(log);
    let error = (started..).find_map(|n| {
        let result = append_known(log, n, n + 1).and_then(|()| if n % 3 == 0 { log.sync() } else { Ok(()) });
        if result.is_ok() && n % 3 == 0 {
            say(&format!("DURABLE {}", n + 1));
        }
        result.err()
    });
    assert!(matches!(log.sync(), Err(LogError::Failed(_))), "failed for ever");
    assert!(log.bounds(TopicPartition::new(Topic::Orders, 0)).is_err(), "and for everything");
    Err(error.expect("it ends with an error only"))
}

fn run(command: &mut Command, task: &str, folder: &Path) -> std::process::Child {
    let command = command.env(CHILD, task).env(FOLDER, folder);
    command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

fn this_binary() -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["embedded::tests::process::child", "--exact", "--nocapture"]);
    command
}

/// Reads what a child says, killing it when `kill` says so of the number of reports; the last report, its error if it
/// told one.
fn listen(mut child: std::process::Child, kill: impl Fn(usize) -> bool) -> (u64, Option<String>, ExitStatus) {
    let (mut reports, mut durable, mut error) = (0, 0, None);
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        // The harness writes `test ... ` without a line end before the child's first words.
        if let Some((_, count)) = line.split_once("DURABLE ") {
            durable = count.parse().unwrap();
            reports += 1;
            if kill(reports) {
                child.kill().unwrap();
            }
        }
        if let Some((_, what)) = line.split_once("ERROR ") {
            error = Some(what.to_owned());
        }
    }
    (durable, error, child.wait().unwrap())
}

#[test]
fn what_was_durable_survives_kill_9() {
    let folder = scratch();
    let mut least = 0;
    for kill_after in [1, 7, 20, 33, 50] {
        let (durable, error, _) =
            listen(run(&mut this_binary(), "append", folder.path()), |reports| reports == kill_after);
        assert_eq!(error, None);
        assert!(durable > least, "it went on");
        let log = EmbeddedLog::open(folder.path(), small()).unwrap();
        least = known(&log);
        assert!(least >= durable, "{durable} were durable, {least} are there");
    }
}

#[test]
fn what_was_durable_in_room_survives_kill_9() {
    let folder = scratch();
    let mut least = 0;
    for more in [50, 333] {
        let roomy_since = std::cell::Cell::new(None);
        let kill = |reports: usize| {
            if roomy_since.get().is_none() && reports.is_multiple_of(50) && has_room(folder.path()) {
                roomy_since.set(Some(reports));
            }
            roomy_since.get().is_some_and(|since| reports == since + more) || reports == 100_000
        };
        let (durable, error, _) = listen(run(&mut this_binary(), "append in room", folder.path()), kill);
        assert_eq!(error, None);
        assert!(durable > least && has_room(folder.path()), "it was killed with room behind what it wrote");
        let log = EmbeddedLog::open(folder.path(), roomy()).unwrap();
        least = known(&log);
        assert!(least >= durable, "{durable} were durable, {least} are there");
    }
}

/// After a child filled the disk: it said so and ended, and what it had said to be durable is there.
fn check_full(folder: &Path, child: std::process::Child) {
    let (durable, error, status) = listen(child, |_| false);
    let error = error.expect("the disk was full");
    assert!(error.contains("writing ") && error.contains("see to the disk, then start again"), "{error}");
    assert_eq!(status.code(), Some(FAILED));
    let log = EmbeddedLog::open(folder, small()).unwrap();
    assert!(durable > 10 && known(&log) >= durable);
}

#[test]
fn a_file_that_cannot_grow_fails_the_log_for_ever() {
    let folder = scratch();
    // Past the limit the system sends SIGXFSZ; ignored, the write fails as on a full disk. 4 blocks hold the small
    // files and a part of the first segment.
    let mut shell = Command::new("sh");
    shell.arg("-c").arg("trap '' XFSZ; ulimit -f 3; exec \"$0\" \"$@\"").arg(std::env::current_exe().unwrap());
    shell.args(["embedded::tests::process::child", "--exact", "--nocapture"]);
    check_full(folder.path(), run(&mut shell, "append", folder.path()));
}

#[test]
fn a_full_disk_fails_the_log_for_ever() {
    let folder = scratch();
    let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=128k", "tmpfs"]).arg(folder.path()).output();
    if !mount.is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED: no right to mount a small tmpfs; a_file_that_cannot_grow stands for it");
        return;
    }
    let outcome = std::panic::catch_unwind(|| {
        check_full(folder.path(), run(&mut this_binary(), "append", folder.path()));
    });
    assert!(Command::new("umount").arg(folder.path()).status().unwrap().success());
    outcome.unwrap();
}

#[test]
fn a_second_process_is_refused_and_can_find_the_first() {
    let folder = scratch();
    assert_eq!(holder_address(folder.path()).unwrap(), None, "no log");
    let log = EmbeddedLog::open(folder.path(), small()).unwrap();
    assert_eq!(holder_address(folder.path()).unwrap(), None, "it does not serve");
    let address = "127.0.0.1:4567".parse().unwrap();
    log.publish_address(address).unwrap();
    assert_eq!(holder_address(folder.path()).unwrap(), Some(address));
    let (_, error, status) = listen(run(&mut this_binary(), "open", folder.path()), |_| false);
    let expect = format!("the log is in use by pid {}, address {address}", std::process::id());
    assert!(error.as_ref().is_some_and(|error| error.contains(&expect)), "{error:?}");
    assert_eq!(status.code(), Some(FAILED));
    drop(log);
    assert_eq!(holder_address(folder.path()).unwrap(), None, "nobody holds it");
    let (_, error, status) = listen(run(&mut this_binary(), "open", folder.path()), |_| false);
    assert!(error.is_none() && status.success(), "{error:?}");
}
