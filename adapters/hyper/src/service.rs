//! One request: admitted or shed, handled, and its reply on the way out.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhost_core::{Error, Response, refuse};
use http::header::{CONNECTION, HOST, HeaderValue, RETRY_AFTER};
use http::{Method, StatusCode};
use hyper::body::Incoming;
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
) -> impl Future<Output = Result<http::Response<Outgoing>, Infallible>> {
    let mut work = Work::new(&request, link);
    if work.link.shared.options.proxies.is_some() {
        believe_proxies(&mut request, &mut work);
    }
    let reply = match reply_of_our_own(&request, &mut work) {
        Some(reply) => Err(reply),
        None => match request::from_hyper(request, work.context.clone(), &work.link.shared) {
            Ok(request) => Ok(handle(&work.link.shared.handler, request)),
            Err(refused) => Err(refuse(refused, &work.context)),
        },
    };
    async move {
        let reply = match reply {
            Ok(reply) if work.link.shared.options.is_plain() => reply.await,
            Ok(reply) => return Ok(Box::pin(by_option(reply, work)).await),
            Err(reply) => reply,
        };
        Ok(finish(reply, work, None))
    }
}

/// Waits for a reply in the ways that have to be asked for.
async fn by_option(
    reply: impl Future<Output = Response> + Send + 'static,
    work: Work,
) -> http::Response<Outgoing> {
    let options = &work.link.shared.options;
    let deadline = options.limits.request.map(|limit| Instant::now() + limit);
    if !options.detached {
        let reply = in_time(reply, &work, deadline).await;
        return finish(reply, work, deadline);
    }
    // A task of its own goes on if the client leaves.
    let shared = work.link.shared.clone();
    let task = async move {
        let life = work.link.shared.life.clone();
        tokio::select! {
            reply = in_time(reply, &work, deadline) => (reply, work),
            () = life.reached(Phase::Cut) => (refuse(unavailable(), &work.context), work),
        }
    };
    match shared.tasks.spawn_on(task, &shared.runtime).await {
        Ok((reply, work)) => finish(reply, work, deadline),
        // The runtime ends, and nobody is there to answer.
        Err(_) => std::future::pending().await,
    }
}

/// Waits for a reply for as long as it may take.
async fn in_time(
    reply: impl Future<Output = Response>,
    work: &Work,
    deadline: Option<Instant>,
) -> Response {
    let Some(deadline) = deadline else {
        return reply.await;
    };
    timeout_at(deadline, reply).await.unwrap_or_else(|_| {
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
fn reply_of_our_own(request: &http::Request<Incoming>, work: &mut Work) -> Option<Response> {
    let shared = &work.link.shared;
    if shared.options.health_checks
        && let Some(reply) = health(request, shared)
    {
        work.unrecorded();
        return Some(reply);
    }
    let most = shared.options.limits.requests?;
    if shared.in_flight.load(Ordering::Relaxed) <= most {
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
fn health(request: &http::Request<Incoming>, shared: &Shared) -> Option<Response> {
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

fn finish(reply: Response, work: Work, deadline: Option<Instant>) -> http::Response<Outgoing> {
    // Whoever asks while we drain is told to ask elsewhere next. HTTP/2 has its own way to say so.
    let last = work.link.shared.life.phase() != Phase::Serving && !work.is_stream();
    let mut reply = to_hyper(reply, work, deadline);
    if last {
        let close = HeaderValue::from_static("close");
        reply.headers_mut().insert(CONNECTION, close);
    }
    reply
}
