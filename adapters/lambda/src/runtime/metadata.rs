//! The metadata of an invocation.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderValue};

/// The headers of `GET /invocation/next`. A header that is missing or invalid reads as `None`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metadata {
    headers: HeaderMap,
    deadline: Option<SystemTime>,
}

impl Metadata {
    pub(crate) fn new(headers: HeaderMap) -> Self {
        let ms = headers.get("lambda-runtime-deadline-ms");
        let ms = ms.and_then(|ms| ms.to_str().ok()?.parse().ok());
        let deadline = ms.and_then(|ms| UNIX_EPOCH.checked_add(Duration::from_millis(ms)));
        Self {
            // A deadline in the past is ignored, because some emulators send such a deadline.
            deadline: deadline.filter(|deadline| *deadline > SystemTime::now()),
            headers,
        }
    }

    /// The metadata of an invocation without the Runtime API. The values are constant, so that results can be compared,
    /// except the deadline, which is after `timeout`.
    pub(crate) fn simulated(timeout: Option<Duration>) -> Self {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            (
                "lambda-runtime-aws-request-id",
                "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
            ),
            (
                "lambda-runtime-invoked-function-arn",
                "arn:aws:lambda:eu-west-1:123456789012:function:anyhost",
            ),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        let end = timeout.and_then(|timeout| SystemTime::now().checked_add(timeout));
        if let Some(end) = end.and_then(|end| end.duration_since(UNIX_EPOCH).ok())
            && let Ok(ms) = u64::try_from(end.as_millis())
        {
            headers.insert("lambda-runtime-deadline-ms", ms.into());
        }
        Self::new(headers)
    }

    pub(super) fn header(&self, name: &str) -> Option<&HeaderValue> {
        self.headers.get(name)
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(crate) fn request_id(&self) -> Option<&str> {
        self.text("lambda-runtime-aws-request-id")
    }

    pub(crate) fn function_arn(&self) -> Option<&str> {
        self.text("lambda-runtime-invoked-function-arn")
    }

    pub(crate) fn trace_id(&self) -> Option<&str> {
        self.text("lambda-runtime-trace-id")
    }

    pub(crate) fn trace_header(&self) -> Option<&HeaderValue> {
        self.header("lambda-runtime-trace-id")
    }

    pub(crate) fn tenant_id(&self) -> Option<&str> {
        self.text("lambda-runtime-aws-tenant-id")
    }

    /// JSON that a client of the AWS Mobile SDK sent.
    #[cfg(feature = "lambda_http")]
    pub(crate) fn client_context(&self) -> Option<&str> {
        self.text("lambda-runtime-client-context")
    }

    /// JSON with the Amazon Cognito identity of the caller.
    #[cfg(feature = "lambda_http")]
    pub(crate) fn cognito_identity(&self) -> Option<&str> {
        self.text("lambda-runtime-cognito-identity")
    }

    /// When Lambda stops the function.
    pub(crate) fn deadline(&self) -> Option<SystemTime> {
        self.deadline
    }

    /// The time until the deadline.
    pub(crate) fn time_left(&self) -> Option<Duration> {
        self.deadline?.duration_since(SystemTime::now()).ok()
    }
}
