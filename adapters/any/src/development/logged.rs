//! A handler whose requests and responses are logged.

use std::io;

use anyhost_core::{Body, Handler, Request, Response, Result, async_trait};
use anyhost_hyper::Server;
use http_body::Body as _;

use super::body::{Seen, SharedSeen};
use super::record::Record;

/// Serves a handler, and logs its requests and responses.
pub(crate) async fn serve_logged(server: Server, handler: Box<dyn Handler>) -> io::Result<()> {
    server.serve(Logged(handler)).await
}

/// Logs the requests and responses of a handler. Of a request body, the log contains only the part that the handler
/// reads. If the logger itself read the body, the handler could get it later than without the log.
struct Logged(Box<dyn Handler>);

#[async_trait]
impl Handler for Logged {
    async fn handle(&self, mut request: Request) -> Result<Response> {
        let Some(mut record) = Record::new(&request) else {
            return self.0.handle(request).await;
        };
        let body = std::mem::take(request.body_mut());
        *request.body_mut() = record.request_body.watch(body, ());
        match self.0.handle(request).await {
            Ok(response) => {
                record.set_response(&response);
                let (head, body) = response.into_parts();
                Ok(Response::from_parts(head, logged_body(body, record)))
            }
            Err(error) => {
                record.set_error(&error);
                Err(error)
            }
        }
    }
}

/// A response with a short body is logged after the body was sent. A longer body or a stream is not logged, so its
/// request is logged when this function returns.
fn logged_body(body: Body, mut record: Record) -> Body {
    match body.size_hint().exact() {
        Some(length) if length <= Seen::LIMIT as u64 => {
            let seen: SharedSeen = record.response_body.clone();
            seen.watch(body, record)
        }
        Some(length) => {
            record.set_note(format!("({length} bytes)"));
            body
        }
        None => {
            record.set_note("(stream)".to_owned());
            body
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, poll_fn};
    use std::pin::Pin;
    use std::sync::{Arc, Mutex};
    use std::task::Poll;

    use anyhost_core::{BoxError, RequestExt, handler};
    use tracing::field::{Field, Visit};
    use tracing_subscriber::Layer;
    use tracing_subscriber::layer::{Context, SubscriberExt};

    use super::*;

    /// Collects the messages of all events.
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<String>>>);

    impl Log {
        fn take(&self) -> Vec<String> {
            std::mem::take(&mut *self.0.lock().unwrap())
        }
    }

    impl<S: tracing::Subscriber> Layer<S> for Log {
        fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
            struct Message<'a>(&'a Log);
            impl Visit for Message<'_> {
                fn record_debug(&mut self, _: &Field, value: &dyn std::fmt::Debug) {
                    self.0.0.lock().unwrap().push(format!("{value:?}"));
                }
            }
            event.record(&mut Message(self));
        }
    }

    fn start_log() -> (Log, tracing::subscriber::DefaultGuard) {
        let log = Log::default();
        let subscriber = tracing_subscriber::registry().with(log.clone());
        (log, tracing::subscriber::set_default(subscriber))
    }

    fn post(body: Body) -> Request {
        let mut request = Request::new(body);
        *request.method_mut() = anyhost_core::http::Method::POST;
        request
    }

    /// A stream whose first chunk is ready and whose second chunk never is.
    struct Endless(bool);

    impl http_body::Body for Endless {
        type Data = anyhost_core::bytes::Bytes;
        type Error = BoxError;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> Poll<Option<Result<http_body::Frame<Self::Data>, BoxError>>> {
            match std::mem::replace(&mut self.0, true) {
                false => Poll::Ready(Some(Ok(http_body::Frame::data("chunk".into())))),
                true => Poll::Pending,
            }
        }
    }

    #[tokio::test]
    async fn streams_pass_on_each_chunk_and_a_streamed_response_is_logged_when_it_starts() {
        let (log, _guard) = start_log();
        let echo = |request: Request| async move { request.into_body() };
        let logged = Logged(Box::new(handler(echo)));
        let response = logged
            .handle(post(Body::new(Endless(false))))
            .await
            .unwrap();
        let [line] = &log.take()[..] else {
            panic!("expected one event");
        };
        assert!(line.starts_with("POST / 200 OK "), "{line}");
        assert!(line.ends_with("\n  <\n  < (stream)"), "{line}");
        let mut body = response.into_body();
        let frame = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await;
        assert_eq!(frame.unwrap().unwrap().into_data().unwrap(), "chunk");
    }

    #[tokio::test]
    async fn a_long_response_is_counted_and_a_body_that_the_handler_does_not_read_is_not_logged() {
        let (log, _guard) = start_log();
        let logged = Logged(Box::new(handler(|| vec![b'x'; Seen::LIMIT + 1])));
        drop(logged.handle(post(Body::from("unread"))).await);
        let lines = log.take().join("\n");
        assert!(lines.ends_with("\n  <\n  < (8193 bytes)"), "{lines}");
        assert!(!lines.contains("unread"), "{lines}");
    }

    #[tokio::test]
    async fn a_request_whose_client_disconnects_is_logged_with_the_part_of_the_body_that_was_read()
    {
        let (log, _guard) = start_log();
        let logged = Logged(Box::new(handler(|mut request: Request| async move {
            request.text().await?;
            pending::<Result<()>>().await
        })));
        let mut request = post(Body::from("read"));
        let text = anyhost_core::http::HeaderValue::from_static("text/plain");
        request.headers_mut().insert("content-type", text);
        let mut handling = logged.handle(request);
        let polled = poll_fn(|cx| Poll::Ready(handling.as_mut().poll(cx))).await;
        assert!(polled.is_pending());
        assert_eq!(log.take().len(), 0);
        drop(handling);
        let lines = log.take().join("\n");
        assert!(
            lines.starts_with("POST / canceled before the response "),
            "{lines}"
        );
        assert!(
            lines.ends_with("  > content-type: text/plain\n  >\n  > read"),
            "{lines}"
        );
    }
}
