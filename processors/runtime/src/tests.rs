//! The runtime's tests: `rules` has one for each invariant of the crate's header, `schedules` random schedules with
//! faults, `takeover` processes that share a log, `threads` the threaded runtime, `cutting` topics that are cut,
//! `reconciling` what was written against what its input gives, `planted` differences that it has to find, `undecodable`
//! what does not decode, `replica` snapshots made beside a machine at work, `fail_points` that every fail point is met.
//! `machine`, `market` and `world` are what they run; `history` changes what stands in a log.

mod cutting;
mod fail_points;
mod history;
mod machine;
mod market;
mod planted;
mod reconciling;
mod replica;
mod rules;
mod schedules;
mod takeover;
mod threads;
mod undecodable;
mod world;
