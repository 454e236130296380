//! One connection, from its first byte to its last.

use std::future::{Future, poll_fn};
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use anyhost_core::{Context, Host};
use http::uri::Scheme;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::TokioExecutor;
use tokio::time::timeout;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::accept::Place;
use crate::detect::{Protocol, detect};
use crate::io::Io;
use crate::listener::{Stream, show_progress};
use crate::proxy_protocol;
use crate::request_id;
use crate::response::Outgoing;
use crate::service::answer;
use crate::shutdown::{Life, Phase};
use crate::watch::{Pulse, State};
use crate::work::{Link, Shared};

/// How long a client that asks for nothing may still send a request when the server drains: one may be
/// on its way already.
const LAST_CALL: Duration = Duration::from_millis(300);

/// The same for one that has just connected, and has a handshake to do first.
const FIRST_CALL: Duration = Duration::from_secs(1);

/// Serves a connection until either side ends it.
pub(crate) async fn serve(stream: Stream, tls: bool, place: Place, shared: Arc<Shared>) {
    let peer = match &stream {
        Stream::Tcp(_, peer) => Some(*peer),
        Stream::Unix(_) => None,
    };
    let open = Open::new(place, shared.clone());
    let watched = shared.life.connections.add();
    let pulse = watched.0.clone();
    pulse.belongs_to_this_task().await;
    let served = async {
        let (io, context) = tokio::select! {
            begun = begin(stream, tls, &shared) => begun?,
            () = pulse.over() => return Err(io::ErrorKind::TimedOut.into()),
            () = first_call(&shared.life) => return Ok(()),
        };
        let link = Link {
            context,
            watched,
            shared: shared.clone(),
        };
        run(io, open, Arc::new(link)).await
    };
    if let Err(error) = served.await {
        if error.kind() == io::ErrorKind::TimedOut {
            shared.counters.expired();
        }
        tracing::debug!(?peer, %error, "connection ended early");
    }
}

/// Has its place for as long as the connection is open: also when it was upgraded and is the handler's, and
/// when its task is dropped.
struct Open {
    shared: Arc<Shared>,
    _place: Place,
    _token: TaskTrackerToken,
}

impl Open {
    fn new(place: Place, shared: Arc<Shared>) -> Self {
        shared.counters.opened();
        Self {
            _place: place,
            _token: shared.tasks.token(),
            shared,
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.shared.counters.closed();
    }
}

/// What comes before HTTP: a balancer's word about the client, and the TLS handshake.
async fn begin(stream: Stream, tls: bool, shared: &Shared) -> io::Result<(Io, Context)> {
    let context = Context::new(Host::HTTP).with_new_request_ids(request_id::new);
    let with_peer = |peer: Option<IpAddr>| match peer {
        Some(peer) => context.clone().with_peer(peer),
        None => context.clone(),
    };
    match stream {
        Stream::Tcp(mut stream, peer) => {
            if shared.options.limits.write_stall.is_some() {
                show_progress(&stream);
            }
            let context = with_peer(Some(balanced(&mut stream, shared).await?.unwrap_or(peer)));
            match tls {
                true => Ok((
                    secured(stream, shared).await?,
                    context.with_scheme(Scheme::HTTPS),
                )),
                false => Ok((Io::Tcp(stream), context)),
            }
        }
        Stream::Unix(mut stream) => {
            let peer = balanced(&mut stream, shared).await?;
            Ok((Io::Unix(stream), with_peer(peer)))
        }
    }
}

async fn balanced<S>(stream: &mut S, shared: &Shared) -> io::Result<Option<IpAddr>>
where
    S: tokio::io::AsyncRead + Unpin,
{
    match shared.options.proxy_protocol {
        true => proxy_protocol::read(stream).await,
        false => Ok(None),
    }
}

#[cfg(feature = "tls")]
async fn secured(stream: tokio::net::TcpStream, shared: &Shared) -> io::Result<Io> {
    let Some(tls) = &shared.options.tls else {
        return Err(io::Error::other("there is no certificate"));
    };
    // In a box: a connection has room for all that it may ever wait for.
    let handshake = Box::pin(tls.accept(stream));
    let stream = match shared.options.limits.tls_handshake {
        Some(limit) => timeout(limit, handshake).await??,
        None => handshake.await?,
    };
    Ok(Io::Tls(Box::new(stream)))
}

#[cfg(not(feature = "tls"))]
async fn secured(_: tokio::net::TcpStream, _: &Shared) -> io::Result<Io> {
    Err(io::Error::other("this program was built without TLS"))
}

async fn run(io: Io, open: Open, link: Arc<Link>) -> io::Result<()> {
    let (pulse, shared) = (&link.watched.0, &link.shared);
    let detected = tokio::select! {
        detected = detect(io, open, pulse.clone()) => detected,
        () = pulse.over() => return Err(io::ErrorKind::TimedOut.into()),
        () = first_call(&shared.life) => return Ok(()),
    };
    let (protocol, io) = detected?;
    let answer = service_fn(|request| answer(request, link.clone()));
    match protocol {
        Protocol::Http1 => {
            let connection = shared.http1.serve_connection(io, answer);
            drive(Box::pin(connection.with_upgrades()), pulse, &shared.life).await
        }
        Protocol::Http2 => {
            pulse.is_multiplexed();
            let connection = shared.http2.serve_connection(io, answer);
            drive(Box::pin(connection), pulse, &shared.life).await
        }
    }
}

async fn first_call(life: &Life) {
    life.reached(Phase::Draining).await;
    let _ = timeout(FIRST_CALL, life.reached(Phase::Cut)).await;
}

/// Lets a connection run, tells it when the server drains, and ends it if it gets nowhere. In a box it takes
/// as much memory as its protocol needs; here it would take what either needs, twice.
async fn drive<C: Connection>(
    mut connection: Pin<Box<C>>,
    pulse: &Pulse,
    life: &Life,
) -> io::Result<()> {
    let mut phase = Phase::Serving;
    let (mut last_call, mut told) = (false, false);
    loop {
        let rest = pulse.at_rest();
        let next = next(connection.as_mut(), pulse, life, phase);
        let event = match last_call {
            false => next.await,
            true => timeout(LAST_CALL, next).await.unwrap_or(Event::Quiet),
        };
        match event {
            Event::Ended(ended) => return ended.map_err(io::Error::other),
            // It is told to go; if it does not, it is cut the next time.
            Event::Over if pulse.state() == State::Idle && !told => {
                told = true;
                connection.as_mut().drain();
            }
            // A request has come since.
            Event::Over if pulse.state() == State::Busy && !pulse.is_overdue() => {}
            Event::Over => return Err(io::ErrorKind::TimedOut.into()),
            Event::Phase(Phase::Cut) => {
                return Err(io::Error::other("cut by the shutdown deadline"));
            }
            Event::Phase(_) => {
                phase = Phase::Draining;
                last_call = true;
                // A GOAWAY says which requests are still answered. HTTP/1 says nothing once a reply has begun,
                // and its client may send the next request as soon as it has the end.
                if C::MULTIPLEXED {
                    connection.as_mut().drain();
                }
            }
            // Half a head is a request on its way; it has the time that heads have.
            Event::Quiet if rest.is_none() || pulse.at_rest() != rest => {}
            Event::Quiet if pulse.state() == State::Head && !C::MULTIPLEXED => {}
            // It had its GOAWAY; a client that does not even answer that is not waited for.
            Event::Quiet if C::MULTIPLEXED => return Ok(()),
            Event::Quiet => {
                last_call = false;
                connection.as_mut().drain();
            }
        }
    }
}

enum Event {
    Ended(hyper::Result<()>),
    /// Its time is over.
    Over,
    /// The server is at something else than we knew.
    Phase(Phase),
    /// Nothing of the kind, for as long as a last call takes.
    Quiet,
}

/// Lets a connection run until something happens. The watch and the server's life wake its task.
async fn next<C: Connection>(
    mut connection: Pin<&mut C>,
    pulse: &Pulse,
    life: &Life,
    known: Phase,
) -> Event {
    poll_fn(|cx| {
        // Before anything else: a request that is here already is served, also while draining.
        if let Poll::Ready(ended) = connection.as_mut().poll(cx) {
            return Poll::Ready(Event::Ended(ended));
        }
        let phase = life.phase();
        if phase > known {
            return Poll::Ready(Event::Phase(phase));
        }
        match pulse.is_over() {
            true => Poll::Ready(Event::Over),
            false => Poll::Pending,
        }
    })
    .await
}

/// What hyper's two kinds of connection have in common.
trait Connection: Future<Output = hyper::Result<()>> {
    /// Whether requests share it.
    const MULTIPLEXED: bool;

    /// Ends the connection as soon as what is in flight is done.
    fn drain(self: Pin<&mut Self>);
}

impl<I, S> Connection for http1::UpgradeableConnection<I, S>
where
    I: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
    S: hyper::service::HttpService<Incoming, ResBody = Outgoing>,
    S::Error: Into<anyhost_core::BoxError>,
{
    const MULTIPLEXED: bool = false;

    fn drain(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

impl<I, S, F> Connection for http2::Connection<I, S, TokioExecutor>
where
    I: hyper::rt::Read + hyper::rt::Write + Unpin,
    S: hyper::service::HttpService<Incoming, ResBody = Outgoing, Future = F>,
    S::Error: Into<anyhost_core::BoxError>,
    F: Future<Output = Result<http::Response<Outgoing>, S::Error>> + Send + 'static,
{
    const MULTIPLEXED: bool = true;

    fn drain(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

#[cfg(test)]
mod tests;
