//! Random records of every kind against apache-avro, both ways; and the schemas against the types of hoga-core.

use super::sample::any_record;
use super::sealed;
use crate::json::{origin_to_json, to_json};
use crate::{Origin, decode, open, schema};
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::schema::Schema;
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use hoga_core::records::*;
use hoga_core::{Decimal, MachineKind, Record, Topic};
use proptest::prelude::*;
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

/// The schemas, parsed by apache-avro.
static SCHEMAS: LazyLock<HashMap<RecordKind, Schema>> =
    LazyLock::new(|| RecordKind::ALL.iter().map(|k| (*k, Schema::parse_str(schema::text(*k)).unwrap())).collect());

/// An Avro value from our JSON, along the schema as it is written in the .avsc: nothing of our codec takes part.
struct Builder {
    /// The types that the schema defines, by name.
    named: HashMap<String, serde_json::Value>,
}

/// The named types in a schema or a part of it: records, enums and fixed.
fn named_types(schema: &serde_json::Value, named: &mut HashMap<String, serde_json::Value>) {
    match schema {
        serde_json::Value::Array(parts) => parts.iter().for_each(|part| named_types(part, named)),
        serde_json::Value::Object(parts) => {
            if let Some("record" | "enum" | "fixed") = schema["type"].as_str() {
                named.insert(schema["name"].as_str().unwrap().into(), schema.clone());
            }
            parts.values().for_each(|part| named_types(part, named));
        }
        _ => {}
    }
}

impl Builder {
    fn value(&self, schema: &serde_json::Value, name: &str, json: &serde_json::Value) -> Value {
        match schema {
            serde_json::Value::Array(union) => {
                assert_eq!(union[0], "null", "{name}: only unions with null");
                let index = u32::from(!json.is_null());
                Value::Union(index, Box::new(self.value(&union[index as usize], name, json)))
            }
            serde_json::Value::String(ty) => match ty.as_str() {
                "null" => Value::Null,
                "string" => Value::String(json.as_str().unwrap().into()),
                "boolean" => Value::Boolean(json.as_bool().unwrap()),
                "int" => Value::Int(json.as_i64().unwrap().try_into().unwrap()),
                "long" => Value::Long(json.as_i64().unwrap_or_else(|| id_of(json.as_str().unwrap()))),
                "bytes" => Value::Bytes(bytes_of(json.as_str().unwrap())),
                reference => self.complex(&self.named[reference], name, json),
            },
            complex => self.complex(complex, name, json),
        }
    }

    fn complex(&self, schema: &serde_json::Value, name: &str, json: &serde_json::Value) -> Value {
        match (schema["type"].as_str().unwrap(), schema["logicalType"].as_str()) {
            ("bytes", Some("decimal")) => {
                let unscaled = json.as_str().unwrap().parse::<Decimal>().unwrap().0;
                Value::Decimal(apache_avro::Decimal::from(shortest(unscaled)))
            }
            ("long", Some("timestamp-millis")) => Value::TimestampMillis(json.as_i64().unwrap()),
            ("fixed", None) => Value::Fixed(8, bytes_of(&format!("0x{}", json.as_str().unwrap()))),
            ("enum", None) => {
                let symbol = json.as_str().unwrap().replace('-', "_");
                let index = schema["symbols"].as_array().unwrap().iter().position(|s| s == symbol.as_str());
                Value::Enum(index.unwrap() as u32, symbol)
            }
            ("array", None) => {
                Value::Array(json.as_array().unwrap().iter().map(|j| self.value(&schema["items"], name, j)).collect())
            }
            ("record", None) => {
                let fields = schema["fields"].as_array().unwrap();
                assert_eq!(fields.len(), json.as_object().unwrap().len(), "{name}: fields");
                Value::Record(fields.iter().map(|field| self.field(field, json)).collect())
            }
            other => panic!("{name}: {other:?} is not among hoga's types"),
        }
    }

    fn field(&self, field: &serde_json::Value, json: &serde_json::Value) -> (String, Value) {
        let name = field["name"].as_str().unwrap();
        let json = json.get(name).unwrap_or_else(|| panic!("{name}: only in the .avsc"));
        (name.into(), self.value(&field["type"], name, json))
    }
}

/// The shortest two's complement, found by trying: apache-avro writes a decimal as long as it is given.
fn shortest(unscaled: i128) -> Vec<u8> {
    let bytes = unscaled.to_be_bytes();
    let extended = |tail: &[u8]| tail.iter().fold(i128::from(tail[0] as i8) >> 7, |v, b| v << 8 | i128::from(*b));
    (0..16).rev().map(|from| &bytes[from..]).find(|tail| extended(tail) == unscaled).unwrap().to_vec()
}

/// `partition-count` as the long.
fn id_of(text: &str) -> i64 {
    let (partition, count) = text.split_once('-').unwrap();
    partition.parse::<i64>().unwrap() << 48 | count.parse::<i64>().unwrap()
}

fn bytes_of(text: &str) -> Vec<u8> {
    match text.strip_prefix("0x") {
        Some(hex) => (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect(),
        None => text.into(),
    }
}

/// A record and its origin as apache-avro's value.
fn avro_value(record: &Record, origin: Option<&Origin>) -> Value {
    let mut json = to_json(record);
    json["origin"] = origin.map_or(serde_json::Value::Null, origin_to_json);
    let schema = serde_json::from_str(schema::text(record.kind())).unwrap();
    let mut named = HashMap::new();
    named_types(&schema, &mut named);
    Builder { named }.value(&schema, record.kind().name(), &json)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn apache_avro_and_we_read_and_write_the_same_bytes((record, origin) in any_record()) {
        let ours = sealed(&record, origin.as_ref());
        let schema = &SCHEMAS[&record.kind()];
        let value = avro_value(&record, origin.as_ref());

        let theirs = GenericDatumWriter::builder(schema).build().unwrap().write_value_to_vec(value.clone()).unwrap();
        prop_assert_eq!(&ours[5..], &theirs[..], "their bytes");
        let reader = GenericDatumReader::builder(schema).build().unwrap();
        prop_assert_eq!(reader.read_value(&mut &ours[5..]).unwrap(), value, "their value");

        let frame = open(&ours).unwrap();
        prop_assert_eq!((frame.kind, frame.schema_id), (record.kind(), schema::schema_id(record.kind())));
        prop_assert_eq!(frame.origin, origin);
        prop_assert_eq!(decode(&frame).unwrap(), record, "our value");
    }
}

/// The symbols of an enum as its schema must have them: the names, where Avro allows no `-` with `_`.
fn symbols<T: Copy>(all: &[T], name: fn(T) -> &'static str) -> Vec<String> {
    all.iter().map(|value| name(*value).replace('-', "_")).collect()
}

#[test]
fn the_enums_of_the_schemas_are_those_of_the_core() {
    macro_rules! enums {
        ($($ty:ident),+ $(,)?) => { [$((stringify!($ty), symbols($ty::ALL, $ty::name))),+] };
    }
    let core = HashMap::from(enums!(
        BookOutcome,
        CandleSource,
        CommandKind,
        JournalKind,
        LedgerAccount,
        Liquidity,
        MachineKind,
        OrderEventKind,
        OrderStatus,
        OrderType,
        Phase,
        Reason,
        SelfMatchPrevention,
        Side,
        TimeInForce,
        Topic,
    ));
    let mut seen = HashSet::new();
    for kind in RecordKind::ALL {
        let mut named = HashMap::new();
        named_types(&serde_json::from_str(schema::text(*kind)).unwrap(), &mut named);
        for (name, definition) in named.iter().filter(|(_, d)| d["type"] == "enum") {
            assert_eq!(definition["symbols"], serde_json::json!(core[name.as_str()]), "{name} in {kind}.avsc");
            seen.insert(name.clone());
        }
    }
    assert_eq!(seen.len(), core.len(), "every enum of the core is in a schema");
}

/// A JSON value of each part of a schema has a name or a doc: what a reader without our sources has to go by.
fn undocumented(schema: &serde_json::Value, path: &str, missing: &mut Vec<String>) {
    match schema {
        serde_json::Value::Array(parts) => parts.iter().for_each(|part| undocumented(part, path, missing)),
        serde_json::Value::Object(parts) => {
            let path = schema["name"].as_str().map_or(path.into(), |name| format!("{path}.{name}"));
            if schema["name"].is_string() && schema["doc"].as_str().is_none_or(str::is_empty) {
                missing.push(path.clone());
            }
            parts.values().for_each(|part| undocumented(part, &path, missing));
        }
        _ => {}
    }
}

#[test]
fn ids_names_and_docs_of_the_schemas_are_in_order() {
    let mut missing = Vec::new();
    for (index, kind) in RecordKind::ALL.iter().enumerate() {
        assert_eq!(schema::schema_id(*kind) as usize, index + 1);
        assert_eq!(schema::kind_of(index as u32 + 1), Some(*kind));
        let Schema::Record(record) = &SCHEMAS[kind] else { panic!("{kind}: not a record") };
        assert_eq!(record.name.to_string(), schema::full_name(*kind));
        assert_eq!(record.fields[0].name, "origin");
        undocumented(&serde_json::from_str(schema::text(*kind)).unwrap(), "", &mut missing);
    }
    assert_eq!(missing, Vec::<String>::new());
    assert_eq!((schema::kind_of(0), schema::kind_of(schema::LAST_ID + 1)), (None, None));
    assert_eq!(schema::subject(Topic::Orders, RecordKind::PlaceOrder), "orders-hoga.PlaceOrder");
}
