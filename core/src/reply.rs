//! What a handler may return.

use std::borrow::Cow;

use bytes::Bytes;
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use serde::Serialize;

use crate::{Body, BoxError, Error, Response, Result};

pub(crate) const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
pub(crate) const BYTES: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// What can be sent as a reply.
///
/// | value | status | Content-Type |
/// |---|---|---|
/// | `&'static str`, `String`, `Cow<'static, str>` | 200 | `text/plain; charset=utf-8` |
/// | `Bytes`, `Vec<u8>`, `&'static [u8]`, [`Body`] | 200 | `application/octet-stream` |
/// | numbers, `bool`, [`serde_json::Value`], [`Json<T>`] | 200 | `application/json; charset=utf-8` |
/// | `()`, `Option::None` | 204 | – |
/// | [`StatusCode`] | itself | – |
/// | `(StatusCode, T)`, `(HeaderMap, T)` | the given | `T`'s, unless a header says otherwise |
/// | `http::Response<B>` | its own | its own, or `application/octet-stream` |
/// | `Result<T, E>` | `T`'s, or the error's | `T`'s, or text |
///
/// A stream is sent with [`Body::from_stream`]. Content-Length, and the rules for HEAD, 204 and
/// 304, are applied by [`exchange`](crate::adapter::exchange()).
pub trait IntoResponse {
    /// Makes the reply.
    ///
    /// # Errors
    /// When the value cannot be serialised, or is an error itself.
    fn into_response(self) -> Result<Response>;
}

/// Replies with a status and a value, as micro's `send` does.
///
/// # Errors
/// When the value cannot be serialised, or is an error itself.
///
/// ```
/// use anyhost_core::{Response, Result, send};
/// use http::StatusCode;
///
/// async fn create() -> Result<Response> {
///     send(StatusCode::CREATED, "made")
/// }
/// ```
pub fn send(status: StatusCode, value: impl IntoResponse) -> Result<Response> {
    (status, value).into_response()
}

/// Replies with a value as JSON.
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

macro_rules! replies {
    ($($content_type:expr, |$value:ident| $body:expr => $($type:ty),+;)*) => {$($(
        impl IntoResponse for $type {
            fn into_response(self) -> Result<Response> {
                let $value = self;
                Ok(typed($content_type, $body))
            }
        }
    )+)*};
}

replies! {
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

impl<T: IntoResponse> IntoResponse for (StatusCode, T) {
    fn into_response(self) -> Result<Response> {
        let mut response = self.1.into_response()?;
        *response.status_mut() = self.0;
        Ok(response)
    }
}

/// The headers replace those of the same name that the value brings.
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
