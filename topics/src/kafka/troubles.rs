//! What librdkafka tells besides answers: lost connections, refused logins, certificates that do not fit.
//!
//! Its functions only say that nothing came in time; why, it tells on the side. Here it is kept until an error needs
//! its cause.

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Shared by all clients of a log.
#[derive(Default)]
pub(super) struct Troubles {
    last: Mutex<Option<String>>,
    refused: AtomicBool,
    lost_connections: AtomicU64,
}

impl Troubles {
    /// What was told last.
    pub fn last(&self) -> Option<String> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether trying again cannot help: the login or the certificate was refused.
    pub fn refused(&self) -> bool {
        self.refused.load(Ordering::Acquire)
    }

    /// Connections that were lost or not made.
    pub fn lost_connections(&self) -> u64 {
        self.lost_connections.load(Ordering::Relaxed)
    }

    fn note(&self, error: &KafkaError, reason: &str) {
        use RDKafkaErrorCode::{Authentication, BrokerTransportFailure, Resolve, SSL};
        let refused = match error.rdkafka_error_code() {
            Some(Authentication | SSL) => true,
            Some(BrokerTransportFailure | Resolve) => false,
            // Answers have the others too. That all brokers are down only sums up.
            _ => return,
        };
        // A refusal explains more than the lost connections that follow it.
        if refused || !self.refused() {
            *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason.to_owned());
        }
        self.refused.fetch_or(refused, Ordering::AcqRel);
        self.lost_connections.fetch_add(1, Ordering::Relaxed);
        tracing::warn!("Kafka's client: {reason}");
    }
}

/// A client that notes its troubles.
#[derive(Clone)]
pub(super) struct Noting(pub Arc<Troubles>);

impl ClientContext for Noting {
    fn error(&self, error: KafkaError, reason: &str) {
        self.0.note(&error, reason);
    }

    /// What matters comes as an error too.
    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!("librdkafka: {facility} {message}");
    }
}

impl ConsumerContext for Noting {}
