//! Requests over a real connection, as any client sends them.

use super::*;
use hoga_core::MachineKind;
use hoga_runtime::{Alarms, Counts, MachinePhase, MachineStatus};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;

fn start(exchange: Option<Arc<Exchange>>) -> Server {
    Server::start(SocketAddr::from(([127, 0, 0, 1], 0)), "", exchange).unwrap()
}

/// Head and body of the answer.
fn ask(server: &Server, method: &str, path: &str, body: &str) -> (String, String) {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    let len = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: hoga\r\nConnection: close\r\nContent-Length: {len}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

/// The status and the registry's JSON.
fn json_of(server: &Server, method: &str, path: &str, body: &str) -> (u16, Value) {
    let (head, body) = ask(server, method, path, body);
    assert!(head.to_lowercase().contains("content-type: application/vnd.schemaregistry.v1+json"), "{path}: {head}");
    (status(&head), serde_json::from_str(&body).unwrap_or_else(|error| panic!("{path}: {error}: {body}")))
}

fn status(head: &str) -> u16 {
    head.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn look_ups_are_answered_as_confluents_registry_answers_them() {
    let server = start(None);
    let get = |path: &str| json_of(&server, "GET", path, "");
    let (code, subjects) = get("/subjects");
    let subjects = subjects.as_array().unwrap().clone();
    assert!(code == 200 && subjects.contains(&json!("orders-hoga.PlaceOrder")), "{subjects:?}");
    for subject in &subjects {
        let subject = subject.as_str().unwrap();
        assert_eq!(get(&format!("/subjects/{subject}/versions")), (200, json!([1])));
    }
    for version in ["1", "latest", "-1"] {
        let (code, answer) = get(&format!("/subjects/executions-hoga.Execution/versions/{version}"));
        assert_eq!(code, 200);
        assert_eq!((&answer["subject"], &answer["version"]), (&json!("executions-hoga.Execution"), &json!(1)));
        let id = &answer["id"];
        assert_eq!(get(&format!("/schemas/ids/{id}")), (200, json!({"schema": answer["schema"]})));
        let schema: Value = serde_json::from_str(answer["schema"].as_str().unwrap()).unwrap();
        assert_eq!(schema["name"], "Execution");
        assert_eq!(get(&format!("/schemas/ids/{id}/schema")), (200, schema.clone()));
        assert_eq!(get(&format!("/subjects/executions-hoga.Execution/versions/{version}/schema")), (200, schema));
        let body = json!({"schema": answer["schema"]}).to_string();
        let found = json_of(&server, "POST", "/subjects/executions-hoga.Execution?normalize=false", &body);
        assert_eq!(found, (200, answer));
    }
    assert_eq!(get("/schemas/ids/17/subjects"), (200, json!(["executions-hoga.Execution"])));
    let used = json!([{"subject": "executions-hoga.Execution", "version": 1}]);
    assert_eq!(get("/schemas/ids/17/versions"), (200, used));
    assert_eq!(get("/schemas/types"), (200, json!(["AVRO"])));
    assert_eq!(get("/config"), (200, json!({"compatibilityLevel": "FULL_TRANSITIVE"})));
    assert_eq!(get("/mode"), (200, json!({"mode": "READONLY"})));
    assert_eq!(get("/"), (200, json!({})));
}

#[test]
fn what_is_not_there_has_confluents_error_codes() {
    let server = start(None);
    let place = "/subjects/orders-hoga.PlaceOrder";
    for (path, code, error_code, says) in [
        ("/subjects/nothing/versions", 404, 40401, "Subject 'nothing' not found."),
        ("/subjects/n%C3%B6%2Fx/versions/1", 404, 40401, "Subject 'nö/x' not found."),
        (&format!("{place}/versions/2"), 404, 40402, "Version 2 not found."),
        (&format!("{place}/versions/0"), 422, 42202, "The specified version '0' is not a valid version id."),
        (&format!("{place}/versions/newest"), 422, 42202, "The specified version 'newest'"),
        (&format!("{place}/versions/4294967296"), 422, 42202, "The specified version '4294967296'"),
        ("/schemas/ids/0", 404, 40403, "Schema 0 not found"),
        ("/schemas/ids/9999/versions", 404, 40403, "Schema 9999 not found"),
        ("/schemas/ids/x", 404, 404, "HTTP 404 Not Found"),
        ("/schemas", 404, 404, "HTTP 404 Not Found"),
    ] {
        let (status, answer) = json_of(&server, "GET", path, "");
        assert_eq!((status, &answer["error_code"]), (code, &json!(error_code)), "{path}: {answer}");
        assert!(answer["message"].as_str().unwrap().starts_with(says), "{path}: {answer}");
    }
}

#[test]
fn nothing_is_written_through_it() {
    let server = start(None);
    let place = "/subjects/orders-hoga.PlaceOrder";
    let schema = json!({"schema": "{\"type\":\"string\"}"}).to_string();
    for (method, path) in [
        ("POST", format!("{place}/versions")),
        ("DELETE", place.to_owned()),
        ("DELETE", format!("{place}/versions/1")),
        ("PUT", "/config".to_owned()),
        ("PUT", "/mode".to_owned()),
        ("POST", "/subjects".to_owned()),
    ] {
        let (status, answer) = json_of(&server, method, &path, &schema);
        assert_eq!((status, &answer["error_code"]), (405, &json!(405)), "{method} {path}");
        assert!(
            answer["message"].as_str().unwrap().contains("auto.register.schemas=false"),
            "{method} {path}: {answer}"
        );
    }
    let codes = |body: &str| json_of(&server, "POST", place, body).1["error_code"].clone();
    assert_eq!(codes(&schema), 40403, "another schema is not found");
    assert_eq!(codes("no JSON"), 42201);
    assert_eq!(codes("{}"), 42201);
    assert_eq!(codes(&"x".repeat(1 << 20)), 413);
}

fn machine(kind: MachineKind, phase: MachinePhase) -> MachineStatus {
    MachineStatus {
        kind,
        partition: 2,
        phase,
        epoch: Some(7),
        next_offset: 99,
        state_hash: None,
        counts: Counts { applied: 41, ..Counts::default() },
        alarms: Alarms { forged: 3, ..Alarms::default() },
    }
}

#[test]
fn health_says_what_the_machines_say() {
    let failed = || MachinePhase::Stopped { why: "a gap".into(), failed: true };
    let stopped = || MachinePhase::Stopped { why: "shut down".into(), failed: false };
    use MachinePhase::{Claiming, Draining, Following, Restoring, Running};
    let check = |phases: Vec<MachinePhase>, code: u16, word: &str, not_ready: Value| {
        let exchange = Arc::new(Exchange::default());
        exchange.show(move || phases.iter().map(|phase| machine(MachineKind::Holds, phase.clone())).collect());
        let (head, body) = ask(&start(Some(exchange)), "GET", "/health", "");
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((status(&head), &body["status"], &body["not_ready"]), (code, &json!(word), &not_ready));
    };
    check(vec![Running, Following { at: 3, marked: 9 }], 200, "up", json!([]));
    check(vec![Running, Claiming], 503, "starting", json!(["holds/2 is claiming"]));
    check(vec![Running, Restoring { at: 3, to: 9 }], 503, "starting", json!(["holds/2 is restoring, 3 of 9"]));
    check(vec![Running, Draining], 503, "stopping", json!(["holds/2 is draining"]));
    check(
        vec![stopped(), failed()],
        503,
        "failed",
        json!(["holds/2 is stopped: shut down", "holds/2 is stopped: a gap"]),
    );
    for (exchange, code, word) in [(None, 200, "up"), (Some(Arc::default()), 503, "starting")] {
        let (head, body) = ask(&start(exchange), "GET", "/health", "");
        assert_eq!((status(&head), body), (code, json!({"status": word}).to_string()));
    }
}

#[test]
fn metrics_are_text_that_prometheus_reads() {
    let exchange = Arc::new(Exchange::default());
    exchange.show(|| {
        let claiming = MachineStatus { epoch: None, ..machine(MachineKind::TickCandles, MachinePhase::Claiming) };
        vec![machine(MachineKind::Holds, MachinePhase::Running), claiming]
    });
    let (head, text) = ask(&start(Some(exchange)), "GET", "/metrics", "");
    assert!(head.to_lowercase().contains("content-type: text/plain; version=0.0.4"), "{head}");
    for line in [
        "# TYPE hoga_machine_applied_records_total counter",
        "hoga_machine_applied_records_total{machine=\"holds\",partition=\"2\"} 41",
        "hoga_machine_next_offset{machine=\"tick-candles\",partition=\"2\"} 99",
        "hoga_machine_phase{machine=\"holds\",partition=\"2\",phase=\"running\"} 1",
        "hoga_machine_phase{machine=\"holds\",partition=\"2\",phase=\"claiming\"} 0",
        "hoga_machine_phase{machine=\"tick-candles\",partition=\"2\",phase=\"claiming\"} 1",
        "hoga_machine_epoch{machine=\"holds\",partition=\"2\"} 7",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
    assert!(!text.contains("hoga_machine_epoch{machine=\"tick-candles\""), "who claims has no epoch yet");
    let names: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    assert!(names.iter().all(|name| name.ends_with("_total counter") != name.ends_with(" gauge")), "{names:?}");
}

#[test]
fn it_ends_although_a_client_stays() {
    let server = start(None);
    let mut silent = TcpStream::connect(server.address()).unwrap();
    silent.write_all(b"GET /subjects HTTP/1.1\r\n").unwrap();
    // Connections are taken in order: the silent one is, once a later one has its answer.
    assert_eq!(json_of(&server, "GET", "/", "").0, 200);
    drop(server);
    let mut rest = Vec::new();
    // Closed by the server: an end or a reset, and no answer.
    let _ = silent.read_to_end(&mut rest);
    assert!(rest.is_empty(), "{rest:?}");
}

#[test]
fn a_port_in_use_is_named_with_the_way_out() {
    let server = start(None);
    let error = Server::start(server.address(), "", None).map(drop).unwrap_err();
    assert_eq!(error.code(), 3);
    assert!(error.to_string().contains(&format!("serving HTTP on {}", server.address())), "{error}");
    assert!(error.to_string().contains("--http"), "{error}");
}
