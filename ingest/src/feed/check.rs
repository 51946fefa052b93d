//! Our fills against the venue's: for each event the set of (resting order, price, size).
//!
//! Several F rows of one order at one price in one event count as one fill of their sum, on both sides: the venue
//! splits by aggressor where stop orders follow one another, we do too, and neither split is a fill of its own.
//!
//! Invariants:
//! 1. Every fill of the venue is equal, short (ours is less) or missing (ours is not there).
//! 2. A fill of ours is invented if the venue has none of that order at that price in that event, or if it is more
//!    than the venue's.

use super::fills::Fill;
use super::mbo::Expected;
use hoga_core::{Decimal, money::DECIMAL_ONE};
use std::collections::BTreeMap;
use std::fmt;

/// How a fill differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Ours is less than the venue's.
    Short,
    /// The venue's has none of ours.
    Missing,
    /// Ours has none of the venue's, or is more.
    Invented,
}

/// Why a fill differs, as far as the file tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The venue filled more than the order showed: an iceberg, whose hidden part no file shows.
    Iceberg,
    /// Another order stood in front.
    Queue,
}

impl Class {
    /// For people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Iceberg => "iceberg: the venue filled more than the order showed",
            Self::Queue => "queue: another order was filled in its place",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A fill that is not the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Difference {
    /// The event.
    pub event: u64,
    /// The resting order, by the file.
    pub order: u64,
    /// The price.
    pub price: Decimal,
    /// The venue's size; zero: it has none.
    pub venue: i64,
    /// Ours; zero: we have none.
    pub ours: i64,
    /// What the order showed before.
    pub shown: i64,
    /// How it differs.
    pub verdict: Verdict,
    /// Why.
    pub class: Class,
}

/// The outcome of a check.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// The venue's fills.
    pub fills: u64,
    /// Of these, ours is the same.
    pub equal: u64,
    /// Ours is less.
    pub short: u64,
    /// Ours is not there.
    pub missing: u64,
    /// Ours that are not the venue's.
    pub invented: u64,
    /// Events in which the venue or we traded.
    pub events: u64,
    /// Of these, those whose sets are the same.
    pub events_equal: u64,
    /// Everything that is not the same, by event.
    pub differences: Vec<Difference>,
}

impl CheckReport {
    /// The share of equal fills in hundredths of a percent, rounded down; all when there are none.
    pub fn equal_hundredths(&self) -> u64 {
        (self.equal * 10_000).checked_div(self.fills).unwrap_or(10_000)
    }

    /// The share as text, such as `99.39 %`.
    pub fn percent(&self) -> String {
        let hundredths = self.equal_hundredths();
        format!("{}.{:02} %", hundredths / 100, hundredths % 100)
    }
}

/// How many differences each class explains.
pub fn class_counts(differences: &[Difference]) -> [(Class, u64); 2] {
    [Class::Iceberg, Class::Queue]
        .map(|class| (class, differences.iter().filter(|difference| difference.class == class).count() as u64))
}

/// Ours of one event: resting order and price to size.
type Ours = BTreeMap<(u64, Decimal), i64>;

/// Compares fills with what the venue recorded. Sizes are whole lots of one.
pub fn check_fills(expected: &Expected, fills: &[Fill]) -> CheckReport {
    let mut ours: BTreeMap<u64, Ours> = BTreeMap::new();
    for fill in fills {
        let event = ours.entry(fill.event).or_default();
        *event.entry((fill.resting_order(), fill.price)).or_default() += whole(fill.quantity);
    }
    let mut report = CheckReport::default();
    let none = BTreeMap::new();
    for (event, theirs) in expected {
        check_event(*event, theirs, &ours.remove(event).unwrap_or_default(), &mut report);
    }
    for (event, left) in &ours {
        check_event(*event, &none, left, &mut report);
    }
    report.differences.sort_by_key(|difference| (difference.event, difference.order));
    report
}

fn whole(quantity: Decimal) -> i64 {
    quantity.exact_div(Decimal(DECIMAL_ONE)).expect("a feed's lot is one, and its book trades whole lots")
}

fn check_event(
    event: u64,
    theirs: &BTreeMap<(u64, Decimal), super::mbo::ExpectedFill>,
    ours: &Ours,
    report: &mut CheckReport,
) {
    let before = report.differences.len();
    for (&(order, price), fill) in theirs {
        let size = ours.get(&(order, price)).copied().unwrap_or(0);
        report.fills += 1;
        let verdict = match size {
            _ if size == fill.size => {
                report.equal += 1;
                continue;
            }
            0 => Verdict::Missing,
            _ if size < fill.size => Verdict::Short,
            _ => Verdict::Invented,
        };
        let class = if fill.size > fill.shown { Class::Iceberg } else { Class::Queue };
        let difference =
            Difference { event, order, price, venue: fill.size, ours: size, shown: fill.shown, verdict, class };
        count(difference, report);
    }
    for (&(order, price), &size) in ours.iter().filter(|(key, _)| !theirs.contains_key(*key)) {
        let (verdict, class) = (Verdict::Invented, Class::Queue);
        count(Difference { event, order, price, venue: 0, ours: size, shown: 0, verdict, class }, report);
    }
    report.events += 1;
    report.events_equal += u64::from(report.differences.len() == before);
}

fn count(difference: Difference, report: &mut CheckReport) {
    match difference.verdict {
        Verdict::Short => report.short += 1,
        Verdict::Missing => report.missing += 1,
        Verdict::Invented => report.invented += 1,
    }
    report.differences.push(difference);
}
