//! The server: sockets, a handler, and how it stops.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use anyhost_core::IntoHandler;
use listenfd::ListenFd;
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use crate::address::{Address, InvalidAddress};
use crate::connection;
use crate::listener::Listener;
use crate::shutdown::{Life, Phase, Signals};
use crate::work::Shared;

/// The most connections that wait in a socket's queue, as tokio and mio ask for it.
const BACKLOG: usize = 1024;

/// A standalone HTTP server that is bound to its sockets and has not begun to serve.
///
/// # How it stops
/// On SIGTERM or SIGINT it takes no more connections, closes those that are idle, and lets requests
/// in flight and [`wait_until`](anyhost_core::Context::wait_until) work end. After the
/// [drain timeout](Server::with_drain_timeout) (10 seconds), or at a second signal, the rest is cut
/// and logged. [`serve`](Server::serve) returns then; in the worst case that is the drain timeout
/// after the first signal. The process's handlers for these signals stay in place; a program that goes
/// on has to end by itself.
pub struct Server {
    listeners: Vec<Listener>,
    drain_timeout: Duration,
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
        Self::new().and_bind(address).await
    }

    /// Binds one more address.
    ///
    /// # Errors
    /// When the text is no address, or cannot be bound.
    pub async fn and_bind<A>(mut self, address: A) -> io::Result<Self>
    where
        A: TryInto<Address, Error: Into<InvalidAddress>>,
    {
        let address = address.try_into().map_err(Into::into)?;
        let listener = Listener::bind(&address).await.map_err(|error| {
            io::Error::new(error.kind(), format!("cannot bind {address}: {error}"))
        })?;
        self.listeners.push(listener);
        Ok(self)
    }

    fn new() -> Self {
        Self {
            listeners: Vec::new(),
            drain_timeout: Duration::from_secs(10),
            stop: None,
        }
    }

    /// The URL of the first socket, with the real port if it was bound to port 0.
    pub fn url(&self) -> String {
        self.urls().next().unwrap_or_default()
    }

    /// The URLs of all sockets; a Unix socket is `unix:/path`.
    pub fn urls(&self) -> impl Iterator<Item = String> + '_ {
        self.listeners.iter().map(Listener::url)
    }

    /// How long requests in flight may take to end once the server stops; 10 seconds if not set.
    #[must_use]
    pub fn with_drain_timeout(mut self, timeout: Duration) -> Self {
        self.drain_timeout = timeout;
        self
    }

    /// Stops when `stop` ends, instead of on SIGTERM and SIGINT.
    #[must_use]
    pub fn with_stop(mut self, stop: impl Future<Output = ()> + Send + 'static) -> Self {
        self.stop = Some(Box::pin(stop));
        self
    }

    /// Serves until it is told to stop, and returns when it is drained or cut. If the future is
    /// dropped, everything is cut at once.
    ///
    /// # Errors
    /// When signals cannot be listened for.
    pub async fn serve<K>(self, handler: impl IntoHandler<K>) -> io::Result<()> {
        let urls: Vec<_> = self.urls().collect();
        let Self {
            listeners,
            drain_timeout,
            stop,
        } = self;
        let mut stop = match stop {
            Some(stop) => Stop::Future(stop),
            None => Stop::Signals(Signals::new()?),
        };
        let shared = Arc::new(Shared {
            handler: Arc::new(handler.into_handler()),
            life: Life::default(),
            tasks: TaskTracker::new(),
            runtime: Handle::current(),
        });
        let _cut = CutOnDrop(shared.clone());
        let mut accepting = JoinSet::new();
        for listener in listeners {
            accepting.spawn(accept(listener, shared.clone()));
        }
        for url in urls {
            tracing::info!("listening on {url}");
        }

        let reason = stop.first().await;
        shared.life.enter(Phase::Draining);
        while accepting.join_next().await.is_some() {}
        tracing::info!(reason, in_flight = shared.tasks.len(), "draining");
        shared.tasks.close();
        tokio::select! {
            drained = timeout(drain_timeout, shared.tasks.wait()) => {
                if drained.is_err() {
                    tracing::warn!(cut = shared.tasks.len(), "the drain timeout is over");
                }
            }
            reason = stop.second() => {
                tracing::warn!(reason, cut = shared.tasks.len(), "told to stop at once");
            }
        }
        shared.life.enter(Phase::Cut);
        // Those that were cut still have to notice.
        let _ = timeout(Duration::from_secs(1), shared.tasks.wait()).await;
        tracing::info!("stopped");
        Ok(())
    }
}

/// The listening sockets that systemd passed to this process (`sd_listen_fds(3)`).
///
/// Take them before there are threads: the variables that tell of them are removed, so that no child
/// process mistakes them for its own.
#[derive(Debug)]
pub struct Inherited(Vec<Socket>);

#[derive(Debug)]
enum Socket {
    Tcp(std::net::TcpListener),
    Unix(std::os::unix::net::UnixListener),
}

impl Inherited {
    /// Takes them; `None` if none were passed.
    ///
    /// # Errors
    /// When what was passed is no listening socket.
    pub fn take() -> io::Result<Option<Self>> {
        let mut passed = ListenFd::from_env();
        let mut sockets = Vec::new();
        for index in 0..passed.len() {
            // Which kind of socket it is shows only when one tries to take it.
            let socket = match passed.take_tcp_listener(index) {
                Ok(socket) => socket.map(Socket::Tcp),
                Err(_) => passed.take_unix_listener(index)?.map(Socket::Unix),
            };
            sockets.extend(socket);
        }
        Ok((!sockets.is_empty()).then_some(Self(sockets)))
    }

    /// A server that listens on them. Call it inside the runtime.
    ///
    /// # Errors
    /// When the sockets cannot be made non-blocking.
    pub async fn into_server(self) -> io::Result<Server> {
        let mut server = Server::new();
        for socket in self.0 {
            server.listeners.push(match socket {
                Socket::Tcp(listener) => Listener::from_tcp(listener)?,
                Socket::Unix(listener) => Listener::from_unix(listener)?,
            });
        }
        Ok(server)
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("listeners", &self.listeners)
            .field("drain_timeout", &self.drain_timeout)
            .finish_non_exhaustive()
    }
}

/// Takes connections until the server drains. Those in the queue by then are taken too: their
/// clients have connected, and may have sent a request already.
async fn accept(listener: Listener, shared: Arc<Shared>) {
    let serve = |stream| {
        shared
            .tasks
            .spawn(connection::serve(stream, shared.clone()));
    };
    loop {
        tokio::select! {
            stream = listener.accept() => serve(stream),
            () = shared.life.reached(Phase::Draining) => break,
        }
    }
    for _ in 0..BACKLOG {
        match timeout(Duration::ZERO, listener.accept()).await {
            Ok(stream) => serve(stream),
            Err(_) => break,
        }
    }
}

/// What tells the server to stop.
enum Stop {
    Future(Pin<Box<dyn Future<Output = ()> + Send>>),
    Signals(Signals),
}

impl Stop {
    async fn first(&mut self) -> &'static str {
        match self {
            Self::Future(stop) => {
                stop.await;
                "told to"
            }
            Self::Signals(signals) => signals.next().await,
        }
    }

    async fn second(&mut self) -> &'static str {
        match self {
            Self::Future(_) => std::future::pending().await,
            Self::Signals(signals) => signals.next().await,
        }
    }
}

/// A server that nobody waits for any more serves nobody.
struct CutOnDrop(Arc<Shared>);

impl Drop for CutOnDrop {
    fn drop(&mut self) {
        self.0.life.enter(Phase::Cut);
    }
}
