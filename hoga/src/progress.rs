//! Progress of long work, on stderr: a bar on a terminal, else a line every few seconds.
//!
//! Invariant: nothing of it goes to stdout, so results can be piped.

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

const LINE_EVERY: Duration = Duration::from_secs(3);

/// Shows how far a piece of work is.
pub struct Progress {
    what: &'static str,
    bar: Option<ProgressBar>,
    total: Option<u64>,
    started: Instant,
    last_line: Instant,
}

impl Progress {
    /// Begins `what` ("orders posted"), of which there are `total` if that is known.
    pub fn new(what: &'static str, total: Option<u64>) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| bar(what, total));
        Self { what, bar, total, started: Instant::now(), last_line: Instant::now() }
    }

    /// So many are done.
    pub fn set(&mut self, done: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(done);
        } else if self.last_line.elapsed() >= LINE_EVERY {
            self.last_line = Instant::now();
            let of = self.total.map(|total| format!(" of {}", HumanCount(total))).unwrap_or_default();
            eprintln!("{}: {}{of} after {} s", self.what, HumanCount(done), self.started.elapsed().as_secs());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar(what: &'static str, total: Option<u64>) -> ProgressBar {
    let (bar, template) = match total {
        Some(total) => (ProgressBar::new(total), "{msg} {wide_bar} {human_pos}/{human_len} {per_sec} eta {eta}"),
        None => (ProgressBar::new_spinner(), "{msg} {spinner} {human_pos} {per_sec} {elapsed}"),
    };
    bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(5));
    let style = ProgressStyle::with_template(template).expect("the templates above are well formed");
    bar.with_style(style).with_message(what)
}
