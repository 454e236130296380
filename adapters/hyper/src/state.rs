//! State that the tasks of a server share.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use anyhost_core::adapter::DrainSignal;
use anyhost_core::{Context, Handler};
use hyper::server::conn::{http1, http2};
use hyper_util::rt::TokioExecutor;
use tokio::runtime;
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;

use crate::connection::Clients;
use crate::event_rate::EventRate;
use crate::metrics::Metrics;
use crate::request::HealthChecks;
use crate::settings::Config;
use crate::timeouts::{Connections, Registration};

/// Phases of a server, in the only order in which they follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Phase {
    Serving,
    /// Requests are served as in [`Serving`](Self::Serving), but `/readyz` fails, so that load balancers send no more
    /// requests.
    NotReady,
    /// No new connections. Requests in flight can complete.
    Draining,
    /// Everything that is still in flight is aborted.
    Aborting,
}

/// The phase and the open connections of a server. This value exists before [`Server::serve`](crate::Server::serve) is
/// called, because each [`Handle`](crate::Handle) refers to it.
#[derive(Debug, Default)]
pub(crate) struct ServerState {
    phase: AtomicU8,
    phase_changed: Notify,
    /// Signals to handlers that the phase is [`Draining`](Phase::Draining) or a later phase.
    pub(crate) draining: DrainSignal,
    pub(crate) connections: Connections,
}

impl ServerState {
    /// This method does only one atomic load, because every poll of a connection calls it.
    pub(crate) fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Acquire) {
            0 => Phase::Serving,
            1 => Phase::NotReady,
            2 => Phase::Draining,
            _ => Phase::Aborting,
        }
    }

    /// Enters `phase`, unless the server is in a later phase.
    pub(crate) fn advance_to(&self, phase: Phase) {
        self.phase.fetch_max(phase as u8, Ordering::AcqRel);
        if phase >= Phase::Draining {
            self.draining.start();
        }
        self.phase_changed.notify_waiters();
        self.connections.wake_all();
    }

    /// Waits until the server is in `phase` or in a later phase.
    pub(crate) async fn reached(&self, phase: Phase) {
        let mut changed = pin!(self.phase_changed.notified());
        loop {
            // Registered before the phase is read, so that a change between these two steps is not missed.
            changed.as_mut().enable();
            if self.phase() >= phase {
                return;
            }
            changed.as_mut().await;
            changed.set(self.phase_changed.notified());
        }
    }
}

/// The state that all connections of a server share.
pub(crate) struct Shared {
    pub(crate) handler: Arc<dyn Handler>,
    pub(crate) health_checks: Arc<dyn Handler>,
    pub(crate) config: Config,
    pub(crate) http1: http1::Builder,
    pub(crate) http2: http2::Builder<TokioExecutor>,
    pub(crate) state: Arc<ServerState>,
    /// The tasks that a drain waits for: connections, HTTP/2 streams, detached handlers and `wait_until` work.
    pub(crate) tasks: TaskTracker,
    pub(crate) runtime: runtime::Handle,
    requests_in_flight: AtomicUsize,
    /// `None` if there is no limit on the connections of one client.
    pub(crate) clients: Option<Arc<Clients>>,
    pub(crate) metrics: Metrics,
    /// Limits how often rejected connections are logged.
    pub(crate) rejections: EventRate,
}

impl Shared {
    pub(crate) fn new(handler: Arc<dyn Handler>, config: Config, state: Arc<ServerState>) -> Self {
        Self {
            handler,
            health_checks: Arc::new(HealthChecks(state.clone())),
            http1: config.http1(),
            http2: config.http2(),
            clients: config.connections_per_client().map(Clients::new),
            config,
            state,
            tasks: TaskTracker::new(),
            runtime: runtime::Handle::current(),
            requests_in_flight: AtomicUsize::new(0),
            metrics: Metrics::new(),
            rejections: EventRate::default(),
        }
    }

    /// Whether more requests are in flight than the limit allows.
    pub(crate) fn is_overloaded(&self) -> bool {
        let limit = self.config.options.limits.max_requests_in_flight;
        limit.is_some_and(|limit| self.requests_in_flight.load(Ordering::Relaxed) > limit)
    }

    /// Counts a request, but only when a limit is set: a counter shared by all threads is the most expensive operation
    /// here.
    pub(crate) fn add_request(&self) {
        if self.config.options.limits.max_requests_in_flight.is_some() {
            self.requests_in_flight.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Undoes [`add_request`](Self::add_request).
    pub(crate) fn remove_request(&self) {
        if self.config.options.limits.max_requests_in_flight.is_some() {
            self.requests_in_flight.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// The state that the requests of one connection share.
pub(crate) struct ConnectionState {
    pub(crate) context: Context,
    pub(crate) registration: Registration,
    pub(crate) shared: Arc<Shared>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waiting_for_a_phase_also_ends_when_the_server_enters_a_later_phase() {
        let state = ServerState::default();
        let (reached, ()) = tokio::join!(state.reached(Phase::Draining), async {
            state.advance_to(Phase::Aborting);
        });
        let () = reached;
        assert_eq!(state.phase(), Phase::Aborting);
    }

    #[test]
    fn a_server_does_not_return_to_an_earlier_phase() {
        let state = ServerState::default();
        state.advance_to(Phase::Aborting);
        state.advance_to(Phase::Draining);
        assert_eq!(state.phase(), Phase::Aborting);
    }
}
