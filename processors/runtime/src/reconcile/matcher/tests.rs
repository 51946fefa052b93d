//! Scripts of effects and records: `1a` is the record `a` that input offset 1 caused. Records stand at offsets 0, 1, 2.

use super::*;
use crate::engine::Counter;
use hoga_core::Timestamp;

fn parts(word: &str) -> (u64, &str) {
    let (cause, content) = word.split_at(word.find(|c: char| c.is_alphabetic()).expect("a letter"));
    (cause.parse().expect("a cause"), content)
}

fn name(content: &Content) -> String {
    format!("{}{}", content.cause, String::from_utf8_lossy(content.content()))
}

fn told(told: &Told) -> String {
    match told {
        Told::Changed { offset, found, due } => format!("@{offset} {} for {}", name(found), name(due)),
        Told::Missing { before, due } => format!("@{before} no {}", name(due)),
        Told::Invented { offset, found } => format!("@{offset} odd {}", name(found)),
        Told::Doubled { offset, found } => format!("@{offset} twice {}", name(found)),
        Told::Moved { offset, found } => format!("@{offset} moved {}", name(found)),
    }
}

/// What is told once the matcher has these effects and records, and what comes `then`. Upper case letters are records of
/// another kind.
#[track_caller]
fn told_of(
    due: &str,
    found: &str,
    expected: &[&str],
    then: impl FnOnce(&mut Matcher, &mut dyn FnMut(Told)),
) -> Matcher {
    let kind = |text: &str| match text.chars().all(char::is_uppercase) {
        true => RecordKind::Clock,
        false => RecordKind::Execution,
    };
    let (mut matcher, mut said) = (Matcher::default(), Vec::new());
    let mut tell = |what: Told| said.push(told(&what));
    for (cause, content) in due.split_whitespace().map(parts) {
        let (kind, content, counter) = (kind(content), content.as_bytes(), Counter::default());
        let effect = Emitted { lane: 0, key: b"k", kind, content, cause, counter, time: Timestamp(0) };
        matcher.due(&effect, &mut tell);
    }
    for (offset, (cause, content)) in (0..).zip(found.split_whitespace().map(parts)) {
        let (kind, content) = (kind(content), content.as_bytes());
        matcher.found(Found { offset, cause, kind, key: b"k", content, asked: true }, &mut tell);
    }
    then(&mut matcher, &mut tell);
    assert_eq!(said, expected, "due {due}, found {found}");
    matcher
}

/// What is told of records that stand where effects are due, and nothing more comes.
#[track_caller]
fn check(due: &str, found: &str, rest: Rest, expected: &[&str]) -> Matcher {
    told_of(due, found, expected, |matcher, tell| matcher.finish(rest, tell))
}

const ALL: Rest = Rest::Read { end: 99, delivered: u64::MAX };

#[test]
fn what_differs_is_told_and_what_follows_is_not() {
    check("1a 1b 3c 4d", "1a 1b 3c 4d", ALL, &[]);
    check("1a 1b 3c 4d", "1a 1x 3c 4d", ALL, &["@1 1x for 1b"]);
    check("1a 1b 3c 4d", "1a 3c 4d", ALL, &["@1 no 1b"]);
    check("1a 1b 3c 4d", "1b 3c 4d", ALL, &["@1 no 1a"]);
    check("1a 1b 3c 4d", "1a 1b 1x 3c 4d", ALL, &["@2 odd 1x"]);
    check("1a 1b 3c 4d", "1a 1b 2x 3c 4d", ALL, &["@2 odd 2x"]);
    check("1a 1b 3c 4d", "1a 1b 1b 3c 4d", ALL, &["@2 twice 1b"]);
    check("1a 3c 4d", "1a 3c", ALL, &["@99 no 4d"]);
    check("1a 3c 4d", "", ALL, &["@99 no 1a", "@99 no 3c", "@99 no 4d"]);
    check("", "7x", ALL, &["@0 odd 7x"]);
}

#[test]
fn what_changed_places_is_told_once() {
    check("1a 1b 3c", "1b 1a 3c", ALL, &["@1 moved 1a"]);
    check("1a 2b 3c 4d", "1a 3c 2b 4d", ALL, &["@2 moved 2b"]);
    check("1a 1b 1c", "1c 1a 1b", ALL, &["@1 moved 1a", "@2 moved 1b"]);
}

#[test]
fn a_record_of_another_kind_is_no_changed_one() {
    check("1a 2b", "1X 2b", ALL, &["@0 odd 1X", "@1 no 1a"]);
    check("1a 1B 2c", "1x 1Y 2c", ALL, &["@0 1x for 1a", "@1 1Y for 1B"]);
}

#[test]
fn what_is_not_delivered_may_be_missing() {
    let rest = Rest::Read { end: 9, delivered: 3 };
    let matcher = check("1a 2b 3c 3d 4e", "1a 2b 3c", rest, &[]);
    assert_eq!(matcher.under_way, 2);
    let matcher = check("1a 2b 3c", "1a", rest, &["@9 no 2b"]);
    assert_eq!(matcher.under_way, 1);
    let matcher = check("1a 2b 3c", "1a", Rest::Unread, &[]);
    assert_eq!((matcher.unread, matcher.owed()), (2, (0, 0)));
}

#[test]
fn behind_a_gap_the_first_that_had_to_be_there_is_missing_and_of_the_rest_nothing_is_known() {
    let gap = |delivered| Rest::Gap { since: 5, delivered };
    let matcher = check("1a 2b 3c", "1a", gap(9), &["@5 no 2b"]);
    assert_eq!((matcher.under_way, matcher.unread), (0, 1));
    let matcher = check("1a 2b 3c", "1a", gap(3), &["@5 no 2b"]);
    assert_eq!((matcher.under_way, matcher.unread), (0, 1));
    let matcher = check("1a 2b 3c", "1a", gap(2), &[]);
    assert_eq!((matcher.under_way, matcher.unread), (2, 0));
}

/// So many effects `a`, and one behind them.
fn behind(passed: usize) -> String {
    (1..=passed).map(|cause| format!("{cause}a ")).chain(["999z".into()]).collect()
}

#[test]
fn what_is_passed_over_and_kept_may_still_come() {
    let settled = |passed, expected: &[&str]| {
        told_of(&behind(passed), "999z 1a", expected, |matcher, tell| matcher.settle(tell));
    };
    settled(UNMET, &["@1 moved 1a"]);
    settled(UNMET + 1, &["@0 no 1a", "@1 odd 1a"]);
}

#[test]
fn what_is_passed_over_is_told_when_it_is_too_much_to_keep() {
    let expected: Vec<String> = (1..=UNMET + 2).map(|cause| format!("@0 no {cause}a")).collect();
    check(&behind(UNMET + 2), "999z", ALL, &expected.iter().map(String::as_str).collect::<Vec<_>>());
}
