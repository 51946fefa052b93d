//! `hoga up`: the whole pipeline on the embedded log, until Ctrl-C; other commands reach the log through it.

use crate::cli::Context;
use crate::exit::Failure;
use crate::folder::{Folder, MAIN};
use crate::pipeline::Pipeline;
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
    after_help = "Example: hoga up --data-dir hoga-data/demo\n\nCtrl-C or SIGTERM shut down cleanly; a second one, or kill -9, loses nothing either: the next start replays more."
)]
pub struct Args {}

impl Args {
    /// Runs until it is told to end or a machine fails.
    pub fn run(self, context: &Context) -> Result<(), Failure> {
        // The port first: a process that nobody can reach should not begin.
        let listener = listen(context.settings.config.listen)?;
        let folder = Folder::own(context, MAIN, None)?;
        let pipeline = Pipeline::start(context, &folder)?;
        let unreachable = |error| Failure::Unavailable(format!("serving the log: {error}"));
        let server = remote::serve(Arc::clone(&folder.log), listener).map_err(unreachable)?;
        if let Some(own) = &folder.own {
            own.publish_address(server.address())?;
        }
        let (machines, address) = (pipeline.machines(), server.address());
        let place = folder.path.display();
        writeln!(
            io::stdout(),
            "hoga is up: {machines} machines on {place}, the log is served on {address}; Ctrl-C ends it"
        )?;
        if let Some(address) = pipeline.http() {
            writeln!(io::stdout(), "schemas, /metrics and /health are on http://{address}")?;
        }
        let mut told = Vec::new();
        while !context.stop.requested() {
            pipeline.check()?;
            let alarms = pipeline.alarms();
            if alarms != told {
                alarms.iter().for_each(|alarm| tracing::warn!("alarm: {alarm}"));
                told = alarms;
            }
            std::thread::sleep(LOOK);
        }
        // Nobody's write comes in while the machines finish.
        drop(server);
        pipeline.stop()?;
        writeln!(io::stdout(), "hoga is down: everything is delivered and a snapshot of each machine is stored")?;
        Ok(())
    }
}

fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => Failure::Unavailable(format!(
            "{address} is in use by another program (another `hoga up`?): stop that, or give another port with --listen 127.0.0.1:PORT"
        )),
        _ => Failure::Unavailable(format!("listening on {address}: {error}; give another address with --listen")),
    })
}
