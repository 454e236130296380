//! An error with a status: what the client is told, and what only the log learns.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

use http::StatusCode;
use http::header::{HeaderMap, HeaderName, HeaderValue};

/// Any error, as hosts and tower pass it about.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// What a handler fails with: a status and a message for the client, and a source for the log.
///
/// It travels as `Err` until [`dispatch`](crate::dispatch) turns it into a reply, so every handler
/// on the way can look at it and answer otherwise. Any [`std::error::Error`] becomes one with `?`:
/// a 500 that tells the client nothing but `Internal Server Error`, while its whole chain of
/// sources goes to the log. In development mode (`ANYHOST_ENV=development`) the chain is in the
/// reply too.
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
/// Like `anyhow::Error` it does not implement [`std::error::Error`] itself, which is what lets `?`
/// take every other error.
pub struct Error(Box<Inner>);

struct Inner {
    status: StatusCode,
    message: Cow<'static, str>,
    headers: HeaderMap,
    source: Option<BoxError>,
}

impl Error {
    /// An error with this status, whose reply has `message` as its text.
    pub fn new(status: StatusCode, message: impl Into<Cow<'static, str>>) -> Self {
        let message = message.into();
        Self(Box::new(Inner {
            status,
            message,
            headers: HeaderMap::new(),
            source: None,
        }))
    }

    /// An error with this status and the status's own words as the message.
    pub fn from_status(status: StatusCode) -> Self {
        Self::new(status, status.canonical_reason().unwrap_or("Error"))
    }

    /// Takes an error whose type is not known. One that was an [`Error`] before it went through
    /// tower or a body comes back as it was; any other becomes a 500.
    pub fn from_boxed(source: BoxError) -> Self {
        match source.downcast::<Carried>() {
            Ok(carried) => carried.0,
            Err(source) => Self::from_status(StatusCode::INTERNAL_SERVER_ERROR).with_source(source),
        }
    }

    /// The reason behind this error. It is logged, and never sent outside development mode.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// A header of the reply, such as `Retry-After` or `Allow`.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.append(name, value);
        self
    }

    /// The status of the reply.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// What the client is told.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The headers that the reply gets besides its Content-Type.
    pub fn headers(&self) -> &HeaderMap {
        &self.0.headers
    }

    /// The reason behind this error, if there is one.
    pub fn source(&self) -> Option<&(dyn StdError + Send + Sync + 'static)> {
        self.0.source.as_deref()
    }

    /// The error as one that tower and `http_body` can carry; [`Error::from_boxed`] undoes it.
    pub fn into_boxed(self) -> BoxError {
        Box::new(Carried(self))
    }

    /// The sources, from the nearest to the root, as one line.
    pub(crate) fn chain(&self) -> Chain<'_> {
        Chain(
            self.0
                .source
                .as_deref()
                .map(|source| source as &dyn StdError),
        )
    }

    /// The same source under another status and message.
    pub(crate) fn retold(mut self, status: StatusCode, message: &'static str) -> Self {
        self.0.status = status;
        self.0.message = message.into();
        self
    }

    pub(crate) fn into_parts(self) -> (Cow<'static, str>, HeaderMap) {
        (self.0.message, self.0.headers)
    }
}

/// What the client has got wrong: a 400.
pub(crate) fn bad_request(message: impl Into<Cow<'static, str>>) -> Error {
    Error::new(StatusCode::BAD_REQUEST, message)
}

/// Any error is a 500 whose text stays in the log.
impl<E: StdError + Send + Sync + 'static> From<E> for Error {
    fn from(source: E) -> Self {
        Self::from_boxed(Box::new(source))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0.status.as_u16(), self.0.message)?;
        if self.0.source.is_some() {
            write!(f, ": {}", self.chain())?;
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

/// An [`Error`] on its way through code that wants a [`std::error::Error`].
struct Carried(Error);

impl fmt::Display for Carried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Carried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl StdError for Carried {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source().map(|source| source as &dyn StdError)
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_plain_error_keeps_its_text_from_the_client() {
        let error = Error::from(io::Error::other("secret detail"));
        assert_eq!(error.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(error.message(), "Internal Server Error");
        assert_eq!(error.chain().to_string(), "secret detail");
    }

    #[test]
    fn an_error_survives_a_trip_through_a_box() {
        let error = Error::new(StatusCode::CONFLICT, "taken").with_source(io::Error::other("why"));
        let back = Error::from_boxed(error.into_boxed());
        assert_eq!(format!("{back:?}"), "409 taken: why");
    }

    #[test]
    fn the_chain_names_every_source() {
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
