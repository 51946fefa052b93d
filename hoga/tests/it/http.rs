//! Schema registry, metrics and health of the real binary, from start to a clean end.

use crate::hoga::Place;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

/// The answer to a request, head and body.
fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it is served");
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").expect("it listens");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer
}

/// Starts the command, and looks at what it serves where the line with `http://` says; then SIGTERM.
#[track_caller]
fn check(args: &str, answers: &[(&str, &str)]) {
    let place = Place::new();
    let mut command = place.command(args);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("hoga runs");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let said = lines.find_map(|line| line.expect("text").split_once("http://").map(|(_, rest)| rest.to_owned()));
    let said = said.expect("it says where it serves");
    let address = said.trim_end_matches("; Ctrl-C ends it");
    for (path, expected) in answers {
        let answer = get(address, path);
        assert!(answer.starts_with("HTTP/1.0 200") && answer.contains(expected), "{args}: {path}: {answer}");
    }
    let killed = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().expect("kill runs");
    assert!(killed.success());
    let mut messages = String::new();
    child.stderr.take().expect("piped").read_to_string(&mut messages).expect("text");
    assert_eq!(child.wait().expect("hoga ends").code(), Some(0), "{args}: {messages}");
    assert!(!messages.contains("panicked"), "{args}: {messages}");
}

#[test]
fn a_registry_needs_no_log() {
    check(
        "registry --http 127.0.0.1:0",
        &[("/subjects", "\"orders-hoga.PlaceOrder\""), ("/health", "{\"status\":\"up\"}")],
    );
}

#[test]
fn an_exchange_shows_its_machines_until_it_ends() {
    check(
        "up --listen 127.0.0.1:0 --http 127.0.0.1:0",
        &[
            ("/health", "\"status\":\"up\""),
            ("/metrics", "hoga_machine_phase{machine=\"holds\",partition=\"0\",phase=\"running\"} 1"),
            ("/schemas/ids/1", "PlaceOrder"),
        ],
    );
}
