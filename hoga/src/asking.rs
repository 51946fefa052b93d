//! One command of the operator: sent, and its outcome waited for and printed.
//!
//! Invariant: where no machines can be at work (`hoga up` does not have the folder) nothing is waited for, and that is said.

use crate::cli::Context;
use crate::exit::Failure;
use crate::outcome::{Asked, Watch};
use crate::posting::{Ids, Poster, now};
use crate::site::{MAIN, Site, Topics};
use hoga_core::{ClientId, Record, Timestamp};
use std::io::{self, Write};
use std::time::Duration;

/// Sends the command that `make` gives for an id and a valid-until, and prints its outcome.
pub fn ask(context: &Context, make: impl FnOnce(ClientId, Timestamp) -> Record) -> Result<(), Failure> {
    let config = &context.settings.config;
    let site = Site::own_or_served(context, MAIN, None, Topics::MustBeThere)?;
    let log = &*site.log;
    let record = make(Ids::new().next(), now().plus_ms(config.valid_for_s as i64 * 1_000));
    let asked = Asked::of(&record).expect("only commands with an outcome are asked");
    let timeout = Duration::from_secs(config.answer_timeout_s);
    let mut watch = Watch::start(log, &asked)?;
    let mut poster = Poster::new(log, timeout)?;
    let sent = poster.send(&record)?;
    poster.finish()?;
    let out = &mut io::stdout().lock();
    if let Some(nobody) = site.nobody_works() {
        writeln!(out, "{} stands in {sent}; {nobody}", record.kind())?;
        return Ok(());
    }
    writeln!(out, "{}", watch.wait(log, &asked, sent, timeout, &context.stop)?)?;
    Ok(())
}
