//! Serves a log to other processes of this computer: a thread a connection, a bound on both.

use super::wire::{self, Answer, BATCH_BYTES, Request, Sent, Welcome};
use crate::{Ack, Log, LogError, Reader, TopicPartition, Visibility, Writer};
use hoga_core::Topic;
use std::collections::BTreeMap;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Connections at a time; one more is told that there is no room.
pub const MAX_CONNECTIONS: usize = 64;
/// How long a greeting may take.
const HELLO_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a waiting client is kept before it is told that nothing changed.
const WAIT: Duration = Duration::from_secs(1);
/// How long acknowledgements may take; after it they are told to be unknown.
const ACK_TIMEOUT: Duration = Duration::from_secs(10);

/// A served log. Dropped, it closes its connections and ends its threads.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

struct Shared {
    log: Arc<dyn Log>,
    stopping: AtomicBool,
    connections: Mutex<BTreeMap<u64, Connected>>,
}

/// A client: its connection, to end it, and the thread that serves it.
struct Connected {
    stream: TcpStream,
    thread: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

/// Serves a log at a listener, which listens on a loopback address: whoever reaches it may write to any topic.
///
/// # Errors
/// When the listener is not on loopback, or no thread can be started.
pub fn serve(log: Arc<dyn Log>, listener: TcpListener) -> io::Result<Server> {
    let address = listener.local_addr()?;
    if !address.ip().is_loopback() {
        let what = format!("{address} is not on loopback; other computers must not reach a log, give 127.0.0.1");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    }
    let shared = Arc::new(Shared { log, stopping: AtomicBool::new(false), connections: Mutex::default() });
    let accepting = std::thread::Builder::new().name("hoga-serve".into()).spawn({
        let shared = shared.clone();
        move || accept(&shared, &listener)
    })?;
    Ok(Server { address, shared, accepting: Some(accepting) })
}

impl Server {
    /// Where it serves.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::Release);
        // The accepting thread looks at the flag when somebody connects, a waiting one when something changes.
        drop(TcpStream::connect_timeout(&self.address, HELLO_TIMEOUT));
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
        let connections = std::mem::take(&mut *lock(&self.shared.connections));
        for connected in connections.values() {
            let _ = connected.stream.shutdown(Shutdown::Both);
        }
        self.shared.log.signal().notify();
        for thread in connections.into_values().filter_map(|connected| connected.thread) {
            let _ = thread.join();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().expect("no holder of this lock panics")
}

fn accept(shared: &Arc<Shared>, listener: &TcpListener) {
    for number in 0.. {
        let connection = listener.accept();
        if shared.stopping.load(Ordering::Acquire) {
            return;
        }
        let started = connection.and_then(|(stream, _)| start(shared, number, stream));
        if let Err(error) = started {
            tracing::warn!("serving the log: a connection failed: {error}");
            // Out of file handles or threads: others must end first, and asking at once again does not help.
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

fn start(shared: &Arc<Shared>, number: u64, mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut connections = lock(&shared.connections);
    if connections.len() >= MAX_CONNECTIONS {
        return wire::say_hello(&mut stream, Welcome::Full);
    }
    connections.insert(number, Connected { stream: stream.try_clone()?, thread: None });
    let spawned = std::thread::Builder::new().name("hoga-serve-one".into()).spawn({
        let shared = shared.clone();
        move || {
            if let Err(error) = talk(&shared, &mut stream)
                && error.kind() != io::ErrorKind::UnexpectedEof
            {
                tracing::debug!("serving the log: a connection ended: {error}");
            }
            lock(&shared.connections).remove(&number);
        }
    });
    match spawned {
        Ok(thread) => {
            if let Some(connected) = connections.get_mut(&number) {
                connected.thread = Some(thread);
            }
            Ok(())
        }
        Err(error) => {
            connections.remove(&number);
            Err(error)
        }
    }
}

/// Greets, then answers requests until the client goes.
fn talk(shared: &Shared, stream: &mut TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(HELLO_TIMEOUT))?;
    wire::say_hello(stream, Welcome::Yes)?;
    wire::hear_hello(stream)?;
    stream.set_read_timeout(None)?;
    let limit = wire::message_limit(shared.log.max_record_bytes());
    let mut session = Session::new(&*shared.log);
    while !shared.stopping.load(Ordering::Acquire) {
        let request = wire::read(stream, limit)?;
        let answer = session.answer(request).unwrap_or_else(|error| Answer::Error(error.into()));
        wire::write(stream, &answer, limit)?;
    }
    Ok(())
}

/// One client's readers and writer. There is one reader for each partition and visibility.
pub(super) struct Session<'a> {
    log: &'a dyn Log,
    readers: BTreeMap<(TopicPartition, bool), Box<dyn Reader>>,
    writer: Option<Box<dyn Writer>>,
    /// Records sent, which number them for acknowledgements.
    sent: u64,
}

impl<'a> Session<'a> {
    pub(super) fn new(log: &'a dyn Log) -> Self {
        Self { log, readers: BTreeMap::new(), writer: None, sent: 0 }
    }

    pub(super) fn answer(&mut self, request: Request) -> Result<Answer, LogError> {
        Ok(match request {
            Request::Describe => Answer::Described {
                time_mode: self.log.time_mode(),
                partitions: Topic::ALL.iter().map(|topic| (*topic, self.log.partitions(*topic))).collect(),
                max_record_bytes: self.log.max_record_bytes() as u64,
            },
            Request::Bounds(at) => self.log.bounds(at)?.into(),
            Request::Read { at, from, max, durable } => self.read(at, from, max as usize, durable)?,
            Request::Append(records) => self.append(records)?,
            Request::Sync => self.log.sync().map(|()| Answer::Done)?,
            Request::Cut { at, before } => Answer::Start(self.log.cut(at, before)?),
            Request::Wait { seen } => Answer::Version(self.log.signal().wait(seen, WAIT)),
        })
    }

    fn read(&mut self, at: TopicPartition, from: u64, max: usize, durable: bool) -> Result<Answer, LogError> {
        // A reader that stands elsewhere is replaced: the client has begun again.
        let kept = self.readers.remove(&(at, durable)).filter(|reader| reader.position() == from);
        let visibility = if durable { Visibility::Durable } else { Visibility::Written };
        let mut reader = kept.map_or_else(|| self.log.reader(at, from, visibility), Ok)?;
        let (mut out, mut bytes) = (Vec::new(), 0);
        while out.len() < max && bytes < BATCH_BYTES {
            let before = out.len();
            reader.poll(1, &mut out)?;
            let Some(record) = out.get(before) else { break };
            // 32: offset, time and lengths.
            bytes += record.key.len() + record.value.as_ref().map_or(0, |value| value.len()) + 32;
        }
        self.readers.insert((at, durable), reader);
        Ok(Answer::Records(out.into_iter().map(Into::into).collect()))
    }

    fn append(&mut self, records: Vec<Sent>) -> Result<Answer, LogError> {
        let first = self.sent;
        let mut offsets = vec![None; records.len()];
        let mut writer = self.writer.take().map_or_else(|| self.log.writer(), Ok)?;
        for Sent { to, key, value, time } in records {
            writer.send(to, &key, &value, time, self.sent)?;
            self.sent += 1;
        }
        writer.flush()?;
        let deadline = Instant::now() + ACK_TIMEOUT;
        let mut acks: Vec<Ack> = Vec::new();
        loop {
            let seen = self.log.signal().version();
            writer.acks(&mut acks)?;
            let left = deadline.saturating_duration_since(Instant::now());
            if writer.in_flight() == 0 || left.is_zero() {
                break;
            }
            self.log.signal().wait(seen, left);
        }
        for Ack { token, offset } in acks {
            if let Some(place) = token.checked_sub(first).and_then(|index| offsets.get_mut(index as usize)) {
                *place = offset;
            }
        }
        self.writer = Some(writer);
        Ok(Answer::Appended(offsets))
    }
}
