//! One invocation: an event in, a reply out.

use anyhost_core::{Context, Error, Handler, Host, dispatch, refuse};
use bytes::Bytes;

use crate::context::{self, Invocation, LambdaContext};
use crate::event::{Json, Source};
use crate::request::{from_event, malformed};
use crate::response::to_json;

/// Calls a handler with an event, as Lambda would, and gives the JSON of its reply.
///
/// # Errors
/// When the event is of no HTTP front door at all: on Lambda that is a failed invocation, which queues
/// and schedulers retry, and never a reply that they would take for success.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> anyhost_core::Result<()> {
/// let hello = anyhost_core::handler(|| async { "Hello!" });
/// let event = r#"{"rawPath": "/", "requestContext": {"http": {"method": "GET"}}}"#;
/// let reply = String::from_utf8(anyhost_lambda::invoke(&hello, event.into()).await?)?;
/// assert!(reply.contains(r#""body":"Hello!""#));
/// # Ok(()) }
/// ```
pub async fn invoke<H: Handler + ?Sized>(handler: &H, event: Bytes) -> Result<Vec<u8>, Error> {
    let (reply, context) = reply_to(handler, event, Invocation::default()).await;
    context.finish().await;
    reply
}

/// The reply, and the context whose `wait_until` work is to be finished once the reply is out.
pub(crate) async fn reply_to<H: Handler + ?Sized>(
    handler: &H,
    event: Bytes,
    invocation: Invocation,
) -> (Result<Vec<u8>, Error>, Context) {
    let json = match Json::parse(&event) {
        Ok(json) => json,
        Err(error) => return refused(malformed("Invalid event").with_source(error)).await,
    };
    let Some(source) = Source::of(&json) else {
        // Somebody else's event: a reply would tell a queue or schedule that it was dealt with.
        return (
            Err(malformed("The event is of no HTTP front door")),
            Context::new(Host::LAMBDA),
        );
    };
    let context = context::of(source, &json, &invocation);
    let response = match from_event(source, &json) {
        Ok(mut request) => {
            let lambda = LambdaContext::new(source, event.clone(), invocation);
            drop(json);
            request.extensions_mut().insert(context.clone());
            request.extensions_mut().insert(lambda);
            dispatch(handler, request).await
        }
        Err(error) => {
            tracing::warn!("refused: {error:?}");
            refuse(error, &context)
        }
    };
    (Ok(to_json(source, response, &context).await), context)
}

/// The reply to what is no event, in the shape that most front doors take.
async fn refused(error: Error) -> (Result<Vec<u8>, Error>, Context) {
    tracing::warn!("refused: {error:?}");
    let context = Context::new(Host::LAMBDA);
    let response = refuse(error, &context);
    (
        Ok(to_json(Source::FunctionUrl, response, &context).await),
        context,
    )
}
