//! The metadata of an invocation.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderName, HeaderValue};

/// The headers of `GET /invocation/next` that concern the invocation. A header that is missing or invalid reads as
/// `None`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metadata {
    request_id: Option<HeaderValue>,
    invocation_id: Option<HeaderValue>,
    function_arn: Option<HeaderValue>,
    trace_id: Option<HeaderValue>,
    tenant_id: Option<HeaderValue>,
    #[cfg(feature = "lambda_http")]
    client_context: Option<HeaderValue>,
    #[cfg(feature = "lambda_http")]
    cognito_identity: Option<HeaderValue>,
    deadline: Option<SystemTime>,
}

impl Metadata {
    /// Takes the values out of the headers in one pass, because each lookup in a `HeaderMap` hashes the name.
    pub(crate) fn new(headers: HeaderMap) -> Self {
        let mut metadata = Self::default();
        // The iterator returns the name of a repeated header only for its first value, which is the one that counts.
        for (name, value) in headers {
            let name = name.as_ref().map(HeaderName::as_str);
            let field = match name.and_then(|name| name.strip_prefix("lambda-runtime-")) {
                Some("deadline-ms") => {
                    metadata.deadline = deadline(&value);
                    continue;
                }
                Some("aws-request-id") => &mut metadata.request_id,
                Some("invocation-id") => &mut metadata.invocation_id,
                Some("invoked-function-arn") => &mut metadata.function_arn,
                Some("trace-id") => &mut metadata.trace_id,
                Some("aws-tenant-id") => &mut metadata.tenant_id,
                #[cfg(feature = "lambda_http")]
                Some("client-context") => &mut metadata.client_context,
                #[cfg(feature = "lambda_http")]
                Some("cognito-identity") => &mut metadata.cognito_identity,
                _ => continue,
            };
            *field = Some(value);
        }
        metadata
    }

    /// The metadata of an invocation without the Runtime API. The values are constant, so that results can be compared,
    /// except the deadline, which is after `timeout`.
    pub(crate) fn simulated(timeout: Option<Duration>) -> Self {
        let request_id = HeaderValue::from_static("8476a536-e9f4-11e8-9739-2dfe598c3fcd");
        let arn = "arn:aws:lambda:eu-west-1:123456789012:function:anyhost";
        Self {
            request_id: Some(request_id),
            function_arn: Some(HeaderValue::from_static(arn)),
            deadline: timeout.and_then(|timeout| SystemTime::now().checked_add(timeout)),
            ..Self::default()
        }
    }

    /// The request id as the API sent it.
    pub(super) fn request_id_bytes(&self) -> Option<&[u8]> {
        self.request_id.as_ref().map(HeaderValue::as_bytes)
    }

    pub(crate) fn request_id(&self) -> Option<&str> {
        text(&self.request_id)
    }

    /// The value of `Lambda-Runtime-Invocation-Id`.
    pub(super) fn invocation_id(&self) -> Option<&HeaderValue> {
        self.invocation_id.as_ref()
    }

    pub(crate) fn function_arn(&self) -> Option<&str> {
        text(&self.function_arn)
    }

    pub(crate) fn trace_id(&self) -> Option<&str> {
        text(&self.trace_id)
    }

    pub(crate) fn trace_header(&self) -> Option<&HeaderValue> {
        self.trace_id.as_ref()
    }

    pub(crate) fn tenant_id(&self) -> Option<&str> {
        text(&self.tenant_id)
    }

    /// JSON that a client of the AWS Mobile SDK sent.
    #[cfg(feature = "lambda_http")]
    pub(crate) fn client_context(&self) -> Option<&str> {
        text(&self.client_context)
    }

    /// JSON with the Amazon Cognito identity of the caller.
    #[cfg(feature = "lambda_http")]
    pub(crate) fn cognito_identity(&self) -> Option<&str> {
        text(&self.cognito_identity)
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

fn text(value: &Option<HeaderValue>) -> Option<&str> {
    value.as_ref()?.to_str().ok()
}

/// The deadline, unless it is in the past: some emulators send such a deadline.
fn deadline(ms: &HeaderValue) -> Option<SystemTime> {
    let ms = ms.to_str().ok()?.parse().ok()?;
    let deadline = UNIX_EPOCH.checked_add(Duration::from_millis(ms))?;
    (deadline > SystemTime::now()).then_some(deadline)
}
