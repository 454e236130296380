//! Values that a handler can return.

use std::borrow::Cow;

use bytes::Bytes;
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION};
use percent_encoding::{AsciiSet, utf8_percent_encode};
use serde::Serialize;

use crate::{Body, BoxError, Error, IntoStatus, Response, Result};

pub(crate) const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
pub(crate) const BYTES: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// A value that can be converted into a response, so that a handler can return it.
///
/// | value | status | Content-Type |
/// |---|---|---|
/// | `&'static str`, `String`, `Cow<'static, str>` | 200 | `text/plain; charset=utf-8` |
/// | `Bytes`, `Vec<u8>`, `&'static [u8]`, [`Body`] | 200 | `application/octet-stream` |
/// | numbers, `bool`, [`serde_json::Value`], [`Json<T>`] | 200 | `application/json; charset=utf-8` |
/// | `()`, `Option::None` | 204 | – |
/// | [`StatusCode`] | the status code | – |
/// | [`Html<T>`](Html) | 200 | `text/html; charset=utf-8` |
/// | [`Redirect`] | 303, 307 or 308 | – |
/// | `(StatusCode, T)`, `(u16, T)` | the status code | as for `T` |
/// | `(HeaderMap, T)`, `([("name", "value")], T)` | as for `T` | from the headers, or as for `T` |
/// | `(StatusCode, HeaderMap, T)`, `(StatusCode, [("name", "value")], T)` | the status code | from the headers, or as for `T` |
/// | `http::Response<B>` | unchanged | unchanged, or `application/octet-stream` if it has content and no type |
/// | `Result<T, E>`: `Ok` | as for `T` | as for `T` |
/// | `Result<T, E>`: `Err`, [`Error`] | the status of the error | `text/plain; charset=utf-8` |
///
/// A struct in [`Json`] keeps the order of its fields. A [`serde_json::Value`] sorts the keys of its objects, unless the
/// application enables the feature `preserve_order` of `serde_json`.
///
/// The names and values of headers in an array can be `&str`, `String`, or `HeaderName` and `HeaderValue`. An invalid one
/// becomes a 500.
///
/// Use [`Body::from_stream`] to return a stream. Every host sets Content-Length and applies the rules
/// for HEAD, 204 and 304 to the response, so that handlers need not do so.
///
/// Unlike axum's trait with the same name, `into_response` returns a `Result`. If the value cannot be
/// serialized or is an `Err`, the code around the handler gets an [`Error`], and can inspect or
/// replace this error before it becomes a response.
///
/// ```
/// use anyhost_core::{IntoResponse, Json, Response, Result};
/// use http::StatusCode;
///
/// struct Progress(u8);
///
/// impl IntoResponse for Progress {
///     fn into_response(self) -> Result<Response> {
///         (StatusCode::ACCEPTED, Json([self.0])).into_response()
///     }
/// }
///
/// async fn progress() -> Progress {
///     Progress(42)
/// }
/// # let _ = anyhost_core::handler(progress);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be returned as a response",
    label = "`{Self}` does not implement `IntoResponse`",
    note = "to send your own data as JSON, derive `serde::Serialize` and return `Json(value)`",
    note = "see `anyhost::IntoResponse` for the types that a handler can return; for `Result<T, E>`, \
            `E: Into<anyhost::Error>`"
)]
pub trait IntoResponse {
    /// Converts the value.
    ///
    /// # Errors
    /// A 500 if the value cannot be serialized. If the value is an `Err` or an [`Error`], this error.
    fn into_response(self) -> Result<Response>;
}

/// Makes a response from a status and a value. `send(status, value)` is the same as
/// `(status, value).into_response()`.
///
/// # Errors
/// A 500 if the value cannot be serialized. If the value is an `Err` or an [`Error`], this error.
///
/// ```
/// use anyhost_core::{Response, Result, send};
/// use http::StatusCode;
///
/// async fn create() -> Result<Response> {
///     send(StatusCode::CREATED, "made")
/// }
/// ```
pub fn send(status: impl IntoStatus, value: impl IntoResponse) -> Result<Response> {
    (status, value).into_response()
}

/// A response whose body is the value as JSON.
///
/// A value that cannot be serialized, such as a map whose keys are not strings, becomes a 500 response.
///
/// ```
/// use anyhost_core::Json;
///
/// #[derive(serde::Serialize)]
/// struct User { name: String }
///
/// async fn user() -> Json<User> {
///     Json(User { name: "Ada".into() })
/// }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Json<T>(pub T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Result<Response> {
        let json = serde_json::to_vec(&self.0)?;
        Ok(typed(JSON, json))
    }
}

fn typed(content_type: HeaderValue, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

/// A response with HTML: the Content-Type is `text/html; charset=utf-8`.
///
/// ```
/// use anyhost_core::Html;
///
/// async fn page() -> Html<&'static str> {
///     Html("<h1>Hello!</h1>")
/// }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Html<T>(pub T);

impl<T: Into<Body>> IntoResponse for Html<T> {
    fn into_response(self) -> Result<Response> {
        Ok(typed(HTML, self.0))
    }
}

/// A redirect to another URL (RFC 9110 §15.4).
///
/// Spaces and characters outside of ASCII are percent-encoded; the rest of the URL is sent unchanged. A URL that a client sent
/// has to be checked first, because a redirect to any URL helps attackers to hide their own site. If the host removes a prefix from request paths, an absolute path in a redirect has to
/// begin with this prefix, [`Context::base_path`](crate::Context::base_path).
///
/// ```
/// use anyhost_core::{Redirect, Request, RequestExt};
///
/// async fn login(request: Request) -> Redirect {
///     Redirect::to(format!("{}/home", request.context().base_path()))
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    status: StatusCode,
    location: String,
}

impl Redirect {
    /// 303 See Other: the client requests the URL with GET, even if the method of this request was not GET.
    pub fn to(location: impl Into<String>) -> Self {
        Self::new(StatusCode::SEE_OTHER, location)
    }

    /// 307 Temporary Redirect: the client sends this request, with the same method and body, to the URL.
    pub fn temporary(location: impl Into<String>) -> Self {
        Self::new(StatusCode::TEMPORARY_REDIRECT, location)
    }

    /// 308 Permanent Redirect: like [`temporary`](Self::temporary), but the client may cache the redirect.
    pub fn permanent(location: impl Into<String>) -> Self {
        Self::new(StatusCode::PERMANENT_REDIRECT, location)
    }

    fn new(status: StatusCode, location: impl Into<String>) -> Self {
        Self {
            status,
            location: location.into(),
        }
    }
}

impl IntoResponse for Redirect {
    /// 500 for a URL with control characters, such as line breaks.
    fn into_response(self) -> Result<Response> {
        let mut response = self.status.into_response()?;
        // A header with other bytes than ASCII would reach clients in different forms on different hosts.
        const SPACE: &AsciiSet = &AsciiSet::EMPTY.add(b' ');
        let location = utf8_percent_encode(&self.location, SPACE).to_string();
        let location = HeaderValue::try_from(location)?;
        response.headers_mut().insert(LOCATION, location);
        Ok(response)
    }
}

macro_rules! into_response {
    ($($content_type:expr, |$value:ident| $body:expr => $($type:ty),+;)*) => {$($(
        impl IntoResponse for $type {
            fn into_response(self) -> Result<Response> {
                let $value = self;
                Ok(typed($content_type, $body))
            }
        }
    )+)*};
}

into_response! {
    TEXT, |text| text => &'static str, String;
    TEXT, |text| text.into_owned() => Cow<'static, str>;
    BYTES, |bytes| bytes => Bytes, Vec<u8>, &'static [u8], Body;
    JSON, |number| number.to_string() => i8, i16, i32, i64, i128, isize, u8, u16, u32, u64, u128, usize, bool;
}

impl IntoResponse for f32 {
    fn into_response(self) -> Result<Response> {
        Json(self).into_response()
    }
}

impl IntoResponse for f64 {
    fn into_response(self) -> Result<Response> {
        Json(self).into_response()
    }
}

impl IntoResponse for serde_json::Value {
    fn into_response(self) -> Result<Response> {
        Json(self).into_response()
    }
}

impl IntoResponse for () {
    fn into_response(self) -> Result<Response> {
        StatusCode::NO_CONTENT.into_response()
    }
}

impl<T: IntoResponse> IntoResponse for Option<T> {
    fn into_response(self) -> Result<Response> {
        match self {
            Some(value) => value.into_response(),
            None => ().into_response(),
        }
    }
}

impl IntoResponse for StatusCode {
    fn into_response(self) -> Result<Response> {
        let mut response = Response::default();
        *response.status_mut() = self;
        Ok(response)
    }
}

impl<S: IntoStatus, T: IntoResponse> IntoResponse for (S, T) {
    fn into_response(self) -> Result<Response> {
        let mut response = self.1.into_response()?;
        *response.status_mut() = self.0.into_status()?;
        Ok(response)
    }
}

/// The headers in the array replace headers of the value with the same name.
impl<N, V, const L: usize, T> IntoResponse for ([(N, V); L], T)
where
    N: TryInto<HeaderName, Error: Into<Error>>,
    V: TryInto<HeaderValue, Error: Into<Error>>,
    T: IntoResponse,
{
    fn into_response(self) -> Result<Response> {
        let mut headers = HeaderMap::with_capacity(L);
        for (name, value) in self.0 {
            let name = name.try_into().map_err(Into::into)?;
            headers.append(name, value.try_into().map_err(Into::into)?);
        }
        (headers, self.1).into_response()
    }
}

impl<S: IntoStatus, H, T> IntoResponse for (S, H, T)
where
    (H, T): IntoResponse,
{
    fn into_response(self) -> Result<Response> {
        (self.0, (self.1, self.2)).into_response()
    }
}

/// The headers in the map replace headers of the value with the same name.
impl<T: IntoResponse> IntoResponse for (HeaderMap, T) {
    fn into_response(self) -> Result<Response> {
        let mut response = self.1.into_response()?;
        response.headers_mut().extend(self.0);
        Ok(response)
    }
}

impl<B> IntoResponse for http::Response<B>
where
    B: http_body::Body + Send + 'static,
    B::Error: Into<BoxError>,
{
    fn into_response(self) -> Result<Response> {
        Ok(self.map(Body::new))
    }
}

impl<T: IntoResponse, E: Into<Error>> IntoResponse for std::result::Result<T, E> {
    fn into_response(self) -> Result<Response> {
        self.map_err(Into::into)?.into_response()
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Result<Response> {
        Err(self)
    }
}
