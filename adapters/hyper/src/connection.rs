//! One connection, from its first byte to its last.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use anyhost_core::{Context, Handler, dispatch, refuse};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::Handle;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::context;
use crate::detect::{Protocol, detect};
use crate::listener::Stream;
use crate::request;
use crate::response::{self, Outgoing};
use crate::shutdown::{Life, Phase};

/// How long a client may take for its first bytes, and again for each request's head. hyper starts
/// its own timer only after the protocol is known.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a new connection may still send its first request when the server is draining: it may
/// be on its way already.
const LAST_CALL: Duration = Duration::from_millis(250);

/// What all connections of a server share.
pub(crate) struct Shared {
    pub(crate) handler: Arc<dyn Handler>,
    pub(crate) life: Life,
    pub(crate) tasks: TaskTracker,
    pub(crate) runtime: Handle,
}

/// Serves a connection until either side ends it.
pub(crate) async fn serve(stream: Stream, shared: Arc<Shared>) {
    let (result, peer) = match stream {
        Stream::Tcp(stream, peer) => (run(stream, Some(peer), &shared).await, Some(peer)),
        Stream::Unix(stream) => (run(stream, None, &shared).await, None),
    };
    if let Err(error) = result {
        tracing::debug!(?peer, %error, "connection ended early");
    }
}

async fn run<S>(stream: S, peer: Option<IpAddr>, shared: &Arc<Shared>) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let detected = tokio::select! {
        detected = timeout(HEAD_TIMEOUT, detect(stream)) => detected,
        () = last_call(&shared.life) => return Ok(()),
    };
    let (protocol, stream) = detected.map_err(|_| io::ErrorKind::TimedOut)??;
    let context = context::of(peer);
    let io = TokioIo::new(stream);
    let answer =
        service_fn(|request| answer(request, context.clone().with_own_work(), shared.clone()));
    match protocol {
        Protocol::Http1 => {
            let mut http = http1::Builder::new();
            http.timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIMEOUT);
            drive(
                http.serve_connection(io, answer).with_upgrades(),
                &shared.life,
            )
            .await
        }
        Protocol::Http2 => {
            let mut http = http2::Builder::new(TokioExecutor::new());
            http.timer(TokioTimer::new())
                .keep_alive_interval(HEAD_TIMEOUT);
            drive(http.serve_connection(io, answer), &shared.life).await
        }
    }
}

async fn last_call(life: &Life) {
    life.reached(Phase::Draining).await;
    let _ = timeout(LAST_CALL, life.reached(Phase::Cut)).await;
}

/// Answers one request; what it handed to `wait_until` runs once hyper let go of the reply.
async fn answer(
    request: http::Request<Incoming>,
    context: Context,
    shared: Arc<Shared>,
) -> Result<http::Response<Outgoing>, Infallible> {
    let token = shared.tasks.token();
    let work = Work {
        context: context.clone(),
        shared,
        _token: token,
    };
    let response = match request::from_hyper(request, context, &work.shared.runtime) {
        Ok(request) => dispatch(&*work.shared.handler, request).await,
        Err(refused) => refuse(refused, &work.context),
    };
    Ok(response::to_hyper(response, work))
}

/// The work of a request that waits for its reply to be out. It runs also if the client left first.
pub(crate) struct Work {
    context: Context,
    shared: Arc<Shared>,
    /// HTTP/2 streams outlive their connection's task; a drain waits for them by this.
    _token: TaskTrackerToken,
}

impl Drop for Work {
    fn drop(&mut self) {
        if self.context.has_work() {
            let (context, shared) = (self.context.clone(), self.shared.clone());
            let work = async move {
                tokio::select! {
                    () = context.finish() => {}
                    () = shared.life.reached(Phase::Cut) => {}
                }
            };
            self.shared.tasks.spawn_on(work, &self.shared.runtime);
        }
    }
}

/// Lets a connection run, and tells it when the server drains.
async fn drive<C: Connection>(connection: C, life: &Life) -> io::Result<()> {
    let mut connection = pin!(connection);
    let mut watch = life.watch();
    poll_fn(|cx| {
        loop {
            // Before anything else: a request that is here already is served, also while draining.
            if let Poll::Ready(ended) = connection.as_mut().poll(cx) {
                return Poll::Ready(ended.map_err(io::Error::other));
            }
            match watch.poll_changed(cx) {
                None | Some(Phase::Serving) => return Poll::Pending,
                Some(Phase::Draining) => connection.as_mut().drain(),
                Some(Phase::Cut) => {
                    return Poll::Ready(Err(io::Error::other("cut by the shutdown deadline")));
                }
            }
        }
    })
    .await
}

/// What hyper's two kinds of connection have in common.
trait Connection: Future<Output = hyper::Result<()>> {
    /// Ends the connection as soon as what is in flight is done.
    fn drain(self: Pin<&mut Self>);
}

impl<I, S> Connection for http1::UpgradeableConnection<I, S>
where
    I: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
    S: hyper::service::HttpService<Incoming, ResBody = Outgoing>,
    S::Error: Into<anyhost_core::BoxError>,
{
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
    fn drain(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}
