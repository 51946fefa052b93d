//! An Avro implementation that is neither ours nor in Rust decodes our bytes: fastavro, in a Python environment
//! that the test makes below the target folder. Without Python or its packages the test is skipped, and says so;
//! with `CI=true` it fails.

use hoga_core::Record;
use hoga_core::records::{Clock, RecordKind};
use hoga_schemas::json::{origin_to_json, to_json};
use hoga_schemas::{decode, open, schema};
use serde_json::{Map, Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const FASTAVRO: &str = "fastavro==1.13.1";

/// Runs a command to its end; an error names the command and what it said.
fn run(command: &mut Command, input: &[u8]) -> Result<String, String> {
    let text = format!("{command:?}");
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let done = piped.spawn().and_then(|mut child| {
        child.stdin.take().expect("piped").write_all(input)?;
        child.wait_with_output()
    });
    match done {
        Ok(Output { status, stdout, .. }) if status.success() => Ok(String::from_utf8_lossy(&stdout).into_owned()),
        Ok(Output { stdout, stderr, .. }) => {
            Err(format!("{text}: {}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr)))
        }
        Err(e) => Err(format!("{text}: {e}")),
    }
}

/// A Python that has fastavro; made once and kept.
fn python() -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(FASTAVRO.replace("==", "-"));
    let python = folder.join("bin/python");
    if run(Command::new(&python).args(["-c", "import fastavro"]), b"").is_err() {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder), b"")?;
        run(Command::new(&python).args(["-m", "pip", "install", "--quiet", FASTAVRO]), b"")?;
    }
    Ok(python)
}

/// What we show for a value, with `origin` first as in the schema.
fn shown(value: &[u8]) -> (RecordKind, Value) {
    let frame = open(value).expect("golden bytes open");
    let record: Record = decode(&frame).expect("golden bytes decode");
    let mut all = Map::new();
    all.insert("origin".into(), json!(frame.origin.as_ref().map(origin_to_json)));
    all.extend(to_json(&record).as_object().expect("a record is an object").clone());
    (frame.kind, Value::Object(all))
}

fn case(value: &[u8]) -> Value {
    let (kind, shown) = shown(value);
    let value_hex: String = value.iter().map(|byte| format!("{byte:02x}")).collect();
    json!({ "kind": kind.name(), "schema": schema::text(kind), "value_hex": value_hex, "shown": shown })
}

fn golden() -> Vec<Vec<u8>> {
    let unhex =
        |hex: &str| (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).expect("hex")).collect();
    include_str!("../golden/v1/records.jsonl")
        .lines()
        .map(|line| unhex(serde_json::from_str::<Value>(line).expect("JSON")["value_hex"].as_str().expect("hex")))
        .collect()
}

#[test]
fn fastavro_reads_our_bytes_as_the_same_values() {
    let python = match python() {
        Ok(python) => python,
        Err(why) if std::env::var("CI").is_ok_and(|ci| ci == "true") => panic!("no {FASTAVRO}: {why}"),
        Err(why) => return eprintln!("SKIPPED: no {FASTAVRO}, install python3 with venv and pip: {why}"),
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/foreign.py");
    let compare = |cases: &[Value]| run(Command::new(&python).arg(&script), json!(cases).to_string().as_bytes());

    let cases: Vec<Value> = golden().iter().map(|value| case(value)).collect();
    assert_eq!(cases.len(), RecordKind::ALL.len());
    assert_eq!(compare(&cases), Ok(format!("{} values equal\n", cases.len())));

    // That the script sees a difference: the bytes of one time, shown as another.
    let mut wrong = case(&hoga_schemas::encode(&Record::from(Clock { time: hoga_core::Timestamp(1) })));
    wrong["shown"]["time"] = json!(2);
    let said = compare(&[wrong]).expect_err("a difference is seen");
    assert!(said.contains("1 of 1 values differ"), "{said}");
}
