//! The parts of `hoga demo`: who trades, how orders are posted, what is measured, what is printed.

pub mod generator;
pub mod observer;
pub mod poster;
pub mod report;
