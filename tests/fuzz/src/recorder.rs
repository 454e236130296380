//! A handler that records what it received.

use std::sync::{Arc, Mutex};

use anyhost_core::{Body, Context, Handler, Request, RequestExt, Response, Result, async_trait};
use bytes::Bytes;
use http::request::Parts;
use http_body_util::BodyExt;

use crate::check_admitted;

/// The body if it is complete, and `None` if it ended with an error.
pub async fn read_body(body: Body) -> Option<Bytes> {
    Some(body.collect().await.ok()?.to_bytes())
}

/// A request, as a handler received it.
#[derive(Debug)]
pub struct Seen {
    pub parts: Parts,
    pub context: Context,
    /// `None` if the body ended with an error.
    pub body: Option<Bytes>,
}

/// Records requests and returns their bodies.
#[derive(Clone, Default)]
pub struct Recorder(Arc<Mutex<Vec<Seen>>>);

impl Recorder {
    /// Removes and returns the requests that were recorded since the last call of this method.
    pub fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    /// Like [`take`](Self::take), but panics if there is more than one request.
    pub fn take_one(&self) -> Option<Seen> {
        let mut seen = self.take();
        assert!(
            seen.len() <= 1,
            "the handler was called {} times, want at most once",
            seen.len()
        );
        seen.pop()
    }
}

#[async_trait]
impl Handler for Recorder {
    async fn handle(&self, request: Request) -> Result {
        let context = request.context();
        let (parts, body) = request.into_parts();
        check_admitted(&parts);
        let body = read_body(body).await;
        let response = Response::new(body.clone().unwrap_or_default().into());
        self.0.lock().unwrap().push(Seen {
            parts,
            context,
            body,
        });
        Ok(response)
    }
}
