//! One request: from hyper's request, through the handler, to hyper's response.

mod access_log;
mod decode;
mod encode;
mod in_flight;
mod own_response;
mod upload;

use std::convert::Infallible;
use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::SystemTime;

use anyhost_core::adapter::{Deadline, Exchange, RequestInfo, exchange, response_to};
use hyper::body::Incoming;
use tokio::time::{Instant, sleep_until};

use crate::context::apply_proxies;
use crate::state::{ConnectionState, Phase};

pub(crate) use access_log::AccessLog;
pub use access_log::AccessRecord;
pub(crate) use encode::ResponseBody;
use in_flight::InFlight;
pub(crate) use own_response::HealthChecks;

/// Runs one request through the handler. This is the service that hyper calls.
///
/// This is not an `async fn`, because its future would have to store the request, which is large, until the first poll.
pub(crate) fn respond(
    mut request: http::Request<Incoming>,
    connection: Arc<ConnectionState>,
) -> Respond {
    let mut in_flight = InFlight::new(&request, connection);
    let shared = &in_flight.connection.shared;
    if let Some(proxies) = &shared.config.options.proxies {
        in_flight.context = apply_proxies(proxies, in_flight.context.clone(), &mut request);
    }
    // Only with a timeout, because this copies the context.
    if let Some(timeout) = shared.config.options.limits.request_timeout
        && let Some(end) = SystemTime::now().checked_add(timeout)
    {
        in_flight.context = in_flight.context.clone().with_deadline(end);
    }
    // The request is decoded before it is checked, because the body of a rejected request also has to be discarded.
    let mut request = decode::request(request, in_flight.context.clone(), &in_flight.connection);
    let options = &shared.config.options;
    let is_health_check = options.health && own_response::is_health_check(&request);
    let is_detached = options.detached && !is_health_check;
    let request_timeout = options.limits.request_timeout;
    let handler = match is_health_check {
        true => shared.health_checks.clone(),
        false => shared.handler.clone(),
    };
    let own = match own_response::rejection(&mut request) {
        None if !is_health_check => own_response::overload(&mut request, &in_flight.connection),
        rejection => rejection,
    };
    if is_health_check || own.is_some() {
        in_flight.exclude_from_limit();
    }
    if is_health_check {
        // Load balancers send a health check every few seconds, which would fill the access log.
        in_flight.disable_access_log();
    }
    let deadline = request_timeout.map(|timeout| Instant::now() + timeout);
    if let Some(deadline) = deadline
        && (own.is_none() || in_flight.is_stream())
    {
        in_flight.set_deadline(deadline);
    }
    if let Some(response) = own {
        let response = encode::own_response(response, in_flight);
        return Respond::Other(Box::pin(std::future::ready(response)));
    }
    let detached_info = match is_detached {
        true => Some(RequestInfo::of(&mut request)),
        false => None,
    };
    let deadline = deadline.map_or_else(Deadline::none, |instant| {
        Deadline::new(sleep_until(instant))
    });
    let exchange = exchange(handler, request, deadline);
    match detached_info {
        None => Respond::Exchange {
            exchange,
            in_flight: Some(in_flight),
        },
        Some(info) => Respond::Other(Box::pin(detached(exchange, info, in_flight))),
    }
}

/// The future of [`respond`].
///
/// Written by hand: an async block would reserve space for the response and copy it on every move.
pub(crate) enum Respond {
    Exchange {
        exchange: Exchange,
        /// `None` after the future completed.
        in_flight: Option<InFlight>,
    },
    /// The rare cases, boxed so that they do not enlarge the common case.
    Other(Pin<Box<dyn Future<Output = http::Response<ResponseBody>> + Send>>),
}

impl Future for Respond {
    type Output = Result<http::Response<ResponseBody>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Self::Exchange {
                exchange,
                in_flight,
            } => {
                let exchanged = ready!(Pin::new(exchange).poll(cx));
                match in_flight.take() {
                    Some(in_flight) => Poll::Ready(Ok(encode::response(exchanged, in_flight))),
                    // The future was polled after it had completed.
                    None => Poll::Pending,
                }
            }
            Self::Other(response) => response.as_mut().poll(cx).map(Ok),
        }
    }
}

/// Runs the handler in a separate task. The task continues when hyper drops this future because the client has
/// disconnected.
async fn detached(
    exchange: Exchange,
    info: RequestInfo,
    in_flight: InFlight,
) -> http::Response<ResponseBody> {
    let shared = in_flight.connection.shared.clone();
    let state = shared.state.clone();
    let task = async move {
        tokio::select! {
            exchanged = exchange => (Some(exchanged), in_flight),
            () = state.reached(Phase::Aborting) => (None, in_flight),
        }
    };
    match shared.tasks.spawn_on(task, &shared.runtime).await {
        Ok((Some(exchanged), in_flight)) => encode::response(exchanged, in_flight),
        Ok((None, in_flight)) => {
            let response = response_to(own_response::unavailable(), &info);
            encode::own_response(response, in_flight)
        }
        // The runtime is shutting down, and will also drop this future.
        Err(_) => pending().await,
    }
}
