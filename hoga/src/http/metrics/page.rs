//! The text itself: families of lines.

use std::fmt::Write;

/// A page that is being written.
#[derive(Debug, Default)]
pub struct Page(String);

impl Page {
    /// Begins a family; its lines follow.
    pub fn family(&mut self, name: &str, kind: &str, help: &str) {
        writeln!(self.0, "# HELP {name} {help}.\n# TYPE {name} {kind}").expect("writing to a text");
    }

    /// A line of the family; `labels` as `name="value",…`, or nothing.
    pub fn line(&mut self, name: &str, labels: &str, value: u64) {
        if labels.is_empty() {
            writeln!(self.0, "{name} {value}").expect("writing to a text");
        } else {
            writeln!(self.0, "{name}{{{labels}}} {value}").expect("writing to a text");
        }
    }

    /// What was written.
    pub fn into_text(self) -> String {
        self.0
    }
}
