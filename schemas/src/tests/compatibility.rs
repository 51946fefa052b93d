//! Schemas change only so that old and new readers agree: full, transitive.
//!
//! `history/v<n>/*.avsc` are what was released and never change; `avro/*.avsc` are what the next release writes.
//! To change a schema: give the new field a default, run this, and at the release copy `avro/` to the next version.

use crate::schema;
use apache_avro::schema::Schema;
use apache_avro::schema_compatibility::{Compatibility, SchemaCompatibility};
use hoga_core::records::RecordKind;
use serde_json::{Value, json};
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

/// The field of that name.
fn field<'a>(schema: &'a mut Value, name: &str) -> &'a mut Value {
    let fields = schema["fields"].as_array_mut().unwrap();
    fields.iter_mut().find(|field| field["name"] == name).unwrap()
}

fn add(schema: &mut Value, field: Value) {
    schema["fields"].as_array_mut().unwrap().push(field);
}

fn add_symbol(ty: &mut Value, symbol: &str) {
    ty["symbols"].as_array_mut().unwrap().push(json!(symbol));
}

#[test]
fn the_check_refuses_what_would_break_readers() {
    type Change = fn(&mut Value);
    let changes: &[(&str, Change, bool)] = &[
        ("other words", |s| field(s, "leaves")["doc"] = json!("What is left."), true),
        ("a field with a default", |s| add(s, json!({"name": "n", "type": "int", "default": 0})), true),
        ("a symbol more, with a default", |s| add_symbol(&mut field(s, "reason")["type"][1], "NEWER"), true),
        ("a field without a default", |s| add(s, json!({"name": "n", "type": "int"})), false),
        ("a field less", |s| drop(s["fields"].as_array_mut().unwrap().pop()), false),
        ("a field renamed", |s| field(s, "order_id")["name"] = json!("order"), false),
        ("a long that becomes an int", |s| field(s, "order_id")["type"] = json!("int"), false),
        ("another scale", |s| field(s, "leaves")["type"]["scale"] = json!(8), false),
        ("a symbol less", |s| drop(field(s, "outcome")["type"]["symbols"].as_array_mut().unwrap().pop()), false),
        ("a symbol more, no default", |s| add_symbol(&mut field(s, "outcome")["type"], "NEWER"), false),
        ("a value no longer optional", |s| field(s, "client_order_id")["type"] = json!("string"), false),
    ];
    let text = schema::text(RecordKind::BookAnswer);
    for (what, change, agrees) in changes {
        let mut changed: Value = serde_json::from_str(text).unwrap();
        change(&mut changed);
        let verdict = agree(text, &changed.to_string());
        assert_eq!(verdict.is_ok(), *agrees, "{what}: {verdict:?}");
    }
}
