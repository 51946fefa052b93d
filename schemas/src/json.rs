//! Records for people: JSON with the fields' names as in the schemas.
//!
//! Decimals are strings, times milliseconds, ids of orders and trades `partition-count`, enums their names, hashes
//! 16 hex digits, absent values null. Bytes are text where they are, otherwise `0x` and hex.
//!
//! Left out on purpose: the way back. What people write is read where it is judged, field by field.

use crate::field::Field;
use crate::frame::Origin;
use crate::records;
use hoga_core::Record;
use serde_json::Value;

/// A record's fields as a JSON object, in the order of its schema.
pub fn to_json(record: &Record) -> Value {
    records::json(record)
}

/// An origin as a JSON object: `machine`, `partition`, `epoch`, `cause`, `number`, `hash`.
pub fn origin_to_json(origin: &Origin) -> Value {
    origin.json()
}

/// A field in which two records differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldDifference {
    /// Its name; within others as a path, for example `postings[0].balance`.
    pub field: String,
    /// What the one record has there, as in its JSON.
    pub one: String,
    /// What the other has.
    pub other: String,
}

/// The fields in which two records of a kind differ, in the order of their schema; none: they are equal.
pub fn differences(one: &Record, other: &Record) -> Vec<FieldDifference> {
    let mut found = Vec::new();
    compare("", &to_json(one), &to_json(other), &mut found);
    found
}

fn compare(path: &str, one: &Value, other: &Value, found: &mut Vec<FieldDifference>) {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) if one.keys().eq(other.keys()) => {
            let dot = if path.is_empty() { "" } else { "." };
            for ((name, one), other) in one.iter().zip(other.values()) {
                compare(&format!("{path}{dot}{name}"), one, other, found);
            }
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            for (index, (one, other)) in one.iter().zip(other).enumerate() {
                compare(&format!("{path}[{index}]"), one, other, found);
            }
        }
        (one, other) if one == other => {}
        (one, other) => found.push(FieldDifference { field: path.to_owned(), one: text(one), other: text(other) }),
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hoga_core::records::{DepthLevel, DepthUpdate};
    use hoga_core::{Decimal, Symbol, Timestamp};

    fn update(quantity: i64, asks: usize) -> Record {
        let level = DepthLevel { price: Decimal::from_int(5), quantity: Decimal::from_int(quantity), orders: 1 };
        let (symbol, bids, asks) = (Symbol::unchecked("KRW-BTC"), vec![level.clone()], vec![level; asks]);
        DepthUpdate { symbol, sequence: 1, time: Timestamp(2), snapshot: false, bids, asks }.into()
    }

    #[test]
    fn fields_that_differ_are_named_however_deep() {
        assert_eq!(differences(&update(3, 1), &update(3, 1)), []);
        let named = |one, other| differences(&one, &other).into_iter().map(|at| (at.field, at.one, at.other)).collect();
        let found: Vec<_> = named(update(3, 1), update(4, 2));
        assert_eq!(found[0], ("bids[0].quantity".into(), "3".into(), "4".into()));
        assert_eq!((found.len(), found[1].0.as_str()), (2, "asks"), "another count is told as a whole");
    }
}
