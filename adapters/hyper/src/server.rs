//! The server: sockets, a handler, and how it stops.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use anyhost_core::{IntoHandler, Proxies};
use hyper::server::conn::{http1, http2};
use hyper_util::rt::TokioExecutor;
use sd_notify::NotifyState;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use crate::accept::{accept, places};
use crate::address::{Address, InvalidAddress};
use crate::environment;
use crate::limits::Limits;
use crate::listener::Listener;
use crate::options::Options;
use crate::shutdown::{Handle, Life, Phase, STOP, Signals, Stop};
use crate::watch;
use crate::work::Shared;

/// A standalone HTTP server that is bound to its sockets and has not begun to serve.
///
/// # How it stops
/// | when | what happens |
/// |---|---|
/// | SIGTERM, SIGINT, [`Handle::drain`], [`with_stop`](Self::with_stop) | It takes no more connections, and closes those that are idle, after 0.3 s: a request may be on its way to them. One that has just been made has a second. Requests in flight and [`wait_until`](anyhost_core::Context::wait_until) work go on; their replies say `Connection: close`. |
/// | all of that is done | [`serve`](Self::serve) returns. |
/// | the [drain timeout](Self::with_drain_timeout) (10 s) later | What is left is cut and logged. |
/// | a second signal, [`Handle::cut`] | The same at once. |
///
/// In the worst case that is the drain timeout and one more second, after which what does not even notice
/// that it was cut is left behind. The exit status of [`anyhost::run`](https://docs.rs/anyhost) is 0 in each
/// case. The process's handlers for these signals stay in place; a program that goes on has to end by
/// itself.
///
/// A connection that was upgraded is in flight until its handler lets go of it, and is the handler's to end.
///
/// # What it tells
/// Each request is one event of the log, `anyhost::access` at level `info`, with its method, path, status,
/// bytes, time in milliseconds, peer and request id, and `cut` if the reply did not go out whole. `RUST_LOG=info,anyhost::access=off`
/// turns it off. The id is that of the request's `X-Request-Id`, or a new one.
///
/// With the feature `metrics` it counts, through the facade of that name, for the recorder that is
/// installed when it begins to serve:
///
/// | name | counts |
/// |---|---|
/// | `anyhost_connections_total` | connections that were accepted |
/// | `anyhost_connections_expired_total` | those that a [time limit](Limits) ended |
/// | `anyhost_requests_total` | requests that are over, by `status`: `2xx` to `5xx`, `none` if the client left before the reply |
/// | `anyhost_requests_shed_total` | those that got a 503 because there were too many |
/// | `anyhost_replies_cut_total` | replies that did not go out whole |
/// | `anyhost_connections`, `anyhost_requests_in_flight` | gauges of what there is now |
pub struct Server {
    listeners: Vec<Listener>,
    options: Options,
    life: Arc<Life>,
    stop: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Server {
    /// Binds an address, such as `"127.0.0.1:0"` or `"unix:/run/app.sock"`; see [`Address`].
    ///
    /// # Errors
    /// When the text is no address, or cannot be bound.
    pub async fn bind<A>(address: A) -> io::Result<Self>
    where
        A: TryInto<Address, Error: Into<InvalidAddress>>,
    {
        Self::new(Options::default()).and_bind(address).await
    }

    /// A server that has no socket yet, as the environment describes it:
    ///
    /// | variable | default | meaning |
    /// |---|---|---|
    /// | `ANYHOST_HTTP_LIMITS` | `default` | `default`, `strict` or `unlimited`: [`Limits`] |
    /// | `ANYHOST_HTTP_DRAIN` | `10` | [`with_drain_timeout`](Self::with_drain_timeout), in seconds |
    /// | `ANYHOST_HTTP_PROXIES` | none | a list such as `loopback,10.0.0.0/8`, or a number of hops: [`with_proxies`](Self::with_proxies) |
    /// | `ANYHOST_HTTP_FORWARDED` | `0` | `1`: those proxies write `Forwarded` (RFC 7239) |
    /// | `ANYHOST_HTTP_PROXY_PROTOCOL` | `0` | `1`: [`with_proxy_protocol`](Self::with_proxy_protocol) |
    /// | `ANYHOST_HTTP_HEALTH` | `0` | `1`: [`with_health_checks`](Self::with_health_checks) |
    /// | `ANYHOST_HTTP_DETACHED` | `0` | `1`: [`with_detached_handlers`](Self::with_detached_handlers) |
    /// | `ANYHOST_HTTP_TLS_CERT`, `ANYHOST_HTTP_TLS_KEY` | none | paths: `Tls::from_pem_files` |
    ///
    /// # Errors
    /// `InvalidInput` for a value that cannot be understood.
    pub fn from_env() -> io::Result<Self> {
        environment::options(|name| std::env::var(name).ok()).map(Self::new)
    }

    /// Binds one more address.
    ///
    /// # Errors
    /// When the text is no address, or cannot be bound.
    pub async fn and_bind<A>(self, address: A) -> io::Result<Self>
    where
        A: TryInto<Address, Error: Into<InvalidAddress>>,
    {
        let address = address.try_into().map_err(Into::into)?;
        let listener = Listener::bind(&address).await.map_err(|error| {
            io::Error::new(error.kind(), format!("cannot bind {address}: {error}"))
        })?;
        Ok(self.and_listener(listener))
    }

    pub(crate) fn and_listener(mut self, listener: Listener) -> Self {
        self.listeners.push(listener);
        self
    }

    fn new(options: Options) -> Self {
        Self {
            listeners: Vec::new(),
            options,
            life: Arc::default(),
            stop: None,
        }
    }

    /// The URL of the first socket, with the real port if it was bound to port 0.
    pub fn url(&self) -> String {
        self.urls().next().unwrap_or_default()
    }

    /// The URLs of all sockets; a Unix socket is `unix:/path`.
    pub fn urls(&self) -> impl Iterator<Item = String> + '_ {
        let certificate = self.options.has_certificate();
        self.listeners
            .iter()
            .map(move |listener| listener.url(certificate))
    }

    /// What a client may take; [`Limits::default`] if not set.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.options.limits = limits;
        self
    }

    /// The certificate of `tls://` addresses, and of sockets that were passed by systemd or as `fd:`.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn with_tls(mut self, tls: crate::Tls) -> Self {
        self.options.tls = Some(tls);
        self
    }

    /// The proxies that are believed about a client's address, scheme and host; none if not set.
    #[must_use]
    pub fn with_proxies(mut self, proxies: Proxies) -> Self {
        self.options.proxies = Some(proxies);
        self
    }

    /// Expects a PROXY header (HAProxy's, version 1 or 2) in front of each connection, and believes it. A
    /// connection without one is closed. Nobody but the balancer may be able to connect.
    #[must_use]
    pub fn with_proxy_protocol(mut self) -> Self {
        self.options.proxy_protocol = true;
        self
    }

    /// Answers `GET /livez` with 200, and `GET /readyz` with 200 or, as soon as it drains, with 503. They do
    /// not reach the handler and are not logged.
    #[must_use]
    pub fn with_health_checks(mut self) -> Self {
        self.options.health_checks = true;
        self
    }

    /// Lets a handler run to its end when its client leaves. If not set, its future is dropped then, wherever
    /// it waits.
    #[must_use]
    pub fn with_detached_handlers(mut self) -> Self {
        self.options.detached = true;
        self
    }

    /// How long requests in flight may take to end once the server stops. If not set: 10 seconds, 9 on Cloud
    /// Run and Knative (`K_SERVICE` is set), 4 on Fly (`FLY_APP_NAME`), which kill after 10 and after 5.
    #[must_use]
    pub fn with_drain_timeout(mut self, timeout: Duration) -> Self {
        self.options.drain_timeout = timeout;
        self
    }

    /// Stops when `stop` ends, instead of on SIGTERM and SIGINT.
    #[must_use]
    pub fn with_stop(mut self, stop: impl Future<Output = ()> + Send + 'static) -> Self {
        self.stop = Some(Box::pin(stop));
        self
    }

    /// Changes what hyper does with HTTP/1, after the limits have been set.
    #[must_use]
    pub fn with_http1(
        mut self,
        change: impl Fn(&mut http1::Builder) + Send + Sync + 'static,
    ) -> Self {
        self.options.http1.push(Box::new(change));
        self
    }

    /// Changes what hyper does with HTTP/2, after the limits have been set.
    #[must_use]
    pub fn with_http2(
        mut self,
        change: impl Fn(&mut http2::Builder<TokioExecutor>) + Send + Sync + 'static,
    ) -> Self {
        self.options.http2.push(Box::new(change));
        self
    }

    /// What stops it from elsewhere in the program.
    pub fn handle(&self) -> Handle {
        Handle(self.life.clone())
    }

    /// Serves until it is told to stop, and returns when it is drained or cut. If the future is
    /// dropped, everything is cut at once.
    ///
    /// systemd is told when it is ready and when it stops (`sd_notify(3)`), if it wants to know.
    ///
    /// # Errors
    /// When signals cannot be listened for, there can be no more threads, or a `tls://` address has no
    /// certificate.
    pub async fn serve<K>(self, handler: impl IntoHandler<K>) -> io::Result<()> {
        let urls: Vec<_> = self.urls().collect();
        let certificate = self.options.has_certificate();
        if !certificate
            && self
                .listeners
                .iter()
                .any(|listener| listener.speaks_tls(false))
        {
            let why = "a tls:// address needs a certificate";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        let Self {
            listeners,
            options,
            life,
            stop,
        } = self;
        let mut stop = match stop {
            Some(stop) => Stop::Future(Some(stop)),
            None => Stop::Signals(Signals::new(STOP)?),
        };
        let drain_timeout = options.drain_timeout;
        let places = places(options.limits.connections);
        let handler = Arc::new(handler.into_handler());
        let shared = Arc::new(Shared::new(handler, options, life.clone()));
        let _cut = CutOnDrop(life.clone());
        watch::start(Arc::downgrade(&shared), |shared| {
            shared.life.connections.tick(&shared.options.limits);
            // A handler that blocks the thread which waits for all sockets would stop them all. Whoever takes up
            // this waits for them after it.
            shared.runtime.spawn(async {});
        })?;
        let _renewing = renew(&shared);
        let mut accepting = JoinSet::new();
        for listener in listeners {
            accepting.spawn(accept(listener, shared.clone(), places.clone()));
        }
        for url in urls {
            tracing::info!("listening on {url}");
        }
        tell_systemd(NotifyState::Ready);

        let reason = tokio::select! {
            reason = stop.next() => reason,
            () = life.reached(Phase::Draining) => "its handle",
        };
        life.enter(Phase::Draining);
        tell_systemd(NotifyState::Stopping);
        while accepting.join_next().await.is_some() {}
        tracing::info!(reason, tasks = shared.tasks.len(), within = ?drain_timeout, "draining");
        shared.tasks.close();
        tokio::select! {
            drained = timeout(drain_timeout, shared.tasks.wait()) => {
                if drained.is_err() {
                    tracing::warn!(tasks = shared.tasks.len(), "the drain timeout is over");
                }
            }
            reason = stop.next() => {
                tracing::warn!(reason, tasks = shared.tasks.len(), "told to stop at once");
            }
            () = life.reached(Phase::Cut) => {
                tracing::warn!(tasks = shared.tasks.len(), "told to stop at once");
            }
        }
        life.enter(Phase::Cut);
        // Those that were cut still have to notice.
        let _ = timeout(Duration::from_secs(1), shared.tasks.wait()).await;
        tracing::info!("stopped");
        Ok(())
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("listeners", &self.listeners)
            .field("limits", &self.options.limits)
            .field("drain_timeout", &self.options.drain_timeout)
            .finish_non_exhaustive()
    }
}

/// Keeps the certificate new for as long as the server runs.
#[cfg(feature = "tls")]
fn renew(shared: &Shared) -> Option<AbortOnDropHandle<io::Result<()>>> {
    let tls = shared.options.tls.clone()?;
    Some(AbortOnDropHandle::new(tokio::spawn(tls.renew())))
}

#[cfg(not(feature = "tls"))]
fn renew(_: &Shared) -> Option<AbortOnDropHandle<()>> {
    None
}

fn tell_systemd(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "cannot tell systemd");
    }
}

/// A server that nobody waits for any more serves nobody.
struct CutOnDrop(Arc<Life>);

impl Drop for CutOnDrop {
    fn drop(&mut self) {
        self.0.enter(Phase::Cut);
    }
}
