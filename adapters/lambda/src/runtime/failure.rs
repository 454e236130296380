//! The reason of a failed invocation or start.

use std::borrow::Cow;

use anyhost_core::Error;
use http::{HeaderValue, StatusCode};
use serde::Deserialize;

/// The maximum length of the message in the header for X-Ray in characters. The body has the whole message.
const MAX_CAUSE_MESSAGE: usize = 1000;

/// Why an invocation or a start failed.
#[derive(Debug)]
pub(crate) struct Failure {
    /// A category and a reason, such as `Runtime.InvalidEvent` ("Using the Lambda runtime API for custom runtimes").
    /// Step Functions and metrics distinguish failures by this value.
    kind: Cow<'static, str>,
    message: String,
    pub(crate) error: Error,
}

impl Failure {
    pub(crate) fn new(kind: impl Into<Cow<'static, str>>, error: Error) -> Self {
        Self {
            kind: kind.into(),
            message: format!("{error:?}"),
            error,
        }
    }

    /// A failure with an error that the caller keeps.
    pub(crate) fn of(kind: &'static str, error: &Error) -> Self {
        let message = format!("{error:?}");
        Self {
            kind: kind.into(),
            error: Error::new(error.status(), message.clone()),
            message,
        }
    }

    /// The failure in a response's body, if it has the form of a Lambda error: JSON with `errorType` and
    /// `errorMessage`.
    pub(crate) fn from_body(status: StatusCode, body: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct LambdaError {
            error_type: String,
            error_message: String,
        }
        let error: LambdaError = serde_json::from_slice(body).ok()?;
        Some(Self {
            kind: error.error_type.into(),
            message: error.error_message.clone(),
            error: Error::new(status, error.error_message),
        })
    }

    /// The value of `Lambda-Runtime-Function-Error-Type`.
    pub(super) fn header(&self) -> HeaderValue {
        let header = HeaderValue::from_str(&self.kind);
        header.unwrap_or(HeaderValue::from_static("Runtime.Unknown"))
    }

    /// The value of `Lambda-Runtime-Function-XRay-Error-Cause`: the exception that X-Ray shows in the trace of the
    /// invocation. The form is that of AWS's runtimes, such as `aws-lambda-go`.
    pub(super) fn x_ray_cause(&self) -> Option<HeaderValue> {
        let message = match self.message.char_indices().nth(MAX_CAUSE_MESSAGE) {
            Some((end, _)) => &self.message[..end],
            None => &self.message,
        };
        let cause = serde_json::json!({
            "working_directory": std::env::current_dir().unwrap_or_default(),
            "exceptions": [{"type": self.kind, "message": message, "stack": []}],
            "paths": [],
        });
        // Header values are ASCII. Outside of strings, JSON is ASCII anyway.
        let mut text = String::new();
        for c in cause.to_string().chars() {
            match c {
                ' '..='~' => text.push(c),
                c => {
                    let units = c.encode_utf16(&mut [0; 2]).to_vec();
                    text.extend(units.iter().map(|unit| format!("\\u{unit:04x}")));
                }
            }
        }
        HeaderValue::try_from(text).ok()
    }

    pub(crate) fn to_json(&self) -> String {
        let (kind, message) = (&self.kind, &self.message);
        serde_json::json!({"errorMessage": message, "errorType": kind, "stackTrace": []})
            .to_string()
    }
}
