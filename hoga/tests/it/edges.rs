//! The edges between the rooms, one line each, checked on what cargo resolves for normal dependencies.
//!
//! Every name must be a package of the lock, so a misspelt one fails; the lines with `uses` are positive controls.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Whether the first reaches the second, at any distance.
const EDGES: &[(&str, Edge, &str)] = &[
    ("hoga-core", never, "hoga-schemas"),
    ("hoga-core", never, "hoga-topics"),
    ("hoga-core", never, "hoga-runtime"),
    ("hoga-core", never, "hoga-ingest"),
    ("hoga-core", never, "tokio"),
    ("hoga-core", never, "futures-core"),
    ("hoga-core", never, "object_store"),
    ("hoga-core", never, "tracing"),
    ("hoga-core", never, "fastrand"),
    ("hoga-core", never, "rand"),
    ("hoga-core", never, "chrono"),
    ("hoga-core", uses, "xxhash-rust"),
    ("hoga-schemas", uses, "hoga-core"),
    ("hoga-schemas", never, "hoga-topics"),
    ("hoga-schemas", never, "hoga-runtime"),
    ("hoga-schemas", never, "hoga-ingest"),
    ("hoga-schemas", never, "tokio"),
    ("hoga-schemas", never, "apache-avro"), // the tests' oracle, never the codec
    ("hoga-topics", uses, "hoga-schemas"),
    ("hoga-topics", never, "hoga-runtime"),
    ("hoga-topics", never, "hoga-ingest"),
    ("hoga-topics", never, "tokio"),
    ("hoga-topics", never, "axum"),
    ("hoga-runtime", uses, "hoga-topics"),
    ("hoga-runtime", uses, "tokio"), // object_store is async: the runtime alone drives it
    ("hoga-runtime", never, "axum"), // what it shows is its status; who serves it is the command
    ("hoga-runtime", never, "hoga-ingest"),
    ("hoga-ingest", uses, "hoga-topics"),
    ("hoga-ingest", never, "hoga-runtime"),
    ("hoga-ingest", never, "tokio"),
    ("hoga-simulation", uses, "hoga-runtime"),
    ("hoga-simulation", never, "hoga-ingest"),
    ("hoga-core", never, "hoga-simulation"),
    ("hoga-runtime", never, "hoga-simulation"),
    ("hoga", uses, "hoga-runtime"),
    ("hoga", uses, "hoga-ingest"),
    ("hoga", uses, "hoga-simulation"),
    ("hoga", uses, "axum"),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(non_camel_case_types)] // so that a line reads as a sentence
enum Edge {
    uses,
    never,
}
use Edge::{never, uses};

#[test]
fn rooms_use_only_what_they_may() {
    let graph = graph();
    for &(from, edge, to) in EDGES {
        assert!(graph.contains_key(from), "{from} is no package of this workspace");
        assert!(graph.contains_key(to), "{to} is in no dependency tree here: misspelt, or drop the line");
        let found = if reaches(&graph, from, to) { uses } else { never };
        assert_eq!(found, edge, "{from} {edge:?} {to}");
    }
}

/// Names of packages to the names of their normal dependencies. Names that stand twice (two versions) are joined.
fn graph() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON");
    let list = |value: &Value| value.as_array().expect("a list").clone();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let names: BTreeMap<String, String> =
        list(&metadata["packages"]).iter().map(|package| (text(&package["id"]), text(&package["name"]))).collect();
    let mut graph = BTreeMap::<String, BTreeSet<String>>::new();
    for node in list(&metadata["resolve"]["nodes"]) {
        let normal = list(&node["deps"]).into_iter().filter(|dep| list(&dep["dep_kinds"]).iter().any(is_normal));
        let dependencies = normal.map(|dep| names[&text(&dep["pkg"])].clone());
        graph.entry(names[&text(&node["id"])].clone()).or_default().extend(dependencies);
    }
    graph
}

fn is_normal(kind: &Value) -> bool {
    kind["kind"].is_null()
}

fn reaches(graph: &BTreeMap<String, BTreeSet<String>>, from: &str, to: &str) -> bool {
    let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
    while let Some(name) = next.pop() {
        if !seen.insert(name) {
            continue;
        }
        if name == to {
            return true;
        }
        next.extend(graph[name].iter().map(String::as_str));
    }
    false
}
