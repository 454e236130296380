//! The server: its configuration and sockets, and the loop that serves a handler.

use std::fmt;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use anyhost_core::adapter::settings::InvalidSetting;
use anyhost_core::{IntoHandler, Proxies};
use hyper::server::conn::{http1, http2};
use hyper_util::rt::TokioExecutor;
use sd_notify::NotifyState;
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

use crate::connection::{Permits, accept};
use crate::listen::{Address, Inherited, InvalidAddress, Listener, bind};
#[cfg(feature = "prometheus")]
use crate::prometheus;
use crate::request::AccessRecord;
use crate::settings::{Config, Limits, ServerOptions};
use crate::shutdown::{self, AbortOnDrop, Handle, ShutdownFuture, ShutdownRequests};
use crate::state::{Phase, ServerState, Shared};
use crate::timeouts;

/// A standalone HTTP server that is bound to its sockets and does not serve yet.
///
/// # Shutdown
/// | when | what happens |
/// |---|---|
/// | SIGTERM, SIGINT, [`Handle::graceful_shutdown`], or [`with_graceful_shutdown`](Self::with_graceful_shutdown) | The server drains. It accepts no more connections. It closes idle connections after 0.3 s, because a client may have sent a request already, and new connections after 1 s. Requests in flight and [`wait_until`](anyhost_core::Context::wait_until) work continue; their responses have `Connection: close`. |
/// | all requests and all work are complete | [`serve`](Self::serve) returns. |
/// | the [drain timeout](Self::with_drain_timeout) (10 s) expires | The remaining requests and work are aborted, and their number is logged. |
/// | a second signal, or [`Handle::shutdown`] | The remaining requests and work are aborted at once. |
///
/// In the worst case `serve` returns two seconds after the drain timeout, because a task that blocks its thread cannot
/// be aborted. The server does not wait for such a task. Handlers that block all threads of the runtime do not delay
/// these steps. With [`anyhost::run`](https://docs.rs/anyhost), the exit status is 0 in each case. The signal handlers
/// of the process stay installed; a program that continues after `serve` has to handle the signals itself.
///
/// An upgraded connection counts as a request in flight until the handler drops the connection.
///
/// # Access log
/// Each request is one event with the target `anyhost::access` and the level `info`. Its fields are `method`, `path`,
/// `status`, `bytes`, `ms` (the duration in milliseconds), `peer`, `request_id`, `route` (the pattern that matched, such
/// as `/users/{id}`, if the handler is a router), and `aborted` if the response was aborted before its end.
/// `RUST_LOG=info,anyhost::access=off` turns the access log off. The request id is the `X-Request-Id` of the request,
/// or a new id.
///
/// # Metrics
/// With the feature `metrics`, the server reports these metrics through the
/// [`metrics`](https://docs.rs/metrics) facade. The metrics go to the recorder that is installed when
/// [`serve`](Self::serve) is called:
///
/// | name | what is counted |
/// |---|---|
/// | `anyhost_connections_total` | accepted connections |
/// | `anyhost_connections_timed_out_total` | connections that a timeout of [`Limits`] closed |
/// | `anyhost_connections_rejected_total` | connections that were closed because a PROXY header, a TLS handshake or a request was invalid, or because the client had too many connections |
/// | `anyhost_requests_total` | completed requests, by `status`: `2xx` to `5xx`, or `none` if the client disconnected before the response |
/// | `anyhost_requests_rejected_total` | requests that were rejected with 503 because too many were in flight |
/// | `anyhost_responses_aborted_total` | responses that were aborted before their end |
/// | `anyhost_connections_open`, `anyhost_requests_in_flight` | gauges: open connections, and requests in flight |
/// | `anyhost_request_duration_seconds` | histogram: seconds from the head of a request to the end of its response |
pub struct Server {
    listeners: Vec<Listener>,
    config: Config,
    state: Arc<ServerState>,
    shutdown: Option<ShutdownFuture>,
}

impl Server {
    /// Binds an address, such as `"127.0.0.1:0"` or `"unix:/run/app.sock"`; see [`Address`].
    ///
    /// # Errors
    /// When the address is invalid or cannot be bound.
    pub async fn bind<A>(address: A) -> io::Result<Self>
    where
        A: TryInto<Address, Error: Into<InvalidAddress>>,
    {
        Self::new(Config::default()).and_bind(address).await
    }

    /// Makes a server without sockets from the environment variables that [`ServerOptions`] lists.
    ///
    /// # Errors
    /// When a variable has an invalid value, or the certificate cannot be loaded.
    pub fn from_env() -> Result<Self, InvalidSetting> {
        Self::from_options(ServerOptions::from_env()?)
    }

    /// Makes a server without sockets from the options of a command line.
    ///
    /// # Errors
    /// When the certificate cannot be loaded.
    pub fn from_options(options: ServerOptions) -> Result<Self, InvalidSetting> {
        Config::new(options).map(Self::new)
    }

    fn new(config: Config) -> Self {
        Self {
            listeners: Vec::new(),
            config,
            state: Arc::default(),
            shutdown: None,
        }
    }

    /// Binds an additional address.
    ///
    /// # Errors
    /// When the address is invalid or cannot be bound.
    pub async fn and_bind<A>(mut self, address: A) -> io::Result<Self>
    where
        A: TryInto<Address, Error: Into<InvalidAddress>>,
    {
        let address = address.try_into().map_err(Into::into)?;
        let listener = bind(&address).await.map_err(|error| {
            io::Error::new(error.kind(), format!("cannot bind {address}: {error}"))
        })?;
        self.listeners.push(listener);
        Ok(self)
    }

    /// Listens on sockets that another process has opened. This method must be called inside the Tokio runtime.
    ///
    /// # Errors
    /// When the sockets cannot be made non-blocking.
    pub fn and_inherited(mut self, sockets: Inherited) -> io::Result<Self> {
        self.listeners.extend(sockets.into_listeners()?);
        Ok(self)
    }

    /// The URL of the first socket, for clients on this machine: a socket that is bound to all interfaces has the URL of
    /// the loopback interface. If port 0 was bound, the URL contains the port that the operating system chose.
    pub fn url(&self) -> String {
        self.urls().next().unwrap_or_default()
    }

    /// The URLs of all sockets, for clients on this machine. The URL of a Unix socket is `unix:/path`.
    pub fn urls(&self) -> impl Iterator<Item = String> + '_ {
        let has_certificate = self.config.has_certificate();
        self.listeners
            .iter()
            .map(move |listener| listener.url(has_certificate))
    }

    /// Whether a certificate was set, so that the server can speak TLS.
    pub fn has_certificate(&self) -> bool {
        self.config.has_certificate()
    }

    /// Sets the limits for clients. The default is [`Limits::default`].
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.config.options.limits = limits;
        self
    }

    /// Sets the number of open connections that one client can have; further connections are closed at once. By
    /// default, there is no limit. The addresses of an IPv6 network with a prefix of 64 bits count as one client. The
    /// limit is ignored with [trusted proxies](Self::with_proxies), because a connection of a proxy carries the
    /// requests of many clients.
    #[must_use]
    pub fn with_connections_per_client(mut self, connections: usize) -> Self {
        self.config.options.connections_per_client = Some(connections);
        self
    }

    /// Sets the certificates for `tls://` addresses and for inherited TCP sockets.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn with_tls(mut self, tls: crate::Tls) -> Self {
        self.config.tls = Some(tls);
        self
    }

    /// Sets the trusted proxies, whose headers give the client's address, scheme and host. By default, no proxy is
    /// trusted.
    #[must_use]
    pub fn with_proxies(mut self, proxies: Proxies) -> Self {
        self.config.options.proxies = Some(proxies);
        self
    }

    /// Expects a PROXY protocol header (version 1 or 2, as HAProxy defines it) at the start of each connection, and
    /// reads the client's address from this header. A connection without a header is closed. The network must allow
    /// only the load balancer to connect, because any other client could send a header with a false address.
    #[must_use]
    pub fn with_proxy_protocol(mut self) -> Self {
        self.config.options.proxy_protocol = true;
        self
    }

    /// Responds to `GET /livez` with 200. Responds to `GET /readyz` with 200, or with 503 while the server drains.
    /// Health checks do not reach the handler and are not logged.
    #[must_use]
    pub fn with_health_checks(mut self) -> Self {
        self.config.options.health = true;
        self
    }

    /// Runs each handler to its end even if its client disconnects. Without this setting, the future of the handler is
    /// dropped at its next `await` once the client has disconnected.
    #[must_use]
    pub fn with_detached_handlers(mut self) -> Self {
        self.config.options.detached = true;
        self
    }

    /// Sets how long requests in flight can take to complete once the server drains. The default is 10 seconds. On
    /// Cloud Run and Knative (`K_SERVICE` is set), the default is 9 seconds, because Cloud Run kills the process after
    /// 10 seconds. On Fly (`FLY_APP_NAME` is set), the default is 4 seconds, because Fly kills the process after 5
    /// seconds.
    #[must_use]
    pub fn with_drain_timeout(mut self, timeout: Duration) -> Self {
        self.config.options.drain = timeout;
        self
    }

    /// Sets how long the server continues to serve requests after a shutdown was requested. During this time, `/readyz`
    /// already fails. The default is zero. Some load balancers learn only from failed health checks that a server
    /// stops. Such load balancers need the time of several health checks; otherwise they send requests to a closed
    /// listener.
    #[must_use]
    pub fn with_drain_delay(mut self, delay: Duration) -> Self {
        self.config.options.drain_delay = delay;
        self
    }

    /// Adds the request id of the access log to each response, in `X-Request-Id`, unless the handler has set this header.
    #[must_use]
    pub fn with_request_id_header(mut self) -> Self {
        self.config.options.request_id = true;
        self
    }

    /// Passes each request that has ended to `log`, and not to `tracing`. The function must not block, because it runs on
    /// a thread that serves connections.
    ///
    /// ```no_run
    /// # async fn example() -> std::io::Result<()> {
    /// use anyhost_hyper::Server;
    ///
    /// let server = Server::bind("127.0.0.1:0").await?;
    /// let server = server.with_access_log(|record| {
    ///     if record.aborted {
    ///         eprintln!("aborted: {} {}", record.method, record.path);
    ///     }
    /// });
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn with_access_log(
        mut self,
        log: impl Fn(&AccessRecord<'_>) + Send + Sync + 'static,
    ) -> Self {
        self.config.access_log = Some(Box::new(log));
        self
    }

    /// Serves `/metrics` for Prometheus at another address, in the text format of Prometheus. The address should not be
    /// public. It has no access log, its requests are not counted, and it also responds while the server drains.
    ///
    /// The metrics of the application that are reported through the [`metrics`](https://docs.rs/metrics) facade are
    /// included. [`serve`](Self::serve) fails if the application has installed another recorder of this facade.
    #[cfg(feature = "prometheus")]
    #[must_use]
    pub fn with_prometheus(mut self, address: Address) -> Self {
        self.config.options.metrics = Some(address);
        self
    }

    /// Drains when `signal` completes, and not on SIGTERM or SIGINT. The method is named after the equivalent method of
    /// `axum::serve`.
    #[must_use]
    pub fn with_graceful_shutdown(
        mut self,
        signal: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        self.shutdown = Some(Box::pin(signal));
        self
    }

    /// Configures hyper's builder for HTTP/1, after the limits were applied to the builder.
    #[must_use]
    pub fn with_http1(
        mut self,
        configure: impl Fn(&mut http1::Builder) + Send + Sync + 'static,
    ) -> Self {
        self.config.configure_http1.push(Box::new(configure));
        self
    }

    /// Configures hyper's builder for HTTP/2, after the limits were applied to the builder.
    ///
    /// With [`enable_connect_protocol`](http2::Builder::enable_connect_protocol), clients can open WebSockets over HTTP/2
    /// (RFC 8441). The handler gets a CONNECT request with a path, and with [`hyper::ext::Protocol`] in its extensions.
    #[must_use]
    pub fn with_http2(
        mut self,
        configure: impl Fn(&mut http2::Builder<TokioExecutor>) + Send + Sync + 'static,
    ) -> Self {
        self.config.configure_http2.push(Box::new(configure));
        self
    }

    /// Returns a handle that shuts the server down from another part of the program.
    pub fn handle(&self) -> Handle {
        Handle(self.state.clone())
    }

    /// Serves requests until a shutdown is complete. If the returned future is dropped, all connections are aborted at
    /// once.
    ///
    /// systemd is notified when the server is ready and when it stops (`sd_notify(3)`), if `NOTIFY_SOCKET` is set.
    ///
    /// # Errors
    /// When signal handlers cannot be installed, a thread cannot be created, there is a `tls://` address and no
    /// certificate, or the address for `/metrics` cannot be bound.
    pub async fn serve<K>(self, handler: impl IntoHandler<K>) -> io::Result<()> {
        self.check_certificate()?;
        let has_certificate = self.has_certificate();
        let bound = |listener: &Listener| listener.bound_url(has_certificate);
        let urls: Vec<_> = self.listeners.iter().map(bound).collect();
        let mut shutdown_requests = ShutdownRequests::new(self.shutdown)?;
        let permits = Permits::new(self.config.options.limits.max_connections);
        let state = self.state;
        let handler = Arc::new(handler.into_handler());
        // Before the metrics of this server are registered, because they go to the recorder that is installed at that time.
        #[cfg(feature = "prometheus")]
        let _metrics = prometheus::serve(self.config.options.metrics.as_ref()).await?;
        let shared = Arc::new(Shared::new(handler, self.config, state.clone()));
        let _abort = AbortOnDrop(state.clone());
        timeouts::start(Arc::downgrade(&shared), every_second)?;
        let _reload = reload_certificate(&shared)?;
        let mut listening = JoinSet::new();
        for listener in self.listeners {
            listening.spawn(accept(listener, shared.clone(), permits.clone()));
        }
        for url in urls {
            tracing::info!("listening on {url}");
        }
        notify_systemd(NotifyState::Ready);

        let reason = shutdown_requests
            .next_or_phase(&state, Phase::NotReady)
            .await;
        state.advance_to(Phase::NotReady);
        shutdown::wait_for_load_balancers(&shared, &mut shutdown_requests).await;
        state.advance_to(Phase::Draining);
        notify_systemd(NotifyState::Stopping);
        shutdown::close_listeners(listening).await;
        shutdown::drain(&shared, reason, &mut shutdown_requests).await;
        Ok(())
    }

    fn check_certificate(&self) -> io::Result<()> {
        let mut listeners = self.listeners.iter();
        if !self.config.has_certificate() && listeners.any(|listener| listener.is_tls(false)) {
            let message = "a tls:// address needs a certificate";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        Ok(())
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("listeners", &self.listeners)
            .field("limits", &self.config.options.limits)
            .field("drain_timeout", &self.config.options.drain)
            .finish_non_exhaustive()
    }
}

/// The timeout thread calls this function once a second.
fn every_second(shared: &Shared) {
    shared
        .state
        .connections
        .check(&shared.config.options.limits);
    // One Tokio worker at a time polls the I/O driver. If a handler blocks that worker, no socket makes progress. An
    // empty task wakes another worker, which takes over the driver.
    shared.runtime.spawn(async {});
}

/// Reloads the certificate until the returned handle is dropped.
#[cfg(feature = "tls")]
fn reload_certificate(shared: &Shared) -> io::Result<Option<AbortOnDropHandle<()>>> {
    let Some(tls) = shared.config.tls.clone() else {
        return Ok(None);
    };
    let reload = tokio::spawn(tls.reload()?);
    Ok(Some(AbortOnDropHandle::new(reload)))
}

#[cfg(not(feature = "tls"))]
fn reload_certificate(_: &Shared) -> io::Result<Option<AbortOnDropHandle<()>>> {
    Ok(None)
}

fn notify_systemd(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "failed to notify systemd");
    }
}
