//! Schemas change only so that old and new readers agree: full, transitive.
//!
//! `history/v<n>/*.avsc` are what was released and never change; `avro/*.avsc` are what the next release writes.
//! To change a schema: give the new field a default, run this, and at the release copy `avro/` to the next version.

use crate::schema;
use apache_avro::schema::Schema;
use apache_avro::schema_compatibility::{Compatibility, SchemaCompatibility};
use hoga_core::records::RecordKind;
use std::path::Path;

/// Whether each of the two reads what the other writes, whole; otherwise why not.
fn agree(one: &str, other: &str) -> Result<(), String> {
    let (one, other) = (parse(one)?, parse(other)?);
    match SchemaCompatibility::mutual_read(&one, &other) {
        Ok(Compatibility::Full) => Ok(()),
        Ok(Compatibility::Partial) => Err("some values of one cannot be read by the other".into()),
        Err(e) => Err(e.to_string()),
    }
}

fn parse(text: &str) -> Result<Schema, String> {
    Schema::parse_str(text).map_err(|e| e.to_string())
}

/// All released texts of a record, by version.
fn released(kind: RecordKind) -> Vec<(String, String)> {
    let history = Path::new(env!("CARGO_MANIFEST_DIR")).join("history");
    let versions = std::fs::read_dir(history).unwrap().map(|version| version.unwrap());
    let mut texts: Vec<_> = versions
        .filter_map(|version| {
            let text = std::fs::read_to_string(version.path().join(format!("{kind}.avsc"))).ok()?;
            Some((version.file_name().into_string().unwrap(), text))
        })
        .collect();
    texts.sort();
    texts
}

#[test]
fn every_schema_agrees_with_all_that_was_released() {
    for kind in RecordKind::ALL.iter().copied() {
        let released = released(kind);
        assert!(!released.is_empty(), "{kind}: no released schema in history/");
        for (version, text) in &released {
            if let Err(why) = agree(schema::text(kind), text) {
                panic!("avro/{kind}.avsc does not agree with history/{version}: {why}; give new fields a default");
            }
        }
    }
}

#[test]
fn the_check_refuses_what_would_break_readers() {
    let leg = schema::text(RecordKind::SettlementLeg);
    let answer = schema::text(RecordKind::BookAnswer);
    let account = r#"{"name": "account""#;
    let with_default = r#"{"name": "n", "type": "int", "default": 0}, {"name": "account""#;
    let without_default = r#"{"name": "n", "type": "int"}, {"name": "account""#;
    let (long, int) = ("\"trade_id\",\n      \"type\": \"long\"", "\"trade_id\",\n      \"type\": \"int\"");
    let (sides, more_sides) = (r#""BUY", "SELL""#, r#""BUY", "SELL", "BOTH""#);
    let (last_reason, more_reasons) = (r#""AMENDED_TO_FILLED""#, r#""AMENDED_TO_FILLED", "NEWER""#);
    let optional = "[\"null\", \"string\"],\n      \"default\": null";
    for (what, text, from, to, agrees) in [
        ("other words", leg, "What was traded.", "Which.", true),
        ("a field with a default", leg, account, with_default, true),
        ("a symbol more, with a default", answer, last_reason, more_reasons, true),
        ("a field without a default", leg, account, without_default, false),
        ("a field renamed", leg, "\"order_id\"", "\"order\"", false),
        ("a long that becomes an int", leg, long, int, false),
        ("another scale", leg, "\"scale\": 10", "\"scale\": 8", false),
        ("a symbol less", leg, sides, "\"BUY\"", false),
        ("a symbol more, no default", leg, sides, more_sides, false),
        ("a value no longer optional", answer, optional, "\"string\"", false),
    ] {
        let changed = text.replace(from, to);
        assert_ne!(changed, text, "{what}: the change does not apply");
        assert_eq!(agree(text, &changed).is_ok(), agrees, "{what}: {:?}", agree(text, &changed));
    }
}
