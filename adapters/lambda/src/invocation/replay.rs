//! An invocation without the Runtime API: the data that the function would send.

use std::fmt;
use std::future::{Future, pending};

use anyhost_core::adapter::finish_after_response;
use anyhost_core::{Body, Context};

use super::respond::InvocationResult;

/// What a function sends to the Runtime API at the end of an invocation ("Using the Lambda runtime API for custom
/// runtimes").
#[derive(Debug)]
#[non_exhaustive]
pub enum Posted {
    /// The body of `POST …/response`: the response as JSON.
    Response(Vec<u8>),
    /// The body of `POST …/response` while the handler produces it: a frame with the status and the headers as JSON,
    /// a frame with eight NUL bytes, and the frames of the response's body. If the response fails, the last frame has
    /// trailers with the error.
    Stream(Body),
    /// The body of `POST …/error`: the type and the message of the error as JSON.
    Error(Vec<u8>),
}

/// The result of [`Function::replay`](crate::Function::replay).
#[must_use = "the `wait_until` work of the handler has not run yet"]
pub struct Replay {
    posted: Posted,
    context: Context,
}

impl Replay {
    pub(crate) fn new(result: InvocationResult, context: Context) -> Self {
        let posted = match result {
            InvocationResult::Response(json) => Posted::Response(json),
            InvocationResult::Stream { body, .. } => Posted::Stream(Body::new(body)),
            InvocationResult::Failure(failure) => {
                tracing::error!(error = ?failure.error, "invocation failed");
                Posted::Error(failure.to_json().into())
            }
        };
        Self { posted, context }
    }

    /// Returns the data that the function sends, and the `wait_until` work of the handler. Await the work after the
    /// body of a streamed response has ended.
    pub fn into_parts(self) -> (Posted, impl Future<Output = ()> + Send) {
        let Self { posted, context } = self;
        let work = async move {
            finish_after_response(&context, pending()).await;
        };
        (posted, work)
    }
}

impl fmt::Debug for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replay")
            .field("posted", &self.posted)
            .finish_non_exhaustive()
    }
}
