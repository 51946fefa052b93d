//! `hoga registry`: the schemas of every topic as a schema registry serves them, until Ctrl-C.

use crate::cli::Context;
use crate::exit::Failure;
use crate::http::Server;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::Duration;

/// How often to look whether to end.
const LOOK: Duration = Duration::from_millis(100);
/// Beside the port of `listen`.
const DEFAULT: ([u8; 4], u16) = ([127, 0, 0, 1], 7071);

/// Arguments of `hoga registry`: none of its own.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  hoga registry\n  hoga registry --http 127.0.0.1:8081\n  curl http://127.0.0.1:7071/subjects/orders-hoga.PlaceOrder/versions/latest\n\nIt needs no log: the schemas are hoga's own. Nothing can be registered."
)]
pub struct Args {}

impl Args {
    /// Serves until it is told to end.
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        let address = context.settings.config.http.unwrap_or_else(|| SocketAddr::from(DEFAULT));
        let server = Server::start(address, "", None)?;
        writeln!(io::stdout(), "the schema registry is on http://{}; Ctrl-C ends it", server.address())?;
        while !context.stop.requested() {
            std::thread::sleep(LOOK);
        }
        Ok(())
    }
}
