//! The shutdown of a server: the requests to shut down, and the steps of a shutdown.

use std::future::{Future, pending};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::alarm::alarm;
use crate::signals::ShutdownSignals;
use crate::state::{Phase, ServerState, Shared};

/// Shuts down a [`Server`](crate::Server) from another part of the program.
///
/// The methods have the names of the methods of `Handle` in [axum-server](https://docs.rs/axum-server).
///
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// use anyhost_hyper::Server;
///
/// let server = Server::bind("127.0.0.1:0").await?;
/// let handle = server.handle();
/// tokio::spawn(async move {
///     // … when the program has to stop:
///     handle.graceful_shutdown();
/// });
/// server.serve(|| async { "Hello, world!" }).await
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Handle(pub(crate) Arc<ServerState>);

impl Handle {
    /// Starts to drain: the server accepts no more connections, and requests in flight can complete until the
    /// [drain timeout](crate::Server::with_drain_timeout). The first SIGTERM does the same.
    pub fn graceful_shutdown(&self) {
        self.0.advance_to(Phase::NotReady);
    }

    /// Aborts all connections and requests at once. A second signal does the same.
    pub fn shutdown(&self) {
        self.0.advance_to(Phase::Aborting);
    }
}

/// A future of the application that requests a shutdown by completing.
pub(crate) type ShutdownFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The source of the requests to shut down.
pub(crate) enum ShutdownRequests {
    /// `None` once the future has completed.
    Future(Option<ShutdownFuture>),
    Signals(ShutdownSignals),
}

impl ShutdownRequests {
    /// # Errors
    /// When the signal handlers cannot be installed.
    pub(crate) fn new(future: Option<ShutdownFuture>) -> io::Result<Self> {
        match future {
            Some(future) => Ok(Self::Future(Some(future))),
            None => ShutdownSignals::install().map(Self::Signals),
        }
    }

    /// Waits for the next request to shut down, and returns its reason. A future makes only one request.
    async fn next(&mut self) -> &'static str {
        match self {
            Self::Future(Some(future)) => {
                future.await;
                *self = Self::Future(None);
                "future"
            }
            Self::Future(None) => pending().await,
            Self::Signals(signals) => signals.received().await,
        }
    }

    /// Waits for the next request to shut down, or until a [`Handle`] has moved the server to `phase`.
    pub(crate) async fn next_or_phase(
        &mut self,
        state: &ServerState,
        phase: Phase,
    ) -> &'static str {
        tokio::select! {
            reason = self.next() => reason,
            () = state.reached(phase) => "handle",
        }
    }
}

/// How long the server waits until the tasks that accept connections have closed their listeners.
const CLOSE_GRACE: Duration = Duration::from_secs(1);

/// How long the server waits until the aborted tasks have ended.
const ABORT_GRACE: Duration = Duration::from_secs(1);

/// Continues to serve requests for the drain delay, so that load balancers can notice the failed health checks. Another
/// request to shut down ends the delay and aborts all connections and requests.
pub(crate) async fn wait_for_load_balancers(shared: &Shared, requests: &mut ShutdownRequests) {
    let (state, delay) = (&shared.state, shared.config.options.drain_delay);
    if delay.is_zero() {
        return;
    }
    tracing::info!(?delay, "waiting before draining connections");
    tokio::select! {
        () = alarm(delay) => {}
        _ = requests.next_or_phase(state, Phase::Aborting) => state.advance_to(Phase::Aborting),
    }
}

/// Waits until the listeners are closed, but at most for [`CLOSE_GRACE`], because the tasks that accept connections do
/// not run while handlers block all workers.
pub(crate) async fn close_listeners(mut listening: JoinSet<()>) {
    let closed = async { while listening.join_next().await.is_some() {} };
    tokio::select! {
        () = closed => {}
        () = alarm(CLOSE_GRACE) => {}
    }
}

/// Waits until all tasks have ended. Aborts the remaining tasks when the drain timeout expires, or on another request
/// to shut down.
pub(crate) async fn drain(shared: &Shared, reason: &str, requests: &mut ShutdownRequests) {
    let (state, tasks) = (&shared.state, &shared.tasks);
    let drain_timeout = shared.config.options.drain;
    tracing::info!(reason, tasks = tasks.len(), within = ?drain_timeout, "draining connections");
    tasks.close();
    tokio::select! {
        () = tasks.wait() => {}
        () = alarm(drain_timeout) => {
            tracing::warn!(tasks = tasks.len(), "drain timeout expired, aborting requests in flight");
        }
        reason = requests.next_or_phase(state, Phase::Aborting) => {
            tracing::warn!(reason, tasks = tasks.len(), "second shutdown request, aborting requests in flight");
        }
    }
    state.advance_to(Phase::Aborting);
    // A task that does not end within this time blocks its thread. The server does not wait longer for such a task.
    tokio::select! {
        () = tasks.wait() => {}
        () = alarm(ABORT_GRACE) => {}
    }
    tracing::info!("server stopped");
}

/// Aborts everything when the future of [`Server::serve`](crate::Server::serve) is dropped, so that no connection
/// outlives this future.
pub(crate) struct AbortOnDrop(pub(crate) Arc<ServerState>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.advance_to(Phase::Aborting);
    }
}
