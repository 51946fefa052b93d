//! Allocations of the hot paths: none where memory has grown, a bounded number elsewhere.

use hoga_guards::book::BookWork;
use hoga_guards::codec::{CodecWork, RECORDS};

#[test]
fn a_book_that_has_grown_allocates_nothing() {
    let mut work = BookWork::new();
    let counted = allocation_counter::measure(|| assert!(work.run() > 0));
    assert_eq!(counted.count_total, 0, "allocations of {} commands", hoga_guards::book::COMMANDS);
}

#[test]
fn records_with_short_names_come_and_go_without_an_allocation() {
    let mut work = CodecWork::new();
    let counted = allocation_counter::measure(|| assert!(work.run() > 0));
    assert_eq!(counted.count_total, 0, "allocations of {RECORDS} records");
}
