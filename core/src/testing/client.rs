//! The client for tests.

use std::fmt;
use std::future::{Future, IntoFuture, poll_fn, ready};
use std::pin::Pin;
use std::sync::Arc;

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Method, Uri};
use http_body::Body as _;
use serde::Serialize;

use super::TestResponse;
use crate::adapter::headers::content_length_value;
use crate::adapter::{Deadline, RequestInfo, exchange_in, finish_after_response, reject};
use crate::error::bad_request;
use crate::{Body, Context, Error, Handler, IntoHandler, Request};

/// Calls a handler in-process, in the same way as a host.
///
/// All rules for requests and responses apply: an error becomes a response, a panic becomes a 500, and
/// the response to HEAD has no body. Invalid input, such as a header name with a space, gets a 400 as
/// on a host, and the handler is not called.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> anyhost_core::Result<()> {
/// use anyhost_core::testing::Client;
///
/// let client = Client::new(|| async { "Hello, world!" });
/// let response = client.get("/").await;
/// assert_eq!(response.status(), 200);
/// assert_eq!(response.text().await?, "Hello, world!");
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Client {
    handler: Arc<dyn Handler>,
    context: Context,
}

macro_rules! methods {
    ($($name:ident $method:ident)*) => {$(
        #[doc = concat!("Starts a ", stringify!($method), " request to this path and query.")]
        pub fn $name(&self, target: &str) -> RequestBuilder {
            self.request(Method::$method, target)
        }
    )*};
}

impl Client {
    /// Creates a client that calls this handler.
    pub fn new<K>(handler: impl IntoHandler<K>) -> Self {
        Self {
            handler: Arc::new(handler.into_handler()),
            context: Context::default(),
        }
    }

    /// Sets the [`Context`] of all requests: the peer, a request id, the kind of host, development
    /// mode. The default is [`Context::default`].
    #[must_use]
    pub fn with_context(mut self, context: Context) -> Self {
        self.context = context;
        self
    }

    methods! { get GET head HEAD post POST put PUT patch PATCH delete DELETE options OPTIONS }

    /// Starts building a request with this method. `target` is the path and query.
    pub fn request(&self, method: Method, target: &str) -> RequestBuilder {
        let mut request = Request::default();
        *request.method_mut() = method;
        let builder = RequestBuilder {
            client: self.clone(),
            request,
            error: None,
        };
        builder.change(|request| {
            *request.uri_mut() = target
                .parse::<Uri>()
                .map_err(|_| bad_request("Invalid request target"))?;
            Ok(())
        })
    }

    /// Sends a complete request. If the length of the body is known and not zero, the client adds a
    /// Content-Length header, as HTTP clients do (RFC 9110 §8.6).
    pub fn send(&self, request: Request) -> impl Future<Output = TestResponse> + Send + use<> {
        self.clone().into_send(request)
    }

    fn into_send(self, mut request: Request) -> impl Future<Output = TestResponse> + Send {
        if let Some(length @ 1..) = request.body().size_hint().exact() {
            let headers = request.headers_mut();
            headers
                .entry(CONTENT_LENGTH)
                .or_insert_with(|| content_length_value(length));
        }
        request.extensions_mut().remove::<Context>();
        let mut exchange = exchange_in(self.context, &self.handler, request, Deadline::none());
        // An async block would reserve space for a second `Exchange`.
        poll_fn(move |cx| {
            Pin::new(&mut exchange)
                .poll(cx)
                .map(|exchanged| TestResponse::from(exchanged.response))
        })
    }

    /// Runs the futures that handlers passed to [`Context::wait_until`], as a host does after it has
    /// sent the response.
    pub async fn finish(&self) {
        finish_after_response(&self.context, std::future::pending()).await;
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("context", &self.context)
            .finish_non_exhaustive()
    }
}

/// A request that is not sent until it is awaited. Returned by the methods of [`Client`].
#[derive(Debug)]
#[must_use = "a request is not sent until it is awaited"]
pub struct RequestBuilder {
    client: Client,
    request: Request,
    error: Option<Error>,
}

impl RequestBuilder {
    /// Appends a header. Earlier headers with the same name are kept.
    pub fn header<N, V>(self, name: N, value: V) -> Self
    where
        N: TryInto<HeaderName>,
        V: TryInto<HeaderValue>,
    {
        self.change(|request| {
            let name = name
                .try_into()
                .map_err(|_| bad_request("Invalid header name"))?;
            let value = value
                .try_into()
                .map_err(|_| bad_request("Invalid header value"))?;
            request.headers_mut().append(name, value);
            Ok(())
        })
    }

    /// Sets the body. No Content-Type is added.
    pub fn body(mut self, body: impl Into<Body>) -> Self {
        *self.request.body_mut() = body.into();
        self
    }

    /// Sets the body to the value as JSON, and Content-Type to `application/json`.
    pub fn json<T: Serialize + ?Sized>(self, value: &T) -> Self {
        self.change(|request| {
            let json = serde_json::to_vec(value)?;
            request
                .headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            *request.body_mut() = json.into();
            Ok(())
        })
    }

    /// Sets the body to the value as a form, and Content-Type to
    /// `application/x-www-form-urlencoded`.
    pub fn form<T: Serialize + ?Sized>(self, value: &T) -> Self {
        self.change(|request| {
            let form = serde_html_form::to_string(value)?;
            let content_type = HeaderValue::from_static("application/x-www-form-urlencoded");
            request.headers_mut().insert(CONTENT_TYPE, content_type);
            *request.body_mut() = form.into();
            Ok(())
        })
    }

    fn change(mut self, change: impl FnOnce(&mut Request) -> crate::Result<()>) -> Self {
        if let Err(error) = change(&mut self.request) {
            self.error.get_or_insert(error);
        }
        self
    }
}

impl IntoFuture for RequestBuilder {
    type Output = TestResponse;
    type IntoFuture = Pin<Box<dyn Future<Output = TestResponse> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        match self.error {
            None => Box::pin(self.client.into_send(self.request)),
            Some(error) => {
                let info = RequestInfo::unknown(self.client.context);
                Box::pin(ready(TestResponse::from(reject(error, &info))))
            }
        }
    }
}
