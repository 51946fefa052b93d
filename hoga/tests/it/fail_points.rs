//! A process that is told to kill itself at a named point does so, and what is run after it finds nothing missing.

use crate::hoga::Place;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;

const SIGKILL: i32 = 9;
/// Small, with snapshots between.
const DEMO: &str = "demo --orders 3000 --paced-orders 0 --snapshot-every-records 1000";

/// Whether the process was killed; what it said last goes to the test's output.
fn killed(place: &Place, point: &str) -> bool {
    let mut command = place.command(DEMO);
    let output = command.env("HOGA_FAIL_POINT", point).stdin(Stdio::null()).output().expect("hoga runs");
    eprintln!("{point}: {}", String::from_utf8_lossy(&output.stderr));
    output.status.signal() == Some(SIGKILL)
}

#[test]
fn a_process_kills_itself_at_the_point_and_the_next_goes_on() {
    let place = Place::new();
    for point in ["claim-sent", "after-read:3", "in-append:5", "after-append", "snapshot-written:1", "drained:2"] {
        assert!(killed(&place, point), "{point} was not met");
    }
    place.run(DEMO).printed(&["going on from", "all checks passed"]);
    place.run("hash --state --data-dir hoga-data/demo").printed(&["equal"]);
}

#[test]
fn a_name_that_is_no_point_is_refused_with_the_list() {
    let place = Place::with(vec![("HOGA_FAIL_POINT", "after-apend".into())]);
    let said = place.run("up");
    said.expect(2, &["HOGA_FAIL_POINT: \"after-apend\" is no fail point", "\n  after-append ", "\n  handing-over "]);
}
