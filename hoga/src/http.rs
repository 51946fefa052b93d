//! The one HTTP server: the schema registry's look-ups, `/metrics` and `/health`.
//!
//! Reads what is built in (schemas) and what a running exchange shows of itself ([`Exchange`]); writes nothing.
//!
//! Invariants:
//! 1. Nobody changes anything through it: every other method is refused, and no record passes through it.
//! 2. It costs the machines nothing: one thread of its own, bounded connections ([`listener`]), copies of statuses.
//! 3. It ends within [`STOP_WITHIN`], whatever its clients do.
//!
//! Left out on purpose: TLS and who asks. What it shows is no secret of members, yet it is served on this computer
//! only unless an address is given; in front of other networks stands a proxy.

mod exchange;
mod listener;
mod metrics;
mod registry;
#[cfg(test)]
mod tests;

pub use exchange::Exchange;

use crate::exit::Failure;
use axum::Router;
use hoga_topics::registry::Registry;
use listener::BoundedListener;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;

/// How long requests under way may take once the server is told to end.
const STOP_WITHIN: Duration = Duration::from_secs(2);

/// A server at work. Dropped, it finishes the requests under way and ends.
pub struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves the registry of the topics with that prefix, and an exchange's metrics and health; without an exchange
    /// `/health` tells of the server alone.
    pub fn start(address: SocketAddr, topic_prefix: &str, exchange: Option<Arc<Exchange>>) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| {
            Failure::Unavailable(format!("serving HTTP on {address}: {error}; give another address with --http"))
        };
        let listener = TcpListener::bind(address).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build().map_err(failed)?;
        let routes = routes(Registry::new(topic_prefix), exchange);
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new().name("hoga-http".into());
        let thread = thread.spawn(move || runtime.block_on(serve(listener, routes, stopped))).map_err(failed)?;
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it is reached.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Its receiver is gone only if the thread has ended already.
        let _ = self.stop.take().map(|stop| stop.send(()));
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the HTTP server panicked");
        }
    }
}

fn routes(registry: Registry, exchange: Option<Arc<Exchange>>) -> Router {
    let routes = registry::routes(registry).merge(exchange::routes(exchange));
    routes.fallback(registry::not_found).method_not_allowed_fallback(registry::read_only)
}

async fn serve(listener: TcpListener, routes: Router, stopped: oneshot::Receiver<()>) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => BoundedListener::new(listener),
        Err(error) => return tracing::error!("serving HTTP: {error}"),
    };
    let (ending, ended) = oneshot::channel::<()>();
    let told = async move {
        // An error: the server was forgotten, which ends it just the same.
        let _ = stopped.await;
        drop(ending);
    };
    let serving = axum::serve(listener, routes).with_graceful_shutdown(told);
    let too_late = async move {
        let _ = ended.await;
        tokio::time::sleep(STOP_WITHIN).await;
    };
    tokio::pin!(too_late);
    let serving = std::pin::pin!(serving.into_future());
    tokio::select! {
        _ = serving => {}
        () = &mut too_late => {}
    }
}
