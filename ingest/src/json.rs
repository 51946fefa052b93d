//! One JSON object a line, taken apart strictly: which fields, each at most once, numbers exactly as written.
//!
//! Invariants:
//! 1. A number never becomes a float: `0.1` is read from its own characters, in quotes or not.
//! 2. A field that is not asked for is an error, and so is one that stands twice.
//! 3. An error names the line, the field, the value (cut to [`SHOWN`] characters), the rule and so the way out.
//! 4. A line costs no more than its length: it has at most [`MAX_FIELDS`] fields, and a message stays short.
//!
//! Left out on purpose: what the fields mean; that is [`crate::commands`].

use hoga_core::Decimal;
use hoga_core::time::Timestamp;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// The longest line in bytes.
pub const MAX_LINE: usize = 65_536;
/// The most fields of a line: more than any command has, few enough to look through.
pub const MAX_FIELDS: usize = 64;
/// How many characters of a value an error shows.
pub const SHOWN: usize = 64;

/// Why a line is not a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    /// Not one JSON object.
    #[error("line {line}: not a JSON object: {what}; write one object a line, such as {{\"action\":\"cancel\", ...}}")]
    NotJson {
        /// Counted from 1.
        line: u64,
        /// What the parser says, with the column.
        what: String,
    },
    /// The line is longer than [`MAX_LINE`].
    #[error("line {line}: {length} bytes are more than a line may have ({MAX_LINE})")]
    TooLong {
        /// Counted from 1.
        line: u64,
        /// The line's bytes.
        length: usize,
    },
    /// A field that this action does not have.
    #[error("line {line}: there is no field {field:?} in {action}; its fields are {allowed}")]
    UnknownField {
        /// Counted from 1.
        line: u64,
        /// The field.
        field: String,
        /// The action.
        action: &'static str,
        /// The fields that it has.
        allowed: String,
    },
    /// A field that must be there.
    #[error("line {line}: {field} is missing: {rule}")]
    Missing {
        /// Counted from 1.
        line: u64,
        /// The field.
        field: &'static str,
        /// What it must be.
        rule: String,
    },
    /// A field whose value breaks a rule.
    #[error("line {line}: {field} {value} is not valid: {rule}")]
    Value {
        /// Counted from 1.
        line: u64,
        /// The field.
        field: &'static str,
        /// The value as written, cut.
        value: String,
        /// The rule.
        rule: String,
    },
}

/// The fields of one line, each taken once.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    line: u64,
    entries: Vec<(String, &'a RawValue)>,
    asked: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// Takes a line apart.
    pub(crate) fn parse(line: u64, text: &'a str) -> Result<Self, InputError> {
        if text.len() > MAX_LINE {
            return Err(InputError::TooLong { line, length: text.len() });
        }
        let Object(entries) =
            serde_json::from_str(text).map_err(|error| InputError::NotJson { line, what: shortened(&error) })?;
        Ok(Self { line, entries, asked: Vec::new() })
    }

    /// The raw value of a field; `null` counts as absent.
    fn take(&mut self, field: &'static str) -> Option<&'a RawValue> {
        self.asked.push(field);
        let position = self.entries.iter().position(|(name, _)| name == field)?;
        let (_, value) = self.entries.swap_remove(position);
        (value.get() != "null").then_some(value)
    }

    /// A text, if it is there.
    pub(crate) fn text(&mut self, field: &'static str) -> Result<Option<String>, InputError> {
        let Some(raw) = self.take(field) else { return Ok(None) };
        serde_json::from_str(raw.get()).map(Some).map_err(|_| self.refuse(field, raw.get(), "a text in quotes"))
    }

    /// A text that `parse` reads, if it is there; its error is the rule.
    pub(crate) fn parsed<T, E: fmt::Display>(
        &mut self,
        field: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, InputError> {
        let Some(text) = self.text(field)? else { return Ok(None) };
        parse(&text).map(Some).map_err(|rule| self.refuse(field, &format!("{text:?}"), &rule.to_string()))
    }

    /// One of an enum's names, if it is there.
    pub(crate) fn choice<T: Copy + fmt::Display>(
        &mut self,
        field: &'static str,
        all: &[T],
    ) -> Result<Option<T>, InputError> {
        self.parsed(field, |text| {
            let found = all.iter().copied().find(|value| value.to_string() == text);
            found.ok_or_else(|| format!("one of {}", listed(all)))
        })
    }

    /// A decimal in quotes or as a plain number, if it is there.
    pub(crate) fn decimal(&mut self, field: &'static str) -> Result<Option<Decimal>, InputError> {
        let Some(raw) = self.take(field) else { return Ok(None) };
        let quoted: Option<String> = serde_json::from_str(raw.get()).ok();
        let text = quoted.as_deref().unwrap_or(raw.get());
        text.parse().map(Some).map_err(|rule| self.refuse(field, raw.get(), &format!("{rule}")))
    }

    /// A decimal above zero, if it is there.
    pub(crate) fn positive(&mut self, field: &'static str) -> Result<Option<Decimal>, InputError> {
        match self.decimal(field)? {
            Some(value) if !value.is_positive() => Err(self.refuse(field, &value.to_string(), "it must be above zero")),
            value => Ok(value),
        }
    }

    /// A whole number in a range, if it is there.
    pub(crate) fn integer(
        &mut self,
        field: &'static str,
        range: std::ops::RangeInclusive<i64>,
    ) -> Result<Option<i64>, InputError> {
        let Some(raw) = self.take(field) else { return Ok(None) };
        match raw.get().parse() {
            Ok(value) if range.contains(&value) => Ok(Some(value)),
            _ => {
                let rule = format!("a whole number from {} to {}", range.start(), range.end());
                Err(self.refuse(field, raw.get(), &rule))
            }
        }
    }

    /// A time in milliseconds UTC, if it is there.
    pub(crate) fn time(&mut self, field: &'static str) -> Result<Option<Timestamp>, InputError> {
        Ok(self.integer(field, 0..=i64::MAX / 2)?.map(Timestamp))
    }

    /// True or false; absent is false.
    pub(crate) fn flag(&mut self, field: &'static str) -> Result<bool, InputError> {
        match self.take(field).map(RawValue::get) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(other) => Err(self.refuse(field, other, "true or false")),
        }
    }

    /// The value of a field that must be there.
    pub(crate) fn need<T>(&self, field: &'static str, value: Option<T>, rule: &str) -> Result<T, InputError> {
        value.ok_or_else(|| InputError::Missing { line: self.line, field, rule: rule.to_owned() })
    }

    /// Refuses a field's value.
    pub(crate) fn refuse(&self, field: &'static str, value: &str, rule: &str) -> InputError {
        let value = value.chars().take(SHOWN).collect();
        InputError::Value { line: self.line, field, value, rule: rule.to_owned() }
    }

    /// Nothing else may stand in the line.
    pub(crate) fn end(self, action: &'static str) -> Result<(), InputError> {
        let Some((field, _)) = self.entries.into_iter().next() else { return Ok(()) };
        let allowed = self.asked.join(", ");
        Err(InputError::UnknownField { line: self.line, field: field.chars().take(SHOWN).collect(), action, allowed })
    }
}

/// What the parser says, which may repeat all of the line.
fn shortened(error: &serde_json::Error) -> String {
    let text = error.to_string();
    if text.chars().nth(4 * SHOWN).is_none() {
        return text;
    }
    let beginning: String = text.chars().take(2 * SHOWN).collect();
    format!("{beginning}... at line {} column {}", error.line(), error.column())
}

/// Names joined for people.
pub(crate) fn listed<T: fmt::Display>(all: &[T]) -> String {
    all.iter().map(T::to_string).collect::<Vec<_>>().join(", ")
}

/// A JSON object as its entries, in order, keys unique.
struct Object<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries: Self::Value = Vec::new();
                while let Some((key, value)) = map.next_entry::<String, &'de RawValue>()? {
                    if entries.len() == MAX_FIELDS {
                        return Err(A::Error::custom(format_args!("more than {MAX_FIELDS} fields")));
                    }
                    if entries.iter().any(|(name, _)| *name == key) {
                        return Err(A::Error::custom(format_args!("the field {key:?} stands twice")));
                    }
                    entries.push((key, value));
                }
                Ok(entries)
            }
        }
        deserializer.deserialize_map(Entries).map(Object)
    }
}
