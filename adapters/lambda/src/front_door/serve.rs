//! A simulated source as a handler, so that a server can serve it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use anyhost_core::{
    Body, BoxError, Error, Handler, Request, RequestExt, Response, Result, async_trait,
};
use bytes::Bytes;
use http::uri::{PathAndQuery, Uri};
use http::{StatusCode, request};
use http_body::{Body as _, Frame};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::sync::{mpsc, oneshot};

use super::client::Client;
use super::simulator::error_response;
use crate::event::EVENT_LIMIT;

/// Responds as the event source would.
///
/// Each invocation is a task, because Lambda runs a function to its end and reads its response even if the client
/// disconnects. The `wait_until` work of the outer request waits for the task, so that a server that shuts down lets the
/// invocation finish.
#[async_trait]
impl Handler for Client {
    async fn handle(&self, request: Request) -> Result<Response> {
        let context = request.context().clone();
        let (parts, body) = request.into_parts();
        let body = match Limited::new(body, EVENT_LIMIT).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => {
                return Ok(error_response(StatusCode::PAYLOAD_TOO_LARGE));
            }
            Err(error) => return Err(Error::new(400, "Invalid body").with_source(error)),
        };
        let (sender, response) = oneshot::channel();
        let request = arrived(parts, context.scheme().as_str(), body);
        let peer = context.peer().unwrap_or(self.peer);
        let client = self.clone();
        let task = tokio::spawn(async move {
            let (response, unfinished) = client.invoke(request, peer).await;
            // If sending fails, the client has disconnected.
            let (response, rest) = divided(response);
            let _ = sender.send(response);
            if let Some(rest) = rest {
                rest.forward().await;
            }
            if let Some(unfinished) = unfinished {
                unfinished.finish().await;
            }
        });
        context.wait_until(async {
            let _ = task.await;
        });
        Ok(response.await?)
    }
}

/// The request with an absolute URI, because a load balancer passes on the scheme.
fn arrived(mut parts: request::Parts, scheme: &str, body: Bytes) -> http::Request<Bytes> {
    let host = parts.headers.get(http::header::HOST);
    let uri = Uri::builder()
        .scheme(scheme)
        .authority(host.map_or(&b""[..], |host| host.as_bytes()))
        .path_and_query(parts.uri.path_and_query().map_or("/", PathAndQuery::as_str));
    if let Ok(uri) = uri.build() {
        parts.uri = uri;
    }
    http::Request::from_parts(parts, body)
}

/// The body of a response that the function still produces.
struct Rest {
    body: Body,
    chunks: mpsc::UnboundedSender<std::result::Result<Bytes, BoxError>>,
}

/// Divides a streamed response into a response whose body is a channel, and the body that fills the channel. The channel
/// has no limit, because Lambda does not slow a function down for a slow client.
fn divided(response: Response) -> (Response, Option<Rest>) {
    if response.body().size_hint().exact().is_some() {
        return (response, None);
    }
    let (chunks, received) = mpsc::unbounded_channel();
    let (parts, body) = response.into_parts();
    let response = Response::from_parts(parts, Body::new(Received(received)));
    (response, Some(Rest { body, chunks }))
}

impl Rest {
    async fn forward(mut self) {
        while let Some(frame) = self.body.frame().await {
            let chunk = frame.map(|frame| frame.into_data().unwrap_or_default());
            let _ = self.chunks.send(chunk);
        }
    }
}

struct Received(mpsc::UnboundedReceiver<std::result::Result<Bytes, BoxError>>);

impl http_body::Body for Received {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<std::result::Result<Frame<Bytes>, BoxError>>> {
        let chunk = ready!(self.0.poll_recv(cx));
        Poll::Ready(chunk.map(|chunk| chunk.map(Frame::data)))
    }
}
