//! One request: from hyper's request, through the handler, to hyper's response.

mod access_log;
mod deadline;
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

use anyhost_core::adapter::{
    Deadline, Exchange, RequestInfo, exchange_in, request_context, response_to,
};
use hyper::body::Incoming;
use tokio::time::Instant;

use crate::context::apply_proxies;
use crate::state::{ConnectionState, Phase};

pub(crate) use access_log::AccessLog;
pub use access_log::AccessRecord;
use deadline::LazySleep;
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
    let options = &connection.shared.config.options;
    let mut context = request_context(&connection.context);
    if let Some(proxies) = &options.proxies {
        context = apply_proxies(proxies, context, &mut request);
    }
    if let Some(timeout) = options.limits.request_timeout
        && let Some(end) = SystemTime::now().checked_add(timeout)
    {
        context = context.with_deadline(end);
    }
    let mut in_flight = InFlight::new(&request, context, connection);
    let shared = &in_flight.connection.shared;
    // The request is decoded before it is checked, because the body of a rejected request also has to be discarded.
    let mut request = decode::request(request, &in_flight.connection);
    let options = &shared.config.options;
    let is_health_check = options.health && own_response::is_health_check(&request);
    let is_detached = options.detached && !is_health_check;
    let request_timeout = options.limits.request_timeout;
    let own = match own_response::rejection(&mut request, &in_flight.context) {
        None if !is_health_check => own_response::overload(&mut request, &in_flight),
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
        && in_flight.is_stream()
    {
        in_flight.set_deadline(deadline);
    }
    if let Some(response) = own {
        let response = encode::own_response(response, in_flight);
        return Respond::Other(Box::pin(std::future::ready(response)));
    }
    let context = in_flight.context.clone();
    let detached_info = match is_detached {
        true => {
            request.extensions_mut().insert(context.clone());
            Some(RequestInfo::of(&mut request))
        }
        false => None,
    };
    let deadline = deadline.map_or_else(Deadline::none, |instant| {
        Deadline::new(LazySleep::until(instant))
    });
    let shared = &in_flight.connection.shared;
    let handler = match is_health_check {
        true => &shared.health_checks,
        false => &shared.handler,
    };
    let exchange = exchange_in(context, handler, request, deadline);
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
#[allow(
    clippy::large_enum_variant,
    reason = "boxing the common case would add an allocation to each request"
)]
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
