//! The ids that identify an invocation in calls to the Runtime API.

use std::borrow::Cow;

use http::Uri;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use tokio::time::Instant;

use super::endpoint::Endpoint;
use super::metadata::Metadata;

const INVOCATION_ID: HeaderName = HeaderName::from_static("lambda-runtime-invocation-id");

/// RFC 3986 §2.3: the bytes that never need encoding in a path segment.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The identifiers of an invocation, and when it ends.
#[derive(Clone, Debug)]
pub(crate) struct InvocationId {
    /// The request id, percent-encoded because the caller of Invoke may have chosen it.
    request: String,
    /// `Lambda-Runtime-Invocation-Id`. A retry has the same request id and another invocation id. Without this
    /// header, Lambda would treat a late response as the response of the retry.
    invocation: Option<HeaderValue>,
    deadline: Option<Instant>,
}

impl InvocationId {
    /// Returns `None` if the metadata has no request id.
    pub(crate) fn new(metadata: &Metadata) -> Option<Self> {
        let request = metadata.request_id_bytes()?;
        if request.is_empty() {
            return None;
        }
        let left = metadata.time_left();
        Some(Self {
            request: Cow::from(percent_encode(request, UNRESERVED)).into_owned(),
            invocation: metadata.invocation_id().cloned(),
            deadline: left.and_then(|left| Instant::now().checked_add(left)),
        })
    }

    /// The target of a call for this invocation: `response` or `error`.
    pub(super) fn target(&self, endpoint: &Endpoint, call: &str) -> Uri {
        endpoint.invocation_target(&self.request, call)
    }

    /// The headers of each call for this invocation.
    pub(super) fn headers(&self) -> HeaderMap {
        let id = self.invocation.clone();
        HeaderMap::from_iter(id.map(|id| (INVOCATION_ID, id)))
    }

    /// When Lambda ends the invocation.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Whether Lambda has ended the invocation.
    pub(crate) fn is_over(&self) -> bool {
        self.deadline.is_some_and(|end| end <= Instant::now())
    }
}
