//! Runs a connection of hyper, with timeouts, draining and aborting.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::TokioExecutor;
use tokio::time::{Instant, Sleep, sleep};

use crate::request::ResponseBody;
use crate::state::{Phase, ServerState};
use crate::timeouts::{Activity, Waiting};

/// How long an idle connection stays open once the server drains. If it were closed at once, a client that has already
/// sent a request could not know whether it is safe to repeat the request.
const IDLE_GRACE: Duration = Duration::from_millis(300);

/// Runs a connection until it closes, and closes it on a timeout, on a drain and on an abort.
pub(super) async fn drive<C: Connection>(
    mut connection: Pin<Box<C>>,
    activity: &Activity,
    state: &ServerState,
) -> io::Result<()> {
    let mut phase = Phase::Serving;
    // The idle grace, once the server drains. Boxed, because a drain is rare, and the timer would enlarge every
    // connection.
    let mut grace: Option<Pin<Box<Sleep>>> = None;
    // Whether the idle timeout has started a graceful shutdown.
    let mut idle_shutdown = false;
    loop {
        let requests = activity.requests_if_none_in_flight();
        if let Some(grace) = &mut grace {
            grace.as_mut().reset(Instant::now() + IDLE_GRACE);
        }
        let event = next_event(connection.as_mut(), activity, state, phase, grace.as_mut()).await;
        match event {
            Event::Closed(result) => return result.map_err(io::Error::other),
            // HTTP/2 sends GOAWAY and waits for the client. If the client has not closed the connection when the
            // timeout expires again, the connection is aborted.
            Event::Expired if activity.waiting() == Waiting::NextRequest && !idle_shutdown => {
                idle_shutdown = true;
                connection.as_mut().start_graceful_shutdown();
            }
            // A request has arrived since the timeout expired.
            Event::Expired
                if activity.waiting() == Waiting::Request && !activity.is_request_overdue() => {}
            Event::Expired => return Err(io::ErrorKind::TimedOut.into()),
            Event::Phase(Phase::Aborting) => {
                return Err(io::Error::other("aborted by the shutdown"));
            }
            Event::Phase(_) => {
                phase = Phase::Draining;
                grace = Some(Box::pin(sleep(IDLE_GRACE)));
                // A GOAWAY names the last request that is still served. HTTP/1 can announce the close only in the head
                // of a response, so an HTTP/1 connection stays open during the grace.
                if C::MULTIPLEXED {
                    connection.as_mut().start_graceful_shutdown();
                }
            }
            // A request is in flight, or was in flight during the grace, so the grace starts again.
            Event::GraceOver
                if requests.is_none() || activity.requests_if_none_in_flight() != requests => {}
            // Part of a head has arrived. The head timeout applies to the rest of the head.
            Event::GraceOver if activity.waiting() == Waiting::Head && !C::MULTIPLEXED => {}
            // After a GOAWAY, hyper closes the connection once the client has responded to a PING. A client that is
            // still reading responses from the buffers of the kernel responds late; an idle client responds at once.
            Event::GraceOver if C::MULTIPLEXED && activity.has_written_recently() => {}
            Event::GraceOver if C::MULTIPLEXED => return Ok(()),
            Event::GraceOver => {
                grace = None;
                connection.as_mut().start_graceful_shutdown();
            }
        }
    }
}

enum Event {
    Closed(hyper::Result<()>),
    /// A timeout has expired.
    Expired,
    /// The server has entered another phase.
    Phase(Phase),
    /// No other event happened during the idle grace.
    GraceOver,
}

/// Polls the connection until an event happens. Timeouts and phase changes wake the task of the connection, so it is
/// enough to check for them whenever the connection is polled.
///
/// Each HTTP/2 stream has its own task, which wakes the connection's task when it has a response. A worker of Tokio runs
/// a task that was just woken before the tasks in its queue, so the connection would write each response with a separate
/// system call. Therefore, while several requests are in flight, the connection's task moves to the end of the queue
/// first, and then writes the responses of all streams that were in the queue.
async fn next_event<C: Connection>(
    mut connection: Pin<&mut C>,
    activity: &Activity,
    state: &ServerState,
    known_phase: Phase,
    mut grace: Option<&mut Pin<Box<Sleep>>>,
) -> Event {
    let mut yielded = false;
    poll_fn(|cx| {
        yielded = C::MULTIPLEXED && !yielded && activity.requests_in_flight() > 1;
        if yielded {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        // The connection is polled first, so that a request that has arrived is served before a drain can close the
        // connection.
        if let Poll::Ready(result) = connection.as_mut().poll(cx) {
            return Poll::Ready(Event::Closed(result));
        }
        let phase = state.phase();
        if phase > known_phase && phase >= Phase::Draining {
            return Poll::Ready(Event::Phase(phase));
        }
        if activity.take_expired() {
            return Poll::Ready(Event::Expired);
        }
        match &mut grace {
            Some(grace) => grace.as_mut().poll(cx).map(|()| Event::GraceOver),
            None => Poll::Pending,
        }
    })
    .await
}

/// The methods that the two connection types of hyper share.
pub(super) trait Connection: Future<Output = hyper::Result<()>> {
    /// Whether several requests can be in flight at the same time.
    const MULTIPLEXED: bool;

    /// Accepts no more requests and closes the connection once no request is in flight.
    fn start_graceful_shutdown(self: Pin<&mut Self>);
}

impl<I, S> Connection for http1::UpgradeableConnection<I, S>
where
    I: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
    S: hyper::service::HttpService<Incoming, ResBody = ResponseBody>,
    S::Error: Into<anyhost_core::BoxError>,
{
    const MULTIPLEXED: bool = false;

    fn start_graceful_shutdown(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

impl<I, S, F> Connection for http2::Connection<I, S, TokioExecutor>
where
    I: hyper::rt::Read + hyper::rt::Write + Unpin,
    S: hyper::service::HttpService<Incoming, ResBody = ResponseBody, Future = F>,
    S::Error: Into<anyhost_core::BoxError>,
    F: Future<Output = Result<http::Response<ResponseBody>, S::Error>> + Send + 'static,
{
    const MULTIPLEXED: bool = true;

    fn start_graceful_shutdown(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}
