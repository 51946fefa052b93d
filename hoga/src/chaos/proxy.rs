//! A proxy of Kafka frames between hoga and brokers: by a schedule it delays, holds back and repeats frames, and cuts
//! connections between a request and its answer.
//!
//! Knows of the protocol that a frame is a length of four bytes and so many bytes, that a request begins with its API
//! key, and that a connection's answers come in the order of its requests.
//!
//! Invariants:
//! 1. Without a schedule every frame passes at once.
//! 2. Frames of one direction of a connection never overtake each other, as on any TCP connection.
//!
//! Left out on purpose: TLS, and requests without an answer (produce with acks=0), which hoga does not send.

use super::frames::{Fate, Way, fate};
use crate::exit::Failure;
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// No frame of Kafka is larger; what says so is no frame.
const MAX_FRAME: usize = 128 << 20;

/// A proxy at work; dropped, it takes no more connections.
pub struct Proxy {
    shared: Arc<Shared>,
    listens: Vec<SocketAddr>,
}

#[derive(Default)]
struct Shared {
    schedule: Mutex<Option<u64>>,
    connections: AtomicU64,
    done: Mutex<BTreeMap<String, u64>>,
    ended: AtomicBool,
}

impl Proxy {
    /// Listens at each first address and connects to the second.
    pub fn start(routes: &[(SocketAddr, SocketAddr)]) -> Result<Self, Failure> {
        let shared = Arc::<Shared>::default();
        for (listen, broker) in routes.iter().copied() {
            let cannot = |error: io::Error| Failure::Unavailable(format!("listening at {listen} for Kafka: {error}"));
            let listener = TcpListener::bind(listen).map_err(cannot)?;
            let shared = Arc::clone(&shared);
            let thread = thread::Builder::new().name("proxy".into());
            thread.spawn(move || shared.listen(&listener, broker)).map_err(cannot)?;
        }
        Ok(Self { shared, listens: routes.iter().map(|(listen, _)| *listen).collect() })
    }

    /// From now on frames have the fates of this schedule; `None`: all pass.
    pub fn set(&self, schedule: Option<u64>) {
        *self.shared.schedule.lock().expect("no holder of this lock panics") = schedule;
    }

    /// What was done to frames since the last call.
    pub fn take_done(&self) -> BTreeMap<String, u64> {
        std::mem::take(&mut *self.shared.done.lock().expect("no holder of this lock panics"))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Release);
        for listen in &self.listens {
            // Wakes the thread that waits for connections; that it is gone already is as good.
            let _ = TcpStream::connect(listen);
        }
    }
}

/// What is to be done with an answer, in the order of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Give,
    Lose,
    Cut,
}

/// One connection's two ends.
struct Connection {
    shared: Arc<Shared>,
    number: u64,
    client: TcpStream,
    broker: TcpStream,
    answers: Mutex<VecDeque<Answer>>,
}

impl Shared {
    fn listen(self: &Arc<Self>, listener: &TcpListener, broker: SocketAddr) {
        for client in listener.incoming() {
            if self.ended.load(Ordering::Acquire) {
                return;
            }
            // A client that is gone, or a broker that is: the client's next try finds out.
            let (Ok(client), Ok(broker)) = (client, TcpStream::connect(broker)) else { continue };
            let number = self.connections.fetch_add(1, Ordering::Relaxed);
            let (shared, answers) = (Arc::clone(self), Mutex::default());
            let connection = Arc::new(Connection { shared, number, client, broker, answers });
            for way in [Connection::requests, Connection::give_answers] {
                let connection = Arc::clone(&connection);
                let run = move || {
                    // Whichever way ends, by an error or in order, takes the other with it.
                    let _ended = way(&connection);
                    connection.cut();
                };
                if thread::Builder::new().name("proxy".into()).spawn(run).is_err() {
                    break;
                }
            }
        }
    }

    fn fate(&self, connection: u64, way: Way, place: u64) -> Fate {
        let schedule = *self.schedule.lock().expect("no holder of this lock panics");
        let fate = schedule.map_or(Fate::Pass, |seed| fate(seed, connection, way, place));
        if schedule.is_some() {
            *self.done.lock().expect("no holder of this lock panics").entry(fate.name().into()).or_default() += 1;
        }
        if let Fate::Delay(ms) | Fate::HoldBack(ms) = fate {
            thread::sleep(Duration::from_millis(ms));
        }
        fate
    }
}

impl Connection {
    fn cut(&self) {
        // One that is closed already is as good.
        let _ = self.client.shutdown(Shutdown::Both);
        let _ = self.broker.shutdown(Shutdown::Both);
    }

    fn requests(&self) -> io::Result<()> {
        for place in 0.. {
            let frame = read_frame(&self.client)?;
            let api = frame.get(4..6).map_or(-1, |bytes| i16::from_be_bytes([bytes[0], bytes[1]]));
            let answers: &[Answer] = match self.shared.fate(self.number, Way::ToBroker(api), place) {
                Fate::Repeat => &[Answer::Lose, Answer::Give],
                Fate::CutBeforeAnswer => &[Answer::Cut],
                Fate::Pass | Fate::Delay(_) | Fate::HoldBack(_) => &[Answer::Give],
            };
            for answer in answers {
                self.answers.lock().expect("no holder of this lock panics").push_back(*answer);
                (&self.broker).write_all(&frame)?;
            }
        }
        Ok(())
    }

    fn give_answers(&self) -> io::Result<()> {
        for place in 0.. {
            let frame = read_frame(&self.broker)?;
            let answer = self.answers.lock().expect("no holder of this lock panics").pop_front();
            match answer.unwrap_or(Answer::Give) {
                Answer::Lose => continue,
                Answer::Cut => return Ok(()),
                Answer::Give => {}
            }
            self.shared.fate(self.number, Way::ToClient, place);
            (&self.client).write_all(&frame)?;
        }
        Ok(())
    }
}

/// A frame with its length.
fn read_frame(mut from: &TcpStream) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let size = u32::from_be_bytes(length) as usize;
    if size > MAX_FRAME {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "no frame of Kafka"));
    }
    let mut frame = length.to_vec();
    frame.resize(4 + size, 0);
    from.read_exact(&mut frame[4..])?;
    Ok(frame)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::ErrorKind;

    const FETCH: u8 = 1;

    /// A broker that answers each request with itself.
    fn echo() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                thread::spawn(move || {
                    while let Ok(frame) = read_frame(&stream)
                        && (&stream).write_all(&frame).is_ok()
                    {}
                });
            }
        });
        address
    }

    fn free() -> SocketAddr {
        TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port")
    }

    fn request(number: u32) -> Vec<u8> {
        let mut frame = 6_u32.to_be_bytes().to_vec();
        frame.extend([0, FETCH]);
        frame.extend(number.to_be_bytes());
        frame
    }

    /// Asks so many times, anew when it is cut off; how often it was, and that each other answer is the own one.
    fn ask(at: SocketAddr, times: u32) -> u32 {
        let (mut cut, mut stream) = (0, TcpStream::connect(at).expect("the proxy listens"));
        for number in 0..times {
            let sent = request(number);
            match stream.write_all(&sent).and_then(|()| read_frame(&stream)) {
                Ok(answer) => assert_eq!(answer, sent),
                Err(error) => {
                    assert!(
                        matches!(
                            error.kind(),
                            ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
                        ),
                        "{error}"
                    );
                    cut += 1;
                    stream = TcpStream::connect(at).expect("the proxy listens");
                }
            }
        }
        cut
    }

    #[test]
    fn without_a_schedule_all_passes_and_with_one_answers_stay_with_their_requests() {
        let listen = free();
        let proxy = Proxy::start(&[(listen, echo())]).expect("it listens");
        assert_eq!(ask(listen, 300), 0);
        assert_eq!(proxy.take_done(), BTreeMap::new());
        // One that repeats and cuts, and does not hold back for long.
        let cuts = |seed: &u64| (0..300).any(|place| fate(*seed, 1, Way::ToBroker(1), place) == Fate::CutBeforeAnswer);
        let repeats = |seed: &u64| (0..100).any(|place| fate(*seed, 1, Way::ToBroker(1), place) == Fate::Repeat);
        let holds = |seed: &u64| {
            let ways = [Way::ToBroker(1), Way::ToClient];
            ways.iter().any(|way| (0..300).any(|place| matches!(fate(*seed, 1, *way, place), Fate::HoldBack(_))))
        };
        let seed = (0..).find(|seed| cuts(seed) && repeats(seed) && !holds(seed)).expect("there is one");
        proxy.set(Some(seed));
        let cut = ask(listen, 300);
        proxy.set(None);
        let done = proxy.take_done();
        assert!(cut > 0 && done["repeated"] > 0, "{cut} {done:?}");
        assert_eq!(done["cut off"], u64::from(cut));
        assert_eq!(ask(listen, 10), 0);
    }
}
