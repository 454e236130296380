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

/// Logs the requests and responses of a handler. The log has the part of a request's body that the handler reads, because
/// reading the body for the log alone would change when the handler gets it.
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

/// Logs a short body when it was sent. A longer body, or a stream, is not part of the log, and its request is logged now.
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
