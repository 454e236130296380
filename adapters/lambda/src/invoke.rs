//! One invocation: an event in, a reply out.

use anyhost_core::{Body, Context, Error, Handler, Host, Request, Response, dispatch, refuse};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, StatusCode};
use http_body_util::{BodyExt, Limited};
use tokio::time::{Instant, timeout_at};

use crate::context::{self, Invocation, LambdaContext};
use crate::event::{Json, Source};
use crate::options::{Mode, Options};
use crate::request::{from_event, malformed};
use crate::response::{headers_fit, to_json};
use crate::stream::Streamed;

/// What is to be posted.
pub(crate) enum Reply {
    /// The whole of it.
    Whole(Vec<u8>),
    /// A reply that is still being made.
    Stream(Box<Streamed>),
    /// That the invocation failed.
    Failed(Error),
}

impl Reply {
    fn stream(source: Source, response: Response, end: Option<Instant>) -> Self {
        Self::Stream(Box::new(Streamed::new(source, response, end)))
    }
}

/// The reply, and the context whose `wait_until` work is to be finished once the reply is out.
pub(crate) async fn reply_to<H: Handler + ?Sized>(
    handler: &H,
    event: Bytes,
    invocation: Invocation,
    options: &Options,
) -> (Reply, Context) {
    let json = match Json::parse(&event) {
        Ok(json) => json,
        Err(error) => {
            let error = malformed("Invalid event").with_source(error);
            let context = Context::new(Host::LAMBDA);
            let response = refused(error, &context);
            // In the shape that most front doors take.
            let reply = to_json(Source::FunctionUrl, response, &context).await;
            return (Reply::Whole(reply), context);
        }
    };
    let end = end(&invocation, options);
    let Some(source) = Source::of(&json) else {
        drop(json);
        return match &options.events {
            Some(path) => pass_on(handler, path, event, invocation, end).await,
            // Somebody else's event: a reply would tell a queue or schedule that it was dealt with.
            None => (
                Reply::Failed(malformed("The event is of no HTTP front door")),
                Context::new(Host::LAMBDA),
            ),
        };
    };
    let (context, request) = from_event(source, &json, &event, &invocation, options);
    drop(json);
    let request = request.map(|mut request| {
        let lambda = LambdaContext::new(source, event, invocation);
        request.extensions_mut().insert(context.clone());
        request.extensions_mut().insert(lambda);
        request
    });
    let stream = options.mode == Mode::Stream && source.streams();
    let reply = async {
        let response = match request {
            Ok(request) => dispatch(handler, request).await,
            Err(error) => refused(error, &context),
        };
        if !stream {
            return Reply::Whole(to_json(source, response, &context).await);
        }
        if !headers_fit(source, response.headers()) {
            let failed = Error::from_status(StatusCode::INTERNAL_SERVER_ERROR);
            return Reply::stream(source, refuse(failed, &context), None);
        }
        Reply::stream(source, response, end)
    };
    let reply = match by(end, reply).await {
        Some(reply) => reply,
        None => {
            tracing::error!("no reply before the deadline");
            let late = refuse(Error::from_status(StatusCode::GATEWAY_TIMEOUT), &context);
            match stream {
                true => Reply::stream(source, late, None),
                false => Reply::Whole(to_json(source, late, &context).await),
            }
        }
    };
    (reply, context)
}

fn refused(error: Error, context: &Context) -> Response {
    tracing::warn!("refused: {error:?}");
    refuse(error, context)
}

/// When the reply has to be ready: so long before Lambda ends the process that the reply and the log
/// still get out. A deadline in the past is none; emulators send some.
fn end(invocation: &Invocation, options: &Options) -> Option<Instant> {
    let left = invocation.left()?;
    Instant::now().checked_add(left - options.margin.min(left / 2))
}

async fn by<T>(end: Option<Instant>, future: impl Future<Output = T>) -> Option<T> {
    match end {
        Some(end) => timeout_at(end, future).await.ok(),
        None => Some(future.await),
    }
}

/// Hands an event of no front door to the handler as it is.
async fn pass_on<H: Handler + ?Sized>(
    handler: &H,
    path: &str,
    event: Bytes,
    invocation: Invocation,
    end: Option<Instant>,
) -> (Reply, Context) {
    let context = context::of_event(&invocation);
    let mut request = Request::new(Body::from(event.clone()));
    *request.method_mut() = Method::POST;
    match path.parse() {
        Ok(path) => *request.uri_mut() = path,
        Err(error) => {
            let error = Error::from_status(StatusCode::INTERNAL_SERVER_ERROR).with_source(error);
            return (Reply::Failed(error), context);
        }
    }
    let json = HeaderValue::from_static("application/json");
    request.headers_mut().insert(CONTENT_TYPE, json);
    request.extensions_mut().insert(context.clone());
    let lambda = LambdaContext::new(Source::Event, event, invocation);
    request.extensions_mut().insert(lambda);
    let result = by(end, async {
        result(dispatch(handler, request).await).await
    })
    .await;
    let late = || Err(Error::from_status(StatusCode::GATEWAY_TIMEOUT));
    let reply = match result.unwrap_or_else(late) {
        Ok(result) => Reply::Whole(result),
        Err(error) => Reply::Failed(error),
    };
    (reply, context)
}

/// The reply's JSON as the result of an invocation. Text that is none becomes a JSON string, and
/// nothing becomes `null`.
///
/// # Errors
/// What the handler replied, if its status is one; and for a body that fails, is too long, or is no text.
async fn result(response: Response) -> Result<Vec<u8>, Error> {
    let (parts, body) = response.into_parts();
    let limit = Source::Event.reply_limit();
    let body = Limited::new(body, limit).collect().await;
    let body = body.map_err(Error::from_boxed)?.to_bytes();
    if parts.status.is_client_error() || parts.status.is_server_error() {
        let message = String::from_utf8_lossy(&body).into_owned();
        return Err(Error::new(parts.status, message));
    }
    if body.is_empty() {
        return Ok(b"null".to_vec());
    }
    if serde_json::from_slice::<serde::de::IgnoredAny>(&body).is_ok() {
        return Ok(body.into());
    }
    Ok(serde_json::to_vec(str::from_utf8(&body)?)?)
}
