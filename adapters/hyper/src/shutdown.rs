//! The life of a server: serving, draining, cut.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use futures_core::Stream;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::low_level::signal_name;
use tokio::sync::Notify;

use crate::watch::Connections;

/// What the server is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Phase {
    Serving,
    /// No new connections and no new requests; those in flight may end.
    Draining,
    /// Everything ends now.
    Cut,
}

/// The phase, and the connections that have to learn of it. Looking at it costs one atomic load.
#[derive(Debug, Default)]
pub(crate) struct Life {
    phase: AtomicU8,
    changed: Notify,
    pub(crate) connections: Connections,
}

impl Life {
    pub(crate) fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Acquire) {
            0 => Phase::Serving,
            1 => Phase::Draining,
            _ => Phase::Cut,
        }
    }

    /// Moves on; there is no way back.
    pub(crate) fn enter(&self, phase: Phase) {
        self.phase.fetch_max(phase as u8, Ordering::AcqRel);
        self.changed.notify_waiters();
        self.connections.wake_all();
    }

    /// Waits for this phase or a later one.
    pub(crate) async fn reached(&self, phase: Phase) {
        let mut changed = pin!(self.changed.notified());
        loop {
            changed.as_mut().enable();
            if self.phase() >= phase {
                return;
            }
            changed.as_mut().await;
            changed.set(self.changed.notified());
        }
    }
}

/// The signals that stop a server. Orchestrators send either (Fly sends SIGINT), so both mean the same.
pub(crate) const STOP: [i32; 2] = [SIGTERM, SIGINT];

/// Waits for signals.
pub(crate) struct Signals(signal_hook_tokio::Signals);

impl Signals {
    pub(crate) fn new(signals: impl IntoIterator<Item = i32>) -> io::Result<Self> {
        signal_hook_tokio::Signals::new(signals).map(Self)
    }

    /// The name of the next signal.
    pub(crate) async fn next(&mut self) -> &'static str {
        let next = poll_fn(|cx| Pin::new(&mut self.0).poll_next(cx)).await;
        next.and_then(signal_name).unwrap_or("a signal")
    }
}

/// What tells the server to stop.
pub(crate) enum Stop {
    Future(Option<Pin<Box<dyn Future<Output = ()> + Send>>>),
    Signals(Signals),
}

impl Stop {
    /// Waits for the next reason to stop; a future gives one.
    pub(crate) async fn next(&mut self) -> &'static str {
        match self {
            Self::Future(Some(stop)) => {
                stop.await;
                *self = Self::Future(None);
                "told to"
            }
            Self::Future(None) => std::future::pending().await,
            Self::Signals(signals) => signals.next().await,
        }
    }
}

/// How long a drain may take: 10 seconds, but one less than the host waits before it kills, where
/// that is known.
///
/// Cloud Run and Knative wait ten seconds (Knative runtime contract), Fly five (`kill_timeout`).
pub(crate) fn drain_timeout(var: impl Fn(&str) -> bool) -> Duration {
    Duration::from_secs(match () {
        () if var("FLY_APP_NAME") => 4,
        () if var("K_SERVICE") => 9,
        () => 10,
    })
}

/// Stops a [`Server`](crate::Server) from elsewhere in its program.
///
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// use anyhost_hyper::Server;
///
/// let server = Server::bind("127.0.0.1:0").await?;
/// let handle = server.handle();
/// tokio::spawn(async move {
///     // … until there is a reason to stop:
///     handle.drain();
/// });
/// server.serve(|| async { "Hello, world!" }).await
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Handle(pub(crate) Arc<Life>);

impl Handle {
    /// Lets it drain, as the first SIGTERM does.
    pub fn drain(&self) {
        self.0.enter(Phase::Draining);
    }

    /// Cuts all that is left, as a second signal does.
    pub fn cut(&self) {
        self.0.enter(Phase::Cut);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_phase_is_reached_also_by_a_later_one() {
        let life = Life::default();
        let (reached, ()) = tokio::join!(life.reached(Phase::Draining), async {
            life.enter(Phase::Cut);
        });
        let () = reached;
        assert_eq!(life.phase(), Phase::Cut);
        life.enter(Phase::Draining);
        assert_eq!(life.phase(), Phase::Cut);
    }

    #[test]
    fn a_host_that_kills_sooner_leaves_less_time_to_drain() {
        let with = |name: &'static str| drain_timeout(move |var| var == name).as_secs();
        assert_eq!(with("KUBERNETES_SERVICE_HOST"), 10);
        assert_eq!(with("K_SERVICE"), 9);
        assert_eq!(with("FLY_APP_NAME"), 4);
    }
}
