//! A client that sends requests to a handler through a simulated event source.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhost_core::adapter::finish_after_response;
use anyhost_core::testing::TestResponse;
use anyhost_core::{Body, Context, Handler, IntoHandler};
use bytes::Bytes;
use http::header::{HeaderMap, HeaderValue};

use super::simulator::{Simulator, error_response};
use crate::function::Function;
use crate::invocation::{InvocationResult, handler_end, respond};
use crate::runtime::Metadata;

/// Calls a handler through a simulated event source, as Lambda would.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use anyhost_lambda::front_door::Client;
/// use anyhost_lambda::{Function, Mode, Source};
///
/// let hello = || async { "Hello, world!" };
/// let client = Client::new(Source::HttpApi, hello);
/// let response = client.send(http::Request::get("/").body("")?).await;
/// assert_eq!(response.text().await.ok().as_deref(), Some("Hello, world!"));
///
/// // Settings of the deployment, such as streaming, are settings of the function.
/// let streaming = Function::new().with_mode(Mode::Stream);
/// let client = Client::new(Source::FunctionUrl, hello).with_function(streaming);
/// let mut response = client.send(http::Request::get("/").body("")?).await;
/// assert_eq!(response.status(), 200);
/// assert_eq!(response.chunk().await.ok().flatten().as_deref(), Some(&b"Hello, world!"[..]));
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Client {
    simulator: Simulator,
    handler: Arc<dyn Handler>,
    function: Function,
    peer: IpAddr,
    timeout: Option<Duration>,
    /// The contexts of all invocations whose `wait_until` work has not been finished.
    unfinished: Arc<Mutex<Vec<Context>>>,
}

impl Client {
    /// Creates a client that calls this handler in a function with the default settings. The client's address is
    /// 192.0.2.1, which is reserved for documentation (RFC 5737).
    pub fn new<K>(simulator: impl Into<Simulator>, handler: impl IntoHandler<K>) -> Self {
        Self {
            simulator: simulator.into(),
            handler: Arc::new(handler.into_handler()),
            function: Function::new(),
            peer: Ipv4Addr::new(192, 0, 2, 1).into(),
            timeout: None,
            unfinished: Arc::default(),
        }
    }

    /// Uses a function with other settings.
    #[must_use]
    pub fn with_function(mut self, function: Function) -> Self {
        self.function = function;
        self
    }

    /// Sends requests from this address.
    #[must_use]
    pub fn with_peer(mut self, peer: IpAddr) -> Self {
        self.peer = peer;
        self
    }

    /// Gives the function a timeout: handlers have a deadline, and the client gets a 504 if the handler misses it.
    /// By default the function has no timeout.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sends a request, and returns the response that the event source makes from the function's response.
    ///
    /// If a response is dropped before its end, the handler's body is dropped. On Lambda, this never happens.
    pub async fn send(&self, request: http::Request<impl Into<Bytes>>) -> TestResponse {
        let request = request.map(Into::into);
        let event = match self.simulator.event(&request, self.peer) {
            Ok(event) => event,
            Err(status) => return error_response(status).into(),
        };
        let (metadata, settings) = (self.metadata(), &self.function.settings);
        let end = handler_end(&metadata, settings);
        let handler = self.handler.clone();
        let (result, context) = respond(handler, event, metadata, end, settings).await;
        self.unfinished().push(context);
        let response = match result {
            InvocationResult::Response(json) => self.simulator.response(&json),
            InvocationResult::Stream { body, .. } => {
                self.simulator.streamed_response(Body::new(body)).await
            }
            InvocationResult::Failure(_) => self.simulator.failure(),
        };
        response.into()
    }

    /// Runs the work that handlers gave to [`Context::wait_until`], as the function does after it sent the
    /// response to the Runtime API.
    pub async fn finish(&self) {
        let unfinished = std::mem::take(&mut *self.unfinished());
        for context in unfinished {
            finish_after_response(&context, std::future::pending()).await;
        }
    }

    /// The headers that the Runtime API sends with the event.
    fn metadata(&self) -> Metadata {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            (
                "lambda-runtime-aws-request-id",
                "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
            ),
            (
                "lambda-runtime-invoked-function-arn",
                "arn:aws:lambda:eu-west-1:123456789012:function:anyhost",
            ),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        let end = self
            .timeout
            .and_then(|timeout| SystemTime::now().checked_add(timeout));
        if let Some(end) = end.and_then(|end| end.duration_since(UNIX_EPOCH).ok())
            && let Ok(ms) = u64::try_from(end.as_millis())
        {
            headers.insert("lambda-runtime-deadline-ms", ms.into());
        }
        Metadata::new(headers)
    }

    fn unfinished(&self) -> MutexGuard<'_, Vec<Context>> {
        self.unfinished
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("simulator", &self.simulator)
            .field("function", &self.function)
            .field("peer", &self.peer)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
