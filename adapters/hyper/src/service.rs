//! One request: admitted or shed, handled, and its reply on the way out.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use anyhost_core::{Error, Request, Response, dispatch, refuse};
use http::header::{HOST, HeaderValue, RETRY_AFTER};
use http::{Method, StatusCode};
use hyper::body::Incoming;
use pin_project_lite::pin_project;
use tokio::time::{Instant, timeout_at};

use crate::handling::handle;
use crate::request;
use crate::response::{Outgoing, to_hyper};
use crate::shutdown::Phase;
use crate::work::{Link, Shared, Work};

/// Answers one request; what it handed to `wait_until` runs once hyper let go of the reply.
///
/// Requests are large: this one goes to its handler before there is a future that would have to hold it.
pub(crate) fn answer(
    mut request: http::Request<Incoming>,
    link: Arc<Link>,
) -> impl Future<Output = Result<http::Response<Outgoing>, Infallible>> + Send {
    let mut work = Work::new(&request, link);
    if work.link.shared.options.proxies.is_some() {
        believe_proxies(&mut request, &mut work);
    }
    // Also of a request that is refused the body is read on.
    let request = request::from_hyper(request, work.context.clone(), &work.link.shared);
    if let Some(reply) = reply_of_our_own(&request, &mut work) {
        return Answer::known(reply, work);
    }
    match work.link.shared.options.is_plain() {
        true => Answer::Handled {
            reply: handle(request, work),
        },
        false => Answer::Otherwise {
            reply: Box::pin(by_option(request, work)),
        },
    }
}

pin_project! {
    #[project = Projection]
    enum Answer<F> {
        Handled {
            #[pin]
            reply: F,
        },
        Otherwise {
            reply: Pin<Box<dyn Future<Output = http::Response<Outgoing>> + Send>>,
        },
    }
}

impl<F> Answer<F> {
    fn known(reply: Response, work: Work) -> Self {
        Self::Otherwise {
            reply: Box::pin(std::future::ready(to_hyper(reply, work, None))),
        }
    }
}

impl<F> Future for Answer<F>
where
    F: Future<Output = Result<http::Response<Outgoing>, Infallible>>,
{
    type Output = Result<http::Response<Outgoing>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            Projection::Handled { reply } => reply.poll(cx),
            Projection::Otherwise { reply } => reply.as_mut().poll(cx).map(Ok),
        }
    }
}

/// Handles a request in the ways that have to be asked for.
async fn by_option(request: Request, mut work: Work) -> http::Response<Outgoing> {
    let limit = work.link.shared.options.limits.request;
    let deadline = limit.map(|limit| Instant::now() + limit);
    if let Some(deadline) = deadline {
        work.must_end(deadline);
    }
    if !work.link.shared.options.detached {
        let reply = in_time(request, &work, deadline).await;
        return to_hyper(reply, work, ahead(deadline));
    }
    // A task of its own goes on if the client leaves.
    let shared = work.link.shared.clone();
    let task = async move {
        let life = work.link.shared.life.clone();
        tokio::select! {
            reply = in_time(request, &work, deadline) => (reply, work),
            () = life.reached(Phase::Cut) => (refuse(unavailable(), &work.context), work),
        }
    };
    match shared.tasks.spawn_on(task, &shared.runtime).await {
        Ok((reply, work)) => to_hyper(reply, work, ahead(deadline)),
        // The runtime ends, and nobody is there to answer.
        Err(_) => std::future::pending().await,
    }
}

/// The deadline, if it is not over: a 504 has to get out after it.
fn ahead(deadline: Option<Instant>) -> Option<Instant> {
    deadline.filter(|deadline| *deadline > Instant::now())
}

/// Handles a request for as long as that may take.
async fn in_time(request: Request, work: &Work, deadline: Option<Instant>) -> Response {
    let handled = dispatch(&*work.link.shared.handler, request);
    let Some(deadline) = deadline else {
        return handled.await;
    };
    timeout_at(deadline, handled).await.unwrap_or_else(|_| {
        tracing::warn!(
            request_id = work.context.request_id(),
            "the handler took too long"
        );
        refuse(
            Error::from_status(StatusCode::GATEWAY_TIMEOUT),
            &work.context,
        )
    })
}

/// What is answered without asking the handler.
fn reply_of_our_own(request: &Request, work: &mut Work) -> Option<Response> {
    if !request::has_host(request) {
        let error = Error::new(StatusCode::BAD_REQUEST, "Missing Host header");
        return Some(refuse(error, &work.context));
    }
    let shared = &work.link.shared;
    if shared.options.health_checks
        && let Some(reply) = health(request, shared)
    {
        work.unrecorded();
        return Some(reply);
    }
    if !shared.is_crowded() {
        return None;
    }
    shared.counters.shed();
    let error = unavailable().with_header(RETRY_AFTER, HeaderValue::from_static("1"));
    Some(refuse(error, &work.context))
}

fn unavailable() -> Error {
    Error::from_status(StatusCode::SERVICE_UNAVAILABLE)
}

/// `/livez` is well as long as it answers, `/readyz` until the server drains.
fn health(request: &Request, shared: &Shared) -> Option<Response> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return None;
    }
    let well = match request.uri().path() {
        "/livez" => true,
        "/readyz" => shared.life.phase() == Phase::Serving,
        _ => return None,
    };
    let (status, text) = match well {
        true => (StatusCode::OK, "ok"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "draining"),
    };
    anyhost_core::send(status, text).ok()
}

/// Takes from trusted proxies what they say of the client.
fn believe_proxies(request: &mut http::Request<Incoming>, work: &mut Work) {
    let Some(proxies) = &work.link.shared.options.proxies else {
        return;
    };
    let origin = proxies.origin(work.context.peer(), request.headers());
    if let Some(peer) = origin.peer
        && origin.peer != work.context.peer()
    {
        work.context = work.context.clone().with_peer(peer);
    }
    if let Some(scheme) = origin.scheme {
        work.context = work.context.clone().with_scheme(scheme);
    }
    if let Some(host) = origin.host {
        request.headers_mut().insert(HOST, host);
        // HTTP/2 has its host here, where it would count for more.
        if let Some(target) = request.uri().path_and_query().cloned() {
            *request.uri_mut() = target.into();
        }
    }
}
