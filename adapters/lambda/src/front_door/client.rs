//! Requests to a handler through a front door.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhost_core::testing::Reply;
use anyhost_core::{Body, Context, Handler, IntoHandler};
use bytes::Bytes;
use http::header::{HeaderMap, HeaderValue};

use super::{FrontDoor, answer};
use crate::Function;
use crate::context::Invocation;
use crate::invoke::{self, reply_to};

/// Calls a handler through a [`FrontDoor`], as Lambda would.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use anyhost_lambda::front_door::{Client, FrontDoor};
/// use anyhost_lambda::{Function, Mode};
///
/// let hello = || async { "Hello, world!" };
/// let client = Client::new(FrontDoor::HttpApi, hello);
/// let reply = client.send(http::Request::get("/").body("")?).await;
/// assert_eq!(reply.text().await.ok().as_deref(), Some("Hello, world!"));
///
/// // What a deployment decides, such as streaming, is said as it is to the function.
/// let streaming = Function::new().with_mode(Mode::Stream);
/// let client = Client::new(FrontDoor::FunctionUrl, hello).with_function(streaming);
/// let mut reply = client.send(http::Request::get("/").body("")?).await;
/// assert_eq!(reply.status(), 200);
/// assert_eq!(reply.chunk().await.ok().flatten().as_deref(), Some(&b"Hello, world!"[..]));
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Client {
    door: FrontDoor,
    handler: Arc<dyn Handler>,
    function: Function,
    peer: IpAddr,
    timeout: Option<Duration>,
    replied: Arc<Mutex<Vec<Context>>>,
}

impl Client {
    /// A client of this handler, behind a function of the defaults. It calls from 192.0.2.1, an address
    /// for documentation (RFC 5737).
    pub fn new<K>(door: FrontDoor, handler: impl IntoHandler<K>) -> Self {
        Self {
            door,
            handler: Arc::new(handler.into_handler()),
            function: Function::new(),
            peer: Ipv4Addr::new(192, 0, 2, 1).into(),
            timeout: None,
            replied: Arc::default(),
        }
    }

    /// The same client, with a function that is configured so.
    #[must_use]
    pub fn with_function(mut self, function: Function) -> Self {
        self.function = function;
        self
    }

    /// The same client, calling from this address.
    #[must_use]
    pub fn with_peer(mut self, peer: IpAddr) -> Self {
        self.peer = peer;
        self
    }

    /// The same client, of a function with this timeout: handlers have a deadline, and the function answers
    /// for those that miss it. The default is none, so that a test may take its time.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sends a request, and gives the reply that the front door makes of the function's.
    ///
    /// A reply that is dropped half-way stops the handler's body, which on Lambda nothing does.
    pub async fn send(&self, request: http::Request<impl Into<Bytes>>) -> Reply {
        let request = request.map(Into::into);
        let event = match self.door.event(&request, self.peer) {
            Ok(event) => event,
            Err(status) => return answer(status).into(),
        };
        let options = &self.function.options;
        let (posted, context) = reply_to(&*self.handler, event, self.invocation(), options).await;
        self.replied().push(context);
        let reply = match posted {
            invoke::Reply::Whole(json) => self.door.reply(&json),
            invoke::Reply::Stream(stream) => self.door.streamed(Body::new(*stream)).await,
            invoke::Reply::Failed(_) => self.door.failed(),
        };
        reply.into()
    }

    /// Runs the work that handlers gave to [`Context::wait_until`], as the function does once its reply
    /// is out.
    pub async fn finish(&self) {
        let replied = std::mem::take(&mut *self.replied());
        for context in replied {
            context.finish().await;
        }
    }

    /// What the Runtime API says besides the event.
    fn invocation(&self) -> Invocation {
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
        Invocation::new(headers)
    }

    fn replied(&self) -> MutexGuard<'_, Vec<Context>> {
        self.replied.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("door", &self.door)
            .field("function", &self.function)
            .field("peer", &self.peer)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
