//! One connection, from accepting it to closing it.

use std::error::Error as _;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::time::timeout;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::clients::ClientPermit;
use super::detect::{Protocol, detect};
use super::drive::drive;
use super::handshake::handshake;
use super::io::Io;
use super::observed::Observed;
use super::permit::Permit;
use crate::listen::Stream;
use crate::request::respond;
use crate::state::{ConnectionState, Phase, ServerState, Shared};

/// How long a client that has just connected can take to send its first request while the server drains. This time is
/// longer than the grace of an idle connection, because the client may still need a TLS handshake.
const FIRST_REQUEST_GRACE: Duration = Duration::from_secs(1);

/// Serves a connection until either side closes it. `stream` is boxed for the same reason as
/// [`OpenConnection`](OpenConnection::new).
pub(super) async fn serve(
    stream: Box<Stream>,
    tls: bool,
    mut open: Box<OpenConnection>,
    shared: Arc<Shared>,
) {
    let peer = match &*stream {
        Stream::Tcp(_, peer) => Some(*peer),
        Stream::Unix(_) => None,
    };
    let registration = shared.state.connections.add();
    let activity = registration.activity().clone();
    activity.set_task().await;
    let served = async {
        let has_proxy_header = shared.config.options.proxy_protocol;
        if !has_proxy_header {
            open.admit(peer)?;
        }
        let handshake = async {
            tokio::select! {
                ready = handshake(*stream, tls, &shared) => ready.map(Some),
                () = activity.expired() => Err(io::ErrorKind::TimedOut.into()),
                () = no_first_request(&shared.state) => Ok(None),
            }
        };
        // Boxed, because the task of a connection reserves space for the largest future that it awaits.
        let Some((io, context)) = Box::pin(handshake).await? else {
            return Ok(());
        };
        if has_proxy_header {
            open.admit(context.peer())?;
        }
        let connection = ConnectionState {
            context,
            registration,
            shared: shared.clone(),
        };
        serve_http(io, open, Arc::new(connection)).await
    };
    if let Err(error) = served.await {
        if error.kind() == io::ErrorKind::TimedOut {
            shared.metrics.connection_timed_out();
        }
        match is_rejection(&error) {
            true => log_rejection(peer, &error, &shared),
            false => tracing::debug!(?peer, %error, "connection closed early"),
        }
    }
}

fn invalid_data(error: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

/// Whether the client sent invalid bytes: a PROXY header, a TLS handshake, or HTTP that hyper or h2 reject.
fn is_rejection(error: &io::Error) -> bool {
    let inner = error.get_ref();
    match inner.and_then(|inner| inner.downcast_ref::<hyper::Error>()) {
        Some(error) => {
            let h2 = error.source().and_then(|source| source.downcast_ref());
            error.is_parse() || h2.is_some_and(h2::Error::is_library)
        }
        // rustls also uses this kind for its errors.
        None => error.kind() == io::ErrorKind::InvalidData,
    }
}

/// hyper and h2 respond to invalid requests themselves, so these requests are not in the access log. The number of
/// events is limited, because an attack should be visible but must not fill the log.
fn log_rejection(peer: Option<IpAddr>, error: &io::Error, shared: &Shared) {
    shared.metrics.connection_rejected();
    let peer = peer.map(tracing::field::display);
    let source = error.get_ref().and_then(|inner| inner.source());
    let source = source.map(tracing::field::display);
    match shared.rejections.admit() {
        Some(suppressed) => {
            tracing::info!(peer, %error, source, suppressed, "connection rejected");
        }
        None => tracing::debug!(peer, %error, source, "connection rejected"),
    }
}

/// Counts a connection for as long as its stream is open. The stream owns this value, and the connection's task does
/// not, because after an upgrade the stream belongs to the handler and can outlive that task.
pub(super) struct OpenConnection {
    shared: Arc<Shared>,
    _permit: Permit,
    client: Option<ClientPermit>,
    _token: TaskTrackerToken,
}

impl OpenConnection {
    /// Boxed, because the futures that own this value in turn each reserve space for it.
    pub(super) fn new(permit: Permit, shared: Arc<Shared>) -> Box<Self> {
        shared.metrics.connection_opened();
        Box::new(Self {
            _permit: permit,
            client: None,
            _token: shared.tasks.token(),
            shared,
        })
    }

    /// Counts the connection for its client.
    ///
    /// # Errors
    /// When the client has too many connections.
    fn admit(&mut self, client: Option<IpAddr>) -> io::Result<()> {
        if let (Some(clients), Some(client)) = (&self.shared.clients, client) {
            let permit = clients.admit(client);
            let error = "the client has too many connections";
            self.client = Some(permit.ok_or_else(|| invalid_data(error))?);
        }
        Ok(())
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.shared.metrics.connection_closed();
    }
}

/// Detects the protocol and runs it.
pub(super) async fn serve_http(
    mut io: Io,
    open: Box<OpenConnection>,
    connection: Arc<ConnectionState>,
) -> io::Result<()> {
    let (activity, shared) = (connection.registration.activity(), &connection.shared);
    let detected = async {
        tokio::select! {
            detected = detect(&mut io) => detected.map(Some),
            () = activity.expired() => Err(io::ErrorKind::TimedOut.into()),
            () = no_first_request(&shared.state) => Ok(None),
        }
    };
    // Boxed, so that an open connection does not reserve space for this future.
    let Some((protocol, first)) = Box::pin(detected).await? else {
        return Ok(());
    };
    let io = TokioIo::new(Observed::new(io, protocol, first, open, activity.clone()));
    let service = service_fn(|request| respond(request, connection.clone()));
    // Boxed, so that a connection needs only the memory of its protocol, and not of the larger one.
    match protocol {
        Protocol::Http1 => {
            let http = shared.http1.serve_connection(io, service).with_upgrades();
            drive(Box::pin(http), activity, &shared.state).await
        }
        Protocol::Http2 => {
            activity.set_multiplexed();
            let http = shared.http2.serve_connection(io, service);
            drive(Box::pin(http), activity, &shared.state).await
        }
    }
}

/// Completes when the server drains and the grace for the first request is over.
async fn no_first_request(state: &ServerState) {
    state.reached(Phase::Draining).await;
    let _ = timeout(FIRST_REQUEST_GRACE, state.reached(Phase::Aborting)).await;
}
