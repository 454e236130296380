//! The log events of an exchange: the same message and level on every host. Each error is also passed to the error hook.

use std::error::Error as StdError;

use http::StatusCode;

use super::deadline::DeadlineExceeded;
use super::request_info::RequestInfo;
use crate::error::{Chain, Error};
use crate::error_hook::{ErrorKind, report, report_error};

/// Logs an error that the handler returned: at level `error` for a status of 500 or more, because the server caused
/// the error, and at level `debug` for other statuses.
pub(crate) fn handler_error(error: &Error, info: &RequestInfo) {
    let (method, path, status) = (&info.method, info.path(), error.status().as_u16());
    let request_id = info.context.request_id();
    if status >= 500 {
        tracing::error!(%method, path, status, request_id, ?error, "handler error");
    } else {
        tracing::debug!(%method, path, status, request_id, ?error, "handler error");
    }
    report_error(ErrorKind::Handler, info, error);
}

/// Logs a panic of the handler.
pub(super) fn handler_panicked(error: &Error, info: &RequestInfo) {
    let (method, path, request_id) = (&info.method, info.path(), info.context.request_id());
    tracing::error!(%method, path, request_id, error = %error.chain(), "handler panicked");
    report_error(ErrorKind::Panic, info, error);
}

/// Logs a request that was rejected before the handler was called.
pub(super) fn rejected(error: &Error, info: &RequestInfo) {
    let (method, path, status) = (&info.method, info.path(), error.status().as_u16());
    let request_id = info.context.request_id();
    tracing::warn!(%method, path, status, request_id, ?error, "request rejected");
    report_error(ErrorKind::Rejected, info, error);
}

/// Logs a request whose response was not ready by the deadline.
pub(super) fn timed_out(info: &RequestInfo) {
    let (method, path, request_id) = (&info.method, info.path(), info.context.request_id());
    tracing::error!(%method, path, request_id, "request timed out");
    let status = Some(StatusCode::GATEWAY_TIMEOUT);
    report(ErrorKind::TimedOut, info, status, &DeadlineExceeded);
}

/// Logs a response that ended early, after its head was sent.
pub(super) fn aborted(info: &RequestInfo, error: &(dyn StdError + 'static)) {
    let (method, path, request_id) = (&info.method, info.path(), info.context.request_id());
    tracing::error!(%method, path, request_id, error = %Chain(Some(error)), "response aborted");
    report(ErrorKind::Aborted, info, info.status, error);
}
