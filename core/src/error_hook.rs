//! A function that receives every error, for error trackers and metrics.

use std::error::Error as StdError;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use http::{Method, StatusCode};

use crate::adapter::RequestInfo;
use crate::error::{Chain, Error};
use crate::{Context, panic};

type Hook = dyn Fn(&ErrorReport<'_>) + Send + Sync;

static HOOK: RwLock<Option<Arc<Hook>>> = RwLock::new(None);

/// Sets the function that receives every error of this process, for example to send errors to an error tracker.
///
/// The hook receives each error once, on every host: errors that leave the outermost handler (including the errors of
/// body readers, such as 400 and 413), panics, requests that were rejected before the handler was called, exceeded
/// deadlines, and responses whose body failed. It does not receive an error that middleware replaced by a response,
/// a request that the host's own parser rejected before there was a request (such as invalid HTTP), a 503 of an
/// overloaded server, or an error or panic in [`wait_until`](Context::wait_until) work.
///
/// The hook belongs to the process and not to a handler, because a rejected request reaches no handler. A second call
/// replaces the first hook. The hook runs on the thread of the request and must not block: send the report to another
/// task, for example with a channel. A panic in the hook is logged.
///
/// ```
/// use anyhost_core::set_error_hook;
///
/// set_error_hook(|report| {
///     if report.status().is_none_or(|status| status.is_server_error()) {
///         eprintln!("{:?} in {:?}: {report}", report.kind(), report.route());
///     }
/// });
/// ```
pub fn set_error_hook(hook: impl Fn(&ErrorReport<'_>) + Send + Sync + 'static) {
    *HOOK.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(hook));
}

/// The kind of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The handler returned an error.
    Handler,
    /// The handler panicked.
    Panic,
    /// The request was rejected before the handler was called.
    Rejected,
    /// The deadline of the host passed before the head of the response was sent.
    TimedOut,
    /// The response was aborted after its head was sent, because its body failed or the deadline passed.
    Aborted,
}

/// An error and the request in which the error occurred; the argument of the function in [`set_error_hook`].
///
/// `Display` writes one line: the request, the number of the status, the message for the client and the sources of the
/// error. Examples are `GET /users/7: 500 Internal Server Error: disk full` and `POST /hook: 401 Invalid signature`. The
/// path and the texts of errors can contain data of the client.
pub struct ErrorReport<'a> {
    kind: ErrorKind,
    info: &'a RequestInfo,
    status: Option<StatusCode>,
    error: &'a (dyn StdError + 'a),
}

impl<'a> ErrorReport<'a> {
    /// The kind of the error.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The status of the response, also if the response was aborted later. `None` if the adapter does not know it.
    pub fn status(&self) -> Option<StatusCode> {
        self.status
    }

    /// The error. For an [`Error`], the text is the message for the client, and [`source`](StdError::source) is the
    /// cause.
    pub fn error(&self) -> &'a (dyn StdError + 'a) {
        self.error
    }

    /// The method of the request; GET if the host could not decode the request.
    pub fn method(&self) -> &'a Method {
        self.info.method()
    }

    /// The path of the request, percent-encoded; `/` if the host could not decode the request.
    pub fn path(&self) -> &'a str {
        self.info.path()
    }

    /// The route that matched, such as `/users/{id}`; see [`Context::route`].
    pub fn route(&self) -> Option<Arc<str>> {
        self.context().route()
    }

    /// The id of the request; see [`Context::request_id`].
    pub fn request_id(&self) -> Option<&'a str> {
        self.context().request_id()
    }

    /// The context of the request.
    pub fn context(&self) -> &'a Context {
        self.info.context()
    }
}

impl fmt::Display for ErrorReport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: ", self.method(), self.path())?;
        if let Some(status) = self.status {
            write!(f, "{} ", status.as_u16())?;
        }
        write!(f, "{}", self.error)?;
        if self.error.source().is_some() {
            write!(f, ": {}", Chain(self.error.source()))?;
        }
        Ok(())
    }
}

impl fmt::Debug for ErrorReport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ErrorReport")
            .field("kind", &self.kind)
            .field("status", &self.status)
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}

/// Calls the hook for an [`Error`].
pub(crate) fn report_error(kind: ErrorKind, info: &RequestInfo, error: &Error) {
    report(kind, info, Some(error.status()), &ErrorRef(error));
}

/// Calls the hook, if there is one.
pub(crate) fn report(
    kind: ErrorKind,
    info: &RequestInfo,
    status: Option<StatusCode>,
    error: &dyn StdError,
) {
    let hook = HOOK.read().unwrap_or_else(PoisonError::into_inner).clone();
    let Some(hook) = hook else { return };
    let report = ErrorReport {
        kind,
        info,
        status,
        error,
    };
    if let Err(panic) = panic::catch(|| hook(&report)) {
        tracing::error!(error = %panic, "error hook panicked");
    }
}

/// An [`Error`], which does not implement [`std::error::Error`], as a [`std::error::Error`].
struct ErrorRef<'a>(&'a Error);

impl fmt::Display for ErrorRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.0, f)
    }
}

impl fmt::Debug for ErrorRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.0, f)
    }
}

impl StdError for ErrorRef<'_> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source().map(|source| source as &dyn StdError)
    }
}
