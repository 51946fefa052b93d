//! What a schema registry knows of hoga's topics: subjects, their versions, the schema of each id.
//!
//! Reads the catalogue and the schemas; a subject is a topic's name and a record's (TopicRecordNameStrategy), for every
//! record that the topic may carry.
//!
//! Invariants:
//! 1. The id that stands in front of a record in a topic is the id of a version of that topic's subject for it.
//! 2. Everything is known when hoga is built: nothing is stored, and there is nothing to register.
//!
//! Left out on purpose: HTTP, and the answers' forms; those are the command's.

use crate::catalogue;
use hoga_core::records::RecordKind;
use hoga_schemas::schema;
use std::collections::BTreeMap;

/// The subjects of one log's topics.
#[derive(Debug, Clone)]
pub struct Registry {
    subjects: BTreeMap<String, RecordKind>,
}

/// One version of a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version {
    /// Its number, from 1 on.
    pub number: u32,
    /// Its schema's id.
    pub schema_id: u32,
}

/// A subject and one of its versions.
pub type SubjectVersion<'a> = (&'a str, Version);

impl Registry {
    /// Of the topics whose names begin with `topic_prefix` (empty for none).
    pub fn new(topic_prefix: &str) -> Self {
        let carried = catalogue::all().flat_map(|spec| {
            RecordKind::ALL.iter().filter(|kind| spec.may_carry(**kind)).map(|kind| (spec.topic, *kind))
        });
        let named = carried.map(|(topic, kind)| (format!("{topic_prefix}{}", schema::subject(topic, kind)), kind));
        Self { subjects: named.collect() }
    }

    /// All subjects, sorted.
    pub fn subjects(&self) -> impl Iterator<Item = &str> {
        self.subjects.keys().map(String::as_str)
    }

    /// A subject's versions, oldest first and never none; `None` if there is no such subject.
    pub fn versions(&self, subject: &str) -> Option<Vec<Version>> {
        self.subjects.get(subject).map(|kind| versions(*kind).collect())
    }

    /// The text of a schema on one line; `None` if the id is unknown.
    pub fn schema(&self, schema_id: u32) -> Option<String> {
        schema::line(schema_id)
    }

    /// Every version of every subject that has that schema.
    pub fn uses(&self, schema_id: u32) -> impl Iterator<Item = SubjectVersion<'_>> {
        let all = self.subjects.iter().flat_map(|(subject, kind)| versions(*kind).map(move |v| (subject.as_str(), v)));
        all.filter(move |(_, version)| version.schema_id == schema_id)
    }

    /// The version of a subject whose schema that text is.
    pub fn find(&self, subject: &str, text: &str) -> Option<Version> {
        versions(*self.subjects.get(subject)?).find(|version| schema::is(version.schema_id, text))
    }
}

fn versions(kind: RecordKind) -> impl Iterator<Item = Version> {
    schema::versions(kind).map(|(number, schema_id)| Version { number, schema_id })
}

#[cfg(test)]
mod tests {
    use super::*;
    use hoga_core::Topic;

    #[test]
    fn every_record_of_every_topic_has_a_subject_with_its_id() {
        let registry = Registry::new("");
        for spec in catalogue::all() {
            for kind in RecordKind::ALL {
                let found = registry.versions(&format!("{}-hoga.{kind}", spec.topic));
                let id = found.map(|versions| versions.last().expect("never none").schema_id);
                assert_eq!(id, spec.may_carry(*kind).then(|| schema::schema_id(*kind)), "{} {kind}", spec.topic);
            }
        }
        assert_eq!(registry.versions("orders-hoga.PlaceOrder"), Some(vec![Version { number: 1, schema_id: 1 }]));
        assert!(registry.versions("accounts-hoga.Claim").is_some(), "copies of claims are records, too");
        assert!(registry.subjects().is_sorted());
    }

    #[test]
    fn topics_with_a_prefix_have_subjects_with_it() {
        let registry = Registry::new("eu.");
        assert!(registry.versions("eu.orders-hoga.PlaceOrder").is_some());
        assert_eq!(registry.versions("orders-hoga.PlaceOrder"), None);
    }

    #[test]
    fn a_schema_is_one_line_of_its_file_and_is_found_however_it_is_spaced() {
        let registry = Registry::new("");
        let id = schema::schema_id(RecordKind::PlaceOrder);
        let line = registry.schema(id).unwrap();
        assert!(!line.contains('\n') && line.starts_with(r#"{"type":"record","name":"PlaceOrder","namespace":"hoga""#));
        let version = Some(Version { number: 1, schema_id: id });
        assert_eq!(registry.find("orders-hoga.PlaceOrder", &line), version);
        assert_eq!(registry.find("orders-hoga.PlaceOrder", schema::text(RecordKind::PlaceOrder)), version);
        for (subject, text) in [
            ("orders-hoga.CancelOrder", line.as_str()),
            ("orders-hoga.Nothing", &line),
            ("orders-hoga.PlaceOrder", "{"),
            ("orders-hoga.PlaceOrder", &line.replacen("account", "acount", 1)),
        ] {
            assert_eq!(registry.find(subject, text), None, "{subject} {text}");
        }
        assert_eq!(registry.schema(0), None);
        assert_eq!(registry.schema(schema::LAST_ID + 1), None);
    }

    #[test]
    fn a_schema_is_used_by_every_topic_that_carries_it() {
        let registry = Registry::new("");
        let id = schema::schema_id(RecordKind::PlaceOrder);
        let uses: Vec<_> = registry.uses(id).map(|(subject, _)| subject).collect();
        assert_eq!(uses, ["accounts-hoga.PlaceOrder", "orders-hoga.PlaceOrder"]);
        assert_eq!(registry.uses(schema::LAST_ID + 1).count(), 0);
        for (topic, used) in [(Topic::Owners, true), (Topic::Orders, false), (Topic::Books, true)] {
            let claim = registry.uses(schema::schema_id(RecordKind::Claim));
            assert_eq!(claim.filter(|(subject, _)| subject.starts_with(&format!("{topic}-"))).count() == 1, used);
        }
    }
}
