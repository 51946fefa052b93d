//! The remote log against the conformance test, and what only connections can do.

use super::*;
use crate::conformance::{self, Subject};
use crate::memory::{MemoryLog, MemoryOptions};
use crate::{Log, LogError, TimeMode, TopicPartition, Visibility};
use hoga_core::{Timestamp, Topic};
use std::cell::RefCell;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

const AT: TopicPartition = TopicPartition::new(Topic::Orders, 0);

fn served(log: MemoryLog) -> (Server, RemoteLog) {
    let server = serve(Arc::new(log), TcpListener::bind("127.0.0.1:0").unwrap()).unwrap();
    let remote = RemoteLog::connect(server.address()).unwrap();
    (server, remote)
}

/// Servers live as long as the subject; the newest serves the newest log.
#[derive(Default)]
struct Remote(RefCell<Vec<(Server, MemoryLog)>>);

impl Subject for Remote {
    fn make(&self, time_mode: TimeMode) -> Arc<dyn Log> {
        let log = MemoryLog::new(MemoryOptions {
            time_mode,
            partitions: conformance::partitions(),
            max_record_bytes: conformance::LIMIT,
            ..MemoryOptions::default()
        });
        let (server, remote) = served(log.clone());
        self.0.borrow_mut().push((server, log));
        Arc::new(remote)
    }

    fn reopen(&self, log: Arc<dyn Log>) -> Option<Arc<dyn Log>> {
        drop(log);
        let servers = self.0.borrow();
        let (server, _) = servers.last().expect("it was made here");
        Some(Arc::new(RemoteLog::connect(server.address()).unwrap()))
    }

    fn tombstone(&self, to: TopicPartition, key: &[u8]) -> Option<u64> {
        let servers = self.0.borrow();
        let (_, log) = servers.last().expect("it was made here");
        Some(log.append_foreign(to, key, None, Timestamp(0)).unwrap())
    }
}

#[test]
fn conforms() {
    conformance::conforms(&Remote::default());
}

#[test]
fn a_lost_connection_is_an_error_and_leaves_the_answers_open() {
    let (server, remote) = served(MemoryLog::new(MemoryOptions::default()));
    let mut writer = remote.writer().unwrap();
    let mut reader = remote.reader(AT, 0, Visibility::Written).unwrap();
    writer.send(AT, b"k", b"v", None, 7).unwrap();
    let seen = remote.signal().version();
    drop(server);
    let message = writer.flush().unwrap_err().to_string();
    assert!(message.contains("is the process that serves it still running?"), "{message}");
    let mut acks = Vec::new();
    writer.acks(&mut acks).unwrap();
    assert_eq!((acks[0].token, acks[0].offset, writer.in_flight()), (7, None, 0));
    assert!(matches!(reader.poll(1, &mut Vec::new()), Err(LogError::Io { .. })));
    assert_ne!(remote.signal().wait(seen, std::time::Duration::from_secs(60)), seen, "who waits is woken");
    assert!(matches!(remote.writer(), Err(LogError::Io { .. })));
}

#[test]
fn large_batches_are_cut_into_messages() {
    let (_server, remote) = served(MemoryLog::new(MemoryOptions::default()));
    let mut writer = remote.writer().unwrap();
    let large = vec![7; crate::log::MAX_RECORD_BYTES - 1];
    for token in 0..5 {
        writer.send(AT, b"k", &large, None, token).unwrap();
    }
    writer.flush().unwrap();
    let records = conformance::read(&remote, AT, 0, Visibility::Written, 100);
    assert_eq!(records.iter().filter(|record| record.value.as_deref() == Some(&large)).count(), 5);
}

#[test]
fn who_speaks_another_language_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    for (hello, expect) in [
        (b"hoga-log\x02\0\0\0\0", "it speaks version 2, this release speaks 1"),
        (b"HTTP/1.1 200\n", "what answers there is no hoga"),
        (b"hoga-log\x01\0\0\0\x01", "no room for another connection"),
    ] {
        std::thread::scope(|scope| {
            scope.spawn(|| listener.accept().unwrap().0.write_all(hello).unwrap());
            let error = RemoteLog::connect(address).unwrap_err();
            let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            assert!(source.contains(expect), "{source}");
        });
    }
}

#[test]
fn a_length_that_asks_for_gigabytes_ends_only_its_connection() {
    let (server, remote) = served(MemoryLog::new(MemoryOptions::default()));
    let mut stream = TcpStream::connect(server.address()).unwrap();
    let mut hello = [0; 13];
    stream.read_exact(&mut hello).unwrap();
    stream.write_all(&hello).unwrap();
    stream.write_all(&u32::MAX.to_le_bytes()).unwrap();
    assert_eq!(stream.read(&mut [0; 16]).unwrap(), 0, "closed");
    assert_eq!(remote.bounds(AT).unwrap().end, 0);
}

#[test]
fn connections_are_bounded() {
    let (server, _remote) = served(MemoryLog::new(MemoryOptions::default()));
    let mut held = Vec::new();
    let refused = (0..=MAX_CONNECTIONS).find_map(|_| match RemoteLog::connect(server.address()) {
        Ok(remote) => {
            held.push(remote);
            None
        }
        Err(error) => Some(error),
    });
    let source = std::error::Error::source(&refused.expect("there is a bound")).unwrap().to_string();
    assert!(source.contains("no room"), "{source}");
}

#[test]
fn only_loopback_is_served() {
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let error = serve(Arc::new(MemoryLog::new(MemoryOptions::default())), listener).unwrap_err();
    assert!(error.to_string().contains("not on loopback"), "{error}");
}

/// A server that says whatever it likes.
#[test]
fn a_limit_of_records_that_no_log_has_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        wire::say_hello(&mut stream, wire::Welcome::Yes).unwrap();
        wire::hear_hello(&mut stream).unwrap();
        let _asked: wire::Request = wire::read(&mut stream, 100).unwrap();
        let partitions = vec![(Topic::Orders, 1)];
        let answer = wire::Answer::Described { time_mode: TimeMode::Wall, partitions, max_record_bytes: u64::MAX };
        wire::write(&mut stream, &answer, 100).unwrap();
    });
    let error = RemoteLog::connect(address).unwrap_err().to_string();
    assert!(error.contains("has a limit of 18446744073709551615 bytes a record"), "{error}");
    server.join().unwrap();
}
