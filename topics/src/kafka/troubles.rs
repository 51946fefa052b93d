//! What librdkafka tells besides answers: lost connections, refused logins, certificates that do not fit.
//!
//! Its functions only say that nothing came in time; why, it tells on the side. Here it is kept until an error needs
//! its cause.

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Shared by all clients of a log.
#[derive(Default)]
pub(super) struct Troubles {
    last: Mutex<Option<Trouble>>,
    lost_connections: AtomicU64,
    /// When each was written to the program's log.
    told: Mutex<BTreeMap<String, Instant>>,
}

struct Trouble {
    reason: String,
    /// Whether trying again cannot help.
    refused: bool,
    at: Instant,
}

impl Trouble {
    /// Whether it may be why something fails now.
    fn is_recent(&self) -> bool {
        self.at.elapsed() < EXPLAINS_FOR
    }
}

/// librdkafka tells the same of a broker again after 30 s.
const EXPLAINS_FOR: Duration = Duration::from_secs(60);

/// Every client tells of the same broker again and again; it is written once in this time.
const TOLD_AGAIN_AFTER: Duration = Duration::from_secs(30);

impl Troubles {
    fn recent<T>(&self, take: impl FnOnce(&Trouble) -> T) -> Option<T> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().filter(|trouble| trouble.is_recent()).map(take)
    }

    /// What was told last, lately.
    pub fn last(&self) -> Option<String> {
        self.recent(|trouble| trouble.reason.clone())
    }

    /// Whether trying again cannot help: the login or the certificate was refused.
    pub fn refused(&self) -> bool {
        self.recent(|trouble| trouble.refused).unwrap_or(false)
    }

    /// Connections that were lost or not made.
    pub fn lost_connections(&self) -> u64 {
        self.lost_connections.load(Ordering::Relaxed)
    }

    /// A refusal explains more than the lost connections that follow it.
    fn explain(&self, reason: String, refused: bool) {
        if refused || !self.refused() {
            let trouble = Trouble { reason, refused, at: Instant::now() };
            *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(trouble);
        }
    }

    fn note(&self, error: &KafkaError, reason: &str) {
        use RDKafkaErrorCode::{Authentication, BrokerTransportFailure, Resolve, SSL};
        let refused = match error.rdkafka_error_code() {
            Some(Authentication | SSL) => true,
            Some(BrokerTransportFailure | Resolve) => false,
            // Answers have the others too. That all brokers are down only sums up.
            _ => return,
        };
        self.explain(with_hint(reason), refused);
        self.lost_connections.fetch_add(1, Ordering::Relaxed);
        if self.is_news(reason) {
            tracing::warn!("Kafka's client: {reason}");
        }
    }

    /// Whether it was not written lately. How long something took, and how often it was, makes no other trouble of it;
    /// nor does who was asked on the same address.
    fn is_news(&self, reason: &str) -> bool {
        let trouble = reason.split(" (after").next().unwrap_or_default();
        let trouble = trouble.find("Connect to").map_or(trouble, |at| &trouble[at..]);
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.retain(|_, at| at.elapsed() < TOLD_AGAIN_AFTER);
        let news = !told.contains_key(trouble);
        told.entry(trouble.to_owned()).or_insert_with(Instant::now);
        news
    }
}

/// A client that notes its troubles.
#[derive(Clone)]
pub(super) struct Noting(pub Arc<Troubles>);

impl ClientContext for Noting {
    fn error(&self, error: KafkaError, reason: &str) {
        self.0.note(&error, reason);
    }

    /// What matters comes as an error too, but for connections that are closed before anything was answered.
    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!("librdkafka: {facility} {message}");
        if let Some((_, reason)) = message.split_once("]: ").filter(|(_, reason)| is_turned_away(reason)) {
            self.0.explain(with_hint(reason), false);
        }
    }
}

/// Whether an address that was given closed the connection, whichever side noticed first. Once a broker has answered it
/// goes by its number.
fn is_turned_away(reason: &str) -> bool {
    let closed = ["Disconnected", "Send failed", "Receive failed"];
    reason.split_once("/bootstrap: ").is_some_and(|(_, what)| closed.iter().any(|closed| what.starts_with(closed)))
}

/// The reason, and what it mostly means.
fn with_hint(reason: &str) -> String {
    if is_turned_away(reason) {
        format!("{reason}: does the broker want TLS or a login, by the client's security.protocol and sasl settings?")
    } else {
        reason.to_owned()
    }
}

impl ConsumerContext for Noting {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_that_were_given_turn_away() {
        let closed = "Disconnected: SSL connection closed by peer (after 8ms in state UP)";
        for (reason, turned_away) in [
            (format!("ssl://127.0.0.1:9092/bootstrap: {closed}"), true),
            ("ssl://127.0.0.1:9092/bootstrap: Send failed: SSL transport error: Broken pipe".into(), true),
            (format!("127.0.0.1:9092/1: {closed}"), false),
            ("127.0.0.1:9092/bootstrap: Connected".into(), false),
            ("127.0.0.1:9092/bootstrap: Connect to ipv4#127.0.0.1:9092 failed: Connection refused".into(), false),
        ] {
            assert_eq!(is_turned_away(&reason), turned_away, "{reason}");
            assert_eq!(with_hint(&reason).contains("does the broker want TLS or a login"), turned_away, "{reason}");
        }
    }

    #[test]
    fn a_refusal_explains_more_than_what_follows_it() {
        let troubles = Troubles::default();
        let tell = |code, reason: &str| troubles.note(&KafkaError::Global(code), reason);
        assert_eq!((troubles.last(), troubles.refused()), (None, false));
        tell(RDKafkaErrorCode::AllBrokersDown, "sums up");
        tell(RDKafkaErrorCode::BrokerTransportFailure, "lost");
        assert_eq!((troubles.last().as_deref(), troubles.refused()), (Some("lost"), false));
        tell(RDKafkaErrorCode::Authentication, "wrong password");
        tell(RDKafkaErrorCode::BrokerTransportFailure, "lost again");
        assert_eq!((troubles.last().as_deref(), troubles.refused()), (Some("wrong password"), true));
        assert_eq!(troubles.lost_connections(), 3);
    }

    #[test]
    fn one_trouble_is_news_once() {
        let troubles = Troubles::default();
        let told = |reason: &str| troubles.is_news(reason);
        let refused = "Connect to ipv4#127.0.0.1:9092 failed: Connection refused";
        assert!(told(&format!("127.0.0.1:9092/1: {refused} (after 0ms in state CONNECT)")));
        assert!(!told(&format!(
            "127.0.0.1:9092/1: {refused} (after 3ms in state CONNECT, 8 identical error(s) suppressed)"
        )));
        assert!(!told(&format!("GroupCoordinator: 127.0.0.1:9092: {refused} (after 0ms in state CONNECT)")));
        assert!(told("127.0.0.1:9093/2: Connect to ipv4#127.0.0.1:9093 failed: Connection refused"));
        assert!(told("127.0.0.1:9092/1: Disconnected (after 1300ms in state UP)"));
    }
}
