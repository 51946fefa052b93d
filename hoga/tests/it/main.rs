//! The command as its users meet it, and the rules of the workspace.
//!
//! - [`edges`]: which room may use which. [`tidy`]: how files are written.

mod edges;
mod tidy;
