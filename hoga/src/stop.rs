//! Ctrl-C and SIGTERM: the first asks for a clean end, the second ends the process at once.
//!
//! Invariant: an end at any moment loses nothing that was acknowledged; a clean one only spares the next start work.

use crate::exit::Failure;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether somebody asked this process to end.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Watches for Ctrl-C and SIGTERM from here on.
    pub fn on_signals() -> Result<Self, Failure> {
        let stop = Self::default();
        for signal in [SIGINT, SIGTERM] {
            // In this order: a signal that comes when the flag is already up ends the process.
            flag::register_conditional_shutdown(signal, 130, Arc::clone(&stop.0))
                .and_then(|_| flag::register(signal, Arc::clone(&stop.0)))
                .map_err(|error| Failure::Unavailable(format!("watching for signal {signal}: {error}")))?;
        }
        Ok(stop)
    }

    /// Whether to end.
    pub fn requested(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// The flag itself, for work in other crates.
    pub fn flag(&self) -> &AtomicBool {
        &self.0
    }

    /// The flag, for work that outlives whoever has this.
    pub fn shared(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }

    /// An error if so; `what` says what was not finished and how to go on.
    pub fn check(&self, what: &str) -> Result<(), Failure> {
        if self.requested() { Err(Failure::Interrupted(what.to_owned())) } else { Ok(()) }
    }
}
