//! Reads the body, query and path parameters of a request.

pub(crate) mod charset;
mod invalid;
mod params;

use std::borrow::Cow;
use std::future::Future;
use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, HOST, HeaderValue};
use serde::de::DeserializeOwned;

use crate::body::ReadError;
use crate::body_limit::default_limit;
use crate::context::Context;
use crate::error::{Error, bad_request};
use crate::limit::Limit;
use crate::state::State;
use crate::{Request, Result};

pub(crate) use params::Params;

/// Methods of a [`Request`](crate::Request): body readers, query and path parameters, and the
/// [`Context`].
///
/// `buffer`, `text`, `json` and `form` read the whole body. Their limit is 1 MiB (1,048,576 bytes), or the limit of
/// [`with_body_limit`](crate::with_body_limit). Each method has a variant that takes another limit, as a number of
/// bytes or a string such as `"10mb"`. The body stays in the request and can be read again: a second call returns the
/// same bytes, and checks the limit of the second call.
///
/// # Errors
/// | cause | status | message |
/// |---|---|---|
/// | the body, or its declared length, exceeds the limit | 413 | `Body exceeded 1mb limit` |
/// | the client aborted the body | 400 | `Invalid body` |
/// | `text`, `json` and `form`: the charset is unknown, or the body is not valid in this charset | 400 | `Invalid body` |
/// | `text`, `json` and `form`: the body has a Content-Encoding, such as gzip | 415 | `Unsupported Media Type` |
/// | the body is not JSON | 400 | `Invalid JSON` |
/// | the body is not a form in its charset | 400 | `Invalid form` |
/// | the body is JSON or a form, but does not fit the type | 422 | the field and what was expected |
///
/// The message of a 422 names the field and what was expected, and does not contain the value:
/// `Invalid field "items[2].age": expected u8`, or `Missing field "name"`. If serde's error is a text of the
/// application, for example from `#[serde(try_from = "…")]`, the message contains this text.
///
/// A host can replace `Invalid body` by a more specific error, for example by a 408 if the client
/// sends the body too slowly.
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
    /// Reads the whole body, at most 1 MiB.
    fn buffer(&mut self) -> impl Future<Output = Result<Bytes>> + Send;

    /// Reads the whole body, at most `limit`.
    fn buffer_limit<L: IntoLimit>(
        &mut self,
        limit: L,
    ) -> impl Future<Output = Result<Bytes>> + Send;

    /// Reads the whole body as text, at most 1 MiB. The text is decoded from the charset in the
    /// Content-Type header, or from UTF-8 if the header names no charset. A byte order mark is removed.
    fn text(&mut self) -> impl Future<Output = Result<String>> + Send;

    /// Reads the whole body as text, at most `limit`.
    fn text_limit<L: IntoLimit>(&mut self, limit: L)
    -> impl Future<Output = Result<String>> + Send;

    /// Reads the whole body as text, at most 1 MiB, from this charset instead of the charset in the Content-Type
    /// header. Use it for clients that send a wrong charset or none. `charset` is a label of the WHATWG Encoding
    /// standard, such as `iso-8859-1` or `utf-16le`. A byte order mark in the body still takes precedence.
    ///
    /// # Errors
    /// 500 if the label is unknown, because the application and not the client chooses it.
    ///
    /// ```
    /// # use anyhost_core::{Request, RequestExt, Result};
    /// async fn import(mut request: Request) -> Result<String> {
    ///     request.text_as("windows-1252").await
    /// }
    /// ```
    fn text_as(&mut self, charset: &str) -> impl Future<Output = Result<String>> + Send;

    /// Like [`text_as`](Self::text_as), at most `limit`.
    fn text_as_limit<L: IntoLimit>(
        &mut self,
        charset: &str,
        limit: L,
    ) -> impl Future<Output = Result<String>> + Send;

    /// Reads the whole body as JSON, at most 1 MiB. The charset in Content-Type is used, and the media
    /// type is ignored.
    fn json<T: DeserializeOwned>(&mut self) -> impl Future<Output = Result<T>> + Send;

    /// Reads the whole body as JSON, at most `limit`.
    fn json_limit<T: DeserializeOwned>(
        &mut self,
        limit: impl IntoLimit,
    ) -> impl Future<Output = Result<T>> + Send;

    /// Reads the whole body as a form (`application/x-www-form-urlencoded`), at most 1 MiB. The
    /// values of a repeated key are collected into a `Vec`. The Content-Type header is ignored.
    fn form<T: DeserializeOwned>(&mut self) -> impl Future<Output = Result<T>> + Send;

    /// Reads the whole body as a form, at most `limit`.
    fn form_limit<T: DeserializeOwned>(
        &mut self,
        limit: impl IntoLimit,
    ) -> impl Future<Output = Result<T>> + Send;

    /// Waits for the next chunk of the body. Returns `None` at the end.
    ///
    /// No limit applies to the total size. A handler that stores the chunks must count their bytes.
    ///
    /// # Errors
    /// 400 `Invalid body` if the client aborts the body.
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

    /// Parses the query string into `T`. The values of a repeated key are collected into a `Vec`.
    ///
    /// # Errors
    /// 400 if the query does not fit the type. The message names the field, as in
    /// `Invalid field "page": invalid digit found in string`. 400 `Invalid query` if the query is not UTF-8.
    ///
    /// ```
    /// # use anyhost_core::{Request, RequestExt, Result};
    /// #[derive(serde::Deserialize)]
    /// struct Page { page: u32 }
    ///
    /// async fn list(request: Request) -> Result<String> {
    ///     let Page { page } = request.query()?;
    ///     Ok(format!("page {page}"))
    /// }
    /// ```
    fn query<T: DeserializeOwned>(&self) -> Result<T>;

    /// Parses the value of the path parameter `{name}`, percent-decoded, into `T`.
    ///
    /// # Errors
    /// 400 if the value cannot be parsed, as in `Invalid path parameter id: expected u64`, or if it is not UTF-8. 500
    /// if the route has no parameter with this name, which is an error in the application.
    ///
    /// ```
    /// # use anyhost_core::{Request, RequestExt, Result, Router};
    /// async fn user(request: Request) -> Result<String> {
    ///     let id: u64 = request.param("id")?;
    ///     Ok(format!("user {id}"))
    /// }
    ///
    /// let app = Router::new().get("/users/{id}", user);
    /// ```
    fn param<T: FromStr>(&self, name: &str) -> Result<T>;

    /// The host's information about this request, such as the address of the peer. See
    /// [`Context`].
    fn context(&self) -> Context;

    /// The state of type `S` that [`with_state`](crate::with_state) or
    /// [`Router::with_state`](crate::Router::with_state) gave to this handler.
    ///
    /// # Errors
    /// 500 if the handler has no state of this type, which is an error in the application.
    fn state<S: Send + Sync + 'static>(&self) -> Result<Arc<S>>;

    /// The value of a header as text; `None` if the header is missing. If the header is repeated, its values are joined with
    /// `, `, as RFC 9110 §5.3 allows. `request.headers().get(name)` returns the first value only.
    ///
    /// Bytes that are not UTF-8 become U+FFFD. Several `Cookie` headers are already one header with `; ` between the cookies
    /// (RFC 9113 §8.2.3).
    ///
    /// ```
    /// # use anyhost_core::{Request, RequestExt};
    /// let mut request = Request::default();
    /// request.headers_mut().append("accept", "text/html".parse().unwrap());
    /// request.headers_mut().append("accept", "text/plain".parse().unwrap());
    /// assert_eq!(request.header("accept").as_deref(), Some("text/html, text/plain"));
    /// ```
    fn header(&self, name: &str) -> Option<Cow<'_, str>>;

    /// The cookies of the request. The first of several cookies with the same name counts: RFC 6265 §5.4 lets browsers send
    /// the cookie with the most specific path first. Invalid cookies are ignored.
    ///
    /// A handler changes the jar and returns it together with a value, as `(jar, value)`. The response then gets a
    /// `Set-Cookie` header for each cookie that was added or removed. Values are percent-encoded, so they can contain any
    /// text. Names are not encoded; a name that would have to be encoded, such as `a b`, is an error with the status 500.
    ///
    /// `jar.signed(&key)` reads cookies whose content the client could not change, and `jar.signed_mut(&key)` adds
    /// them. `jar.private(&key)` and `jar.private_mut(&key)` do the same for cookies that the client can neither change nor
    /// read. The signature of a signed cookie does not cover its name: a client can send the value of one signed cookie under
    /// the name of another. Private cookies are bound to their names. A client can send either kind again after the application removed it, so a login that must end on
    /// the server needs a session id and a store.
    ///
    /// ```
    /// use anyhost_core::cookie::{Cookie, CookieJar, Key, SameSite};
    /// use anyhost_core::{IntoResponse, Request, RequestExt, Result};
    ///
    /// async fn login(request: Request) -> Result<impl IntoResponse> {
    ///     let key = request.state::<Key>()?;
    ///     let mut jar = request.cookies();
    ///     // Without a path, the browser sends the cookie only to URLs beside this URL.
    ///     let user = Cookie::build(("user", "ada")).path("/").http_only(true).secure(true);
    ///     jar.signed_mut(&key).add(user.same_site(SameSite::Lax));
    ///     Ok((jar, "logged in"))
    /// }
    ///
    /// async fn logout(request: Request) -> impl IntoResponse {
    ///     let mut jar = request.cookies();
    ///     // The path has to be the same as when the cookie was set.
    ///     jar.remove(Cookie::build("user").path("/"));
    ///     (jar, "logged out")
    /// }
    ///
    /// async fn whoami(request: Request) -> Result<String> {
    ///     let key = request.state::<Key>()?;
    ///     let user = request.cookies().signed(&key).get("user");
    ///     Ok(user.map_or("anonymous".to_owned(), |user| user.value().to_owned()))
    /// }
    /// ```
    ///
    /// `Key::try_from(bytes)` makes a key from at least 64 secret bytes. Every process of the application needs the same key.
    #[cfg(feature = "cookies")]
    fn cookies(&self) -> cookie::CookieJar;

    /// Starts to read the parts of a `multipart/form-data` body, which HTML forms with file inputs send. See
    /// [`Multipart`](crate::multipart::Multipart).
    ///
    /// # Errors
    /// | cause | status |
    /// |---|---|
    /// | the Content-Type is missing or is another media type | 415 |
    /// | the body has a Content-Encoding | 415 |
    /// | the boundary in the Content-Type is missing or invalid | 400 |
    /// | the declared length of the body exceeds the limit | 413 |
    #[cfg(feature = "multipart")]
    fn multipart(
        &mut self,
        limits: crate::multipart::MultipartLimits,
    ) -> Result<crate::multipart::Multipart>;

    /// The id of the last [event](crate::sse::Event) that the client received before its connection ended. `None` if the
    /// client has received no event with an id, or if the id is not UTF-8.
    fn last_event_id(&self) -> Option<&str>;

    /// The host name that the client requested, with the port if the client sent a port. The source is the
    /// Host header, or the authority of an HTTP/2 request. `None` if both are missing or empty.
    fn authority(&self) -> Option<&str>;
}

/// A type that converts into a [`Limit`]: an integer number of bytes, a string such as `"10mb"`, or a
/// [`Limit`].
pub trait IntoLimit: Send {
    /// Converts the value.
    ///
    /// # Errors
    /// 500 if the limit is invalid, because the application and not the client sets the limit.
    fn into_limit(self) -> Result<Limit>;
}

impl<L: TryInto<Limit, Error: Into<Error>> + Send> IntoLimit for L {
    fn into_limit(self) -> Result<Limit> {
        self.try_into().map_err(Into::into)
    }
}

impl RequestExt for Request {
    fn buffer(&mut self) -> impl Future<Output = Result<Bytes>> + Send {
        self.buffer_limit(default_limit(self))
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
        self.text_limit(default_limit(self))
    }

    async fn text_limit<L: IntoLimit>(&mut self, limit: L) -> Result<String> {
        check_content_coding(self)?;
        let bytes = self.buffer_limit(limit).await?;
        let text = charset::decode(self.headers(), &bytes).map_err(Error::broken_body)?;
        Ok(text.into_owned())
    }

    fn text_as(&mut self, charset: &str) -> impl Future<Output = Result<String>> + Send {
        self.text_as_limit(charset, default_limit(self))
    }

    async fn text_as_limit<L: IntoLimit>(&mut self, charset: &str, limit: L) -> Result<String> {
        let encoding = charset::find(charset).ok_or_else(|| {
            let source = format!("unknown charset {charset:?}: expected a label such as \"utf-8\"");
            Error::from_status(StatusCode::INTERNAL_SERVER_ERROR).with_source(source)
        })?;
        check_content_coding(self)?;
        let bytes = self.buffer_limit(limit).await?;
        charset::decode_as(encoding, &bytes).map_err(Error::broken_body)
    }

    fn json<T: DeserializeOwned>(&mut self) -> impl Future<Output = Result<T>> + Send {
        self.json_limit(default_limit(self))
    }

    async fn json_limit<T: DeserializeOwned>(&mut self, limit: impl IntoLimit) -> Result<T> {
        check_content_coding(self)?;
        let bytes = self.buffer_limit(limit).await?;
        let text = match charset::as_utf8(self.headers(), &bytes) {
            Some(utf8) => Cow::Borrowed(utf8),
            None => {
                let text = charset::decode(self.headers(), &bytes).map_err(Error::broken_body)?;
                Cow::Owned(text.into_owned().into_bytes())
            }
        };
        serde_json::from_slice(&text).map_err(|error| invalid::json::<T>(&text, error))
    }

    fn form<T: DeserializeOwned>(&mut self) -> impl Future<Output = Result<T>> + Send {
        self.form_limit(default_limit(self))
    }

    async fn form_limit<T: DeserializeOwned>(&mut self, limit: impl IntoLimit) -> Result<T> {
        check_content_coding(self)?;
        let bytes = self.buffer_limit(limit).await?;
        let form = charset::decode_form(self.headers(), &bytes).map_err(Error::broken_body)?;
        let form = form.map_err(|error| bad_request("Invalid form").with_source(error))?;
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        serde_html_form::from_bytes(&form).map_err(|error| invalid::form::<T>(status, &form, error))
    }

    async fn chunk(&mut self) -> Result<Option<Bytes>> {
        self.body_mut()
            .chunk()
            .await
            .transpose()
            .map_err(Error::broken_body)
    }

    fn query<T: DeserializeOwned>(&self) -> Result<T> {
        let query = self.uri().query().unwrap_or_default();
        charset::check_query(query)
            .map_err(|error| bad_request("Invalid query").with_source(error))?;
        let (status, query) = (StatusCode::BAD_REQUEST, query.as_bytes());
        serde_html_form::from_bytes(query).map_err(|error| invalid::form::<T>(status, query, error))
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
        text.parse().map_err(|_| invalid::param::<T>(name))
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

    fn header(&self, name: &str) -> Option<Cow<'_, str>> {
        let values = self.headers().get_all(name).iter();
        let mut values: Vec<_> = values
            .map(|value| String::from_utf8_lossy(value.as_bytes()))
            .collect();
        match values.len() {
            0 | 1 => values.pop(),
            _ => Some(values.join(", ").into()),
        }
    }

    #[cfg(feature = "cookies")]
    fn cookies(&self) -> cookie::CookieJar {
        crate::cookies::of_request(self.headers())
    }

    #[cfg(feature = "multipart")]
    fn multipart(
        &mut self,
        limits: crate::multipart::MultipartLimits,
    ) -> Result<crate::multipart::Multipart> {
        check_content_coding(self)?;
        crate::multipart::Multipart::of_request(self, limits)
    }

    fn last_event_id(&self) -> Option<&str> {
        let id = self.headers().get("last-event-id")?;
        std::str::from_utf8(id.as_bytes()).ok()
    }

    fn authority(&self) -> Option<&str> {
        match self.headers().get(HOST) {
            Some(host) => host.to_str().ok().filter(|host| !host.is_empty()),
            None => self.uri().authority().map(http::uri::Authority::as_str),
        }
    }
}

/// Rejects a compressed body, because parsing its bytes would fail or silently give wrong values.
fn check_content_coding(request: &Request) -> Result<()> {
    for coding in request.headers().get_all(CONTENT_ENCODING) {
        if !coding.as_bytes().eq_ignore_ascii_case(b"identity") {
            // RFC 9110 §15.5.16: Accept-Encoding in a 415 response lists the accepted codings.
            return Err(Error::from_status(StatusCode::UNSUPPORTED_MEDIA_TYPE)
                .with_header(ACCEPT_ENCODING, HeaderValue::from_static("identity")));
        }
    }
    Ok(())
}

impl Error {
    /// Makes the error for a body that cannot be read: a 400, unless the host gave another status, such
    /// as 408 for a client that sends too slowly.
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
