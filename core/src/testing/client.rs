use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Method, Uri};
use http_body::Body as _;
use serde::Serialize;

use super::Reply;
use crate::adapter::{Deadline, RequestInfo, exchange, finish_after_response, reject};
use crate::error::bad_request;
use crate::{Body, Context, Error, Handler, IntoHandler, Request};

/// Calls a handler as a host would, in-process.
///
/// Every rule of [`exchange`](crate::adapter::exchange()) holds: an error is a reply, a panic is a 500, HEAD
/// has no body. What a test cannot even write, such as an invalid header, is answered with 400, as
/// a host answers it.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> anyhost_core::Result<()> {
/// use anyhost_core::testing::Client;
///
/// let client = Client::new(|| async { "Hello, world!" });
/// let reply = client.get("/").await;
/// assert_eq!(reply.status(), 200);
/// assert_eq!(reply.text().await?, "Hello, world!");
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Client {
    handler: Arc<dyn Handler>,
    context: Context,
}

macro_rules! methods {
    ($($name:ident $method:ident)*) => {$(
        #[doc = concat!("A ", stringify!($method), " request to this path and query.")]
        pub fn $name(&self, target: &str) -> RequestBuilder {
            self.request(Method::$method, target)
        }
    )*};
}

impl Client {
    /// A client of this handler.
    pub fn new<K>(handler: impl IntoHandler<K>) -> Self {
        Self {
            handler: Arc::new(handler.into_handler()),
            context: Context::default(),
        }
    }

    /// The same client, whose requests come with this context: a peer, a request id, another host,
    /// development mode.
    #[must_use]
    pub fn with_context(mut self, context: Context) -> Self {
        self.context = context;
        self
    }

    methods! { get GET head HEAD post POST put PUT patch PATCH delete DELETE options OPTIONS }

    /// A request with any method.
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

    /// Sends a finished request. A body of known length has a Content-Length, as every HTTP client
    /// sends it (RFC 9110 §8.6).
    pub async fn send(&self, mut request: Request) -> Reply {
        if let Some(length @ 1..) = request.body().size_hint().exact() {
            let headers = request.headers_mut();
            headers.entry(CONTENT_LENGTH).or_insert(length.into());
        }
        request.extensions_mut().insert(self.context.clone());
        let exchanged = exchange(self.handler.clone(), request, Deadline::none()).await;
        Reply::from(exchanged.response)
    }

    /// Runs the work that handlers gave to [`Context::wait_until`], as a host does once the reply
    /// went out.
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

/// A request that is sent when it is awaited.
#[derive(Debug)]
#[must_use = "a request is sent when it is awaited"]
pub struct RequestBuilder {
    client: Client,
    request: Request,
    error: Option<Error>,
}

impl RequestBuilder {
    /// Adds a header; one of the same name stays beside it.
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

    /// Sets the body as it is.
    pub fn body(mut self, body: impl Into<Body>) -> Self {
        *self.request.body_mut() = body.into();
        self
    }

    /// Sets the body to JSON, with its Content-Type.
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

    /// Sets the body to a form, with its Content-Type.
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
    type Output = Reply;
    type IntoFuture = Pin<Box<dyn Future<Output = Reply> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            match self.error {
                None => self.client.send(self.request).await,
                Some(error) => {
                    let info = RequestInfo::unknown(self.client.context.clone());
                    Reply::from(reject(error, &info))
                }
            }
        })
    }
}
