//! Reading a request: its body, its parameters, what the host knows about it.

mod charset;

use std::future::Future;
use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use http::header::HOST;
use serde::de::DeserializeOwned;

use crate::body::ReadError;
use crate::context::Context;
use crate::error::{Error, bad_request};
use crate::limit::Limit;
use crate::router::Params;
use crate::state::State;
use crate::{Request, Result};

/// What a handler asks of its request.
///
/// The readers take 1 MiB at most; each has a twin with a limit of its own, in bytes or as a text
/// such as `"10mb"`. What was read stays readable: a second call gets the same bytes, and its own
/// limit is checked again. They fail with
///
/// | cause | status | message |
/// |---|---|---|
/// | the body is over the limit | 413 | `Body exceeded 1mb limit` |
/// | the body broke off, or its charset is unknown or wrong | 400 | `Invalid body` |
/// | it is no JSON, or not of this type | 400 | `Invalid JSON` |
/// | it is no form, or not of this type | 400 | `Invalid form` |
///
/// ```
/// use anyhost_core::{Request, RequestExt, Result};
///
/// #[derive(serde::Deserialize)]
/// struct Signup { name: String }
///
/// async fn signup(mut request: Request) -> Result<String> {
///     let signup: Signup = request.json().await?;
///     Ok(format!("Welcome, {}!", signup.name))
/// }
/// ```
pub trait RequestExt: sealed::Sealed {
    /// The whole body, 1 MiB at most.
    fn buffer(&mut self) -> impl Future<Output = Result<Bytes>> + Send;

    /// The whole body, `limit` at most.
    fn buffer_limit<L: IntoLimit>(
        &mut self,
        limit: L,
    ) -> impl Future<Output = Result<Bytes>> + Send;

    /// The whole body as text, 1 MiB at most, decoded by the charset of its Content-Type (UTF-8 if
    /// it names none).
    fn text(&mut self) -> impl Future<Output = Result<String>> + Send;

    /// The whole body as text, `limit` at most.
    fn text_limit<L: IntoLimit>(&mut self, limit: L)
    -> impl Future<Output = Result<String>> + Send;

    /// The whole body as JSON, 1 MiB at most, whatever its Content-Type.
    fn json<T: DeserializeOwned>(&mut self) -> impl Future<Output = Result<T>> + Send;

    /// The whole body as JSON, `limit` at most.
    fn json_limit<T: DeserializeOwned>(
        &mut self,
        limit: impl IntoLimit,
    ) -> impl Future<Output = Result<T>> + Send;

    /// The whole body as a form (`application/x-www-form-urlencoded`), 1 MiB at most. A key that
    /// repeats fills a `Vec`.
    fn form<T: DeserializeOwned>(&mut self) -> impl Future<Output = Result<T>> + Send;

    /// The whole body as a form, `limit` at most.
    fn form_limit<T: DeserializeOwned>(
        &mut self,
        limit: impl IntoLimit,
    ) -> impl Future<Output = Result<T>> + Send;

    /// The next piece of the body as it arrives, `None` at its end. There is no limit: what is read
    /// this way is the handler's to count.
    ///
    /// ```
    /// # use anyhost_core::{Request, RequestExt, Result};
    /// async fn count(mut request: Request) -> Result<usize> {
    ///     let mut length = 0;
    ///     while let Some(chunk) = request.chunk().await? {
    ///         length += chunk.len();
    ///     }
    ///     Ok(length)
    /// }
    /// ```
    fn chunk(&mut self) -> impl Future<Output = Result<Option<Bytes>>> + Send;

    /// The query string as `T`.
    ///
    /// # Errors
    /// 400 `Invalid query` if it does not fit.
    fn query<T: DeserializeOwned>(&self) -> Result<T>;

    /// The path parameter `{name}` of the route, percent-decoded, as `T`.
    ///
    /// # Errors
    /// 400 if it does not parse; 500 if the route has no parameter of this name.
    fn param<T: FromStr>(&self, name: &str) -> Result<T>;

    /// What the host knows about this request.
    fn context(&self) -> Context;

    /// The state of type `S` that [`with_state`](crate::with_state) or
    /// [`Router::with_state`](crate::Router::with_state) gave to this handler.
    ///
    /// # Errors
    /// 500 if the handler has no state of this type, which is a mistake in the program.
    fn state<S: Send + Sync + 'static>(&self) -> Result<Arc<S>>;

    /// The host that the client asked for, with its port if it named one.
    fn authority(&self) -> Option<&str>;
}

/// What the readers take as a [`Limit`]: `1024`, `"10mb"`, or a [`Limit`].
pub trait IntoLimit: Send {
    /// The limit.
    ///
    /// # Errors
    /// A text that is no limit is a mistake in the handler: a 500.
    fn into_limit(self) -> Result<Limit>;
}

impl<L: TryInto<Limit, Error: Into<Error>> + Send> IntoLimit for L {
    fn into_limit(self) -> Result<Limit> {
        self.try_into().map_err(Into::into)
    }
}

impl RequestExt for Request {
    fn buffer(&mut self) -> impl Future<Output = Result<Bytes>> + Send {
        self.buffer_limit(Limit::DEFAULT)
    }

    async fn buffer_limit<L: IntoLimit>(&mut self, limit: L) -> Result<Bytes> {
        let limit = limit.into_limit()?;
        self.body_mut()
            .read(limit.bytes())
            .await
            .map_err(|error| match error {
                ReadError::TooLarge => Error::new(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    format!("Body exceeded {limit} limit"),
                ),
                ReadError::Broken(error) => Error::broken_body(error),
            })
    }

    fn text(&mut self) -> impl Future<Output = Result<String>> + Send {
        self.text_limit(Limit::DEFAULT)
    }

    async fn text_limit<L: IntoLimit>(&mut self, limit: L) -> Result<String> {
        let bytes = self.buffer_limit(limit).await?;
        charset::decode(self.headers(), &bytes).map_err(Error::broken_body)
    }

    fn json<T: DeserializeOwned>(&mut self) -> impl Future<Output = Result<T>> + Send {
        self.json_limit(Limit::DEFAULT)
    }

    async fn json_limit<T: DeserializeOwned>(&mut self, limit: impl IntoLimit) -> Result<T> {
        let bytes = self.buffer_limit(limit).await?;
        let json = match charset::as_utf8(self.headers(), &bytes) {
            Some(utf8) => serde_json::from_slice(utf8),
            None => serde_json::from_str(
                &charset::decode(self.headers(), &bytes).map_err(Error::broken_body)?,
            ),
        };
        json.map_err(|error| bad_request("Invalid JSON").with_source(error))
    }

    fn form<T: DeserializeOwned>(&mut self) -> impl Future<Output = Result<T>> + Send {
        self.form_limit(Limit::DEFAULT)
    }

    async fn form_limit<T: DeserializeOwned>(&mut self, limit: impl IntoLimit) -> Result<T> {
        let bytes = self.buffer_limit(limit).await?;
        serde_html_form::from_bytes(&bytes)
            .map_err(|error| bad_request("Invalid form").with_source(error))
    }

    async fn chunk(&mut self) -> Result<Option<Bytes>> {
        self.body_mut()
            .chunk()
            .await
            .transpose()
            .map_err(Error::broken_body)
    }

    fn query<T: DeserializeOwned>(&self) -> Result<T> {
        serde_html_form::from_str(self.uri().query().unwrap_or_default())
            .map_err(|error| bad_request("Invalid query").with_source(error))
    }

    fn param<T: FromStr>(&self, name: &str) -> Result<T> {
        let text = self
            .extensions()
            .get::<Params>()
            .and_then(|params| params.get(name));
        let text = text.ok_or_else(|| {
            Error::from_status(StatusCode::INTERNAL_SERVER_ERROR)
                .with_source(format!("the route has no parameter {name:?}"))
        })??;
        text.parse()
            .map_err(|_| bad_request(format!("Invalid path parameter {name}")))
    }

    fn context(&self) -> Context {
        self.extensions()
            .get::<Context>()
            .cloned()
            .unwrap_or_default()
    }

    fn state<S: Send + Sync + 'static>(&self) -> Result<Arc<S>> {
        match self.extensions().get::<State<S>>() {
            Some(State(state)) => Ok(state.clone()),
            None => Err(
                Error::from_status(StatusCode::INTERNAL_SERVER_ERROR).with_source(format!(
                    "the handler has no state of type {}; add it with `with_state`",
                    std::any::type_name::<S>()
                )),
            ),
        }
    }

    fn authority(&self) -> Option<&str> {
        match self.headers().get(HOST) {
            Some(host) => host.to_str().ok().filter(|host| !host.is_empty()),
            None => self.uri().authority().map(http::uri::Authority::as_str),
        }
    }
}

impl Error {
    /// A body that broke off is a 400, unless the host said more (too slow, too large).
    pub(crate) fn broken_body(source: crate::BoxError) -> Self {
        let error = Self::from_boxed(source);
        match error.status() {
            StatusCode::INTERNAL_SERVER_ERROR => {
                error.with_status_and_message(StatusCode::BAD_REQUEST, "Invalid body")
            }
            _ => error,
        }
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for crate::Request {}
}
