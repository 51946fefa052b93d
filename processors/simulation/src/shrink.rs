//! A failing script made short: acts are left out as long as it fails in the same way.

use crate::outcome::{Failure, Report};
use crate::run::run;
use crate::script::Script;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs a script; a panic in what it runs is a failure of it.
pub fn attempt(script: &Script) -> Result<Report, Failure> {
    catch_unwind(AssertUnwindSafe(|| run(script))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        Err(Failure::Panic(text.unwrap_or("without words").to_owned()))
    })
}

/// A shorter script that fails as `script` does, and how, found in at most `most_runs` runs.
pub fn shrink(script: &Script, failure: &Failure, most_runs: u32) -> (Script, Failure) {
    let (mut best, mut how, mut runs) = (script.clone(), failure.clone(), 0);
    let mut chunk = best.acts.len().div_ceil(2);
    while chunk > 0 && runs < most_runs {
        let (mut at, mut shorter) = (0, false);
        while at < best.acts.len() && runs < most_runs {
            let mut less = best.clone();
            less.acts.drain(at..(at + chunk).min(best.acts.len()));
            runs += 1;
            match attempt(&less) {
                Err(failure) if same_kind(&failure, &how) => (best, how, shorter) = (less, failure, true),
                _ => at += chunk,
            }
        }
        if chunk > 1 || !shorter {
            chunk /= 2;
        }
    }
    (best, how)
}

/// Failures of one kind; other numbers and names in them are no other failure.
fn same_kind(a: &Failure, b: &Failure) -> bool {
    std::mem::discriminant(a) == std::mem::discriminant(b)
}
