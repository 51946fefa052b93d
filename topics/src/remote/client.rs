//! The client: a log that another process has.

use super::wire::{self, Answer, BATCH_BYTES, Request, Sent, Welcome};
use crate::{Ack, Bounds, Log, LogError, LogRecord, Reader, Signal, TimeMode, TopicPartition, Visibility, Writer};
use bytes::Bytes;
use hoga_core::{Timestamp, Topic};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long connecting and greeting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A reader asks for at least as many records at a time.
const READ_AHEAD: usize = 256;

/// The log that the process at an address serves. Once the connection is lost, everything fails.
#[derive(Debug)]
pub struct RemoteLog {
    shared: Arc<Shared>,
    /// The connection on which it is told of changes, and who listens there.
    watched: TcpStream,
    watching: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    address: SocketAddr,
    time_mode: TimeMode,
    partitions: BTreeMap<Topic, u32>,
    max_record_bytes: usize,
    signal: Signal,
    asking: Mutex<Connection>,
}

#[derive(Debug)]
struct Connection {
    address: SocketAddr,
    stream: TcpStream,
    limit: usize,
}

impl Connection {
    fn open(address: SocketAddr, max_record_bytes: usize) -> Result<Self, LogError> {
        let open = || {
            let mut stream = TcpStream::connect_timeout(&address, CONNECT_TIMEOUT)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(CONNECT_TIMEOUT))?;
            wire::say_hello(&mut stream, Welcome::Yes)?;
            match wire::hear_hello(&mut stream)? {
                Welcome::Yes => stream.set_read_timeout(None)?,
                Welcome::Full => {
                    return Err(io::Error::other("it has no room for another connection; try again later"));
                }
            }
            Ok(stream)
        };
        let stream =
            open().map_err(|source| LogError::Io { what: format!("connecting to the log at {address}"), source })?;
        Ok(Self { address, stream, limit: wire::message_limit(max_record_bytes) })
    }

    fn ask(&mut self, request: &Request) -> Result<Answer, LogError> {
        let Self { stream, limit, .. } = self;
        let answer = wire::write(stream, request, *limit).and_then(|()| wire::read(stream, *limit));
        match answer {
            Ok(Answer::Error(error)) => Err(error.into()),
            Ok(answer) => Ok(answer),
            Err(source) => {
                // Half a message may stand on the wire: nothing that follows would be understood.
                let _ = stream.shutdown(Shutdown::Both);
                let what = format!("asking the log at {} (is the process that serves it still running?)", self.address);
                Err(LogError::Io { what, source })
            }
        }
    }

    fn unexpected(&self, answer: &Answer) -> LogError {
        LogError::Failed(format!("the log at {} gave an answer to another question: {answer:?}", self.address))
    }
}

impl Shared {
    fn ask(&self, request: &Request) -> Result<Answer, LogError> {
        self.asking.lock().expect("no holder of this lock panics").ask(request)
    }

    fn unexpected(&self, answer: &Answer) -> LogError {
        self.asking.lock().expect("no holder of this lock panics").unexpected(answer)
    }

    fn check(&self, at: TopicPartition) -> Result<(), LogError> {
        let known = self.partitions.get(&at.topic).is_some_and(|count| at.partition < *count);
        if known { Ok(()) } else { Err(LogError::NoPartition(at)) }
    }
}

impl RemoteLog {
    /// Connects to the process that serves a log; [`crate::embedded::holder_address`] tells where.
    ///
    /// # Errors
    /// [`LogError::Io`] when nobody answers there, or not in this release's language.
    pub fn connect(address: SocketAddr) -> Result<Self, LogError> {
        let mut asking = Connection::open(address, crate::log::MAX_RECORD_BYTES)?;
        let answer = asking.ask(&Request::Describe)?;
        let Answer::Described { time_mode, partitions, max_record_bytes } = answer else {
            return Err(asking.unexpected(&answer));
        };
        let max_record_bytes = wire::record_limit(max_record_bytes).ok_or_else(|| {
            let what = "which is none; is that this release of hoga?";
            LogError::Failed(format!("the log at {address} has a limit of {max_record_bytes} bytes a record, {what}"))
        })?;
        asking.limit = wire::message_limit(max_record_bytes);
        let watching = Connection::open(address, max_record_bytes)?;
        let failed = |source| LogError::Io { what: format!("watching the log at {address}"), source };
        let watched = watching.stream.try_clone().map_err(failed)?;
        let shared = Arc::new(Shared {
            address,
            time_mode,
            partitions: partitions.into_iter().collect(),
            max_record_bytes,
            signal: Signal::default(),
            asking: Mutex::new(asking),
        });
        let thread = std::thread::Builder::new().name("hoga-watch".into()).spawn({
            let shared = shared.clone();
            move || watch(&shared, watching)
        });
        Ok(Self { shared, watched, watching: Some(thread.map_err(failed)?) })
    }
}

impl Drop for RemoteLog {
    fn drop(&mut self) {
        let _ = self.watched.shutdown(Shutdown::Both);
        if let Some(watching) = self.watching.take() {
            let _ = watching.join();
        }
    }
}

/// Passes changes on until the connection ends; then whoever waits finds out by asking.
fn watch(shared: &Shared, mut connection: Connection) {
    let mut seen = 0;
    while let Ok(Answer::Version(version)) = connection.ask(&Request::Wait { seen }) {
        if version != seen {
            shared.signal.notify();
        }
        seen = version;
    }
    shared.signal.notify();
}

impl Log for RemoteLog {
    fn time_mode(&self) -> TimeMode {
        self.shared.time_mode
    }

    fn partitions(&self, topic: Topic) -> u32 {
        self.shared.partitions.get(&topic).copied().unwrap_or(0)
    }

    fn max_record_bytes(&self) -> usize {
        self.shared.max_record_bytes
    }

    fn bounds(&self, partition: TopicPartition) -> Result<Bounds, LogError> {
        match self.shared.ask(&Request::Bounds(partition))? {
            Answer::Bounds { start, end, durable_end } => Ok(Bounds { start, end, durable_end }),
            other => Err(self.shared.unexpected(&other)),
        }
    }

    fn reader(&self, at: TopicPartition, from: u64, visibility: Visibility) -> Result<Box<dyn Reader>, LogError> {
        crate::log::check_position(at, from, self.bounds(at)?)?;
        let durable = wire::is_durable(visibility);
        Ok(Box::new(RemoteReader { shared: self.shared.clone(), at, position: from, durable, ahead: VecDeque::new() }))
    }

    fn writer(&self) -> Result<Box<dyn Writer>, LogError> {
        let connection = Connection::open(self.shared.address, self.shared.max_record_bytes)?;
        let shared = self.shared.clone();
        Ok(Box::new(RemoteWriter { shared, connection, unsent: Vec::new(), acks: Vec::new(), in_flight: 0 }))
    }

    fn cut(&self, partition: TopicPartition, before: u64) -> Result<u64, LogError> {
        match self.shared.ask(&Request::Cut { at: partition, before })? {
            Answer::Start(start) => Ok(start),
            other => Err(self.shared.unexpected(&other)),
        }
    }

    fn sync(&self) -> Result<(), LogError> {
        match self.shared.ask(&Request::Sync)? {
            Answer::Done => Ok(()),
            other => Err(self.shared.unexpected(&other)),
        }
    }

    fn signal(&self) -> &Signal {
        &self.shared.signal
    }
}

struct RemoteReader {
    shared: Arc<Shared>,
    at: TopicPartition,
    position: u64,
    durable: bool,
    /// Records that came and were not asked for yet.
    ahead: VecDeque<LogRecord>,
}

impl Reader for RemoteReader {
    fn poll(&mut self, max: usize, out: &mut Vec<LogRecord>) -> Result<(), LogError> {
        if self.ahead.is_empty() {
            let max = max.clamp(READ_AHEAD, u32::MAX as usize) as u32;
            let request = Request::Read { at: self.at, from: self.position, max, durable: self.durable };
            match self.shared.ask(&request)? {
                Answer::Records(records) => self.ahead.extend(records.into_iter().map(LogRecord::from)),
                other => return Err(self.shared.unexpected(&other)),
            }
        }
        let taken = self.ahead.len().min(max);
        out.extend(self.ahead.drain(..taken));
        self.position += taken as u64;
        Ok(())
    }

    fn position(&self) -> u64 {
        self.position
    }
}

struct RemoteWriter {
    shared: Arc<Shared>,
    connection: Connection,
    unsent: Vec<(u64, Sent)>,
    acks: Vec<Ack>,
    in_flight: usize,
}

impl RemoteWriter {
    /// Sends one batch and takes its answers; when they do not come it is not known what was appended.
    fn append(&mut self, batch: Vec<(u64, Sent)>) -> Result<(), LogError> {
        let (tokens, records): (Vec<u64>, Vec<Sent>) = batch.into_iter().unzip();
        let answer = self.connection.ask(&Request::Append(records));
        let (offsets, result) = match answer {
            Ok(Answer::Appended(offsets)) => (offsets, Ok(())),
            Ok(other) => (Vec::new(), Err(self.connection.unexpected(&other))),
            Err(error) => (Vec::new(), Err(error)),
        };
        let offsets = offsets.into_iter().chain(std::iter::repeat(None));
        self.acks.extend(tokens.into_iter().zip(offsets).map(|(token, offset)| Ack { token, offset }));
        result
    }
}

impl Writer for RemoteWriter {
    fn send(
        &mut self,
        to: TopicPartition,
        key: &[u8],
        value: &[u8],
        time: Option<Timestamp>,
        token: u64,
    ) -> Result<(), LogError> {
        self.shared.check(to)?;
        let (limit, mode) = (self.shared.max_record_bytes, self.shared.time_mode);
        crate::log::check_record(to, key.len() + value.len(), limit, time, mode)?;
        let (key, value) = (Bytes::copy_from_slice(key), Bytes::copy_from_slice(value));
        self.unsent.push((token, Sent { to, key, value, time }));
        self.in_flight += 1;
        Ok(())
    }

    fn flush(&mut self) -> Result<(), LogError> {
        let mut unsent = std::mem::take(&mut self.unsent).into_iter();
        let (mut batch, mut bytes, mut result) = (Vec::new(), 0, Ok(()));
        loop {
            let next = unsent.next();
            let done = next.is_none();
            if let Some((token, sent)) = next {
                // 32: partition, time and lengths.
                bytes += sent.key.len() + sent.value.len() + 32;
                batch.push((token, sent));
            }
            if (done || bytes >= BATCH_BYTES) && !batch.is_empty() {
                // After a failure nothing more can be sent on the connection, and every answer is "not known".
                result = result.and(self.append(std::mem::take(&mut batch)));
                bytes = 0;
            }
            if done {
                return result;
            }
        }
    }

    fn acks(&mut self, out: &mut Vec<Ack>) -> Result<(), LogError> {
        self.in_flight -= self.acks.len();
        out.append(&mut self.acks);
        Ok(())
    }

    fn in_flight(&self) -> usize {
        self.in_flight
    }
}
