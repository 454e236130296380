//! An error with a status and a message for the client, and a source for the log.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

use http::StatusCode;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value};

use crate::IntoStatus;
use crate::origin::Origin;
use crate::panic::Panic;

/// Any error: the type that bodies and tower middleware use.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// The error of a handler: a status and a message for the client, and a source for the log.
///
/// The error stays an `Err` until [`exchange`](crate::adapter::exchange()) makes the response, so a handler around
/// another handler can inspect and replace the error. `?` converts any [`std::error::Error`] into a 500: the
/// client gets `Internal Server Error`, and the log gets the error with all its sources. In development
/// mode (`ANYHOST_ENV=development`), the response to an error with a status of 500 or more also contains the sources,
/// the location in the source code at which the error was made, and a backtrace, unless the error has its own
/// Content-Type.
///
/// ```
/// use anyhost_core::{Error, Result};
/// use http::StatusCode;
///
/// fn admit(used: u32) -> Result<()> {
///     if used > 100 {
///         return Err(Error::new(StatusCode::TOO_MANY_REQUESTS, "Rate limit exceeded"));
///     }
///     Ok(())
/// }
///
/// fn parse(text: &str) -> Result<u32> {
///     Ok(text.parse::<u32>()?)
/// }
///
/// assert_eq!(admit(101).unwrap_err().status(), StatusCode::TOO_MANY_REQUESTS);
/// assert_eq!(parse("x").unwrap_err().message(), "Internal Server Error");
/// ```
///
/// # Error types of the application
/// [`with_error_mapping`](crate::with_error_mapping) gives the errors of a type their own status and message, also if
/// the type implements [`std::error::Error`]. `?` then works as for any other error. A type that does not implement
/// [`std::error::Error`] can also be converted with `impl From<MyError> for Error`.
///
/// # `anyhow::Error` and `Box<dyn std::error::Error + Send + Sync>`
/// These types do not implement [`std::error::Error`]. [`from_boxed`](Self::from_boxed) converts them:
///
/// ```
/// use anyhost_core::{BoxError, Error, Result};
///
/// fn load() -> Result<u32, BoxError> {
///     Ok("7".parse()?)
/// }
///
/// fn handle() -> Result<u32> {
///     Ok(load().map_err(Error::from_boxed)?)
/// }
/// # assert_eq!(handle().unwrap(), 7);
/// ```
///
/// Like `anyhow::Error`, this type does not implement [`std::error::Error`]. Otherwise, the conversion from every
/// [`std::error::Error`] would conflict with the standard library's `impl From<T> for T`.
pub struct Error(Box<Inner>);

struct Inner {
    status: StatusCode,
    message: Cow<'static, str>,
    headers: HeaderMap,
    source: Option<BoxError>,
    /// Whether the error was converted from another type, so that the application has not chosen its status.
    converted: bool,
    origin: Origin,
    /// The members of the problem details; `None` if the response is text.
    problem: Option<Map<String, Value>>,
}

impl Error {
    /// Makes an error with this status, such as `StatusCode::NOT_FOUND` or `404`. `message` is the text of the
    /// response. An invalid status number is logged, and the error becomes a 500.
    #[track_caller]
    pub fn new(status: impl IntoStatus, message: impl Into<Cow<'static, str>>) -> Self {
        match status.into_status() {
            Ok(status) => Self::with_status(status, message.into()),
            Err(error) => error,
        }
    }

    #[track_caller]
    fn with_status(status: StatusCode, message: Cow<'static, str>) -> Self {
        Self(Box::new(Inner {
            status,
            message,
            headers: HeaderMap::new(),
            source: None,
            converted: false,
            origin: Origin::of_caller(status),
            problem: None,
        }))
    }

    /// Makes an error with this status, and with the standard reason phrase of the status as the message.
    #[track_caller]
    pub fn from_status(status: StatusCode) -> Self {
        let reason = status.canonical_reason().unwrap_or("Error");
        Self::with_status(status, reason.into())
    }

    /// Converts an error of any type: `Box<dyn std::error::Error + Send + Sync>`, `anyhow::Error`, or a type that
    /// implements [`std::error::Error`]. An [`Error`] that [`into_boxed`](Self::into_boxed) wrapped is unwrapped; any
    /// other error becomes the source of a 500.
    #[track_caller]
    pub fn from_boxed(source: impl Into<BoxError>) -> Self {
        match source.into().downcast::<Boxed>() {
            Ok(boxed) => boxed.0,
            Err(source) => {
                let mut error = Self::from_status(StatusCode::INTERNAL_SERVER_ERROR);
                error.0.source = Some(source);
                error.0.converted = true;
                error
            }
        }
    }

    /// Sets the cause of this error. The cause is logged, and sent to the client only in development mode.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Replaces the message for the client. With a Content-Type header, the message can be another format than text:
    ///
    /// ```
    /// use anyhost_core::http::header::{CONTENT_TYPE, HeaderValue};
    /// use anyhost_core::{Next, Request, Response, Result, with_middleware};
    /// use serde_json::json;
    ///
    /// /// Sends all errors as JSON. The errors are still logged, with their sources.
    /// async fn errors_as_json(request: Request, next: Next) -> Result<Response> {
    ///     next.run(request).await.map_err(|error| {
    ///         let json = json!({"error": error.message()}).to_string();
    ///         error
    ///             .with_message(json)
    ///             .with_header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
    ///     })
    /// }
    /// # let _ = with_middleware(errors_as_json, || "hello");
    /// ```
    #[must_use]
    pub fn with_message(mut self, message: impl Into<Cow<'static, str>>) -> Self {
        self.0.message = message.into();
        self
    }

    /// Adds a header to the response, such as `Retry-After` or `Allow`.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.append(name, value);
        self
    }

    /// Adds a member to the problem details of the response (RFC 9457), and makes the response
    /// `application/problem+json`. The standard members are `type` (a URI that identifies the kind of problem), `title`,
    /// `detail` and `instance`; other members are extensions. [`problem_json`](crate::problem_json) has an example.
    #[must_use]
    pub fn with_member(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        let members = self.0.problem.get_or_insert_default();
        members.insert(name.into(), value.into());
        self
    }

    /// The status of the response.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The message for the client.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The headers that were added with [`with_header`](Self::with_header).
    pub fn headers(&self) -> &HeaderMap {
        &self.0.headers
    }

    /// The cause of this error; `None` if the error has no cause.
    pub fn source(&self) -> Option<&(dyn StdError + Send + Sync + 'static)> {
        self.0.source.as_deref()
    }

    /// The first error of type `E` among the sources of this error.
    ///
    /// ```
    /// use std::num::ParseIntError;
    ///
    /// let error = anyhost_core::Error::from("x".parse::<u32>().unwrap_err());
    /// assert!(error.downcast_ref::<ParseIntError>().is_some());
    /// assert!(error.downcast_ref::<std::io::Error>().is_none());
    /// ```
    pub fn downcast_ref<E: StdError + 'static>(&self) -> Option<&E> {
        let mut next = self
            .0
            .source
            .as_deref()
            .map(|source| source as &dyn StdError);
        while let Some(error) = next {
            if let Some(found) = error.downcast_ref() {
                return Some(found);
            }
            next = error.source();
        }
        None
    }

    /// Wraps the error as a [`std::error::Error`], for tower middleware and bodies;
    /// [`Error::from_boxed`] unwraps it.
    pub fn into_boxed(self) -> BoxError {
        Box::new(Boxed(self))
    }

    /// The sources as one line, from the direct cause to the root: `outer: inner: root`. Empty if the error has no
    /// source.
    pub fn chain(&self) -> impl fmt::Display {
        self.sources()
    }

    fn sources(&self) -> Chain<'_> {
        Chain(
            self.0
                .source
                .as_deref()
                .map(|source| source as &dyn StdError),
        )
    }

    /// Whether the error was converted from another type, for example by `?`, and got the status 500 for this reason.
    pub(crate) fn is_converted(&self) -> bool {
        self.0.converted
    }

    /// Adds the headers of another error, and its source if this error has no source. The location becomes that of the
    /// other error, because this error was made by a function that only converts errors.
    pub(crate) fn replacing(mut self, other: Self) -> Self {
        self.0.headers.extend(other.0.headers);
        self.0.source = self.0.source.or(other.0.source);
        self.0.origin = other.0.origin;
        self
    }

    /// Makes a 500 for a panic of a handler.
    pub(crate) fn from_panic(panic: Panic) -> Self {
        Self::from_status(StatusCode::INTERNAL_SERVER_ERROR).with_source(panic)
    }

    /// Whether the cause of this error is a panic.
    pub(crate) fn is_panic(&self) -> bool {
        matches!(self.source(), Some(source) if source.is::<Panic>())
    }

    /// Replaces the status and message, and keeps the source.
    pub(crate) fn with_status_and_message(
        mut self,
        status: StatusCode,
        message: &'static str,
    ) -> Self {
        self.0.status = status;
        self.0.message = message.into();
        self.0.converted = false;
        self
    }

    /// Makes the response `application/problem+json`.
    pub(crate) fn into_problem(mut self) -> Self {
        self.0.problem.get_or_insert_default();
        self
    }

    /// The members of the problem details; `None` if the response is text.
    pub(crate) fn problem(&self) -> Option<&Map<String, Value>> {
        self.0.problem.as_ref()
    }

    /// Replaces all headers.
    #[cfg(feature = "tower")]
    pub(crate) fn with_headers(mut self, headers: HeaderMap) -> Self {
        self.0.headers = headers;
        self
    }

    /// The message as a `Cow`, because a static message can be sent without a copy.
    pub(crate) fn shared_message(&self) -> &Cow<'static, str> {
        &self.0.message
    }
}

/// Makes an error with status 400, for an invalid request.
pub(crate) fn bad_request(message: impl Into<Cow<'static, str>>) -> Error {
    Error::new(StatusCode::BAD_REQUEST, message)
}

/// Any other error becomes a 500. Its text is logged, and is not sent to the client.
impl<E: StdError + Send + Sync + 'static> From<E> for Error {
    #[track_caller]
    fn from(source: E) -> Self {
        // Without the type, `Box<E>` would be boxed a second time, because it is an error too.
        let source: BoxError = Box::new(source);
        Self::from_boxed(source)
    }
}

/// Converts with [`Error::into_boxed`], so that `?` works in functions that return [`BoxError`].
impl From<Error> for BoxError {
    fn from(error: Error) -> Self {
        error.into_boxed()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

/// `{:?}` is one line: the status, the message, and the sources. `{:#?}` has a line for each of these, a line with
/// the location at which the error was made, and, if the status is 500 or more in development mode, a backtrace.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0.status.as_u16(), self.0.message)?;
        if f.alternate() {
            let mut next = self.sources().0;
            while let Some(source) = next {
                write!(f, "\ncaused by: {source}")?;
                next = source.source();
            }
            return write!(f, "{}", self.0.origin);
        }
        if self.0.source.is_some() {
            write!(f, ": {}", self.sources())?;
        }
        Ok(())
    }
}

/// Writes errors as `outer: inner: root`.
pub(crate) struct Chain<'a>(pub(crate) Option<&'a (dyn StdError + 'static)>);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut next = self.0;
        while let Some(error) = next {
            write!(f, "{error}")?;
            next = error.source();
            if next.is_some() {
                f.write_str(": ")?;
            }
        }
        Ok(())
    }
}

/// An [`Error`] in the form of a [`std::error::Error`].
struct Boxed(Error);

impl fmt::Display for Boxed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Boxed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl StdError for Boxed {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source().map(|source| source as &dyn StdError)
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn an_error_that_a_question_mark_converted_into_a_box_error_keeps_its_status() {
        fn convert(error: Error) -> std::result::Result<(), BoxError> {
            Err(error)?;
            Ok(())
        }
        let boxed = convert(Error::new(StatusCode::NOT_FOUND, "No such user")).unwrap_err();
        assert_eq!(boxed.to_string(), "No such user");
        let error = Error::from_boxed(boxed);
        assert_eq!(error.status(), StatusCode::NOT_FOUND);
    }

    #[test]
    fn the_client_does_not_get_the_text_of_an_error_without_a_status() {
        let error = Error::from(io::Error::other("secret detail"));
        assert_eq!(error.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(error.message(), "Internal Server Error");
        assert_eq!(error.chain().to_string(), "secret detail");
    }

    #[test]
    fn an_error_is_unchanged_after_it_was_boxed_and_unboxed() {
        let error = Error::new(StatusCode::CONFLICT, "taken").with_source(io::Error::other("why"));
        let back = Error::from_boxed(error.into_boxed());
        assert_eq!(format!("{back:?}"), "409 taken: why");
    }

    #[test]
    fn the_chain_of_an_error_contains_all_its_sources() {
        #[derive(Debug)]
        struct Outer(io::Error);
        impl fmt::Display for Outer {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("outer")
            }
        }
        impl StdError for Outer {
            fn source(&self) -> Option<&(dyn StdError + 'static)> {
                Some(&self.0)
            }
        }
        let error = Error::from(Outer(io::Error::other("root")));
        assert_eq!(error.chain().to_string(), "outer: root");
    }
}
