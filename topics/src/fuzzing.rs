//! Doors for fuzz targets to what is private (feature `fuzzing`); no program is built with it.

use crate::Log;
use crate::remote::fuzzing as remote;

/// Answers the requests in these bytes as [`crate::remote::serve`] would, until one is none; all answers are messages
/// that a client understands.
pub fn serve(log: &dyn Log, bytes: &[u8]) {
    remote::serve(log, bytes);
}

/// Reads these bytes as the answers of a server, until one is none.
pub fn answers(bytes: &[u8]) {
    remote::answers(bytes);
}
