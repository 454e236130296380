//! One connection, from its first byte to its last.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use anyhost_core::{Context, dispatch, refuse};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use crate::context;
use crate::detect::{Protocol, detect};
use crate::listener::Stream;
use crate::pulse::{Idle, Pulse};
use crate::request;
use crate::response::{self, Outgoing};
use crate::shutdown::{Life, Phase};
use crate::work::{Shared, Work};

/// How long a client may take for its first bytes, and again for each request's head. hyper starts
/// its own timer only after the protocol is known.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a new connection may still send its first request when the server is draining: it may
/// be on its way already.
const LAST_CALL: Duration = Duration::from_millis(250);

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
    let pulse = Arc::new(Pulse::default());
    let detected = tokio::select! {
        detected = timeout(HEAD_TIMEOUT, detect(stream, pulse.clone())) => detected,
        () = last_call(&shared.life) => return Ok(()),
    };
    let (protocol, stream) = detected.map_err(|_| io::ErrorKind::TimedOut)??;
    let context = context::of(peer);
    let io = TokioIo::new(stream);
    let answer = service_fn(|request| {
        pulse.begin();
        answer(
            request,
            context.for_request(),
            shared.clone(),
            pulse.clone(),
        )
    });
    match protocol {
        Protocol::Http1 => {
            let mut http = http1::Builder::new();
            // Ours is cheaper, and told by requests and not by heads: see `Pulse`.
            http.header_read_timeout(None);
            let connection = http.serve_connection(io, answer).with_upgrades();
            drive(
                connection,
                &shared.life,
                Some(Idle::new(&pulse, HEAD_TIMEOUT)),
            )
            .await
        }
        Protocol::Http2 => {
            let mut http = http2::Builder::new(TokioExecutor::new());
            http.timer(TokioTimer::new())
                .keep_alive_interval(HEAD_TIMEOUT);
            drive(http.serve_connection(io, answer), &shared.life, None).await
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
    pulse: Arc<Pulse>,
) -> Result<http::Response<Outgoing>, Infallible> {
    let work = Work::new(context.clone(), shared, pulse);
    let response = match request::from_hyper(request, context, &work.shared().runtime) {
        Ok(request) => dispatch(&*work.shared().handler, request).await,
        Err(refused) => refuse(refused, work.context()),
    };
    Ok(response::to_hyper(response, work))
}

/// Lets a connection run, tells it when the server drains, and ends it if no request comes any more.
async fn drive<C: Connection>(
    connection: C,
    life: &Life,
    mut idle: Option<Idle<'_>>,
) -> io::Result<()> {
    let mut connection = pin!(connection);
    let mut watch = life.watch();
    poll_fn(|cx| {
        loop {
            // Before anything else: a request that is here already is served, also while draining.
            if let Poll::Ready(ended) = connection.as_mut().poll(cx) {
                return Poll::Ready(ended.map_err(io::Error::other));
            }
            match watch.poll_changed(cx) {
                None | Some(Phase::Serving) => {
                    let over = idle.as_mut().is_some_and(|idle| idle.is_over(cx));
                    return match over {
                        true => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
                        false => Poll::Pending,
                    };
                }
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::runtime::Handle;
    use tokio::time::{Instant, sleep};
    use tokio_util::task::TaskTracker;

    use super::*;

    /// A connection to a handler that takes ten minutes for `/slow`.
    fn connect() -> (DuplexStream, impl Future<Output = io::Result<()>>) {
        let handler = anyhost_core::handler(|request: anyhost_core::Request| async move {
            match request.uri().path() {
                "/slow" => sleep(Duration::from_secs(600)).await,
                "/large" => return "x".repeat(200_000),
                _ => {}
            }
            "done".to_owned()
        });
        let shared = Arc::new(Shared {
            handler: Arc::new(handler),
            life: Life::default(),
            tasks: TaskTracker::new(),
            runtime: Handle::current(),
        });
        let (client, server) = duplex(64 * 1024);
        (client, async move { run(server, None, &shared).await })
    }

    async fn seconds_until_closed(served: impl Future<Output = io::Result<()>>) -> u64 {
        let begun = Instant::now();
        assert_eq!(
            served.await.map_err(|error| error.kind()),
            Err(io::ErrorKind::TimedOut)
        );
        begun.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_ended_after_thirty_seconds() {
        let (_client, served) = connect();
        assert_eq!(seconds_until_closed(served).await, 30);
    }

    #[tokio::test(start_paused = true)]
    async fn half_a_head_is_ended_after_thirty_seconds_more() -> io::Result<()> {
        let (mut client, served) = connect();
        client.write_all(b"GET / HTTP/1.1\r\nHost:").await?;
        assert_eq!(seconds_until_closed(served).await, 30);
        Ok(())
    }

    #[tokio::test(start_paused = true)]
    async fn half_a_preface_is_ended_after_thirty_seconds() -> io::Result<()> {
        let (mut client, served) = connect();
        client.write_all(b"PRI * HTTP/2.0").await?;
        assert_eq!(seconds_until_closed(served).await, 30);
        Ok(())
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_drips_is_ended_all_the_same() {
        let (mut client, served) = connect();
        let drip = async {
            while client.write_all(b"G").await.is_ok() {
                sleep(Duration::from_secs(1)).await;
            }
        };
        let (seconds, ()) = tokio::join!(seconds_until_closed(served), drip);
        assert!((30..=38).contains(&seconds), "{seconds}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_connection_is_ended_and_a_slow_handler_is_not() -> io::Result<()> {
        let (mut client, served) = connect();
        let served = tokio::spawn(async move { seconds_until_closed(served).await });
        client
            .write_all(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
            .await?;
        let mut reply = String::new();
        client.read_to_string(&mut reply).await?;
        assert!(reply.ends_with("done"), "{reply}");
        let seconds = served.await?;
        assert!((630..=638).contains(&seconds), "{seconds}");
        Ok(())
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_reads_slowly_gets_all_of_its_reply() -> io::Result<()> {
        let (mut client, served) = connect();
        let served = tokio::spawn(served);
        client
            .write_all(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
            .await?;
        let (mut read, mut piece) = (0, [0; 1000]);
        while read < 200_000 {
            sleep(Duration::from_secs(5)).await;
            match client.read(&mut piece).await? {
                0 => return Err(io::Error::other(format!("cut after {read} bytes"))),
                more => read += more,
            }
        }
        drop(client);
        let _ = served.await?;
        Ok(())
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_stops_to_read_is_let_go() -> io::Result<()> {
        let (mut client, served) = connect();
        client
            .write_all(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
            .await?;
        let seconds = seconds_until_closed(served).await;
        assert!((30..=38).contains(&seconds), "{seconds}");
        Ok(())
    }
}
