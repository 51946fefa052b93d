//! What a process shows of its machines, and of its log on Kafka: `/metrics` and `/health`.
//!
//! Invariant: health says what the machines say. A process that restores is not yet healthy; one that stands by for
//! another is; one whose machine has failed no longer is.

use super::metrics::{self, Page};
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hoga_runtime::{MachinePhase, MachineStatus};
#[cfg(feature = "kafka")]
use hoga_topics::KafkaLog;
use serde_json::json;
use std::sync::{Arc, OnceLock};

type Machines = Box<dyn Fn() -> Vec<MachineStatus> + Send + Sync>;

/// The machines of this process, once they are started.
#[derive(Default)]
pub struct Exchange {
    machines: OnceLock<Machines>,
    #[cfg(feature = "kafka")]
    kafka: OnceLock<KafkaLog>,
}

impl Exchange {
    /// From here on shows what `machines` says whenever it is asked. Only the first call counts.
    pub fn show(&self, machines: impl Fn() -> Vec<MachineStatus> + Send + Sync + 'static) {
        let _ = self.machines.set(Box::new(machines));
    }

    /// From here on `/metrics` shows the log on Kafka too. Only the first call counts.
    #[cfg(feature = "kafka")]
    pub fn show_kafka(&self, log: KafkaLog) {
        let _ = self.kafka.set(log);
    }

    fn metrics(&self, page: &mut Page) {
        metrics::machines(page, &self.statuses().unwrap_or_default());
        #[cfg(feature = "kafka")]
        if let Some(log) = self.kafka.get() {
            metrics::kafka::log(page, &log.metrics());
        }
    }

    /// None before they are started.
    fn statuses(&self) -> Option<Vec<MachineStatus>> {
        self.machines.get().map(|machines| machines())
    }
}

/// The paths; without an exchange they tell of the server alone.
pub fn routes(exchange: Option<Arc<Exchange>>) -> Router {
    Router::new().route("/metrics", get(show_metrics)).route("/health", get(show_health)).with_state(exchange)
}

type Shown = State<Option<Arc<Exchange>>>;

async fn show_metrics(State(exchange): Shown) -> Response {
    let mut page = Page::default();
    metrics::build(&mut page);
    if let Some(exchange) = exchange {
        exchange.metrics(&mut page);
    }
    ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], page.into_text()).into_response()
}

async fn show_health(State(exchange): Shown) -> Response {
    let Some(exchange) = exchange else {
        return health(StatusCode::OK, &json!({"status": "up"}));
    };
    let Some(statuses) = exchange.statuses() else {
        return health(StatusCode::SERVICE_UNAVAILABLE, &json!({"status": "starting"}));
    };
    let not_ready: Vec<String> = statuses.iter().filter(|status| !is_ready(&status.phase)).map(said).collect();
    let code = if not_ready.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let word = word(&statuses);
    health(code, &json!({"status": word, "machines": statuses.len(), "not_ready": not_ready}))
}

/// The worst that any machine says.
fn word(statuses: &[MachineStatus]) -> &'static str {
    let any = |is: fn(&MachinePhase) -> bool| statuses.iter().any(|status| is(&status.phase));
    if any(|phase| matches!(phase, MachinePhase::Stopped { failed: true, .. })) {
        "failed"
    } else if any(|phase| matches!(phase, MachinePhase::Draining | MachinePhase::Stopped { .. })) {
        "stopping"
    } else if any(|phase| !is_ready(phase)) {
        "starting"
    } else {
        "up"
    }
}

fn is_ready(phase: &MachinePhase) -> bool {
    matches!(phase, MachinePhase::Running | MachinePhase::Following { .. })
}

fn said(status: &MachineStatus) -> String {
    format!("{}/{} is {}", status.kind, status.partition, status.phase)
}

fn health(code: StatusCode, body: &serde_json::Value) -> Response {
    (code, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}
