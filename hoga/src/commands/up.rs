//! `hoga up`: the whole pipeline until Ctrl-C. In a data folder other commands reach the log through it.

use super::run::{rest, watch};
use crate::board::Board;
use crate::cli::Context;
use crate::exit::Failure;
use crate::pipeline::Pipeline;
use crate::site::{MAIN, Place, Site, Topics};
use hoga_topics::remote;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

/// How often to look whether to end, whether a machine has failed, whether something calls for a person.
const LOOK: Duration = Duration::from_millis(100);

/// Arguments of `hoga up`: none of its own.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  hoga up --data-dir hoga-data/demo\n  hoga up --kafka 127.0.0.1:9092\n\nCtrl-C or SIGTERM shut down cleanly; a second one, or kill -9, loses nothing either: the next start replays more."
)]
pub struct Args {}

impl Args {
    /// Runs until it is told to end or a machine fails.
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        if context.settings.config.kafka.is_some() {
            return on_kafka(context);
        }
        // The port first: a process that nobody can reach should not begin.
        let listener = listen(context.settings.config.listen)?;
        let site = Site::own(context, MAIN, None, Topics::MustBeThere)?;
        let pipeline = Pipeline::start(context, &site)?;
        let unreachable = |error| Failure::Unavailable(format!("serving the log: {error}"));
        let server = remote::serve(Arc::clone(&site.log), listener).map_err(unreachable)?;
        if let Place::Own(log) = &site.place {
            log.publish_address(server.address())?;
        }
        let (machines, address) = (pipeline.machines(), server.address());
        writeln!(
            io::stdout(),
            "hoga is up: {machines} machines on {site}, the log is served on {address}; Ctrl-C ends it"
        )?;
        if let Some(address) = pipeline.http() {
            writeln!(io::stdout(), "schemas, /metrics and /health are on http://{address}")?;
        }
        let mut board = Board::new(&site)?;
        while !context.stop.requested() {
            pipeline.check()?;
            board.alarms(&pipeline.status()).iter().for_each(|alarm| tracing::warn!("alarm: {alarm}"));
            std::thread::sleep(LOOK);
        }
        // Nobody's write comes in while the machines finish.
        drop(server);
        pipeline.stop()?;
        writeln!(io::stdout(), "hoga is down: everything is delivered and a snapshot of each machine is stored")?;
        Ok(())
    }
}

/// All machines on a log that others have too: nothing to serve, and they may be lost to another process and come back.
fn on_kafka(context: &Context) -> Result<(), Failure> {
    let site = Site::own(context, MAIN, None, Topics::MustBeThere)?;
    let board = Board::new(&site)?;
    let pipeline = Pipeline::start(context, &site)?;
    let out = &mut io::stdout();
    let (machines, process) = (pipeline.machines(), pipeline.process());
    writeln!(out, "hoga is up: {machines} machines on {site} as {process}; Ctrl-C ends it")?;
    watch(context, board, pipeline, rest, out)
}

fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => Failure::Unavailable(format!(
            "{address} is in use by another program (another `hoga up`?): stop that, or give another port with --listen 127.0.0.1:PORT"
        )),
        _ => Failure::Unavailable(format!("listening on {address}: {error}; give another address with --listen")),
    })
}
