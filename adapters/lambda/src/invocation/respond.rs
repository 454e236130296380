//! One invocation: from an event to its result.

use std::sync::Arc;

use anyhost_core::adapter::{Deadline, RequestInfo, exchange, reject, timed_out};
use anyhost_core::{Context, Error, Handler, Host, Response};
use bytes::Bytes;
use http::StatusCode;
use tokio::time::{Instant, sleep_until};

use super::streaming::{StreamDeadline, Streaming};
use crate::context::LambdaContext;
use crate::event::{self, Description, Json, ResponseForm, Source};
use crate::options::FunctionOptions;
use crate::runtime::{Failure, Metadata, StreamingBody};
use crate::{request, response};

/// The result that is sent to the Runtime API.
pub(crate) enum InvocationResult {
    /// The response of the invocation, as JSON.
    Response(Vec<u8>),
    /// A response whose body the handler is still producing.
    Stream {
        body: StreamingBody,
        deadline: StreamDeadline,
    },
    /// The invocation failed.
    Failure(Failure),
}

/// Calls the handler with an event. Also returns the context with the handler's `wait_until` work, which
/// must run after the result was sent.
pub(crate) async fn respond(
    handler: Arc<dyn Handler>,
    event: Bytes,
    metadata: Metadata,
    end: Option<Instant>,
    settings: &FunctionOptions,
) -> (InvocationResult, Context) {
    let deadline = end.map_or_else(Deadline::none, |end| Deadline::new(sleep_until(end)));
    // An event that cannot be parsed may not be an HTTP request, so it gets no HTTP response: for a queue or a
    // schedule, a response means that the event was processed.
    let (json, invalid) = match event::parse(&event) {
        Ok(json) => (json, None),
        Err(error) => (Json::Null, Some(error)),
    };
    let source = Source::of(&json);
    let description = source.description();
    if description.path.is_none() && settings.events.is_none() {
        let message = "The event is not an HTTP request, and ANYHOST_LAMBDA_EVENTS is not set";
        let mut error = Error::new(StatusCode::BAD_REQUEST, message);
        if let Some(invalid) = invalid {
            error = error.with_source(invalid);
        }
        let failure = Failure::new("Runtime.InvalidEvent", error);
        return (
            InvocationResult::Failure(failure),
            Context::new(Host::LAMBDA),
        );
    }
    let (context, request) = request::from_event(description, &json, &event, &metadata, settings);
    drop(json);
    let (response, mut deadline, info) = match request {
        Ok(mut request) => {
            let lambda = LambdaContext::new(source, event, metadata);
            request.extensions_mut().insert(context.clone());
            request.extensions_mut().insert(lambda);
            let exchanged = exchange(handler, request, deadline).await;
            (exchanged.response, exchanged.deadline, exchanged.info)
        }
        Err(error) => {
            let info = RequestInfo::unknown(context.clone());
            (reject(error, &info), deadline, info)
        }
    };
    if settings.mode.streams(source) {
        let result = stream(description, response, deadline, end, info);
        return (result, context);
    }
    let result = match deadline.limit(encode(description, response, &info)).await {
        Ok(result) => result,
        Err(_) => encode(description, timed_out(&info), &info).await,
    };
    (result, context)
}

/// The time at which the handler and its `wait_until` work have to end. It is before Lambda's deadline, so that the
/// response and the log can still be sent: Lambda ends a process that works until the deadline.
pub(crate) fn handler_end(metadata: &Metadata, settings: &FunctionOptions) -> Option<Instant> {
    let left = metadata.time_left()?;
    let margin = settings.margin.min(left / 2);
    Instant::now().checked_add(left - margin)
}

fn stream(
    description: &Description,
    response: Response,
    deadline: Deadline,
    end: Option<Instant>,
    info: RequestInfo,
) -> InvocationResult {
    let (parts, body) = response.into_parts();
    let (prelude, body, deadline) = match response::prelude(description, &parts) {
        Some(prelude) => (prelude, body, deadline),
        None => {
            let (parts, body) = response::not_accepted(&info).into_parts();
            let prelude = response::prelude(description, &parts).unwrap_or_default();
            (prelude, body, Deadline::none())
        }
    };
    let deadline = StreamDeadline::new(deadline, end, info);
    let body = Streaming::new(prelude.into(), body, deadline.clone());
    InvocationResult::Stream {
        body: Box::pin(body),
        deadline,
    }
}

async fn encode(
    description: &Description,
    response: Response,
    info: &RequestInfo,
) -> InvocationResult {
    match description.response {
        ResponseForm::Http(form) => {
            let json = response::to_json(description, form, response, info).await;
            InvocationResult::Response(json)
        }
        ResponseForm::Result => match response::to_result(description, response).await {
            Ok(result) => InvocationResult::Response(result),
            Err(failure) => InvocationResult::Failure(failure),
        },
    }
}
